//! A fragment of the archive, as `ListFragments` describes it.
//!
//! This module owns the description and nothing else: what a list of fragments means for an export is
//! the plan's business, and how it is had is that of the client of Kinesis Video Streams.

use super::FragmentSelectorType;

/// One fragment of a stream's archive.
///
/// Source: Kinesis Video Streams API reference, `Fragment` of the archived media API. Times are
/// milliseconds since 1970 in UTC; where the service gives parts of a millisecond, they are rounded
/// down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The service's number of the fragment: 1 to 128 decimal digits, unique within the stream and
    /// growing in the order of arrival.
    pub number: Box<str>,
    /// When the fragment begins by the producer's clock.
    pub producer_ms: i64,
    /// When the service began to receive the fragment, by its own clock.
    pub server_ms: i64,
    /// How long the fragment plays, in milliseconds; never negative.
    pub length_ms: i64,
    /// Size of the fragment as the producer sent it: its media and what Matroska adds.
    pub bytes: u64,
}

impl Fragment {
    /// When its listed length ends by the producer's clock, in milliseconds since 1970; its last frame goes on from there.
    pub(super) fn listed_end_ms(&self) -> i64 {
        self.producer_ms.saturating_add(self.length_ms)
    }

    /// When the fragment begins by the clock of `selector`, in milliseconds since 1970.
    #[must_use]
    pub fn start_ms(&self, selector: FragmentSelectorType) -> i64 {
        match selector {
            FragmentSelectorType::ProducerTimestamp => self.producer_ms,
            FragmentSelectorType::ServerTimestamp => self.server_ms,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A fragment whose clocks agree, numbered after its start, of 1 MB.
    pub(in crate::plan) fn fragment(start_ms: i64, length_ms: i64) -> Fragment {
        Fragment {
            number: format!("{:020}", start_ms.saturating_add(1)).into(),
            producer_ms: start_ms,
            server_ms: start_ms,
            length_ms,
            bytes: 1_000_000,
        }
    }

    #[test]
    fn the_selector_names_the_clock() {
        let skewed = Fragment {
            server_ms: 9,
            ..fragment(5, 0)
        };
        assert_eq!(skewed.start_ms(FragmentSelectorType::ProducerTimestamp), 5);
        assert_eq!(skewed.start_ms(FragmentSelectorType::ServerTimestamp), 9);
    }
}
