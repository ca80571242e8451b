//! Playback cut to the picture.

use std::ops::Range;

use crate::footage::{self, Footage};
use crate::joined::{JoinedFile, Joining, RECORDED_MS};
use crate::judges::frames::{self as pictures, Frame, frames};
use crate::judges::sound::{self, Stretch};
use crate::kinds::{AAC, is_sound_and_open, leads};

/// Pictures of a recording that are on in a range of milliseconds since its start.
pub(crate) fn numbers(range_ms: &Range<i64>, picture_s: f64) -> Range<usize> {
    let at = |ms: i64| ms as f64 / 1_000.0 / picture_s;
    at(range_ms.start).floor() as usize..at(range_ms.end).ceil() as usize
}

/// Joins the clips of a recording and cuts them to a range of milliseconds since its start.
pub(crate) fn cut(name: &str, footage: &Footage, range_ms: &Range<i64>, group_us: i64) -> JoinedFile {
    let exact = RECORDED_MS + range_ms.start..RECORDED_MS + range_ms.end;
    Joining {
        group_us,
        exact: Some(exact),
        ..Joining::default()
    }
    .join(name, &footage.clips)
}

#[track_caller]
fn is_cut(name: &str, footage: &Footage, range_ms: Range<i64>, picture_s: f64, frame: usize) {
    // A group lasts a second, by the names of picture rates.
    let group_us = ((1.0 / picture_s).round() * picture_s * 1e6).round() as i64;
    let file = cut(name, footage, &range_ms, group_us);
    let numbers = numbers(&range_ms, picture_s);
    is_sound_and_open(&file, frame, |number| leads(numbers.start + number));
    let whole = frames(&footage.whole).unwrap();
    let expected: Vec<Frame> = whole[numbers.clone()].to_vec();
    pictures::are(&file.path, &expected).unwrap();
    let (first, seconds) = (numbers.start as f64 * picture_s, numbers.len() as f64 * picture_s);
    sound::is_that_of(
        &file.path,
        &footage.whole,
        &Stretch {
            picture: first,
            from: 0.0,
            to: None,
            frame,
        },
    )
    .unwrap();
    // What is heard begins and ends with a whole frame; ffmpeg reads G.711 in packets of 1,024 samples.
    let within = if frame == AAC {
        1_024.0 / 44_100.0
    } else {
        1_024.0 / 8_000.0
    };
    sound::has_the_edges_of_pictures(&file.path, seconds, within).unwrap();
}

#[test]
fn inside_a_clip() {
    is_cut("exact-inside", &footage::H264_AAC, 2_330..3_270, 0.04, AAC);
}

#[test]
fn across_seams() {
    is_cut("exact-across", &footage::H264_AAC, 1_250..9_590, 0.04, AAC);
}

#[test]
fn on_edges_of_clips() {
    is_cut("exact-edges", &footage::H264_AAC, 2_000..8_000, 0.04, AAC);
}

#[test]
fn with_b_frames() {
    is_cut(
        "exact-bframes",
        &footage::BFRAMES_AAC44,
        3_217..7_891,
        1_001.0 / 30_000.0,
        AAC,
    );
}

#[test]
fn in_open_groups() {
    is_cut("exact-open", &footage::H265_HVC1, 4_650..9_330, 0.04, AAC);
}

#[test]
fn with_a_law() {
    is_cut("exact-alaw", &footage::H264_ALAW, 1_010..5_500, 0.04, 1);
}
