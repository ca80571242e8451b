//! A child process that can be watched: its log lines, its end, its memory and its processor time.
//!
//! It owns the child and promises that no child outlives its [`Process`] handles: the last drop kills it.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::{Notify, watch};

/// Clock ticks per second in `/proc/<pid>/stat`: Linux fixes `USER_HZ` at 100 for what programs see (proc(5)).
const TICKS_PER_SECOND: u64 = 100;

/// Log lines that are kept. A function that is served for days must not grow its server; no test writes as
/// many.
const LINES_KEPT: usize = 100_000;

/// A running or ended child process. Clones are the same child; the last one to go kills it.
#[derive(Clone, Debug)]
pub struct Process {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pid: u32,
    started: Instant,
    kill: Arc<Notify>,
    exit: watch::Receiver<Option<ExitStatus>>,
    log: watch::Receiver<Log>,
}

#[derive(Debug)]
struct Log {
    lines: VecDeque<String>,
    /// Lines before those, which are no longer kept.
    gone: usize,
    /// Streams that may still bring lines.
    open: u8,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.kill.notify_one();
    }
}

impl Process {
    /// Starts `command` with its standard output and error both going to the log, and nothing to read.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        // Before, not after: whoever starts a process may wait longer for the processor than the process.
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let (log, log_seen) = watch::channel(Log {
            lines: VecDeque::new(),
            gone: 0,
            open: 2,
        });
        let log = Arc::new(log);
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            tokio::spawn(keep_lines(stdout, Arc::clone(&log)));
            tokio::spawn(keep_lines(stderr, log));
        }
        let kill = Arc::new(Notify::new());
        let (exited, exit) = watch::channel(None);
        let asked = Arc::clone(&kill);
        tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = asked.notified() => {
                    // It may have ended by itself just now; waiting tells either way.
                    let _ = child.start_kill();
                    child.wait().await
                }
            };
            if let Ok(status) = status {
                exited.send_replace(Some(status));
            }
        });
        let inner = Inner {
            pid,
            started,
            kill,
            exit,
            log: log_seen,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.inner.started
    }

    /// Kills it (`SIGKILL`, as Lambda does) and waits until it is gone.
    pub async fn kill(&self) {
        self.inner.kill.notify_one();
        self.exited().await;
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.inner.exit.borrow().is_some()
    }

    /// Waits for its end. `None` when the system lost track of it.
    pub async fn exited(&self) -> Option<ExitStatus> {
        let mut exit = self.inner.exit.clone();
        let exit = exit.wait_for(Option::is_some).await;
        exit.ok().and_then(|status| *status)
    }

    /// The lines so far, of standard output and standard error in order of arrival: the newest 100,000.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.inner.log.borrow().lines.iter().cloned().collect()
    }

    /// The line with this number, counted from 0: waits for it, or `None` when the log ends before it. One
    /// that is no longer kept is empty.
    pub async fn line(&self, number: usize) -> Option<String> {
        let mut log = self.inner.log.clone();
        let enough = |log: &Log| log.gone + log.lines.len() > number || log.open == 0;
        let log = log.wait_for(enough).await.ok()?;
        match number.checked_sub(log.gone) {
            Some(kept) => log.lines.get(kept).cloned(),
            None => Some(String::new()),
        }
    }

    /// The largest resident memory so far, in bytes (`VmHWM`). `None` once it has ended.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.inner.pid)).ok()?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    }

    /// Processor time so far, user and system together, in steps of 10 ms. `None` once it has ended.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        cpu_time(self.inner.pid)
    }
}

/// Processor time of any process so far, user and system together, in steps of 10 ms. `None` once it has
/// ended.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and it may hold spaces.
    let fields = stat.rsplit_once(')')?.1;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.checked_add(system)?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

async fn keep_lines(stream: impl AsyncRead + Unpin, log: Arc<watch::Sender<Log>>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // A line of any bytes is a line: a log must not end at the first odd character.
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        log.send_modify(|log| {
            if log.lines.len() == LINES_KEPT {
                log.lines.pop_front();
                log.gone += 1;
            }
            log.lines.push_back(text);
        });
        line.clear();
    }
    log.send_modify(|log| log.open -= 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::spawn(command).unwrap()
    }

    #[tokio::test]
    async fn both_streams_are_the_log_and_the_status_is_kept() {
        let process = shell("echo out; echo err >&2; printf '\\377 odd'; exit 3");
        assert_eq!(process.exited().await.unwrap().code(), Some(3));
        assert!(process.line(2).await.is_some());
        assert_eq!(process.line(3).await, None);
        let mut lines = process.lines();
        lines.sort();
        assert_eq!(lines, ["err", "out", "\u{fffd} odd"]);
    }

    #[tokio::test]
    async fn the_newest_lines_are_kept_and_numbers_stay() {
        let process = shell(&format!("seq {}", LINES_KEPT + 2));
        assert_eq!(
            process.line(LINES_KEPT + 1).await.unwrap(),
            (LINES_KEPT + 2).to_string()
        );
        assert_eq!(process.line(LINES_KEPT + 2).await, None);
        assert_eq!(process.line(1).await.as_deref(), Some(""));
        assert_eq!(process.line(2).await.as_deref(), Some("3"));
        assert_eq!((process.lines().len(), &*process.lines()[0]), (LINES_KEPT, "3"));
    }

    #[tokio::test]
    async fn memory_and_time_are_those_of_the_child() {
        let process = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 60");
        assert_eq!(process.line(0).await.as_deref(), Some("done"));
        assert!(!process.has_ended());
        assert!((1 << 16..1 << 30).contains(&process.peak_memory().unwrap()));
        assert!(process.cpu_time().unwrap() >= Duration::from_millis(10));
        process.kill().await;
        assert!(process.has_ended());
        assert_eq!(process.peak_memory(), None);
        assert_eq!(process.cpu_time(), None);
    }

    #[tokio::test]
    async fn the_last_handle_takes_the_child_with_it() {
        let process = shell("echo $$; exec sleep 60");
        assert!(process.line(0).await.is_some());
        let proc = format!("/proc/{}", process.pid());
        let mut exit = process.inner.exit.clone();
        drop(process.clone());
        assert!(std::path::Path::new(&proc).exists());
        drop(process);
        exit.wait_for(Option::is_some).await.unwrap();
        assert!(!std::path::Path::new(&proc).exists());
    }
}
