//! Joined files in a real browser.

use std::path::PathBuf;

use crate::browser::{Viewing, view};
use crate::exact::{cut, numbers};
use crate::footage::{BFRAMES_AAC44, FLASHES, H264_AAC, without_sound};
use crate::joined::join;
use crate::judges::frames::frames;
use crate::judges::viewing::{self, Showing};

/// Seconds by which the sound of a file may outlast its pictures.
const LONGER: f64 = 0.1;

#[test]
fn chromium_plays_and_seeks() {
    let plain = join("browser-plain", &BFRAMES_AAC44.clips);
    let range = 3_217..7_891;
    let trimmed = cut("browser-exact", &BFRAMES_AAC44, &range, 1_001_000);
    let mut clips = H264_AAC.clips.clone();
    clips[2] = without_sound(&clips[2]);
    let silent = join("browser-silent", &clips);
    // One flash and beep a second, and a second of nothing but pictures after the third.
    let mut clips: Vec<PathBuf> = FLASHES.iter().cycle().take(7).cloned().collect();
    clips[3] = without_sound(&FLASHES[0]);
    let flashing = join("browser-flashes", &clips);

    let picture = 1_001.0 / 30_000.0;
    let start = |path: &PathBuf| frames(path).unwrap()[0].at;
    let whole = Showing {
        first: 0,
        count: 360,
        picture,
        start: start(&plain.path),
    };
    let numbers = numbers(&range, picture);
    let (first, count) = (numbers.start as u32, numbers.len() as u32);
    let part = Showing {
        first,
        count,
        picture,
        start: start(&trimmed.path),
    };
    let quiet = Showing {
        first: 0,
        count: 300,
        picture: 0.04,
        start: start(&silent.path),
    };

    let seeks =
        |showing: &Showing, nth: &[u32]| nth.iter().map(|nth| showing.middle_of(*nth)).collect::<Vec<_>>();
    let sought = [
        seeks(&whole, &[300, 59, 60, 61, 119, 120, 121, 7, 359, 0]),
        seeks(&part, &[count - 1, 0, 1, 23, 24, 60, 100]),
        seeks(&quiet, &[150, 99, 100, 101, 149, 299, 0]),
    ];
    let end = part.duration();
    let viewed = view(vec![
        Viewing {
            seeks: sought[0].clone(),
            play: Some((1.5, 2.5)),
            ..Viewing::of(&plain.path)
        },
        Viewing {
            seeks: sought[1].clone(),
            play: Some((end - 1.2, end + 1.0)),
            ..Viewing::of(&trimmed.path)
        },
        Viewing {
            seeks: sought[2].clone(),
            play: Some((3.6, 4.6)),
            ..Viewing::of(&silent.path)
        },
        Viewing {
            play: Some((0.0, 9.0)),
            listens: true,
            ..Viewing::of(&flashing.path)
        },
    ]);

    whole.lasted(&viewed[0], 0.0, LONGER).unwrap();
    whole.was_sought(&sought[0], &viewed[0]).unwrap();
    whole.was_played(1.5, 2.5, &viewed[0]).unwrap();

    // To the millisecond that was asked for, inside the last picture.
    let cut =
        part.duration() - part.start - (f64::from(range.end as u32) / 1_000.0 - f64::from(first) * picture);
    part.lasted(&viewed[1], cut, -cut).unwrap();
    part.was_sought(&sought[1], &viewed[1]).unwrap();
    part.was_played(end - 1.2, end, &viewed[1]).unwrap();
    assert!(viewed[1].ended);

    quiet.lasted(&viewed[2], 0.0, LONGER).unwrap();
    quiet.was_sought(&sought[2], &viewed[2]).unwrap();
    quiet.was_played(3.6, 4.6, &viewed[2]).unwrap();

    // The silent clip flashes without a beep; every other flash has its own.
    assert!(viewed[3].ended, "{:?}", viewed[3]);
    viewing::flashes_beeped(&viewed[3], 7, &[3]).unwrap();
}
