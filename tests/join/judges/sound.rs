//! Decoded sound, as ffmpeg plays it.

use std::path::Path;

use super::frames::frames;
use crate::tools::{Verdict, ask, run};

/// A track of sound, decoded.
pub(crate) struct Sound {
    /// Samples of one second.
    pub(crate) rate: f64,
    /// Seconds from the first picture to the first sample.
    pub(crate) after_picture: f64,
    /// The first channel.
    pub(crate) samples: Vec<i16>,
}

/// Decodes the first audio track without regard to times in the middle, as browsers do.
pub(crate) fn sound(file: &Path) -> Result<Sound, String> {
    let path = file.to_string_lossy();
    let entries = [
        "-show_entries",
        "stream=sample_rate,start_time",
        "-of",
        "csv=p=0",
        &path,
    ];
    let printed = ask(
        "ffprobe",
        ["-v", "error", "-select_streams", "a:0"].iter().chain(&entries),
    )?;
    let mut fields = printed.trim().split(',').map(str::parse::<f64>);
    let (Some(Ok(rate)), Some(Ok(start))) = (fields.next(), fields.next()) else {
        return Err(format!("sound without a start: {printed}"));
    };
    let arguments = [
        "-v",
        "error",
        "-guess_layout_max",
        "0",
        "-i",
        &path,
        "-map",
        "0:a:0",
        "-af",
    ];
    let output = run(
        "ffmpeg",
        arguments.iter().chain(&["pan=mono|c0=c0", "-f", "s16le", "-"]),
    );
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let samples = output
        .stdout
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let first = frames(file)?.first().map_or(0.0, |frame| frame.at);
    Ok(Sound {
        rate,
        after_picture: start - first,
        samples,
    })
}

/// A stretch of sound that a file and the recording share.
pub(crate) struct Stretch {
    /// Seconds in the recording, from its first picture, of the file's first picture.
    pub(crate) picture: f64,
    /// Seconds from the file's first picture to where the stretch begins and, unless it reaches to the end of one of
    /// them, where it ends.
    pub(crate) from: f64,
    pub(crate) to: Option<f64>,
    /// Samples of an audio frame, which is how far the sound may be off its pictures.
    pub(crate) frame: usize,
}

/// Samples that must be equal to find where one sound lies in another.
const ENOUGH: usize = 2_048;

/// Frames that a decoder needs until its output no longer depends on where it began, and frames at the end that it may
/// end differently.
const WARM: usize = 4;
const END: usize = 2;

/// The sound is that of the recording, sample for sample, and keeps its place beside the pictures.
pub(crate) fn is_that_of(file: &Path, whole: &Path, stretch: &Stretch) -> Verdict {
    let (got, expected) = (sound(file)?, sound(whole)?);
    let index =
        |sound: &Sound, at: f64| (((at - sound.after_picture) * sound.rate).round().max(0.0)) as usize;
    let frame = stretch.frame;
    let from = index(&expected, stretch.picture + stretch.from) + WARM * frame;
    let probe = expected
        .samples
        .get(from..from + ENOUGH)
        .ok_or("the recording is too short")?;
    let near = (index(&got, stretch.from) + WARM * frame).saturating_sub(8 * frame);
    let reach = got.samples.len().min(near + ENOUGH + 16 * frame);
    let searched = got.samples.get(near..reach).unwrap_or(&[]);
    let found = searched.windows(ENOUGH).position(|window| window == probe);
    let found = near + found.ok_or("the recording's sound is nowhere near its place")?;
    let off = (got.after_picture + found as f64 / got.rate)
        - (expected.after_picture + from as f64 / expected.rate - stretch.picture);
    if off.abs() > frame as f64 / got.rate {
        return Err(format!("the sound is {off:.4} s off its pictures"));
    }
    let shared = (got.samples.len() - found)
        .min(expected.samples.len() - from)
        .saturating_sub(END * frame);
    let asked = stretch.to.map_or(usize::MAX, |to| {
        index(&got, to).saturating_sub(found + END * frame)
    });
    let count = shared.min(asked);
    let (got, expected) = (
        &got.samples[found..found + count],
        &expected.samples[from..from + count],
    );
    match got
        .iter()
        .zip(expected)
        .position(|(got, expected)| got != expected)
    {
        Some(at) => Err(format!("sample {} differs", found + at)),
        None => Ok(()),
    }
}

/// The sound ends where the pictures do, give or take `within` seconds, and begins with them.
pub(crate) fn has_the_edges_of_pictures(file: &Path, pictures_s: f64, within: f64) -> Verdict {
    let sound = sound(file)?;
    let end = sound.after_picture + sound.samples.len() as f64 / sound.rate;
    if sound.after_picture.abs() > within || (end - pictures_s).abs() > within {
        return Err(format!(
            "sound from {:.4} s to {end:.4} s, pictures to {pictures_s:.4} s",
            sound.after_picture
        ));
    }
    Ok(())
}
