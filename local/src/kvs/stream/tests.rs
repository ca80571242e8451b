use super::*;

/// 2026-11-20T10:00:00Z.
const NOW: i64 = 1_795_168_800_000;

fn builder() -> StreamBuilder {
    Stream::builder("test", Footage::h265())
}

fn stream() -> Stream {
    builder().build().unwrap()
}

fn starts(stream: &Stream, by: Selector, start: i64, end: i64) -> Vec<i64> {
    let (first, last) = stream.select(by, start, end, NOW);
    let fragments = (first..=last).filter_map(|index| stream.fragment(index));
    fragments.map(|f| f.producer_start - NOW).collect()
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
    let fragment = stream.fragment(at / 2_000).unwrap();
    assert_eq!(fragment.server_start - fragment.producer_start, 10_500);
}

#[test]
fn a_fragment_is_archived_half_a_second_after_the_next_has_started() {
    let stream = stream();
    let newest = |now: i64| stream.select(Producer, NOW - 60_000, now, now).1 * 2_000 - NOW;
    assert_eq!(newest(NOW + 499), -4_000);
    assert_eq!(newest(NOW + 500), -2_000);
    assert_eq!(newest(NOW + 2_499), -2_000);
    let late = builder().skew_ms(3_000).build().unwrap();
    let (_, last) = late.select(Producer, NOW - 60_000, NOW, NOW);
    assert_eq!(last * 2_000 - NOW, -6_000, "the upload delay comes on top");
    let fast_camera = builder().skew_ms(-51_000).build().unwrap();
    let (_, last) = fast_camera.select(Producer, NOW, NOW + 100_000, NOW);
    assert_eq!(last * 2_000 - NOW, 48_000, "a producer's clock may run ahead");
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
    let fragment = stream.fragment(at / 2_000).unwrap();
    assert_eq!(stream.footage_span(&fragment), (at, at + 2_000));
}

#[test]
fn numbers_have_47_digits_and_rise_with_ingestion() {
    let stream = stream();
    let numbers: Vec<String> = (0..100)
        .filter_map(|n| stream.fragment(NOW / 2_000 + n))
        .map(|f| f.number())
        .collect();
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
        let fragment = hourly.fragment((NOW + ms) / 2_000).unwrap();
        hourly.footage_of(&fragment).tracks().len()
    };
    assert_eq!([tracks(-2_000), tracks(0), tracks(HOUR_MS)], [2, 1, 2]);
    let once = CodecChanges::At(vec![NOW]);
    let once = builder().codec_changes(once).build().unwrap();
    let codec = |ms: i64| once.fragment((NOW + ms) / 2_000).unwrap().codec;
    assert_eq!([codec(-2_000), codec(0), codec(2_000)], [0, 1, 1]);
}

#[test]
fn the_listed_length_leaves_out_the_last_picture() {
    assert_eq!(Fragment::listed_length_ms(&stream()), 1_960);
}

#[test]
fn the_listed_size_is_a_little_more_than_the_media() {
    let stream = builder().build().unwrap();
    let fragment = stream.fragment(NOW / 2_000).unwrap();
    let (from, to) = stream.footage_span(&fragment);
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
        refused(builder().fragment_ms(22_000)),
        StreamError::FragmentDuration(22_000)
    );
    assert_eq!(refused(builder().phase_ms(2_000)), StreamError::Phase(2_000));
    assert_eq!(
        refused(builder().retention_hours(87_601)),
        StreamError::Retention(87_601)
    );
    assert_eq!(refused(builder().gap(5, 5)), StreamError::Gap(5, 5));
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
