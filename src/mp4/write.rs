//! Writing what stands before the payload of a joined file: `ftyp`, `moov` and the header of `mdat`.
//!
//! The head of a day is a hundred megabytes and more. It is never in memory at once: its length is counted, and it is
//! written from the tables, as often as it is asked for.

mod boxes;
mod rows;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::error::Mp4Error;
use super::header::FourCC;
use super::join::{Edges, Stretch};
use super::movie::{Movie, Track, TrackKind};
use super::seconds::Seconds;
use super::tables::{SampleEntry, TrackTables};
use boxes::{Presented, Shape};
use rows::{Rows, Table};

/// Most bytes that `ftyp` and `moov` may have.
///
/// A day of 30 pictures and 47 frames of sound a second, with B-frames, needs 28 to 125 MB, depending on how evenly the
/// camera works. What needs more is longer than any range that one request can ask for.
pub const MAX_HEAD_BYTES: u64 = 128 * 1024 * 1024;

/// More than all boxes have whose size does not depend on the samples, but for sample entries.
pub(super) const FIXED_HEAD_BYTES: u64 = 64 * 1024;

/// Bytes of a piece: as much as fits a socket's buffer, and little beside a part.
const PIECE: usize = 64 * 1024;

/// What of a track is written as the first clip had it.
#[derive(Debug, Clone)]
pub(super) struct TrackHead {
    pub(super) entry: SampleEntry,
    shown: Bytes,
    language: u16,
}

impl TrackHead {
    pub(super) fn of(track: &TrackTables) -> Self {
        Self {
            entry: track.entry.clone(),
            shown: track.shown.clone(),
            language: track.language,
        }
    }
}

/// A track of the joined movie.
#[derive(Debug)]
pub(super) struct JoinedTrack {
    pub(super) head: TrackHead,
    pub(super) timescale: u32,
    pub(super) stretches: Vec<Stretch>,
}

impl JoinedTrack {
    /// How many ticks of the track make one of a stretch.
    fn factor(&self, stretch: &Stretch) -> i128 {
        i128::from(self.timescale / stretch.timescale.max(1))
    }

    /// The lead that every picture needs: no sample is presented before it is decoded.
    fn lead(&self) -> i128 {
        let needed = |stretch: &Stretch| {
            self.factor(stretch)
                * (i128::from(stretch.lead) - i128::from(stretch.least_offset).min(i128::from(stretch.lead)))
        };
        self.stretches.iter().map(needed).max().unwrap_or(0)
    }

    fn duration(&self) -> i128 {
        let ticks = |stretch: &Stretch| self.factor(stretch) * i128::from(stretch.length);
        self.stretches.iter().map(ticks).sum()
    }

    fn samples(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.samples).sum()
    }

    fn sync_samples(&self) -> u64 {
        let sync = |stretch: &Stretch| stretch.sync.as_ref().map_or(stretch.samples, |sync| sync.items());
        self.stretches.iter().map(sync).sum()
    }
}

/// `ftyp`, `moov` and the header of `mdat`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Head {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    length: u64,
    tracks: Vec<JoinedTrack>,
    leads: Vec<i64>,
    parts: Vec<Part>,
}

/// A part of the head.
#[derive(Debug, Clone)]
enum Part {
    Bytes(Bytes),
    Rows { track: usize, table: Table },
}

impl Head {
    /// Bytes of the head.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.length
    }

    /// Whether the head has no bytes, which never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.length == 0
    }

    /// The head in pieces of at most 64 KiB.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + Send + 'static {
        Pieces {
            inner: Arc::clone(&self.inner),
            parts: self.inner.parts.iter().cloned().collect(),
            rows: None,
            buffer: BytesMut::new(),
        }
    }
}

struct Pieces {
    inner: Arc<Inner>,
    parts: VecDeque<Part>,
    rows: Option<(usize, Rows)>,
    buffer: BytesMut,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.buffer.len() < PIECE {
            if let Some((track, rows)) = &mut self.rows {
                let buffer = &mut self.buffer;
                if !rows.step(&self.inner.tracks[*track], &mut |row| {
                    buffer.extend_from_slice(row)
                }) {
                    self.rows = None;
                }
                continue;
            }
            match self.parts.pop_front() {
                Some(Part::Bytes(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Part::Rows { track, table }) => {
                    let rows = Rows::new(table, self.inner.leads[track], self.inner.length);
                    self.rows = Some((track, rows));
                }
                None => break,
            }
        }
        let length = self.buffer.len().min(PIECE);
        (length > 0).then(|| self.buffer.split_to(length).freeze())
    }
}

fn too_long() -> Mp4Error {
    Mp4Error::Unsupported {
        box_type: FourCC(*b"stts"),
        what: "times that the joined tables cannot hold",
    }
}

