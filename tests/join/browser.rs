//! Chromium, headless: fetches files over HTTP with range requests, seeks, plays, and says what it showed.
//!
//! No driver: the page asks for its work, does it and posts what it saw. Debian's Chromium has no decoder for H.265.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod server;

/// What is to be looked at in a file.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Viewing {
    #[serde(skip)]
    pub(crate) path: PathBuf,
    /// Where the server has it, which it decides itself.
    pub(crate) file: String,
    /// Seconds to seek to, one after the other.
    pub(crate) seeks: Vec<f64>,
    /// Seconds from and to which it is played.
    pub(crate) play: Option<(f64, f64)>,
    /// Whether beeps are listened for while it plays.
    pub(crate) listens: bool,
}

impl Viewing {
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }
}

/// A picture as it was shown.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Shown {
    /// Its place on the movie's timeline, in seconds, as the browser has it.
    pub(crate) time: f64,
    /// The number that is painted in it.
    pub(crate) number: u32,
}

/// What was seen of a file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Viewed {
    /// Seconds that the browser says it lasts.
    pub(crate) duration: Option<f64>,
    /// The picture after each seek.
    pub(crate) sought: Vec<Shown>,
    /// Every picture that was shown while it played; a slow machine leaves some out.
    pub(crate) played: Vec<Shown>,
    /// Seconds at which beeps began, about 20 ms late.
    pub(crate) beeps: Vec<f64>,
    /// Whether it played to its end.
    pub(crate) ended: bool,
    /// What went wrong.
    pub(crate) error: Option<String>,
}

/// Longest that all files together may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// Shows the files to one browser, one after the other.
pub(crate) fn view(mut viewings: Vec<Viewing>) -> Vec<Viewed> {
    for (number, viewing) in viewings.iter_mut().enumerate() {
        viewing.file = format!("/files/{number}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (address, viewed) = server::serve(viewings).await;
        let _browser = Browser::open(&format!("http://{address}/"));
        let viewed = tokio::time::timeout(PATIENCE, viewed).await;
        viewed
            .expect("the browser says what it saw in time")
            .expect("an answer")
    })
}

/// A browser with a profile of its own; closed when dropped.
struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn open(address: &str) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("chromium");
        // It sees nothing but this test's own page; containers seldom let it have its sandbox.
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
        ]);
        command.args([
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
        ]);
        command.args([
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            "--mute-audio",
        ]);
        command
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(address);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = process
            .unwrap_or_else(|error| panic!("chromium cannot be run ({error}): `make test` installs it"));
        Self {
            process,
            _profile: profile,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end when it does.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
