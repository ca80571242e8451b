//! One case of the storm, all of it decided by its seed: who asks for what, what is at the key, and what
//! goes wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clip_export_local::kvs::Selector;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::cameras::{CAMERAS, Camera, FIRST, NOW_MS, SPAN};
use crate::stack::{BUCKETS, PATIENT, Skies};
use crate::weather::{Planted, Service, choose, draw, undoing};

/// Which fragments belong to a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    Cover,
    Fragment,
    Exact,
}

/// What to do with what is at the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    Skip,
    Fail,
    Overwrite,
}

/// What is at the key before the storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// Something that is no clip.
    Foreign,
    /// The clip, made by another export.
    SameClip,
}

/// One export.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) camera: &'static Camera,
    /// Milliseconds since 1970, both in the range.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) selector: Selector,
    pub(crate) boundary: Boundary,
    pub(crate) if_exists: IfExists,
    pub(crate) before: Before,
    pub(crate) bucket: &'static str,
    /// The key without its `.mp4`.
    pub(crate) stem: String,
}

/// What is delivered at once, and under which sky.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) asks: Vec<Ask>,
    pub(crate) batch: bool,
    /// Whether the cameras' clock is the machine's.
    pub(crate) live: bool,
    pub(crate) profile: usize,
    pub(crate) deadline: Duration,
    pub(crate) planted: Vec<Planted>,
}

/// What every object that is no clip holds.
pub(crate) const FOREIGN: &[u8] = b"somebody else's";

impl Case {
    /// The case of a seed. What a service can express does not depend on which of them is asked.
    pub(crate) fn new(seed: u64, skies: &Skies) -> Self {
        let mut rng = Rng::with_seed(seed);
        let batch = rng.u8(..4) == 0;
        let live = rng.u8(..20) == 0;
        let count = if batch { rng.usize(2..=5) } else { 1 };
        let asks: Vec<Ask> = (0..count)
            .map(|number| Ask::new(&mut rng, seed, number, live))
            .collect();
        let planted = planted(&mut rng, skies, batch, count);
        let runtime = planted.iter().any(|planted| planted.service == Service::Runtime);
        let deadline = match rng.u8(..12) {
            0 => Duration::from_millis(rng.u64(1200..6000)),
            // An answer that the Runtime API swallowed is waited for until the deadline.
            _ if runtime => Duration::from_secs(15),
            // As long as footage may have to be waited for.
            _ if live => Duration::from_secs(90),
            // A completion that S3 never answers is waited for until the deadline.
            _ => Duration::from_secs(30),
        };
        Self {
            seed,
            profile: rng.usize(..PATIENT),
            asks,
            batch,
            live,
            deadline,
            planted,
        }
    }

    /// The event that asks for all of it.
    pub(crate) fn event(&self) -> Value {
        let [ask] = &self.asks[..] else {
            return batch(self.asks.iter().enumerate());
        };
        if self.batch {
            batch(std::iter::once((0, ask)))
        } else {
            ask.event()
        }
    }

    /// The request id, the same for each delivery.
    pub(crate) fn request_id(&self) -> String {
        id("00000000", self.seed)
    }
}

fn planted(rng: &mut Rng, skies: &Skies, batch: bool, messages: usize) -> Vec<Planted> {
    let count = [0, 1, 1, 2, 2, 3, 3, 4, 5, 8][rng.usize(..10)];
    let mut all = Vec::new();
    for _ in 0..count {
        let service = match rng.u8(..20) {
            0 => Service::Runtime,
            1 | 2 if batch => Service::Sqs,
            1..=7 => Service::Kvs,
            _ => Service::S3,
        };
        let planted = draw(rng, service, skies.faults(service), messages);
        if planted.is_met_in_undoing() {
            let mut cause = undoing(rng, skies.faults(Service::S3), messages);
            cause.message = planted.message;
            all.push(cause);
        }
        all.push(planted);
    }
    all
}

