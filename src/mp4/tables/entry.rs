//! Sample entries (8.5.2): opaque bytes, but for what tells whether two of them mean the same, and what silence is.

use bytes::Bytes;

use crate::mp4::error::Mp4Error;
use crate::mp4::full_box::{field, number};
use crate::mp4::header::{Boxes, FourCC};

const STSD: FourCC = FourCC(*b"stsd");
const ESDS: FourCC = FourCC(*b"esds");
const BTRT: FourCC = FourCC(*b"btrt");

/// What is known of the samples behind a sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Pictures.
    Picture,
    /// AAC of low complexity: `frame` samples of sound in each sample of the track.
    AacLc { rate: u32, channels: u8, frame: u32 },
    /// G.711: one byte for each channel at each tick, which is `silence` where there is none.
    G711 { rate: u32, channels: u8, silence: u8 },
    /// Sound of which no silence can be made.
    OtherSound { rate: u32 },
}

/// A sample entry.
#[derive(Debug, Clone)]
pub(crate) struct SampleEntry {
    pub(crate) codec: FourCC,
    /// The whole box, header included, without the bitrates that a muxer measured (`btrt`, 8.5.2.2).
    pub(crate) bytes: Bytes,
    /// The same with the bitrates of `esds` zeroed: to compare.
    canonical: Bytes,
    pub(crate) means: Codec,
    /// Width and height in pixels of a picture.
    pub(crate) size: (u16, u16),
}

impl PartialEq for SampleEntry {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

impl SampleEntry {
    /// Whether samples of the one can follow samples of the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// Reads the one entry of an `stsd`, or the first of several that mean the same; `sound` says by which rules.
    /// Also gives how many there are.
    pub(crate) fn read(stsd: &[u8], sound: bool) -> Result<(Self, u32), Mp4Error> {
        let count = number(STSD, stsd, 4)?;
        let mut entries = Boxes::new(STSD, stsd.get(8..).unwrap_or_default())
            .take(usize::try_from(count).unwrap_or(usize::MAX));
        let [version, ..] = field::<4>(STSD, stsd, 0)?;
        let mut one = || -> Result<Option<Self>, Mp4Error> {
            entries
                .next()
                .map(|entry| entry.and_then(|(codec, body)| Self::of(version, codec, body, sound)))
                .transpose()
        };
        let first = one()?.ok_or(Mp4Error::Missing { box_type: STSD })?;
        let mut found = 1;
        while let Some(next) = one()? {
            if !next.is_same(&first) {
                return Err(Mp4Error::Unsupported {
                    box_type: STSD,
                    what: "sample entries of different configurations in one track",
                });
            }
            found += 1;
        }
        if found != count {
            return Err(Mp4Error::Invalid {
                box_type: STSD,
                rule: "it counts more entries than it holds",
            });
        }
        Ok((first, count))
    }

