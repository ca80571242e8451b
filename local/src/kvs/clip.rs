//! Fragments become the traditional MP4 that GetClip answers.
//!
//! `shiguredo_mp4`'s muxer writes every box; this module tells it the samples, and afterwards adds the one
//! box that it has no interface for: the edit list that keeps sound and picture together. A muxer that is not
//! the function's own joiner, so that the two cannot share a mistake. What is held in memory is `moov` and
//! one word per sample, never the media.

mod layout;

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use shiguredo_mp4::boxes::{EdtsBox, ElstBox, ElstEntry, FreeBox, MoovBox, TrakBox, UnknownBox};
use shiguredo_mp4::mux::{Mp4FileMuxer, Mp4FileMuxerOptions, MuxError, Sample, TrackMetadata};
use shiguredo_mp4::{BoxHeader, BoxSize, BoxType, Encode, FixedPointNumber, LanguageCode, Utf8String};

use super::fragment::Fragment;
use super::stream::{Moov, Repeats, SoundEdges, Stream, Timescale};
use crate::footage::{Footage, Track};
use layout::{Placed, place};

/// Handler names as the service's own muxer writes them.
const VIDEO_HANDLER: &str = "USP Video Handler";
const AUDIO_HANDLER: &str = "USP Sound Handler";

/// Language of every track in the service's answers.
const LANGUAGE: [u8; 3] = *b"eng";

/// The ticks of [`Timescale::Milliseconds`].
const MILLISECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_000 - 1);

/// Media goes out in pieces of this many bytes or a little more: enough for few system calls, small beside a
/// function's memory.
const CHUNK: usize = 256 * 1024;

/// How long the samples of one track run before those of the next come, in milliseconds.
const INTERLEAVE_MS: i64 = 1_000;

/// What [`Repeats::LongerMoov`] puts into `moov` with each further answer, in bytes beside the box header.
const LONGER_BY: usize = 64;

/// Most repeats that make a difference; more would only make larger boxes and smaller chunks.
const REPEATS: u64 = 8;

/// When a clip is asked for, and how often it was before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Milliseconds since the epoch.
    pub(super) now: i64,
    /// Answers for the same range before this one.
    pub(super) repeat: u64,
}

/// An MP4 that is ready to be sent.
#[derive(Debug)]
pub(super) struct Clip {
    footage: Footage,
    /// Everything before the media, the header of `mdat` included.
    head: Bytes,
    media: Vec<Placed>,
    media_bytes: u64,
    /// Everything after the media: `moov`, or nothing.
    tail: Bytes,
}

/// How a track of the clip relates to the clip's own time.
#[derive(Clone, Copy, Debug)]
struct Shift {
    track: usize,
    /// When its first sample is decoded, in ticks since the first picture is.
    start: i64,
    /// Ticks of the media that come before its first presentation, because decoding runs ahead of it.
    lead: i64,
}

/// The settings that a muxing needs, and how often the clip was asked for.
#[derive(Clone, Copy, Debug)]
struct Style {
    moov: Moov,
    timescale: Timescale,
    edges: SoundEdges,
    created: Duration,
    /// Bytes in a `free` box inside `moov`; without any there is no such box.
    longer_by: usize,
}

impl Style {
    fn new(stream: &Stream, call: Call) -> Self {
        let repeat = match stream.repeats {
            Repeats::Alike => 0,
            Repeats::Created | Repeats::LongerMoov | Repeats::OtherChunks => call.repeat,
        };
        let seconds = call.now.max(0).cast_unsigned() / 1_000;
        Self {
            moov: stream.moov,
            timescale: stream.timescale,
            edges: stream.sound_edges,
            created: Duration::from_secs(seconds.saturating_add(repeat)),
            longer_by: match stream.repeats {
                Repeats::LongerMoov => times(repeat) * LONGER_BY,
                _ => 0,
            },
        }
    }
}

/// How long the samples of a track run in this answer, in milliseconds.
fn interleave_ms(stream: &Stream, call: Call) -> i64 {
    match stream.repeats {
        Repeats::OtherChunks => INTERLEAVE_MS / (1 + times(call.repeat) as i64),
        _ => INTERLEAVE_MS,
    }
}

/// A number of repeats, as far as they make a difference.
fn times(repeat: u64) -> usize {
    repeat.min(REPEATS) as usize
}

impl Clip {
    /// The clip of `fragments`, which are in order, at least one, and of one codec. The moment of the call
    /// becomes the creation time.
    ///
    /// # Errors
    /// The muxer refuses, which the footage gives it no reason for.
    pub(super) fn mux(stream: &Stream, fragments: &[Fragment], call: Call) -> Result<Self, MuxError> {
        let Some(first) = fragments.first() else {
            return Err(MuxError::EmptySamples);
        };
        let footage = stream.footage_of(first).clone();
        let media = place(stream, fragments, &footage, interleave_ms(stream, call));
        let sizes = media
            .iter()
            .map(|p| footage.size(&footage.tracks()[p.track], p.sample) as u64);
        let mut clip = Self {
            media_bytes: sizes.sum(),
            head: Bytes::new(),
            tail: Bytes::new(),
            footage,
            media,
        };
        clip.write_boxes(Style::new(stream, call))?;
        Ok(clip)
    }

