//! What planning and joining a day cost: the fragments and tables alone. Run by `make bench`.
//!
//! A day of fragments of two seconds is 43,200 of them, which `ListFragments` gives in no order.
//! A day at 30 pictures a second with AAC at 48 kHz is 216 clips and 6.6 million samples. Its tables go through the
//! joiner as an export's do, and its head is written as it is for the upload; there is no media, so that nothing else is
//! measured. Memory is what the heap holds at most beyond one clip as it came. The figures go to the file after `--out`
//! too, for `benches/report`, which judges them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a benchmark that cannot go on says so and ends, and prints what it measured"
)]

mod clips;

use std::hint::black_box;
use std::time::{Duration, Instant};

use clip_export::mp4::{FragmentStart, Joiner, Selection};
use clip_export::plan::{Boundary, Fragment, FragmentSelectorType, Plan, TimeRange};
use peak_alloc::PeakAlloc;
use serde_json::json;

use clips::{CLIPS, Clip, SAMPLES, Shape};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Fragments of two seconds in a day.
const FRAGMENTS: i64 = 43_200;

/// Days that are joined in each shape; the median counts.
const DAYS: usize = 3;

/// What one day took.
struct Cost {
    scan: Duration,
    merge: Duration,
    write: Duration,
    heap: usize,
    head: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test` runs benchmarks too, without this word.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    println!("joining a day: {CLIPS} clips, {SAMPLES} samples");
    println!(
        "{:14} {:>9} {:>9} {:>9} {:>9} {:>14}",
        "", "scan s", "merge s", "write s", "head MB", "heap B/sample"
    );
    let mut shapes = Vec::new();
    for shape in [Shape::Even, Shape::Milliseconds, Shape::Reordered] {
        let clip = Clip::new(shape);
        let mut days: Vec<Cost> = (0..DAYS).map(|_| day(&clip)).collect();
        days.sort_by_key(|cost| cost.merge + cost.write);
        let Cost {
            scan,
            merge,
            write,
            heap,
            head,
        } = &days[DAYS / 2];
        let (scan, merge, write) = (scan.as_secs_f64(), merge.as_secs_f64(), write.as_secs_f64());
        let bytes = *heap as f64 / SAMPLES as f64;
        let name = format!("{shape:?}");
        println!(
            "{name:14} {scan:9.3} {merge:9.3} {write:9.3} {:9.1} {bytes:14.2}",
            *head as f64 / 1e6
        );
        shapes.push(json!({
            "shape": name, "scan": scan, "merge": merge, "write": write, "head": head, "bytes_per_sample": bytes,
        }));
    }
    let planning = plan().as_secs_f64();
    println!(
        "planning a day: {FRAGMENTS} fragments in {:.1} ms",
        planning * 1e3
    );
    if let Some(at) = arguments.iter().position(|argument| argument == "--out") {
        let figures = json!({"planning": planning, "shapes": shapes, "samples": SAMPLES});
        std::fs::write(&arguments[at + 1], figures.to_string()).expect("a file that can be written");
    }
}

/// Plans a day out of an unordered list: as it should be, with every thousandth fragment sent twice, and with
/// fragments that all reach into the next one. The slowest counts.
fn plan() -> Duration {
    let range = TimeRange::from_milliseconds(0, FRAGMENTS * 2_000).expect("a day");
    let fragment = |number: i64, length_ms: i64| {
        // A step that shares no factor with their count visits all of them, far from their order.
        let start = number * 7_919 % FRAGMENTS * 2_000;
        Fragment {
            number: format!("{start:047}").into(),
            producer_ms: start,
            server_ms: start + 300,
            length_ms,
            bytes: 1_000_000,
        }
    };
    let again = |number: i64| Fragment {
        server_ms: FRAGMENTS * 2_000 + number,
        ..fragment(number, 1_960)
    };
    let days = [(0, 1_960), (FRAGMENTS / 1_000, 1_960), (0, 2_040)];
    let times = days.map(|(resent, length_ms)| {
        let mut runs: Vec<Duration> = (0..DAYS)
            .map(|_| {
                let listed: Vec<Fragment> = (0..FRAGMENTS)
                    .map(|number| fragment(number, length_ms))
                    .chain((0..resent).map(again))
                    .collect();
                let start = Instant::now();
                let plan = Plan::new(
                    listed,
                    FragmentSelectorType::ProducerTimestamp,
                    &range,
                    Boundary::Cover,
                );
                let windows = plan.windows(0..plan.fragments().len());
                let time = start.elapsed();
                assert_eq!(
                    windows.last().map(|window| window.end),
                    Some(plan.fragments().len())
                );
                time
            })
            .collect();
        runs.sort_unstable();
        runs[DAYS / 2]
    });
    times.into_iter().max().unwrap_or_default()
}

/// Joins a day of the same clip.
fn day(clip: &Clip) -> Cost {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let (mut scan, mut merge) = (Duration::ZERO, Duration::ZERO);
    let mut joiner = Joiner::new(None);
    let mut wall_ms = 1_700_000_000_000;
    for number in 0..CLIPS {
        let start = Instant::now();
        let tables = clip.scan();
        scan += start.elapsed();
        let start = Instant::now();
        let fragments: Vec<FragmentStart> = tables
            .video_sync_samples()
            .map(|sync| FragmentStart {
                sample: sync.number,
                wall_ms: wall_ms + sync.at_us / 1_000,
                continues: number > 0 || sync.number > 0,
            })
            .collect();
        wall_ms += tables.video_end_us() / 1_000;
        let end = tables.video_samples();
        black_box(
            joiner
                .begin(
                    tables,
                    &Selection {
                        fragments: &fragments,
                        end,
                    },
                )
                .expect("a clip that continues"),
        );
        joiner.commit();
        merge += start.elapsed();
    }
    let start = Instant::now();
    let joined = joiner.finish().expect("a movie");
    let written: u64 = joined
        .head
        .pieces()
        .map(|piece| black_box(piece).len() as u64)
        .sum();
    let write = start.elapsed();
    assert_eq!(written, joined.head.len());
    Cost {
        scan,
        merge,
        write,
        heap: HEAP.peak_usage().saturating_sub(before),
        head: written,
    }
}
