//! What an export costs, and what the same export costs with boto3 (and ffmpeg). Run by `make bench`.
//!
//! Everything goes over real sockets: the binary that ships, on the local runtime API, against the local
//! stack in this process. Nothing here is a test: the figures are those of one machine at one moment, and
//! only `--assert` turns a missed target into a failure.

mod boto3;
mod function;
mod link;
mod recipe;
mod report;
mod stack;
mod system;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use lexopt::prelude::*;

use link::Link;
use report::{
    Cost, LongMemory, Memory, Target, cold_start_table, comparison_table, long_memory_table, memory_table,
    recipe_table, stage_table, target_table,
};
use stack::{Clip, Stack};

/// What is said where an argument is wrong.
const USAGE: &str = "export --function PATH --python PATH [--repeat N] [--assert]
    --function  the function's binary, as it ships
    --python    a Python that has what benches/requirements.txt lists
    --repeat    how often each export is measured (default 5); medians count
    --only      one half of it: `long` (clips of several GetClips) or `short` (clips of one)
    --assert    exit with 1 where a target is missed";

/// Exports that a warm process makes: its memory grows for the first few, until the allocator has what it needs.
const WARM: usize = 5;

/// How often the cold start is measured: it takes milliseconds, and its worst case is a target too.
const STARTS: usize = 20;

/// A network of 600 Mbit/s each way, in bytes a second: about what a Lambda function is seen to get.
const NETWORK: u32 = 75_000_000;

/// How often the exports over that network are measured at most: they take long, and vary little.
const NETWORK_REPEAT: usize = 3;

/// Settings with which even the small clip fills every buffer that there may be, so that all that could still
/// grow with the clip is what must not.
const SMALL_BUFFERS: [(&str, &str); 2] = [("CLIP_PART_MIB", "5"), ("CLIP_UPLOADS", "1")];

/// Result of whatever can go wrong here; all of it ends the run.
type Outcome<T> = Result<T, Box<dyn Error>>;

struct Arguments {
    function: PathBuf,
    python: PathBuf,
    repeat: usize,
    only: Option<Half>,
    assert: bool,
}

/// What is measured in one go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Long,
    Short,
}

impl FromStr for Half {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "long" => Ok(Self::Long),
            "short" => Ok(Self::Short),
            _ => Err("neither long nor short"),
        }
    }
}

impl Arguments {
    /// Reads the command line; `None` unless cargo was asked to measure (it adds `--bench`).
    fn read() -> Result<Option<Self>, lexopt::Error> {
        let (mut function, mut python, mut repeat, mut assert) = (None, None, 5, false);
        let (mut measure, mut only) = (false, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => measure = true,
                Long("function") => function = Some(PathBuf::from(parser.value()?)),
                Long("python") => python = Some(PathBuf::from(parser.value()?)),
                Long("repeat") => repeat = parser.value()?.parse()?,
                Long("only") => only = Some(parser.value()?.parse()?),
                Long("assert") => assert = true,
                argument => return Err(argument.unexpected()),
            }
        }
        if !measure {
            return Ok(None);
        }
        Ok(Some(Self {
            function: function.ok_or("--function is missing")?,
            python: python.ok_or("--python is missing")?,
            repeat: std::cmp::max(repeat, 1),
            only,
            assert,
        }))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<ExitCode> {
    let arguments = match Arguments::read() {
        Ok(Some(arguments)) => arguments,
        // `cargo test --all-targets` runs this too, and measures nothing.
        Ok(None) => return Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return Ok(ExitCode::from(2));
        }
    };
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, load {load}; medians of {}\n", arguments.repeat);

    let mut targets = Vec::new();
    if arguments.only != Some(Half::Short) {
        long_clips(&arguments, &mut targets).await?;
    }
    if arguments.only != Some(Half::Long) {
        short_clips(&arguments, &mut targets).await?;
    }

    let size = std::fs::metadata(&arguments.function)?.len();
    targets.push(Target::binary_size(size));
    println!("{}", target_table(&targets));
    let missed = targets.iter().any(|target| !target.holds());
    Ok(ExitCode::from(u8::from(arguments.assert && missed)))
}

