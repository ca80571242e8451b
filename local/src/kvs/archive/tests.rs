use std::collections::BTreeSet;

use super::*;
use crate::footage::Footage;
use crate::kvs::stream::{CodecChanges, Reconnects, StreamBuilder, Unlisted};
use Selector::{ProducerTimestamp as Producer, ServerTimestamp as Server};

/// 2026-11-20T12:00:00Z.
const NOW: i64 = 1_795_176_000_000;

const HOUR: i64 = 3_600_000;

fn builder() -> StreamBuilder {
    Stream::builder("test", Footage::h265())
}

fn range(by: Selector, start: i64, end: i64) -> Range {
    Range { by, start, end }
}

fn refusal(builder: StreamBuilder, range: Range) -> Refusal {
    clip(&builder.build().unwrap(), range, NOW).unwrap_err()
}

#[test]
fn a_clip_ends_after_200_fragments_without_a_word() {
    let stream = builder().build().unwrap();
    let got = |ms| clip(&stream, range(Producer, NOW - HOUR, NOW - HOUR + ms), NOW).unwrap();
    assert_eq!(got(398_000).len(), 200);
    let cut = got(600_000);
    assert_eq!(cut.len(), 200);
    assert_eq!(cut[0].producer_start, NOW - HOUR, "the first 200, not the last");
    assert_eq!(got(397_999).len(), 199);
}

#[test]
fn a_clip_ends_before_the_fragment_that_would_pass_100_mb() {
    // 16 Mbit/s: fragments of 4 MB.
    let footage = Footage::h265().bulky(16_000_000).unwrap();
    let stream = Stream::builder("test", footage).build().unwrap();
    let got = clip(&stream, range(Producer, NOW - HOUR, NOW - HOUR + 120_000), NOW).unwrap();
    let bytes: usize = got.iter().map(|f| f.size(&stream)).sum();
    let after = got.last().unwrap().producer_start + 2_000;
    let next = all(&stream, range(Producer, after, after), NOW)[0];
    assert_eq!(got.len(), 24);
    assert!(bytes <= 100_000_000 && bytes + next.size(&stream) > 100_000_000);
}

#[test]
fn the_caps_count_fragments_and_not_time() {
    let gap = builder().gap(NOW - HOUR, NOW - HOUR + 300_000);
    let stream = gap.build().unwrap();
    let start = NOW - HOUR - 4_000;
    let got = clip(&stream, range(Producer, start, start + 600_000), NOW).unwrap();
    assert_eq!(got.len(), 2 + 149);
}

#[test]
fn ranges_that_cannot_be_are_invalid() {
    for (by, start, end) in [
        (Producer, NOW - HOUR, NOW - HOUR),
        (Producer, NOW, NOW - HOUR),
        (Producer, NOW - 25 * HOUR, NOW - HOUR + 1),
        (Server, NOW - HOUR, NOW + 1),
    ] {
        let refusal = refusal(builder(), range(by, start, end));
        assert_eq!(
            (refusal.status, &*refusal.code),
            (400, "InvalidArgumentException")
        );
    }
    let stream = builder().build().unwrap();
    assert!(clip(&stream, range(Producer, NOW - 24 * HOUR, NOW), NOW).is_ok());
    assert!(clip(&stream, range(Producer, NOW - HOUR, NOW + HOUR), NOW).is_ok());
    assert!(clip(&stream, range(Server, NOW - HOUR, NOW), NOW).is_ok());
}

#[test]
fn the_clock_that_is_asked_decides_how_the_past_is_refused() {
    let short = || builder().retention_hours(1);
    let (start, end) = (NOW - 3 * HOUR, NOW - 2 * HOUR);
    let by_server = refusal(short(), range(Server, start, end));
    let message = format!("End timestamp {end} is outside of the stream retention period.");
    assert_eq!(by_server, Refusal::invalid(message));
    let by_producer = refusal(short(), range(Producer, start, end));
    assert_eq!(by_producer.status, 404);
    assert_eq!(by_producer.code, "ResourceNotFoundException");
    assert_eq!(
        by_producer.message,
        "No fragments found in the stream for the clip request."
    );
    let young = builder().created_ms(NOW - HOUR);
    assert_eq!(refusal(young, range(Server, start, end)).status, 400);
    let stream = short().build().unwrap();
    let partly = clip(&stream, range(Server, start, NOW - HOUR + 2_000), NOW).unwrap();
    assert_eq!(partly.len(), 2, "what is left of a range is given");
}

