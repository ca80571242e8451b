//! From measurements to what a person reads, and to the targets.

use std::fmt::Write;
use std::time::Duration;

use super::stack::Clip;

const MIB: f64 = 1024.0 * 1024.0;

/// Wall and processor time of boto3 that the function may take at most.
const MOST_OF_BOTO3: f64 = 0.5;

/// Peak resident memory at the defaults (parts of 8 MiB, four on their way), in MiB.
const MOST_MEMORY_MIB: f64 = 64.0;

/// Peak memory of the clip that takes most by that of the clip that takes least, with small buffers. The clips
/// differ by a factor of nine; this leaves room for one buffer of 5 MiB more or less on some 22 MiB.
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
        ("wall s", |cost| cost.process_wall.as_secs_f64(), false),
        ("CPU s", |cost| cost.process_cpu.as_secs_f64(), false),
        ("peak MiB", peak_mib, false),
        ("stack s", |cost| cost.stack_cpu.as_secs_f64(), false),
    ];
    let bytes = median(ours.iter().map(|cost| cost.bytes as f64));
    let (mut head, mut first, mut second, mut ratios) =
        (String::new(), String::new(), String::new(), String::new());
    for (name, value, is_target) in columns {
        let (our, their) = (median(ours.iter().map(value)), median(theirs.iter().map(value)));
        let ratio = our / their;
        let _ = write!(head, "{name:>10}");
        let _ = write!(first, "{our:>10.2}");
        let _ = write!(second, "{their:>10.2}");
        let _ = write!(ratios, "{ratio:>10.2}");
        if is_target {
            let what = format!("{scheme}: {} of boto3's", name.trim_end_matches(" s"));
            targets.push(Target::new(what, ratio, MOST_OF_BOTO3));
        }
    }
    format!(
        "{:<22}{:>20}{:>20}\n{scheme:<22}{head}\nclip-export           {first}\nboto3                 {second}\nratio                 {ratios}\n",
        format!("{:.1} MB over", bytes / 1e6),
        "one export",
        "with start",
    )
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
    let worst = |costs: &[Cost]| costs.iter().map(peak_mib).fold(0.0, f64::max);
    let middle = |costs: &[Cost]| median(costs.iter().map(peak_mib));
    let mut table = format!(
        "{:<32}{:>20}{:>20}{:>20}\n{:<22}{:>10}",
        "peak memory, MiB", "fresh process", "warm process", "warm, small buffers", "", "clip MB"
    );
    for column in ["median", "worst"].iter().cycle().take(6) {
        let _ = write!(table, "{column:>10}");
    }
    table.push('\n');
    let (mut most_fresh, mut most_warm, mut small) = (0.0, 0.0, Vec::new());
    for clip in memory {
        let megabytes = median(clip.fresh.iter().map(|cost| cost.bytes as f64)) / 1e6;
        let _ = write!(table, "{:<22}{megabytes:>10.1}", clip.clip.stream);
        for costs in [&clip.fresh, &clip.warm, &clip.small] {
            let _ = write!(table, "{:>10.1}{:>10.1}", middle(costs), worst(costs));
        }
        table.push('\n');
        most_fresh = f64::max(most_fresh, worst(&clip.fresh));
        most_warm = f64::max(most_warm, worst(&clip.warm));
        small.push(middle(&clip.small));
    }
    let growth =
        small.iter().copied().fold(0.0, f64::max) / small.iter().copied().fold(f64::INFINITY, f64::min);
    targets.extend([
        Target::new("peak memory of a fresh process, MiB", most_fresh, MOST_MEMORY_MIB),
        Target::new("peak memory of a warm process, MiB", most_warm, MOST_MEMORY_MIB),
        Target::new(
            "most by least memory of all clips, small buffers",
            growth,
            MOST_GROWTH,
        ),
    ]);
    table
}

fn peak_mib(cost: &Cost) -> f64 {
    cost.peak_memory as f64 / MIB
}

/// The cold starts.
pub(crate) fn cold_start_table(starts: Vec<Duration>, targets: &mut Vec<Target>) -> String {
    let starts = starts.iter().map(|start| start.as_secs_f64() * 1e3);
    let (middle, worst) = (median(starts.clone()), starts.clone().fold(0.0, f64::max));
    targets.push(Target::new("cold start, median ms", middle, MOST_COLD_START_MS));
    targets.push(Target::new("cold start, worst ms", worst, MOST_COLD_START_MS));
    format!(
        "cold start            {middle:>10.1} ms, worst of {} {worst:.1} ms\n",
        starts.len()
    )
}

/// Each target and whether it holds.
pub(crate) fn target_table(targets: &[Target]) -> String {
    let mut table = format!("{:<52}{:>10}{:>10}\n", "target", "measured", "at most");
    for target in targets {
        let verdict = if target.holds() { "" } else { "  MISSED" };
        let Target { what, measured, most } = target;
        let _ = writeln!(table, "{what:<52}{measured:>10.2}{most:>10.2}{verdict}");
    }
    table
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
