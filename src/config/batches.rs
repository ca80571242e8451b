//! How many exports of a batch run side by side: as many as the function's memory holds.

use std::num::NonZeroUsize;

use jiff::SignedDuration;

use super::non_zero;

/// MiB of the process itself: its code, its clients, the event, the allocator's holes.
const PROCESS_MIB: u64 = 32;

/// MiB of one export beside its parts: the rest of part 1, one clip's `moov` and the tables of [`HOURS`].
const EXPORT_MIB: u64 = 24;

/// Hours whose tables are in [`EXPORT_MIB`].
const HOURS: u64 = 3;

/// MiB of each further hour: tables of 30 pictures a second with sound, and its list of fragments.
const HOUR_MIB: u64 = 3;

/// Exports side by side at most: Kinesis Video Streams allows two full clips a second of one stream, and
/// messages of a batch are often about the same.
const MOST_SIDE_BY_SIDE: u64 = 10;

/// How messages of a queue are worked off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// Exports at a time at most: as many short ones as the function's memory holds.
    pub side_by_side: NonZeroUsize,
    /// MiB of memory that all exports have together.
    pub room_mib: u32,
    /// MiB of it that a short export may take.
    export_mib: u32,
    /// Queue for messages that can never be served, `CLIP_FAILED_QUEUE_URL`. Where it is not set, they go
    /// back to the queue that they came from, whose redrive policy decides.
    pub failed_queue_url: Option<String>,
}

impl Batches {
    /// Of `memory_mib`, which is 0 where nobody says it.
    pub(super) fn of(memory_mib: u64, part_mib: u64, uploads: u64, failed_queue_url: Option<String>) -> Self {
        let export = part_mib
            .saturating_mul(uploads.saturating_add(1))
            .saturating_add(EXPORT_MIB);
        let room = memory_mib.saturating_sub(PROCESS_MIB).max(export);
        let most = (room / export.max(1)).min(MOST_SIDE_BY_SIDE);
        let mib = |mib: u64| u32::try_from(mib).unwrap_or(u32::MAX);
        Self {
            side_by_side: non_zero(usize::try_from(most).unwrap_or(1)),
            room_mib: mib(room),
            export_mib: mib(export),
            failed_queue_url,
        }
    }

    /// MiB that the export of a range of this length may take, by the bound that the library's documentation gives; all
    /// that there is if that is less, because one export always runs.
    #[must_use]
    pub fn mib_of(&self, range: SignedDuration) -> u32 {
        // A begun hour counts.
        let hours = range.as_secs().unsigned_abs() / 3600 + 1;
        let further = hours.saturating_sub(HOURS).saturating_mul(HOUR_MIB);
        let mib = u64::from(self.export_mib).saturating_add(further);
        u32::try_from(mib).map_or(self.room_mib, |mib| mib.min(self.room_mib))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_exports_run_side_by_side_as_memory_holds() {
        let exports = |memory, part, uploads| Batches::of(memory, part, uploads, None).side_by_side.get();
        assert_eq!(exports(256, 8, 3), 4);
        assert_eq!(exports(512, 8, 3), 8);
        assert_eq!(exports(128, 5, 2), 2);
        assert_eq!(exports(0, 8, 4), 1);
        assert_eq!(exports(10_240, 8, 4), 10);
        assert_eq!(exports(256, 256, 32), 1);
    }

    #[test]
    fn a_day_takes_the_memory_of_several_minutes() {
        let batches = Batches::of(256, 8, 3, None);
        let mib = |hours| batches.mib_of(SignedDuration::from_hours(hours));
        assert_eq!((batches.room_mib, mib(0), mib(2), mib(3)), (224, 56, 56, 59));
        assert_eq!(mib(24), 56 + 22 * 3);
        assert_eq!(
            Batches::of(0, 8, 3, None).mib_of(SignedDuration::from_hours(24)),
            56
        );
    }
}
