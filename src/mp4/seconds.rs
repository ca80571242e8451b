//! Exact times: clips, tracks and edits each count in ticks of their own, and what is rounded at every step
//! adds up over hundreds of seams.

use std::cmp::Ordering;

use super::error::Mp4Error;
use super::header::FourCC;

/// A time in seconds as a reduced fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds {
    numerator: i128,
    denominator: i128,
}

const OVERFLOW: Mp4Error = Mp4Error::Unsupported {
    box_type: FourCC(*b"mdhd"),
    what: "timescales and durations whose sums have more than 127 bits",
};

impl Seconds {
    pub(super) const ZERO: Self = Self {
        numerator: 0,
        denominator: 1,
    };

    /// `ticks` of which `timescale`, not zero, make a second.
    pub(super) fn of(ticks: impl Into<i128>, timescale: u32) -> Self {
        Self::reduced(ticks.into(), i128::from(timescale.max(1)))
    }

    fn reduced(numerator: i128, denominator: i128) -> Self {
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).unwrap_or(1).max(1);
        Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        }
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, Mp4Error> {
        let divisor = gcd(self.denominator.unsigned_abs(), other.denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).unwrap_or(1).max(1);
        let (mine, theirs) = (other.denominator / divisor, self.denominator / divisor);
        let sum = || {
            let numerator = self
                .numerator
                .checked_mul(mine)?
                .checked_add(other.numerator.checked_mul(theirs)?)?;
            Some(Self::reduced(numerator, self.denominator.checked_mul(mine)?))
        };
        sum().ok_or(OVERFLOW)
    }

    pub(super) fn minus(self, other: Self) -> Result<Self, Mp4Error> {
        self.plus(Self {
            numerator: -other.numerator,
            ..other
        })
    }

    pub(super) fn compare(self, other: Self) -> Result<Ordering, Mp4Error> {
        Ok(self.minus(other)?.numerator.cmp(&0))
    }

    pub(super) fn is_before(self, other: Self) -> Result<bool, Mp4Error> {
        Ok(self.compare(other)? == Ordering::Less)
    }

    pub(super) fn max(self, other: Self) -> Result<Self, Mp4Error> {
        Ok(if self.is_before(other)? { other } else { self })
    }

    pub(super) fn min(self, other: Self) -> Result<Self, Mp4Error> {
        Ok(if self.is_before(other)? { self } else { other })
    }

    /// Whole ticks, rounded down.
    pub(super) fn floor(self, timescale: u32) -> Result<i64, Mp4Error> {
        let ticks = self
            .numerator
            .checked_mul(i128::from(timescale))
            .ok_or(OVERFLOW)?;
        i64::try_from(ticks.div_euclid(self.denominator)).map_err(|_| OVERFLOW)
    }

    /// Whole ticks, rounded up.
    pub(super) fn ceil(self, timescale: u32) -> Result<i64, Mp4Error> {
        let negated = Self {
            numerator: -self.numerator,
            ..self
        };
        Ok(-negated.floor(timescale)?)
    }

    /// The nearest whole ticks; of two that are as near, the later.
    pub(super) fn round(self, timescale: u32) -> Result<i64, Mp4Error> {
        let half = Self::reduced(1, 2 * i128::from(timescale.max(1)));
        self.plus(half)?.floor(timescale)
    }
}

/// Greatest common divisor.
pub(super) fn gcd(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        let mut sum = Seconds::ZERO;
        for _ in 0..30_000 {
            sum = sum.plus(Seconds::of(1001, 30_000)).expect("small");
        }
        assert_eq!(sum, Seconds::of(1_001, 1));
        assert_eq!(
            sum.minus(Seconds::of(1, 3))
                .expect("small")
                .floor(3)
                .expect("small"),
            3002
        );
    }

    #[test]
    fn rounding_knows_both_sides_of_zero() {
        let third = Seconds::of(-1, 3);
        assert_eq!(third.floor(1), Ok(-1));
        assert_eq!(third.ceil(1), Ok(0));
        assert_eq!(third.round(1), Ok(0));
        assert_eq!(Seconds::of(1, 2).round(1), Ok(1));
        assert_eq!(Seconds::of(-1, 2).round(1), Ok(0));
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        let fine = Seconds::of(i64::MAX, 4_294_967_291);
        let finer = Seconds::of(1, 4_294_967_279);
        let sum = fine.plus(finer).expect("95 bits and 64");
        assert!(sum.plus(Seconds::of(i64::MAX, 4_294_967_231)).is_err());
    }
}
