//! Settings of the deployment, read once from the environment.
//!
//! Owns the names, ranges and defaults of the `CLIP_…` variables, and finds every fault in them
//! before it gives up. A function with bad settings still starts: it answers each event with what
//! is wrong, because a process that dies at start tells its operator nothing.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::event::{Defaults, Fault, Faults, KeyTemplate, check_bucket, shown_text};
use crate::plan::FragmentSelectorType;

/// Key template where `CLIP_KEY` sets none.
const DEFAULT_KEY: &str =
    "{stream}/{start:%Y/%m/%d}/{stream}_{start:%Y%m%dT%H%M%SZ}_{end:%Y%m%dT%H%M%SZ}.mp4";

const MIB: u64 = 1024 * 1024;

/// S3 takes parts of 5 MiB to 5 GiB; more than 256 MiB would not fit any sensible function.
const PART_MIB: Range = Range {
    min: 5,
    default: 8,
    max: 256,
};

/// More uploads than this gain nothing on one network interface.
const UPLOADS: Range = Range {
    min: 1,
    default: 4,
    max: 32,
};

/// Lambda ends an invocation after 900 s.
const STALL_SECONDS: Range = Range {
    min: 1,
    default: 20,
    max: 900,
};

const RETRIES: Range = Range {
    min: 0,
    default: 6,
    max: 20,
};

struct Range {
    min: u32,
    default: u32,
    max: u32,
}

/// Everything that the environment decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// What a request that does not say it gets.
    pub defaults: Defaults,
    /// How calls are made.
    pub transfer: Transfer,
    /// How objects are kept.
    pub keeping: Keeping,
}

/// How calls to Kinesis Video Streams and S3 are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes of a part, `CLIP_PART_MIB`: 5 to 256 MiB.
    pub part_bytes: NonZeroUsize,
    /// Parts on their way to S3 at once, `CLIP_UPLOADS`: 1 to 32.
    pub uploads: NonZeroUsize,
    /// Longest time without a byte before a transfer counts as dead, `CLIP_STALL_SECONDS`: 1 to 900 s.
    pub stall: Duration,
    /// How often a call that was throttled or failed is made again, `CLIP_RETRIES`: 0 to 20.
    pub retries: u32,
}

/// How objects are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keeping {
    /// KMS key for SSE-KMS, `CLIP_KMS_KEY_ID`; the bucket's own encryption where it is not set.
    pub kms_key_id: Option<String>,
    /// Account that must own the bucket, `CLIP_BUCKET_OWNER`: twelve digits.
    pub bucket_owner: Option<String>,
}

impl Config {
    /// Reads the settings; `variable` looks up an environment variable. Empty counts as not set.
    ///
    /// # Errors
    ///
    /// Every variable that is wrong, with what would be right.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut faults = Vec::new();
        let mut fault = |name: &str, message: String| faults.push(Fault::new(name, message));

