//! What the archive holds: `ListFragments`, page by page.

use std::collections::HashSet;

use aws_sdk_kinesisvideoarchivedmedia as archived;
use aws_sdk_kinesisvideoarchivedmedia::types::{
    FragmentSelector, FragmentSelectorType as SelectorType, TimestampRange,
};

use super::endpoint::Api;
use super::{Archive, FetchError, name_or_arn, timestamp};
use crate::backoff::Backoff;
use crate::call::CallError;
use crate::plan::{Fragment, FragmentSelectorType, TimeRange};

/// Most fragments on a page. Source: API reference, `ListFragments`.
const MAX_RESULTS: u32 = 1000;

/// Pages after which a listing counts as endless: more than twice as many as a day of the shortest
/// fragments fills. A stream takes five fragments a second (developer guide, `PutMedia` quotas).
const MAX_PAGES: usize = 1000;

impl Archive {
    /// The fragments that start in `range` by the clock of `selector`, both of its ends included, in no order;
    /// none is no error.
    ///
    /// `most` is how many the range can hold: a call pays its `MaxResults`, whatever it returns. Pages
    /// are asked for at a pace that leaves half of the stream's quota to others. Failures are retried
    /// as those of [`get_clip`](Self::get_clip) are, page by page.
    ///
    /// # Errors
    ///
    /// The failure of the last try; or the service describes a fragment in part only, or its pages
    /// have no end.
    pub async fn list_fragments(
        &self,
        range: &TimeRange,
        selector: FragmentSelectorType,
        most: u32,
        backoff: &mut Backoff,
    ) -> Result<Vec<Fragment>, FetchError> {
        let most = most.clamp(1, MAX_RESULTS);
        let mut pages = Pages::default();
        let mut fragments = Vec::new();
        let mut token = None;
        loop {
            let page = loop {
                match self.try_page(range, selector, most, token.clone()).await {
                    Ok(page) => break page,
                    Err(error) => self.wait_for_retry(Api::ListFragments, error, backoff).await?,
                }
            };
            for fragment in page.fragments.unwrap_or_default() {
                fragments.push(described(fragment)?);
            }
            token = pages.after(page.next_token)?;
            if token.is_none() {
                tracing::info!(
                    fragments = fragments.len(),
                    pages = pages.tokens.len() + 1,
                    "the archive was listed"
                );
                return Ok(fragments);
            }
        }
    }

    async fn try_page(
        &self,
        range: &TimeRange,
        selector: FragmentSelectorType,
        most: u32,
        token: Option<String>,
    ) -> Result<archived::operation::list_fragments::ListFragmentsOutput, FetchError> {
        let endpoint = self.kvs.data_endpoint(&self.stream, Api::ListFragments).await?;
        let unbuildable = |error| FetchError::unbuildable("ListFragments", error);
        let timestamps = TimestampRange::builder()
            .start_timestamp(timestamp(range.start()))
            .end_timestamp(timestamp(range.end()))
            .build()
            .map_err(unbuildable)?;
        let selector = FragmentSelector::builder()
            .fragment_selector_type(match selector {
                FragmentSelectorType::ProducerTimestamp => SelectorType::ProducerTimestamp,
                FragmentSelectorType::ServerTimestamp => SelectorType::ServerTimestamp,
            })
            .timestamp_range(timestamps)
            .build()
            .map_err(unbuildable)?;
        let (name, arn) = name_or_arn(&self.stream);
        self.pace.metadata.pay(most).await;
        self.tally.asked_for_fragments();
        self.kvs
            .archived
            .list_fragments()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .max_results(i64::from(most))
            .fragment_selector(selector)
            .set_next_token(token)
            .customize()
            .config_override(archived::config::Builder::new().endpoint_url(endpoint))
            .send()
            .await
            .map_err(|error| FetchError::Call(CallError::of("ListFragments", error)))
    }
}

/// The pages of one listing.
#[derive(Debug, Default)]
struct Pages {
    tokens: HashSet<String>,
}

impl Pages {
    /// The token of the page after one that came with `token`.
    fn after(&mut self, token: Option<String>) -> Result<Option<String>, FetchError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        // This page was one, and the next is another.
        let pages = self.tokens.len().saturating_add(1);
        if pages >= MAX_PAGES || !self.tokens.insert(token.clone()) {
            return Err(FetchError::EndlessListing { pages });
        }
        Ok(Some(token))
    }
}

/// A fragment in our words, or what the service has left out of it.
fn described(fragment: archived::types::Fragment) -> Result<Fragment, FetchError> {
    let number = fragment.fragment_number;
    let lacks = |field| FetchError::PartialFragment {
        field,
        number: number.clone(),
    };
    let is_number = |number: &&str| {
        !number.is_empty() && number.len() <= 128 && number.bytes().all(|b| b.is_ascii_digit())
    };
    let digits = number.as_deref().filter(is_number);
    Ok(Fragment {
        number: digits.ok_or_else(|| lacks("FragmentNumber"))?.into(),
        producer_ms: fragment
            .producer_timestamp
            .and_then(milliseconds)
            .ok_or_else(|| lacks("ProducerTimestamp"))?,
        server_ms: fragment
            .server_timestamp
            .and_then(milliseconds)
            .ok_or_else(|| lacks("ServerTimestamp"))?,
        // A fragment of a single frame has none.
        length_ms: Some(fragment.fragment_length_in_milliseconds)
            .filter(|length| *length >= 0)
            .ok_or_else(|| lacks("FragmentLengthInMilliseconds"))?,
        // The SDK reads one that is missing as 0, which none can be: a fragment has a header at least.
        bytes: u64::try_from(fragment.fragment_size_in_bytes)
            .ok()
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| lacks("FragmentSizeInBytes"))?,
    })
}

