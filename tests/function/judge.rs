//! An independent judge: ffmpeg decodes what lands in the bucket without a warning.

use std::path::Path;
use std::process::Command;

use crate::rig::{Rig, event};

/// Decodes every frame; what ffmpeg says is a fault, and so is a frame too few.
fn decode(file: &Path, frames: u64) {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(file).output();
        output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}): `make test` installs it"))
    };
    let probe = run(
        "ffprobe",
        &[
            "-v",
            "warning",
            "-count_frames",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&probe.stderr), "", "{}", file.display());
    assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), frames.to_string());
    let output = Command::new("ffmpeg")
        // G.711 in MP4 does not say how its channels are laid out, which ffmpeg would report.
        .args(["-v", "warning", "-xerror", "-guess_layout_max", "0", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
}

#[tokio::test]
async fn every_kind_of_footage_plays() {
    for stream in ["front-door", "loading-dock", "gate", "yard", "highway"] {
        let rig = Rig::start().await;
        let receipt = rig.receipt(&event(stream, 20)).await;
        let frames = receipt["Clips"][0]["Tracks"][0]["Samples"]
            .as_u64()
            .expect("a number");
        assert!(frames >= 500, "{stream} has {frames} frames");
        decode(&rig.is_lossless(stream, 20).path, frames);
    }
}
