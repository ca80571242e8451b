//! The sound of a clip: what of it belongs to which segment, and which of it keeps a steady cadence.

use std::ops::Range;

use bytes::Bytes;

use crate::mp4::error::Mp4Error;
use crate::mp4::header::FourCC;
use crate::mp4::runs::{Packer, Runs};
use crate::mp4::tables::{Codec, Span, SpanCursor, TrackTables};

/// Most samples whose times are rounded one by one: 24 h of the shortest AAC frames are as many.
const MAX_ROUNDED: u64 = 1 << 24;

/// Most pieces into which one segment's sound is cut at its gaps; what has more is not steady.
const MAX_PIECES: usize = 1000;

/// What the samples of a sound track are.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// Ticks of a second in the joined track: sound samples.
    pub(super) rate: u32,
    /// Ticks that a sample decodes to; `None` where that is not known.
    pub(super) frame: Option<u32>,
    /// Bytes of a sample, for G.711: one sound sample of every channel.
    pub(super) unit: Option<u32>,
    /// One silent sample.
    silence: Option<&'static [u8]>,
}

impl Kind {
    pub(super) fn of(track: &TrackTables) -> Self {
        let (rate, frame, unit, silence): (_, _, _, Option<&'static [u8]>) = match track.entry.means {
            // A raw data block (ISO/IEC 14496-3, 4.4.2.1) whose channel elements have no scale factor bands.
            Codec::AacLc {
                rate,
                channels: 1,
                frame,
            } => (rate, Some(frame), None, Some(&[0, 0, 0, 7])),
            Codec::AacLc {
                rate,
                channels: 2,
                frame,
            } => (rate, Some(frame), None, Some(&[0x21, 0, 0, 0, 0, 0x1c])),
            Codec::AacLc { rate, frame, .. } => (rate, Some(frame), None, None),
            Codec::G711 {
                rate,
                channels,
                silence,
            } => {
                let silence: &[u8] = if silence == 0xd5 { &[0xd5; 2] } else { &[0xff; 2] };
                (
                    rate,
                    Some(1),
                    Some(u32::from(channels)),
                    silence.get(..usize::from(channels)),
                )
            }
            Codec::OtherSound { rate } => (rate, None, None, None),
            Codec::Picture => (track.timescale(), None, None, None),
        };
        Self {
            rate,
            frame,
            unit,
            silence,
        }
    }

    /// Bytes of a silent sample, and a block of many; `None` if there is no silence in this codec.
    pub(super) fn silence(&self) -> Option<(u64, Bytes)> {
        // Large enough that an hour of silence is a few thousand pieces.
        const REPEATS: usize = 4096;
        self.silence
            .map(|frame| (frame.len() as u64, Bytes::from(frame.repeat(REPEATS))))
    }

    /// Whether a sample of `delta` ticks lasts as long as the `frame` that it decodes to, but for 1.5 ms.
    fn is_steady(&self, frame: u32, delta: u32, timescale: u32) -> bool {
        let (rate, timescale) = (i128::from(self.rate), i128::from(timescale));
        let off = i128::from(delta) * rate - i128::from(frame) * timescale;
        off.abs() * 2000 <= 3 * rate * timescale
    }

    /// Ticks that the last sample before a gap lasts.
    pub(super) fn natural(&self, track: &TrackTables) -> i64 {
        match self.frame {
            Some(frame) => i64::from(frame),
            None => {
                let ticks = i64::from(track.usual_duration()) * i64::from(self.rate);
                (ticks / i64::from(track.timescale())).max(1)
            }
        }
    }
}

/// Sound without a gap.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Samples of the clip's track.
    pub(super) samples: Range<u32>,
    /// When the first is heard, in ticks of the clip's track.
    pub(super) at: i64,
    /// Samples of the joined track.
    pub(super) units: u64,
    /// Durations of them in ticks of the joined track.
    pub(super) durations: Runs,
}

/// Goes once through the sound of a clip, and says at which sample a time is reached.
pub(super) struct Divider<'a> {
    cursor: SpanCursor<'a>,
    ahead: Option<Span>,
    /// The sample before.
    passed: Option<Span>,
    samples: u32,
    timescale: u32,
}

impl<'a> Divider<'a> {
    pub(super) fn new(track: &'a TrackTables) -> Self {
        Self {
            cursor: track.spans(),
            ahead: None,
            passed: None,
            samples: track.samples(),
            timescale: track.timescale(),
        }
    }

