//! The function in a storm: every fault that the local services can play, at random calls and in random
//! combinations, over every kind of footage, several processes at once on one S3. It has to hold, after each
//! delivery, that there is a whole and right clip or none, an error of the closed list, no upload left behind
//! and nothing missing or doubled that the receipt does not name; and, once the storm is over, that the same
//! event is served.
//!
//! A test target, and not a binary of the local stack's: cargo builds the function before it and says where
//! it is, so that `make test` can blow a little.
//!
//! All of a case follows from its seed. What does not: the jitter of the function's own retries, which of
//! several calls at once comes first, and what time it is for footage that is only just being made.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on says so and fails, and one that is watched says how it goes"
)]

mod answer;
mod archive;
mod cameras;
mod case;
mod check;
mod clip;
mod controls;
mod deliver;
mod kills;
mod movie;
mod races;
mod report;
mod stack;
mod storm;
mod verdict;
mod weather;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use report::Report;
use stack::{Worker, World};
use storm::{Storm, play};

/// A setting of `make torture`.
fn setting(name: &str) -> Option<String> {
    let value = std::env::var(format!("TORTURE_{name}")).ok();
    value.filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    setting(name).map(|value| value.parse().expect("a number"))
}

/// Shows what did not hold.
fn judge(report: &Report, others: &[String]) {
    let failures: Vec<_> = report.failures.iter().chain(others).collect();
    for failure in &failures {
        println!("\n--- {failure}");
    }
    assert!(failures.is_empty(), "{} failures", failures.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_storm_is_survived() {
    let storm = Storm {
        seed: 1,
        exports: 30,
        time: Duration::from_secs(40),
    };
    let report = storm.blow(&World::start(None).await).await;
    assert!(report.exports() > 10, "{report}");
    println!("{report}");
    judge(&report, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_is_made_by_the_next_delivery() {
    kills::the_lifecycle_rule_covers_every_key();
    let killed = kills::kill(&World::start(None).await, 1, 4).await;
    println!("{}", killed.expect("one whole clip each"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_deliveries_at_once_makes_the_object() {
    let world = World::start(None).await;
    for clip in races::CLIPS {
        let raced = races::race(&world, clip, 8).await;
        println!("{}", raced.expect("one object"));
    }
}

/// `make torture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes many minutes"]
async fn the_storm_is_survived() {
    let world = World::start(setting("FUNCTION").map(PathBuf::from)).await;
    if let Some(seed) = setting("CASE") {
        let seed = u64::from_str_radix(&seed, 16).expect("a seed in hexadecimal");
        let report = Mutex::default();
        play(&mut Worker::start(world).await, seed, &report).await;
        let report = report.lock().expect("a report");
        println!("{report}");
        return judge(&report, &[]);
    }
    let storm = Storm {
        seed: number("SEED").unwrap_or_else(|| fastrand::u64(..)),
        exports: number("EXPORTS").unwrap_or(1000) as usize,
        time: Duration::from_secs(number("MINUTES").unwrap_or(60) * 60),
    };
    println!("make torture SEED={} EXPORTS={}\n", storm.seed, storm.exports);
    let report = storm.blow(&world).await;
    println!("{report}");
    let mut failures = Vec::new();
    let mut shown = String::new();
    let mut show = |seen: Result<String, String>| match seen {
        Ok(seen) => {
            println!("{seen}");
            shown += &seen;
            shown += "\n";
        }
        Err(failure) => failures.push(failure),
    };
    kills::the_lifecycle_rule_covers_every_key();
    let kills = number("KILLS").unwrap_or(40) as usize;
    show(
        kills::kill(&world, storm.seed, kills)
            .await
            .map(|killed| killed.to_string()),
    );
    show(Ok(races::HEAD.to_owned()));
    for clip in races::CLIPS {
        show(races::race(&world, clip, 50).await);
    }
    if let Some(file) = setting("REPORT") {
        let text = report.for_readme(storm.seed, &shown, failures.len());
        std::fs::write(file, text).expect("a place for the report");
    }
    judge(&report, &failures);
}
