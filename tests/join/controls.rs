//! The judges judged: each finds nothing in a good file, and the fault in a broken one.
//!
//! The good file is a recording as ffmpeg wrote it; each broken one differs from it by one mistake that a joiner can make.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use mp4_atom::{Encode as _, Moov, StszSamples};

use crate::browser::{self, Viewing};
use crate::footage::{BFRAMES_AAC44, FLASHES};
use crate::judges::packets::Kind;
use crate::judges::sound::Stretch;
use crate::judges::viewing::Showing;
use crate::judges::{boxes, frames, packets, playing, sound, sync, viewing};
use crate::tools::{Verdict, make, scratch};

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

/// Where a box's name stands the `number`th time.
fn named(bytes: &[u8], name: &[u8; 4], number: usize) -> usize {
    bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == name)
        .nth(number)
        .expect("that box")
        .0
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

#[test]
fn boxes_that_do_not_nest_or_do_not_end_are_found() {
    let grown = broken("nesting.mp4", |bytes| {
        let at = named(bytes, b"stbl", 0) - 1;
        bytes[at] = bytes[at].wrapping_add(40);
    });
    finds(boxes::mp4_atom_agrees(&grown), "mp4-atom");
    finds(boxes::mediainfo_finds_nothing(&grown), "maximal permitted size");
    let short = broken("short.mp4", |bytes| bytes.truncate(bytes.len() - 900));
    finds(boxes::moov_comes_first(&short), "mdat ends after the file");
    finds(boxes::mediainfo_finds_nothing(&short), "IsTruncated");
    finds(boxes::shiguredo_demuxes(&short), "after the file");
    finds(
        boxes::moov_comes_first(&broken("trailer.mp4", |bytes| bytes.extend(b"\0\0\0\x08free"))),
        "free",
    );
}

#[test]
fn missing_and_unknown_boxes_are_found() {
    for name in [b"hdlr", b"mdhd", b"stts", b"stsz", b"dinf"] {
        let file = broken("missing.mp4", |bytes| {
            let at = named(bytes, name, 0);
            bytes[at..at + 4].copy_from_slice(b"free");
        });
        finds(boxes::mp4_atom_agrees(&file), "mp4-atom");
    }
    let unknown = broken("unknown.mp4", |bytes| {
        let at = named(bytes, b"stss", 0);
        bytes[at..at + 4].copy_from_slice(b"stzz");
    });
    finds(boxes::mp4_atom_agrees(&unknown), "mp4-atom");
}

#[test]
fn tables_that_disagree_are_found() {
    let check = |change: fn(&mut Moov), fault| {
        finds(boxes::mp4_atom_agrees(&with_tables("tables.mp4", change)), fault)
    };
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stts.entries[0].sample_count += 1,
        "samples in stts",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.ctts.as_mut().unwrap().entries[0].sample_count += 1,
        "samples in ctts",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stss.as_mut().unwrap().entries[1] = 1,
        "stss",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stsc.entries[0].sample_description_index = 2,
        "no sample entry",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stco.as_mut().unwrap().entries[0] -= 100,
        "begins before",
    );
    check(
        |moov| {
            *moov.trak[0]
                .mdia
                .minf
                .stbl
                .stco
                .as_mut()
                .unwrap()
                .entries
                .last_mut()
                .unwrap() += 9_000_000
        },
        "after",
    );
    check(
        |moov| {
            moov.trak[0]
                .mdia
                .minf
                .stbl
                .stco
                .as_mut()
                .unwrap()
                .entries
                .truncate(1)
        },
        "samples in no chunk",
    );
    check(|moov| moov.trak[0].mdia.mdhd.duration += 1, "mdhd");
    check(|moov| moov.mvhd.duration += 1, "mvhd");
    check(
        |moov| {
            let elst = moov.trak[0].edts.as_mut().unwrap().elst.as_mut().unwrap();
            let mut gap = elst.entries[0].clone();
            gap.media_time = None;
            elst.entries.push(gap);
        },
        "the last edit is empty",
    );
    check(
        |moov| {
            for trak in &mut moov.trak {
                trak.edts.as_mut().unwrap().elst.as_mut().unwrap().entries[0].segment_duration += 500;
                trak.tkhd.duration += 500;
            }
            moov.mvhd.duration += 500;
        },
        "more than there is",
    );
}

