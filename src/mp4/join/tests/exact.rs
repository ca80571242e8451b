//! Cutting to a range.

use proptest::prelude::*;

use super::*;
use crate::mp4::test_clip::{Sample, Sound, picture};

/// A clip of groups of five pictures, 40 ms each; with B-frames or without, with sound or without.
fn clip(name: u8, groups: usize, reordered: bool, sound: bool) -> Clip {
    let offsets: [i32; 5] = if reordered { [40, 80, 0, 80, 0] } else { [0; 5] };
    let group = offsets.iter().enumerate().map(|(number, offset)| Sample {
        offset: *offset,
        ..picture(40, number == 0)
    });
    Clip {
        name,
        timescale: 1000,
        video: group.cycle().take(groups * 5).collect(),
        sound: sound.then(|| Sound {
            codec: *b"mp4a",
            rate: 16_000,
            timescale: 16_000,
            samples: vec![(1024, 9); groups * 200 / 64],
            empty_ms: 0,
            media_time: 0,
        }),
        chunk: 3,
        moov_first: true,
        wide: false,
        padding: 0,
        every_sync: false,
    }
}

/// Two clips with `gap` milliseconds between them, the first at `wall`, cut to a range.
fn cut(
    range: Range<i64>,
    reordered: bool,
    sound: bool,
    gap: i64,
    wall: i64,
) -> Result<(File, u64), Mp4Error> {
    let (mut joiner, mut payload, mut at) = (Joiner::new(Some(range)), Vec::new(), wall);
    for name in [1, 2] {
        let file = clip(name, 4, reordered, sound).file();
        let tables = read(&file);
        add(
            &mut joiner,
            &file,
            &fragments(&tables, at, name > 1 && gap == 0),
            &mut payload,
            &[usize::MAX],
        );
        at += 800 + gap;
    }
    let length = payload.len() as u64;
    let joined = joiner.finish()?;
    let head: Vec<u8> = joined.head.pieces().flatten().collect();
    second_readers(&head, &payload, &joined.movie);
    let bytes = [head, payload].concat();
    Ok((
        File {
            tables: read(&bytes),
            bytes,
            report: joined.report,
        },
        length,
    ))
}

proptest! {
    #[test]
    fn exactly_the_pictures_of_the_range_are_presented(
        start in -100i64..2600, length in 1i64..1500, reordered: bool, sound: bool, gap in prop::sample::select(vec![0i64, 500]),
    ) {
        let wall = 1_700_000_000_000;
        let range = wall + start..wall + start + length;
        // Pictures are presented every 40 ms, in their groups' order or with pairs exchanged.
        let order = if reordered { [0, 2, 1, 4, 3] } else { [0, 1, 2, 3, 4] };
        let mut expected = Vec::new();
        for name in [1u8, 2] {
            let source = clip(name, 4, reordered, sound);
            for shown in 0..20 {
                let at = wall + i64::from(name - 1) * (800 + gap) + shown * 40;
                if at < range.end && at + 40 > range.start {
                    let shown = usize::try_from(shown).expect("small");
                    expected.push(source.picture(shown / 5 * 5 + order[shown % 5]));
                }
            }
        }
        let result = cut(range.clone(), reordered, sound, gap, wall);
        if expected.is_empty() {
            prop_assert!(matches!(result, Err(Mp4Error::Nothing)));
            return Ok(());
        }
        let (file, payload) = result.expect("a movie");
        let video = file.tables.video();
        let movie_timescale = i64::from(file.tables.movie_timescale());
        let duration = i64::try_from(video.edit.duration.expect("an edit")).expect("small");
        let end = duration * i64::from(video.timescale()) / movie_timescale;
        let mut pictures = file.pictures();
        pictures.sort_by_key(|picture| picture.at);
        let shown: Vec<_> = pictures.into_iter().filter(|picture| (0..end).contains(&picture.at)).collect();
        prop_assert_eq!(shown.first().map(|first| first.at), Some(0));
        prop_assert_eq!(shown.into_iter().map(|picture| picture.bytes).collect::<Vec<_>>(), expected);
        // What nothing presents is at most the rest of the first group, and nothing of it is behind the range.
        prop_assert!(u64::from(video.samples()) <= 5 + 1 + (length / 40).unsigned_abs() + 3);
        prop_assert_eq!(file.report.unreferenced_bytes, 0);
        prop_assert!(payload < 40 * u64::from(video.samples()) + 9 * 60);
        if sound {
            let first = (0..2 * 20i64)
                .find(|shown| {
                    let at = wall + shown / 20 * (800 + gap) + shown % 20 * 40;
                    at < range.end && at + 40 > range.start
                })
                .expect("a picture");
            sound_is_beside(&file, first, duration * 1000 / movie_timescale, reordered)?;
        }
        let presented = file.report.end_ms - file.report.start_ms;
        prop_assert!(file.report.start_ms <= range.start.max(wall) || gap > 0);
        prop_assert!(file.report.end_ms <= range.end && presented > 0);
    }
}

