//! An independent judge: ffmpeg decodes what lands in the bucket without a warning.

use std::path::Path;
use std::process::Command;

use crate::rig::{Rig, event};

/// Runs a judge that has to have nothing to object to.
pub(crate) fn run(program: &str, arguments: &[&str]) -> std::process::Output {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}): `make test` installs it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{program} {arguments:?}: {said}"
    );
    output
}

/// Whether `moov` stands before the media.
pub(crate) fn moov_is_first(file: &Path) -> bool {
    let bytes = std::fs::read(file).expect("a file");
    let mut at = 0usize;
    while let Some(header) = bytes.get(at..at + 8) {
        match &header[4..] {
            b"moov" => return true,
            b"mdat" => return false,
            _ => {}
        }
        at += u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
    }
    false
}

/// Decodes every frame; what ffmpeg says is a fault, and so is a frame too few.
pub(crate) fn decode(file: &Path, frames: u64) {
    let path = file.to_str().expect("a path");
    let probe = run(
        "ffprobe",
        &[
            "-v",
            "warning",
            "-count_packets",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=nb_read_packets",
            "-of",
            "csv=p=0",
            path,
        ],
    );
    assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), frames.to_string());
    // G.711 in MP4 does not say how its channels are laid out, which ffmpeg would report.
    let quiet = [
        "-v",
        "warning",
        "-xerror",
        "-guess_layout_max",
        "0",
        "-i",
        path,
        "-f",
        "null",
        "-",
    ];
    run("ffmpeg", &quiet);
}

#[tokio::test]
async fn every_kind_of_footage_plays() {
    for stream in ["front-door", "loading-dock", "gate", "highway"] {
        let rig = Rig::start().await;
        let receipt = rig.receipt(&event(stream, 20)).await;
        let frames = receipt["Clips"][0]["Tracks"][0]["Samples"]
            .as_u64()
            .expect("a number");
        assert!(frames >= 500, "{stream} has {frames} frames");
        decode(&rig.is_lossless(stream, 20).path, frames);
    }
}
