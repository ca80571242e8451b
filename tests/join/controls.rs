//! The judges judged: each finds nothing in a good file, and the fault in a broken one.
//!
//! The good file is a recording as ffmpeg wrote it; each broken one differs from it by one mistake that a joiner can make.

mod footage;
mod tables;

use std::path::PathBuf;
use std::sync::LazyLock;

use mp4_atom::{Encode as _, Moov};

use crate::footage::BFRAMES_AAC44;
use crate::judges::packets::Kind;
use crate::judges::sound::Stretch;
use crate::judges::{boxes, frames, packets, playing, sound};
use crate::tools::{Verdict, scratch};

/// A recording by ffmpeg, its boxes arranged as those of a joined file are.
static GOOD: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut bytes = std::fs::read(&BFRAMES_AAC44.whole).expect("a file");
    let boxes = boxes::top_level(&bytes).expect("boxes");
    let (last, before) = (&boxes[boxes.len() - 1], &boxes[boxes.len() - 2]);
    assert_eq!((before.0.as_str(), last.0.as_str()), ("free", "mdat"));
    // Eight bytes of `free` are what a 64-bit header has more than a short one.
    assert_eq!(last.1.start - before.1.start, 8);
    let header = before.1.start - 8;
    bytes[header..header + 8].copy_from_slice(b"\0\0\0\x01mdat");
    let size = bytes.len() - header;
    bytes[header + 8..header + 16].copy_from_slice(&(size as u64).to_be_bytes());
    let out = scratch("controls").join("good.mp4");
    std::fs::write(&out, bytes).expect("a file");
    out
});

/// The good file, its bytes changed.
fn broken(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(&*GOOD).expect("a file");
    change(&mut bytes);
    let out = scratch("controls").join(name);
    std::fs::write(&out, bytes).expect("a file");
    out
}

/// The good file, its tables changed. mp4-atom writes other headers than ffmpeg, so the media moves
/// with the end of `moov`, and the chunks with it.
fn with_tables(name: &str, change: impl FnOnce(&mut Moov)) -> PathBuf {
    broken(name, |bytes| {
        let boxes = boxes::top_level(bytes).expect("boxes");
        let (ftyp, mdat) = (boxes[0].1.end, boxes[2].1.start);
        let mut moov = boxes::moov(bytes).expect("a moov");
        let encoded = |moov: &Moov| {
            let mut encoded = Vec::new();
            moov.encode(&mut encoded).expect("room");
            encoded
        };
        change(&mut moov);
        let starts = u32::try_from(ftyp + encoded(&moov).len() + 16).expect("small");
        let started = u32::try_from(mdat).expect("small");
        for stco in moov
            .trak
            .iter_mut()
            .flat_map(|trak| &mut trak.mdia.minf.stbl.stco)
        {
            stco.entries
                .iter_mut()
                .for_each(|at| *at = *at + starts - started);
        }
        let media = bytes.split_off(mdat - 16);
        bytes.truncate(ftyp);
        bytes.extend(encoded(&moov));
        bytes.extend(media);
    })
}

/// The whole sound of a recording.
const ALL: Stretch = Stretch {
    picture: 0.0,
    from: 0.0,
    to: None,
    frame: 1_024,
};

#[track_caller]
fn finds(verdict: Verdict, fault: &str) {
    let found = verdict.expect_err("a fault");
    assert!(found.contains(fault), "{found}");
}

#[test]
fn nothing_is_found_in_a_good_file() {
    boxes::are_right(&GOOD).unwrap();
    boxes::are_right(&with_tables("rewritten.mp4", |_| ())).unwrap();
    playing::decodes_without_a_word(&GOOD).unwrap();
    packets::decode_in_order(&GOOD).unwrap();
    packets::sound_is_steady(&GOOD, Some(1_024)).unwrap();
    frames::are(&GOOD, &frames::frames(&BFRAMES_AAC44.whole).unwrap()).unwrap();
    frames::can_be_sought(&GOOD, 10, 1, |_| false).unwrap();
    sound::is_that_of(&GOOD, &BFRAMES_AAC44.whole, &ALL).unwrap();
    sound::has_the_edges_of_pictures(&GOOD, 12.012, 0.025).unwrap();
    for kind in [Kind::Video, Kind::Audio] {
        packets::are_those_of(&GOOD, &[&BFRAMES_AAC44.whole], kind, (0, 0)).unwrap();
    }
}
