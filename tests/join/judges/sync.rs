//! Flash against beep, in what is decoded.

use std::path::Path;

use super::frames::frames;
use super::sound::sound;
use crate::tools::{Verdict, run};

/// Brightness above which a picture is a flash, and loudness above which a beep is on: half of what the clips have.
const BRIGHT: u8 = 128;
const LOUD: i16 = 8_000;

/// Seconds of each flash, in `file`'s time. Pictures have to come at equal steps.
fn flashes(file: &Path) -> Result<Vec<f64>, String> {
    let path = file.to_string_lossy();
    let arguments = [
        "-v",
        "error",
        "-i",
        &path,
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-vf",
    ];
    let grey = ["scale=1:1,format=gray", "-f", "rawvideo", "-"];
    let output = run("ffmpeg", arguments.iter().chain(&grey));
    let shown = frames(file)?;
    if output.stdout.len() != shown.len() {
        return Err(format!(
            "{} pictures, and {} when asked again",
            output.stdout.len(),
            shown.len()
        ));
    }
    let first = shown.first().map_or(0.0, |frame| frame.at);
    let on: Vec<bool> = output.stdout.iter().map(|grey| *grey > BRIGHT).collect();
    Ok((1..on.len())
        .filter(|&n| on[n] && !on[n - 1])
        .map(|n| shown[n].at - first)
        .collect())
}

/// Seconds of each beep since the first picture, by counting decoded samples: a player that ignores jumps in the
/// times of sound does the same.
fn beeps(file: &Path) -> Result<Vec<f64>, String> {
    let sound = sound(file)?;
    let mut beeps = Vec::new();
    // A beep of 1 kHz is quiet for half a millisecond at most; a tenth of a second apart is another beep.
    let apart = (sound.rate / 10.0) as usize;
    let mut quiet = apart;
    for (number, sample) in sound.samples.iter().enumerate() {
        if sample.saturating_abs() > LOUD {
            if quiet >= apart {
                beeps.push(sound.after_picture + number as f64 / sound.rate);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    Ok(beeps)
}

/// There are `count` flashes and as many beeps, and each pair is at most `within` seconds apart.
pub(crate) fn flashes_beep(file: &Path, count: usize, within: f64) -> Verdict {
    let (flashes, beeps) = (flashes(file)?, beeps(file)?);
    if flashes.len() != count || beeps.len() != count {
        return Err(format!("{} flashes, {} beeps", flashes.len(), beeps.len()));
    }
    let apart = flashes.iter().zip(&beeps).map(|(flash, beep)| beep - flash);
    let worst = apart.clone().fold(
        0.0_f64,
        |worst, apart| if apart.abs() > worst.abs() { apart } else { worst },
    );
    if worst.abs() > within {
        return Err(format!("a beep is {worst:.4} s after its flash"));
    }
    Ok(())
}
