//! From measurements to what a person reads, and to the targets. All of it is Markdown.

mod long;
mod table;

use std::time::Duration;

pub(crate) use long::{LongMemory, long_memory_table, recipe_table, stage_table};
use table::table;

use super::stack::Clip;

const MIB: f64 = 1024.0 * 1024.0;

const MB: f64 = 1e6;

/// Wall and processor time of boto3 that the function may take at most.
const MOST_OF_BOTO3: f64 = 0.5;

/// Peak resident memory at the defaults (parts of 8 MiB, four on their way), in MiB.
const MOST_MEMORY_MIB: f64 = 64.0;

/// Peak memory of the clip that takes most by that of the clip that takes least, with small buffers, of clips
/// that differ by a factor of nearly six and not in the place of `moov`, on which it depends what is held back.
/// This leaves room for one buffer of 5 MiB more or less on some 22 MiB.
const MOST_GROWTH: f64 = 1.25;

/// From the start of the process to its first request for an event, in milliseconds.
const MOST_COLD_START_MS: f64 = 50.0;

/// Size of the stripped binary, in MB.
const MOST_BINARY_MB: f64 = 15.0;

/// What one export took.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// Size of the clip.
    pub(crate) bytes: u64,
    /// From the event (or the call of `get_clip`) to the answer.
    pub(crate) wall: Duration,
    /// User and system time of the process in that time.
    pub(crate) cpu: Duration,
    /// `wall` and the start of the process.
    pub(crate) process_wall: Duration,
    /// `cpu` and the start of the process.
    pub(crate) process_cpu: Duration,
    /// User and system time of the local stack meanwhile.
    pub(crate) stack_cpu: Duration,
    /// Largest resident memory, in bytes.
    pub(crate) peak_memory: u64,
}

/// A figure that has a limit.
#[derive(Debug)]
pub(crate) struct Target {
    what: String,
    measured: f64,
    most: f64,
}

impl Target {
    fn new(what: impl Into<String>, measured: f64, most: f64) -> Self {
        let what = what.into();
        Self { what, measured, most }
    }

    /// The target of the binary's size, given in bytes.
    pub(crate) fn binary_size(bytes: u64) -> Self {
        Self::new("binary size, MB", bytes as f64 / 1e6, MOST_BINARY_MB)
    }

    pub(crate) fn holds(&self) -> bool {
        self.measured <= self.most
    }
}

