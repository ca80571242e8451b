//! What an export knows of its footage before it fetches it, and what it learns on the way.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::Job;
use super::waiting::{Waiting, now_ms};
use crate::error::{Error, ErrorType};
use crate::event::Boundary;
use crate::kvs::FetchError;
use crate::plan::{
    CLOCKS_APART_MS, Doubt, Fragment, FragmentSelectorType, MAX_FRAGMENT_SECONDS, Plan, Strange, TimeRange,
    middle_skew,
};
use crate::tally::Stage;

/// How the footage of a range is fetched.
#[derive(Debug)]
pub(super) enum Course {
    /// As the list of its fragments says.
    Listed(Listed),
    /// With one `GetClip` of the range as it was asked for: there is no list.
    Unlisted(Unlisted),
}

/// Why there is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// The function may not call `ListFragments`.
    NotAllowed,
    /// It names nothing. `GetClip` says why: there is nothing, it is too old, nothing is kept.
    Empty {
        /// The server's clock minus the camera's at present, if the camera is sending.
        skew_ms: Option<i64>,
    },
}

impl Unlisted {
    /// The error of the call that was made instead: that there is nothing was known before it.
    pub(super) fn explain(self, error: Error) -> Error {
        match (error, self) {
            (Error::Fetch(source), Self::Empty { skew_ms }) => Error::NothingListed { source, skew_ms },
            (error, _) => error,
        }
    }

    /// What it makes doubtful of the clip.
    pub(super) fn doubts(self, boundary: Boundary) -> Vec<Doubt> {
        let unlisted = match self {
            Self::NotAllowed => Doubt::NotListed,
            Self::Empty { .. } => Doubt::ListedEmpty,
        };
        let not_cut = (boundary == Boundary::Exact).then_some(Doubt::NotCut);
        [unlisted].into_iter().chain(not_cut).collect()
    }
}

/// A plan, and the codec changes that were found in it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) plan: Plan,
    pub(super) boundary: Boundary,
    /// Fragments whose media cannot be in one file with that of the fragment before.
    changes: BTreeSet<usize>,
    /// The first fragments of runs of which nothing is shown: these become no object.
    not_shown: BTreeSet<usize>,
}

impl Listed {
    pub(super) fn new(plan: Plan, boundary: Boundary) -> Self {
        Self {
            plan,
            boundary,
            changes: BTreeSet::new(),
            not_shown: BTreeSet::new(),
        }
    }

    /// Notes that the codec changes with the fragment `first`.
    pub(super) fn changes_at(&mut self, first: usize) {
        self.changes.insert(first);
    }

    /// Notes that playback, cut to the range, shows nothing of the run `number`, and says which
    /// fragments that are.
    pub(super) fn shows_nothing_of(&mut self, number: usize) -> Range<usize> {
        let run = self.runs().get(number).cloned().unwrap_or_default();
        self.not_shown.insert(run.start);
        run
    }

    /// How many fragments are in runs of which nothing is shown.
    pub(super) fn fragments_not_shown(&self) -> usize {
        let runs = self.runs().into_iter();
        runs.filter(|run| self.not_shown.contains(&run.start))
            .map(|run| run.len())
            .sum()
    }

    /// Whether the clip is several objects, as far as is known.
    pub(super) fn is_several(&self) -> bool {
        self.changes.len() > self.not_shown.len()
    }

    /// The runs of fragments of one codec: each of them becomes an object, if anything of it is shown.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let ends = self.changes.iter().copied().chain([self.plan.fragments().len()]);
        let mut start = 0;
        ends.map(|end| std::mem::replace(&mut start, end)..end).collect()
    }

    /// Which of the runs a fragment belongs to.
    pub(super) fn run_of(&self, fragment: usize) -> usize {
        self.changes.range(..=fragment).count()
    }

    /// The windows that fetch the fragments from `first` on.
    pub(super) fn windows(&self, first: usize) -> VecDeque<Range<usize>> {
        let runs = self.runs().into_iter();
        runs.filter(|run| run.end > first && !self.not_shown.contains(&run.start))
            .flat_map(|run| self.plan.windows(run.start.max(first)..run.end))
            .collect()
    }

    /// Why the fragments `window` could not be had. What is listed has to be there: that `GetClip` finds
    /// nothing is no answer about the range.
    pub(super) fn not_there(&self, window: &Range<usize>, error: FetchError) -> Error {
        match Error::Fetch(error) {
            error if error.error_type() == ErrorType::NoFragments => Error::Strange {
                range: self.plan.range(window),
                source: Strange::Nothing,
            },
            error => error,
        }
    }

    /// Whether one `GetClip` is the whole clip as it stands: a second window, playback that is cut to
    /// the range, a gap, which the service may write in two ways, and an overlap, at which sound that is
    /// heard until then meets other sound, make it a matter of joining.
    pub(super) fn needs_no_join(&self) -> bool {
        self.boundary != Boundary::Exact
            && self.plan.doubled_ms() == 0
            && self.windows(0).len() == 1
            && self
                .plan
                .fragments()
                .iter()
                .skip(1)
                .all(|fragment| fragment.continues)
    }
}

