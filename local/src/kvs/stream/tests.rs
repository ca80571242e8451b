use super::*;

/// 2026-11-20T10:00:00Z.
const NOW: i64 = 1_795_168_800_000;

fn builder() -> StreamBuilder {
    Stream::builder("test", Footage::h265())
}

fn stream() -> Stream {
    builder().build().unwrap()
}

fn found(stream: &Stream, by: Selector, start: i64, end: i64, now: i64) -> Vec<Fragment> {
    let runs = stream.runs(by, start, end, now);
    runs.iter().flat_map(|run| stream.fragments(*run)).collect()
}

fn starts(stream: &Stream, by: Selector, start: i64, end: i64) -> Vec<i64> {
    let fragments = found(stream, by, start, end, NOW);
    fragments.iter().map(|f| f.producer_start - NOW).collect()
}

/// The fragment that starts at a moment.
fn at(stream: &Stream, moment: i64) -> Fragment {
    found(stream, Producer, moment, moment, moment + 60_000)[0]
}

/// Start of the newest fragment, counted from `NOW`.
fn newest(stream: &Stream, end: i64, now: i64) -> i64 {
    let fragments = found(stream, Producer, NOW - 60_000, end, now);
    fragments.last().unwrap().producer_start - NOW
}

use Selector::{ProducerTimestamp as Producer, ServerTimestamp as Server};

#[test]
fn both_ends_are_compared_with_the_start_of_fragments_and_included() {
    let stream = stream();
    let at = |ms: i64| NOW - 60_000 + ms;
    let got = |from, to| starts(&stream, Producer, at(from), at(to));
    assert_eq!(got(0, 4_000), [-60_000, -58_000, -56_000]);
    assert_eq!(got(1, 3_999), [-58_000]);
    assert_eq!(got(1, 1_999), [0; 0], "a fragment that is running is left out");
}

#[test]
fn the_skew_separates_the_clocks() {
    let stream = builder().skew_ms(10_500).build().unwrap();
    let at = NOW - 60_000;
    assert_eq!(starts(&stream, Producer, at, at), [-60_000]);
    assert_eq!(starts(&stream, Server, at, at), [0; 0]);
    assert_eq!(starts(&stream, Server, at + 500, at + 500), [-70_000]);
    let fragment = super::tests::at(&stream, at);
    assert_eq!(fragment.server_start - fragment.producer_start, 10_500);
}

#[test]
fn a_fragment_is_archived_half_a_second_after_the_next_has_started() {
    let stream = stream();
    assert_eq!(newest(&stream, NOW, NOW + 499), -4_000);
    assert_eq!(newest(&stream, NOW, NOW + 500), -2_000);
    assert_eq!(newest(&stream, NOW + 2_000, NOW + 2_499), -2_000);
    let late = builder().skew_ms(3_000).build().unwrap();
    assert_eq!(newest(&late, NOW, NOW), -6_000, "the upload delay comes on top");
    let fast_camera = builder().skew_ms(-51_000).build().unwrap();
    assert_eq!(
        newest(&fast_camera, NOW + 100_000, NOW),
        48_000,
        "a producer's clock may run ahead"
    );
}

#[test]
fn nothing_is_older_than_the_retention_or_the_stream() {
    let hour = builder().retention_hours(1).build().unwrap();
    assert_eq!(starts(&hour, Producer, 0, NOW - 3_599_000), [-3_600_000]);
    let young = builder().created_ms(NOW - 5_000).build().unwrap();
    assert_eq!(starts(&young, Producer, 0, NOW), [-4_000]);
    let none = builder().retention_hours(0).build().unwrap();
    assert_eq!(starts(&none, Producer, NOW - 10_000, NOW), [0; 0]);
}

#[test]
fn a_stream_without_fragments_has_none() {
    let dark = builder().without_fragments().build().unwrap();
    assert_eq!(starts(&dark, Producer, NOW - 60_000, NOW), [0; 0]);
}