/// Both exporters side by side, and the ratios.
pub(crate) fn comparison_table(
    scheme: &str,
    ours: &[Cost],
    theirs: &[Cost],
    targets: &mut Vec<Target>,
) -> String {
    type Column = (&'static str, fn(&Cost) -> f64, bool);
    let columns: [Column; 6] = [
        ("wall s", |cost| cost.wall.as_secs_f64(), true),
        ("CPU s", |cost| cost.cpu.as_secs_f64(), true),
        (
            "wall s, with start",
            |cost| cost.process_wall.as_secs_f64(),
            false,
        ),
        ("CPU s, with start", |cost| cost.process_cpu.as_secs_f64(), false),
        ("peak MiB", peak_mib, false),
        ("stack's CPU s", |cost| cost.stack_cpu.as_secs_f64(), false),
    ];
    let bytes = median(ours.iter().map(|cost| cost.bytes as f64));
    let mut head = vec![format!("{:.1} MB over {scheme}", bytes / MB)];
    let mut rows = ["ratio", "clip-export", "boto3"].map(|name| vec![name.to_owned()]);
    for (name, value, is_target) in columns {
        let (our, their) = (median(ours.iter().map(value)), median(theirs.iter().map(value)));
        let ratio = our / their;
        head.push(name.to_owned());
        for (row, value) in rows.iter_mut().zip([ratio, our, their]) {
            row.push(format!("{value:.2}"));
        }
        if is_target {
            let what = format!("{scheme}: {} of boto3's", name.trim_end_matches(" s"));
            targets.push(Target::new(what, ratio, MOST_OF_BOTO3));
        }
    }
    table(head, rows)
}

/// Exports of one clip, for their peak memory.
pub(crate) struct Memory {
    pub(crate) clip: Clip,
    /// One export by each process, with the defaults of all settings.
    pub(crate) fresh: Vec<Cost>,
    /// Several exports by each process, with the defaults of all settings.
    pub(crate) warm: Vec<Cost>,
    /// Several exports by each process, with buffers that even the smallest clip fills.
    pub(crate) small: Vec<Cost>,
}

/// Peak memory by the size of the clip and the place of its `moov`.
pub(crate) fn memory_table(memory: &[Memory], targets: &mut Vec<Target>) -> String {
    let middle = |costs: &[Cost]| median(costs.iter().map(peak_mib));
    let head = [
        "peak memory, MiB",
        "clip MB",
        "fresh",
        "worst",
        "warm",
        "worst",
        "warm, small buffers",
        "worst",
    ];
    let (mut most_fresh, mut most_warm, mut small) = (0.0, 0.0, Vec::new());
    let mut rows = Vec::new();
    for clip in memory {
        let megabytes = median(clip.fresh.iter().map(|cost| cost.bytes as f64)) / MB;
        let mut row = vec![clip.clip.stream.to_owned(), format!("{megabytes:.1}")];
        for costs in [&clip.fresh, &clip.warm, &clip.small] {
            row.push(format!("{:.1}", middle(costs)));
            row.push(format!("{:.1}", worst_mib(costs)));
        }
        rows.push(row);
        most_fresh = f64::max(most_fresh, worst_mib(&clip.fresh));
        most_warm = f64::max(most_warm, worst_mib(&clip.warm));
        small.push((clip.clip.stream, middle(&clip.small)));
    }
    let growth = |stream: &str| {
        let of_stream = small.iter().filter(|(name, _)| *name == stream);
        let of_stream = of_stream.map(|(_, memory)| *memory);
        of_stream.clone().fold(0.0, f64::max) / of_stream.fold(f64::INFINITY, f64::min)
    };
    let growth = small.iter().map(|(stream, _)| growth(stream)).fold(0.0, f64::max);
    targets.extend([
        Target::new("peak memory of a fresh process, MiB", most_fresh, MOST_MEMORY_MIB),
        Target::new("peak memory of a warm process, MiB", most_warm, MOST_MEMORY_MIB),
        Target::new(
            "most by least memory of a stream, small buffers",
            growth,
            MOST_GROWTH,
        ),
    ]);
    table(head, rows)
}

fn peak_mib(cost: &Cost) -> f64 {
    cost.peak_memory as f64 / MIB
}

fn worst_mib(costs: &[Cost]) -> f64 {
    costs.iter().map(peak_mib).fold(0.0, f64::max)
}

/// The cold starts.
pub(crate) fn cold_start_table(starts: Vec<Duration>, targets: &mut Vec<Target>) -> String {
    let starts = starts.iter().map(|start| start.as_secs_f64() * 1e3);
    let (middle, worst) = (median(starts.clone()), starts.clone().fold(0.0, f64::max));
    targets.push(Target::new("cold start, median ms", middle, MOST_COLD_START_MS));
    targets.push(Target::new("cold start, worst ms", worst, MOST_COLD_START_MS));
    let row = [
        "cold start, ms".to_owned(),
        format!("{middle:.1}"),
        format!("{worst:.1}"),
    ];
    let worst_of = format!("worst of {}", starts.len());
    table(["", "median", &worst_of], [row])
}

/// Each target and whether it holds.
pub(crate) fn target_table(targets: &[Target]) -> String {
    let rows = targets.iter().map(|target| {
        let Target { what, measured, most } = target;
        let verdict = if target.holds() { "OK" } else { "MISSED" };
        [
            what.clone(),
            format!("{measured:.2}"),
            format!("{most:.2}"),
            verdict.to_owned(),
        ]
    });
    table(["target", "measured", "at most", ""], rows)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
