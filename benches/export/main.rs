//! What an export costs, and what the same export costs with boto3. Run by `make bench`.
//!
//! Everything goes over real sockets: the binary that ships, on the local runtime API, against the local
//! stack in this process. Nothing here is a test: the figures are those of one machine at one moment, and
//! only `--assert` turns a missed target into a failure.

mod boto3;
mod function;
mod report;
mod stack;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use report::{Memory, Target, cold_start_table, comparison_table, memory_table, target_table};
use stack::{Clip, Stack};

/// What is said where an argument is wrong.
const USAGE: &str = "export --function PATH --python PATH [--repeat N] [--assert]
    --function  the function's binary, as it ships
    --python    a Python that has what benches/requirements.txt lists
    --repeat    how often each export is measured (default 5); medians count
    --assert    exit with 1 where a target is missed";

/// Exports that a warm process makes: its memory grows for the first few, until the allocator has what it needs.
const WARM: usize = 5;

/// How often the cold start is measured: it takes milliseconds, and its worst case is a target too.
const STARTS: usize = 20;

/// Settings with which even the small clip fills every buffer that there may be, so that all that could still
/// grow with the clip is what must not.
const SMALL_BUFFERS: [(&str, &str); 2] = [("CLIP_PART_MIB", "5"), ("CLIP_UPLOADS", "1")];

/// Result of whatever can go wrong here; all of it ends the run.
type Outcome<T> = Result<T, Box<dyn Error>>;

struct Arguments {
    function: PathBuf,
    python: PathBuf,
    repeat: usize,
    assert: bool,
}

impl Arguments {
    /// Reads the command line; `None` unless cargo was asked to measure (it adds `--bench`).
    fn read() -> Result<Option<Self>, lexopt::Error> {
        let (mut function, mut python, mut repeat, mut assert) = (None, None, 5, false);
        let mut measure = false;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("bench") => measure = true,
                Long("function") => function = Some(PathBuf::from(parser.value()?)),
                Long("python") => python = Some(PathBuf::from(parser.value()?)),
                Long("repeat") => repeat = parser.value()?.parse()?,
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
    for tls in [false, true] {
        let stack = Stack::start(tls).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.repeat {
            ours.push(function::export(&stack, &arguments.function, Clip::LARGE, &[], 1).await?);
            theirs.push(boto3::export(&stack, &arguments.python, Clip::LARGE).await?);
        }
        println!(
            "{}",
            comparison_table(stack.scheme(), &ours, &theirs, &mut targets)
        );
    }

    let stack = Stack::start(false).await?;
    let mut memory = Vec::new();
    for clip in Clip::ALL {
        let (mut fresh, mut warm, mut small) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.repeat {
            fresh.push(function::export(&stack, &arguments.function, clip, &[], 1).await?);
            warm.push(function::export(&stack, &arguments.function, clip, &[], WARM).await?);
            small.push(function::export(&stack, &arguments.function, clip, &SMALL_BUFFERS, WARM).await?);
        }
        memory.push(Memory {
            clip,
            fresh,
            warm,
            small,
        });
    }
    println!("{}", memory_table(&memory, &mut targets));

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(function::cold_start(&stack, &arguments.function).await?);
    }
    println!("{}", cold_start_table(starts, &mut targets));

    let size = std::fs::metadata(&arguments.function)?.len();
    targets.push(Target::binary_size(size));
    println!("{}", target_table(&targets));
    let missed = targets.iter().any(|target| !target.holds());
    Ok(ExitCode::from(u8::from(arguments.assert && missed)))
}
