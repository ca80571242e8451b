//! Joining clips: each is laid behind the one before it, media bytes as they are, and their tables are kept until the
//! head of the joined file is written.
//!
//! The rules, each of which a player enforces by playing wrong what breaks it:
//!
//! - Pictures are never touched at a seam: every segment begins where the pictures of the one before it end.
//! - Sound keeps its cadence. At a seam it is corrected by whole frames, silence put in or samples left out, against the
//!   time at which the pictures have arrived; the error stays below half a frame and never adds up.
//! - Silence stands in the payload where it is heard. No sample of sound is stretched, and there is no empty edit but the
//!   one at the beginning of a track that begins late.
//! - One lead from decoding to presentation holds for the whole video track, whatever the clips have.
//! - Pictures that refer to what is missing are dropped behind a gap.

mod alignment;
mod exact;
mod layout;
mod mix;
mod placing;
mod plan;
mod segment;
mod share;
mod sound;
mod stretch;

use std::ops::Range;

use super::error::Mp4Error;
use super::movie::Movie;
use super::recipe::Recipe;
use super::seconds::Seconds;
use super::tables::ClipTables;
use super::write::{Head, JoinedTrack, TrackHead, write};
use plan::Plan;
use sound::Kind;
pub(in crate::mp4) use stretch::Stretch;

/// One planned fragment inside a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentStart {
    /// Its first video sample, in decode order from 0.
    pub sample: u32,
    /// When that sample was, in milliseconds since 1970. One that the clip has later than this is one that overlaps those
    /// before it.
    pub wall_ms: i64,
    /// Whether nothing is missing between it and the fragment before it, be that in the same clip or in the one before.
    pub continues: bool,
}

/// What of a clip is taken: from the first fragment's sample up to `end`.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// At least one; their samples rise strictly.
    pub fragments: &'a [FragmentStart],
    /// The video sample before which the selection ends; at most the number of samples.
    pub end: u32,
}

/// Lays clips one behind the other.
///
/// For each clip [`begin`](Self::begin), then the recipe is carried out, then [`commit`](Self::commit), or
/// [`abandon`](Self::abandon) if that failed. [`finish`](Self::finish) ends the movie.
#[derive(Debug)]
pub struct Joiner {
    exact: Option<Range<i64>>,
    position: u64,
    state: State,
    video: Vec<Stretch>,
    sound: Vec<Stretch>,
    pending: Option<Pending>,
}

/// Where the joined movie has arrived; a clip in progress has one of its own.
#[derive(Debug, Clone)]
struct State {
    video_head: Option<TrackHead>,
    sound_head: Option<(TrackHead, Kind, i64)>,
    /// Least common multiple of the timescales of all clips' videos.
    timescale: u32,
    /// Where the pictures end: where the next segment begins.
    at: Seconds,
    /// Where the last picture ends.
    video_end: Seconds,
    /// Where the sound ends, in ticks of its track, and how many samples of silence stand at its end.
    sound_end: Option<(i64, u64)>,
    edges: Edges,
    /// Bytes of payload that samples refer to.
    referenced: u64,
    /// Most bytes that the rows of the tables take.
    head_bytes: u64,
    /// Whether a clip lists its sync samples, and pictures of clips that do not, as all of theirs are: if one lists them,
    /// the others have to be listed too.
    lists_sync: bool,
    unlisted_sync: u64,
    samples: [u64; 2],
    report: JoinReport,
}

/// Where presentation begins and ends, in the time that begins with the first picture of the first clip.
#[derive(Debug, Clone, Copy)]
pub(in crate::mp4) struct Edges {
    /// The first picture that is not hidden.
    pub(in crate::mp4) video_start: Seconds,
    /// The first sound, in ticks of its track, and the first that is not hidden.
    pub(in crate::mp4) sound_start: i64,
    pub(in crate::mp4) sound_visible: Option<Seconds>,
    /// The picture that is shown when the range begins.
    pub(in crate::mp4) start: Option<Seconds>,
    /// Where the range ends.
    pub(in crate::mp4) end: Option<Seconds>,
}

