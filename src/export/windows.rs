//! Windows become objects: each `GetClip` is compared with the plan, and its media goes on while it
//! comes.

mod arrived;
mod print;
mod reading;

use std::collections::VecDeque;
use std::ops::Range;

use super::ahead::Ahead;
use super::change;
use super::course::Listed;
use super::incoming::Incoming;
use super::objects::Making;
use super::{Halt, Job, breaks_off};
use crate::backoff::Backoff;
use crate::error::{Error, chain};
use crate::mp4::{ClipTables, Difference, FourCC, Joiner, Mp4Error};
use crate::plan::Strange;
use crate::receipt::Footage;
use crate::retry;
use crate::upload::Completes;
use print::Print;

/// Makes the objects of a plan out of its windows.
pub(super) struct Windows<'a> {
    job: &'a Job<'a>,
    listed: &'a mut Listed,
    makings: &'a mut Vec<Making>,
    queue: VecDeque<Range<usize>>,
    ahead: Option<Ahead>,
    /// The movie of the object that is being made.
    movie: Option<Joining>,
    /// Whether an answer has told how long a frame lasts.
    knows_frame: bool,
    /// Retries of windows of which nothing came whole, since one came whole: each costs its clip's share of the
    /// quota and its bytes again, and without a bound there would be one for every fragment.
    alone: Backoff,
    /// Windows that have been fetched.
    done: u32,
}

/// A movie that clips are joined into.
#[derive(Debug)]
struct Joining {
    joiner: Joiner,
    /// Which run of the plan it is.
    run: usize,
    /// What every further clip has to be like.
    first: Option<ClipTables>,
    /// The clip that goes as it came, and where its media begins.
    straight: Option<(ClipTables, Option<u64>)>,
    /// Bytes of the clip in progress that have gone out.
    given: u64,
    /// Whether a clip is in progress whose tables are known.
    in_progress: bool,
    /// Handlers of the tracks that were left out of clips.
    left_out: Vec<FourCC>,
    /// Whether the last clip had sound.
    has_sound: bool,
    /// The last fragment of a clip that was cut short after it.
    tail: Option<Print>,
    /// The same of the clip in progress.
    next_tail: Option<Print>,
}

/// What came of a window.
enum Came {
    /// So many of its fragments, from the first on.
    Fragments(usize),
    /// Nothing: its first fragment has another codec than the one before.
    Changed,
}

impl<'a> Windows<'a> {
    pub(super) fn new(job: &'a Job<'a>, listed: &'a mut Listed, makings: &'a mut Vec<Making>) -> Self {
        Self {
            queue: listed.windows(0),
            alone: Backoff::new(job.transfer.retries),
            job,
            listed,
            makings,
            ahead: None,
            movie: None,
            knows_frame: false,
            done: 0,
        }
    }

    /// Fetches all windows and seals all objects.
    pub(super) async fn run(mut self) -> Result<u32, Halt> {
        while let Some(window) = self.queue.pop_front() {
            self.begin_object(&window).await?;
            let came = match self.window(&window).await {
                Ok(came) => came,
                Err(Halt::Failed(Error::Fetch(error))) if error.is_codec_change() && window.len() > 1 => {
                    let Some(first) = change::find(self.job, self.listed, &window).await? else {
                        return Err(Halt::Failed(Error::Fetch(error)));
                    };
                    self.change(first, &window)?;
                    continue;
                }
                // Not one fragment of it came whole, because of the others or for itself.
                Err(Halt::Failed(
                    error @ Error::Strange {
                        source: Strange::Nothing,
                        ..
                    },
                )) if window.len() > 1 => {
                    let (walls, tally) = (&self.job.invocation.walls, self.job.tally);
                    let (failure, what) = (|| chain(&error), "asking for its first fragment alone");
                    if !retry::wait(&mut self.alone, walls, tally, failure, Some(&window), what).await {
                        return Err(Halt::Failed(error));
                    }
                    let second = window.start.saturating_add(1);
                    self.queue = self.listed.windows(second);
                    self.queue.push_front(window.start..second);
                    self.ahead = None;
                    continue;
                }
                Err(halt) => return Err(halt),
            };
            match came {
                Came::Fragments(count) => {
                    self.done = self.done.saturating_add(1);
                    let next = window.start.saturating_add(count);
                    if next == window.end && window.len() > 1 {
                        self.alone = Backoff::new(self.job.transfer.retries);
                    }
                    if next < window.end {
                        tracing::warn!(
                            window = ?window,
                            came = count,
                            "GetClip has cut the clip short; going on with the first missing fragment"
                        );
                        self.job.tally.failed("GetClip cut a clip short".to_owned());
                        self.queue = self.listed.windows(next);
                        self.ahead = None;
                    }
                }
                Came::Changed => self.change(window.start, &window)?,
            }
        }
        self.seal().await?;
        if self.makings.is_empty() {
            return Err(Halt::Failed(Error::Damaged(Mp4Error::Nothing)));
        }
        Ok(self.done)
    }

