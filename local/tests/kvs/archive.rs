//! Archives that long exports meet, through the real SDK: what is listed, what a clip holds of it, and what
//! the archive itself says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_kinesisvideoarchivedmedia::operation::get_clip::GetClipError;
use aws_sdk_kinesisvideoarchivedmedia::primitives::DateTime;
use aws_sdk_kinesisvideoarchivedmedia::types::FragmentSelectorType::{
    self, ProducerTimestamp, ServerTimestamp,
};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{
    Gaps, Moov, Reconnects, Repeats, Selector, Server, SizeCut, SoundEdges, Stream, StreamBuilder, Unlisted,
    catalogue,
};
use shiguredo_mp4::TrackKind;
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};

use crate::clients::{Clients, HOUR, NOON, TEN_O_CLOCK, clients, server};

const MINUTE: i64 = 60_000;

/// What ListFragments says of one fragment; times in milliseconds since the epoch.
struct Listed {
    number: String,
    producer: i64,
    server: i64,
    length: i64,
    bytes: i64,
}

/// The service writes milliseconds as a fraction of a second, which the SDK's nanoseconds may miss by a few.
fn milliseconds(moment: Option<&DateTime>) -> i64 {
    let nanoseconds = moment.unwrap().as_nanos();
    i64::try_from((nanoseconds + 500_000).div_euclid(1_000_000)).unwrap()
}

/// Lists a range by producer timestamps in pages of 1,000, in the order that it comes in.
async fn list(clients: &Clients, stream: &str, start: i64, end: i64) -> Vec<Listed> {
    let call = clients.list(stream, ProducerTimestamp, start, end);
    let mut pages = call.max_results(1_000).into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        for fragment in page.unwrap().fragments.unwrap() {
            listed.push(Listed {
                producer: milliseconds(fragment.producer_timestamp()),
                server: milliseconds(fragment.server_timestamp()),
                length: fragment.fragment_length_in_milliseconds(),
                bytes: fragment.fragment_size_in_bytes(),
                number: fragment.fragment_number.unwrap(),
            });
        }
    }
    listed
}

async fn bytes(clients: &Clients, stream: &str, by: FragmentSelectorType, start: i64, end: i64) -> Vec<u8> {
    let answer = clients.clip(stream, by, start, end).await.unwrap();
    answer.payload.collect().await.unwrap().to_vec()
}

/// Bytes of each sample of a clip in decode order, and its decode time in milliseconds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Samples {
    pictures: Vec<(u64, Vec<u8>)>,
    sounds: Vec<(u64, Vec<u8>)>,
}

fn samples(file: &[u8]) -> Samples {
    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: file,
    });
    let mut samples = Samples::default();
    while let Some(sample) = demuxer.next_sample().unwrap() {
        let from = usize::try_from(sample.data_offset).unwrap();
        let told = (sample.timestamp, file[from..from + sample.data_size].to_vec());
        match sample.track.kind {
            TrackKind::Video => samples.pictures.push(told),
            TrackKind::Audio => samples.sounds.push(told),
            other => panic!("{other:?} in a clip"),
        }
    }
    samples
}

async fn get(clients: &Clients, stream: &str, by: FragmentSelectorType, start: i64, end: i64) -> Samples {
    samples(&bytes(clients, stream, by, start, end).await)
}

/// The media of the samples, without their times.
fn media(samples: &[(u64, Vec<u8>)]) -> Vec<&[u8]> {
    samples.iter().map(|(_, bytes)| &bytes[..]).collect()
}

async fn one(builder: StreamBuilder) -> (Server, Clients) {
    let server = server(vec![builder.build().unwrap()]).await;
    let clients = clients(&server);
    (server, clients)
}

fn clock() -> StreamBuilder {
    Stream::builder("test", Footage::h264_aac())
}