/// A clip in progress.
#[derive(Debug)]
struct Pending {
    tables: ClipTables,
    plan: Plan,
}

impl Joiner {
    /// A movie without clips.
    ///
    /// `exact`: the range `[start, end)` of wall-clock time, in milliseconds since 1970, that playback is cut to; `None`:
    /// all that is selected.
    #[must_use]
    pub fn new(exact: Option<Range<i64>>) -> Self {
        Self {
            exact,
            position: 0,
            state: State {
                video_head: None,
                sound_head: None,
                timescale: 1,
                at: Seconds::ZERO,
                video_end: Seconds::ZERO,
                sound_end: None,
                edges: Edges {
                    video_start: Seconds::ZERO,
                    sound_start: 0,
                    sound_visible: None,
                    start: None,
                    end: None,
                },
                referenced: 0,
                head_bytes: 0,
                lists_sync: false,
                unlisted_sync: 0,
                samples: [0; 2],
                report: JoinReport::default(),
            },
            video: Vec::new(),
            sound: Vec::new(),
            pending: None,
        }
    }

    /// Bytes of payload laid out so far, those of abandoned clips included: where the first byte of the next recipe goes.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of payload that no sample refers to.
    #[must_use]
    pub fn unreferenced(&self) -> u64 {
        self.position.saturating_sub(self.state.referenced)
    }

    /// Whether the next clip could need silence before its media, so that its tables have to be known before its media
    /// goes out. Not before there is sound, and not where its codec has no silence that can be written.
    #[must_use]
    pub fn may_insert(&self) -> bool {
        let silence = self.state.sound_head.as_ref().map(|(_, kind, _)| kind.silence());
        self.state.sound_end.is_some() && silence.flatten().is_some()
    }

    /// Plans the next clip. Nothing of the joined movie changes until [`commit`](Self::commit).
    ///
    /// The recipe is [empty](Recipe::is_empty) where nothing of the clip is in the exact range.
    ///
    /// # Errors
    ///
    /// [`Mp4Error::Mismatch`] if the selection does not fit the clip, the clip's configuration is another one than that of
    /// the clips before ([`ClipTables::differs_from`]), or another clip is in progress; [`Mp4Error::TooLarge`] if the head
    /// would be; [`Mp4Error::Unsupported`] for what no joiner can lay out.
    pub fn begin(&mut self, tables: ClipTables, selection: &Selection<'_>) -> Result<Recipe, Mp4Error> {
        let plan = self.plan(&tables, selection, None)?;
        let recipe = plan.recipe.clone();
        self.pending = Some(Pending { tables, plan });
        Ok(recipe)
    }

    /// Takes a clip whose bytes `passed`, a range of the input, went out unchanged from [`position`](Self::position) on
    /// before its tables were known, as if it had been begun and committed. Only where [`may_insert`](Self::may_insert) says
    /// no: sound that is missing inside of the clip is not replaced by silence any more, but the last sound lasts longer.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin), and if a sample is outside of `passed`. Then the caller has to
    /// [abandon](Self::abandon) the bytes.
    pub fn begin_passed(
        &mut self,
        tables: ClipTables,
        selection: &Selection<'_>,
        passed: Range<u64>,
    ) -> Result<(), Mp4Error> {
        let length = passed.end.saturating_sub(passed.start);
        let plan = self.plan(&tables, selection, Some(passed))?;
        self.position = self.position.saturating_add(length);
        self.adopt(plan);
        Ok(())
    }

    /// The clip in progress was fetched again: the recipe for the new answer, from its beginning, if it is the same media;
    /// where in the file it begins may differ.
    #[must_use]
    pub fn begin_again(&self, tables: &ClipTables) -> Option<Recipe> {
        let pending = self
            .pending
            .as_ref()
            .filter(|pending| pending.tables.same_media(tables))?;
        let by = tables
            .base()
            .cast_signed()
            .checked_sub(pending.tables.base().cast_signed())?;
        pending.plan.recipe.shifted(by)
    }

