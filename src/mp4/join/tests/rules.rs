//! The rules, one by one.

use super::*;
pub(super) use crate::mp4::test_clip::clip;
use crate::mp4::test_clip::{Sample, Sound};
use crate::mp4::{Difference, Mp4Error};

pub(super) fn aac(frames: usize) -> Option<Sound> {
    Some(Sound {
        codec: *b"mp4a",
        rate: 16_000,
        timescale: 1000,
        samples: vec![(64, 9); frames],
        empty_ms: 0,
        media_time: 0,
    })
}

/// Sixteen pictures and 10 frames of sound, then a gap of 5 s and as much again: closed up, or the last samples stretched over it.
fn with_gap(stretched: bool) -> File {
    let mut clip = clip(1, 32, aac(20));
    let long = if stretched { 5000 } else { 0 };
    clip.video[15].delta += long;
    clip.sound.as_mut().expect("sound").samples[9].0 += long;
    let file = clip.file();
    let tables = read(&file);
    let mut planned = fragments(&tables, 0, false);
    planned[2].continues = false;
    for late in &mut planned[2..] {
        late.wall_ms = 5640 + i64::from(late.sample - 16) * 40;
    }
    let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
    add(&mut joiner, &file, &planned, &mut payload, &[usize::MAX]);
    finish(joiner, &payload)
}

#[test]
fn a_gap_inside_a_clip_is_closed_however_it_is_written() {
    let (stretched, closed) = (with_gap(true), with_gap(false));
    assert_eq!(stretched.bytes, closed.bytes);
    assert_eq!(stretched.report, closed.report);
    assert_eq!((stretched.report.seams, stretched.report.gaps_closed), (1, 1));
    assert_eq!((stretched.report.start_ms, stretched.report.end_ms), (0, 6280));
    assert_eq!(stretched.tables.video_end_us(), 1_280_000);
    let sounds: Vec<i64> = stretched.sounds().iter().map(|sound| sound.dts).collect();
    assert_eq!(sounds, (0..20).map(|frame| frame * 1024).collect::<Vec<_>>());
}

#[test]
fn leading_pictures_stay_only_where_nothing_is_missing() {
    // An open group: the sync sample is presented behind the two that follow it.
    let open = |name| {
        let mut clip = clip(name, 8, None);
        clip.video = [120, 0, 0, 0, 40, 40, 40, 40]
            .iter()
            .enumerate()
            .map(|(number, offset)| Sample {
                delta: 40,
                offset: *offset,
                size: 9,
                sync: number == 0,
            })
            .collect();
        clip
    };
    let (first, second) = (clip(1, 8, None).file(), open(2).file());
    for (continues, dropped, end_us) in [(true, 0, 640_000), (false, 2, 560_000)] {
        let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
        add(
            &mut joiner,
            &first,
            &fragments(&read(&first), 0, false),
            &mut payload,
            &[50],
        );
        add(
            &mut joiner,
            &second,
            &fragments(&read(&second), 320, continues),
            &mut payload,
            &[50],
        );
        let file = finish(joiner, &payload);
        assert_eq!(file.report.leading_pictures_dropped, dropped);
        let pictures = file.pictures();
        assert_eq!(pictures.len() as u64, 16 - dropped);
        assert!(
            file.tables.video_end_us() >= end_us,
            "{}",
            file.tables.video_end_us()
        );
        // The sync sample is still one, and its bytes are its own.
        let sync: Vec<usize> = file
            .tables
            .video()
            .sync_samples()
            .map(|sync| sync as usize)
            .collect();
        assert_eq!(sync, [0, 8]);
        assert_eq!(pictures[8].bytes, open(2).picture(0));
    }
    // The first clip of a file has nothing before it, whatever is said.
    let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
    add(
        &mut joiner,
        &second,
        &fragments(&read(&second), 0, true),
        &mut payload,
        &[50],
    );
    assert_eq!(finish(joiner, &payload).report.leading_pictures_dropped, 2);
}

#[test]
fn a_clip_without_sound_gets_silence_a_second_at_a_time() {
    let clips = [clip(1, 75, aac(47)), clip(2, 75, None), clip(3, 75, aac(47))];
    let file = join(&clips);
    assert_eq!(file.report.silent_frames, 47);
    let sounds = file.sounds();
    assert_eq!(sounds.len(), 141);
    assert!(sounds[47..94].iter().all(|sound| sound.bytes == [0, 0, 0, 7]));
    // In the payload it stands in three blocks, each before the pictures of its second.
    let of_second: Vec<u8> = (50..54).flat_map(|number| clips[1].picture(number)).collect();
    let at = file
        .bytes
        .windows(of_second.len())
        .position(|bytes| bytes == of_second)
        .expect("pictures");
    assert_eq!(file.bytes[at - 4..at], [0, 0, 0, 7]);
    assert_eq!(file.report.audio_samples_left_out, 0);
}