#[test]
fn a_range_that_nothing_starts_in_is_not_found() {
    let between = range(Producer, NOW - HOUR + 1, NOW - HOUR + 1_999);
    assert_eq!(refusal(builder(), between), Refusal::no_fragments());
    let live = range(Producer, NOW - 1_000, NOW);
    assert_eq!(refusal(builder(), live), Refusal::no_fragments());
    let dark = range(Producer, NOW - HOUR, NOW);
    assert_eq!(
        refusal(builder().without_fragments(), dark),
        Refusal::no_fragments()
    );
}

#[test]
fn a_stream_without_retention_says_so() {
    let any = range(Producer, NOW - HOUR, NOW);
    let refusal = refusal(builder().retention_hours(0), any);
    assert_eq!(
        (refusal.status, &*refusal.code),
        (400, "NoDataRetentionException")
    );
}

#[test]
fn codecs_may_not_change_inside_a_clip_but_beside_it() {
    let workshop = || builder().codec_changes(CodecChanges::At(vec![NOW - HOUR]));
    let across = range(Producer, NOW - HOUR - 2_000, NOW - HOUR);
    let refusal = refusal(workshop(), across);
    assert_eq!(
        (refusal.status, &*refusal.code),
        (400, "InvalidCodecPrivateDataException")
    );
    let stream = workshop().build().unwrap();
    for (start, end) in [(-4_000, -1), (0, 4_000)] {
        let beside = range(Producer, NOW - HOUR + start, NOW - HOUR + end);
        assert!(clip(&stream, beside, NOW).is_ok(), "{start}");
    }
}

/// Reads a whole listing in pages; `most` fragments each.
fn list(stream: &Stream, range: Range, most: usize) -> Vec<Vec<i64>> {
    let mut next = Some(Listing::begin(range, NOW));
    let mut pages = Vec::new();
    while let Some(listing) = next {
        let (page, rest) = listing.page(stream, most, NOW, pages.len() as u64 + 1);
        let read_back = rest.map(|rest| Listing::from_token(&rest.token()).unwrap());
        assert_eq!(read_back, rest);
        pages.push(page.iter().map(|f| f.index).collect());
        next = rest;
    }
    pages
}

#[test]
fn every_fragment_is_listed_once_and_in_no_order() {
    let stream = builder().build().unwrap();
    for count in [1, 2, 3, 4, 10, 100, 777, 43_200] {
        let start = NOW - 30 * HOUR;
        let all = range(Producer, start, start + count * 2_000 - 1);
        let pages = list(&stream, all, 100);
        assert!(pages[..pages.len() - 1].iter().all(|p| p.len() == 100));
        let listed: Vec<i64> = pages.concat();
        let unique: BTreeSet<i64> = listed.iter().copied().collect();
        assert_eq!((listed.len(), unique.len()), (count as usize, count as usize));
        let sorted = listed.is_sorted();
        assert!(!sorted || count == 1, "{count} fragments came in order");
        if pages.len() > 1 {
            let lowest: Vec<_> = pages.iter().map(|p| p.iter().min()).collect();
            let highest: Vec<_> = pages.iter().map(|p| p.iter().max()).collect();
            assert!(lowest[1] < highest[0] && lowest[0] < highest[1], "pages overlap");
        }
    }
}

#[test]
fn a_listing_that_finds_nothing_is_one_empty_page() {
    let stream = builder().build().unwrap();
    let nothing = range(Producer, NOW - HOUR + 1, NOW - HOUR + 1_999);
    assert_eq!(list(&stream, nothing, 10), [Vec::<i64>::new()]);
    let future = range(Producer, NOW + HOUR, NOW + 2 * HOUR);
    assert_eq!(list(&stream, future, 10), [Vec::<i64>::new()]);
}

