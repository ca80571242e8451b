//! What happens where clips do not fit together: gaps, missing sound, clips that were encoded one by one.

use std::path::PathBuf;

use crate::footage::{self, without_sound};
use crate::joined::{JoinedFile, Joining, RECORDED_MS, join};
use crate::judges::frames::{self as pictures, Frame, frames};
use crate::judges::packets::{self, Kind};
use crate::judges::sound::{self, Stretch};
use crate::judges::{boxes, playing, sync};
use crate::kinds::{AAC, is_sound, is_sound_and_open, leads};

/// Seconds of a picture of most recordings.
const PICTURE: f64 = 0.04;

/// Those pictures of a recording, one after the other without a gap.
fn in_a_row(frames: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
    let at = |number: usize| number as f64 * PICTURE;
    frames
        .into_iter()
        .enumerate()
        .map(|(number, frame)| Frame {
            at: at(number),
            ..frame
        })
        .collect()
}

/// A file of six clips but the third and the fourth, and those that it has.
fn with_a_gap(name: &str, clips: &[PathBuf]) -> (Vec<PathBuf>, JoinedFile) {
    let taken = [0, 1, 4, 5].map(|number| clips[number].clone()).to_vec();
    let joining = Joining {
        missing_before: vec![2],
        ..Joining::default()
    };
    let file = joining.join(name, &taken);
    (taken, file)
}

/// The frames of sound are those of the clips, but for those that were put in and left out.
#[track_caller]
fn has_the_sound_of(file: &JoinedFile, clips: &[PathBuf]) {
    let apart = (file.report.silent_frames, file.report.audio_samples_left_out);
    packets::are_those_of(&file.path, clips, Kind::Audio, apart).unwrap();
}

/// A [`Stretch`] of the file sounds like the recording.
#[track_caller]
fn sounds_as_recorded(file: &JoinedFile, picture: f64, from: f64, to: Option<f64>) {
    let stretch = Stretch {
        picture,
        from,
        to,
        frame: AAC,
    };
    sound::is_that_of(&file.path, &footage::H264_AAC.whole, &stretch).unwrap();
}

#[test]
fn a_gap_is_closed() {
    let (taken, file) = with_a_gap("gap", &footage::H264_AAC.clips);
    is_sound(&file, AAC);
    let whole = frames(&footage::H264_AAC.whole).unwrap();
    pictures::are(&file.path, &in_a_row([&whole[..100], &whole[200..]].concat())).unwrap();
    assert_eq!((file.report.gaps_closed, file.report.start_ms), (1, RECORDED_MS));
    assert_eq!(file.report.end_ms, RECORDED_MS + 8_000 + 60_000);
    has_the_sound_of(&file, &taken);
    let report = &file.report;
    // Clips that follow each other overlap by some frames of sound; what belongs before the gap has no room.
    assert!(report.audio_samples_left_out <= 6, "{report:?}");
    sounds_as_recorded(&file, 0.0, 0.0, Some(3.9));
    sounds_as_recorded(&file, 4.0, 4.1, None);
}

#[test]
fn leading_pictures_after_a_gap_are_dropped() {
    let (taken, file) = with_a_gap("leading", &footage::H265_HVC1.clips);
    is_sound_and_open(&file, AAC, |number| {
        leads(if number < 96 { number } else { number + 104 })
    });
    let dropped = usize::try_from(file.report.leading_pictures_dropped).unwrap();
    assert!((1..10).contains(&dropped), "{dropped}");
    // As many pictures presented before the gap came in the clip behind it, which is not there.
    let whole = frames(&footage::H265_HVC1.whole).unwrap();
    pictures::are(
        &file.path,
        &in_a_row([&whole[..100 - dropped], &whole[200..]].concat()),
    )
    .unwrap();
    let dropped = file.report.leading_pictures_dropped;
    packets::are_those_of(&file.path, &taken, Kind::Video, (0, dropped)).unwrap();
}

