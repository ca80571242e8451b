//! Planning one clip: its segments, where its sound goes, and the recipe for its bytes.

use std::ops::Range;

use super::alignment::{Alignment, end_of_edit};
use super::exact::{Clock, Cut};
use super::mix::Mix;
use super::placing::{lay_out, picture_stretch};
use super::segment::{Segment, split};
use super::share::sound_of;
use super::sound::{Divider, Kind, pieces};
use super::stretch::Stretch;
use super::{Joiner, Selection, State};
use crate::mp4::error::Mp4Error;
use crate::mp4::header::FourCC;
use crate::mp4::recipe::Recipe;
use crate::mp4::seconds::{Seconds, gcd};
use crate::mp4::tables::{ClipTables, MAX_SECONDS};
use crate::mp4::write::{FIXED_HEAD_BYTES, MAX_HEAD_BYTES, TrackHead};

/// What one clip adds to the movie.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) recipe: Recipe,
    pub(super) video: Vec<Stretch>,
    pub(super) sound: Option<Stretch>,
    /// How many stretches of the sound so far are left, how many samples of the last of them, and for how much longer it lasts.
    pub(super) sound_kept: usize,
    pub(super) sound_kept_samples: u64,
    pub(super) last_sound_longer: i64,
    /// The state with the clip.
    pub(super) state: State,
}

impl Joiner {
    /// Plans a clip; `passed`: the bytes of it that have gone out already.
    pub(super) fn plan(
        &self,
        tables: &ClipTables,
        selection: &Selection<'_>,
        passed: Option<Range<u64>>,
    ) -> Result<Plan, Mp4Error> {
        if self.pending.is_some() {
            return Err(Mp4Error::Mismatch {
                what: "another clip is in progress",
            });
        }
        let video = tables.video();
        let mut state = self.state.clone();
        state.admit(tables)?;
        let (mut segments, starts) = split(video, selection)?;
        let hidden = cut_at_edit(tables, &mut segments);
        let started = !self.video.is_empty();
        if let Some(first) = segments.first_mut().filter(|first| !started && first.continues) {
            // What it continues is not here.
            *first = first.beginning_at(first.samples.start);
        }
        let clock = Clock {
            fragments: selection.fragments,
            starts: &starts,
            timescale: video.timescale(),
        };
        let cut = match &self.exact {
            Some(range) => {
                if self.state.edges.end.is_some() {
                    // A fragment has lasted to the end of the range, and has shown all that later ones show of it.
                    segments.clear();
                }
                clock.cut(&mut segments, range, started)
            }
            None => Cut::default(),
        };
        let frame = state
            .sound_head
            .as_ref()
            .map(|(_, kind, frame)| (kind.clone(), *frame));
        let fills = passed.is_none();
        let mut mix = frame.map(|(kind, frame)| Mix::new(kind, frame, fills, &self.sound, state.sound_end));
        if let (Some(first), Some(last)) = (segments.first(), segments.last()) {
            state.see_start(tables, &clock, first, cut, started)?;
            // What plays last need not be what lasts longest.
            let ends = segments.iter().map(|segment| clock.wall_ms(segment, segment.end));
            let end_ms = match cut.end {
                Some(end) => Some(clock.wall_ms(last, end)),
                None => ends.max(),
            };
            let earlier = started.then_some(state.report.end_ms);
            state.report.end_ms = end_ms.max(earlier).unwrap_or_default();
            state.report.fragments += left(selection, &segments);
        } else {
            // Nothing of the clip is presented, and so nothing of it counts.
            state = self.state.clone();
            mix = None;
        }
        state.report.hidden_pictures += hidden;
        state.mix(tables, &segments, cut, started, mix.as_mut())?;
        let layout = lay_out(tables, &segments, mix.as_ref(), passed, self.position)?;
        let stretches = segments
            .iter()
            .map(|segment| picture_stretch(tables, segment, &layout));
        let pictures = stretches.collect::<Result<Vec<_>, _>>()?;
        let mut plan = Plan {
            recipe: layout.recipe.clone(),
            sound: None,
            sound_kept: self.sound.len(),
            sound_kept_samples: self.sound.last().map_or(0, |last| last.samples),
            last_sound_longer: 0,
            video: pictures,
            state,
        };
        if let Some(mix) = mix {
            plan.sound = mix.stretch(tables.audio(), tables.base(), &layout)?;
            plan.take_mix(&mix, self, started);
        }
        plan.count(segments.len(), started)?;
        Ok(plan)
    }
}

