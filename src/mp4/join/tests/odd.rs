//! Clips that are odd or hostile, and still have to be joined right or refused.

use super::g711::alaw;
use super::rules::{aac, clip};
use super::*;
use crate::mp4::test_clip::{be32, boxed};

#[test]
fn a_single_picture_without_a_duration_is_a_movie() {
    let mut one = clip(1, 1, None);
    one.video[0].delta = 0;
    let file = join(&[one.clone()]);
    assert_eq!(file.pictures().len(), 1);
    let three = join(&[one.clone(), one, clip(2, 8, None)]);
    assert_eq!(three.pictures().len(), 10);
}

#[test]
fn a_clip_cannot_claim_more_pictures_than_its_tables_have_room_for() {
    let many = u32::MAX;
    let template = clip(1, 1, None).file();
    let at = template
        .windows(4)
        .position(|name| name == b"stsd")
        .expect("stsd")
        - 4;
    let length = u32::from_be_bytes(*template[at..].first_chunk().expect("a size"));
    let stbl = boxed(
        b"stbl",
        &[
            &template[at..at + length as usize],
            &boxed(b"stts", &[&be32(&[0, 1, many, 1])]),
            &boxed(b"stsz", &[&be32(&[0, 1, many])]),
            &boxed(b"stsc", &[&be32(&[0, 1, 1, many, 1])]),
            &boxed(b"stco", &[&be32(&[0, 1, 0])]),
        ],
    );
    let moov = moov_of(90_000, &stbl);
    assert!(matches!(
        ClipTables::read(&moov),
        Err(Mp4Error::Unsupported { .. })
    ));
}

#[test]
fn a_chunk_that_ends_outside_of_the_media_is_refused() {
    // The last 10 bytes of the media become a box of their own.
    for moov_first in [true, false] {
        let mut source = clip(1, 8, aac(5));
        source.moov_first = moov_first;
        let mut file = source.file();
        let mut scanner = Scanner::new();
        scanner.push(&file).expect("an MP4");
        let media = scanner.media()[0].clone();
        let (start, end) = (
            usize::try_from(media.start).expect("small"),
            usize::try_from(media.end).expect("small"),
        );
        let size = u32::try_from(end - start + 8 - 10).expect("small");
        file[start - 8..start - 4].copy_from_slice(&size.to_be_bytes());
        file[end - 10..end - 2].copy_from_slice(b"\0\0\0\x0afree");
        // More media that nothing refers to, so that there are bytes enough.
        file.extend(boxed(b"mdat", &[&[0; 99]]));
        let mut scanner = Scanner::new();
        scanner.push(&file).expect("an MP4");
        assert!(
            matches!(scanner.finish(), Err(Mp4Error::Invalid { .. })),
            "{moov_first}"
        );
    }
}

#[test]
fn the_head_is_never_larger_than_what_was_counted() {
    for clips in [
        vec![clip(1, 75, aac(47)), clip(2, 75, None)],
        vec![clip(1, 75, alaw(vec![(160, 160); 150])), clip(2, 75, None)],
        vec![clip(1, 3000, None)],
        {
            let mut all = clip(2, 3000, None);
            all.every_sync = true;
            vec![clip(1, 8, None), all]
        },
        {
            let mut other = clip(2, 3000, None);
            other.video.iter_mut().for_each(|picture| picture.size = 41);
            vec![clip(1, 3000, None), other]
        },
    ] {
        let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
        for clip in &clips {
            let file = clip.file();
            add(
                &mut joiner,
                &file,
                &fragments(&read(&file), 0, true),
                &mut payload,
                &[usize::MAX],
            );
        }
        let counted = joiner.state.head_bytes
            + if joiner.state.lists_sync {
                joiner.state.unlisted_sync * 4
            } else {
                0
            };
        let length = joiner.finish().expect("a movie").head.len();
        assert!(length <= counted + 3000, "{length} of {counted}");
    }
}

#[test]
fn the_entry_of_a_joined_track_refers_to_the_one_data_reference() {
    let source = clip(1, 8, aac(5));
    let mut file = source.file();
    for name in [b"avc1", b"mp4a"] {
        let at = file.windows(4).position(|bytes| bytes == name).expect("an entry");
        file[at + 11] = 2;
    }
    let first = source.file();
    assert_eq!(read(&file).differs_from(&read(&first)), None);
    assert_eq!(
        join_files(&[file], &[usize::MAX]).bytes,
        join_files(&[first], &[usize::MAX]).bytes
    );
}

#[test]
fn a_last_picture_without_a_duration_lasts_as_long_as_the_others() {
    let mut first = clip(1, 8, aac(5));
    first.video[7].delta = 0;
    let file = join(&[first, clip(2, 8, aac(5))]);
    let times: Vec<i64> = file.pictures().iter().map(|picture| picture.at).collect();
    assert_eq!(times, (0..16).map(|number| number * 40).collect::<Vec<_>>());
    assert_eq!(file.report.audio_samples_left_out, 0);
}

