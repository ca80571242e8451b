//! What a caller does with recipes, and what the head says.

use super::rules::{aac, clip};
use super::*;
use crate::mp4::Mp4Error;
use crate::mp4::test_clip::{be32, boxed};

#[test]
fn only_what_is_selected_goes_out() {
    let source = clip(1, 32, aac(20));
    let file = source.file();
    let tables = read(&file);
    let mut planned = fragments(&tables, 0, false);
    planned.remove(0);
    planned.pop();
    let mut joiner = Joiner::new(None);
    let recipe = joiner
        .begin(
            tables,
            &Selection {
                fragments: &planned,
                end: 24,
            },
        )
        .expect("joins");
    let payload = carry_out(recipe, &file, &[33]);
    joiner.commit();
    let joined = finish(joiner, &payload);
    let pictures: Vec<_> = joined
        .pictures()
        .into_iter()
        .map(|picture| picture.bytes)
        .collect();
    assert_eq!(
        pictures,
        (8..24).map(|number| source.picture(number)).collect::<Vec<_>>()
    );
    let sounds: Vec<_> = joined.sounds().into_iter().map(|sound| sound.bytes).collect();
    assert_eq!(
        sounds,
        (5..15).map(|number| source.sound(number)).collect::<Vec<_>>()
    );
}

/// What runs over the end of a fragment began in it, and the next answer, which begins with the next fragment, has none of it.
#[test]
fn sound_that_runs_over_the_end_of_a_cut_answer_stays() {
    let late = |frames| {
        let mut sound = aac(frames);
        sound.as_mut().expect("sound").empty_ms = 40;
        sound
    };
    let (cut, rest) = (clip(1, 24, late(15)), clip(2, 16, late(10)));
    let mut joiner = Joiner::new(None);
    let file = cut.file();
    let tables = read(&file);
    let mut planned = fragments(&tables, 0, false);
    planned.truncate(2);
    let selection = Selection {
        fragments: &planned,
        end: 16,
    };
    let recipe = joiner.begin(tables, &selection).expect("joins");
    let mut payload = carry_out(recipe, &file, &[usize::MAX]);
    joiner.commit();
    let file = rest.file();
    add(
        &mut joiner,
        &file,
        &fragments(&read(&file), 640, true),
        &mut payload,
        &[usize::MAX],
    );
    let joined = finish(joiner, &payload);
    let sounds: Vec<_> = joined.sounds().into_iter().map(|sound| sound.bytes).collect();
    let first = (0..10).map(|number| cut.sound(number));
    let wanted: Vec<_> = first.chain((0..10).map(|number| rest.sound(number))).collect();
    assert_eq!(sounds, wanted);
    assert_eq!(
        (joined.report.silent_frames, joined.report.audio_samples_left_out),
        (0, 0)
    );
}

#[test]
fn a_second_answer_continues_the_first_if_it_is_the_same_media() {
    let (source, mut moved) = (clip(1, 16, aac(10)), clip(1, 16, aac(10)));
    moved.padding = 77;
    let (file, later) = (source.file(), moved.file());
    let mut joiner = Joiner::new(None);
    let tables = read(&file);
    let selection = fragments(&tables, 0, false);
    let recipe = begin(&mut joiner, tables, &selection).expect("joins");
    let whole = carry_out(recipe, &file, &[40]);
    let mut again = joiner.begin_again(&read(&later)).expect("the same media");
    again.resume_at(100);
    let mut out = Vec::new();
    again.feed(0, Bytes::from(later), &mut out);
    assert!(again.is_done());
    assert_eq!(out.concat(), whole[100..]);
    assert_eq!(joiner.begin_again(&read(&clip(1, 15, aac(10)).file())), None);
    assert!(matches!(
        begin(&mut joiner, read(&file), &selection),
        Err(Mp4Error::Mismatch { .. })
    ));
}

#[test]
fn what_was_given_up_is_in_the_payload_and_nowhere_else() {
    let file = clip(1, 16, aac(10)).file();
    let tables = read(&file);
    let selection = fragments(&tables, 0, false);
    let mut joiner = Joiner::new(None);
    begin(&mut joiner, tables.clone(), &selection).expect("joins");
    joiner.abandon(123);
    assert_eq!((joiner.position(), joiner.unreferenced()), (123, 123));
    let recipe = begin(&mut joiner, tables, &selection).expect("joins");
    let payload = [vec![0; 123], carry_out(recipe, &file, &[64])].concat();
    joiner.commit();
    let joined = finish(joiner, &payload);
    assert_eq!(joined.report.unreferenced_bytes, 123);
    assert_eq!(joined.pictures()[0].bytes, clip(1, 16, None).picture(0));
}