#[tokio::test]
async fn the_archive_tells_a_judge_what_a_clip_has_to_hold() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    // Across the seams of all loops, and two codecs of the workshop and of the reception apart.
    let start = TEN_O_CLOCK + 2 * MINUTE - 10_000;
    for name in [
        "front-door",
        "loading-dock",
        "glacier",
        "turnstile",
        "revolving-door",
        "barn",
        "stable",
        "reception",
        "workshop",
    ] {
        let end = start + 45_000;
        let got = get(&clients, name, ProducerTimestamp, start, end).await;
        let archived = server
            .archived(name, Selector::ProducerTimestamp, start, end)
            .unwrap();
        let footage = &server.stream(name).unwrap().footage()[archived[0].footage];
        let source = samples(footage.source_movie());
        let pictures = archived.iter().flat_map(|f| &f.pictures);
        let expected: Vec<&[u8]> = pictures.map(|n| &source.pictures[*n].1[..]).collect();
        assert!(media(&got.pictures) == expected, "{name}");
        let sounds = archived.iter().flat_map(|f| &f.sounds);
        let expected: Vec<&[u8]> = sounds.map(|n| &source.sounds[*n].1[..]).collect();
        assert!(media(&got.sounds) == expected, "{name}");
        let listed = list(&clients, name, start, end).await;
        let told: BTreeMap<_, _> = listed.iter().map(|f| (&*f.number, f.bytes as usize)).collect();
        let held: BTreeMap<_, _> = archived.iter().map(|f| (&*f.number, f.bytes)).collect();
        assert_eq!(told, held, "{name}");
    }
}

#[tokio::test]
async fn fragments_last_from_half_a_second_to_twenty() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let spacing = |mut listed: Vec<Listed>| -> Vec<(i64, i64)> {
        listed.sort_by_key(|f| f.producer);
        let pairs = listed
            .windows(2)
            .map(|f| (f[1].producer - f[0].producer, f[0].length));
        pairs.collect()
    };
    let half = spacing(list(&clients, "turnstile", TEN_O_CLOCK, TEN_O_CLOCK + 10_000).await);
    assert_eq!(half, vec![(500, 466); 20]);
    let twenty = spacing(list(&clients, "glacier", TEN_O_CLOCK, TEN_O_CLOCK + 80_000).await);
    assert_eq!(twenty, vec![(20_000, 19_960); 4]);
    let turning = spacing(list(&clients, "revolving-door", TEN_O_CLOCK, TEN_O_CLOCK + 20_000).await);
    let steps: Vec<i64> = turning.iter().map(|(step, _)| *step).collect();
    // Ten o'clock is no multiple of the 6.5 s that the four last together.
    assert_eq!(steps.iter().sum::<i64>() % 500, 0);
    let cycle = [1_500, 2_500, 500, 2_000];
    let place = cycle.iter().position(|ms| *ms == steps[0]).unwrap();
    assert!(
        steps
            .iter()
            .zip(cycle.iter().cycle().skip(place))
            .all(|(a, b)| a == b)
    );
    assert!(turning.iter().all(|(step, length)| step - length == 34));

    let most = get(
        &clients,
        "turnstile",
        ProducerTimestamp,
        TEN_O_CLOCK,
        TEN_O_CLOCK + HOUR,
    )
    .await;
    assert_eq!(most.pictures.len(), 200 * 15, "200 fragments of half a second");
    assert_eq!(
        most.pictures[3].0, 100,
        "a third of a tenth is rounded, but not added up"
    );
    assert_eq!(most.pictures[2_999].0, 99_967);
    let five = list(&clients, "runway", TEN_O_CLOCK, TEN_O_CLOCK + 300_000).await;
    assert!(five.iter().all(|f| (5_000_000..5_200_000).contains(&f.bytes)));
    let cut = get(
        &clients,
        "runway",
        ProducerTimestamp,
        TEN_O_CLOCK,
        TEN_O_CLOCK + 300_000,
    )
    .await;
    assert_eq!(cut.pictures.len(), 19 * 250);
}

#[tokio::test]
async fn a_gap_is_written_in_one_of_two_ways() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    // 40 s are recorded from each even minute on.
    let end = TEN_O_CLOCK + 3 * MINUTE;
    for (name, after) in [("barn", 120_000), ("stable", 40_000)] {
        assert_eq!(list(&clients, name, TEN_O_CLOCK, end).await.len(), 40);
        let got = get(&clients, name, ProducerTimestamp, TEN_O_CLOCK, end).await;
        assert_eq!(got.pictures.len(), 2_000);
        let around = [999, 1_000].map(|n| got.pictures[n].0);
        assert_eq!(around, [39_960, after], "{name}");
        let sound = got.sounds[got.sounds.len() / 2].0;
        assert_eq!(sound, after, "{name}: sound begins with its pictures again");
    }
}