#[test]
fn fragments_that_retention_took_meanwhile_are_not_listed() {
    let stream = builder().retention_hours(1).build().unwrap();
    let listing = Listing::begin(range(Producer, NOW - HOUR, NOW), NOW);
    let (page, _) = listing.page(&stream, 10_000, NOW + HOUR / 2, 1);
    let count = page.len() as i64;
    assert_eq!(count, HOUR / 2 / 2_000 - 1, "the running one is not archived");
    assert!(page.iter().all(|f| f.server_start >= NOW - HOUR / 2));
}

#[test]
fn tokens_that_nobody_gave_out_are_none() {
    for token in [
        "",
        "x",
        &format!("p{}", "0".repeat(63)),
        &format!("p{}", "0".repeat(65)),
        &format!("q{}", "0".repeat(64)),
        &format!("p{}", "z".repeat(64)),
        &format!("p{}", "ü".repeat(32)),
        &format!("s{}", "f".repeat(64)),
        &format!("s{}", "7".repeat(64)),
        &format!("s{:016x}{:016x}{:032x}", 2, 1, 0),
    ] {
        assert_eq!(Listing::from_token(token), None, "{token}");
    }
}

/// A reconnect an hour before `NOW` that rewinds three fragments, one second behind.
fn reconnected(shift_ms: i32) -> Stream {
    let when = Reconnects::At(vec![NOW - HOUR]);
    let stream = builder().skew_ms(1_000).reconnects(when, 6_000, shift_ms);
    stream.build().unwrap()
}

#[test]
fn of_equal_producer_timestamps_a_clip_takes_what_was_ingested_first() {
    let stream = reconnected(0);
    let around = range(Producer, NOW - HOUR - 10_000, NOW - HOUR + 9_999);
    let got = clip(&stream, around, NOW).unwrap();
    assert_eq!(got.len(), 10);
    assert!(got.is_sorted_by(|a, b| a.producer_start < b.producer_start));
    assert!(got.iter().all(|f| !f.copy));
    let held = all(&stream, around, NOW);
    assert_eq!(held.len(), 13);
    let copied = |start| {
        let later = range(Server, NOW - HOUR + start, NOW - HOUR + 20_000);
        let got = clip(&stream, later, NOW).unwrap();
        got[..4].iter().map(|f| f.copy).collect::<Vec<bool>>()
    };
    assert_eq!(copied(0), [true, true, true, false], "only the copies are in it");
    assert_eq!(
        copied(-1_000),
        [true, true, false, false],
        "of the last fragment both are"
    );
}

#[test]
fn copies_that_are_shifted_are_all_taken() {
    let stream = reconnected(300);
    let around = range(Producer, NOW - HOUR - 6_000, NOW - HOUR);
    let got = clip(&stream, around, NOW).unwrap();
    let starts: Vec<i64> = got.iter().map(|f| f.producer_start - NOW + HOUR).collect();
    assert_eq!(starts, [-6_000, -5_700, -4_000, -3_700, -2_000, -1_700, 0]);
}

#[test]
fn both_copies_are_listed_in_no_order_across_pages() {
    let stream = reconnected(0);
    let around = range(Producer, NOW - HOUR - 600_000, NOW - HOUR + 599_999);
    let pages = list(&stream, around, 100);
    let listed = pages.concat();
    assert_eq!(listed.len(), 603);
    let mut counts = std::collections::BTreeMap::new();
    for index in &listed {
        *counts.entry(*index).or_insert(0) += 1;
    }
    assert_eq!(counts.values().filter(|n| **n == 2).count(), 3);
    assert!(!listed.is_sorted());
}

