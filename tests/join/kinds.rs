//! Every kind of clip, cut from one recording and joined again, is that recording.

use std::path::PathBuf;

use crate::footage::{self, Footage};
use crate::joined::{JoinedFile, Joining, join};
use crate::judges::frames::frames;
use crate::judges::packets::{self, Kind};
use crate::judges::sound::Stretch;
use crate::judges::{boxes, frames as pictures, playing, sound};

/// Samples of an AAC frame; of G.711, one stands for itself.
pub(crate) const AAC: usize = 1_024;
const G711: usize = 1;

/// What has to hold of every file.
#[track_caller]
pub(crate) fn is_sound(file: &JoinedFile, frame: usize) {
    is_sound_and_open(file, frame, |_| false);
}

/// The same for open groups: `leads` says which pictures follow the next key frame in decode order.
#[track_caller]
pub(crate) fn is_sound_and_open(file: &JoinedFile, frame: usize, leads: impl Fn(usize) -> bool) {
    boxes::are_right(&file.path).unwrap();
    playing::decodes_without_a_word(&file.path).unwrap();
    packets::decode_in_order(&file.path).unwrap();
    packets::sound_is_steady(&file.path, (frame == AAC).then_some(1_024)).unwrap();
    pictures::can_be_sought(&file.path, 6, 3, leads).unwrap();
}

/// The joined file is what the recording was before it was cut, and nothing was put in or left out.
#[track_caller]
fn is_the_recording(file: &JoinedFile, footage: &Footage, frame: usize) {
    is_sound(file, frame);
    let whole = frames(&footage.whole).unwrap();
    pictures::are(&file.path, &whole).unwrap();
    is_all_of(file, footage, frame);
}

/// The same for open groups.
#[track_caller]
fn is_the_open_recording(file: &JoinedFile, footage: &Footage) {
    is_sound_and_open(file, AAC, leads);
    let whole = frames(&footage.whole).unwrap();
    pictures::are(&file.path, &whole).unwrap();
    is_all_of(file, footage, AAC);
}

/// Whether a picture of a recording in open groups is one of the four that follow the next key frame.
pub(crate) fn leads(number: usize) -> bool {
    number % 25 > 20
}

/// Every sample is there, and the sound is beside its pictures.
#[track_caller]
fn is_all_of(file: &JoinedFile, footage: &Footage, frame: usize) {
    let stretch = Stretch {
        picture: 0.0,
        from: 0.0,
        to: None,
        frame,
    };
    sound::is_that_of(&file.path, &footage.whole, &stretch).unwrap();
    packets::are_those_of(&file.path, &footage.clips, Kind::Video, (0, 0)).unwrap();
    if frame == AAC {
        packets::are_those_of(&file.path, &footage.clips, Kind::Audio, (0, 0)).unwrap();
    }
    // The sound may reach a few frames past the pictures.
    playing::lasts(&file.path, playing::duration(&footage.whole).unwrap(), 0.08).unwrap();
    let report = &file.report;
    assert_eq!(
        (
            report.silent_frames,
            report.audio_samples_left_out,
            report.leading_pictures_dropped
        ),
        (0, 0, 0)
    );
    assert_eq!(report.seams as usize, footage.clips.len() - 1);
    assert_eq!(report.gaps_closed, 0);
}

/// The bytes of G.711 are those of the clips, one after the other.
#[track_caller]
fn has_the_bytes_of(file: &JoinedFile, clips: &[PathBuf], codec: &str) {
    let expected: Vec<u8> = clips
        .iter()
        .flat_map(|clip| packets::g711(clip, codec).unwrap())
        .collect();
    assert!(
        packets::g711(&file.path, codec).unwrap() == expected,
        "other bytes"
    );
}

#[test]
fn h264_and_aac() {
    let footage = &*footage::H264_AAC;
    is_the_recording(&join("h264-aac", &footage.clips), footage, AAC);
}

#[test]
fn h264_with_b_frames_at_29_97_and_aac_at_44_1() {
    let footage = &*footage::BFRAMES_AAC44;
    is_the_recording(&join("bframes-aac44", &footage.clips), footage, AAC);
}

#[test]
fn h265_in_open_groups_as_hvc1() {
    let footage = &*footage::H265_HVC1;
    is_the_open_recording(&join("h265-hvc1", &footage.clips), footage);
}

#[test]
fn h265_in_open_groups_as_hev1() {
    let footage = &*footage::H265_HEV1;
    is_the_open_recording(&join("h265-hev1", &footage.clips), footage);
}

#[test]
fn h264_and_a_law() {
    let footage = &*footage::H264_ALAW;
    let file = join("h264-alaw", &footage.clips);
    is_the_recording(&file, footage, G711);
    has_the_bytes_of(&file, &footage.clips, "alaw");
}

#[test]
fn h264_and_mu_law() {
    let footage = &*footage::H264_MULAW;
    let file = join("h264-mulaw", &footage.clips);
    is_the_recording(&file, footage, G711);
    has_the_bytes_of(&file, &footage.clips, "mulaw");
}

#[test]
fn tracks_in_milliseconds() {
    let footage = &*footage::MILLISECONDS;
    let file = join("milliseconds", &footage.clips);
    is_sound(&file, AAC);
    // Each clip's length is known to the millisecond, and the next one follows it.
    let whole = frames(&footage.whole).unwrap();
    pictures::are_within(&file.path, &whole, 0.001 * (footage.clips.len() as f64 + 1.0)).unwrap();
    is_all_of(&file, footage, AAC);
}

#[test]
fn moov_last_from_a_file() {
    let footage = &*footage::MOOV_LAST_CLIPS;
    is_the_recording(&join("moov-last", &footage.clips), footage, AAC);
}

#[test]
fn moov_last_straight_through() {
    let footage = &*footage::MOOV_LAST_CLIPS;
    let joining = Joining {
        straight: true,
        ..Joining::default()
    };
    is_the_recording(&joining.join("straight", &footage.clips), footage, AAC);
}

#[test]
fn answers_that_broke_off_go_on_elsewhere() {
    let footage = &*footage::BFRAMES_AAC44;
    let joining = Joining {
        interrupted_at: Some(50_000),
        ..Joining::default()
    };
    let file = joining.join("interrupted", &footage.clips);
    is_the_recording(&file, footage, AAC);
    let direct = join("uninterrupted", &footage.clips);
    assert!(
        std::fs::read(&file.path).unwrap() == std::fs::read(&direct.path).unwrap(),
        "other bytes"
    );
}

#[test]
fn answers_that_were_given_up_leave_nothing_to_play() {
    let footage = &*footage::H264_AAC;
    let joining = Joining {
        abandoned: 3_000,
        ..Joining::default()
    };
    let file = joining.join("given-up", &footage.clips);
    is_the_recording(&file, footage, AAC);
    assert_eq!(file.report.unreferenced_bytes, 3_000 * footage.clips.len() as u64);
}
