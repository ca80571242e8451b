//! Runs the programs that make and judge footage. `make test` installs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;

/// What a judge says: `Err` has the fault in words.
pub(crate) type Verdict = Result<(), String>;

/// Holds everything that a run makes; its files are named after the tests, which run at the same time.
///
/// A `static` is never dropped, so each run begins by sweeping up what earlier ones left.
static SCRATCH: LazyLock<TempDir> = LazyLock::new(|| {
    let parent = std::env::temp_dir().join("clip-export-join");
    std::fs::create_dir_all(&parent).expect("a folder for scratch");
    for old in std::fs::read_dir(&parent).expect("readable").flatten() {
        let age = old.metadata().and_then(|m| m.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age.as_secs() > 3_600) {
            // Another run may sweep at the same time.
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    tempfile::tempdir_in(parent).expect("a scratch folder")
});

/// A new folder of that name in this run's scratch.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = SCRATCH.path().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Runs a program to its end, whatever that is.
pub(crate) fn run<I: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = I>,
) -> Output {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| {
        panic!(
            "{} cannot be run ({error}): `make test` installs it",
            program.display()
        )
    })
}

/// What a program prints that must succeed in silence.
pub(crate) fn print<I: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = I>,
) -> Vec<u8> {
    let output = run(program, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{}: {said}",
        output.status
    );
    output.stdout
}

/// The standard output of a program as text, or what it said when it failed.
pub(crate) fn ask<I: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = I>,
) -> Result<String, String> {
    let output = run(program, arguments);
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Makes a file with ffmpeg: words are split at blanks, `OUT` stands for its path, and each `IN` for the next of the
/// inputs, the last of which may be named again.
pub(crate) fn make(inputs: &[&Path], words: &str, out: &Path) {
    let mut inputs = inputs.iter();
    let mut arguments: Vec<&OsStr> = ["-v", "error", "-y"].map(AsRef::as_ref).to_vec();
    let mut last = out;
    for word in words.split_whitespace() {
        arguments.push(match word {
            "IN" => {
                last = inputs.next().copied().unwrap_or(last);
                last.as_os_str()
            }
            "OUT" => out.as_os_str(),
            word => word.as_ref(),
        });
    }
    print("ffmpeg", arguments);
}
