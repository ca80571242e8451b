//! What a receipt says of the completeness of its clips.

use serde::Serialize;

use super::{milliseconds, room};
use crate::plan::{Doubt, Gap, Plan};

/// Gaps that a receipt names at most, the earliest ones, at 130 bytes each: those of a camera that moves every half
/// minute would fail the workflow of a day that was exported. The log names all.
const NAMED_GAPS: usize = 1_000;

/// What is known about the completeness of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Coverage {
    /// Every fragment that was listed is in the clips, and no time of the range is without one.
    Complete,
    /// Time of the range is missing. A receipt for what was made now says which; one for clips that were
    /// there already does not.
    Partial,
    /// Nothing but what the doubts say: `GetClip` does not tell what it left out.
    Unknown,
}

impl Coverage {
    const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Unknown];

    /// The value as receipts and the metadata of objects spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Partial => "PARTIAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// What is known of clips that hold the fragments of a plan.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        if plan.gaps.is_empty() {
            Self::Complete
        } else {
            Self::Partial
        }
    }
}

/// A span of the range that the clips do not show.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GapReceipt {
    place: &'static str,
    start_timestamp: String,
    end_timestamp: String,
    #[serde(serialize_with = "milliseconds")]
    seconds: f64,
}

impl From<&Gap> for GapReceipt {
    fn from(gap: &Gap) -> Self {
        Self {
            place: gap.place.as_str(),
            start_timestamp: gap.start(),
            end_timestamp: gap.end(),
            seconds: gap.seconds(),
        }
    }
}

/// What is known of the completeness of the clips.
#[derive(Debug)]
pub struct Account {
    pub(super) coverage: Coverage,
    /// Reasons to believe that footage is missing.
    pub doubts: Vec<Doubt>,
    /// Where it is known to be missing.
    pub gaps: Vec<Gap>,
    pub(super) listed: Option<ListedAccount>,
}

/// What was planned and fetched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedAccount {
    /// Gaps, those that the receipt does not name among them.
    gap_count: usize,
    /// Seconds of all gaps together.
    #[serde(serialize_with = "milliseconds")]
    gap_seconds: f64,
    /// Fragments in the clips.
    fragments: usize,
    /// Windows in which they were fetched.
    windows: u32,
    /// Copies of fragments that were sent twice; the older of each is in the clips.
    fragments_resent: usize,
    /// Fragments left out because older ones show most of their time.
    fragments_overlapping: usize,
    /// Fragments left out because playback, cut to the range, shows nothing of theirs.
    fragments_not_shown: usize,
    /// Seconds that play twice, because two fragments that overlap by less than half are both in the clips.
    #[serde(serialize_with = "milliseconds")]
    doubled_seconds: f64,
    /// The server's clock minus the producer's: the middle one of all fragments.
    #[serde(serialize_with = "milliseconds")]
    skew_seconds: f64,
}

impl Account {
    /// Of clips that hold the fragments of a plan but for those `not_shown`, fetched in so many windows.
    #[must_use]
    pub fn of_plan(plan: &Plan, windows: u32, not_shown: usize) -> Self {
        Self {
            coverage: Coverage::of_plan(plan),
            doubts: Vec::new(),
            gaps: plan.gaps.clone(),
            listed: Some(ListedAccount {
                gap_count: plan.gaps.len(),
                // The sum of no floats is a negative zero.
                gap_seconds: plan.gaps.iter().fold(0.0, |sum, gap| sum + gap.seconds()),
                fragments: plan.fragments().len().saturating_sub(not_shown),
                windows,
                fragments_resent: plan.resent,
                fragments_overlapping: plan.overlapping,
                fragments_not_shown: not_shown,
                doubled_seconds: plan.doubled_ms() as f64 / 1000.0,
                skew_seconds: plan.skew_ms().unwrap_or(0) as f64 / 1000.0,
            }),
        }
    }

    /// The gaps that a receipt names, in so many bytes.
    pub(super) fn named_gaps(&self, bytes: usize) -> Vec<GapReceipt> {
        let gaps = self.gaps.iter().take(NAMED_GAPS);
        let mut gaps: Vec<GapReceipt> = gaps.map(GapReceipt::from).collect();
        gaps.truncate(room::fitting(&gaps, bytes).0);
        gaps
    }

    /// Of clips that were there already: what their metadata says of their coverage.
    #[must_use]
    pub fn of_metadata(coverage: &str) -> Option<Self> {
        let coverage = Coverage::ALL
            .into_iter()
            .find(|known| known.as_str() == coverage)?;
        (coverage != Coverage::Unknown).then(|| Self {
            coverage,
            doubts: Vec::new(),
            gaps: Vec::new(),
            listed: None,
        })
    }

    /// Of clips of which no list says what should be in them.
    #[must_use]
    pub fn unknown(doubts: Vec<Doubt>) -> Self {
        Self {
            coverage: Coverage::Unknown,
            doubts,
            gaps: Vec::new(),
            listed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plan::{Boundary, Fragment, FragmentSelectorType, TimeRange};

    /// A camera that sends two seconds of every twenty, for a day: the receipt fits into a state of Step Functions.
    #[test]
    fn the_gaps_of_a_day_fit_into_a_receipt() {
        let day = 4320;
        let fragments = (0..day).map(|number: i64| Fragment {
            number: number.to_string().into(),
            producer_ms: number * 20_000,
            server_ms: number * 20_000,
            length_ms: 1960,
            bytes: 100_000,
        });
        let at = |ms| Timestamp::from_millisecond(ms).expect("a timestamp");
        let range = TimeRange::new(at(0), at(day * 20_000)).expect("a range");
        let selector = FragmentSelectorType::ProducerTimestamp;
        let mut plan = Plan::new(fragments.collect(), selector, &range, Boundary::Cover);
        plan.learn_frame(40);
        let account = Account::of_plan(&plan, 1, 0);
        let named = serde_json::to_string(&account.named_gaps(room::beside(&[]))).expect("JSON");
        assert!(named.len() < 200 * 1024, "{}", named.len());
        let told = serde_json::to_value(&account.listed).expect("JSON");
        assert_eq!(told["GapCount"], day);
        assert_eq!(told["GapSeconds"], 4320.0 * 18.0);
        assert_eq!(account.named_gaps(room::beside(&[])).len(), NAMED_GAPS);
    }
}
