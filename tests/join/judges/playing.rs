//! What a player does with the whole file.

use std::path::Path;

use crate::tools::{Verdict, ask, run};

/// ffmpeg decodes all of it without a word.
pub(crate) fn decodes_without_a_word(file: &Path) -> Verdict {
    let file = file.to_string_lossy();
    // G.711 in MP4 does not say how its channels are laid out, which ffmpeg would report.
    let arguments = [
        "-v",
        "warning",
        "-xerror",
        "-guess_layout_max",
        "0",
        "-i",
        &file,
        "-map",
        "0",
        "-f",
        "null",
        "-",
    ];
    let output = run("ffmpeg", arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.is_empty() {
        Ok(())
    } else {
        Err(format!("{}: {said}", output.status))
    }
}

/// Seconds that the file says it lasts.
pub(crate) fn duration(file: &Path) -> Result<f64, String> {
    seconds(file, "duration")
}

/// One of the times, in seconds, that ffprobe tells of a whole file.
pub(crate) fn seconds(file: &Path, time: &str) -> Result<f64, String> {
    let (entry, file) = (format!("format={time}"), file.to_string_lossy());
    let asked = ["-v", "error", "-show_entries", &entry, "-of", "csv=p=0", &file];
    let printed = ask("ffprobe", asked)?;
    printed.trim().parse().map_err(|_| format!("{time} is {printed}"))
}

/// The file lasts that many seconds, within `within` seconds.
pub(crate) fn lasts(file: &Path, seconds: f64, within: f64) -> Verdict {
    let duration = duration(file)?;
    if (duration - seconds).abs() <= within {
        Ok(())
    } else {
        Err(format!("lasts {duration} s instead of {seconds} s"))
    }
}
