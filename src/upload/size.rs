//! How large a part has to be.

use std::num::NonZeroUsize;

/// Parts that an upload can have. Source: S3 user guide, "Amazon S3 multipart upload limits".
pub(super) const MAX_PARTS: usize = 10_000;

/// Bytes that a part has at least if it is not the last. Source: as [`MAX_PARTS`].
pub(super) const LEAST_PART: usize = 5 << 20;

const MIB: u64 = 1024 * 1024;

/// Bytes of a part of an object that will have up to `expected` bytes: what the operator set, or,
/// where 9,999 such parts would not be enough, the next whole MiB with which they are. The part that
/// is left may be a short one, with little but a head in it.
#[must_use]
pub fn part_bytes(configured: NonZeroUsize, expected: u64) -> NonZeroUsize {
    let needed = expected
        .div_ceil(MAX_PARTS as u64 - 1)
        .div_ceil(MIB)
        .saturating_mul(MIB);
    NonZeroUsize::new(usize::try_from(needed).unwrap_or(usize::MAX))
        .map_or(configured, |needed| needed.max(configured))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_only_when_there_would_be_too_many() {
        let configured = NonZeroUsize::new(8 << 20).expect("not zero");
        assert_eq!(part_bytes(configured, 0), configured);
        assert_eq!(part_bytes(configured, 8 * 9_999 * MIB), configured);
        assert_eq!(part_bytes(configured, 8 * 9_999 * MIB + 1).get(), 9 << 20);
        let largest = 50 * 1024 * 1024 * MIB;
        let parts = largest.div_ceil(part_bytes(configured, largest).get() as u64);
        assert!(parts < MAX_PARTS as u64, "{parts}");
    }
}