#[test]
fn tables_that_point_elsewhere_are_found() {
    let shifted = with_tables("shifted.mp4", |moov| {
        moov.trak[0]
            .mdia
            .minf
            .stbl
            .stco
            .as_mut()
            .unwrap()
            .entries
            .iter_mut()
            .skip(1)
            .for_each(|at| *at += 3);
    });
    finds(boxes::mediainfo_finds_nothing(&shifted), "AVC");
    finds(playing::decodes_without_a_word(&shifted), "");
    finds(
        packets::are_those_of(&shifted, &[&*GOOD], Kind::Video, (0, 0)),
        "in no clip",
    );
    let resized = with_tables("resized.mp4", |moov| {
        if let StszSamples::Different { sizes } = &mut moov.trak[0].mdia.minf.stbl.stsz.samples {
            sizes[5] -= 4;
        }
    });
    finds(boxes::mediainfo_finds_nothing(&resized), "AVC");
    finds(playing::decodes_without_a_word(&resized), "");
}

#[test]
fn pictures_out_of_place_are_found() {
    let expected = frames::frames(&GOOD).unwrap();
    // No reordering: pictures are shown as they are decoded.
    let unordered = with_tables("unordered.mp4", |moov| moov.trak[0].mdia.minf.stbl.ctts = None);
    assert!(frames::are(&unordered, &expected).is_err());
    // A hundred pictures last a little too long, and the next hundred as much too short.
    let late = with_tables("late.mp4", |moov| {
        let runs = &mut moov.trak[0].mdia.minf.stbl.stts.entries;
        let mut hundred = runs[0].clone();
        hundred.sample_count = 100;
        runs[0].sample_count -= 200;
        runs.splice(0..0, [hundred.clone(), hundred]);
        runs[0].sample_delta += 60;
        runs[1].sample_delta -= 60;
    });
    finds(frames::are(&late, &expected), "s off");
    let mut other = expected.clone();
    other.swap(40, 41);
    finds(frames::are(&GOOD, &other), "number 40 differs");
    finds(frames::are(&GOOD, &expected[..100]), "instead of 100");
    // The file promises a key frame where there is none: seeking there cannot show the right picture.
    let no_key = with_tables("no-key.mp4", |moov| {
        let count = u32::try_from(expected.len()).unwrap();
        moov.trak[0].mdia.minf.stbl.stss.as_mut().unwrap().entries = (1..=count).collect();
    });
    finds(frames::can_be_sought(&no_key, 10, 1, |_| false), "was not shown");
}

#[test]
fn sound_out_of_place_is_found() {
    let whole = &BFRAMES_AAC44.whole;
    let (out, shifted) = (
        scratch("controls").join("late-sound.mp4"),
        "-itsoffset 0.1 -i IN -i IN -map 1:v -map 0:a",
    );
    make(
        &[whole],
        &format!("{shifted} -c copy -movflags +faststart OUT"),
        &out,
    );
    finds(sound::is_that_of(&out, whole, &ALL), "s off its pictures");
    let other = scratch("controls").join("other-sound.mp4");
    make(
        &[whole],
        "-i IN -c:v copy -c:a aac -aac_pns 0 -b:a 32k OUT",
        &other,
    );
    finds(sound::is_that_of(&other, whole, &ALL), "nowhere near");
    let stretched = with_tables("stretched.mp4", |moov| {
        let runs = &mut moov.trak[1].mdia.minf.stbl.stts.entries;
        let mut one = runs[0].clone();
        one.sample_count = 1;
        one.sample_delta += 500;
        runs[0].sample_count -= 1;
        runs.insert(0, one);
    });
    finds(
        sound::has_the_edges_of_pictures(&out, 12.012, 0.025),
        "sound from 0.0",
    );
    finds(packets::sound_is_steady(&stretched, Some(1_024)), "steps by 1524");
}

