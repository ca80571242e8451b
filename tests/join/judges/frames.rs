//! Decoded pictures, as ffmpeg shows them.

use std::path::Path;

use super::packets::{Kind, same};
use super::playing::seconds;
use crate::tools::{Verdict, ask};

/// One presented picture.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// When it is presented, in seconds of the movie.
    pub(crate) at: f64,
    /// Hash of what it shows.
    pub(crate) hash: String,
}

/// Arguments that hash every picture once, at its own time.
const HASH_EACH: [&str; 9] = [
    "-map",
    "0:v:0",
    "-fps_mode",
    "passthrough",
    "-enc_time_base",
    "-1",
    "-f",
    "framemd5",
    "-",
];

/// Every picture that is presented, in order.
pub(crate) fn frames(file: &Path) -> Result<Vec<Frame>, String> {
    let file = file.to_string_lossy();
    let arguments = ["-v", "error", "-copyts", "-i", &file];
    hashes(&ask("ffmpeg", arguments.iter().chain(&HASH_EACH))?)
}

/// Reads the lines of `framemd5`: stream, decode time, presentation time, duration, size, hash.
fn hashes(printed: &str) -> Result<Vec<Frame>, String> {
    let mut tick = None;
    let mut frames = Vec::new();
    for line in printed.lines() {
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let base = base
                .split_once('/')
                .and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?));
            tick = base;
        } else if !line.starts_with('#') {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let at = fields.get(2).and_then(|pts| pts.parse::<i64>().ok());
            let (Some(at), Some(tick), Some(hash)) = (at, tick, fields.get(5)) else {
                return Err(format!("a picture without a time: {line}"));
            };
            frames.push(Frame {
                at: at as f64 * tick,
                hash: (*hash).to_owned(),
            });
        }
    }
    Ok(frames)
}

/// Longest that a time may be off, in seconds: ffmpeg rounds it to a tick.
const ROUNDING: f64 = 0.0015;

/// The file shows those pictures and no other, each as long after the first as it should be.
pub(crate) fn are(file: &Path, expected: &[Frame]) -> Verdict {
    are_within(file, expected, ROUNDING)
}

/// The same, where times may be `within` seconds off.
pub(crate) fn are_within(file: &Path, expected: &[Frame], within: f64) -> Verdict {
    let got = frames(file)?;
    let hashes = |frames: &[Frame]| frames.iter().map(|frame| frame.hash.clone()).collect::<Vec<_>>();
    same(&hashes(&got), &hashes(expected), Kind::Video)?;
    let since_first = |frames: &[Frame], number: usize| frames[number].at - frames[0].at;
    for number in 0..got.len() {
        let off = since_first(&got, number) - since_first(expected, number);
        if off.abs() > within {
            return Err(format!("picture {number} is {off:.4} s off"));
        }
    }
    Ok(())
}

/// Seeking to a picture's time shows that picture. Tries `count` of them, chosen by `seed`, but none that follow the next
/// key frame in decode order (`leads`): ffmpeg seeks to that key frame, in an uncut recording too.
pub(crate) fn can_be_sought(file: &Path, count: usize, seed: u64, leads: impl Fn(usize) -> bool) -> Verdict {
    let frames = frames(file)?;
    let start = seconds(file, "start_time")?;
    let mut random = fastrand::Rng::with_seed(seed);
    let path = file.to_string_lossy();
    let sought = std::iter::repeat_with(|| random.usize(1..frames.len())).filter(|number| !leads(*number));
    for number in sought.take(count) {
        // ffmpeg shows the first picture that is not before the time, and counts from where the file starts.
        let asked = (frames[number - 1].at * 0.25 + frames[number].at * 0.75) - start;
        let asked = format!("{asked:.6}");
        let arguments = ["-v", "error", "-ss", &asked, "-i", &path, "-frames:v", "1"];
        let shown = hashes(&ask("ffmpeg", arguments.iter().chain(&HASH_EACH))?)?;
        if shown.first().map(|frame| &frame.hash) != Some(&frames[number].hash) {
            return Err(format!("asked for {asked} s, picture {number} was not shown"));
        }
    }
    Ok(())
}