impl Ask {
    fn new(rng: &mut Rng, seed: u64, number: usize, live: bool) -> Self {
        let camera = camera(rng, live);
        let (start, end) = if live {
            let end = now_ms() + rng.i64(-40_000..2_000);
            (end - rng.i64(2_000..40_000), end)
        } else {
            range(rng, camera)
        };
        let (if_exists, before) = match rng.u8(..20) {
            0..=11 => (IfExists::Skip, Before::Nothing),
            12 => (IfExists::Fail, Before::Nothing),
            13 => (IfExists::Overwrite, Before::Nothing),
            14 => (IfExists::Skip, Before::Foreign),
            15 => (IfExists::Fail, Before::Foreign),
            16 => (IfExists::Overwrite, Before::Foreign),
            17 => (IfExists::Skip, Before::SameClip),
            18 => (IfExists::Fail, Before::SameClip),
            _ => (IfExists::Overwrite, Before::SameClip),
        };
        Self {
            camera,
            start,
            end,
            selector: choose(
                rng,
                &[
                    Selector::ProducerTimestamp,
                    Selector::ProducerTimestamp,
                    Selector::ServerTimestamp,
                ],
            ),
            boundary: choose(
                rng,
                &[
                    Boundary::Cover,
                    Boundary::Cover,
                    Boundary::Fragment,
                    Boundary::Exact,
                ],
            ),
            if_exists,
            before,
            bucket: choose(rng, &BUCKETS),
            stem: format!("{seed:016x}/{number}"),
        }
    }

    /// A request of the whole of a range, which nothing is in the way of.
    pub(crate) fn plain(camera: &'static Camera, start: i64, end: i64, stem: String) -> Self {
        Self {
            camera,
            start,
            end,
            selector: Selector::ProducerTimestamp,
            boundary: Boundary::Cover,
            if_exists: IfExists::Skip,
            before: Before::Nothing,
            bucket: BUCKETS[0],
            stem,
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("{}.mp4", self.stem)
    }

    pub(crate) fn event(&self) -> Value {
        let seconds = |ms: i64| ms as f64 / 1000.0;
        json!({
            "StreamName": self.camera.name,
            "Boundary": match self.boundary {
                Boundary::Cover => "COVER",
                Boundary::Fragment => "FRAGMENT",
                Boundary::Exact => "EXACT",
            },
            "IfExists": match self.if_exists {
                IfExists::Skip => "SKIP",
                IfExists::Fail => "FAIL",
                IfExists::Overwrite => "OVERWRITE",
            },
            "Destination": {"Bucket": self.bucket, "Key": self.key()},
            "ClipFragmentSelector": {
                "FragmentSelectorType": match self.selector {
                    Selector::ProducerTimestamp => "PRODUCER_TIMESTAMP",
                    Selector::ServerTimestamp => "SERVER_TIMESTAMP",
                },
                "TimestampRange": {"StartTimestamp": seconds(self.start), "EndTimestamp": seconds(self.end)}
            }
        })
    }
}

/// The messages of a queue that ask for these, under their numbers.
pub(crate) fn batch<'a>(asks: impl Iterator<Item = (usize, &'a Ask)>) -> Value {
    let record = |(number, ask): (usize, &Ask)| {
        json!({
            "messageId": message_id(number), "receiptHandle": "x", "body": ask.event().to_string(),
            "attributes": {}, "messageAttributes": {}, "md5OfBody": "x", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:clips", "awsRegion": "eu-west-1"
        })
    };
    json!({"Records": asks.map(record).collect::<Vec<_>>()})
}

/// The id of a message of a batch.
pub(crate) fn message_id(number: usize) -> String {
    id("11111111", number as u64)
}

/// A UUID out of a beginning of eight digits and a number.
pub(crate) fn id(first: &str, number: u64) -> String {
    let digits = format!("{number:016x}");
    format!(
        "{first}-{}-4{}-8{}-{}000000",
        &digits[..4],
        &digits[4..7],
        &digits[7..10],
        &digits[10..]
    )
}

fn camera(rng: &mut Rng, live: bool) -> &'static Camera {
    let weight = |camera: &Camera| if live && !camera.live { 0 } else { camera.weight };
    let all: u32 = CAMERAS.iter().map(weight).sum();
    let mut left = rng.u32(..all);
    for camera in CAMERAS {
        match left.checked_sub(weight(camera)) {
            Some(rest) => left = rest,
            None => return camera,
        }
    }
    &CAMERAS[0]
}

/// A range in milliseconds: short ones more often than long ones, and on whole seconds more often than not.
fn range(rng: &mut Rng, camera: &Camera) -> (i64, i64) {
    let longest = camera.longest * 1000;
    let share = rng.f64().powi(2);
    let length = ((longest as f64 * share) as i64).max(rng.i64(1..4000));
    let anywhere = FIRST * 1000 + rng.i64(0..SPAN * 1000);
    let start = match camera.around * 1000 {
        0 => anywhere,
        around => anywhere / around * around + around - rng.i64(0..length + 5000),
    };
    let start = if rng.bool() { start } else { start / 1000 * 1000 };
    let end = if rng.bool() {
        start + length
    } else {
        (start + length) / 1000 * 1000 + 1000
    };
    (start, end.min(NOW_MS - 60_000))
}

/// Milliseconds since 1970 by the machine's clock.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("this century")
}
