//! What the system knows of processes and `clip_export_local::process` has no need of (proc(5)).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Outcome;

/// Clock ticks per second in `/proc/<pid>/stat`: Linux fixes `USER_HZ` at 100 for what programs see.
const TICKS_PER_SECOND: u64 = 100;

/// Where processes write that need a disk. `/tmp` may be memory; this may not.
const DISK: &str = "/var/tmp";

/// Bytes that a process, with the children that it has waited for, gave to disks: what was written to files
/// in memory does not count, nor do sockets.
pub(crate) fn written(pid: u32) -> Outcome<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io"))?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(bytes.ok_or("no write_bytes in /proc")?.trim().parse()?)
}

/// User and system time of all children of this process that it has waited for, and of theirs.
pub(crate) fn children_cpu() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in parentheses, and it may hold spaces.
    let fields = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?.1;
    let mut fields = fields.split_ascii_whitespace().skip(13);
    let mut ticks = || -> Outcome<u64> { Ok(fields.next().ok_or("/proc/self/stat is short")?.parse()?) };
    let (user, system) = (ticks()?, ticks()?);
    Ok(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
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