impl Plan {
    /// Takes over what the sound of the clip did to that before it.
    fn take_mix(&mut self, mix: &Mix<'_>, joiner: &Joiner, started: bool) {
        let state = &mut self.state;
        if mix.kept == 0 {
            state.edges.sound_start = mix.start().unwrap_or(0);
            if started {
                state.edges.sound_visible = None;
            }
        }
        (self.sound_kept, self.sound_kept_samples) = (mix.kept, mix.kept_samples);
        let lost: u64 = joiner.sound.iter().skip(mix.kept).map(Stretch::bytes).sum();
        let shorter = mix.kept.checked_sub(1).and_then(|last| joiner.sound.get(last));
        let cut = shorter.map_or(0, |last| {
            let left = u64::try_from(last.sizes.sum(mix.kept_samples)).unwrap_or(0);
            last.bytes().saturating_sub(left)
        });
        state.referenced = state.referenced.saturating_sub(lost + cut);
        if let (Some(start), Some(last), Some(frame)) =
            (mix.start(), shorter, state.sound_head.as_ref().map(|head| head.2))
        {
            let others = last.durations.sum(mix.kept_samples.saturating_sub(1));
            let others = i64::try_from(others).unwrap_or(i64::MAX);
            let end = if mix.kept_samples < last.samples {
                last.start.saturating_add(others).saturating_add(frame)
            } else {
                last.start.saturating_add(last.length)
            };
            self.last_sound_longer = (start - end).max(0);
        }
        state.sound_end = mix.end.map(|end| (end, mix.silent_at_end()));
        state.report.silent_frames += mix.silent_frames();
        state.report.silent_frames = state.report.silent_frames.saturating_sub(mix.silence_left_out);
        state.report.audio_samples_left_out += mix.left_out;
        let stretched = i128::from(mix.stretched) * 1000 / i128::from(mix.rate().max(1));
        state.report.audio_stretched_ms += u64::try_from(stretched).unwrap_or(0);
    }

    /// Counts what the clip adds.
    fn count(&mut self, segments: usize, started: bool) -> Result<(), Mp4Error> {
        let state = &mut self.state;
        let seams = u32::try_from(segments).unwrap_or(u32::MAX);
        let bytewise = state
            .sound_head
            .as_ref()
            .is_some_and(|(_, kind, _)| kind.unit.is_some());
        state.report.seams += if started { seams } else { seams.saturating_sub(1) };
        for (index, stretch) in self
            .video
            .iter()
            .map(|video| (0, video))
            .chain(self.sound.iter().map(|sound| (1, sound)))
        {
            state.referenced += stretch.bytes();
            state.head_bytes += stretch.head_bytes(bytewise && index == 1);
            state.samples[index] += stretch.samples;
        }
        for pictures in &self.video {
            match pictures.sync {
                Some(_) => state.lists_sync = true,
                None => state.unlisted_sync += pictures.samples,
            }
        }
        let unlisted = if state.lists_sync {
            state.unlisted_sync * 4
        } else {
            0
        };
        let heads = state.video_head.iter();
        let heads = heads.chain(state.sound_head.iter().map(|(head, ..)| head));
        let entries: u64 = heads.map(|head| head.entry.bytes.len() as u64).sum();
        let bytes = FIXED_HEAD_BYTES + entries + state.head_bytes + unlisted;
        if bytes > MAX_HEAD_BYTES {
            return Err(Mp4Error::TooLarge {
                bytes,
                limit: MAX_HEAD_BYTES,
            });
        }
        if state.samples.iter().any(|samples| *samples > u64::from(u32::MAX)) {
            return Err(Mp4Error::Unsupported {
                box_type: FourCC(*b"stsz"),
                what: "a joined track of more than 4294967295 samples",
            });
        }
        let rate = state.sound_head.as_ref().map_or(1, |(_, kind, _)| kind.rate);
        let sound_end = Seconds::of(state.sound_end.map_or(0, |(end, _)| end), rate);
        let end = state.video_end.max(state.at)?.max(sound_end)?;
        // No reader of ours would take it, and what claims that a picture stands for a day is no clip.
        if Seconds::of(MAX_SECONDS, 1).is_before(end)? {
            return Err(Mp4Error::Unsupported {
                box_type: FourCC(*b"trak"),
                what: "a joined track of more than 36 hours",
            });
        }
        Ok(())
    }
}

