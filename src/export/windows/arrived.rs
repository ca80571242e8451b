//! What came for a window, held against the plan.

use std::ops::Range;

use super::Windows;
use super::print::Print;
use crate::error::Error;
use crate::mp4::{ClipTables, FragmentStart};
use crate::plan::{Arrival, Planned, Seen, Strange, Sync, WINDOW_BYTES, compare};

impl Windows<'_> {
    /// Finds the fragments of the window in a clip.
    pub(super) fn arrived(&mut self, window: &Range<usize>, tables: &ClipTables) -> Result<Arrival, Error> {
        if !std::mem::replace(&mut self.knows_frame, true) {
            let frame_us = tables.frame_inside_us();
            self.listed.plan.learn_frame(frame_us.saturating_add(999) / 1000);
        }
        let syncs: Vec<Sync> = tables
            .video_sync_samples()
            .map(|sync| Sync {
                sample: sync.number,
                at_us: sync.at_us,
                before_us: sync.before_us,
            })
            .collect();
        let samples = tables.video_samples();
        let last = samples.checked_sub(1).and_then(|last| tables.picture_us(last));
        let seen = Seen {
            sync_samples: &syncs,
            samples,
            last_us: tables.video_end_us().saturating_sub(last.unwrap_or(0)),
            usual_us: tables.usual_picture_us(),
            last_sound_us: tables.last_sound_us(),
            may_be_cut: tables.media_bytes() > WINDOW_BYTES,
        };
        let arrival =
            compare(self.planned(window), &seen).map_err(|strange| self.strange(window, strange))?;
        let print = |fragment: usize| {
            let start = arrival.fragments.get(fragment)?.sample;
            let next = arrival.fragments.get(fragment.saturating_add(1));
            let end = next.map_or(arrival.end, |next| next.sample);
            Some(Print::of(tables, &syncs, start..end))
        };
        let came = arrival.fragments.len();
        let (movie, _) = self.at_hand()?;
        // Where a listed fragment is not in an answer at all, its end looks cut off; what is then asked
        // for again is there already.
        let is_again = |tail: &Print| print(0).is_some_and(|first| tail.is_same(&first));
        if movie.tail.as_ref().is_some_and(is_again) {
            return Err(self.strange(window, Strange::Again));
        }
        movie.next_tail = None;
        if came < window.len() {
            movie.next_tail = print(came.saturating_sub(1)).filter(Print::is_telling);
            if movie.next_tail.is_none() {
                return Err(self.strange(window, Strange::Short));
            }
        }
        Ok(arrival)
    }

    pub(super) fn starts(&self, window: &Range<usize>, arrival: &Arrival) -> Vec<FragmentStart> {
        let starts = arrival.fragments.iter().zip(self.planned(window));
        starts
            .map(|(found, planned)| FragmentStart {
                sample: found.sample,
                wall_ms: self.listed.plan.wall_ms(planned),
                continues: found.continues,
            })
            .collect()
    }

    fn planned(&self, window: &Range<usize>) -> &[Planned] {
        let fragments = self.listed.plan.fragments();
        fragments.get(window.clone()).unwrap_or_default()
    }

    /// An answer that does not fit the plan, and which one.
    pub(super) fn strange(&self, window: &Range<usize>, strange: Strange) -> Error {
        let first = match strange {
            Strange::NotFound { fragment, .. } => window.start.saturating_add(fragment),
            _ => window.start,
        };
        Error::Strange {
            range: self.listed.plan.range(&(first..window.end)),
            source: strange,
        }
    }
}
