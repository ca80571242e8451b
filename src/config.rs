//! Settings of the deployment, read once from the environment.
//!
//! Owns the names, ranges and defaults of the `CLIP_…` variables, and finds every fault in them
//! before it gives up. A function with bad settings still starts: it answers each event with what
//! is wrong, because a process that dies at start tells its operator nothing.

mod batches;

pub use batches::Batches;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use jiff::SignedDuration;

use crate::event::{AlarmStreams, Defaults, Fault, Faults, KeyTemplate, check_bucket, shown_text};
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

/// Three parts on their way fill what Lambda gives a function, about 600 Mbit/s; each more is memory that no
/// clip is faster for. More than the most gain nothing on one network interface.
const UPLOADS: Range = Range {
    min: 1,
    default: 3,
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

/// Fragments last 20 s at most, and what raised an alarm is seldom older than its period; an hour is ample.
const ROLL_SECONDS: Range = Range {
    min: 0,
    default: 30,
    max: 3600,
};

/// The post-roll of an alarm, and the time until its last fragment is archived, at their defaults. More
/// than 840 s would leave no time for the export.
const MAX_WAIT_SECONDS: Range = Range {
    min: 0,
    default: 90,
    max: 840,
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
    /// Longest wait for footage that is not archived yet, `CLIP_MAX_WAIT_SECONDS`: 0 to 840 s.
    pub max_wait: Duration,
    /// How messages of a queue are worked off.
    pub batches: Batches,
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
        let pre_roll = number("CLIP_PRE_ROLL_SECONDS", ROLL_SECONDS);
        let post_roll = number("CLIP_POST_ROLL_SECONDS", ROLL_SECONDS);
        let max_wait = number("CLIP_MAX_WAIT_SECONDS", MAX_WAIT_SECONDS);
        if (pre_roll, post_roll) == (0, 0) {
            fault(
                "CLIP_POST_ROLL_SECONDS",
                "is 0, and so is CLIP_PRE_ROLL_SECONDS: the clip of an alarm would show nothing".to_owned(),
            );
        }
        let alarm_streams = match variable("CLIP_ALARM_STREAMS") {
            None => AlarmStreams::default(),
            Some(text) => AlarmStreams::parse(&text).unwrap_or_else(|message| {
                fault("CLIP_ALARM_STREAMS", message);
                AlarmStreams::default()
            }),
        };
        let failed_queue_url = variable("CLIP_FAILED_QUEUE_URL");
        if let Some(url) = &failed_queue_url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            fault(
                "CLIP_FAILED_QUEUE_URL",
                format!("{} is not the URL of a queue", shown_text(url)),
            );
        } else if failed_queue_url
            .as_ref()
            .is_some_and(|url| url.ends_with(".fifo"))
        {
            fault(
                "CLIP_FAILED_QUEUE_URL",
                "is a queue that keeps order, which would hold up failed events by each other; give a standard one"
                    .to_owned(),
            );
        }
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
        let memory_mib = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse().ok());
        let seconds = |seconds: u32| SignedDuration::from_secs(seconds.into());
        Ok(Self {
            defaults: Defaults {
                bucket,
                allowed_buckets,
                key,
                selector,
                pre_roll: seconds(pre_roll),
                post_roll: seconds(post_roll),
                alarm_streams,
            },
            max_wait: Duration::from_secs(max_wait.into()),
            batches: Batches::of(
                memory_mib.unwrap_or(0),
                part_mib.into(),
                uploads.into(),
                failed_queue_url,
            ),
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
        assert_eq!(config.transfer.uploads.get(), 3);
        assert_eq!(config.transfer.stall, Duration::from_secs(20));
        assert_eq!(config.defaults.bucket, None);
        assert_eq!(config.keeping, Keeping::default());
        assert_eq!(config.defaults.key.to_string(), DEFAULT_KEY);
    }

    #[test]
    fn an_alarm_shows_something() {
        let faults = config(&[("CLIP_PRE_ROLL_SECONDS", "0"), ("CLIP_POST_ROLL_SECONDS", "0")]);
        assert_eq!(faults.expect_err("nothing").0.len(), 1);
        assert!(config(&[("CLIP_PRE_ROLL_SECONDS", "0")]).is_ok());
        let fifo = "https://sqs.eu-west-1.amazonaws.com/123456789012/failed.fifo";
        assert!(config(&[("CLIP_FAILED_QUEUE_URL", fifo)]).is_err());
    }

    #[test]
    fn what_alarms_mean_is_read() {
        let config = config(&[
            ("CLIP_PRE_ROLL_SECONDS", "0"),
            ("CLIP_POST_ROLL_SECONDS", "3600"),
            ("CLIP_MAX_WAIT_SECONDS", "840"),
            ("CLIP_ALARM_STREAMS", r#"{"lobby-*": "front-door"}"#),
        ])
        .expect("valid");
        assert!(config.defaults.pre_roll.is_zero());
        assert_eq!(config.defaults.post_roll.as_secs(), 3600);
        assert_eq!(config.max_wait.as_secs(), 840);
        assert_eq!(config.defaults.alarm_streams.to_string(), r#""lobby-*""#);
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
            ("CLIP_PRE_ROLL_SECONDS", "-1"),
            ("CLIP_POST_ROLL_SECONDS", "3601"),
            ("CLIP_MAX_WAIT_SECONDS", "841"),
            ("CLIP_ALARM_STREAMS", "front-door"),
            ("CLIP_FAILED_QUEUE_URL", "failed"),
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
                "CLIP_PRE_ROLL_SECONDS",
                "CLIP_POST_ROLL_SECONDS",
                "CLIP_MAX_WAIT_SECONDS",
                "CLIP_ALARM_STREAMS",
                "CLIP_FAILED_QUEUE_URL",
                "CLIP_BUCKET_OWNER"
            ]
        );
    }
}
