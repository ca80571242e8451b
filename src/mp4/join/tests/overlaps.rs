//! Fragments that overlap, as a connection broke inside of one: the later plays behind the earlier, and each has its sound.

use super::rules::{aac, clip};
use super::*;
use crate::mp4::test_clip::Sound;

/// Pictures of the fragments: the second begins at 200 ms, inside of the first.
const PICTURES: [usize; 2] = [8, 16];

/// When the second fragment begins in the clip, in milliseconds.
const SEAM: i64 = 320;

/// Five frames of sound of the first fragment, the last of which begins `before` milliseconds before the second one's
/// pictures; and ten of the second, the first of which begins `after` milliseconds behind its first picture.
fn with_sound(before: i64, after: i64) -> Clip {
    let mut source = clip(1, 24, aac(15));
    let sound = source.sound.as_mut().expect("sound");
    sound.empty_ms = u32::try_from(64 - before).expect("small");
    sound.samples[4].0 = u32::try_from(before + after).expect("small");
    source
}

fn overlapping(tables: &ClipTables) -> Vec<FragmentStart> {
    let mut starts = fragments(tables, 0, false);
    starts.truncate(2);
    starts[1].wall_ms = 200;
    starts
}

/// One answer with both fragments, joined and cut to a range.
fn joined(source: &Clip, exact: Option<Range<i64>>) -> File {
    let file = source.file();
    let (mut joiner, mut payload) = (Joiner::new(exact), Vec::new());
    let starts = overlapping(&read(&file));
    add(&mut joiner, &file, &starts, &mut payload, &[usize::MAX]);
    finish(joiner, &payload)
}

#[test]
fn sound_is_steady_and_in_time_on_either_side() {
    for before in (1..=64).step_by(3) {
        for after in (0..64).step_by(3) {
            let source = with_sound(before, after);
            let file = joined(&source, None);
            let case = format!("{before} ms before, {after} ms after: {:?}", file.report);
            assert_eq!((file.report.seams, file.report.gaps_closed), (1, 0), "{case}");
            assert_eq!(file.report.audio_stretched_ms, 0, "{case}");
            let sounds = file.sounds();
            let late = file.late_ticks(file.tables.audio().expect("sound"), 16_000);
            let place = |number: usize| {
                let bytes = source.sound(number);
                sounds.iter().position(|sound| sound.bytes == bytes)
            };
            for pair in sounds.windows(2) {
                assert_eq!(pair[1].dts - pair[0].dts, 1024, "{case}");
            }
            let mut missing = 0;
            for number in 0..15 {
                let at = match number {
                    0..5 => 64 - before + 64 * i64::try_from(number).expect("small"),
                    _ => SEAM + after + 64 * i64::try_from(number - 5).expect("small"),
                };
                match place(number) {
                    Some(place) => {
                        let off = sounds[place].at + late - at * 16;
                        assert!(
                            off.abs() <= 512 + 16,
                            "sound {number} is {off} ticks late, {case}"
                        );
                    }
                    // Only what has no room beside the sound behind the seam.
                    None => {
                        assert!(number == 4 && 64 - before - after > 30, "sound {number}, {case}");
                        missing += 1;
                    }
                }
            }
            assert_eq!(missing, file.report.audio_samples_left_out, "{case}");
            assert_eq!(
                sounds.len() as u64,
                15 - missing + file.report.silent_frames,
                "{case}"
            );
        }
    }
}

/// A clip that is cut to the range, in one answer or with a second one that begins with the second fragment.
fn cut(range: Range<i64>, answers: usize) -> File {
    if answers == 1 {
        return joined(&with_sound(10, 10), Some(range));
    }
    let (mut joiner, mut payload) = (Joiner::new(Some(range)), Vec::new());
    for (name, pictures, wall_ms) in [(1, PICTURES[0], 0), (2, PICTURES[1], 200)] {
        let file = clip(name, pictures, aac(5)).file();
        let mut starts = fragments(&read(&file), wall_ms, name > 1);
        starts.truncate(1);
        add(&mut joiner, &file, &starts, &mut payload, &[usize::MAX]);
    }
    finish(joiner, &payload)
}

#[test]
fn a_range_that_ends_in_both_ends_in_the_first_however_it_came() {
    for answers in [1, 2] {
        for (end, pictures) in [(210, 6), (260, 7), (320, 8)] {
            let file = cut(0..end, answers);
            assert_eq!(file.pictures().len(), pictures, "{end} in {answers}");
            let presented = file.tables.video().edit.duration.expect("an edit");
            let timescale = u64::from(file.tables.movie_timescale());
            assert_eq!(
                presented * 1000,
                end.unsigned_abs() * timescale,
                "{end} in {answers}"
            );
            assert_eq!(file.report.end_ms, end, "{end} in {answers}");
            let sounds = file.sounds();
            assert!(sounds.len() <= 5, "{} of another fragment", sounds.len());
        }
        // What only the second shows follows all of the first.
        assert_eq!(cut(0..330, answers).pictures().len(), 8 + 4, "{answers}");
    }
}

#[test]
fn a_range_that_begins_in_both_begins_in_the_second_with_its_sound() {
    let file = cut(250..700, 1);
    assert_eq!(file.report.start_ms, 240);
    assert_eq!(file.pictures().len(), 13);
    let first = with_sound(10, 10).sound(5);
    assert_eq!(file.sounds().first().map(|sound| &sound.bytes), Some(&first));
    for pair in file.sounds().windows(2) {
        assert_eq!(pair[1].dts - pair[0].dts, 1024);
    }
}

#[test]
fn g711_is_cut_to_the_byte() {
    for before in [1u32, 7, 10, 20] {
        for after in [0u32, 5, 19] {
            let mut samples = vec![(20, 160); 16 + 32];
            samples[15].0 = before + after;
            let mut source = clip(1, 24, aac(1));
            source.sound = Some(Sound {
                codec: *b"alaw",
                rate: 8000,
                timescale: 1000,
                samples,
                empty_ms: 20 - before,
                media_time: 0,
            });
            let file = joined(&source, None);
            let case = format!("{before} ms before, {after} ms after: {:?}", file.report);
            let room = u64::from(before + after).saturating_sub(20) * 8;
            let surplus = u64::from(20u32.saturating_sub(before + after)) * 8;
            assert_eq!(file.report.audio_samples_left_out, surplus, "{case}");
            assert_eq!(file.report.silent_frames, room, "{case}");
            let late = file.late_ticks(file.tables.audio().expect("sound"), 8000);
            let sounds = file.sounds();
            let place = usize::try_from((SEAM + i64::from(after)) * 8 - late).expect("small");
            let bytes: Vec<u8> = sounds[place..]
                .iter()
                .flat_map(|sound| sound.bytes.clone())
                .collect();
            let wanted: Vec<u8> = (16..48).flat_map(|number| source.sound(number)).collect();
            assert_eq!(bytes, wanted, "{case}");
        }
    }
}
