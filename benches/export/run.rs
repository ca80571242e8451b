//! One export by whatever way, and what can be seen of it from outside while it runs.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::stack::{Calls, Stack};
use super::system::family_memory;

/// How often is looked for the first call of Kinesis Video Streams: as exact as its time is.
const GLANCE: Duration = Duration::from_millis(1);

/// How often memory is looked at, in glances. Its peak is kept by the system; only what grows just before the end
/// of a process can be missed.
const LOOK: u32 = 10;

/// What one export took. Times are in seconds and memory is in bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// Size of all that it made.
    pub(crate) bytes: u64,
    /// From the start of the process to the end; of the function, without the time between.
    pub(crate) wall: f64,
    /// User and system time in that time, of all processes.
    pub(crate) cpu: f64,
    /// The same without what a process does once, where that can be told apart.
    pub(crate) transfer_wall: Option<f64>,
    pub(crate) transfer_cpu: Option<f64>,
    /// From the start of the process to its first request to Kinesis Video Streams.
    pub(crate) first_request: Option<f64>,
    /// Largest resident memory, of all processes.
    pub(crate) peak_memory: u64,
    /// Bytes that went to disks.
    pub(crate) written: u64,
    /// What it asked of AWS.
    pub(crate) calls: Calls,
    /// User and system time of the local stack meanwhile.
    pub(crate) stack_cpu: f64,
}

/// What was seen of a process.
pub(crate) struct Seen {
    /// When Kinesis Video Streams was first called, if it was.
    pub(crate) first_request: Option<Instant>,
    /// Largest resident memory, in bytes.
    pub(crate) peak_memory: u64,
}

/// Waits for `work`, and watches the process and the stack meanwhile.
pub(crate) async fn watch<T>(stack: &Stack, pid: u32, work: impl Future<Output = T>) -> (T, Seen) {
    let before = stack.kvs_calls();
    let mut seen = Seen {
        first_request: None,
        peak_memory: 0,
    };
    let mut work = pin!(work);
    let mut glances = tokio::time::interval(GLANCE);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut glance = 0;
    loop {
        tokio::select! {
            output = work.as_mut() => return (output, seen),
            _ = glances.tick() => {}
        }
        if seen.first_request.is_none() && stack.kvs_calls() > before {
            seen.first_request = Some(Instant::now());
        }
        if glance % LOOK == 0 {
            seen.peak_memory = seen.peak_memory.max(family_memory(pid));
        }
        glance += 1;
    }
}