/// Each piece is found where the one before ended; looked for from the start, they take minutes.
#[test]
fn sound_in_many_pieces_is_all_there() {
    let samples =
        (0..900).flat_map(|_| (0..200).map(|number| (if number == 199 { 900 } else { 64 }, 9 + number % 2)));
    let mut source = clip(1, 8, aac(1));
    source.sound.as_mut().expect("sound").samples = samples.collect();
    let tables = read(&source.file());
    let starts = fragments(&tables, 0, false);
    let mut joiner = Joiner::new(None);
    let selection = Selection {
        fragments: &starts,
        end: 8,
    };
    joiner.begin(tables, &selection).expect("joins");
    joiner.commit();
    let joined = joiner.finish().expect("a movie");
    let left_out = joined.report.audio_samples_left_out;
    assert_eq!(
        joined.movie.tracks[1].samples + left_out,
        180_000 + joined.report.silent_frames
    );
}

/// The file with its media cut in two at each of these samples of sound: a `free` and the header of another `mdat` between.
fn in_several_mdats(source: &Clip, sounds: &[usize]) -> Vec<u8> {
    let mut file = source.file();
    for sound in sounds {
        let sound = source.sound(*sound);
        let cut = file
            .windows(sound.len())
            .position(|bytes| bytes == sound)
            .expect("the sample");
        let mut scanner = Scanner::new();
        scanner.push(&file).expect("an MP4");
        let media = scanner.media().last().expect("media").clone();
        let (start, end) = (
            usize::try_from(media.start).expect("small"),
            usize::try_from(media.end).expect("small"),
        );
        let between = [
            b"\0\0\0\x0cfreefree".as_slice(),
            &be32(&[u32::try_from(end - cut + 8).expect("small")]),
            b"mdat",
        ]
        .concat();
        let size = u32::try_from(cut - start + 8).expect("small");
        file[start - 8..start - 4].copy_from_slice(&size.to_be_bytes());
        for table in (0..file.len() - 4)
            .filter(|at| &file[*at..at + 4] == b"stco")
            .collect::<Vec<_>>()
        {
            let word =
                |at: usize| u32::from_be_bytes(*file[at..].first_chunk().expect("four bytes")) as usize;
            for row in (0..word(table + 8))
                .map(|row| table + 12 + 4 * row)
                .collect::<Vec<_>>()
            {
                let word = u32::from_be_bytes(*file[row..].first_chunk().expect("four bytes")) as usize;
                if word >= cut {
                    file[row..row + 4]
                        .copy_from_slice(&u32::try_from(word + between.len()).expect("small").to_be_bytes());
                }
            }
        }
        file.splice(cut..cut, between);
    }
    file
}

#[test]
fn media_in_several_mdats_comes_out_without_what_is_between() {
    for moov_first in [true, false] {
        let mut source = clip(1, 32, aac(20));
        source.moov_first = moov_first;
        let parted = in_several_mdats(&source, &[3, 9, 12]);
        let mut scanner = Scanner::new();
        scanner.push(&parted).expect("an MP4");
        assert_eq!(scanner.media().len(), 4);
        scanner.finish().expect("whole");
        let files = [source.file(), parted, clip(2, 8, None).file()];
        let file = join_files(&files, &[77]);
        let plain = join_files(&[files[0].clone(), files[0].clone(), files[2].clone()], &[77]);
        assert_eq!(file.bytes, plain.bytes);
    }
}

#[test]
fn silence_keeps_up_with_pictures_that_last_for_seconds() {
    let mut slow = clip(2, 6, None);
    slow.video.iter_mut().for_each(|picture| picture.delta = 5000);
    let file = join(&[clip(1, 25, aac(16)), slow.clone()]);
    let silence = [0u8, 0, 0, 7];
    let position = |bytes: &[u8]| {
        file.bytes
            .windows(bytes.len())
            .position(|found| found == bytes)
            .expect("there")
    };
    for number in 0..5 {
        let (from, to) = (
            position(&slow.picture(number)),
            position(&slow.picture(number + 1)),
        );
        let between = (to - from - 40) / 4;
        assert!(
            (77..=79).contains(&between),
            "{between} frames before picture {}",
            number + 1
        );
        assert!(file.bytes[from + 40..to].chunks(4).all(|frame| frame == silence));
    }
}

