//! What a `moov` says: tracks, codecs, lengths, and whether its media can be in the file.

use std::ops::Range;

use super::error::Mp4Error;
use super::full_box::{entries, field, table, timing};
use super::header::{Boxes, FourCC, find, require};

/// What is in a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Movie {
    /// Whether `moov` stands before the media, so that a player can start before it has the whole file.
    pub moov_first: bool,
    /// Playing time in seconds (`mvhd`, 8.2.2).
    pub duration_seconds: f64,
    /// The tracks in their order in the file.
    pub tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Video, sound or something else.
    pub kind: TrackKind,
    /// Type of the first sample entry, which names the codec (`avc1`, `hvc1`, `mp4a`, `alaw`).
    pub codec: FourCC,
    /// Length of the media in seconds: its samples' durations together (`stts`, 8.6.1.2).
    pub duration_seconds: f64,
    /// Samples: frames of a picture track, blocks of sound.
    pub samples: u64,
    /// Samples at which decoding can start (`stss`, 8.6.2; all of them where there is no such box).
    pub sync_samples: u64,
    /// Longest time between two samples in seconds (`stts`, 8.6.1.2).
    pub longest_sample_seconds: f64,
}

/// What a track holds, from its handler (`hdlr`, 8.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Handler `vide`; size of the picture in pixels.
    Video {
        /// Width in pixels.
        width: u16,
        /// Height in pixels.
        height: u16,
    },
    /// Handler `soun`.
    Audio {
        /// Samples per second.
        sample_rate: u16,
    },
    /// Any other handler.
    Other(FourCC),
}

const fn fourcc(name: &[u8; 4]) -> FourCC {
    FourCC(*name)
}

impl Movie {
    /// Video sync samples: at least as many as there are fragments in the clip.
    #[must_use]
    pub fn video_sync_samples(&self) -> u64 {
        self.tracks
            .iter()
            .filter(|track| matches!(track.kind, TrackKind::Video { .. }))
            .map(|track| track.sync_samples)
            .max()
            .unwrap_or(0)
    }

    /// Playing time of the longest video track in seconds, or of the movie if it has none.
    #[must_use]
    pub fn video_seconds(&self) -> f64 {
        let seconds = self.tracks.iter().filter_map(|track| match track.kind {
            TrackKind::Video { .. } => Some(track.duration_seconds),
            _ => None,
        });
        seconds.reduce(f64::max).unwrap_or(self.duration_seconds)
    }

    /// Longest time for which the picture stands still, in seconds.
    #[must_use]
    pub fn longest_picture_seconds(&self) -> f64 {
        let longest = |track: &Track| match track.kind {
            TrackKind::Video { .. } => track.longest_sample_seconds,
            _ => 0.0,
        };
        self.tracks.iter().map(longest).fold(0.0, f64::max)
    }

    /// Reads the payload of a `moov` of a file whose media lies in the bytes `media`.
    pub(super) fn read(moov: &[u8], moov_first: bool, media: &[Range<u64>]) -> Result<Self, Mp4Error> {
        const MOOV: FourCC = fourcc(b"moov");
        let (timescale, duration) = timing(fourcc(b"mvhd"), require(MOOV, moov, fourcc(b"mvhd"))?)?;
        let mut tracks = Vec::new();
        let mut media_bytes = 0u64;
        for child in Boxes::new(MOOV, moov) {
            let (box_type, payload) = child?;
            if box_type == fourcc(b"trak") {
                let (track, bytes) = Track::read(payload, media)?;
                media_bytes = media_bytes.saturating_add(bytes);
                tracks.push(track);
            }
        }
        if tracks.is_empty() {
            return Err(Mp4Error::Missing {
                box_type: fourcc(b"trak"),
            });
        }
        let held: u64 = media
            .iter()
            .map(|media| media.end.saturating_sub(media.start))
            .sum();
        if media_bytes > held {
            return Err(Mp4Error::Truncated {
                box_type: fourcc(b"mdat"),
                missing: media_bytes.saturating_sub(held),
            });
        }
        Ok(Self {
            moov_first,
            duration_seconds: duration as f64 / f64::from(timescale),
            tracks,
        })
    }
}