impl State {
    /// Whether a clip can continue the movie; notes what it brings first.
    fn admit(&mut self, tables: &ClipTables) -> Result<(), Mp4Error> {
        let video = tables.video();
        let head = self.video_head.get_or_insert_with(|| TrackHead::of(video));
        if !head.entry.is_same(&video.entry) {
            return Err(Mp4Error::Mismatch {
                what: "its pictures have another configuration",
            });
        }
        if let Some(sound) = tables.audio() {
            let (head, ..) = self.sound_head.get_or_insert_with(|| {
                let kind = Kind::of(sound);
                let frame = kind.natural(sound);
                (TrackHead::of(sound), kind, frame)
            });
            if !head.entry.is_same(&sound.entry) {
                return Err(Mp4Error::Mismatch {
                    what: "its sound has another configuration",
                });
            }
        }
        let divisor = gcd(u128::from(self.timescale), u128::from(video.timescale()));
        let multiple = u128::from(self.timescale) / divisor.max(1) * u128::from(video.timescale());
        // A signed number in some players.
        self.timescale = u32::try_from(multiple)
            .ok()
            .filter(|timescale| i32::try_from(*timescale).is_ok())
            .ok_or(Mp4Error::Unsupported {
                box_type: FourCC(*b"mdhd"),
                what: "timescales of clips that have no common multiple below 2^31",
            })?;
        Ok(())
    }

    /// Notes where presentation begins, and when that was.
    fn see_start(
        &mut self,
        tables: &ClipTables,
        clock: &Clock<'_>,
        first: &Segment<'_>,
        cut: Cut,
        started: bool,
    ) -> Result<(), Mp4Error> {
        let video = tables.video();
        if !started {
            let shown = match cut.start {
                Some(start) => {
                    self.edges.start = Some(Seconds::of(start - first.start, video.timescale()));
                    start
                }
                // Hidden by the clip's own edit.
                None if first.samples.start == 0 => video.edit.media_time.clamp(first.start, first.end - 1),
                None => first.start,
            };
            self.edges.video_start = Seconds::of(shown - first.start, video.timescale());
            self.report.start_ms = clock.wall_ms(first, shown);
            if let Some(sound) = tables
                .audio()
                .filter(|_| first.samples.start == 0 && cut.start.is_none())
            {
                let align = Alignment::of(tables, sound)?;
                self.edges.sound_visible = Some(align.after(first.start, sound.edit.media_time)?);
            }
        }
        Ok(())
    }

