//! Walks the top-level boxes of a clip that arrives in pieces.

use std::ops::Range;

use super::error::Mp4Error;
use super::header::{BoxHeader, Extent, FourCC};
use super::movie::Movie;
use super::tables::ClipTables;

const FTYP: FourCC = FourCC(*b"ftyp");
const MOOV: FourCC = FourCC(*b"moov");
const MDAT: FourCC = FourCC(*b"mdat");
const MOOF: FourCC = FourCC(*b"moof");

/// Largest `moov` that is kept in memory, in bytes.
///
/// A clip of 200 fragments of 20 s at 60 frames a second with B-frames and 48 kHz audio has about
/// 7 MB of sample tables; twice that is still a small part of a 256 MB function.
pub const MAX_MOOV_BYTES: u64 = 16 * 1024 * 1024;

/// Most bytes that stand before `moov` and the first `mdat`. Whoever reads until one of them comes keeps what
/// is before it; that is `ftyp`, of a few dozen bytes, and what a writer may have reserved or noted.
const MAX_LEAD_BYTES: u64 = 1024 * 1024;

/// Most `mdat`s of a file; a clip has one, and a file that has more is searched chunk by chunk.
const MAX_MDATS: usize = 16;

/// Watches the bytes of an MP4 go by.
#[derive(Debug)]
pub struct Scanner {
    phase: Phase,
    /// Bytes seen so far.
    position: u64,
    moov: Option<Vec<u8>>,
    moov_first: bool,
    ftyp_seen: bool,
    /// Where the payloads of the `mdat`s lie.
    media: Vec<Range<u64>>,
}

/// The order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `moov` before the media.
    MoovFirst,
    /// `moov` behind the media.
    MoovLast,
}

#[derive(Debug)]
enum Phase {
    /// Between boxes: the bytes of the next header so far.
    Header {
        bytes: [u8; BoxHeader::MAX_LENGTH],
        length: usize,
    },
    /// Inside `moov`.
    Keep { kept: Vec<u8>, remaining: u64 },
    /// Inside a box whose content does not matter here.
    Pass { box_type: FourCC, remaining: u64 },
    /// Inside a box that reaches to the end of the file.
    PassToEnd,
}