    /// The clip in progress has gone out whole: it is part of the movie. Does nothing if there is none.
    pub fn commit(&mut self) {
        if let Some(Pending { plan, .. }) = self.pending.take() {
            self.position = self.position.saturating_add(plan.recipe.len());
            self.adopt(plan);
        }
    }

    fn adopt(&mut self, plan: Plan) {
        self.sound.truncate(plan.sound_kept);
        let frame = plan.state.sound_head.as_ref().map_or(0, |(.., frame)| *frame);
        if let Some(last) = self.sound.last_mut() {
            if plan.sound_kept_samples < last.samples {
                last.truncate(plan.sound_kept_samples, frame);
            }
            last.length = last.length.saturating_add(plan.last_sound_longer);
        }
        self.video.extend(plan.video);
        self.sound.extend(plan.sound);
        self.state = plan.state;
    }

    /// The clip in progress, or one whose bytes passed before its tables were known, is given up: `written` bytes of it have
    /// gone out and stay in the payload, where no sample refers to them.
    pub fn abandon(&mut self, written: u64) {
        self.pending = None;
        self.position = self.position.saturating_add(written);
    }

    /// Ends the movie. A clip in progress is not part of it.
    ///
    /// # Errors
    ///
    /// [`Mp4Error::Nothing`] if it has no picture; [`Mp4Error::TooLarge`] if its head is.
    pub fn finish(self) -> Result<Joined, Mp4Error> {
        let unreferenced = self.unreferenced();
        let state = self.state;
        let head = state
            .video_head
            .filter(|_| !self.video.is_empty())
            .ok_or(Mp4Error::Nothing)?;
        let video = JoinedTrack {
            head,
            timescale: state.timescale,
            stretches: self.video,
        };
        let sound = state.sound_head.map(|(head, kind, _)| JoinedTrack {
            head,
            timescale: kind.rate,
            stretches: self.sound,
        });
        let sound = sound.filter(|sound| !sound.stretches.is_empty());
        let report = JoinReport {
            unreferenced_bytes: unreferenced,
            ..state.report
        };
        let sound_end = state.sound_end.map_or(0, |(end, _)| end);
        let (head, movie) = write(
            video,
            sound,
            state.edges,
            state.video_end,
            sound_end,
            report.start_ms,
            self.position,
        )?;
        Ok(Joined { head, movie, report })
    }
}

/// A joined movie.
#[derive(Debug, Clone)]
pub struct Joined {
    /// What stands before the payload.
    pub head: Head,
    /// What is in it.
    pub movie: Movie,
    /// What was done.
    pub report: JoinReport,
}

/// What is in a joined movie, and what was done at its seams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JoinReport {
    /// Wall-clock time of the first presented picture, in milliseconds since 1970.
    pub start_ms: i64,
    /// Wall-clock time of the end of the last presented picture, in milliseconds since 1970.
    pub end_ms: i64,
    /// Fragments of which there is a picture.
    pub fragments: usize,
    /// Places where one clip, or one run of fragments inside a clip, follows another.
    pub seams: u32,
    /// Those at which footage is missing.
    pub gaps_closed: u32,
    /// Frames of silence put in; for G.711 each is one sample of 1/8000 s.
    pub silent_frames: u64,
    /// Samples of sound that had no room at a seam; for G.711 each is 1/8000 s.
    pub audio_samples_left_out: u64,
    /// Milliseconds for which sound was stretched, as there is no silence in its codec or none could be put in.
    pub audio_stretched_ms: u64,
    /// Pictures that could not be decoded because what they refer to is missing.
    pub leading_pictures_dropped: u64,
    /// Pictures at the end of a clip that its own edit list hides.
    pub hidden_pictures: u64,
    /// Bytes of payload that no sample refers to.
    pub unreferenced_bytes: u64,
}

#[cfg(test)]
mod tests;
