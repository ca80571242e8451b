//! Box headers (ISO/IEC 14496-12, 4.2) and reading boxes out of bytes that are all there.

use std::fmt;

use super::error::Mp4Error;

/// A box type: four bytes, mostly letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCC(pub [u8; 4]);

impl fmt::Display for FourCC {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            fmt::Write::write_char(
                f,
                if byte.is_ascii_graphic() || byte == b' ' {
                    char::from(byte)
                } else {
                    '?'
                },
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for FourCC {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How far a box reaches; the standard has three ways to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// This many bytes after the header.
    Payload(u64),
    /// To the end of the file (`size` 0).
    ToEnd,
}

/// A box header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BoxHeader {
    pub(super) box_type: FourCC,
    pub(super) extent: Extent,
    /// Bytes of the header itself: 8, or 16 with a 64-bit size.
    pub(super) length: usize,
}

impl BoxHeader {
    /// Longest header: 32-bit size, type, 64-bit size.
    pub(super) const MAX_LENGTH: usize = 16;

    /// Reads a header from the start of `bytes`; `None` if they do not reach.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Mp4Error> {
        let Some((size, rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let Some((box_type, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let box_type = FourCC(*box_type);
        let (extent, length) = match u32::from_be_bytes(*size) {
            0 => (Extent::ToEnd, 8),
            1 => {
                let Some((size, _)) = rest.split_first_chunk::<8>() else {
                    return Ok(None);
                };
                (
                    Extent::Payload(payload(u64::from_be_bytes(*size), 16, box_type)?),
                    16,
                )
            }
            size => (Extent::Payload(payload(u64::from(size), 8, box_type)?), 8),
        };
        Ok(Some(Self {
            box_type,
            extent,
            length,
        }))
    }
}

fn payload(size: u64, header: u64, box_type: FourCC) -> Result<u64, Mp4Error> {
    size.checked_sub(header).ok_or(Mp4Error::Invalid {
        box_type,
        rule: "its size is less than its header",
    })
}

/// Walks the boxes inside `bytes`, which belong to the box `parent`.
pub(super) struct Boxes<'a> {
    parent: FourCC,
    rest: &'a [u8],
}

impl<'a> Boxes<'a> {
    pub(super) fn new(parent: FourCC, bytes: &'a [u8]) -> Self {
        Self { parent, rest: bytes }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(FourCC, &'a [u8]), Mp4Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // QuickTime ends some containers with four zero bytes.
        if self.rest.len() < 8 && self.rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        let bytes = std::mem::take(&mut self.rest);
        let header = match BoxHeader::read(bytes) {
            Ok(Some(header)) => header,
            Ok(None) => {
                return Some(Err(Mp4Error::Invalid {
                    box_type: self.parent,
                    rule: "it ends inside the header of a box",
                }));
            }
            Err(error) => return Some(Err(error)),
        };
        let body = bytes.get(header.length..).unwrap_or_default();
        let split = match header.extent {
            Extent::ToEnd => Some((body, [].as_slice())),
            Extent::Payload(length) => usize::try_from(length)
                .ok()
                .and_then(|length| body.split_at_checked(length)),
        };
        let Some((payload, rest)) = split else {
            return Some(Err(Mp4Error::Invalid {
                box_type: header.box_type,
                rule: "it is larger than the box around it",
            }));
        };
        self.rest = rest;
        Some(Ok((header.box_type, payload)))
    }
}

/// The payload of the first box `wanted` inside `bytes`.
pub(super) fn find(parent: FourCC, bytes: &[u8], wanted: FourCC) -> Result<Option<&[u8]>, Mp4Error> {
    for child in Boxes::new(parent, bytes) {
        let (box_type, payload) = child?;
        if box_type == wanted {
            return Ok(Some(payload));
        }
    }
    Ok(None)
}

/// As [`find`], for a box that has to be there.
pub(super) fn require(parent: FourCC, bytes: &[u8], wanted: FourCC) -> Result<&[u8], Mp4Error> {
    find(parent, bytes, wanted)?.ok_or(Mp4Error::Missing { box_type: wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_of_size_are_read() {
        let read = |bytes: &[u8]| {
            BoxHeader::read(bytes)
                .expect("valid")
                .map(|header| (header.extent, header.length))
        };
        assert_eq!(read(b"\0\0\0\x0cmdatabcd"), Some((Extent::Payload(4), 8)));
        assert_eq!(read(b"\0\0\0\0mdat"), Some((Extent::ToEnd, 8)));
        assert_eq!(
            read(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\x10"),
            Some((Extent::Payload(1 << 32), 16))
        );
        assert_eq!(read(b"\0\0\0\x01mdat\0\0\0"), None);
        assert_eq!(read(b"\0\0\0\x0cmda"), None);
    }

    #[test]
    fn a_size_below_the_header_is_invalid() {
        assert!(BoxHeader::read(b"\0\0\0\x07mdat").is_err());
        assert!(BoxHeader::read(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f").is_err());
    }

    #[test]
    fn a_child_stays_inside_its_parent() {
        let parent = FourCC(*b"moov");
        let mut boxes = Boxes::new(parent, b"\0\0\0\x09free!\0\0\0\x0ctrak");
        assert_eq!(boxes.next(), Some(Ok((FourCC(*b"free"), b"!".as_slice()))));
        assert!(matches!(boxes.next(), Some(Err(Mp4Error::Invalid { .. }))));
        assert_eq!(boxes.next(), None);
    }
}