/// Clips of several `GetClip`s: beside the recipe, and by their length.
async fn long_clips(arguments: &Arguments, targets: &mut Vec<Target>) -> Outcome<()> {
    let stack = Stack::behind(Link::new(NETWORK)).await?;
    let repeat = arguments.repeat.min(NETWORK_REPEAT);
    let (ours, theirs) = ten_minutes(&stack, arguments, repeat).await?;
    let network = format!("{} MB/s each way", NETWORK / 1_000_000);
    println!("{}", recipe_table(&network, &ours, &theirs, targets));

    let stack = Stack::with_quotas().await?;
    let (ours, theirs) = ten_minutes(&stack, arguments, arguments.repeat).await?;
    println!("{}", recipe_table("loopback", &ours, &theirs, targets));

    let mut two_minutes = Vec::new();
    for _ in 0..arguments.repeat {
        two_minutes.push(function::export(&stack, &arguments.function, Clip::TWO_MINUTES, &[], 1).await?);
    }
    let mut memory = vec![
        LongMemory::new(Clip::TWO_MINUTES, two_minutes),
        LongMemory::new(Clip::TEN_MINUTES, ours),
    ];
    for clip in Clip::THREE_HOURS {
        // Once: what the quotas leave to one export makes it take long.
        let export = function::export(&stack, &arguments.function, clip, &[], 1).await?;
        memory.push(LongMemory::new(clip, vec![export]));
    }
    println!("{}", long_memory_table(&memory, targets));
    println!("{}", stage_table(&memory));
    Ok(())
}

/// Ten minutes by the function and by the recipe, in turn.
async fn ten_minutes(
    stack: &Stack,
    arguments: &Arguments,
    repeat: usize,
) -> Outcome<(Vec<function::Export>, Vec<recipe::Export>)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..repeat {
        ours.push(function::export(stack, &arguments.function, Clip::TEN_MINUTES, &[], 1).await?);
        theirs.push(recipe::export(stack, &arguments.python, Clip::TEN_MINUTES).await?);
    }
    same_size(&ours, &theirs)?;
    Ok((ours, theirs))
}

/// Two files of the same media differ in their tables by less than a hundredth; whoever left a part out has
/// measured something else.
fn same_size(ours: &[function::Export], theirs: &[recipe::Export]) -> Outcome<()> {
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (ours, theirs) = (ours.cost.bytes, theirs.bytes);
        if ours.abs_diff(theirs) > theirs / 100 {
            return Err(format!("the function made {ours} bytes, the recipe {theirs}").into());
        }
    }
    Ok(())
}

/// Clips of one `GetClip`: beside boto3, and by their size.
async fn short_clips(arguments: &Arguments, targets: &mut Vec<Target>) -> Outcome<()> {
    for tls in [false, true] {
        let stack = Stack::start(tls).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.repeat {
            ours.push(cost(&stack, arguments, Clip::LARGE, &[], 1).await?);
            theirs.push(boto3::export(&stack, &arguments.python, Clip::LARGE).await?);
        }
        println!("{}", comparison_table(stack.scheme(), &ours, &theirs, targets));
    }

    let stack = Stack::start(false).await?;
    let mut memory = Vec::new();
    for clip in Clip::ALL {
        let (mut fresh, mut warm, mut small) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.repeat {
            fresh.push(cost(&stack, arguments, clip, &[], 1).await?);
            warm.push(cost(&stack, arguments, clip, &[], WARM).await?);
            small.push(cost(&stack, arguments, clip, &SMALL_BUFFERS, WARM).await?);
        }
        memory.push(Memory {
            clip,
            fresh,
            warm,
            small,
        });
    }
    println!("{}", memory_table(&memory, targets));

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(function::cold_start(&stack, &arguments.function).await?);
    }
    println!("{}", cold_start_table(starts, targets));
    Ok(())
}

/// What `times` exports by one process cost.
async fn cost(
    stack: &Stack,
    arguments: &Arguments,
    clip: Clip,
    settings: &function::Settings,
    times: usize,
) -> Outcome<Cost> {
    let export = function::export(stack, &arguments.function, clip, settings, times).await?;
    Ok(export.cost)
}