impl Track {
    /// Reads the payload of a `trak`; also gives the bytes of its samples.
    fn read(trak: &[u8], media: &[Range<u64>]) -> Result<(Self, u64), Mp4Error> {
        let mdia = require(fourcc(b"trak"), trak, fourcc(b"mdia"))?;
        let (timescale, _) = timing(fourcc(b"mdhd"), require(fourcc(b"mdia"), mdia, fourcc(b"mdhd"))?)?;
        let hdlr = require(fourcc(b"mdia"), mdia, fourcc(b"hdlr"))?;
        let handler = FourCC(field(fourcc(b"hdlr"), hdlr, 8)?);
        let minf = require(fourcc(b"mdia"), mdia, fourcc(b"minf"))?;
        let stbl = require(fourcc(b"minf"), minf, fourcc(b"stbl"))?;

        let (codec, kind) = sample_entry(require(fourcc(b"stbl"), stbl, fourcc(b"stsd"))?, handler)?;
        let (samples, bytes) = sample_sizes(stbl)?;
        let sync_samples = match find(fourcc(b"stbl"), stbl, fourcc(b"stss"))? {
            Some(stss) => u64::from(table(fourcc(b"stss"), stss, 4)?.0).min(samples),
            None => samples,
        };
        check_chunks(stbl, media)?;
        let (duration, longest) = durations(stbl)?;
        let track = Self {
            kind,
            codec,
            duration_seconds: duration as f64 / f64::from(timescale),
            samples,
            sync_samples,
            longest_sample_seconds: f64::from(longest) / f64::from(timescale),
        };
        Ok((track, bytes))
    }
}

/// Codec and properties out of the first entry of an `stsd` (8.5.2, 12.1.3, 12.2.3).
fn sample_entry(stsd: &[u8], handler: FourCC) -> Result<(FourCC, TrackKind), Mp4Error> {
    const STSD: FourCC = fourcc(b"stsd");
    let entries = stsd.get(8..).unwrap_or_default();
    let (codec, entry) = Boxes::new(STSD, entries)
        .next()
        .ok_or(Mp4Error::Missing { box_type: STSD })??;
    let number = |at| field(codec, entry, at).map(u16::from_be_bytes);
    let kind = match &handler.0 {
        b"vide" => TrackKind::Video {
            width: number(24)?,
            height: number(26)?,
        },
        b"soun" => TrackKind::Audio {
            // 16.16 fixed point; the fraction is zero for every rate in use.
            sample_rate: number(24)?,
        },
        _ => TrackKind::Other(handler),
    };
    Ok((codec, kind))
}