#[test]
fn a_gap_takes_every_fragment_that_it_touches() {
    let at = NOW - 60_000;
    let got = |from, to| {
        let stream = builder().gap(from, to).build().unwrap();
        starts(&stream, Producer, at, at + 6_000)
    };
    assert_eq!(got(at + 2_000, at + 4_000), [-60_000, -56_000, -54_000]);
    assert_eq!(got(at + 1_999, at + 4_001), [-54_000]);
}

#[test]
fn the_phase_moves_fragments_but_not_their_footage() {
    let stream = builder().phase_ms(700).build().unwrap();
    let at = NOW - 60_000;
    assert_eq!(starts(&stream, Producer, at, at + 2_700), [-59_300, -57_300]);
    let fragment = super::tests::at(&stream, at + 700);
    assert_eq!(fragment.footage, (at, at + 2_000));
}

#[test]
fn numbers_have_47_digits_and_rise_with_ingestion() {
    let stream = stream();
    let fragments = found(&stream, Producer, NOW - 200_000, NOW, NOW);
    let numbers: Vec<String> = fragments.iter().map(Fragment::number).collect();
    assert_eq!(numbers.len(), 99);
    assert!(
        numbers
            .iter()
            .all(|n| n.len() == 47 && n.bytes().all(|b| b.is_ascii_digit()))
    );
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

#[test]
fn codecs_change_when_they_are_told_to_and_bring_the_next_footage() {
    let hourly = builder()
        .then_footage(Footage::h264_aac())
        .codec_changes(CodecChanges::Every(HOUR_MS))
        .build()
        .unwrap();
    let tracks = |ms: i64| {
        let fragment = at(&hourly, NOW + ms);
        hourly.footage_of(&fragment).tracks().len()
    };
    assert_eq!([tracks(-2_000), tracks(0), tracks(HOUR_MS)], [2, 1, 2]);
    let once = CodecChanges::At(vec![NOW]);
    let once = builder().codec_changes(once).build().unwrap();
    let codec = |ms: i64| at(&once, NOW + ms).codec;
    assert_eq!([codec(-2_000), codec(0), codec(2_000)], [0, 1, 1]);
}

#[test]
fn the_listed_length_leaves_out_the_last_picture() {
    let stream = stream();
    assert_eq!(at(&stream, NOW).listed_length_ms(&stream), 1_960);
    let half = Stream::builder("test", Footage::h264_half_second()).fragment_ms(500);
    let half = half.build().unwrap();
    assert_eq!(at(&half, NOW).listed_length_ms(&half), 466, "14 of 33.3 ms");
}

#[test]
fn the_listed_size_is_a_little_more_than_the_media() {
    let stream = builder().build().unwrap();
    let fragment = at(&stream, NOW);
    let (from, to) = fragment.footage;
    let track = &stream.footage[0].tracks()[0];
    let media: usize = track
        .between(from, to)
        .map(|o| stream.footage[0].size(track, o.sample))
        .sum();
    assert_eq!(fragment.size(&stream), media + 50 * 10 + 900);
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |builder: StreamBuilder| builder.build().unwrap_err();
    let named = |name: &str| refused(Stream::builder(name, Footage::h265()));
    assert_eq!(named("a b"), StreamError::Name("a b".to_owned()));
    assert_eq!(named(""), StreamError::Name(String::new()));
    assert_eq!(
        refused(builder().fragment_ms(3_000)),
        StreamError::FragmentDuration(3_000)
    );
    assert_eq!(
        refused(builder().fragment_ms(0)),
        StreamError::FragmentDuration(0)
    );
    assert_eq!(
        refused(builder().fragment_ms(500)),
        StreamError::FragmentDuration(500),
        "groups of pictures of 2 s"
    );
    assert_eq!(
        refused(builder().fragment_durations_ms(&[])),
        StreamError::FragmentDuration(0)
    );
    let unequal = builder().fragment_durations_ms(&[4_000, 2_000]).phase_ms(2_000);
    assert_eq!(refused(unequal), StreamError::Phase(2_000));
    assert_eq!(
        refused(builder().fragment_ms(22_000)),
        StreamError::FragmentDuration(22_000)
    );
    assert_eq!(refused(builder().phase_ms(2_000)), StreamError::Phase(2_000));
    assert_eq!(
        refused(builder().retention_hours(87_601)),
        StreamError::Retention(87_601)
    );
    assert_eq!(refused(builder().gap(5, 5)), StreamError::Gap(5, 5));
    assert_eq!(refused(builder().microphone_off(5, 4)), StreamError::Gap(5, 4));
    assert_eq!(
        refused(builder().unlisted(5, 4, Unlisted::Always)),
        StreamError::Gap(5, 4)
    );
    assert_eq!(refused(builder().unclipped(5, 5)), StreamError::Gap(5, 5));
    assert_eq!(refused(builder().motion(0, 5)), StreamError::Motion(0, 5));
    assert_eq!(refused(builder().motion(6, 5)), StreamError::Motion(6, 5));
    let reconnects = |when, rewind, shift| refused(builder().reconnects(when, rewind, shift));
    assert_eq!(
        reconnects(Reconnects::Every(15_999), 8_000, 0),
        StreamError::Reconnects(15_999)
    );
    assert_eq!(
        reconnects(Reconnects::At(vec![NOW, NOW - 1]), 0, 0),
        StreamError::Reconnects(-1)
    );
    assert_eq!(
        reconnects(Reconnects::Never, 0, -2_000),
        StreamError::Shift(-2_000)
    );
    let edges = SoundEdges::Hidden {
        before_ms: 0,
        after_ms: 1_001,
    };
    assert_eq!(
        refused(builder().sound_edges(edges)),
        StreamError::SoundEdge(1_001)
    );
    let created = refused(builder().created_ms(-1));
    assert_eq!(created, StreamError::Created(-1));
    let changes = CodecChanges::Every(0);
    assert_eq!(
        refused(builder().codec_changes(changes)),
        StreamError::CodecChanges(0)
    );
}

#[test]
fn the_arn_ends_with_the_creation_time() {
    assert_eq!(
        stream().arn(),
        "arn:aws:kinesisvideo:eu-west-1:123456789012:stream/test/1451606400000"
    );
}

#[test]
fn durations_come_in_turn() {
    let footage = Footage::h264_half_second();
    let stream = Stream::builder("test", footage).fragment_durations_ms(&[1_500, 500, 2_000]);
    let stream = stream.build().unwrap();
    let at = NOW - 60_000;
    let fragments = found(&stream, Producer, at, at + 4_000, NOW);
    let starts: Vec<i64> = fragments.iter().map(|f| f.producer_start - at).collect();
    assert_eq!(starts, [0, 1_500, 2_000, 4_000]);
    let pictures: Vec<usize> = fragments
        .iter()
        .map(|f| stream.samples(&stream.footage[0].tracks()[0], f.footage).count())
        .collect();
    assert_eq!(pictures, [45, 15, 60, 45]);
}

#[test]
fn motion_leaves_whole_fragments_of_each_period() {
    let stream = builder().motion(5_000, 20_000).build().unwrap();
    let at = NOW - 60_000;
    let got = starts(&stream, Producer, at, at + 39_999);
    assert_eq!(got, [-60_000, -58_000, -40_000, -38_000]);
}

/// A reconnect a minute before `NOW`, which rewinds three fragments.
fn reconnected(shift_ms: i32) -> (Stream, i64) {
    let when = NOW - 60_000;
    let stream = builder()
        .skew_ms(1_000)
        .reconnects(Reconnects::At(vec![when]), 6_000, shift_ms);
    (stream.build().unwrap(), when)
}

#[test]
fn a_reconnect_sends_again_what_was_sent_before_it() {
    let (stream, when) = reconnected(0);
    let fragments = found(&stream, Producer, when - 8_000, when + 2_000, NOW);
    let told: Vec<_> = fragments
        .iter()
        .map(|f| (f.producer_start - when, f.server_start - when, f.copy))
        .collect();
    let expected = [
        (-8_000, -7_000, false),
        (-6_000, -5_000, false),
        (-4_000, -3_000, false),
        (-2_000, -1_000, false),
        (-6_000, 1_000, true),
        (-4_000, 1_200, true),
        (-2_000, 1_400, true),
        (0, 1_600, false),
        (2_000, 3_000, false),
    ];
    assert_eq!(told, expected);
    let numbers: Vec<String> = fragments.iter().map(Fragment::number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "numbers rise with ingestion");
    assert_eq!(fragments[1].footage, fragments[4].footage);
    let later = starts(&stream, Server, when, when + 1_600);
    assert_eq!(later, [-66_000, -64_000, -62_000, -60_000]);
}

#[test]
fn copies_may_be_shifted_but_show_the_same() {
    let (stream, when) = reconnected(-300);
    let copies = found(&stream, Producer, when - 8_000, when, NOW);
    let copies: Vec<_> = copies.iter().filter(|f| f.copy).collect();
    let told: Vec<_> = copies
        .iter()
        .map(|f| (f.producer_start - when, f.footage.0 - when))
        .collect();
    assert_eq!(told, [(-6_300, -6_000), (-4_300, -4_000), (-2_300, -2_000)]);
}

#[test]
fn reconnects_that_come_again_and_again_are_found_from_any_range() {
    let every = Reconnects::Every(60_000);
    let stream = builder()
        .skew_ms(20_000)
        .reconnects(every, 10_000, 700)
        .build()
        .unwrap();
    for by in [Producer, Server] {
        let whole = found(&stream, by, NOW - 600_000, NOW - 120_000, NOW);
        let mut pieces = Vec::new();
        for piece in 0..48 {
            let start = NOW - 600_000 + 10_000 * piece;
            pieces.extend(found(&stream, by, start, start + 9_999, NOW));
        }
        pieces.extend(found(&stream, by, NOW - 120_000, NOW - 120_000, NOW));
        let sorted = |mut all: Vec<Fragment>| {
            all.sort_by_key(Fragment::number);
            all
        };
        let whole = sorted(whole);
        assert_eq!(whole, sorted(pieces));
        assert!(
            (275..285).contains(&whole.len()),
            "{}: 30 and 5 a minute",
            whole.len()
        );
    }
}

#[test]
fn a_microphone_that_is_off_takes_sound_and_no_pictures() {
    let off = (NOW - 59_000, NOW - 57_500);
    let stream = Stream::builder("test", Footage::h264_aac()).microphone_off(off.0, off.1);
    let stream = stream.build().unwrap();
    let times = |track: &Track| -> Vec<i64> {
        let rate = i64::from(track.timescale.get());
        let samples = stream.samples(track, (NOW - 60_000, NOW - 56_000));
        samples.map(|o| o.start * 1_000 / rate).collect()
    };
    let [video, audio] = [0, 1].map(|track| times(&stream.footage[0].tracks()[track]));
    assert_eq!(video.len(), 100);
    assert!(audio.iter().all(|t| *t < off.0 || *t >= off.1));
    assert_eq!(
        audio.len(),
        62 - 23,
        "62 begin in these 4 s, 23 of them in those 1.5 s"
    );
}

#[test]
fn what_is_not_listed_may_come_to_be() {
    let stream = builder()
        .unlisted(NOW, NOW + 2_000, Unlisted::FirstCalls(2))
        .unlisted(NOW + 2_000, NOW + 4_000, Unlisted::Always)
        .unclipped(NOW + 4_000, NOW + 6_000)
        .build()
        .unwrap();
    let fragments = [0, 2_000, 4_000, 6_000].map(|ms| at(&stream, NOW + ms));
    let lists = |call| fragments.map(|f| stream.lists(&f, call));
    assert_eq!(lists(2), [false, false, true, true]);
    assert_eq!(lists(3), [true, false, true, true]);
    assert_eq!(fragments.map(|f| stream.clips(&f)), [true, true, false, true]);
}