#[test]
fn media_that_passed_before_its_tables_needs_no_recipe() {
    let mut source = clip(1, 16, aac(10));
    source.moov_first = false;
    let file = source.file();
    let mut scanner = Scanner::new();
    scanner.push(&file).expect("an MP4");
    let media = scanner.media()[0].clone();
    let passed = usize::try_from(media.start).expect("small")..usize::try_from(media.end).expect("small");
    let tables = read(&file);
    let selection = fragments(&tables, 0, false);
    let whole = Selection {
        fragments: &selection,
        end: tables.video_samples(),
    };
    let mut joiner = Joiner::new(None);
    assert!(!joiner.may_insert());
    joiner
        .begin_passed(tables.clone(), &whole, media.clone())
        .expect("joins");
    assert!(joiner.may_insert());
    let joined = finish(joiner, &file[passed]);
    assert_eq!(joined.bytes, join(&[source]).bytes);
    let short = media.start..media.end - 1;
    let refused = Joiner::new(None).begin_passed(tables, &whole, short);
    assert!(refused.is_err());
}

#[test]
fn places_are_wide_only_behind_4_gib() {
    let file = clip(1, 8, None).file();
    let head = |payload: u64| {
        let tables = read(&file);
        let mut joiner = Joiner::new(None);
        let selection = fragments(&tables, 0, false);
        let length = begin(&mut joiner, tables, &selection).expect("joins").len();
        joiner.commit();
        joiner.abandon(payload - length);
        let head: Vec<u8> = joiner
            .finish()
            .expect("a movie")
            .head
            .pieces()
            .flatten()
            .collect();
        let wide = head.windows(4).any(|name| name == b"co64");
        assert_eq!(wide, !head.windows(4).any(|name| name == b"stco"));
        (head.len() as u64, wide)
    };
    let (length, _) = head(1 << 20);
    for (size, wide) in [(u32::MAX as u64, false), (1 << 32, true), ((1 << 32) + 1, true)] {
        assert_eq!(head(size - length).1, wide, "{size}");
    }
}

#[test]
fn the_movie_says_when_it_was() {
    let file = clip(1, 8, None).file();
    let mut payload = Vec::new();
    let mut joiner = Joiner::new(None);
    add(
        &mut joiner,
        &file,
        &fragments(&read(&file), 1_795_168_860_500, false),
        &mut payload,
        &[9],
    );
    let joined = finish(joiner, &payload);
    let expected = (1_795_168_860u32 + 2_082_844_800).to_be_bytes();
    assert_eq!(
        joined.bytes.windows(4).filter(|bytes| *bytes == expected).count(),
        6
    );
    let name = joined
        .bytes
        .windows(4)
        .position(|name| name == b"mvhd")
        .expect("mvhd");
    assert_eq!(joined.bytes[name + 8..name + 12], expected);
}

#[test]
fn a_head_that_would_be_too_large_is_refused_before_its_clip_goes_out() {
    // Each sample in a row of its own in three tables: 20 bytes a sample.
    let rows = 700_000u32;
    let pairs = |even: u32, odd: u32| {
        (0..rows)
            .flat_map(|row| [1, if row % 2 == 0 { even } else { odd }])
            .collect::<Vec<u32>>()
    };
    let tiny = clip(1, 1, None);
    let template = tiny.file();
    let at = template
        .windows(4)
        .position(|name| name == b"stsd")
        .expect("stsd")
        - 4;
    let length = u32::from_be_bytes(*template[at..].first_chunk().expect("a size"));
    let stsd = &template[at..at + length as usize];
    let stbl = boxed(
        b"stbl",
        &[
            stsd,
            &boxed(b"stts", &[&be32(&[0, rows]), &be32(&pairs(33, 34))]),
            &boxed(
                b"stsz",
                &[
                    &be32(&[0, 0, rows]),
                    &be32(&(0..rows).map(|row| 1 + row % 2).collect::<Vec<_>>()),
                ],
            ),
            &boxed(b"stsc", &[&be32(&[0, 1, 1, rows, 1])]),
            &boxed(b"stco", &[&be32(&[0, 1, 0])]),
            &boxed(b"ctts", &[&be32(&[0, rows]), &be32(&pairs(0, 1))]),
        ],
    );
    let moov = moov_of(10_000, &stbl);
    let tables = ClipTables::read(&moov).expect("tables");
    let mut joiner = Joiner::new(None);
    let selection = [FragmentStart {
        sample: 0,
        wall_ms: 0,
        continues: true,
    }];
    for clip in 1.. {
        match begin(&mut joiner, tables.clone(), &selection) {
            Ok(_) => joiner.commit(),
            Err(error) => {
                assert!(
                    matches!(error, Mp4Error::TooLarge { bytes, limit } if bytes > limit),
                    "{error}"
                );
                assert_eq!(clip, 10, "20 bytes for each of 700,000 samples");
                break;
            }
        }
    }
}