#[test]
fn samples_too_many_too_few_and_out_of_order_are_found() {
    let (clips, whole) = (&BFRAMES_AAC44.clips, &BFRAMES_AAC44.whole);
    let judge = |clips: &[PathBuf]| packets::are_those_of(whole, clips, Kind::Video, (0, 0));
    judge(clips).unwrap();
    finds(judge(&clips[1..]), "60 samples are in no clip");
    let mut other = clips.clone();
    other.swap(2, 3);
    finds(judge(&other), "out of order");
    other.swap(2, 3);
    other.push(clips[0].clone());
    finds(judge(&other), "60 samples are missing");
}

#[test]
fn a_beep_beside_its_flash_is_found() {
    let clip = &FLASHES[2];
    sync::flashes_beep(clip, 1, 0.022).unwrap();
    let out = scratch("controls").join("late-beep.mp4");
    make(
        &[clip],
        "-itsoffset 0.06 -i IN -i IN -map 1:v -map 0:a -c copy -movflags +faststart OUT",
        &out,
    );
    finds(sync::flashes_beep(&out, 1, 0.022), "after its flash");
    finds(sync::flashes_beep(clip, 2, 0.022), "1 flashes, 1 beeps");
}

#[test]
fn a_wrong_length_is_found() {
    let seconds = playing::duration(&GOOD).unwrap();
    playing::lasts(&GOOD, seconds, 0.001).unwrap();
    finds(playing::lasts(&GOOD, seconds + 0.04, 0.001), "instead of");
}

#[test]
fn a_browser_sees_what_is_shown() {
    let showing = Showing {
        first: 0,
        count: 360,
        picture: 1_001.0 / 30_000.0,
        start: 0.0,
    };
    // Pictures are shown 13 too early.
    let early = with_tables("early.mp4", |moov| {
        let elst = moov.trak[0].edts.as_mut().unwrap().elst.as_mut().unwrap();
        elst.entries[0].media_time = Some(elst.entries[0].media_time.unwrap() + 13 * 1_001);
    });
    let seeks: Vec<f64> = [300, 20, 100, 101, 59, 60, 61, 0]
        .into_iter()
        .map(|nth| showing.middle_of(nth))
        .collect();
    let viewing = |path: &Path| Viewing {
        seeks: seeks.clone(),
        play: Some((1.5, 2.5)),
        ..Viewing::of(path)
    };
    let flash = Viewing {
        play: Some((0.0, 2.0)),
        listens: true,
        ..Viewing::of(&FLASHES[2])
    };
    let no_video = broken("no-video.mp4", |bytes| bytes.truncate(2_000));
    let mut late = flash.clone();
    late.path = scratch("controls").join("browser-beep.mp4");
    let words = "-itsoffset 0.15 -i IN -i IN -map 1:v -map 0:a -c copy -movflags +faststart OUT";
    make(&[&FLASHES[2]], words, &late.path);

    let viewed = browser::view(vec![
        viewing(&GOOD),
        viewing(&early),
        flash,
        late,
        Viewing::of(&no_video),
    ]);
    showing.lasted(&viewed[0], 0.0, 0.0).unwrap();
    showing.was_sought(&seeks, &viewed[0]).unwrap();
    showing.was_played(1.5, 2.5, &viewed[0]).unwrap();
    finds(
        showing.was_sought(&seeks, &viewed[1]),
        "picture 313 was shown instead of 300",
    );
    finds(showing.was_played(1.5, 2.5, &viewed[1]), "was shown instead");
    finds(showing.lasted(&viewed[2], 0.0, 0.0), "over");
    viewing::flashes_beeped(&viewed[2], 1, &[]).unwrap();
    assert!(viewed[2].ended);
    finds(viewing::flashes_beeped(&viewed[3], 1, &[]), "its beep at");
    assert!(viewed[4].error.is_some());
}