    /// Sees to it that there is an object for the run of `window`, and that the one before is sealed.
    async fn begin_object(&mut self, window: &Range<usize>) -> Result<(), Halt> {
        let run = self.listed.run_of(window.start);
        if self.movie.as_ref().is_some_and(|movie| movie.run == run) {
            return Ok(());
        }
        self.seal().await?;
        // Runs of which nothing is shown do not count.
        let number = self.makings.len().saturating_add(1);
        let number = self.listed.is_several().then_some(number);
        let bytes = self.bytes_of(run);
        self.makings.push(Making::new(self.job, number, bytes));
        self.movie = Some(Joining {
            joiner: Joiner::new(self.job.exact()),
            run,
            first: None,
            straight: None,
            given: 0,
            in_progress: false,
            left_out: Vec::new(),
            has_sound: false,
            tail: None,
            next_tail: None,
        });
        Ok(())
    }

    fn bytes_of(&self, run: usize) -> u64 {
        let runs = self.listed.runs();
        runs.get(run).map_or(0, |run| self.listed.plan.bytes(run))
    }

    /// Sends the head of the movie that is being made.
    async fn seal(&mut self) -> Result<(), Halt> {
        let (Some(movie), Some(making)) = (self.movie.take(), self.makings.last_mut()) else {
            return Ok(());
        };
        if movie.first.is_none() {
            // It is an answer of GetClip as it came, and whole.
            return Ok(());
        }
        let joined = match movie.joiner.finish() {
            Ok(joined) => joined,
            Err(Mp4Error::Nothing) => return self.leave_out(movie.run).await,
            Err(error) => return Err(Halt::Failed(Error::Damaged(error))),
        };
        let completes = if self.listed.is_several() {
            Completes::WithOthers
        } else {
            Completes::AtOnce
        };
        let report = &joined.report;
        tracing::info!(
            key = making.key,
            duration_seconds = joined.movie.duration_seconds,
            head_bytes = joined.head.len(),
            seams = report.seams,
            gaps_closed = report.gaps_closed,
            silent_frames = report.silent_frames,
            unreferenced_bytes = report.unreferenced_bytes,
            "the media is whole"
        );
        making.movie = Some(joined.movie);
        making.not_shown = making.fragments.saturating_sub(report.fragments);
        let footage = Footage::new(report.start_ms, report.end_ms, report.fragments, Some(report));
        making.footage = Some(footage.without_tracks(&movie.left_out));
        let head = std::sync::Arc::new(super::MovieHead(joined.head));
        let sealing = making.upload.seal(head, completes).await;
        sealing.map_err(|error| Halt::Failed(Error::Upload(error)))
    }

    /// Makes no object of a run of which playback, cut to the range, shows nothing.
    async fn leave_out(&mut self, run: usize) -> Result<(), Halt> {
        let fragments = self.listed.shows_nothing_of(run);
        tracing::warn!(
            ?fragments,
            "playback that is cut to the range shows nothing of these fragments: no object is made of them"
        );
        if let Some(making) = self.makings.last_mut() {
            // A try that broke off may have sent media.
            making.upload.abandon().await.map_err(Error::Upload)?;
        }
        self.makings.pop();
        let numbered = self.makings.iter().any(|making| making.number.is_some());
        if numbered && !self.listed.is_several() {
            return Err(Halt::Renumber);
        }
        Ok(())
    }

