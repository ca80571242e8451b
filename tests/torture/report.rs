//! What was tried and survived, as a table for the README.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use crate::answer::{Answer, Played, Told};
use crate::case::Case;
use crate::weather::{Service, name};

/// Lines of the log that a failure is shown with.
const LINES: usize = 40;

/// What was seen of exports of a kind.
#[derive(Debug, Default, Clone)]
struct Tally {
    exports: usize,
    /// With a clip at the first delivery.
    at_once: usize,
    /// Answered with a label, or left in the queue, at the first delivery.
    told: usize,
    /// Whose process ended.
    gone: usize,
    played: usize,
}

impl Tally {
    fn add(&mut self, answer: &Answer, played: usize) {
        self.exports += 1;
        self.played += played;
        match answer {
            Answer::Receipt(_) | Answer::Done(_) => self.at_once += 1,
            Answer::Gone => self.gone += 1,
            Answer::Error { .. } | Answer::Aside(_) | Answer::Stays { .. } => self.told += 1,
        }
    }

    fn row(&self, name: &str) -> String {
        let Self {
            exports,
            at_once,
            told,
            gone,
            played,
        } = self;
        format!("| {name} | {exports} | {played} | {at_once} | {told} | {gone} |\n")
    }
}

/// What was seen of a storm.
#[derive(Debug, Default)]
pub(crate) struct Report {
    footage: BTreeMap<&'static str, Tally>,
    faults: BTreeMap<(Service, &'static str), Tally>,
    answers: BTreeMap<String, usize>,
    all: Tally,
    cases: usize,
    batches: usize,
    deliveries: usize,
    left: usize,
    /// How long a case took, and which.
    slowest: (Duration, u64),
    pub(crate) took: Duration,
    /// What did not hold, with the command that plays it again.
    pub(crate) failures: Vec<String>,
}

impl Report {
    /// Exports that were tried.
    pub(crate) fn exports(&self) -> usize {
        self.all.exports
    }

    /// Adds what was seen of a case.
    pub(crate) fn add(&mut self, case: &Case, told: Result<Told, String>, took: Duration, log: &[String]) {
        self.cases += 1;
        self.batches += usize::from(case.batch);
        self.slowest = self.slowest.max((took, case.seed));
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                let mut text = format!("make torture CASE={:016x}\n{error}\n", case.seed);
                for planted in &case.planted {
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{planted:?}");
                }
                let of_case =
                    |line: &&String| line.contains(&case.request_id()) && !line.contains("\"_aws\"");
                let lines: Vec<_> = log.iter().filter(of_case).collect();
                let newest = lines.iter().skip(lines.len().saturating_sub(LINES));
                text.extend(newest.map(|line| format!("{line}\n")));
                self.failures.push(text);
                self.all.exports += case.asks.len();
                return;
            }
        };
        self.deliveries += told.deliveries;
        self.left += told.left;
        for (ask, answer) in case.asks.iter().zip(&told.answers) {
            self.all.add(answer, 0);
            let kind = self.footage.entry(ask.camera.kind).or_default();
            kind.add(answer, told.played.len());
            *self.answers.entry(answer.name().to_owned()).or_default() += 1;
        }
        self.all.played += told.played.len();
        let mut met: BTreeMap<(Service, &'static str), usize> = BTreeMap::new();
        for Played { service, fault, .. } in &told.played {
            *met.entry((*service, name(fault))).or_default() += 1;
        }
        for (fault, played) in met {
            let tally = self.faults.entry(fault).or_default();
            for answer in &told.answers {
                tally.add(answer, 0);
            }
            tally.played += played;
        }
    }
}

impl Report {
    /// The report of `make torture` as the README shows it, with the tables of what came after the storm, of which
    /// `others` did not hold.
    pub(crate) fn for_readme(&self, seed: u64, after: &str, others: usize) -> String {
        format!(
            "The last run (`make torture SEED={seed}`, {}): {} exports in {} deliveries, {} faults played in {:.0} s; \
             {} things that did not hold.\n\n{after}\n\
             <details><summary>By footage, by fault, and by answer</summary>\n\n{self}\n</details>\n",
            machine(),
            self.all.exports,
            self.deliveries,
            self.all.played,
            self.took.as_secs_f64(),
            self.failures.len() + others,
        )
    }
}

/// What it ran on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Only x86 says its name there.
    let named = info.lines().find_map(|line| line.strip_prefix("model name"));
    let name = named.and_then(|name| name.split_once(": "));
    format!(
        "{cores} cores of {}",
        name.map_or(std::env::consts::ARCH, |(_, name)| name)
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |what: &str| {
            format!(
                "| {what} | Exports | Faults met | A clip at once | A labelled error | No answer |\n\
                 | --- | ---: | ---: | ---: | ---: | ---: |\n"
            )
        };
        f.write_str(&head("Footage"))?;
        for (kind, tally) in &self.footage {
            f.write_str(&tally.row(kind))?;
        }
        f.write_str(&self.all.row("**all**"))?;
        f.write_str("\nWhat a batch met counts for each of its exports, but once for all.\n\n")?;
        f.write_str(&head("Fault"))?;
        for ((service, fault), tally) in &self.faults {
            f.write_str(&tally.row(&format!("{}: {fault}", service.name())))?;
        }
        writeln!(f, "\n| First answer | Exports |\n| --- | ---: |")?;
        for (answer, count) in &self.answers {
            writeln!(f, "| {answer} | {count} |")?;
        }
        writeln!(
            f,
            "\n{} exports in {} deliveries ({} batches), {} faults played, {} uploads left that the log names, \
             {} failures; {:.0} s, the slowest case, {:016x}, {:.0} s.",
            self.all.exports,
            self.deliveries,
            self.batches,
            self.all.played,
            self.left,
            self.failures.len(),
            self.took.as_secs_f64(),
            self.slowest.1,
            self.slowest.0.as_secs_f64()
        )
    }
}