/// Ticks of a second of the movie: whole parts of the ticks of its pictures, so that their durations are exact, and at most
/// a millisecond, so that rounding does not put sound that begins late beside its pictures.
fn movie_timescale(pictures: u32) -> u32 {
    pictures.saturating_mul(1000u32.div_ceil(pictures.max(1)))
}

/// Makes the head of a movie whose pictures end at `video_end` and whose sound ends at `sound_end`, of `payload` bytes.
pub(super) fn write(
    video: JoinedTrack,
    sound: Option<JoinedTrack>,
    edges: Edges,
    video_end: Seconds,
    sound_end: i64,
    start_ms: i64,
    payload: u64,
) -> Result<(Head, Movie), Mp4Error> {
    let pictures = video.timescale;
    let movie_timescale = movie_timescale(pictures);
    let lead = i64::try_from(video.lead()).map_err(|_| too_long())?;
    let sound_visible = match &sound {
        Some(sound) => {
            let first = Seconds::of(edges.sound_start, sound.timescale);
            Some(edges.sound_visible.unwrap_or(first).max(first)?)
        }
        None => None,
    };
    let start = match (edges.start, sound_visible) {
        (Some(start), _) => start,
        (None, Some(sound)) => sound.min(edges.video_start)?,
        (None, None) => edges.video_start,
    };
    let end = |end: Seconds| edges.end.map_or(Ok(end), |cut| cut.min(end));
    let presented = |from: Seconds, until: Seconds| -> Result<u64, Mp4Error> {
        // Rounded up: what is presented for a part of a tick is presented.
        Ok(until.minus(from)?.ceil(movie_timescale)?.max(0).unsigned_abs())
    };
    let absent = |from: Seconds, until: Seconds| -> Result<u64, Mp4Error> {
        Ok(until.minus(from)?.round(movie_timescale)?.max(0).unsigned_abs())
    };
    let shown_from = edges.video_start.max(start)?;
    let mut tracks = vec![video];
    let mut edits = vec![Presented {
        empty: absent(start, shown_from)?,
        media_time: shown_from.round(pictures)?.saturating_add(lead),
        duration: presented(shown_from, end(video_end)?)?,
    }];
    if let (Some(sound), Some(visible)) = (sound, sound_visible) {
        let heard_from = visible.max(start)?;
        let duration = presented(heard_from, end(Seconds::of(sound_end, sound.timescale))?)?;
        // All of it may lie before the range.
        if duration > 0 {
            edits.push(Presented {
                empty: absent(start, heard_from)?,
                media_time: heard_from.round(sound.timescale)? - edges.sound_start,
                duration,
            });
            tracks.push(sound);
        }
    }
    let creation = u64::try_from(
        start_ms
            .div_euclid(1000)
            .saturating_add(boxes::SECONDS_FROM_1904_TO_1970),
    )
    .unwrap_or(0);
    let leads: Vec<i64> = edits
        .iter()
        .enumerate()
        .map(|(index, _)| if index == 0 { lead } else { 0 })
        .collect();

    let mut shapes = Vec::new();
    for (track, lead) in tracks.iter().zip(&leads) {
        shapes.push(Shape::of(track, *lead)?);
    }
    let assemble = |wide| boxes::head(&tracks, &shapes, &edits, movie_timescale, creation, wide, payload);
    let mut parts = assemble(false);
    if parts.1.saturating_add(payload) > u64::from(u32::MAX) {
        parts = assemble(true);
    }
    let (parts, length) = parts;
    if length > MAX_HEAD_BYTES {
        return Err(Mp4Error::TooLarge {
            bytes: length,
            limit: MAX_HEAD_BYTES,
        });
    }
    let seconds = |ticks: f64, timescale: u32| ticks / f64::from(timescale);
    let summary = |(track, shape): (&JoinedTrack, &Shape)| Track {
        kind: match track.head.entry.size {
            (0, 0) => TrackKind::Audio {
                sample_rate: u16::try_from(track.timescale).unwrap_or(0),
            },
            (width, height) => TrackKind::Video { width, height },
        },
        codec: track.head.entry.codec,
        duration_seconds: seconds(track.duration() as f64, track.timescale),
        samples: track.samples(),
        sync_samples: track.sync_samples(),
        longest_sample_seconds: seconds(shape.longest as f64, track.timescale),
    };
    let longest = edits
        .iter()
        .map(|edit| edit.empty + edit.duration)
        .max()
        .unwrap_or(0);
    let movie = Movie {
        moov_first: true,
        duration_seconds: seconds(longest as f64, movie_timescale),
        tracks: tracks.iter().zip(&shapes).map(summary).collect(),
    };
    let inner = Inner {
        length,
        tracks,
        leads,
        parts,
    };
    Ok((
        Head {
            inner: Arc::new(inner),
        },
        movie,
    ))
}