    fn write_boxes(&mut self, style: Style) -> Result<(), MuxError> {
        let reserved = match style.moov {
            // Chunk offsets have a fixed width, so `moov` is as long wherever the media begin.
            Moov::First => self.report(style, 0)?.1.len(),
            Moov::Last => style.longer_by,
        };
        let (muxer, moov) = self.report(style, reserved)?;
        let boxes = muxer.finalized_boxes().ok_or(MuxError::EmptySamples)?;
        let mut head = muxer.initial_boxes_bytes().to_vec();
        for (offset, bytes) in boxes.offset_and_bytes_pairs() {
            let offset = usize::try_from(offset).map_err(|_| MuxError::Overflow)?;
            if let Some(place) = head.get_mut(offset..offset + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        if style.moov == Moov::First {
            place_moov(&mut head, &moov)?;
        } else {
            self.tail = moov.into();
        }
        self.head = head.into();
        Ok(())
    }

    /// Tells a muxer all samples; gives it back with `moov` as bytes, edit lists included.
    fn report(&self, style: Style, reserved: usize) -> Result<(Mp4FileMuxer, Vec<u8>), MuxError> {
        let named = |name: &str| TrackMetadata {
            language: LanguageCode::new(LANGUAGE).unwrap_or_default(),
            name: Utf8String::new(name).unwrap_or_default(),
        };
        let mut muxer = Mp4FileMuxer::with_options(Mp4FileMuxerOptions {
            reserved_moov_box_size: reserved,
            creation_timestamp: style.created,
            video_track: named(VIDEO_HANDLER),
            audio_track: named(AUDIO_HANDLER),
            ..Mp4FileMuxerOptions::default()
        })?;
        let mut position = muxer.initial_boxes_bytes().len() as u64;
        let mut shifts: Vec<Shift> = Vec::new();
        let next = next_in_track(&self.media);
        for (placed, next) in self.media.iter().zip(next) {
            let track = &self.footage.tracks()[placed.track];
            let sample = track.sample(placed.sample);
            let ticks = ticks(style.timescale, track);
            let scaled = |t: i64| rescale(t, track.timescale, ticks);
            let first = !shifts.iter().any(|shift| shift.track == placed.track);
            if first {
                shifts.push(Shift {
                    track: placed.track,
                    start: placed.start,
                    lead: scaled(sample.composition_offset),
                });
            }
            let size = self.footage.size(track, placed.sample);
            let duration = next.map_or(scaled(sample.duration), |n| n.start - placed.start);
            muxer.append_sample(&Sample {
                track_kind: track.kind,
                sample_entry: first.then(|| track.entry.clone()),
                keyframe: sample.sync,
                timescale: ticks,
                duration: u32::try_from(duration).map_err(|_| MuxError::Overflow)?,
                composition_time_offset: Some(scaled(sample.composition_offset)).filter(|o| *o != 0),
                data_offset: position,
                data_size: size,
            })?;
            position += size as u64;
        }
        let mut moov = muxer.finalize()?.moov_box().clone();
        // The muxer numbers tracks in the order of their first samples.
        add_edit_lists(&mut moov, &shifts, style.edges);
        stretch_movie(&mut moov);
        if style.longer_by > 0 {
            moov.unknown_boxes.push(free(style.longer_by));
        }
        let moov = moov.encode_to_vec()?;
        Ok((muxer, moov))
    }

    /// Length of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.head.len() as u64 + self.media_bytes + self.tail.len() as u64
    }

    /// The file in pieces of about 256 KiB, made one at a time.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Bytes> + Send + 'static {
        let Self {
            footage,
            head,
            media,
            tail,
            ..
        } = self;
        let mut media = media.into_iter().peekable();
        let pieces = std::iter::from_fn(move || {
            media.peek()?;
            // Room for one picture above the mark in almost all cases, so that the buffer rarely grows.
            let mut chunk = BytesMut::with_capacity(CHUNK + CHUNK / 8);
            while chunk.len() < CHUNK
                && let Some(placed) = media.next()
            {
                footage.write(&footage.tracks()[placed.track], placed.sample, &mut chunk);
            }
            Some(chunk.freeze())
        });
        std::iter::once(head)
            .chain(pieces)
            .chain(std::iter::once(tail))
            .filter(|chunk| !chunk.is_empty())
    }
}

