//! Pictures and sound that are not those of the recording, or not at their time.

use std::path::{Path, PathBuf};

use super::{ALL, GOOD, broken, finds, with_tables};
use crate::browser::{self, Viewing};
use crate::footage::{BFRAMES_AAC44, FLASHES};
use crate::judges::packets::Kind;
use crate::judges::viewing::Showing;
use crate::judges::{frames, packets, playing, sound, sync, viewing};
use crate::tools::{make, scratch};

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