/// Footage that comes later than this is not waited for, nor promised: a backlog of an upload is made up for in
/// minutes, and what is later is a clock that is wrong, whose footage would be of another moment.
const LATEST_MS: i64 = 10 * 60 * 1000;

/// Surveys the footage of the range, once it is archived.
///
/// The first survey may show that more is to come: a camera whose clock is behind sends the footage of a
/// moment later than that moment, and one that has lost its connection leaves a fragment that is archived
/// late. Then it is waited for again.
pub(super) async fn survey_when_archived(job: &Job<'_>, waiting: &Waiting<'_>) -> Result<Course, Error> {
    let mut is_past = false;
    // How late the camera's footage is, the first look may not have known; after a second one only time helps.
    let mut looks = 2;
    if now_ms() < waiting.settles_ms(None) {
        looks = 1;
        is_past = job.tally.timed(Stage::Wait, waiting.wait(None)).await?;
    }
    loop {
        let (course, settles_ms, skew_ms) = match survey(job).await? {
            Course::Listed(listed) => {
                let (settles_ms, skew_ms) = (listed.plan.settles_ms(is_past), listed.plan.skew_ms());
                (Course::Listed(listed), settles_ms, skew_ms)
            }
            Course::Unlisted(Unlisted::Empty { .. }) => {
                let skew_ms = present_skew(job).await?;
                let settles_ms = skew_ms.map(|_| waiting.settles_ms(skew_ms));
                let settles_ms = settles_ms.filter(|ms| ms.saturating_sub(now_ms()) <= LATEST_MS);
                (Course::Unlisted(Unlisted::Empty { skew_ms }), settles_ms, skew_ms)
            }
            course @ Course::Unlisted(Unlisted::NotAllowed) => (course, None, None),
        };
        let Some(settles_ms) = settles_ms.filter(|ms| now_ms() < *ms) else {
            return Ok(course);
        };
        tracing::info!(skew_ms, "the list lacks footage of the range that may still come");
        if is_past || looks == 0 {
            job.tally.timed(Stage::Wait, waiting.settle(settles_ms)).await?;
        } else {
            looks -= 1;
            is_past = job.tally.timed(Stage::Wait, waiting.wait(skew_ms)).await?;
        }
    }
}

/// How far the server's clock is ahead of the camera's at present, if the camera is sending. Asked where a
/// range by the camera's clock is empty: it may be so because that clock has not come so far.
async fn present_skew(job: &Job<'_>) -> Result<Option<i64>, Error> {
    if job.request.selector == FragmentSelectorType::ServerTimestamp {
        return Ok(None);
    }
    // Two of the longest fragments: the last that was archived is not older.
    let longest = MAX_FRAGMENT_SECONDS.saturating_add(1).saturating_mul(1000);
    let end = now_ms().saturating_sub(CLOCKS_APART_MS);
    let Some(range) = TimeRange::from_milliseconds(end.saturating_sub(longest.saturating_mul(2)), end) else {
        return Ok(None);
    };
    let listed = list(job, &range, FragmentSelectorType::ServerTimestamp).await?;
    let skew_ms = listed.ok().and_then(|listed| middle_skew(&listed));
    tracing::info!(skew_ms, "the range is empty; looked at what the camera sends now");
    Ok(skew_ms)
}

/// Lists fragments, as a stage of its own.
async fn list(
    job: &Job<'_>,
    range: &TimeRange,
    selector: FragmentSelectorType,
) -> Result<Result<Vec<Fragment>, FetchError>, Error> {
    let listing = job.list(range, selector, "listing the fragments");
    job.tally.timed(Stage::List, listing).await
}