const BETWEEN_BOXES: Phase = Phase::Header {
    bytes: [0; BoxHeader::MAX_LENGTH],
    length: 0,
};

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: BETWEEN_BOXES,
            position: 0,
            moov: None,
            moov_first: false,
            ftyp_seen: false,
            media: Vec::new(),
        }
    }

    /// Bytes seen so far, including those skipped.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether `moov` stands before the media; `None` until one of the two has begun.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        if self.moov_first {
            return Some(Layout::MoovFirst);
        }
        (!self.media.is_empty()).then_some(Layout::MoovLast)
    }

    /// The sample tables; `None` until `moov` has been seen whole.
    ///
    /// # Errors
    ///
    /// Inside, if the tables are wrong, or such that no joiner can use them.
    #[must_use]
    pub fn tables(&self) -> Option<Result<ClipTables, Mp4Error>> {
        self.moov.as_deref().map(ClipTables::read)
    }

    /// Where the payloads of the `mdat`s lie, as far as they have begun. One that reaches to the end of the file ends
    /// where the bytes seen so far end.
    #[must_use]
    pub fn media(&self) -> &[Range<u64>] {
        &self.media
    }

    /// Looks at the next bytes of the file.
    ///
    /// # Errors
    ///
    /// As soon as the bytes cannot become a whole MP4 any more. The scanner must not be used after that.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Mp4Error> {
        while !bytes.is_empty() {
            let taken = match &mut self.phase {
                Phase::Header {
                    bytes: header,
                    length,
                } => {
                    // One byte at a time: a header is short, and how long it is shows on the way.
                    if let (Some(slot), Some(byte)) = (header.get_mut(*length), bytes.first()) {
                        *slot = *byte;
                        *length += 1;
                    }
                    if let Some(read) = header.get(..*length).map(BoxHeader::read).transpose()?.flatten() {
                        self.enter(read)?;
                    }
                    1
                }
                Phase::Keep { kept, remaining } => {
                    let taken = clamp(bytes.len(), *remaining);
                    kept.extend_from_slice(&bytes[..taken]);
                    *remaining -= taken as u64;
                    if *remaining == 0 {
                        self.moov = Some(std::mem::take(kept));
                        self.phase = BETWEEN_BOXES;
                    }
                    taken
                }
                Phase::Pass { remaining, .. } => {
                    let taken = clamp(bytes.len(), *remaining);
                    *remaining -= taken as u64;
                    if *remaining == 0 {
                        self.phase = BETWEEN_BOXES;
                    }
                    taken
                }
                Phase::PassToEnd => {
                    if let Some(last) = self.media.last_mut() {
                        last.end = last.end.saturating_add(bytes.len() as u64);
                    }
                    bytes.len()
                }
            };
            self.position += taken as u64;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Bytes that follow and whose content does not matter: a reader that can seek may
    /// [`skip`](Self::skip) them.
    #[must_use]
    pub fn skippable(&self) -> u64 {
        match self.phase {
            Phase::Pass { remaining, .. } => remaining,
            _ => 0,
        }
    }

    /// Takes `bytes`, at most as many as are [`skippable`](Self::skippable), for seen.
    pub fn skip(&mut self, bytes: u64) {
        if let Phase::Pass { remaining, .. } = &mut self.phase {
            let skipped = bytes.min(*remaining);
            *remaining -= skipped;
            if *remaining == 0 {
                self.phase = BETWEEN_BOXES;
            }
            self.position = self.position.saturating_add(skipped);
        }
    }

    /// Says what the file holds. To be called when its last byte has been pushed.
    ///
    /// # Errors
    ///
    /// If the file ended inside a box, lacks `ftyp`, `moov` or `mdat`, or if its `moov` is not one.
    pub fn finish(self) -> Result<Movie, Mp4Error> {
        match self.phase {
            Phase::Header { length: 0, .. } | Phase::PassToEnd => {}
            Phase::Header { length, .. } => {
                return Err(Mp4Error::Truncated {
                    box_type: FourCC(*b"    "),
                    missing: 8u64.saturating_sub(length as u64).max(1),
                });
            }
            Phase::Keep { remaining, .. } => {
                return Err(Mp4Error::Truncated {
                    box_type: MOOV,
                    missing: remaining,
                });
            }
            Phase::Pass { box_type, remaining } => {
                return Err(Mp4Error::Truncated {
                    box_type,
                    missing: remaining,
                });
            }
        }
        let media = self.media;
        for (seen, box_type) in [(self.ftyp_seen, FTYP), (!media.is_empty(), MDAT)] {
            if !seen {
                return Err(Mp4Error::Missing { box_type });
            }
        }
        let moov = self.moov.ok_or(Mp4Error::Missing { box_type: MOOV })?;
        let movie = Movie::read(&moov, self.moov_first, &media)?;
        // A clip that no joiner takes may be whole all the same.
        if let Ok(tables) = ClipTables::read(&moov) {
            tables.check_within(&media)?;
        }
        Ok(movie)
    }

    /// Notes where the payload of an `mdat` lies, whose header ends with the next byte.
    fn begin_media(&mut self, extent: Extent) -> Result<(), Mp4Error> {
        if self.media.len() == MAX_MDATS {
            return Err(Mp4Error::Unsupported {
                box_type: MDAT,
                what: "so many of them",
            });
        }
        let start = self.position.saturating_add(1);
        let end = match extent {
            Extent::Payload(length) => start.checked_add(length).ok_or(Mp4Error::Invalid {
                box_type: MDAT,
                rule: "it ends behind every possible file",
            })?,
            Extent::ToEnd => start,
        };
        self.media.push(start..end);
        Ok(())
    }

    fn enter(&mut self, header: BoxHeader) -> Result<(), Mp4Error> {
        let box_type = header.box_type;
        if !self.ftyp_seen && box_type != FTYP {
            return Err(Mp4Error::Invalid {
                box_type,
                rule: "it stands where ftyp has to stand, at the start of the file",
            });
        }
        let lead = match header.extent {
            Extent::Payload(length) if box_type != MOOV && box_type != MDAT => length,
            _ => 0,
        };
        if self.layout().is_none() && self.position.saturating_add(lead) > MAX_LEAD_BYTES {
            return Err(Mp4Error::Invalid {
                box_type,
                rule: "more than 1 MiB stands before moov and mdat",
            });
        }
        match box_type {
            FTYP => self.ftyp_seen = true,
            MDAT => self.begin_media(header.extent)?,
            MOOF => {
                return Err(Mp4Error::Unsupported {
                    box_type,
                    what: "a fragmented MP4",
                });
            }
            _ => {}
        }
        self.phase = match header.extent {
            Extent::ToEnd if box_type == MDAT => Phase::PassToEnd,
            Extent::ToEnd => {
                return Err(Mp4Error::Unsupported {
                    box_type,
                    what: "a box other than mdat that reaches to the end of the file",
                });
            }
            Extent::Payload(remaining) if box_type == MOOV => {
                if self.moov.is_some() {
                    return Err(Mp4Error::Invalid {
                        box_type,
                        rule: "it stands in the file twice",
                    });
                }
                if remaining > MAX_MOOV_BYTES || remaining == 0 {
                    return Err(Mp4Error::Unsupported {
                        box_type,
                        what: "an empty moov, or one of more than 16 MiB",
                    });
                }
                self.moov_first = self.media.is_empty();
                // Not allocated at once: a size is only a claim until the bytes are there.
                Phase::Keep {
                    kept: Vec::new(),
                    remaining,
                }
            }
            Extent::Payload(0) => BETWEEN_BOXES,
            Extent::Payload(remaining) => Phase::Pass { box_type, remaining },
        };
        Ok(())
    }
}

fn clamp(available: usize, remaining: u64) -> usize {
    usize::try_from(remaining).map_or(available, |remaining| remaining.min(available))
}

#[cfg(test)]
mod tests;