/// Milliseconds since 1970, rounded down.
///
/// On the wire a timestamp is a number of seconds, and the SDK reads it as a 64-bit float, which at this
/// time of the world is up to 0.12 µs off: 0.123 s may come as 0.122999906 s. So it is rounded to whole
/// microseconds first.
fn milliseconds(timestamp: archived::primitives::DateTime) -> Option<i64> {
    let microseconds = (timestamp.as_nanos().checked_add(500)?).div_euclid(1000);
    i64::try_from(microseconds.div_euclid(1000)).ok()
}

#[cfg(test)]
mod tests {
    use archived::primitives::DateTime;
    use archived::types::Fragment as Listed;

    use super::*;

    fn listed() -> archived::types::builders::FragmentBuilder {
        Listed::builder()
            .fragment_number("91343852333181432392682062607743920146264")
            .producer_timestamp(DateTime::from_millis(1_795_168_800_123))
            .server_timestamp(DateTime::from_millis(1_795_168_801_456))
            .fragment_length_in_milliseconds(1960)
            .fragment_size_in_bytes(1_125_000)
    }

    #[test]
    fn a_fragment_is_taken_over_whole() {
        assert_eq!(
            described(listed().build()).expect("whole"),
            Fragment {
                number: "91343852333181432392682062607743920146264".into(),
                producer_ms: 1_795_168_800_123,
                server_ms: 1_795_168_801_456,
                length_ms: 1960,
                bytes: 1_125_000,
            }
        );
    }

    #[test]
    fn a_fragment_that_lacks_something_is_an_error_that_names_it() {
        for (listed, lacking) in [
            (listed().set_fragment_number(None), "FragmentNumber"),
            (listed().fragment_number(""), "FragmentNumber"),
            (listed().fragment_number("0x12"), "FragmentNumber"),
            (listed().fragment_number("1".repeat(129)), "FragmentNumber"),
            (listed().set_producer_timestamp(None), "ProducerTimestamp"),
            (listed().set_server_timestamp(None), "ServerTimestamp"),
            (
                listed().server_timestamp(DateTime::from_secs(i64::MAX)),
                "ServerTimestamp",
            ),
            (
                listed().fragment_length_in_milliseconds(-1),
                "FragmentLengthInMilliseconds",
            ),
            (listed().set_fragment_size_in_bytes(None), "FragmentSizeInBytes"),
            (listed().fragment_size_in_bytes(-5), "FragmentSizeInBytes"),
        ] {
            match described(listed.build()) {
                Err(FetchError::PartialFragment { field, .. }) => assert_eq!(field, lacking),
                other => panic!("{lacking}: {other:?}"),
            }
        }
        let single_frame = listed().fragment_length_in_milliseconds(0).build();
        assert!(described(single_frame).is_ok());
    }

    #[test]
    fn every_millisecond_survives_the_float_on_the_wire() {
        for ms in (1_795_168_800_000..1_795_168_802_000).chain(-2000..2000) {
            let seconds = ms as f64 / 1000.0;
            assert_eq!(milliseconds(DateTime::from_secs_f64(seconds)), Some(ms));
        }
    }

    #[test]
    fn parts_of_a_millisecond_are_dropped() {
        let at = |seconds| milliseconds(DateTime::from_secs_f64(seconds));
        assert_eq!(at(1_795_168_800.123_9), Some(1_795_168_800_123));
        assert_eq!(at(1_795_168_800.123_999), Some(1_795_168_800_123));
        assert_eq!(at(-0.000_5), Some(-1));
    }

    #[test]
    fn pages_end() {
        let mut pages = Pages::default();
        let token = |number: usize| Some(format!("token {number}"));
        assert_eq!(pages.after(token(1)).expect("new"), token(1));
        assert_eq!(pages.after(None).expect("the end"), None);
        assert_eq!(pages.after(Some(String::new())).expect("the end"), None);
    }

    #[test]
    fn pages_that_do_not_end_are_an_error() {
        let mut pages = Pages::default();
        let token = |number: usize| Some(format!("token {number}"));
        for number in [1, 2] {
            assert!(pages.after(token(number)).is_ok());
        }
        assert!(matches!(
            pages.after(token(1)),
            Err(FetchError::EndlessListing { pages: 3 })
        ));
        let mut pages = Pages::default();
        let asked = (1..)
            .take_while(|number| pages.after(token(*number)).is_ok())
            .count();
        assert_eq!(asked, MAX_PAGES - 1, "and the first, which needs no token");
    }
}