/// Lists the fragments of the range and plans their way.
pub(super) async fn survey(job: &Job<'_>) -> Result<Course, Error> {
    let request = job.request;
    let range = request.boundary.listed(&request.range);
    let listed = match list(job, &range, request.selector).await? {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(
                error = crate::error::chain(&error),
                "without kinesisvideo:ListFragments it cannot be known whether the clip is complete"
            );
            return Ok(Course::Unlisted(Unlisted::NotAllowed));
        }
    };
    let found = listed.len();
    let plan = Plan::new(listed, request.selector, &request.range, request.boundary);
    tracing::info!(
        listed = found,
        fragments = plan.fragments().len(),
        windows = plan.windows(0..plan.fragments().len()).len(),
        bytes = plan.bytes(&(0..plan.fragments().len())),
        gaps = plan.gaps.len(),
        resent = plan.resent,
        overlapping = plan.overlapping,
        skew_ms = plan.skew_ms(),
        "planned"
    );
    if plan.fragments().is_empty() {
        return Ok(Course::Unlisted(Unlisted::Empty { skew_ms: None }));
    }
    Ok(Course::Listed(Listed::new(plan, request.boundary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many fragments of 2 s from the second 0 on, but for those that are named.
    fn listed(count: i64, without: &[i64], boundary: Boundary) -> Listed {
        let fragments = (0..count).filter(|i| !without.contains(i)).map(|i| Fragment {
            number: i.to_string().into(),
            producer_ms: i * 2000,
            server_ms: i * 2000,
            length_ms: 1960,
            bytes: 1000,
        });
        let range = TimeRange::from_milliseconds(0, count * 2000 - 1).expect("a range");
        let selector = FragmentSelectorType::ProducerTimestamp;
        Listed::new(
            Plan::new(fragments.collect(), selector, &range, boundary),
            boundary,
        )
    }

    fn windows(listed: &Listed, first: usize) -> Vec<(usize, usize)> {
        let windows = listed.windows(first).into_iter();
        windows.map(|window| (window.start, window.end)).collect()
    }

    #[test]
    fn no_window_reaches_over_a_change() {
        let mut listed = listed(450, &[], Boundary::Cover);
        assert_eq!(windows(&listed, 0), [(0, 200), (200, 400), (400, 450)]);
        listed.changes_at(250);
        listed.changes_at(260);
        assert_eq!(
            windows(&listed, 0),
            [(0, 200), (200, 250), (250, 260), (260, 450)]
        );
        assert_eq!(windows(&listed, 255), [(255, 260), (260, 450)]);
        assert!(listed.is_several());
        assert_eq!(
            [0, 249, 250, 260].map(|fragment| listed.run_of(fragment)),
            [0, 0, 1, 2]
        );
    }

    #[test]
    fn runs_of_which_nothing_is_shown_are_no_objects_and_not_fetched_again() {
        let mut listed = listed(300, &[], Boundary::Exact);
        listed.changes_at(100);
        assert!(listed.is_several());
        assert_eq!(listed.shows_nothing_of(0), 0..100);
        assert!(!listed.is_several());
        assert_eq!(windows(&listed, 0), [(100, 300)]);
        // A later change makes it several again.
        listed.changes_at(250);
        assert!(listed.is_several());
        assert_eq!(windows(&listed, 0), [(100, 250), (250, 300)]);
        assert_eq!(listed.shows_nothing_of(2), 250..300);
        assert!(!listed.is_several());
        assert_eq!(listed.fragments_not_shown(), 150);
    }

    #[test]
    fn what_one_call_serves_as_it_stands_needs_no_join() {
        assert!(listed(10, &[], Boundary::Cover).needs_no_join());
        assert!(listed(10, &[], Boundary::Fragment).needs_no_join());
        assert!(!listed(10, &[], Boundary::Exact).needs_no_join());
        assert!(!listed(10, &[4], Boundary::Cover).needs_no_join());
        assert!(!listed(201, &[], Boundary::Cover).needs_no_join());
    }

    #[test]
    fn fragments_that_overlap_are_joined() {
        let fragments = [(0, 1440), (700, 1960)].map(|(producer_ms, length_ms)| Fragment {
            number: producer_ms.to_string().into(),
            producer_ms,
            server_ms: producer_ms,
            length_ms,
            bytes: 1000,
        });
        let range = TimeRange::from_milliseconds(0, 2000).expect("a range");
        let selector = FragmentSelectorType::ProducerTimestamp;
        let plan = Plan::new(fragments.to_vec(), selector, &range, Boundary::Cover);
        assert_eq!(plan.fragments().len(), 2);
        assert!(!Listed::new(plan, Boundary::Cover).needs_no_join());
    }
}