#[tokio::test]
async fn what_was_sent_twice_is_listed_twice_and_clipped_once() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let reconnect = TEN_O_CLOCK + 10 * MINUTE;
    let (start, end) = (reconnect - MINUTE, reconnect + MINUTE - 1);
    let listed = list(&clients, "harbour", start, end).await;
    assert_eq!(listed.len(), 60 + 6);
    assert!(!listed.iter().map(|f| f.producer).is_sorted());
    let mut copies: BTreeMap<i64, Vec<&Listed>> = BTreeMap::new();
    for fragment in &listed {
        copies.entry(fragment.producer).or_default().push(fragment);
    }
    for (producer, held) in &mut copies {
        let twice = (reconnect - 12_000..reconnect).contains(producer);
        assert_eq!(held.len(), if twice { 2 } else { 1 }, "{}", producer - reconnect);
        held.sort_by_key(|f| f.server);
        if let [first, second] = held[..] {
            assert!(first.number < second.number);
            assert!(first.server < reconnect && reconnect <= second.server);
        }
    }
    let got = get(&clients, "harbour", ProducerTimestamp, start, end).await;
    assert_eq!(got.pictures.len(), 60 * 50);
    assert!(got.pictures.windows(2).all(|w| w[1].0 - w[0].0 == 40));
    // From the reconnect on, the server's clock knows only the copies, and six fragments more.
    let later = get(&clients, "harbour", ServerTimestamp, reconnect, reconnect + 2_999).await;
    let expected = server
        .archived("harbour", Selector::ServerTimestamp, reconnect, reconnect + 2_999)
        .unwrap();
    assert!(expected[..6].iter().all(|f| f.copy) && !expected[6].copy);
    assert_eq!(later.pictures.len(), expected.len() * 50);

    let ferry = list(&clients, "ferry", start, end).await;
    let odd = ferry.iter().filter(|f| f.producer % 2_000 == 300).count();
    assert_eq!((ferry.len(), odd), (66, 6));
    let got = get(&clients, "ferry", ProducerTimestamp, start, end).await;
    assert_eq!(got.pictures.len(), 66 * 50, "what overlaps is not the same");
    assert!(got.pictures.is_sorted_by(|a, b| a.0 < b.0));
}

#[tokio::test]
async fn a_track_that_goes_is_refused_but_silence_is_not() {
    let server = server(catalogue()).await;
    let change = TEN_O_CLOCK + 10 * MINUTE;
    let here = clients(&server);
    let across = here.clip("reception", ProducerTimestamp, change - 4_000, change + 4_000);
    let error = across.await.unwrap_err().into_service_error();
    let refused = matches!(error, GetClipError::InvalidCodecPrivateDataException(_));
    assert!(refused, "{error:?}");
    let before = get(&here, "reception", ProducerTimestamp, change - 4_000, change - 1).await;
    let after = get(&here, "reception", ProducerTimestamp, change, change + 3_999).await;
    let (with, without) = match before.sounds.len() {
        0 => (after, before),
        _ => (before, after),
    };
    assert_eq!((with.pictures.len(), without.pictures.len()), (100, 100));
    assert!(with.sounds.len() > 60 && without.sounds.is_empty());

    let (_server, here) = one(clock().microphone_off(TEN_O_CLOCK + 10_000, TEN_O_CLOCK + 20_000)).await;
    let part = get(
        &here,
        "test",
        ProducerTimestamp,
        TEN_O_CLOCK,
        TEN_O_CLOCK + 29_999,
    )
    .await;
    assert_eq!((part.pictures.len(), part.sounds.len()), (750, 469 - 156));
    let none = get(
        &here,
        "test",
        ProducerTimestamp,
        TEN_O_CLOCK + 12_000,
        TEN_O_CLOCK + 15_999,
    )
    .await;
    assert_eq!((none.pictures.len(), none.sounds.len()), (100, 0));
}

#[tokio::test]
async fn neighbouring_answers_share_sound_or_lack_it() {
    let seam = TEN_O_CLOCK + 20_000;
    let shared = async |before_ms, after_ms| {
        let edges = SoundEdges::Heard { before_ms, after_ms };
        let (_server, clients) = one(clock().sound_edges(edges)).await;
        let first = get(&clients, "test", ProducerTimestamp, TEN_O_CLOCK, seam - 1).await;
        let second = get(&clients, "test", ProducerTimestamp, seam, seam + 19_999).await;
        // 625 frames of sound in all; this many more or fewer in the two.
        let whole = get(&clients, "test", ProducerTimestamp, TEN_O_CLOCK, seam + 19_999).await;
        let sum = first.sounds.len() + second.sounds.len();
        sum as i64 - whole.sounds.len() as i64
    };
    assert_eq!(shared(0, 0).await, 0);
    assert_eq!(shared(60, 60).await, 2);
    assert_eq!(shared(-60, -60).await, -2);
}

