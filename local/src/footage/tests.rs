use super::*;

/// 2026-11-20T10:00:00Z, a multiple of every loop's length.
const TEN_O_CLOCK: i64 = 1_795_168_800_000;

fn all() -> [Footage; 4] {
    [
        Footage::h264_aac(),
        Footage::h265(),
        Footage::h264_bframes_alaw(),
        Footage::h264_half_second(),
    ]
}

#[test]
fn loops_are_whole_groups_of_pictures_and_whole_audio_frames() {
    for footage in all() {
        let lengths: Vec<i64> = footage
            .tracks()
            .iter()
            .map(|t| t.length * 1_000 / i64::from(t.timescale.get()))
            .collect();
        let first = lengths[0];
        assert_eq!(first % i64::from(footage.group_of_pictures_ms()), 0);
        assert!(lengths.iter().all(|l| *l == first), "{lengths:?}");
        assert_eq!(TEN_O_CLOCK % first, 0);
        for track in footage.tracks() {
            let exact = track.length * 1_000 % i64::from(track.timescale.get());
            assert_eq!(exact, 0, "a loop that is no whole millisecond drifts");
        }
    }
}

#[test]
fn every_group_of_pictures_begins_with_a_sync_sample_and_has_no_other() {
    for footage in all() {
        let video = &footage.tracks()[0];
        assert_eq!(video.kind, TrackKind::Video);
        let per_group = match footage.group_of_pictures_ms() {
            500 => 15,
            _ => 50,
        };
        for (index, sample) in video.samples.iter().enumerate() {
            assert_eq!(sample.sync, index % per_group == 0, "picture {index}");
        }
    }
}

#[test]
fn time_wraps_around_the_loop_without_losing_or_doubling_a_sample() {
    let footage = Footage::h264_aac();
    let audio = &footage.tracks()[1];
    let seam = TEN_O_CLOCK + 120_000;
    let around: Vec<_> = audio.between(seam - 128, seam + 128).collect();
    let samples: Vec<usize> = around.iter().map(|o| o.sample).collect();
    assert_eq!(samples, [1873, 1874, 0, 1]);
    assert!(around.windows(2).all(|w| w[1].start - w[0].start == 1_024));
}

#[test]
fn neighbouring_spans_share_no_sample() {
    let footage = Footage::h264_aac();
    let audio = &footage.tracks()[1];
    // 31.25 AAC frames of 64 ms in 2 s: the cut falls inside a frame, which belongs to the span that it
    // starts in.
    let counts: Vec<usize> = (0..4)
        .map(|n| {
            let from = TEN_O_CLOCK + 2_000 * n;
            audio.between(from, from + 2_000).count()
        })
        .collect();
    assert_eq!(counts, [32, 31, 31, 31]);
    assert_eq!(
        footage.tracks()[0]
            .between(TEN_O_CLOCK, TEN_O_CLOCK + 2_000)
            .count(),
        50
    );
}

#[test]
fn a_span_may_begin_anywhere_in_the_loop() {
    let footage = Footage::h264_aac();
    let video = &footage.tracks()[0];
    let first = video.between(TEN_O_CLOCK + 1, TEN_O_CLOCK + 81).next();
    let expected = Occurrence {
        sample: 1,
        start: (TEN_O_CLOCK + 40) * 12_800 / 1_000,
    };
    assert_eq!(first, Some(expected));
    let last_moment = video.between(TEN_O_CLOCK + 119_999, TEN_O_CLOCK + 120_001);
    assert_eq!(last_moment.map(|o| o.sample).collect::<Vec<_>>(), [0]);
}

#[test]
fn filler_brings_each_picture_to_its_share() {
    for footage in all() {
        let footage = footage.bulky(4_500_000).unwrap();
        let video = &footage.tracks()[0];
        let mut out = BytesMut::new();
        let plain = &video.samples[7];
        footage.write(video, 7, &mut out);
        let share = match footage.group_of_pictures_ms() {
            500 => 18_750,
            _ => 22_500,
        };
        assert_eq!(out.len(), share);
        assert_eq!(footage.size(video, 7), share);
        assert_eq!(
            &out[..plain.size],
            &video.media[plain.offset..plain.offset + plain.size]
        );
        let length = u32::from_be_bytes(out[plain.size..plain.size + 4].try_into().unwrap());
        assert_eq!(length as usize, share - plain.size - 4);
        assert_eq!(out.last(), Some(&0x80));
    }
}

#[test]
fn a_picture_with_no_room_for_a_nal_unit_stays_as_it_is() {
    let bulk = Footage::h264_aac().bulky(8 * 25 * 100).unwrap().bulk.unwrap();
    assert_eq!(bulk.padding(100), 0);
    assert_eq!(bulk.padding(101), 0);
    assert_eq!(bulk.padding(95), 0);
    assert_eq!(bulk.padding(94), 6);
    let mut smallest = BytesMut::new();
    bulk.write(6, &mut smallest);
    assert_eq!(smallest.as_ref(), [0, 0, 0, 2, 0x0c, 0x80]);
}

#[test]
fn bit_rates_that_cannot_be_are_refused() {
    for rate in [0, 1, 199, u64::MAX, 4_000_000_000] {
        assert!(Footage::h265().bulky(rate).is_err(), "{rate}");
    }
}

#[test]
fn what_a_judge_is_told_is_what_the_loop_has() {
    let told = all().map(|f| (f.loop_ms(), f.pictures(), f.sounds(), f.group_of_pictures_ms()));
    let expected = [
        (120_000, 3_000, 1_875, 2_000),
        (60_000, 1_500, 0, 2_000),
        (60_000, 1_500, 3_000, 2_000),
        (60_000, 1_800, 1_875, 500),
    ];
    assert_eq!(told, expected);
    for footage in all() {
        assert_eq!(&footage.source_movie()[4..8], b"ftyp");
        let mute = footage.clone().without_sound();
        assert_eq!((mute.sounds(), mute.tracks().len()), (0, 1));
        assert_eq!(mute.pictures(), footage.pictures());
    }
    assert_eq!(
        Footage::h264_bframes_alaw().source_alaw().map(<[u8]>::len),
        Some(480_000)
    );
}
