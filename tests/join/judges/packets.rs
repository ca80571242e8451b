//! Coded pictures and sounds, as ffprobe's demuxer finds them, without regard to edit lists.

use std::collections::HashSet;
use std::path::Path;

use crate::tools::{Verdict, ask};

/// One coded sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Presentation and decode time and duration, in ticks of the track.
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
    /// Hash of the coded bytes.
    pub(crate) hash: String,
}

/// Which track of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio,
}

impl Kind {
    /// The first track of the kind, as ffmpeg's options select it.
    pub(crate) fn selector(self) -> &'static str {
        match self {
            Self::Video => "v:0",
            Self::Audio => "a:0",
        }
    }
}

/// All samples of a track, in decode order; none where there is no such track.
pub(crate) fn packets(file: &Path, kind: Kind) -> Result<Vec<Packet>, String> {
    let mut arguments: Vec<&std::ffi::OsStr> = [
        "-v",
        "error",
        "-ignore_editlist",
        "1",
        "-select_streams",
        kind.selector(),
    ]
    .map(AsRef::as_ref)
    .to_vec();
    // The order of the fields is ffprobe's own.
    let entries = [
        "-show_packets",
        "-show_data_hash",
        "md5",
        "-show_entries",
        "packet=pts,dts,duration,data_hash",
    ];
    arguments.extend(entries.map(AsRef::<std::ffi::OsStr>::as_ref));
    arguments.extend(["-of", "csv=p=0"].map(AsRef::<std::ffi::OsStr>::as_ref));
    arguments.push(file.as_os_str());
    let printed = ask("ffprobe", arguments)?;
    printed
        .lines()
        .filter(|line| !line.is_empty())
        .map(packet)
        .collect()
}

fn packet(line: &str) -> Result<Packet, String> {
    let mut fields = line.split(',');
    let mut number = || fields.next().and_then(|field| field.parse::<i64>().ok());
    let (pts, dts, duration) = (number(), number(), number());
    let hash = fields.find(|field| field.starts_with("MD5:"));
    match (pts, dts, duration, hash) {
        (Some(pts), Some(dts), Some(duration), Some(hash)) => Ok(Packet {
            pts,
            dts,
            duration,
            hash: hash.to_owned(),
        }),
        _ => Err(format!("a packet without times: {line}")),
    }
}

/// The joined file holds the coded samples of its clips in their order, and nothing else but `put_in` samples that no
/// clip has; `left_out` of the clips' samples are missing.
pub(crate) fn are_those_of(
    joined: &Path,
    clips: &[impl AsRef<Path>],
    kind: Kind,
    (put_in, left_out): (u64, u64),
) -> Verdict {
    let mut expected = Vec::new();
    for clip in clips {
        expected.extend(
            packets(clip.as_ref(), kind)?
                .into_iter()
                .map(|packet| packet.hash),
        );
    }
    let known: HashSet<&String> = expected.iter().collect();
    let got = packets(joined, kind)?;
    let taken: Vec<&String> = got
        .iter()
        .map(|packet| &packet.hash)
        .filter(|hash| known.contains(hash))
        .collect();
    let new = (got.len() - taken.len()) as u64;
    if new != put_in {
        return Err(format!(
            "{kind:?}: {new} samples are in no clip instead of {put_in}"
        ));
    }
    let mut rest = expected.iter();
    for (number, hash) in taken.iter().enumerate() {
        if !rest.by_ref().any(|next| next == *hash) {
            return Err(format!(
                "{kind:?}: number {number} is out of order, or twice there"
            ));
        }
    }
    let missing = (expected.len() - taken.len()) as u64;
    if missing != left_out {
        return Err(format!(
            "{kind:?}: {missing} samples are missing instead of {left_out}"
        ));
    }
    Ok(())
}

/// Two lists are equal; says where they part.
pub(crate) fn same(got: &[String], expected: &[String], kind: Kind) -> Verdict {
    let parts = got
        .iter()
        .zip(expected)
        .position(|(got, expected)| got != expected);
    match parts {
        Some(at) => Err(format!(
            "{kind:?}: number {at} differs ({} of {})",
            got.len(),
            expected.len()
        )),
        None if got.len() != expected.len() => {
            Err(format!("{kind:?}: {} instead of {}", got.len(), expected.len()))
        }
        None => Ok(()),
    }
}

/// The bytes of a track one after the other, which is what there is of G.711: ffmpeg makes packets of it as it likes.
pub(crate) fn g711(file: &Path, codec: &str) -> Result<Vec<u8>, String> {
    let file = file.to_string_lossy();
    let arguments = [
        "-v",
        "error",
        "-ignore_editlist",
        "1",
        "-guess_layout_max",
        "0",
        "-i",
        &file,
    ];
    let copy = ["-map", "0:a:0", "-c", "copy", "-f", codec, "-"];
    let output = crate::tools::run("ffmpeg", arguments.iter().chain(&copy));
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Video decodes at strictly rising times.
pub(crate) fn decode_in_order(file: &Path) -> Verdict {
    let packets = packets(file, Kind::Video)?;
    match packets.windows(2).position(|pair| pair[1].dts <= pair[0].dts) {
        Some(at) => Err(format!(
            "picture {} is decoded no later than the one before",
            at + 1
        )),
        None => Ok(()),
    }
}

/// The sound keeps its cadence: each sample begins where the one before ends, and where `frame` is given, each but the
/// last lasts exactly that many ticks.
pub(crate) fn sound_is_steady(file: &Path, frame: Option<i64>) -> Verdict {
    let packets = packets(file, Kind::Audio)?;
    if packets.is_empty() {
        return Err("no sound".to_owned());
    }
    for (number, pair) in packets.windows(2).enumerate() {
        let step = pair[1].dts - pair[0].dts;
        if step != frame.unwrap_or(pair[0].duration) {
            return Err(format!("sound {number} steps by {step}"));
        }
    }
    Ok(())
}
