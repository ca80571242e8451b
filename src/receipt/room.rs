//! How much of a receipt there is room for.

use serde::{Serialize, Serializer};

use super::ClipReceipt;

/// Bytes for the clips and the gaps that a receipt names. A state of Step Functions holds 256 KiB, also that of a
/// workflow around an export that went well; the rest of a receipt, and what the task says of its call, take some KB.
/// Source: Step Functions developer guide, "Service quotas".
const BYTES: usize = 224 * 1024;

/// Bytes of these for clips, at about 1 KB each and the length of the key: fifty of the longest. What they leave, half
/// of a thousand gaps at least, is for gaps.
const CLIP_BYTES: usize = 160 * 1024;

/// Bytes that clips leave for gaps.
pub(super) fn beside(clips: &[ClipReceipt]) -> usize {
    BYTES.saturating_sub(fitting(clips, CLIP_BYTES).1)
}

/// How many clips a receipt names.
pub(super) fn named(clips: &[ClipReceipt]) -> usize {
    fitting(clips, CLIP_BYTES).0
}

/// Writes those clips.
pub(super) fn those_named<S: Serializer>(clips: &[ClipReceipt], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(clips.iter().take(named(clips)))
}

/// How many of `items`, from the first on, fit into so many bytes of JSON, and how many bytes they are.
pub(super) fn fitting<T: Serialize>(items: &[T], room: usize) -> (usize, usize) {
    const COMMA: usize = 1;
    let (mut count, mut used) = (0usize, 0usize);
    for item in items {
        let bytes = serde_json::to_vec(item).map_or(usize::MAX, |json| json.len());
        let with_it = used.saturating_add(bytes).saturating_add(COMMA);
        if with_it > room {
            break;
        }
        (count, used) = (count.saturating_add(1), with_it);
    }
    (count, used)
}

#[cfg(test)]
mod tests {
    use crate::event::{Asked, Home};
    use crate::plan::{Gap, Where};
    use crate::receipt::{Account, ClipReceipt, Footage, Receipt, Status};
    use crate::tally::Tally;
    use crate::upload::Stored;

    /// Of an export that has made so many objects, under keys of so many bytes, with so many gaps.
    fn receipt(clips: i64, gaps: i64, key_bytes: usize) -> serde_json::Value {
        let config =
            crate::config::Config::from_variables(|name| (name == "CLIP_BUCKET").then(|| "clips".to_owned()));
        let config = config.expect("settings");
        let event = r#"{"StreamName": "gate", "ClipFragmentSelector":
            {"Around": {"Timestamp": 1, "BeforeSeconds": 0, "AfterSeconds": 1}}}"#;
        let Ok(Asked::Export(request)) = Asked::read(event, &config.defaults, &Home::default()) else {
            panic!("a request")
        };
        let clip = |number: i64| {
            let stored = Stored {
                size_bytes: 100_000_000,
                etag: Some("\"6c4345436eee87e6217c210c9d7bf058-13\"".to_owned()),
                version_id: Some("a".repeat(32)),
                checksum_crc64nvme: Some("spzExf/cPEQ=".to_owned()),
            };
            let footage = Footage::new(number * 1000, number * 1000 + 500, 1, None);
            let key = "\u{e9}".repeat(key_bytes / 2);
            ClipReceipt::new(
                "clips",
                key,
                stored,
                Some("video/mp4".to_owned()),
                None,
                Some(footage),
            )
        };
        let mut account = Account::unknown(Vec::new());
        account.gaps.extend((0..gaps).map(|number| Gap {
            place: Where::Inside,
            start_ms: number * 1000 + 500,
            end_ms: number * 1000 + 1000,
        }));
        let clips = (0..clips).map(clip).collect();
        let receipt = Receipt::new(Status::Exported, &request, clips, account, &Tally::default());
        let json = serde_json::to_string(&receipt).expect("JSON");
        assert!(json.len() < 232 * 1024, "{}", json.len());
        serde_json::from_str(&json).expect("JSON")
    }

    fn named(receipt: &serde_json::Value) -> [usize; 2] {
        ["Clips", "Gaps"].map(|list| receipt[list].as_array().expect("a list").len())
    }

    /// A camera that changes its codec with every fragment, and pauses after each.
    #[test]
    fn a_receipt_fits_into_a_state_whatever_it_tells_of() {
        assert_eq!(named(&receipt(1, 5000, 100)), [1, 1000]);
        assert_eq!(named(&receipt(120, 1000, 60)), [120, 1000]);
        let many = receipt(43_200, 43_200, 60);
        assert_eq!(many["ClipCount"], 43_200);
        let [clips, gaps] = named(&many);
        assert!(
            (300..1000).contains(&clips) && (400..1000).contains(&gaps),
            "{clips} {gaps}"
        );
        let long = receipt(500, 1000, 1024);
        let [clips, gaps] = named(&long);
        assert!(
            (100..200).contains(&clips) && (400..1000).contains(&gaps),
            "{clips} {gaps}"
        );
    }
}
