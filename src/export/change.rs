//! Where the codec changes: `GetClip` refuses a range in which it does, and `ListFragments` does not
//! show it.

use std::ops::Range;

use super::course::Listed;
use super::incoming::Incoming;
use super::{Job, breaks_off};
use crate::backoff::Backoff;
use crate::error::{Error, chain};
use crate::plan::Planned;
use crate::retry;

/// The first fragment of `window` that `GetClip` does not take together with those before it.
/// `window` as a whole was refused.
///
/// Each try is a call of whose answer only the beginning is read. A camera that changes its codec begins anew, so the
/// breaks of the window are tried first: then two calls are enough; otherwise as many as it takes to
/// halve the window down to one fragment, at most eight.
pub(super) async fn find(
    job: &Job<'_>,
    listed: &Listed,
    window: &Range<usize>,
) -> Result<Option<usize>, Error> {
    let fragments = listed.plan.fragments().get(window.clone()).unwrap_or_default();
    let mut search = Search::new(fragments);
    let mut calls = 0u32;
    while let Some(length) = search.next() {
        calls = calls.saturating_add(1);
        let prefix = window.start..window.start.saturating_add(length);
        search.learn(length, accepts(job, listed, &prefix).await?);
    }
    let found = search.found().map(|length| window.start.saturating_add(length));
    tracing::info!(
        calls,
        fragments = window.len(),
        before_the_change = found.map(|found| found.saturating_sub(window.start)),
        "looked for the change of codec"
    );
    Ok(found)
}

/// Whether `GetClip` makes one clip of the fragments `run`: false where their codecs or their tracks differ. Asks for
/// the clip, which costs as much of the quota as having it, and hangs up when it has begun.
pub(super) async fn accepts(job: &Job<'_>, listed: &Listed, run: &Range<usize>) -> Result<bool, Error> {
    let Some(range) = listed.plan.range(run) else {
        return Ok(true);
    };
    let mut backoff = Backoff::new(job.transfer.retries);
    loop {
        let error = match job.archive.get_clip(&range, Some(run.len()), &mut backoff).await {
            Err(error) if error.is_codec_change() => return Ok(false),
            Err(error) => return Err(listed.not_there(run, error)),
            // What is no clip says nothing about the fragments.
            Ok(clip) => match Incoming::new(clip).layout().await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            },
        };
        let (walls, tally) = (&job.invocation.walls, job.tally);
        let (failure, what) = (
            || chain(&error),
            "asking again whether the fragments make one clip",
        );
        if !breaks_off(&error) || !retry::wait(&mut backoff, walls, tally, failure, Some(run), what).await {
            return Err(error);
        }
    }
}

/// The search for the longest beginning of a window that is taken.
#[derive(Debug)]
struct Search<'a> {
    fragments: &'a [Planned],
    /// So many fragments are taken together.
    taken: usize,
    /// So many are not.
    refused: usize,
}

impl<'a> Search<'a> {
    /// All of `fragments` together were refused; one alone has no change in it.
    fn new(fragments: &'a [Planned]) -> Self {
        Self {
            fragments,
            taken: 1,
            refused: fragments.len(),
        }
    }

    /// How many fragments to try; `None` when it is known.
    fn next(&self) -> Option<usize> {
        let (first, last) = (self.taken.checked_add(1)?, self.refused.checked_sub(1)?);
        if first > last {
            return None;
        }
        let is_break = |length: &usize| {
            let next = self.fragments.get(*length);
            next.is_some_and(|next| !next.continues)
        };
        let middle = first.midpoint(last);
        if is_break(&self.taken) && self.taken > 1 {
            return Some(first);
        }
        let breaks = (first..=last).filter(is_break);
        Some(
            breaks
                .min_by_key(|length| length.abs_diff(middle))
                .unwrap_or(middle),
        )
    }

    fn learn(&mut self, length: usize, taken: bool) {
        if taken {
            self.taken = length;
        } else {
            self.refused = length;
        }
    }

    /// How many fragments come before the change; `None` for a window of one, which has none.
    fn found(&self) -> Option<usize> {
        (self.refused > self.taken).then_some(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among so many fragments for a change before the fragment `change`; the calls it took.
    fn search(count: usize, breaks: &[usize], change: usize) -> (Option<usize>, usize) {
        let fragments: Vec<Planned> = (0..count)
            .map(|i| Planned {
                start_ms: i as i64,
                producer_ms: i as i64,
                skew_ms: 0,
                length_ms: 1,
                bytes: 1,
                continues: !breaks.contains(&i),
            })
            .collect();
        let mut search = Search::new(&fragments);
        let mut calls = 0;
        while let Some(length) = search.next() {
            search.learn(length, length <= change);
            calls += 1;
        }
        (search.found(), calls)
    }

    #[test]
    fn a_change_at_a_break_takes_two_calls() {
        assert_eq!(search(200, &[0, 130], 130), (Some(130), 2));
    }

    #[test]
    fn any_change_takes_eight_calls_at_most() {
        for change in 1..200 {
            let (found, calls) = search(200, &[0], change);
            assert_eq!(found, Some(change));
            assert!(calls <= 8, "{calls} calls for {change}");
            let (found, _) = search(200, &[0, 5, 6, 100, 101, 170], change);
            assert_eq!(found, Some(change));
        }
    }

    #[test]
    fn one_fragment_alone_has_no_change() {
        assert_eq!(search(1, &[0], 1), (None, 0));
        assert_eq!(search(2, &[0], 1), (Some(1), 0));
    }
}