#[test]
fn leading_pictures_before_an_exact_range_are_not_missed() {
    let mut open = clip(1, 16, None);
    for (number, picture) in open.video.iter_mut().enumerate() {
        picture.offset = [120, 0, 0, 0, 40, 40, 40, 40][number % 8];
    }
    let file = open.file();
    // The first picture is presented at 120 ms, when its fragment begins.
    let (mut joiner, mut payload) = (Joiner::new(Some(400..560)), Vec::new());
    add(
        &mut joiner,
        &file,
        &fragments(&read(&file), 0, false),
        &mut payload,
        &[usize::MAX],
    );
    let joined = finish(joiner, &payload);
    assert_eq!(joined.report.start_ms, 400);
    assert_eq!(joined.pictures()[0].bytes, open.picture(8));
    assert_eq!(joined.report.leading_pictures_dropped, 0);
}

#[test]
fn sound_keeps_its_place_beside_pictures_of_coarse_times() {
    // A tick of the pictures is 40 ms, or a second.
    for (timescale, pictures) in [(25, 50), (1, 2)] {
        let mut source = clip(1, pictures, aac(20));
        source.timescale = timescale;
        source.video.iter_mut().for_each(|picture| picture.delta = 1);
        source.sound.as_mut().expect("sound").empty_ms = 330;
        let late = join(&[source.clone()]);
        let sound = late.tables.audio().expect("sound");
        let apart = late.late(sound) - late.late(late.tables.video());
        assert!((apart - 0.33).abs() < 0.001, "{apart} s at {timescale}");
        // The sound of the first picture's time begins 250 ms before it.
        let sound = source.sound.as_mut().expect("sound");
        (sound.empty_ms, sound.media_time) = (0, 0);
        source.video.iter_mut().for_each(|picture| picture.offset = 1);
        let early = join(&[source]);
        let apart = early.late(early.tables.video()) - early.late(early.tables.audio().expect("sound"));
        assert!(
            (apart - 1.0 / f64::from(timescale)).abs() < 0.001,
            "{apart} s at {timescale}"
        );
    }
}

/// Each clip may claim a day and a half, and a few of them would make a file that nobody reads.
#[test]
fn a_movie_of_more_than_36_hours_is_refused_as_a_clip_is() {
    let mut long = clip(1, 1, None);
    long.timescale = 1000;
    long.video[0].delta = 20 * 3600 * 1000;
    let file = long.file();
    let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
    let starts = fragments(&read(&file), 0, false);
    add(&mut joiner, &file, &starts, &mut payload, &[usize::MAX]);
    let selection = Selection {
        fragments: &starts,
        end: 1,
    };
    let again = joiner.begin(read(&file), &selection);
    assert!(
        matches!(again, Err(Mp4Error::Unsupported { .. })),
        "{:?}",
        again.map(|recipe| recipe.len())
    );
    finish(joiner, &payload);
}

/// What a range of 320 ms and eight pictures becomes, with an edit list; the pictures are presented so many milliseconds after
/// they are decoded.
fn with_edit_list(offsets: [i32; 8]) -> File {
    let mut source = clip(1, 8, aac(5));
    for (picture, offset) in source.video.iter_mut().zip(offsets) {
        picture.offset = offset;
    }
    let source = source.file();
    let (mut joiner, mut payload) = (Joiner::new(Some(0..320)), Vec::new());
    let starts = fragments(&read(&source), 0, false);
    add(&mut joiner, &source, &starts, &mut payload, &[usize::MAX]);
    finish(joiner, &payload)
}

/// Joins it, presented for so many milliseconds from a tick of its pictures on, with another clip of eight pictures.
fn with_another(source: &File, [shown_ms, from]: [u32; 2]) -> File {
    let mut file = source.bytes.clone();
    let elst = file.windows(4).position(|four| four == b"elst");
    // Behind the version and the count.
    let edit = elst.expect("an edit list") + 12;
    file[edit..edit + 8].copy_from_slice(&be32(&[shown_ms, from]));
    join_files(&[file, clip(1, 8, aac(5)).file()], &[usize::MAX])
}

/// A millisecond, which is a tick of the movie, may be rounding.
#[test]
fn pictures_that_a_clip_hides_at_its_end_are_left_out_and_counted() {
    let source = with_edit_list([0; 8]);
    for (shown_ms, hidden) in [(320, 0), (280, 0), (279, 1), (100, 5), (1, 7)] {
        let joined = with_another(&source, [shown_ms, 0]);
        assert_eq!(joined.report.hidden_pictures, hidden, "{shown_ms}");
        assert_eq!(joined.pictures().len() as u64, 16 - hidden, "{shown_ms}");
        assert_eq!(joined.report.fragments, 2, "{shown_ms}");
    }
    // The first is decoded 40 ms before it is presented.
    let source = with_edit_list([40, 80, 0, 80, 0, 80, 0, 40]);
    let joined = with_another(&source, [1, 0]);
    assert_eq!((joined.report.hidden_pictures, joined.report.fragments), (8, 1));
    assert_eq!(joined.pictures().len(), 8);
}