    /// Fetches one window into the object that is being made, as often as it takes.
    async fn window(&mut self, window: &Range<usize>) -> Result<Came, Halt> {
        let mut backoff = Backoff::new(self.job.transfer.retries);
        loop {
            let error = match self.attempt(window, &mut backoff).await {
                Ok(came) => return Ok(came),
                Err(error) => error,
            };
            let (walls, tally) = (&self.job.invocation.walls, self.job.tally);
            let (failure, what) = (|| chain(&error), "fetching the window again");
            if !breaks_off(&error)
                || !retry::wait(&mut backoff, walls, tally, failure, Some(window), what).await
            {
                return Err(Halt::Failed(error));
            }
        }
    }

    /// The answer to `GetClip` for a window: the one that was asked for early, or a new one.
    async fn open(&mut self, window: &Range<usize>, backoff: &mut Backoff) -> Result<Incoming, Error> {
        if let Some(ahead) = self.ahead.take_if(|ahead| ahead.is_of(window))
            && let Some(answer) = ahead.answer().await
        {
            return answer
                .map(Incoming::new)
                .map_err(|error| self.listed.not_there(window, error));
        }
        let range = self
            .listed
            .plan
            .range(window)
            .ok_or_else(|| self.strange(window, Strange::Nothing))?;
        let asking = self.job.archive.get_clip(&range, Some(window.len()), backoff);
        asking
            .await
            .map(Incoming::new)
            .map_err(|error| self.listed.not_there(window, error))
    }

    /// Asks for the next window while this one is still coming.
    fn ask_ahead(&mut self) {
        if self.ahead.is_none()
            && let Some(next) = self.queue.front()
            && let Some(range) = self.listed.plan.range(next)
        {
            self.ahead = Some(Ahead::ask(self.job, next.clone(), range));
        }
    }

    /// Whether a clip can go into the movie that is being made. Sound that begins or ends with it may
    /// be a microphone that was switched, or another set of tracks; `GetClip` knows. A copy that the plan leaves out
    /// may begin between the two and is judged with them. Most often it is of the connection that the second one is
    /// of; if it were of a third kind, there would be an object more than is needed, of which nothing is missing.
    async fn belongs(&self, window: &Range<usize>, tables: &ClipTables) -> Result<bool, Error> {
        let Some(movie) = &self.movie else {
            return Ok(true);
        };
        let (Some(first), has_sound) = (&movie.first, movie.has_sound) else {
            return Ok(true);
        };
        match tables.differs_from(first) {
            None | Some(Difference::AudioAppears | Difference::AudioDisappears)
                if tables.audio().is_some() == has_sound =>
            {
                Ok(true)
            }
            Some(Difference::VideoConfiguration | Difference::AudioConfiguration) => Ok(false),
            _ => {
                let seam = window.start.saturating_sub(1)..window.start.saturating_add(1);
                change::accepts(self.job, self.listed, &seam).await
            }
        }
    }

    /// Notes a change of codec. What has gone up under the key of a single object has to be made again
    /// under the first of several.
    fn change(&mut self, first: usize, window: &Range<usize>) -> Result<(), Halt> {
        let numbered = self.listed.is_several();
        self.listed.changes_at(first);
        tracing::warn!(fragment = first, "the codec changes here: a new object begins");
        if let (false, Some(movie)) = (numbered, &self.movie) {
            let bytes = self.bytes_of(movie.run);
            if let Some(making) = self.makings.last_mut() {
                if making.upload.position() > 0 {
                    return Err(Halt::Renumber);
                }
                // Clips that are joined already, of which nothing is shown, stay what they are.
                let fragments = making.fragments;
                *making = Making::new(self.job, Some(1), bytes);
                making.fragments = fragments;
            }
        }
        self.ahead = None;
        self.queue = self.listed.windows(window.start);
        Ok(())
    }
}