    /// The first sample at `limit` or later; limits have to rise.
    pub(super) fn first_from(&mut self, limit: i64) -> u32 {
        loop {
            let span = match self.ahead.take() {
                Some(span) => span,
                None => match self.cursor.next_before(self.samples) {
                    Some(span) => span,
                    None => return self.samples,
                },
            };
            let early = span.presented_before(limit);
            if early > 0 {
                self.passed = Some(span.part(early - 1..early));
            }
            if early < span.count {
                self.ahead = Some(span.part(early..span.count));
                return span.first + early;
            }
        }
    }

    /// The first sample behind a seam, at which sound may begin at `limit`, but pictures do at `start`: the first one at
    /// `limit` or later, unless it keeps the cadence of what is before the seam and breaks it with what is behind. Limits
    /// have to rise.
    pub(super) fn behind_seam(&mut self, limit: i64, start: i64, kind: &Kind) -> u32 {
        let first = self.first_from(limit);
        let (Some(passed), Some(ahead), Some(frame)) = (self.passed, self.ahead, kind.frame) else {
            return first;
        };
        let ends_a_run = ahead.dts < start
            && kind.is_steady(frame, passed.delta, self.timescale)
            && !kind.is_steady(frame, ahead.delta, self.timescale);
        if ends_a_run && kind.unit.is_none() {
            first.saturating_add(1)
        } else {
            first
        }
    }

    /// The sample that is heard at `limit`, or the first one behind it; limits have to rise.
    pub(super) fn heard_from(&mut self, limit: i64) -> u32 {
        let first = self.first_from(limit);
        let reaches = |passed: &Span| passed.dts.saturating_add(i64::from(passed.delta)) > limit;
        match self.passed.filter(reaches) {
            Some(_) => first.saturating_sub(1),
            None => first,
        }
    }
}

/// Cuts the samples from `cursor` to before `end` into pieces of steady sound; one piece as it is where that cannot be.
pub(super) fn pieces(
    track: &TrackTables,
    kind: &Kind,
    cursor: &SpanCursor<'_>,
    end: u32,
) -> Result<Vec<Piece>, Mp4Error> {
    let steady = match (kind.unit, kind.frame) {
        (Some(unit), _) => Some(bytewise(track, kind, unit, cursor.clone(), end)?),
        (None, Some(frame)) => framewise(track, kind, frame, cursor.clone(), end),
        (None, None) => None,
    };
    match steady {
        Some(pieces) => Ok(pieces),
        None => Ok(uneven(track, kind, cursor.clone(), end)?.into_iter().collect()),
    }
}

/// AAC: pieces of which no sample is further than 1.5 ms from a steady cadence; `None` if there are others.
fn framewise(
    track: &TrackTables,
    kind: &Kind,
    frame: u32,
    mut cursor: SpanCursor<'_>,
    end: u32,
) -> Option<Vec<Piece>> {
    let (rate, timescale) = (i128::from(kind.rate), i128::from(track.timescale()));
    let frame_ticks = i128::from(frame) * timescale;
    let tolerance = rate * timescale * 3 / 1000;
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut least, mut most, mut last_delta) = (0i128, 0i128, 0i128);
    while let Some(span) = cursor.next_before(end) {
        let delta = i128::from(span.delta) * rate;
        let gap = |delta: i128| delta * 2 > frame_ticks * 3;
        if span.count > 1 && gap(delta) {
            return None;
        }
        if pieces.is_empty() || gap(last_delta) {
            if pieces.len() == MAX_PIECES {
                return None;
            }
            pieces.push(Piece {
                samples: span.first..span.first,
                at: span.dts,
                units: 0,
                durations: Runs::default(),
            });
            (least, most) = (0, 0);
        }
        let piece = pieces.last_mut()?;
        for (dts, units) in [
            (span.dts, piece.units),
            (span.last_dts(), piece.units + u64::from(span.count) - 1),
        ] {
            let error = i128::from(dts - piece.at) * rate - i128::from(units) * frame_ticks;
            least = least.min(error);
            most = most.max(error);
        }
        if most - least > tolerance {
            return None;
        }
        piece.samples.end = span.end();
        piece.units += u64::from(span.count);
        last_delta = delta;
    }
    for piece in &mut pieces {
        piece.durations = Runs::of(piece.units, i64::from(frame));
    }
    Some(pieces)
}