        let bucket = variable("CLIP_BUCKET");
        if let Some(rule) = bucket.as_deref().and_then(check_bucket) {
            fault(
                "CLIP_BUCKET",
                format!("{} {rule}", shown_text(bucket.as_deref().unwrap_or_default())),
            );
        }
        let allowed_buckets: Vec<String> = variable("CLIP_ALLOWED_BUCKETS")
            .iter()
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        for name in &allowed_buckets {
            if let Some(rule) = check_bucket(name) {
                fault("CLIP_ALLOWED_BUCKETS", format!("{} {rule}", shown_text(name)));
            }
        }
        let template = variable("CLIP_KEY").unwrap_or_else(|| DEFAULT_KEY.to_owned());
        let key = KeyTemplate::parse(&template)
            .map_err(|message| fault("CLIP_KEY", format!("{} {message}", shown_text(&template))))
            .ok();
        let selector = match variable("CLIP_FRAGMENT_SELECTOR") {
            None => Some(FragmentSelectorType::ProducerTimestamp),
            Some(name) => {
                let found = FragmentSelectorType::ALL
                    .into_iter()
                    .find(|selector| selector.as_str() == name);
                if found.is_none() {
                    fault(
                        "CLIP_FRAGMENT_SELECTOR",
                        format!(
                            "{} is not PRODUCER_TIMESTAMP or SERVER_TIMESTAMP",
                            shown_text(&name)
                        ),
                    );
                }
                found
            }
        };
        let mut number = |name: &str, range: Range| match variable(name) {
            None => range.default,
            Some(text) => {
                let number = text
                    .parse()
                    .ok()
                    .filter(|number| (range.min..=range.max).contains(number));
                number.unwrap_or_else(|| {
                    fault(
                        name,
                        format!(
                            "{} is not a whole number from {} to {}",
                            shown_text(&text),
                            range.min,
                            range.max
                        ),
                    );
                    range.default
                })
            }
        };
        let part_mib = number("CLIP_PART_MIB", PART_MIB);
        let uploads = number("CLIP_UPLOADS", UPLOADS);
        let stall = number("CLIP_STALL_SECONDS", STALL_SECONDS);
        let retries = number("CLIP_RETRIES", RETRIES);
        let bucket_owner = variable("CLIP_BUCKET_OWNER");
        if let Some(owner) = &bucket_owner
            && (owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()))
        {
            fault(
                "CLIP_BUCKET_OWNER",
                format!("{} is not an account id of twelve digits", shown_text(owner)),
            );
        }
        let kms_key_id = variable("CLIP_KMS_KEY_ID");

        let (Some(key), Some(selector), true) = (key, selector, faults.is_empty()) else {
            return Err(Faults(faults));
        };
        Ok(Self {
            defaults: Defaults {
                bucket,
                allowed_buckets,
                key,
                selector,
            },
            transfer: Transfer {
                part_bytes: non_zero(usize::try_from(u64::from(part_mib) * MIB).unwrap_or(usize::MAX)),
                uploads: NonZeroU32::new(uploads)
                    .and_then(|uploads| NonZeroUsize::try_from(uploads).ok())
                    .unwrap_or(NonZeroUsize::MIN),
                stall: Duration::from_secs(u64::from(stall)),
                retries,
            },
            keeping: Keeping {
                kms_key_id,
                bucket_owner,
            },
        })
    }
}

fn non_zero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Faults> {
        Config::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = config(&[("CLIP_KMS_KEY_ID", "")]).expect("valid");
        assert_eq!(config.transfer.part_bytes.get(), 8 * 1024 * 1024);
        assert_eq!(config.transfer.uploads.get(), 4);
        assert_eq!(config.transfer.stall, Duration::from_secs(20));
        assert_eq!(config.defaults.bucket, None);
        assert_eq!(config.keeping, Keeping::default());
        assert_eq!(config.defaults.key.to_string(), DEFAULT_KEY);
    }

    #[test]
    fn lists_are_split_at_commas() {
        let config = config(&[("CLIP_ALLOWED_BUCKETS", " clips-a, clips-b,")]).expect("valid");
        assert_eq!(config.defaults.allowed_buckets, ["clips-a", "clips-b"]);
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let faults = config(&[
            ("CLIP_BUCKET", "My Bucket"),
            ("CLIP_ALLOWED_BUCKETS", "fine-bucket,x"),
            ("CLIP_KEY", "{camera}.mp4"),
            ("CLIP_FRAGMENT_SELECTOR", "PRODUCER"),
            ("CLIP_PART_MIB", "4"),
            ("CLIP_UPLOADS", "0"),
            ("CLIP_STALL_SECONDS", "soon"),
            ("CLIP_RETRIES", "21"),
            ("CLIP_BUCKET_OWNER", "1234"),
        ])
        .expect_err("all wrong");
        let fields: Vec<_> = faults.0.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "CLIP_BUCKET",
                "CLIP_ALLOWED_BUCKETS",
                "CLIP_KEY",
                "CLIP_FRAGMENT_SELECTOR",
                "CLIP_PART_MIB",
                "CLIP_UPLOADS",
                "CLIP_STALL_SECONDS",
                "CLIP_RETRIES",
                "CLIP_BUCKET_OWNER"
            ]
        );
    }
}