#[tokio::test]
async fn a_day_is_listed_in_moments() {
    let server = server(catalogue()).await;
    let clients = clients(&server);
    let begun = Instant::now();
    for (name, count) in [("front-door", 43_200), ("turnstile", 172_800)] {
        let listed = list(&clients, name, NOON - 25 * HOUR, NOON - HOUR - 1).await;
        assert_eq!(listed.len(), count, "{name}");
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?} without optimisation");
}

#[tokio::test]
async fn a_listing_and_a_clip_may_know_of_different_fragments() {
    let late = Unlisted::FirstCalls(2);
    let builder = clock()
        .unlisted(TEN_O_CLOCK, TEN_O_CLOCK + 2_000, Unlisted::Always)
        .unlisted(TEN_O_CLOCK + 4_000, TEN_O_CLOCK + 8_000, late)
        .unclipped(TEN_O_CLOCK + 10_000, TEN_O_CLOCK + 12_000);
    let (_server, clients) = one(builder).await;
    let end = TEN_O_CLOCK + 19_999;
    for count in [7, 7, 9, 9] {
        assert_eq!(list(&clients, "test", TEN_O_CLOCK, end).await.len(), count);
    }
    let got = get(&clients, "test", ProducerTimestamp, TEN_O_CLOCK, end).await;
    assert_eq!(got.pictures.len(), 9 * 50);
    assert_eq!(got.pictures[250].0, 12_000, "stretched like any gap");
}

#[tokio::test]
async fn a_clip_may_be_cut_inside_a_fragment() {
    let bulky = Footage::h264_aac().bulky(20_000_000).unwrap();
    let builder = Stream::builder("test", bulky).size_cut(SizeCut::BeforePicture);
    let (_server, clients) = one(builder).await;
    let got = get(
        &clients,
        "test",
        ProducerTimestamp,
        TEN_O_CLOCK,
        TEN_O_CLOCK + MINUTE,
    )
    .await;
    let pictures = got.pictures.len();
    assert!(
        (951..1_000).contains(&pictures),
        "{pictures}: 19 fragments and a part"
    );
    let sound_end = got.sounds.last().unwrap().0;
    let picture_end = got.pictures.last().unwrap().0 + 40;
    assert!(
        picture_end.abs_diff(sound_end) <= 64,
        "sound ends with its pictures"
    );
}

#[tokio::test]
async fn answers_for_one_range_may_differ_though_the_clock_stands() {
    for (repeats, moov) in [
        (Repeats::Alike, Moov::First),
        (Repeats::Created, Moov::First),
        (Repeats::LongerMoov, Moov::Last),
        (Repeats::OtherChunks, Moov::First),
    ] {
        let builder = clock().repeats(repeats).moov(moov).gaps(Gaps::Closed);
        let (server, clients) = one(builder.reconnects(Reconnects::Never, 0, 0)).await;
        let end = TEN_O_CLOCK + 9_999;
        let next = || server.clip_bytes("test", Selector::ProducerTimestamp, TEN_O_CLOCK, end);
        let mut files = Vec::new();
        for _ in 0..3 {
            let foretold = next().unwrap();
            let got = bytes(&clients, "test", ProducerTimestamp, TEN_O_CLOCK, end).await;
            assert!(got == foretold, "{repeats:?}");
            files.push(got);
        }
        let alike = repeats == Repeats::Alike;
        assert_eq!(files[0] == files[1], alike, "{repeats:?}");
        assert_eq!(files[1] == files[2], alike, "{repeats:?}");
        assert_eq!(samples(&files[0]), samples(&files[2]), "{repeats:?}");
        let other = bytes(&clients, "test", ProducerTimestamp, TEN_O_CLOCK, end - 2_000).await;
        let fresh = samples(&other).pictures.len();
        assert_eq!(fresh, 200, "other ranges are counted by themselves");
    }
}
