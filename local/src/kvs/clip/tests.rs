use shiguredo_mp4::TrackKind;
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};

use super::*;
use crate::kvs::archive::{Range, clip};
use crate::kvs::stream::Selector;

/// 2026-11-20T10:00:00Z.
const TEN_O_CLOCK: i64 = 1_795_168_800_000;

fn mux(stream: &Stream, start: i64, length: i64, now: i64) -> Clip {
    let range = Range {
        by: Selector::ProducerTimestamp,
        start: TEN_O_CLOCK + start,
        end: TEN_O_CLOCK + start + length - 1,
    };
    let fragments = clip(stream, range, now).unwrap();
    Clip::mux(stream, &fragments, now).unwrap()
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