#[test]
fn sound_that_begins_later_has_one_empty_edit() {
    let file = join(&[clip(1, 25, None), clip(2, 25, aac(15))]);
    assert_eq!(file.report.silent_frames, 0);
    assert_eq!(file.late(file.tables.audio().expect("sound")), 1.0);
    assert_eq!(file.late(file.tables.video()), 0.0);
}

#[test]
fn g711_is_one_sample_a_byte_and_exact_to_it() {
    for (codec, silence) in [(*b"alaw", 0xd5), (*b"ulaw", 0xff)] {
        // Packets of 20 ms; the first clip's sound is 40 ms short, the second's 20 ms long.
        let g711 = |packets: usize| {
            Some(Sound {
                codec,
                rate: 8000,
                timescale: 1000,
                samples: vec![(20, 160); packets],
                empty_ms: 0,
                media_time: 0,
            })
        };
        let clips = [
            clip(1, 25, g711(48)),
            clip(2, 25, g711(51)),
            clip(3, 25, g711(50)),
        ];
        let file = join(&clips);
        assert_eq!(
            (file.report.silent_frames, file.report.audio_samples_left_out),
            (320, 160)
        );
        let sounds = file.sounds();
        assert_eq!(sounds.len(), 24_000);
        assert!(
            sounds
                .iter()
                .zip(0..)
                .all(|(sound, at)| sound.dts == at && sound.bytes.len() == 1)
        );
        assert!(
            sounds[48 * 160..8000]
                .iter()
                .all(|sound| sound.bytes == [silence])
        );
        let third: Vec<u8> = sounds[16_000..]
            .iter()
            .flat_map(|sound| sound.bytes.clone())
            .collect();
        assert_eq!(
            third,
            (0..50)
                .flat_map(|number| clips[2].sound(number))
                .collect::<Vec<u8>>()
        );
    }
}

#[test]
fn sound_that_pauses_inside_a_clip_keeps_its_time() {
    let mut paused = clip(1, 50, aac(16));
    // Eight frames, 10 frames of nothing, eight frames.
    paused.sound.as_mut().expect("sound").samples[7].0 = 64 * 11;
    let file = join(&[paused.clone()]);
    assert_eq!(file.report.silent_frames, 10);
    let sounds = file.sounds();
    assert_eq!((sounds[18].dts, &sounds[18].bytes), (18 * 1024, &paused.sound(8)));
}

#[test]
fn another_configuration_is_refused_and_a_measured_bitrate_is_none() {
    let (one, other) = (read(&clip(1, 8, aac(5)).file()), read(&clip(2, 8, aac(5)).file()));
    assert_eq!(other.differs_from(&one), None, "their bitrates differ");
    let silent = read(&clip(3, 8, None).file());
    assert_eq!(silent.differs_from(&one), Some(Difference::AudioDisappears));
    assert_eq!(one.differs_from(&silent), Some(Difference::AudioAppears));
    let mut sound = aac(5);
    sound.as_mut().expect("sound").rate = 48_000;
    let faster = clip(4, 8, sound).file();
    assert_eq!(
        read(&faster).differs_from(&one),
        Some(Difference::AudioConfiguration)
    );
    let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
    let first = clip(1, 8, aac(5)).file();
    add(
        &mut joiner,
        &first,
        &fragments(&one, 0, false),
        &mut payload,
        &[9],
    );
    let selection = Selection {
        fragments: &fragments(&one, 320, true),
        end: 8,
    };
    assert!(matches!(
        joiner.begin(read(&faster), &selection),
        Err(Mp4Error::Mismatch { .. })
    ));
    // What was refused left nothing behind.
    assert_eq!(finish(joiner, &payload).bytes, join(&[clip(1, 8, aac(5))]).bytes);
}

#[test]
fn a_selection_has_to_fit() {
    let tables = read(&clip(1, 16, None).file());
    let at = |sample| FragmentStart {
        sample,
        wall_ms: 0,
        continues: true,
    };
    for (fragments, end) in [
        (vec![], 16),
        (vec![at(0)], 17),
        (vec![at(8), at(0)], 16),
        (vec![at(3)], 3),
        (vec![at(0), at(0)], 9),
    ] {
        let selection = Selection {
            fragments: &fragments,
            end,
        };
        let refused = Joiner::new(None).begin(tables.clone(), &selection);
        assert!(matches!(refused, Err(Mp4Error::Mismatch { .. })), "{selection:?}");
    }
    assert!(matches!(Joiner::new(None).finish(), Err(Mp4Error::Nothing)));
}
