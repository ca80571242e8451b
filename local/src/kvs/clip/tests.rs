use shiguredo_mp4::TrackKind;
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};

use super::*;
use crate::kvs::archive::{Range, clip};
use crate::kvs::stream::{Gaps, Reconnects, Selector, StreamBuilder};

/// 2026-11-20T10:00:00Z.
const TEN_O_CLOCK: i64 = 1_795_168_800_000;

fn mux(stream: &Stream, start: i64, length: i64, now: i64) -> Clip {
    let range = Range {
        by: Selector::ProducerTimestamp,
        start: TEN_O_CLOCK + start,
        end: TEN_O_CLOCK + start + length - 1,
    };
    let fragments = clip(stream, range, now).unwrap();
    Clip::mux(stream, &fragments, Call { now, repeat: 0 }).unwrap()
}

fn later() -> i64 {
    TEN_O_CLOCK + 3_600_000
}

/// Every sample of a file: track kind, decode time, composition offset, bytes.
fn samples(file: &[u8]) -> Vec<(TrackKind, u64, i64, Vec<u8>)> {
    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: file,
    });
    let mut samples = Vec::new();
    while let Some(s) = demuxer.next_sample().unwrap() {
        let from = usize::try_from(s.data_offset).unwrap();
        samples.push((
            s.track.kind,
            s.timestamp,
            s.composition_time_offset.unwrap_or(0),
            file[from..from + s.data_size].to_vec(),
        ));
    }
    samples
}

#[test]
fn the_announced_length_is_that_of_the_chunks() {
    let bulky = Footage::h264_bframes_alaw().bulky(8_000_000).unwrap();
    for moov in [Moov::First, Moov::Last] {
        let stream = Stream::builder("test", bulky.clone()).moov(moov);
        let clip = mux(&stream.build().unwrap(), 58_000, 10_000, later());
        let length = clip.len();
        let chunks: Vec<Bytes> = clip.into_chunks().collect();
        assert_eq!(chunks.iter().map(|c| c.len() as u64).sum::<u64>(), length);
        let media = &chunks[1..chunks.len() - 2];
        assert!(media.len() > 10, "large clips come in many pieces");
        assert!(media.iter().all(|c| (CHUNK..2 * CHUNK).contains(&c.len())));
    }
}

#[test]
fn the_samples_in_the_file_are_those_of_the_footage_in_order() {
    for footage in [Footage::h264_aac(), Footage::h265(), Footage::h264_bframes_alaw()] {
        let stream = Stream::builder("test", footage.clone()).build().unwrap();
        let file: Vec<u8> = mux(&stream, 114_000, 12_000, later())
            .into_chunks()
            .flatten()
            .collect();
        let got = samples(&file);
        for track in footage.tracks() {
            let mut wanted = track.between(TEN_O_CLOCK + 114_000, TEN_O_CLOCK + 126_000);
            let mut last = None;
            for (_, start, offset, bytes) in got.iter().filter(|s| s.0 == track.kind) {
                let occurrence = wanted.next().unwrap();
                let mut expected = BytesMut::new();
                footage.write(track, occurrence.sample, &mut expected);
                assert_eq!(bytes, &expected);
                let composition = track.sample(occurrence.sample).composition_offset;
                let rate = i64::from(track.timescale.get());
                assert_eq!(*offset, composition * 1_000 / rate);
                if let Some((before, at)) = last {
                    let ticks: i64 = occurrence.start - before;
                    assert_eq!((start - at) as i64, ticks * 1_000 / rate);
                }
                last = Some((occurrence.start, *start));
            }
            assert_eq!(wanted.next(), None, "samples are missing");
        }
    }
}

#[test]
fn two_calls_differ_in_nothing_but_the_creation_time() {
    let stream = Stream::builder("test", Footage::h264_aac()).build().unwrap();
    let file = |now| {
        mux(&stream, 0, 4_000, now)
            .into_chunks()
            .flatten()
            .collect::<Vec<u8>>()
    };
    let (first, second) = (file(later()), file(later() + 1_000));
    assert_eq!(first, file(later() + 999), "a second is the finest");
    assert_ne!(first, second);
    assert_eq!(first.len(), second.len());
    let differing = first.iter().zip(&second).filter(|(a, b)| a != b).count();
    assert!(
        differing <= 2 * 5 * 4,
        "two times in mvhd and in each tkhd and mdhd"
    );
}

#[test]
fn sound_and_picture_are_laid_out_second_by_second() {
    let stream = Stream::builder("test", Footage::h264_aac()).build().unwrap();
    let clip = mux(&stream, 0, 4_000, later());
    let runs: Vec<usize> = clip
        .media
        .chunk_by(|a, b| a.track == b.track)
        .map(<[_]>::len)
        .collect();
    assert_eq!(runs, [25, 16, 25, 16, 25, 15, 25, 16]);
}

