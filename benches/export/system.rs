//! What the system knows of processes and `clip_export_local::process` has no need of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::Outcome;

/// Where processes write that need a disk. `/tmp` may be memory; this may not.
const DISK: &str = "/var/tmp";

/// Bytes that a process, with the children that it has waited for, gave to disks (proc(5)): what was written to files
/// in memory does not count, nor do sockets.
pub(crate) fn written(pid: u32) -> Outcome<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(bytes.ok_or("no write_bytes in /proc")?.trim().parse()?)
}

/// User and system time of all children of this process that it has waited for, and of theirs.
pub(crate) fn children_cpu() -> Outcome<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(time.num_microseconds().try_into()?))
}

/// User and system time so far of a process that still runs: exact, where `/proc` counts in 10 ms, of which an export of
/// 10 MB takes only a few.
pub(crate) fn cpu(pid: u32) -> Outcome<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid.try_into()?))?;
    Ok(clock_gettime(clock)?.into())
}

/// Resident memory of a process and its descendants in bytes, each at its largest so far; 0 once they are gone.
pub(crate) fn family_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok());
    kibibytes.unwrap_or_default() * 1024 + children.map(family_memory).sum::<u64>()
}

/// A folder on a disk, as a function's `/tmp` is.
pub(crate) fn disk() -> PathBuf {
    let disk = Path::new(DISK);
    if disk.is_dir() {
        disk.to_owned()
    } else {
        std::env::temp_dir()
    }
}