#[test]
fn sound_is_cut_to_the_same_edges() {
    let (file, _) = cut(500..1100, true, true, 0, 0).expect("a movie");
    let sound = file.tables.audio().expect("sound");
    assert_eq!(file.late(sound), 0.0);
    // The picture shown at 500 began at 480.
    assert_eq!(file.report.start_ms, 480);
    assert_eq!(file.tables.video().edit.duration, Some(620));
    assert_eq!(sound.edit.duration, Some(620));
    // The first picture is presented 40 ms after the first sound, so 480 ms are 8.125 frames of sound; at least one whole
    // frame before them warms the decoder up.
    let hidden = sound.edit.media_time;
    assert!(
        (1024..3 * 1024).contains(&hidden) && hidden % 1024 == 128,
        "{hidden}"
    );
}

/// The sound that is heard is that of the range: `first` is the number of the first picture in the order of presentation,
/// and `length` is in milliseconds.
fn sound_is_beside(file: &File, first: i64, length: i64, reordered: bool) -> Result<(), TestCaseError> {
    let sounds = file.sounds();
    // Where a range begins in a gap, the sound of what follows may begin before its picture.
    let late = file.tables.audio().map_or(0, |track| {
        file.late_ticks(track, 16_000) - file.late_ticks(file.tables.video(), 16_000)
    });
    for name in [1u8, 2] {
        // Nothing of the first clip is left where the range begins in the second.
        if name == 1 && first >= 20 {
            continue;
        }
        let source = clip(name, 4, reordered, true);
        for number in 0..source.sound.as_ref().expect("sound").samples.len() {
            let wanted = i64::from(name - 1) * 800 - if reordered { 40 } else { 0 }
                + i64::try_from(number).expect("small") * 64
                - first * 40;
            let played = sounds.iter().find(|sound| sound.bytes == source.sound(number));
            if let Some(played) = played {
                let error = played.at + late - wanted * 16;
                prop_assert!(error.abs() <= 512, "{} of {} is {} out", number, name, error);
            } else {
                // At the seam a frame may have to give way.
                let seam = (wanted + first * 40 - 768).abs() < 96;
                prop_assert!(
                    wanted + 64 <= 0 || wanted >= length || seam,
                    "{} of {} is missing at {}",
                    number,
                    name,
                    wanted
                );
            }
        }
    }
    let end = sounds.last().map_or(0, |last| last.at + late + 1024);
    prop_assert!(end <= (length + 128) * 16, "sound behind the range");
    Ok(())
}

/// A fragment of a source of several clips: five pictures from `wall_ms` on.
struct Planned {
    wall_ms: i64,
    pictures: Vec<Vec<u8>>,
}