    fn of(version: u8, codec: FourCC, body: &[u8], sound: bool) -> Result<Self, Mp4Error> {
        if matches!(&codec.0, b"encv" | b"enca") {
            return Err(Mp4Error::Unsupported {
                box_type: codec,
                what: "encrypted media",
            });
        }
        let fields = if sound {
            sound_fields(version, codec, body)?
        } else {
            78
        };
        let head = body.get(..fields).ok_or(Mp4Error::Invalid {
            box_type: codec,
            rule: "it is too short for its fields",
        })?;
        let mut bytes = head.to_vec();
        if let Some(reference) = bytes.get_mut(6..8) {
            // Of several data references of the clip, all of which mean its own file, a joined track has one.
            reference.copy_from_slice(&1u16.to_be_bytes());
        }
        let mut canonical = bytes.clone();
        let mut esds = None;
        for child in Boxes::new(codec, body.get(fields..).unwrap_or_default()) {
            let (box_type, payload) = child?;
            if box_type == BTRT {
                continue;
            }
            append(&mut bytes, box_type, payload);
            if box_type == ESDS {
                let read = Esds::read(payload)?;
                let mut zeroed = payload.to_vec();
                if let Some(rates) = zeroed.get_mut(read.rates_at..read.rates_at + 11) {
                    rates.fill(0);
                }
                append(&mut canonical, box_type, &zeroed);
                esds = Some(read);
            } else {
                append(&mut canonical, box_type, payload);
            }
        }
        let short = |at| field(codec, body, at).map(u16::from_be_bytes);
        let (means, size) = if sound {
            (
                sound_of(codec, short(16)?, u32::from(short(24)?), esds.as_ref())?,
                (0, 0),
            )
        } else {
            (Codec::Picture, (short(24)?, short(26)?))
        };
        let boxed = |body: Vec<u8>| {
            let mut whole = Vec::with_capacity(body.len() + 8);
            append(&mut whole, codec, &body);
            Bytes::from(whole)
        };
        Ok(Self {
            codec,
            bytes: boxed(bytes),
            canonical: boxed(canonical),
            means,
            size,
        })
    }
}

/// Bytes of an audio entry before its boxes: the standard's, or QuickTime's of version 1 and 2.
fn sound_fields(version: u8, codec: FourCC, body: &[u8]) -> Result<usize, Mp4Error> {
    match u16::from_be_bytes(field(codec, body, 8)?) {
        1 if version == 0 => Ok(44),
        2 if version == 0 => Err(Mp4Error::Unsupported {
            box_type: codec,
            what: "a QuickTime sound description of version 2",
        }),
        // In a version 1 stsd it is the standard's (12.2.3), and means something else in the version 0 of a joined file.
        1 => Err(Mp4Error::Unsupported {
            box_type: codec,
            what: "an audio sample entry of version 1",
        }),
        _ => Ok(28),
    }
}

fn append(to: &mut Vec<u8>, box_type: FourCC, payload: &[u8]) {
    // It was read out of a box with a 32-bit length, or of a moov of less than 4 GiB.
    let size = u32::try_from(payload.len() + 8).unwrap_or(u32::MAX);
    to.extend_from_slice(&size.to_be_bytes());
    to.extend_from_slice(&box_type.0);
    to.extend_from_slice(payload);
}

fn sound_of(codec: FourCC, channels: u16, rate: u32, esds: Option<&Esds>) -> Result<Codec, Mp4Error> {
    let channels = u8::try_from(channels).unwrap_or(u8::MAX);
    let other = |rate: u32| match rate {
        0 => Err(Mp4Error::Invalid {
            box_type: codec,
            rule: "its sample rate is zero",
        }),
        rate => Ok(Codec::OtherSound { rate }),
    };
    let silence = match &codec.0 {
        b"alaw" => 0xd5,
        b"ulaw" => 0xff,
        b"mp4a" => {
            return match esds.and_then(|esds| esds.aac) {
                Some(Aac {
                    object_type: 2,
                    rate,
                    channels,
                    frame,
                }) => Ok(Codec::AacLc {
                    rate,
                    channels,
                    frame,
                }),
                Some(Aac { rate, .. }) => other(rate),
                None => other(rate),
            };
        }
        _ => return other(rate),
    };
    match (rate, channels) {
        (1.., 1 | 2) => Ok(Codec::G711 {
            rate,
            channels,
            silence,
        }),
        _ => other(rate),
    }
}

/// What an `esds` says (ISO/IEC 14496-14, 5.6; 14496-1, 7.2.6).
struct Esds {
    /// Where the buffer size and the two bitrates stand, 11 bytes.
    rates_at: usize,
    aac: Option<Aac>,
}

/// An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
#[derive(Clone, Copy)]
struct Aac {
    object_type: u32,
    rate: u32,
    channels: u8,
    frame: u32,
}

impl Esds {
    fn read(payload: &[u8]) -> Result<Self, Mp4Error> {
        let missing = Mp4Error::Invalid {
            box_type: ESDS,
            rule: "it has no decoder configuration",
        };
        let read = || {
            let (tag, mut at) = descriptor(payload, 4)?;
            let flags = *payload.get(at + 2).filter(|_| tag == 3)?;
            at += 3;
            if flags & 0x80 != 0 {
                at += 2;
            }
            if flags & 0x40 != 0 {
                at += 1 + usize::from(*payload.get(at)?);
            }
            if flags & 0x20 != 0 {
                at += 2;
            }
            let (tag, at) = descriptor(payload, at)?;
            let object = *payload.get(at).filter(|_| tag == 4 && payload.len() >= at + 13)?;
            let specific = descriptor(payload, at + 13).filter(|(tag, _)| *tag == 5 && object == 0x40);
            let aac = specific.and_then(|(_, at)| Aac::read(payload.get(at..)?));
            // Stream type and flags stand between the object type and the rates.
            Some(Self {
                rates_at: at + 2,
                aac,
            })
        };
        read().ok_or(missing)
    }
}

/// Tag of the descriptor at `at` and where its content begins.
fn descriptor(payload: &[u8], at: usize) -> Option<(u8, usize)> {
    let tag = *payload.get(at)?;
    // The length takes one to four bytes; all but the last have the top bit set.
    let more = payload
        .get(at + 1..)?
        .iter()
        .take(4)
        .position(|byte| byte & 0x80 == 0)?;
    Some((tag, at + 2 + more))
}

impl Aac {
    fn read(config: &[u8]) -> Option<Self> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
            7_350,
        ];
        let mut at = 0;
        let mut bits = |count: usize| {
            let mut number = 0u32;
            for _ in 0..count {
                number = number << 1 | u32::from(*config.get(at / 8)? >> (7 - at % 8) & 1);
                at += 1;
            }
            Some(number)
        };
        let mut object_type = bits(5)?;
        if object_type == 31 {
            object_type = 32 + bits(6)?;
        }
        let rate = match bits(4)? {
            15 => bits(24)?,
            index => *RATES.get(usize::try_from(index).ok()?)?,
        };
        let channels = u8::try_from(bits(4)?).ok()?;
        let frame = if bits(1)? == 1 { 960 } else { 1024 };
        (rate > 0).then_some(Self {
            object_type,
            rate,
            channels,
            frame,
        })
    }
}
