//! Connections of the producer: what it sent, when it was received, and what it sent twice.
//!
//! A producer that reconnects rewinds: it sends again what may not have arrived, faster than real time, until
//! it has caught up. So each session begins some fragments before the one where the last session ended, and
//! the archive holds those twice.
//!
//! A connection may also break off inside of a fragment. What had arrived of it is archived as a short fragment
//! beside the whole one of the next session, since a fragment is closed when its session ends (an engineer of
//! AWS in issue 518 of amazon-kinesis-video-streams-producer-sdk-cpp). That its beginning is then kept, with the
//! timestamps, the length and the size of what arrived, is documented nowhere: it is the harder case for
//! who exports.

use super::{Reconnects, Selector, Stream};

/// How many times faster than real time a producer sends after it has reconnected, until it has caught up.
const CATCH_UP: i64 = 10;

/// No fragment of any stream has a higher index before the year 10000.
const LAST_INDEX: i64 = 1 << 40;

/// One connection: fragments `first` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kvs) struct Session {
    /// Rises from connection to connection.
    pub(in crate::kvs) number: i64,
    pub(super) first: i64,
    /// The first that was not sent whole before; the earlier ones are copies.
    pub(super) resumed: i64,
    end: i64,
    /// The one that the connection broke in, which is the last.
    pub(super) broken: Option<i64>,
    /// How much later its fragments start than their durations and the phase say, in milliseconds.
    grid_ms: i64,
    /// When the connection before it ended, on the server's clock, if there was one.
    began: Option<i64>,
}

/// How connections break inside of fragments. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    /// What of the last fragment of a session arrives, from its start on.
    pub(super) after_ms: i64,
    /// How much later than those of the session before it the fragments of a session start, less whole fragments.
    pub(super) grid_ms: i64,
}

/// Fragments of one session, both ends included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kvs) struct Run {
    pub(in crate::kvs) session: Session,
    pub(in crate::kvs) first: i64,
    pub(in crate::kvs) last: i64,
}

impl Run {
    /// How many fragments, those in gaps included.
    pub(in crate::kvs) fn count(&self) -> i64 {
        self.last - self.first + 1
    }
}

impl Stream {
    /// The fragments that start in `[start, end]` and are archived and retained at `now`, session by session.
    /// Gaps are still in it.
    pub(in crate::kvs) fn runs(&self, by: Selector, start: i64, end: i64, now: i64) -> Vec<Run> {
        if self.silent {
            return Vec::new();
        }
        let (from, to) = self.sessions_near(by, start, end);
        (from..=to)
            .map(|number| self.session(number))
            .filter_map(|session| self.run(session, by, start, end, now))
            .collect()
    }

    fn run(&self, session: Session, by: Selector, start: i64, end: i64, now: i64) -> Option<Run> {
        let head = self.head_ms(now);
        let first = first_where(session.first, session.end, |index| {
            self.clock(by, session, index) >= start && self.server_start(session, index) >= head
        });
        // Closed when the next fragment starts or the connection breaks, and found a moment later.
        let closed = |index| match self.breaks {
            Some(broke) if session.broken == Some(index) => {
                self.server_start(session, index) + broke.after_ms
            }
            _ => self.server_start(session, index + 1),
        };
        let after = first_where(first, session.end, |index| {
            self.clock(by, session, index) > end || closed(index) > now.saturating_sub(self.index_ms)
        });
        (first < after).then(|| Run {
            session,
            first,
            last: after - 1,
        })
    }

    fn clock(&self, by: Selector, session: Session, index: i64) -> i64 {
        match by {
            Selector::ProducerTimestamp => self.producer_start(session, index),
            Selector::ServerTimestamp => self.server_start(session, index),
        }
    }

    /// Rises with the index, since a shift is shorter than every fragment.
    pub(super) fn producer_start(&self, session: Session, index: i64) -> i64 {
        let shift = if index < session.resumed { self.shift_ms } else { 0 };
        self.grid.start(index) + self.phase_ms + session.grid_ms + shift
    }

    /// Rises with the index: live, or later while the producer catches up.
    pub(super) fn server_start(&self, session: Session, index: i64) -> i64 {
        let live = self.grid.start(index) + self.phase_ms + session.grid_ms + self.skew_ms;
        let Some(began) = session.began else {
            return live;
        };
        let backlog = self.grid.start(index) - self.grid.start(session.first);
        live.max(began + backlog / CATCH_UP)
    }

    /// First and last number of the sessions that may have a fragment in the range.
    fn sessions_near(&self, by: Selector, start: i64, end: i64) -> (i64, i64) {
        match &self.reconnects {
            Reconnects::Never => (0, 0),
            Reconnects::At(moments) => (0, moments.len() as i64),
            Reconnects::Every(period) => {
                let skew = match by {
                    Selector::ProducerTimestamp => 0,
                    Selector::ServerTimestamp => self.skew_ms,
                };
                // Nothing of a session is further from its own time than this.
                let broken = self
                    .breaks
                    .map_or(0, |broke| broke.grid_ms + self.grid.longest_ms());
                let reach = self.rewind_ms + self.shift_ms.abs() + 2 * broken;
                (
                    (start - skew - reach).div_euclid(*period) - 1,
                    (end - skew + reach).div_euclid(*period) + 1,
                )
            }
        }
    }

    fn session(&self, number: i64) -> Session {
        let moment = |number: i64| match &self.reconnects {
            Reconnects::Never => None,
            Reconnects::Every(period) => Some(number * period),
            Reconnects::At(moments) => {
                let before = usize::try_from(number).ok()?.checked_sub(1)?;
                moments.get(before).copied()
            }
        };
        let index = |moment: i64| self.grid.at_or_after(moment - self.phase_ms).clamp(0, LAST_INDEX);
        let (began, ends) = (moment(number), moment(number + 1).map(index));
        let resumed = began.map_or(0, index);
        let broken = ends.filter(|_| self.breaks.is_some());
        let server = self.grid.start(resumed) + self.phase_ms + self.skew_ms;
        let arrived = self.breaks.map_or(0, |broke| broke.after_ms);
        Session {
            number,
            first: began.map_or(0, |at| index(at - self.rewind_ms)),
            resumed,
            end: broken.map(|index| index + 1).or(ends).unwrap_or(LAST_INDEX),
            broken,
            grid_ms: self.grid_ms(number),
            began: began.map(|_| server + self.grid_ms(number - 1) + arrived),
        }
    }

    /// How much later than the first session's fragments those of a session start.
    fn grid_ms(&self, number: i64) -> i64 {
        let later = self.breaks.map_or(0, |broke| broke.grid_ms);
        (number * later).rem_euclid(self.grid.shortest_ms())
    }
}

/// The first of `[from, to)` of which something is true that stays true, or `to`.
fn first_where(from: i64, to: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (from, to.max(from));
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests;