/// For each sample the next one of its track.
fn next_in_track(media: &[Placed]) -> Vec<Option<Placed>> {
    let mut next = vec![None; media.len()];
    let mut seen: Vec<Option<Placed>> = Vec::new();
    for (slot, placed) in next.iter_mut().zip(media).rev() {
        if seen.len() <= placed.track {
            seen.resize(placed.track + 1, None);
        }
        *slot = seen[placed.track].replace(*placed);
    }
    next
}

fn ticks(timescale: Timescale, track: &Track) -> NonZeroU32 {
    match timescale {
        Timescale::Milliseconds => MILLISECONDS,
        Timescale::Native => track.timescale,
    }
}

fn rescale(time: i64, from: NonZeroU32, to: NonZeroU32) -> i64 {
    divide(time * i64::from(to.get()), i64::from(from.get()))
}

/// Division to the nearest integer.
fn divide(value: i64, by: i64) -> i64 {
    (value + by / 2).div_euclid(by)
}

/// Says when the media of each track play (ISO 14496-12, 8.6.6), where that is not simply from the start:
/// sound whose first frame begins after the first picture, or before it, and pictures that are decoded before
/// they are shown.
fn add_edit_lists(moov: &mut MoovBox, shifts: &[Shift], edges: SoundEdges) {
    let movie = moov.mvhd_box.timescale;
    let start = |trak: &TrakBox, shift: &Shift| rescale(shift.start, trak.mdia_box.mdhd_box.timescale, movie);
    // When the presentation begins, in ticks of the movie since the first picture.
    let origin = match edges {
        SoundEdges::Heard { .. } => {
            let starts = moov.trak_boxes.iter().zip(shifts).map(|(t, s)| start(t, s));
            starts.min().unwrap_or(0).min(0)
        }
        SoundEdges::Fragments | SoundEdges::Hidden { .. } => 0,
    };
    for (trak, shift) in moov.trak_boxes.iter_mut().zip(shifts) {
        let from = start(trak, shift) - origin;
        let hidden = if from < 0 { -shift.start } else { 0 };
        add_edit_list(trak, from, hidden + shift.lead);
    }
}

/// One edit list: nothing for `from` ticks of the movie, or what was before is hidden if that is negative,
/// then the media from `media_time` on.
fn add_edit_list(trak: &mut TrakBox, from: i64, media_time: i64) {
    if from == 0 && media_time == 0 {
        return;
    }
    let rate = FixedPointNumber::new(1, 0);
    let delay = from.max(0).cast_unsigned();
    let hidden = from.min(0).unsigned_abs();
    let mut entries = Vec::new();
    if delay > 0 {
        entries.push(ElstEntry {
            edit_duration: delay,
            media_time: -1,
            media_rate: rate,
        });
    }
    let shown = trak.tkhd_box.duration.saturating_sub(hidden);
    entries.push(ElstEntry {
        edit_duration: shown,
        media_time,
        media_rate: rate,
    });
    trak.tkhd_box.duration = delay + shown;
    trak.edts_box = Some(EdtsBox {
        elst_box: Some(ElstBox { entries }),
        unknown_boxes: Vec::new(),
    });
}

/// A `free` box (ISO 14496-12, 8.1.2) for the inside of a container.
fn free(payload: usize) -> UnknownBox {
    UnknownBox {
        box_type: BoxType::Normal(*b"free"),
        box_size: BoxSize::U32(8 + payload as u32),
        payload: vec![0; payload],
    }
}

/// The movie lasts as long as its longest track (ISO 14496-12, 8.2.2.3), the delays of the edit lists
/// included.
fn stretch_movie(moov: &mut MoovBox) {
    let longest = moov.trak_boxes.iter().map(|t| t.tkhd_box.duration).max();
    moov.mvhd_box.duration = longest.unwrap_or(0).max(moov.mvhd_box.duration);
}

/// Puts `moov` behind `ftyp` and fills what is left before `mdat` with `free`.
fn place_moov(head: &mut [u8], moov: &[u8]) -> Result<(), MuxError> {
    let (ftyp, _) = <BoxHeader as shiguredo_mp4::Decode>::decode(head)?;
    let start = usize::try_from(ftyp.box_size.get()).map_err(|_| MuxError::Overflow)?;
    // The muxer always writes the long form of the header of `mdat`, 16 bytes.
    let end = head.len().checked_sub(16).ok_or(MuxError::Overflow)?;
    let mut boxes = moov.to_vec();
    let left = end
        .checked_sub(start + boxes.len() + BoxHeader::MIN_SIZE)
        .ok_or(MuxError::Overflow)?;
    let free = FreeBox {
        payload: vec![0; left],
    };
    boxes.extend(free.encode_to_vec()?);
    head[start..end].copy_from_slice(&boxes);
    Ok(())
}

#[cfg(test)]
mod tests;