/// Number of samples and bytes of them all (`stsz` or `stz2`, 8.7.3).
fn sample_sizes(stbl: &[u8]) -> Result<(u64, u64), Mp4Error> {
    const STSZ: FourCC = fourcc(b"stsz");
    const STZ2: FourCC = fourcc(b"stz2");
    if let Some(stsz) = find(fourcc(b"stbl"), stbl, STSZ)? {
        let size = u32::from_be_bytes(field(STSZ, stsz, 4)?);
        let count = u32::from_be_bytes(field(STSZ, stsz, 8)?);
        if size != 0 {
            return Ok((u64::from(count), u64::from(count) * u64::from(size)));
        }
        let (count, sizes) = entries(STSZ, stsz, 12, count, 4)?;
        let bytes = sizes
            .chunks_exact(4)
            .filter_map(|size| size.first_chunk::<4>())
            .map(|size| u64::from(u32::from_be_bytes(*size)))
            .sum();
        return Ok((u64::from(count), bytes));
    }
    let stz2 = require(fourcc(b"stbl"), stbl, STZ2)?;
    let [_, _, _, width] = field::<4>(STZ2, stz2, 4)?;
    let count = u32::from_be_bytes(field(STZ2, stz2, 8)?);
    let sizes = stz2.get(12..).unwrap_or_default();
    let samples = usize::try_from(count).unwrap_or(usize::MAX);
    let (held, bytes): (usize, u64) = match width {
        4 => {
            let halves = sizes.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(samples);
            (sizes.len().saturating_mul(2), halves.map(u64::from).sum())
        }
        8 => (
            sizes.len(),
            sizes.iter().take(samples).map(|size| u64::from(*size)).sum(),
        ),
        16 => {
            let pairs = sizes
                .chunks_exact(2)
                .filter_map(|size| size.first_chunk::<2>())
                .take(samples);
            (
                sizes.len() / 2,
                pairs.map(|size| u64::from(u16::from_be_bytes(*size))).sum(),
            )
        }
        _ => (0, 0),
    };
    if held < samples {
        return Err(Mp4Error::Invalid {
            box_type: STZ2,
            rule: "it counts more samples than it holds, or in no known width",
        });
    }
    Ok((u64::from(count), bytes))
}

/// Durations of all samples together and of the longest one, in units of the media's timescale
/// (`stts`, 8.6.1.2).
fn durations(stbl: &[u8]) -> Result<(u64, u32), Mp4Error> {
    const STTS: FourCC = fourcc(b"stts");
    let (_, rows) = table(STTS, require(fourcc(b"stbl"), stbl, STTS)?, 8)?;
    let (mut total, mut longest) = (0u64, 0u32);
    for row in rows.chunks_exact(8) {
        let count = u32::from_be_bytes(field(STTS, row, 0)?);
        let delta = u32::from_be_bytes(field(STTS, row, 4)?);
        total = total.saturating_add(u64::from(count).saturating_mul(u64::from(delta)));
        longest = longest.max(delta);
    }
    Ok((total, longest))
}

/// Every chunk begins inside of the media (`stco` or `co64`, 8.7.5).
fn check_chunks(stbl: &[u8], media: &[Range<u64>]) -> Result<(), Mp4Error> {
    const STCO: FourCC = fourcc(b"stco");
    const CO64: FourCC = fourcc(b"co64");
    // A chunk of empty samples may begin at the very end.
    let inside = |offset: u64| {
        media
            .iter()
            .any(|media| media.start <= offset && offset <= media.end)
    };
    let (box_type, whole) = match find(fourcc(b"stbl"), stbl, STCO)? {
        Some(stco) => {
            let (_, offsets) = table(STCO, stco, 4)?;
            let mut offsets = offsets
                .chunks_exact(4)
                .filter_map(|offset| offset.first_chunk::<4>());
            (
                STCO,
                offsets.all(|offset| inside(u64::from(u32::from_be_bytes(*offset)))),
            )
        }
        None => {
            let (_, offsets) = table(CO64, require(fourcc(b"stbl"), stbl, CO64)?, 8)?;
            let mut offsets = offsets
                .chunks_exact(8)
                .filter_map(|offset| offset.first_chunk::<8>());
            (CO64, offsets.all(|offset| inside(u64::from_be_bytes(*offset))))
        }
    };
    if whole {
        return Ok(());
    }
    Err(Mp4Error::Invalid {
        box_type,
        rule: "a chunk begins outside of the media",
    })
}

/// A `moov` for tests, built by hand: 2 s of video (50 samples, 1 sync) and of sound.
#[cfg(test)]
pub(super) mod test_movie {
    fn boxed(box_type: &[u8; 4], payload: &[&[u8]]) -> Vec<u8> {
        let payload = payload.concat();
        let size = u32::try_from(payload.len() + 8).expect("small");
        [&size.to_be_bytes(), box_type.as_slice(), &payload].concat()
    }