/// G.711: as many samples as there are bytes, whatever the durations say. A new piece begins where that would have the
/// sound too early or too late: a lost packet is missed at once, and losses and clocks that are a little off do not add up.
fn bytewise(
    track: &TrackTables,
    kind: &Kind,
    unit: u32,
    mut cursor: SpanCursor<'_>,
    end: u32,
) -> Result<Vec<Piece>, Mp4Error> {
    let (rate, timescale) = (i128::from(kind.rate), i128::from(track.timescale()));
    // A packet has 20 ms and more; what comes late and then catches up is left as it is. Half of what EBU R 37 allows
    // for sound before its picture, and all that it allows for sound behind.
    let (early, late) = (rate * timescale / 50, rate * timescale * 3 / 50);
    let mut pieces: Vec<Piece> = Vec::new();
    while let Some(mut span) = cursor.next_before(end) {
        if span.size % unit != 0 {
            return Err(Mp4Error::Unsupported {
                box_type: track.codec(),
                what: "samples that end between two channels",
            });
        }
        let units = u64::from(span.size / unit);
        // By how much more the time than the bytes of a sample move on.
        let excess = i128::from(span.delta) * rate - i128::from(units) * timescale;
        while span.count > 0 {
            let error = pieces.last().map_or(early, |piece| {
                i128::from(span.dts - piece.at) * rate - i128::from(piece.units) * timescale
            });
            let fits = (-late..early).contains(&error);
            if !fits {
                // Packets without a byte are no piece of their own.
                pieces.pop_if(|piece| piece.units == 0);
            }
            if pieces.is_empty() || (!fits && pieces.len() < MAX_PIECES) {
                pieces.push(Piece {
                    samples: span.first..span.first,
                    at: span.dts,
                    units: 0,
                    durations: Runs::default(),
                });
            }
            let error = if fits { error } else { 0 };
            let room = match excess {
                1.. if pieces.len() < MAX_PIECES => (early - error + excess - 1) / excess,
                ..=-1 if pieces.len() < MAX_PIECES => (late + error) / -excess + 1,
                _ => i128::from(span.count),
            };
            let count = u32::try_from(room.max(1)).map_or(span.count, |room| room.min(span.count));
            if let Some(piece) = pieces.last_mut() {
                piece.samples.end = span.first + count;
                piece.units += units * u64::from(count);
            }
            span = span.part(count..span.count);
        }
    }
    pieces.retain(|piece| piece.units > 0);
    for piece in &mut pieces {
        piece.durations = Runs::of(piece.units, 1);
    }
    Ok(pieces)
}

/// Sound with the durations that it has, each sample's time rounded on its own.
fn uneven(
    track: &TrackTables,
    kind: &Kind,
    mut cursor: SpanCursor<'_>,
    end: u32,
) -> Result<Option<Piece>, Mp4Error> {
    let (rate, timescale) = (i128::from(kind.rate), i128::from(track.timescale()));
    let mut durations = Packer::default();
    let (mut first, mut last, mut rounded) = (None, 0u32, 0u64);
    while let Some(span) = cursor.next_before(end) {
        let (_, at) = *first.get_or_insert((span.first, span.dts));
        let ticks = |dts: i64| {
            let exact = i128::from(dts - at) * rate * 2 + timescale;
            i64::try_from(exact.div_euclid(timescale * 2))
                .ok()
                .filter(|ticks| *ticks < Runs::LIMIT)
        };
        let overflow = Mp4Error::Unsupported {
            box_type: FourCC(*b"stts"),
            what: "durations of more than 60 bits",
        };
        let delta = i128::from(span.delta) * rate;
        ticks(span.last_dts() + i64::from(span.delta)).ok_or(overflow.clone())?;
        if i128::from(span.dts - at) * rate % timescale == 0 && delta % timescale == 0 {
            let delta = i64::try_from(delta / timescale)
                .ok()
                .filter(|delta| *delta < 1 << 32);
            durations.push(u64::from(span.count), delta.ok_or(overflow)?);
        } else {
            rounded += u64::from(span.count);
            if rounded > MAX_ROUNDED {
                return Err(Mp4Error::Unsupported {
                    box_type: FourCC(*b"stts"),
                    what: "so many samples at a timescale other than the sample rate",
                });
            }
            for index in 0..span.count {
                let here = span.part(index..index + 1);
                let next = here.dts + i64::from(here.delta);
                let delta = ticks(next).zip(ticks(here.dts)).map(|(next, here)| next - here);
                durations.push(1, delta.ok_or(overflow.clone())?);
            }
        }
        last = span.end();
    }
    Ok(first.map(|(number, at)| {
        let durations = durations.finish();
        Piece {
            samples: number..last,
            at,
            units: durations.items(),
            durations,
        }
    }))
}
