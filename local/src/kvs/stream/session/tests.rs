use super::super::{Fragment, StreamBuilder, StreamError};
use super::*;
use crate::footage::Footage;
use Selector::{ProducerTimestamp as Producer, ServerTimestamp as Server};

/// 2026-11-20T10:00:00Z.
const NOW: i64 = 1_795_168_800_000;

/// When the fragment starts in which the connection breaks.
const BROKE: i64 = NOW - 60_000;

fn builder() -> StreamBuilder {
    Stream::builder("test", Footage::h264_aac())
}

/// Two pictures arrive of the last fragment; a fragment is rewound, and the grid moves by 1.1 s.
fn broken() -> Stream {
    let stream = builder()
        .skew_ms(1_000)
        .reconnects(Reconnects::At(vec![BROKE]), 2_000, 0)
        .breaks_inside(119, 1_100);
    stream.build().unwrap()
}

fn found(stream: &Stream, by: Selector, start: i64, end: i64, now: i64) -> Vec<Fragment> {
    let runs = stream.runs(by, start, end, now);
    runs.iter().flat_map(|run| stream.fragments(*run)).collect()
}

#[test]
fn what_arrived_of_a_broken_fragment_is_archived_beside_the_whole_one() {
    let stream = broken();
    let fragments = found(&stream, Producer, BROKE - 4_000, BROKE + 3_100, NOW);
    let told: Vec<_> = fragments
        .iter()
        .map(|f| {
            let starts = (f.producer_start - BROKE, f.server_start - BROKE);
            (starts, f.listed_length_ms(&stream), f.copy)
        })
        .collect();
    let expected = [
        ((-4_000, -3_000), 1_960, false),
        ((-2_000, -1_000), 1_960, false),
        ((0, 1_000), 40, false),
        // Footage of the second last again, when the connection broke, and then live.
        ((-900, 1_119), 1_960, true),
        ((1_100, 2_100), 1_960, false),
        ((3_100, 4_100), 1_960, false),
    ];
    assert_eq!(told, expected);
    let numbers: Vec<String> = fragments.iter().map(Fragment::number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "numbers rise with ingestion");
    assert_eq!(fragments[3].footage, fragments[1].footage);
    let short = fragments[2].footage;
    assert_eq!((short.0 - BROKE, short.1 - BROKE), (0, 80));
    assert_eq!(
        fragments[4].footage.0, short.0,
        "sent again from its first picture on"
    );
    let sizes: Vec<usize> = fragments[2..5].iter().map(|f| f.size(&stream)).collect();
    assert!(sizes[0] * 2 < sizes[2], "{sizes:?}");
    assert!(sizes[0] > 900 + 3 * 10, "{sizes:?}");
}

#[test]
fn either_clock_finds_them() {
    let stream = broken();
    let starts = |by, start: i64, end: i64| -> Vec<i64> {
        let found = found(&stream, by, BROKE + start, BROKE + end, NOW);
        found.iter().map(|f| f.producer_start - BROKE).collect()
    };
    assert_eq!(starts(Producer, -899, 1_099), [0]);
    assert_eq!(starts(Producer, -900, 1_100), [0, -900, 1_100]);
    assert_eq!(starts(Server, 1_000, 2_099), [0, -900]);
    assert_eq!(starts(Server, 1_001, 2_100), [-900, 1_100]);
}

#[test]
fn it_is_closed_when_the_connection_breaks() {
    let stream = broken();
    let broke = BROKE + 1_000 + 119;
    let at = |now| found(&stream, Producer, BROKE, BROKE, now).len();
    assert_eq!((at(broke + 499), at(broke + 500)), (0, 1));
}

#[test]
fn only_whole_pictures_are_kept() {
    let footage = Footage::h264_half_second();
    let arrived = |after_ms| {
        let stream = Stream::builder("test", footage.clone())
            .reconnects(Reconnects::At(vec![BROKE]), 0, 0)
            .breaks_inside(after_ms, 0)
            .build()
            .unwrap();
        let short = found(&stream, Producer, BROKE, BROKE, NOW)[0];
        let pictures = stream.samples(&footage.tracks()[0], short.footage).count();
        (pictures, short.listed_length_ms(&stream))
    };
    assert_eq!(arrived(66), (1, 0), "the second would end at 66.7 ms");
    assert_eq!(arrived(67), (2, 32));
    assert_eq!(arrived(1_999), (59, 1_932));
}

#[test]
fn grids_move_with_each_connection_and_are_found_from_any_range() {
    let stream = builder()
        .skew_ms(20_000)
        .reconnects(Reconnects::Every(60_000), 10_000, 0)
        .breaks_inside(500, 1_100)
        .build()
        .unwrap();
    let sorted = |mut all: Vec<Fragment>| {
        all.sort_by_key(Fragment::number);
        all
    };
    for by in [Producer, Server] {
        let whole = sorted(found(&stream, by, NOW - 600_000, NOW - 120_000, NOW));
        let mut pieces = Vec::new();
        for piece in 0..48 {
            let start = NOW - 600_000 + 10_000 * piece;
            pieces.extend(found(&stream, by, start, start + 9_999, NOW));
        }
        pieces.extend(found(&stream, by, NOW - 120_000, NOW - 120_000, NOW));
        assert_eq!(whole, sorted(pieces));
        assert!(
            (280..295).contains(&whole.len()),
            "{}: 30, 5 and a short one a minute",
            whole.len()
        );
        let server: Vec<i64> = whole.iter().map(|f| f.server_start).collect();
        assert!(server.is_sorted());
        for pair in whole
            .chunk_by(|a, b| a.session == b.session)
            .collect::<Vec<_>>()
            .windows(2)
        {
            let moved = pair[1][0].producer_start - pair[0][0].producer_start;
            assert_eq!(moved.rem_euclid(2_000), 1_100);
        }
    }
}

#[test]
fn connections_that_cannot_break_so_are_refused() {
    let refused = |after_ms, grid_ms| builder().breaks_inside(after_ms, grid_ms).build().unwrap_err();
    assert_eq!(refused(39, 0), StreamError::Break(39), "less than a picture");
    assert_eq!(refused(2_000, 0), StreamError::Break(2_000));
    assert_eq!(refused(40, 2_000), StreamError::Shift(2_000));
    let often = |ms| {
        let reconnects = builder().reconnects(Reconnects::Every(ms), 4_000, 0);
        reconnects.breaks_inside(40, 0).build()
    };
    assert_eq!(often(11_999).unwrap_err(), StreamError::Reconnects(11_999));
    assert!(often(12_000).is_ok());
}