    fn be32(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    pub(in crate::mp4) fn moov() -> Vec<u8> {
        moov_with_chunk_at(&boxed(b"stco", &[&be32(&[0, 0])]))
    }

    pub(in crate::mp4) fn moov_with_chunk_at(chunks: &[u8]) -> Vec<u8> {
        let video_entry = boxed(b"avc1", &[&[0; 24], &[0x01, 0x40, 0x00, 0xb4], &[0; 50]]);
        let audio_entry = boxed(b"mp4a", &[&[0; 16], &[0, 1, 0, 16], &[0; 4], &[0x3e, 0x80, 0, 0]]);
        let sync = boxed(b"stss", &[&be32(&[0, 1, 1])]);
        let trak = |handler: &[u8; 4], entry: &[u8], sync: &[u8], samples: u32| {
            let stbl = boxed(
                b"stbl",
                &[
                    &boxed(b"stsd", &[&be32(&[0, 1]), entry]),
                    &boxed(b"stts", &[&be32(&[0, 2, samples - 1, 40, 1, 440])]),
                    &boxed(b"stsz", &[&be32(&[0, 1, samples])]),
                    sync,
                    chunks,
                ],
            );
            let mdia = boxed(
                b"mdia",
                &[
                    &boxed(b"mdhd", &[&be32(&[0x0100_0000, 0, 0, 0, 0, 1000, 0, 2000, 0])]),
                    &boxed(b"hdlr", &[&be32(&[0, 0]), handler, &[0; 13]]),
                    &boxed(b"minf", &[&stbl]),
                ],
            );
            boxed(b"trak", &[&mdia])
        };
        [
            boxed(b"mvhd", &[&be32(&[0, 0, 0, 1000, 2000])]),
            trak(b"vide", &video_entry, &sync, 50),
            trak(b"soun", &audio_entry, &[], 32),
        ]
        .concat()
    }

    fn read(moov: &[u8], media: std::ops::Range<u64>) -> Result<super::Movie, super::Mp4Error> {
        super::Movie::read(moov, true, std::slice::from_ref(&media))
    }

    #[test]
    fn a_movie_is_summed_up() {
        use super::*;
        let movie = read(&moov(), 900..1000).expect("valid");
        assert_eq!(movie.duration_seconds, 2.0);
        assert_eq!(movie.video_sync_samples(), 1);
        assert_eq!(movie.longest_picture_seconds(), 0.44);
        assert_eq!(movie.video_seconds(), 2.4);
        let [video, audio] = &movie.tracks[..] else {
            panic!("two tracks")
        };
        assert_eq!(
            video.kind,
            TrackKind::Video {
                width: 320,
                height: 180
            }
        );
        assert_eq!((video.codec, video.samples), (fourcc(b"avc1"), 50));
        assert_eq!(audio.kind, TrackKind::Audio { sample_rate: 16_000 });
        assert_eq!((audio.samples, audio.sync_samples), (32, 32));
    }

    #[test]
    fn media_behind_the_end_of_the_file_is_noticed() {
        use super::*;
        assert!(read(&moov(), 900..981).is_err(), "82 sample bytes in 81");
        assert!(Movie::read(&moov(), true, &[900..940, 950..992]).is_ok());
        let far = moov_with_chunk_at(&boxed(b"co64", &[&be32(&[0, 1, 1, 0])]));
        assert!(read(&far, 900..1000).is_err());
        let early = moov_with_chunk_at(&boxed(b"stco", &[&be32(&[0, 1, 899])]));
        assert!(read(&early, 900..1000).is_err());
        let whole = moov_with_chunk_at(&boxed(b"stco", &[&be32(&[0, 2, 900, 1000])]));
        assert!(read(&whole, 900..1000).is_ok());
        let wild = moov_with_chunk_at(&boxed(b"stco", &[&be32(&[0, u32::MAX])]));
        assert!(read(&wild, 900..1000).is_err());
    }
}
