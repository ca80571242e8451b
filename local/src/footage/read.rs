//! From embedded files to sample tables. Read with `shiguredo_mp4`'s demuxer: sans-IO, no dependencies.

use std::fmt;
use std::num::NonZeroU32;

use shiguredo_mp4::boxes::{SampleEntry, UnknownBox};
use shiguredo_mp4::demux::{DemuxError, Input, Mp4FileDemuxer, TrackInfo};
use shiguredo_mp4::{BoxSize, BoxType, TrackKind};

use super::{Sample, Track};

/// Samples of G.711 in a packet of 20 ms, which is what cameras send; a packet becomes one MP4 sample.
const ALAW_PACKET: usize = 160;

/// G.711 knows one sampling rate (ITU-T G.711).
const ALAW_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(8_000 - 1);

/// Why footage cannot be used.
#[derive(Debug)]
pub enum FootageError {
    /// The file is no MP4 that the demuxer reads.
    Unreadable(DemuxError),
    /// A number in the file does not fit this machine or the file itself.
    OutOfRange,
    /// There is no video track, or one whose codec has no filler data here.
    NoVideo,
    /// A bit rate that gives a picture no bytes or more than 16 MiB.
    BitRate(u64),
}

impl fmt::Display for FootageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(_) => write!(f, "footage is not a readable MP4"),
            Self::OutOfRange => write!(f, "footage points outside itself"),
            Self::NoVideo => write!(f, "footage has no H.264 or H.265 track"),
            Self::BitRate(rate) => write!(f, "{rate} bit/s cannot be filled up"),
        }
    }
}

impl std::error::Error for FootageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(source) => Some(source),
            _ => None,
        }
    }
}

impl From<DemuxError> for FootageError {
    fn from(error: DemuxError) -> Self {
        Self::Unreadable(error)
    }
}

/// The tracks of a whole MP4 file, video first.
pub(super) fn movie(file: &'static [u8]) -> Result<Vec<Track>, FootageError> {
    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: file,
    });
    let mut found: Vec<Found> = demuxer
        .tracks()?
        .iter()
        .map(|info| Found {
            info: info.clone(),
            entry: None,
            samples: Vec::new(),
        })
        .collect();
    while let Some(sample) = demuxer.next_sample()? {
        let offset = usize::try_from(sample.data_offset).map_err(|_| FootageError::OutOfRange)?;
        let end = offset.checked_add(sample.data_size);
        if end.is_none_or(|end| end > file.len()) {
            return Err(FootageError::OutOfRange);
        }
        let start = i64::try_from(sample.timestamp).map_err(|_| FootageError::OutOfRange)?;
        let id = sample.track.track_id;
        for track in found.iter_mut().filter(|t| t.info.track_id == id) {
            track.entry = track.entry.take().or(sample.sample_entry.cloned());
            track.samples.push(Sample {
                offset,
                size: sample.data_size,
                start,
                duration: i64::from(sample.duration),
                composition_offset: sample.composition_time_offset.unwrap_or(0),
                sync: sample.keyframe,
            });
        }
    }
    found.sort_by_key(|track| track.info.kind != TrackKind::Video);
    found.into_iter().map(|found| found.track(file)).collect()
}

/// A track while it is being read.
struct Found {
    info: TrackInfo,
    entry: Option<SampleEntry>,
    samples: Vec<Sample>,
}

impl Found {
    fn track(self, media: &'static [u8]) -> Result<Track, FootageError> {
        let last = self.samples.last().ok_or(FootageError::OutOfRange)?;
        Ok(Track {
            kind: self.info.kind,
            entry: self.entry.ok_or(FootageError::OutOfRange)?,
            timescale: self.info.timescale,
            length: last.start + last.duration,
            samples: self.samples,
            media,
        })
    }
}

/// A track of G.711 A-law, mono, from its bare bytes.
pub(super) fn alaw(media: &'static [u8]) -> Track {
    let samples = (0..media.len() / ALAW_PACKET)
        .map(|packet| Sample {
            offset: packet * ALAW_PACKET,
            size: ALAW_PACKET,
            start: (packet * ALAW_PACKET) as i64,
            duration: ALAW_PACKET as i64,
            composition_offset: 0,
            sync: true,
        })
        .collect();
    Track {
        kind: TrackKind::Audio,
        entry: alaw_entry(),
        timescale: ALAW_RATE,
        length: media.len() as i64,
        samples,
        media,
    }
}

/// `AudioSampleEntry` (ISO 14496-12, 12.2.3.2) named `alaw`: one channel, 16 bit when decoded, 8 kHz. The
/// muxer has no type for it.
fn alaw_entry() -> SampleEntry {
    let mut payload = vec![0; 6];
    payload.extend(1_u16.to_be_bytes()); // data_reference_index
    payload.extend([0; 8]);
    payload.extend(1_u16.to_be_bytes()); // channelcount
    payload.extend(16_u16.to_be_bytes()); // samplesize
    payload.extend([0; 4]);
    payload.extend((ALAW_RATE.get() << 16).to_be_bytes()); // samplerate, 16.16
    SampleEntry::Unknown(UnknownBox {
        box_type: BoxType::Normal(*b"alaw"),
        // Eight bytes of box header come before the 28 of the entry.
        box_size: BoxSize::U32(8 + 28),
        payload,
    })
}
