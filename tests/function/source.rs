//! What has to be in a clip, told by the archive and the source of its footage, and not by the function.

use std::collections::HashMap;
use std::path::Path;

use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Archived, Selector};

use crate::judge::run;
use crate::rig::Rig;

/// Hashes of decoded pictures and of coded sound, in the order in which they play.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) pictures: Vec<String>,
    pub(crate) sounds: Vec<String>,
}

/// The hashes that ffmpeg gives for a stream of a file, one for each frame or packet.
fn hashes(file: &Path, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["-v", "error", "-xerror", "-guess_layout_max", "0", "-i"];
    let path = file.to_str().expect("a path");
    all.push(path);
    all.extend(arguments);
    all.extend(["-f", "framemd5", "-"]);
    let output = run("ffmpeg", &all);
    let text = String::from_utf8(output.stdout).expect("text");
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    let hash = frames.map(|line| line.rsplit(',').next().expect("a hash").trim().to_owned());
    hash.collect()
}

/// What is compared of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// Its coded bytes, in decode order. Footage that is filled up to a bit rate has others than its source.
    Coded,
    /// What a decoder makes of it, in the order in which it is shown.
    Decoded,
}

/// The media of a file. Sound is compared as it is coded, since what a decoder makes of a frame depends
/// on the frame before.
pub(crate) fn media(file: &Path, pictures: Pictures) -> Media {
    let path = file.to_str().expect("a path");
    let tracks = [
        "-v",
        "error",
        "-show_entries",
        "stream=codec_type",
        "-of",
        "csv=p=0",
        path,
    ];
    let tracks = String::from_utf8(run("ffprobe", &tracks).stdout).expect("text");
    let shown: &[&str] = match pictures {
        Pictures::Coded => &["-map", "0:v:0", "-c", "copy"],
        Pictures::Decoded => &[
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "-1",
        ],
    };
    Media {
        pictures: hashes(file, shown),
        sounds: if tracks.contains("audio") {
            hashes(file, &["-map", "0:a:0", "-c", "copy"])
        } else {
            Vec::new()
        },
    }
}

/// The fragments that a clip of `start` to `end`, in seconds, consists of: what `GetClip` would give for
/// the whole range if it had no limits, and the fragment that is running at the start.
pub(crate) fn fragments(rig: &Rig, stream: &str, start: i64, end: i64) -> Vec<Archived> {
    let (start, end) = (start * 1000, end * 1000);
    let archived = rig
        .kvs
        .archived(stream, Selector::ProducerTimestamp, start - 20_000, end);
    let mut archived = archived.expect("a stream");
    // Sorted by producer time and then by ingestion: of several the first was ingested first.
    archived.dedup_by_key(|fragment| fragment.producer_start);
    archived.retain(|fragment| !fragment.copy || fragment.producer_start % 1000 == 0);
    archived.retain(|fragment| fragment.producer_start + fragment.duration_ms > start);
    archived
}

/// How the pictures of fragments can be compared: what has ten times the rate of its source is filled up.
pub(crate) fn comparable(fragments: &[Archived]) -> Pictures {
    let bytes: usize = fragments.iter().map(|fragment| fragment.bytes).sum();
    let milliseconds: i64 = fragments.iter().map(|fragment| fragment.duration_ms).sum();
    if bytes as f64 / milliseconds as f64 > 90.0 {
        Pictures::Decoded
    } else {
        Pictures::Coded
    }
}

/// The media of archived fragments, hashed in the files that their footage was made from.
pub(crate) fn expected(rig: &Rig, stream: &str, fragments: &[Archived], pictures: Pictures) -> Media {
    let stream = rig.kvs.stream(stream).expect("a stream");
    let mut sources: HashMap<usize, Media> = HashMap::new();
    let mut expected = Media {
        pictures: Vec::new(),
        sounds: Vec::new(),
    };
    for fragment in fragments {
        let source = sources
            .entry(fragment.footage)
            .or_insert_with(|| source(&stream.footage()[fragment.footage], pictures));
        let mut numbers = fragment.pictures.clone();
        // Groups of pictures are closed, so that a fragment has the same ones in either order; at the
        // end of the loop the numbers begin anew.
        let wraps = numbers.windows(2).any(|pair| pair[1] + 100 < pair[0]);
        if pictures == Pictures::Decoded && !wraps {
            numbers.sort_unstable();
        }
        let shown = numbers.iter().map(|picture| source.pictures[*picture].clone());
        expected.pictures.extend(shown);
        let heard = fragment.sounds.iter().map(|sound| source.sounds[*sound].clone());
        expected.sounds.extend(heard);
    }
    expected
}

fn source(footage: &Footage, pictures: Pictures) -> Media {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("source.mp4");
    std::fs::write(&file, footage.source_movie()).expect("room");
    let mut media = media(&file, pictures);
    if let Some(alaw) = footage.source_alaw() {
        media.sounds = as_packets(alaw);
    }
    media
}

/// G.711 has no frames of its own: its bytes, in the packets of 20 ms in which the camera sends them.
fn as_packets(bytes: &[u8]) -> Vec<String> {
    bytes.chunks(160).map(|packet| format!("{packet:?}")).collect()
}

/// The sound of a file with G.711.
pub(crate) fn packets(file: &Path) -> Vec<String> {
    let path = file.to_str().expect("a path");
    let copy = [
        "-v",
        "error",
        "-guess_layout_max",
        "0",
        "-i",
        path,
        "-map",
        "0:a:0",
        "-c",
        "copy",
        "-f",
        "data",
        "-",
    ];
    as_packets(&run("ffmpeg", &copy).stdout)
}