#[test]
fn leading_pictures_of_the_first_clip_are_dropped() {
    let clips = &footage::H265_HVC1.clips[2..];
    let file = join("open-start", clips);
    is_sound_and_open(&file, AAC, leads);
    let whole = frames(&footage::H265_HVC1.whole).unwrap();
    pictures::are(&file.path, &in_a_row(whole[100..].to_vec())).unwrap();
    assert!(file.report.leading_pictures_dropped > 0);
}

/// Clips of the recording, those of the given numbers without their sound.
fn some_silent(silent: &[usize]) -> Vec<PathBuf> {
    let clips = footage::H264_AAC.clips.iter().enumerate();
    clips
        .map(|(number, clip)| {
            if silent.contains(&number) {
                without_sound(clip)
            } else {
                clip.clone()
            }
        })
        .collect()
}

/// A sound file of all pictures of the recording, of clips some of which have no sound.
fn partly_silent(name: &str, silent: &[usize]) -> (Vec<PathBuf>, JoinedFile) {
    let clips = some_silent(silent);
    let file = join(name, &clips);
    is_sound(&file, AAC);
    pictures::are(&file.path, &frames(&footage::H264_AAC.whole).unwrap()).unwrap();
    (clips, file)
}

#[test]
fn a_clip_without_sound_among_others_is_silent() {
    let (clips, file) = partly_silent("silent", &[2, 3]);
    let report = &file.report;
    // Four seconds of 46.9 frames, give or take what hides at the edges.
    assert!((180..=190).contains(&report.silent_frames), "{report:?}");
    has_the_sound_of(&file, &clips);
    sounds_as_recorded(&file, 0.0, 0.0, Some(3.9));
    sounds_as_recorded(&file, 0.0, 8.0, None);
    let between = sound::sound(&file.path).unwrap();
    let index = |at: f64| ((at - between.after_picture) * between.rate) as usize;
    assert!(
        between.samples[index(4.2)..index(7.8)]
            .iter()
            .all(|sample| *sample == 0),
        "not silent"
    );
}

#[test]
fn sound_that_begins_late_stays_late() {
    let (_, file) = partly_silent("late-sound", &[0, 1]);
    sounds_as_recorded(&file, 0.0, 4.1, None);
}

#[test]
fn sound_that_ends_early_is_over() {
    let (_, file) = partly_silent("early-end", &[4, 5]);
    sounds_as_recorded(&file, 0.0, 0.0, Some(7.9));
}

#[test]
fn clips_without_any_sound() {
    let clips = some_silent(&[0, 1, 2, 3, 4, 5]);
    let file = join("no-sound", &clips);
    boxes::are_right(&file.path).unwrap();
    playing::decodes_without_a_word(&file.path).unwrap();
    pictures::are(&file.path, &frames(&footage::H264_AAC.whole).unwrap()).unwrap();
}

#[test]
fn flash_and_beep_stay_together_over_hundreds_of_seams() {
    let clips: Vec<PathBuf> = footage::FLASHES.iter().cycle().take(210).cloned().collect();
    let file = join("flashes", &clips);
    is_sound(&file, AAC);
    assert_eq!(file.report.seams, 209);
    // One frame of AAC, and a millisecond for the encoder's own attack.
    sync::flashes_beep(&file.path, 210, 1_024.0 / 48_000.0 + 0.001).unwrap();
    playing::lasts(&file.path, 210.0, 0.1).unwrap();
}

#[test]
fn flash_and_beep_stay_together_with_a_law() {
    let clips: Vec<PathBuf> = footage::FLASHES_ALAW.iter().cycle().take(210).cloned().collect();
    let file = join("flashes-alaw", &clips);
    is_sound(&file, 1);
    sync::flashes_beep(&file.path, 210, 0.001).unwrap();
    playing::lasts(&file.path, 210.0, 0.1).unwrap();
}