    /// Puts the sound of each segment in its place, and moves on to the end of the last.
    fn mix(
        &mut self,
        tables: &ClipTables,
        segments: &[Segment<'_>],
        cut: Cut,
        started: bool,
        mut mix: Option<&mut Mix<'_>>,
    ) -> Result<(), Mp4Error> {
        let video = tables.video();
        let sound = match tables.audio() {
            Some(sound) => Some((
                sound,
                Alignment::of(tables, sound)?,
                Divider::new(sound),
                sound.spans(),
            )),
            None => None,
        };
        let mut sound = sound;
        for (index, segment) in segments.iter().enumerate() {
            let mut heard = false;
            if let (Some((sound, align, divider, cursor)), Some(mix)) = (&mut sound, &mut mix) {
                let cut = Cut {
                    start: cut.start.filter(|_| index == 0),
                    end: cut.end.filter(|_| index + 1 == segments.len()),
                };
                let Range {
                    start: from,
                    end: until,
                } = sound_of(segment, tables, cut, align, divider, mix)?;
                cursor.skip_to(from);
                let hidden_until = sound.edit.media_time;
                let mut at = cursor.clone();
                for (number, piece) in pieces(sound, mix.kind(), cursor, until)?.into_iter().enumerate() {
                    let offset = align.after(segment.start, piece.at)?;
                    let target = self.at.plus(offset)?.round(mix.rate())?;
                    let hidden = match hidden_until.checked_sub(piece.at).filter(|ticks| {
                        *ticks > 0 && number == 0 && segment.samples.start == 0 && (started || index > 0)
                    }) {
                        Some(ticks) => {
                            Seconds::of(ticks, sound.timescale()).round(mix.rate())? / mix.frame().max(1)
                        }
                        None => 0,
                    };
                    at.skip_to(piece.samples.start);
                    let before = at
                        .clone()
                        .next_before(piece.samples.end)
                        .map_or(0, |span| tables.base() + span.at);
                    mix.add(piece, target, hidden.unsigned_abs(), before);
                    heard = true;
                }
            }
            if let Some(mix) = mix.as_mut().filter(|_| !heard) {
                mix.fill(segment, video, self.at, tables.base())?;
            }
            let shown = segment.length.max(segment.end - segment.start);
            self.video_end = self.at.plus(Seconds::of(shown, video.timescale()))?;
            self.at = self.at.plus(segment.seconds())?;
            if let Some(end) = cut.end.filter(|_| index + 1 == segments.len()) {
                let presented = Seconds::of(end - segment.start, video.timescale());
                self.edges.end = Some(self.at.minus(segment.seconds())?.plus(presented)?);
            }
            // Before the picture that is shown first, nobody misses them.
            if index > 0 || cut.start.is_none() {
                self.report.leading_pictures_dropped += u64::from(segment.dropped);
            }
            let seam = started || index > 0;
            self.report.gaps_closed += u32::from(seam && !segment.continues);
        }
        Ok(())
    }
}

/// Leaves out the pictures that the clip's own edit cuts off at its end, and says how many.
fn cut_at_edit(tables: &ClipTables, segments: &mut Vec<Segment<'_>>) -> u64 {
    let video = tables.video();
    let limit = end_of_edit(video, tables.movie_timescale()).unwrap_or(i64::MAX);
    if let Some(last) = segments
        .last_mut()
        .filter(|last| last.samples.end == video.samples() && limit < last.end)
    {
        let all = last.samples.clone();
        let left = match last.ending_before(limit) {
            Some(shorter) => {
                *last = shorter;
                last.samples.end
            }
            None => {
                segments.pop();
                all.start
            }
        };
        return u64::from(all.end.saturating_sub(left));
    }
    0
}

/// Of how many fragments there are pictures in `segments`.
fn left(selection: &Selection<'_>, segments: &[Segment<'_>]) -> usize {
    let starts = selection.fragments.iter().map(|fragment| fragment.sample);
    let ends = starts.clone().skip(1).chain([selection.end]);
    let is_left = |(start, end): &(u32, u32)| {
        let mut samples = segments.iter().map(|segment| &segment.samples);
        samples.any(|samples| samples.start < *end && *start < samples.end)
    };
    starts.zip(ends).filter(is_left).count()
}
