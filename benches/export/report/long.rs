//! What is said of clips of several `GetClip`s.

use std::fmt::Write;
use std::time::Duration;

use super::{Cost, MB, MOST_MEMORY_MIB, Target, median, peak_mib, table, worst_mib};
use crate::stack::{Calls, Clip};
use crate::{function, recipe};

/// Processor time of the recipe that the function may take at most.
const MOST_CPU_OF_RECIPE: f64 = 0.35;

/// Wall time of the recipe that the function may take at most.
const MOST_WALL_OF_RECIPE: f64 = 0.5;

/// Bytes on disks that pass for none, in MB: that the system notes when a file was read counts as a block of it.
const MOST_WRITTEN_MB: f64 = 0.1;

/// Peak resident memory of three hours, in MiB: that of a short clip, and 16 bytes for each of 440,000 samples,
/// which are held twice where a table grows.
const MOST_LONG_MEMORY_MIB: f64 = 80.0;

/// From here on a clip is a long one.
const LONG_SECONDS: u64 = 60 * 60;

/// One way to an object: what its exports took, by name of the column.
struct Way {
    name: &'static str,
    bytes: f64,
    wall: Vec<f64>,
    cpu: Vec<f64>,
    written: f64,
    stack_cpu: f64,
    calls: Calls,
}

/// The function and the recipe side by side over `network`, processes from start to end, and the ratios.
pub(crate) fn recipe_table(
    network: &str,
    ours: &[function::Export],
    theirs: &[recipe::Export],
    targets: &mut Vec<Target>,
) -> String {
    let ours = Way {
        name: "clip-export",
        bytes: median(ours.iter().map(|export| export.cost.bytes as f64)),
        wall: seconds(ours.iter().map(|export| export.cost.process_wall)),
        cpu: seconds(ours.iter().map(|export| export.cost.process_cpu)),
        written: ours
            .iter()
            .map(|export| export.written as f64)
            .fold(0.0, f64::max),
        stack_cpu: median(ours.iter().map(|export| export.cost.stack_cpu.as_secs_f64())),
        calls: ours
            .first()
            .map(|export| export.calls.clone())
            .unwrap_or_default(),
    };
    let theirs = Way {
        name: "recipe",
        bytes: median(theirs.iter().map(|export| export.bytes as f64)),
        wall: seconds(theirs.iter().map(|export| export.wall)),
        cpu: seconds(theirs.iter().map(|export| export.cpu)),
        written: median(theirs.iter().map(|export| export.written as f64)),
        stack_cpu: median(theirs.iter().map(|export| export.stack_cpu.as_secs_f64())),
        calls: theirs
            .first()
            .map(|export| export.calls.clone())
            .unwrap_or_default(),
    };
    let ratio = |ours: &[f64], theirs: &[f64]| median(ours.iter().copied()) / median(theirs.iter().copied());
    let (cpu, wall) = (ratio(&ours.cpu, &theirs.cpu), ratio(&ours.wall, &theirs.wall));
    targets.extend([
        Target::new(format!("{network}: CPU of the recipe's"), cpu, MOST_CPU_OF_RECIPE),
        Target::new(
            format!("{network}: wall of the recipe's"),
            wall,
            MOST_WALL_OF_RECIPE,
        ),
        Target::new(
            format!("{network}: MB on disks"),
            ours.written / MB,
            MOST_WRITTEN_MB,
        ),
    ]);
    let head = [
        &format!("ten minutes, {network}"),
        "CPU s",
        "from-to",
        "wall s",
        "from-to",
        "disk MB",
        "object MB",
        "requests",
        "stack's CPU s",
    ];
    let ratios = vec![
        "ratio".to_owned(),
        format!("{cpu:.2}"),
        String::new(),
        format!("{wall:.2}"),
    ];
    let mut text = table(head, [ratios, ours.row(), theirs.row()]);
    for way in [ours, theirs] {
        let calls = way
            .calls
            .iter()
            .map(|(operation, count)| format!("{operation} {count}"));
        let calls: Vec<String> = calls.collect();
        let _ = write!(text, "\n{}: {}.", way.name, calls.join(", "));
    }
    text.push('\n');
    text
}