/// The pictures of the range by the rules, in the order of presentation; a picture lasts `delta` ticks.
fn in_range(planned: &[Planned], range: &Range<i64>, delta: i64, timescale: i64) -> Vec<Vec<u8>> {
    let begins = planned
        .iter()
        .rposition(|fragment| fragment.wall_ms <= range.start);
    let ends = planned.iter().rposition(|fragment| fragment.wall_ms < range.end);
    let mut expected = Vec::new();
    for (index, fragment) in planned.iter().enumerate() {
        for (number, picture) in (0..).zip(&fragment.pictures) {
            // In ticks, times a thousand.
            let (starts, after) = (number * delta * 1000, (number + 1) * delta * 1000);
            let begun = match begins {
                Some(begins) if index == begins => after > (range.start - fragment.wall_ms) * timescale,
                begins => begins.is_none_or(|begins| index > begins),
            };
            let over = match ends {
                Some(ends) if index == ends => starts >= (range.end - fragment.wall_ms) * timescale,
                ends => ends.is_none_or(|ends| index > ends),
            };
            if begun && !over {
                expected.push(picture.clone());
            }
        }
    }
    expected
}

proptest! {
    #[test]
    fn ranges_are_exact_in_every_timescale_and_across_gaps(
        (timescale, delta) in prop::sample::select(vec![(1000u32, 40u32), (90_000, 3003), (12_800, 512), (30_000, 1001), (16, 16)]),
        shapes in prop::collection::vec((1usize..5, any::<bool>(), 0usize..6, any::<bool>()), 1..4),
        (from, length) in (-200i64..4000, 1i64..3000),
    ) {
        let wall = 1_700_000_000_000;
        // Where a picture lasts a second, everything is longer.
        let scale = i64::from(delta) * 25 / i64::from(timescale);
        let range = wall + from * scale.max(1)..wall + (from + length) * scale.max(1);
        let order = |reordered: bool| if reordered { [0, 2, 1, 4, 3] } else { [0, 1, 2, 3, 4] };
        let (mut joiner, mut payload, mut at) = (Joiner::new(Some(range.clone())), Vec::new(), wall);
        let mut planned = Vec::new();
        for (name, (groups, reordered, missing_before, gap)) in (1u8..).zip(&shapes) {
            let mut source = clip(name, *groups, *reordered, false);
            source.timescale = timescale;
            for picture in &mut source.video {
                picture.delta = delta;
                picture.offset = picture.offset / 40 * i32::try_from(delta).expect("small");
            }
            let file = source.file();
            let tables = read(&file);
            at += if *gap { 777 } else { 0 };
            let mut starts = fragments(&tables, at, !gap);
            for late in starts.iter_mut().skip(*missing_before) {
                late.wall_ms += 900;
            }
            if let Some(late) = starts.get_mut(*missing_before) {
                late.continues = false;
            }
            for (group, start) in starts.iter().enumerate() {
                let pictures = order(*reordered).map(|number| source.picture(group * 5 + number)).to_vec();
                planned.push(Planned { wall_ms: start.wall_ms, pictures });
            }
            at += tables.video_end_us() / 1000 + if *missing_before < *groups { 900 } else { 0 };
            add(&mut joiner, &file, &starts, &mut payload, &[usize::MAX]);
        }
        let expected = in_range(&planned, &range, i64::from(delta), i64::from(timescale));
        let joined = match joiner.finish() {
            Ok(joined) => joined,
            Err(error) => {
                prop_assert_eq!((error, expected), (Mp4Error::Nothing, Vec::new()));
                return Ok(());
            }
        };
        let head: Vec<u8> = joined.head.pieces().flatten().collect();
        let bytes = [head, payload].concat();
        let file = File { tables: read(&bytes), bytes, report: joined.report };
        let video = file.tables.video();
        let duration = i64::try_from(video.edit.duration.expect("an edit")).expect("small");
        let end = duration * i64::from(video.timescale()) / i64::from(file.tables.movie_timescale());
        let mut pictures = file.pictures();
        pictures.sort_by_key(|picture| picture.at);
        let shown: Vec<_> = pictures.into_iter().filter(|picture| (0..end).contains(&picture.at)).collect();
        prop_assert_eq!(shown.first().map(|first| first.at), Some(0));
        let shown: Vec<_> = shown.into_iter().map(|picture| picture.bytes).collect();
        prop_assert_eq!(shown, expected);
        prop_assert_eq!(file.report.unreferenced_bytes, 0);
    }
}