#[test]
fn listings_and_clips_may_disagree() {
    let start = NOW - HOUR;
    let stream = builder()
        .unlisted(start, start + 2_000, Unlisted::Always)
        .unlisted(start + 2_000, start + 6_000, Unlisted::FirstCalls(1))
        .unclipped(start + 6_000, start + 8_000)
        .build()
        .unwrap();
    let wanted = range(Producer, start, start + 9_999);
    assert_eq!(list(&stream, wanted, 10).concat().len(), 2);
    let again = Listing::begin(wanted, NOW).page(&stream, 10, NOW, 2).0;
    assert_eq!(again.len(), 4);
    assert_eq!(clip(&stream, wanted, NOW).unwrap().len(), 4);
}

#[test]
fn a_clip_may_end_inside_the_fragment_that_would_pass_100_mb() {
    // Fragments of 5 MB.
    let footage = Footage::h264_bframes_alaw().bulky(20_000_000).unwrap();
    let cut = |cut| {
        let stream = Stream::builder("test", footage.clone()).size_cut(cut);
        let stream = stream.build().unwrap();
        let wanted = range(Producer, NOW - HOUR, NOW - HOUR + 60_000);
        let got = clip(&stream, wanted, NOW).unwrap();
        let bytes: usize = got.iter().map(|f| f.size(&stream)).sum();
        (got.len(), bytes, got.last().unwrap().duration_ms())
    };
    assert_eq!(cut(SizeCut::BeforeFragment).0, 19);
    let (count, bytes, last) = cut(SizeCut::BeforePicture);
    assert_eq!(count, 20);
    assert!((99_900_000..=100_000_000).contains(&bytes), "{bytes}");
    assert!(last > 1_000 && last < 2_000 && last % 40 == 0, "{last}");
}

#[test]
fn a_day_of_half_seconds_is_listed_without_walking_it_for_each_page() {
    let stream = Stream::builder("test", Footage::h264_half_second()).fragment_ms(500);
    let stream = stream.build().unwrap();
    let begun = std::time::Instant::now();
    let day = range(Producer, NOW - 24 * HOUR, NOW - 1_500);
    let pages = list(&stream, day, 1_000);
    let listed: BTreeSet<i64> = pages.iter().flatten().copied().collect();
    assert_eq!((pages.len(), listed.len()), (173, 172_798));
    let took = begun.elapsed();
    // Some 40 ms without optimisation; what walks the day for each page takes minutes.
    assert!(took.as_secs() < 5, "{took:?}");
}

/// A connection that breaks in the fragment of an hour before `NOW`; the next one has another grid.
fn broken() -> Stream {
    let when = Reconnects::At(vec![NOW - HOUR]);
    let stream = builder().skew_ms(1_000).reconnects(when, 2_000, 0);
    stream.breaks_inside(80, 1_100).build().unwrap()
}

#[test]
fn a_clip_has_the_beginning_of_a_fragment_and_all_of_it() {
    let stream = broken();
    let told = |by, start, end| -> Vec<(i64, i64)> {
        let got = clip(&stream, range(by, NOW - HOUR + start, NOW - HOUR + end), NOW).unwrap();
        let told = got
            .iter()
            .map(|f| (f.producer_start - NOW + HOUR, f.duration_ms()));
        told.collect()
    };
    let around = [
        (-2_000, 2_000),
        (-900, 2_000),
        (0, 80),
        (1_100, 2_000),
        (3_100, 2_000),
    ];
    assert_eq!(told(Producer, -2_000, 3_100), around);
    assert_eq!(told(Server, -1_000, 4_100), around);
    assert_eq!(
        told(Server, 1_000, 1_079),
        [(0, 80)],
        "before the next connection"
    );
}

#[test]
fn both_connections_are_listed() {
    let listed = list(
        &broken(),
        range(Producer, NOW - HOUR - 2_000, NOW - HOUR + 3_100),
        10,
    )
    .concat();
    let mut indices: Vec<i64> = listed.iter().map(|index| index - (NOW - HOUR) / 2_000).collect();
    indices.sort_unstable();
    assert_eq!(indices, [-1, -1, 0, 0, 1]);
}