impl Way {
    fn row(&self) -> Vec<String> {
        let Self {
            name,
            bytes,
            wall,
            cpu,
            written,
            stack_cpu,
            calls,
        } = self;
        vec![
            (*name).to_owned(),
            format!("{:.2}", median(cpu.iter().copied())),
            spread(cpu),
            format!("{:.2}", median(wall.iter().copied())),
            spread(wall),
            format!("{:.1}", written / MB),
            format!("{:.1}", bytes / MB),
            calls.values().sum::<u64>().to_string(),
            format!("{stack_cpu:.2}"),
        ]
    }
}

fn seconds(times: impl Iterator<Item = Duration>) -> Vec<f64> {
    times.map(|time| time.as_secs_f64()).collect()
}

/// The least and the most.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{least:.2}-{most:.2}")
}

/// Exports of one clip, each by a process that has just started, with the template's settings.
pub(crate) struct LongMemory {
    clip: Clip,
    exports: Vec<function::Export>,
}

impl LongMemory {
    pub(crate) fn new(clip: Clip, exports: Vec<function::Export>) -> Self {
        Self { clip, exports }
    }

    fn costs(&self) -> Vec<Cost> {
        self.exports.iter().map(|export| export.cost.clone()).collect()
    }

    fn name(&self) -> String {
        format!("{}, {} min", self.clip.stream, self.clip.seconds / 60)
    }
}

/// Peak memory by the length of the clip.
pub(crate) fn long_memory_table(memory: &[LongMemory], targets: &mut Vec<Target>) -> String {
    let head = [
        "peak memory, MiB",
        "clip MB",
        "GetClip",
        "median",
        "worst",
        "wall s",
        "CPU s",
    ];
    let rows: Vec<Vec<String>> = memory
        .iter()
        .map(|of_clip| {
            let costs = of_clip.costs();
            let middle = |value: fn(&Cost) -> f64| median(costs.iter().map(value));
            let windows = of_clip
                .exports
                .first()
                .and_then(|export| export.calls.get("GetClip"));
            vec![
                of_clip.name(),
                format!("{:.1}", middle(|cost| cost.bytes as f64) / MB),
                windows.copied().unwrap_or_default().to_string(),
                format!("{:.1}", middle(peak_mib)),
                format!("{:.1}", worst_mib(&costs)),
                format!("{:.2}", middle(|cost| cost.wall.as_secs_f64())),
                format!("{:.2}", middle(|cost| cost.cpu.as_secs_f64())),
            ]
        })
        .collect();
    for of_clip in memory {
        let most = if of_clip.clip.seconds < LONG_SECONDS {
            MOST_MEMORY_MIB
        } else {
            MOST_LONG_MEMORY_MIB
        };
        let what = format!("peak memory of {}, MiB", of_clip.name());
        targets.push(Target::new(what, worst_mib(&of_clip.costs()), most));
    }
    table(head, rows)
}

/// How long each stage took, as the function's metrics say.
pub(crate) fn stage_table(memory: &[LongMemory]) -> String {
    let names = memory.first().and_then(|of_clip| of_clip.exports.first());
    let names: Vec<&str> = names
        .iter()
        .flat_map(|export| export.stages.iter().map(|(name, _)| name.as_str()))
        .collect();
    let rows = memory.iter().map(|of_clip| {
        let stages = names.iter().map(|name| {
            let times = of_clip.exports.iter().flat_map(|export| &export.stages);
            let times = times.filter(|(stage, _)| stage == name);
            format!("{:.2}", median(times.map(|(_, time)| time.as_secs_f64())))
        });
        let wall = median(
            of_clip
                .exports
                .iter()
                .map(|export| export.cost.wall.as_secs_f64()),
        );
        let first = [of_clip.name(), format!("{wall:.2}")];
        first.into_iter().chain(stages).collect::<Vec<String>>()
    });
    let head = ["stages, s", "wall"].into_iter().chain(names.iter().copied());
    table(head, rows)
}