fn aac() -> StreamBuilder {
    Stream::builder("test", Footage::h264_aac())
}

/// Decode times of the pictures and of the sound, in milliseconds.
fn times(builder: StreamBuilder, start: i64, length: i64) -> [Vec<i64>; 2] {
    let stream = builder.build().unwrap();
    let file: Vec<u8> = mux(&stream, start, length, later())
        .into_chunks()
        .flatten()
        .collect();
    let samples = samples(&file);
    [TrackKind::Video, TrackKind::Audio].map(|kind| {
        let track = samples.iter().filter(|s| s.0 == kind);
        track.map(|s| s.1.cast_signed()).collect()
    })
}

#[test]
fn a_gap_is_stretched_or_closed_and_sound_keeps_to_its_pictures() {
    let gap = (TEN_O_CLOCK + 4_000, TEN_O_CLOCK + 10_000);
    let footage = Footage::h264_aac();
    let sound_of = |from: i64| footage.tracks()[1].between(from, from + 4_000).count();
    for (gaps, after) in [(Gaps::Stretched, 10_000), (Gaps::Closed, 4_000)] {
        let [pictures, sound] = times(aac().gap(gap.0, gap.1).gaps(gaps), 0, 14_000);
        assert_eq!(pictures.len(), 200);
        assert_eq!(pictures[99..101], [3_960, after], "{gaps:?}");
        let before = sound_of(TEN_O_CLOCK);
        assert_eq!(sound.len(), before + sound_of(TEN_O_CLOCK + 10_000));
        // 3,968 is the last of the frames of 64 ms that begins before the gap, 10,048 the first behind it.
        assert_eq!(sound[before - 1], 3_968);
        assert_eq!(sound[before], after + 48, "{gaps:?}");
        assert!(sound.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn sound_that_reaches_into_a_closed_gap_lasts_until_what_follows() {
    // Frames of 64 ms begin at 3,968, which is 32 ms before the gap, and at its very end.
    let gap = (TEN_O_CLOCK + 4_000, TEN_O_CLOCK + 16_000);
    let [pictures, sound] = times(aac().gap(gap.0, gap.1).gaps(Gaps::Closed), 2_000, 16_000);
    assert!(pictures.windows(2).all(|w| w[1] - w[0] == 40));
    let steps: Vec<i64> = sound.windows(2).map(|w| w[1] - w[0]).collect();
    let odd: Vec<(usize, i64)> = steps
        .into_iter()
        .enumerate()
        .filter(|(_, ms)| *ms != 64)
        .collect();
    assert_eq!(odd, [(30, 32)], "the 31st, of 3,968, is the last before the gap");
}

#[test]
fn sound_that_stops_has_no_samples_and_then_no_track() {
    let off = || aac().microphone_off(TEN_O_CLOCK + 4_000, TEN_O_CLOCK + 10_000);
    let [pictures, sound] = times(off(), 0, 14_000);
    assert_eq!(pictures.len(), 350);
    let pause = sound.windows(2).find(|w| w[1] - w[0] > 64).unwrap();
    assert_eq!(
        pause,
        [3_968, 10_048],
        "the last frame before lasts until the next"
    );
    let [pictures, sound] = times(off(), 4_000, 6_000);
    assert_eq!((pictures.len(), sound.len()), (150, 0));
}

/// Edit list of a track in milliseconds: duration and media time.
fn edits(builder: StreamBuilder, start: i64, track: usize) -> Vec<(u64, i64)> {
    let stream = builder.build().unwrap();
    let clip = mux(&stream, start, 4_000, later());
    let call = Call {
        now: later(),
        repeat: 0,
    };
    let (_, moov) = clip.report(Style::new(&stream, call), 0).unwrap();
    let (moov, _) = <MoovBox as shiguredo_mp4::Decode>::decode(&moov).unwrap();
    let edts = moov.trak_boxes[track].edts_box.clone();
    let elst = edts.and_then(|edts| edts.elst_box);
    let entries = elst.map_or(Vec::new(), |elst| elst.entries);
    entries.iter().map(|e| (e.edit_duration, e.media_time)).collect()
}

#[test]
fn sound_beside_the_pictures_is_hidden_heard_or_lacking() {
    // Sound frames begin at 10:00:00.000 and each 64 ms.
    let hidden = |before_ms, after_ms| aac().sound_edges(SoundEdges::Hidden { before_ms, after_ms });
    let heard = |before_ms, after_ms| aac().sound_edges(SoundEdges::Heard { before_ms, after_ms });
    let [_, plain] = times(aac(), 2_000, 4_000);
    let [pictures, more] = times(hidden(60, 60), 2_000, 4_000);
    assert_eq!(pictures.len(), 100);
    assert_eq!(more.len(), plain.len() + 2);
    // From the frame at 1,984, 16 ms early, to the end of that at 6,016.
    let from_to = edits(hidden(60, 60), 2_000, 1);
    assert_eq!(from_to, [(4_080, 16)]);
    assert_eq!(edits(hidden(60, 60), 2_000, 0), []);
    assert_eq!(edits(heard(60, 60), 2_000, 1), []);
    assert_eq!(edits(heard(60, 60), 2_000, 0), [(16, -1), (4_000, 0)]);
    // What begins within 60 ms after the first picture is gone: the first frame is that of 2,112.
    assert_eq!(edits(hidden(-60, 0), 2_000, 1)[0], (112, -1));
    let [_, less] = times(hidden(-60, -60), 2_000, 4_000);
    assert_eq!(less.len(), plain.len() - 2);
}

#[test]
fn repeats_differ_as_they_are_told_and_hold_the_same_media() {
    let file = |repeats, moov, repeat| {
        let stream = aac().repeats(repeats).moov(moov).build().unwrap();
        let range = Range {
            by: Selector::ProducerTimestamp,
            start: TEN_O_CLOCK,
            end: TEN_O_CLOCK + 3_999,
        };
        let fragments = clip(&stream, range, later()).unwrap();
        let call = Call { now: later(), repeat };
        let clip = Clip::mux(&stream, &fragments, call).unwrap();
        clip.into_chunks().flatten().collect::<Vec<u8>>()
    };
    let media_at = |file: &[u8]| file.windows(4).position(|w| w == b"mdat").unwrap();
    for moov in [Moov::First, Moov::Last] {
        let first = file(Repeats::Alike, moov, 0);
        assert_eq!(first, file(Repeats::Alike, moov, 1));
        for repeats in [Repeats::Created, Repeats::LongerMoov, Repeats::OtherChunks] {
            assert_eq!(first, file(repeats, moov, 0), "{repeats:?}");
            let second = file(repeats, moov, 1);
            assert_ne!(first, second, "{repeats:?}");
            let sorted = |file: &[u8]| {
                let mut all = samples(file);
                all.sort_by_key(|s| (s.0 == TrackKind::Audio, s.1));
                all
            };
            assert_eq!(sorted(&first), sorted(&second), "{repeats:?}");
            let moved = media_at(&second) - media_at(&first);
            match repeats {
                Repeats::LongerMoov => assert!(moved >= LONGER_BY, "{moov:?}: {moved}"),
                Repeats::Created => assert_eq!((moved, first.len()), (0, second.len())),
                _ => assert!(second.len() > first.len(), "more chunks, a larger table"),
            }
        }
        let third = file(Repeats::LongerMoov, moov, 2);
        assert!(third.len() > file(Repeats::LongerMoov, moov, 1).len());
    }
}

/// Each fragment's samples once and whole, though it begins inside of another one, and decode times that rise.
#[test]
fn a_broken_connection_leaves_every_sample_once() {
    for footage in [Footage::h264_aac(), Footage::h264_bframes_alaw()] {
        let broke = Reconnects::At(vec![TEN_O_CLOCK + 10_000]);
        let stream = Stream::builder("test", footage.clone())
            .reconnects(broke, 2_000, 0)
            .breaks_inside(80, 1_100);
        let clip = mux(&stream.build().unwrap(), 8_000, 6_000, later());
        let file: Vec<u8> = clip.into_chunks().flatten().collect();
        let got = samples(&file);
        // From 8.0, 9.1, 10.0 (two pictures of it), 11.1 and 13.1 s on.
        let shown = [
            (8_000, 10_000),
            (8_000, 10_000),
            (10_000, 10_080),
            (10_000, 12_000),
            (12_000, 14_000),
        ];
        for track in footage.tracks() {
            let mut wanted = shown.iter().flat_map(|(from, to)| {
                let samples = track.between(TEN_O_CLOCK + from, TEN_O_CLOCK + to);
                samples.map(|occurrence| occurrence.sample)
            });
            let mut last = None;
            for (_, start, _, bytes) in got.iter().filter(|s| s.0 == track.kind) {
                let mut expected = BytesMut::new();
                footage.write(track, wanted.next().unwrap(), &mut expected);
                assert_eq!(bytes, &expected);
                assert!(last.replace(*start).is_none_or(|before| before < *start));
            }
            assert_eq!(wanted.next(), None);
        }
    }
}
