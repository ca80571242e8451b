//! What an export costs, and what the same export costs with what a user would pick instead. Run by `make bench`.
//!
//! Everything goes over real sockets: the binary that ships, on the local runtime API, against the local
//! stack in this process. Nothing here judges: the figures go to a file, and `benches/report` makes of them what a
//! person reads.

mod clip;
mod floor;
mod function;
mod link;
mod matrix;
mod others;
mod run;
mod stack;
mod system;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use serde_json::{Value, json};

use clip::Clip;
use matrix::Case;
use others::Way;
use run::Run;
use stack::{Network, Stack};

/// What is said where an argument is wrong.
const USAGE: &str =
    "export --function PATH --python PATH --node-modules PATH --out FILE [--quick] [--only TEXT]
    --function      the function's binary, as it ships
    --python        a Python that has what benches/requirements.txt lists
    --node-modules  a folder that has what benches/package.json lists
    --out           where the figures go, as JSON
    --quick         few rounds, and no clip of an hour
    --only          what has this in its name, such as `100 MB, https` or `memory`";

/// Exports that a warm process makes: its memory grows for the first few, until the allocator has what it needs.
const WARM: usize = 5;

/// How often the cold start is measured: it takes milliseconds, and its worst case counts too.
const STARTS: usize = 20;

/// Settings with which even the small clip fills every buffer that there may be, so that all that could still
/// grow with the clip is what must not.
const SMALL_BUFFERS: [(&str, &str); 2] = [("CLIP_PART_MIB", "5"), ("CLIP_UPLOADS", "1")];

/// Result of whatever can go wrong here; all of it ends the run.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Where everything is that exports.
struct Tools {
    function: PathBuf,
    python: PathBuf,
    node_modules: PathBuf,
}

struct Arguments {
    tools: Tools,
    out: PathBuf,
    quick: bool,
    only: String,
}

impl Arguments {
    /// Reads the command line; `None` unless cargo was asked to measure (it adds `--bench`).
    fn read() -> Result<Option<Self>, lexopt::Error> {
        let (mut function, mut python, mut node_modules, mut out) = (None, None, None, None);
        let (mut measure, mut quick, mut only) = (false, false, String::new());
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => measure = true,
                Long("function") => function = Some(PathBuf::from(parser.value()?)),
                Long("python") => python = Some(PathBuf::from(parser.value()?)),
                Long("node-modules") => node_modules = Some(PathBuf::from(parser.value()?)),
                Long("out") => out = Some(PathBuf::from(parser.value()?)),
                Long("quick") => quick = true,
                Long("only") => only = parser.value()?.string()?,
                argument => return Err(argument.unexpected()),
            }
        }
        if !measure {
            return Ok(None);
        }
        Ok(Some(Self {
            tools: Tools {
                function: function.ok_or("--function is missing")?,
                python: python.ok_or("--python is missing")?,
                node_modules: node_modules.ok_or("--node-modules is missing")?,
            },
            out: out.ok_or("--out is missing")?,
            quick,
            only,
        }))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(Some(arguments)) => arguments,
        // `cargo test --all-targets` runs this too, and measures nothing.
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match measure(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Outcome<()> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let wanted = |name: &str| name.contains(&arguments.only);
    let mut cases = Vec::new();
    for case in matrix::cases(arguments.quick) {
        let name = name(&case);
        if wanted(&name) {
            let runs = measured(&arguments.tools, &case, &name).await?;
            cases.push(json!({
                "clip": case.name,
                "scheme": if case.tls { "https" } else { "http" },
                "network": case.network,
                "runs": runs,
            }));
        }
    }
    let memory = if wanted("memory") {
        memory(&arguments.tools, arguments.quick).await?
    } else {
        Vec::new()
    };
    let mut starts = Vec::new();
    if wanted("start") {
        let stack = Stack::start(false, Network::default(), false).await?;
        for _ in 0..STARTS {
            let start = function::cold_start(&stack, &arguments.tools.function).await?;
            starts.push(start.as_secs_f64());
        }
    }
    let figures = json!({
        "quick": arguments.quick,
        "load": load,
        "cases": cases,
        "memory": memory,
        "starts": starts,
        "binary": std::fs::metadata(&arguments.tools.function)?.len(),
    });
    Ok(std::fs::write(&arguments.out, figures.to_string())?)
}

fn name(case: &Case) -> String {
    let scheme = if case.tls { "https" } else { "http" };
    format!("{}, {scheme}, {}", case.name, case.network)
}

/// The runs of a case by way, which take turns.
async fn measured(tools: &Tools, case: &Case, name: &str) -> Outcome<BTreeMap<&'static str, Vec<Run>>> {
    // Short clips follow each other faster than in life.
    let stack = Stack::start(case.tls, case.speeds(), !case.clip.is_one_call()).await?;
    let folder = tempfile::tempdir()?;
    let length = floor::length(&stack, folder.path(), case.clip).await?;
    let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
    for round in 1..=case.rounds {
        for way in case.ways {
            let run = match way {
                Way::ClipExport => {
                    function::export(&stack, &tools.function, case.clip, &[], 1)
                        .await?
                        .run
                }
                way => others::export(&stack, tools, *way, case.clip, length).await?,
            };
            // Files of the same media differ in their tables by less than a hundredth; whoever left a part out has
            // measured something else.
            if run.bytes.abs_diff(length) > length / 100 {
                let made = run.bytes;
                return Err(format!("{name}: {} made {made} bytes of {length}", way.name()).into());
            }
            println!(
                "{name:32} {round}/{} {:14} {:8.2} s {:8.3} s CPU {:6.1} MiB",
                case.rounds,
                way.name(),
                run.wall,
                run.cpu,
                run.peak_memory as f64 / f64::from(1 << 20),
            );
            runs.entry(way.name()).or_default().push(run);
        }
    }
    Ok(runs)
}

/// Peak memory of the function by the length of the clip and the place of its `moov`.
async fn memory(tools: &Tools, quick: bool) -> Outcome<Vec<Value>> {
    let mut exports = Vec::new();
    let stack = Stack::start(false, Network::default(), false).await?;
    let (clips, rounds) = if quick {
        (&Clip::ALL[..3], 1)
    } else {
        (&Clip::ALL[..], 3)
    };
    for clip in clips {
        for (settings, variables, times) in [
            ("fresh", &[][..], 1),
            ("warm", &[], WARM),
            ("small buffers", &SMALL_BUFFERS, WARM),
        ] {
            for _ in 0..rounds {
                exports.push(memory_of(tools, &stack, *clip, (settings, variables), times).await?);
            }
        }
    }
    let stack = Stack::start(false, Network::default(), true).await?;
    let long: &[Clip] = if quick {
        &[Clip::TEN_MINUTES]
    } else {
        &Clip::THREE_HOURS
    };
    for clip in long {
        exports.push(memory_of(tools, &stack, *clip, ("fresh", &[]), 1).await?);
    }
    Ok(exports)
}

async fn memory_of(
    tools: &Tools,
    stack: &Stack,
    clip: Clip,
    (settings, variables): (&str, &function::Settings),
    times: usize,
) -> Outcome<Value> {
    let export = function::export(stack, &tools.function, clip, variables, times).await?;
    let peak = export.run.peak_memory as f64 / f64::from(1 << 20);
    println!(
        "{:32} {:5} s {settings:14} {peak:6.1} MiB",
        clip.stream, clip.seconds
    );
    Ok(json!({
        "stream": clip.stream,
        "seconds": clip.seconds,
        "settings": settings,
        "run": export.run,
        "stages": export.stages,
    }))
}
