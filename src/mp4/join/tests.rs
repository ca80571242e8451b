//! What players demand of a joined file, whatever was joined.

mod calls;
mod exact;
mod g711;
mod odd;
mod overlaps;
mod rules;
mod seams;

use bytes::Bytes;

use super::*;
use crate::mp4::Scanner;
use crate::mp4::tables::TrackTables;
use crate::mp4::test_clip::{Clip, be32, boxed};

/// A joined file, read back.
struct File {
    tables: ClipTables,
    bytes: Vec<u8>,
    report: JoinReport,
}

/// A sample of a joined file: when it is decoded and presented, in ticks of its track, and its bytes.
#[derive(Debug, PartialEq)]
struct Played {
    dts: i64,
    at: i64,
    bytes: Vec<u8>,
}

/// Every sync sample begins a fragment; the clip continues what was before it.
fn fragments(tables: &ClipTables, wall_ms: i64, continues: bool) -> Vec<FragmentStart> {
    let fragment = |(index, sync): (usize, crate::mp4::SyncSample)| FragmentStart {
        sample: sync.number,
        wall_ms: wall_ms + sync.at_us / 1000,
        continues: index > 0 || continues,
    };
    tables.video_sync_samples().enumerate().map(fragment).collect()
}

fn read(file: &[u8]) -> ClipTables {
    let mut scanner = Scanner::new();
    scanner.push(file).expect("an MP4");
    scanner.tables().expect("a moov").expect("tables")
}

/// A `moov` with a track of pictures of which nothing but its tables is said.
fn moov_of(timescale: u32, stbl: &[u8]) -> Vec<u8> {
    let mdia = boxed(
        b"mdia",
        &[
            &boxed(b"mdhd", &[&be32(&[0, 0, 0, timescale, 0, 0])]),
            &boxed(b"hdlr", &[&be32(&[0, 0]), b"vide", &[0; 13]]),
            &boxed(b"minf", &[stbl]),
        ],
    );
    [
        boxed(b"mvhd", &[&be32(&[0, 0, 0, 1000, 0])]),
        boxed(b"trak", &[&boxed(b"tkhd", &[&be32(&[7]), &[0; 80]]), &mdia]),
    ]
    .concat()
}

/// Carries out a recipe, with pieces of these sizes in turn.
fn carry_out(mut recipe: Recipe, file: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    let mut sizes = sizes.iter().cycle();
    while at < file.len() {
        let end = (at + sizes.next().copied().unwrap_or(usize::MAX)).min(file.len());
        recipe.feed(at as u64, Bytes::copy_from_slice(&file[at..end]), &mut out);
        at = end;
    }
    assert!(recipe.is_done());
    let out = out.concat();
    assert_eq!(out.len() as u64, recipe.len());
    out
}

/// Begins a clip of which everything is taken.
fn begin(joiner: &mut Joiner, tables: ClipTables, fragments: &[FragmentStart]) -> Result<Recipe, Mp4Error> {
    let end = tables.video_samples();
    joiner.begin(tables, &Selection { fragments, end })
}

fn add(
    joiner: &mut Joiner,
    file: &[u8],
    fragments: &[FragmentStart],
    payload: &mut Vec<u8>,
    sizes: &[usize],
) {
    let recipe = begin(joiner, read(file), fragments).expect("joins");
    payload.extend(carry_out(recipe, file, sizes));
    joiner.commit();
    assert_eq!(joiner.position(), payload.len() as u64);
}

fn finish(joiner: Joiner, payload: &[u8]) -> File {
    let joined = joiner.finish().expect("a movie");
    let head: Vec<u8> = joined.head.pieces().flatten().collect();
    assert_eq!(head.len() as u64, joined.head.len());
    let bytes = [&head, payload].concat();
    let mut scanner = Scanner::new();
    scanner.push(&bytes).expect("an MP4");
    assert_eq!(
        scanner.finish().expect("whole").tracks.len(),
        joined.movie.tracks.len()
    );
    second_readers(&head, payload, &joined.movie);
    let tables = read(&bytes);
    File {
        tables,
        bytes,
        report: joined.report,
    }
}

fn join_files(files: &[Vec<u8>], sizes: &[usize]) -> File {
    let (mut joiner, mut payload, mut wall_ms) = (Joiner::new(None), Vec::new(), 0);
    for (index, file) in files.iter().enumerate() {
        let tables = read(file);
        add(
            &mut joiner,
            file,
            &fragments(&tables, wall_ms, index > 0),
            &mut payload,
            sizes,
        );
        wall_ms += tables.video_end_us() / 1000;
    }
    finish(joiner, &payload)
}

fn join(clips: &[Clip]) -> File {
    let files: Vec<_> = clips.iter().map(Clip::file).collect();
    join_files(&files, &[usize::MAX])
}

impl File {
    /// All samples of a track. What every table of every joined file has to keep is asserted on the way.
    fn played(&self, track: &TrackTables) -> Vec<Played> {
        let mut played: Vec<Played> = Vec::new();
        let mut cursor = track.spans();
        while let Some(span) = cursor.next_before(track.samples()) {
            for index in 0..span.count {
                let one = span.part(index..index + 1);
                let from = usize::try_from(self.tables.base() + one.at).expect("small");
                let bytes = self.bytes[from..from + one.size as usize].to_vec();
                assert!(one.offset >= 0, "presented before it is decoded");
                assert!(
                    played.last().is_none_or(|last| last.dts < one.dts),
                    "decode times rise"
                );
                played.push(Played {
                    dts: one.dts,
                    at: one.cts() - track.edit.media_time,
                    bytes,
                });
            }
        }
        assert_eq!(played.len(), track.samples() as usize);
        played
    }

    fn pictures(&self) -> Vec<Played> {
        self.played(self.tables.video())
    }

    fn sounds(&self) -> Vec<Played> {
        self.tables
            .audio()
            .map_or_else(Vec::new, |sound| self.played(sound))
    }

    /// When a track begins, in ticks of `timescale`, rounded down.
    fn late_ticks(&self, track: &TrackTables, timescale: i64) -> i64 {
        track.edit.empty.cast_signed() * timescale / i64::from(self.tables.movie_timescale())
    }

    /// When a track begins, in seconds.
    fn late(&self, track: &TrackTables) -> f64 {
        track.edit.empty as f64 / f64::from(self.tables.movie_timescale())
    }
}

/// Readers that are not ours accept the head and count as many samples.
fn second_readers(head: &[u8], payload: &[u8], movie: &Movie) {
    use mp4_atom::{Decode, DecodeMaybe};
    use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};
    let mut rest = std::io::Cursor::new(head);
    let ftyp = mp4_atom::Ftyp::decode(&mut rest).expect("ftyp");
    assert_eq!(ftyp.major_brand, b"isom".into());
    let moov = mp4_atom::Moov::decode_maybe(&mut rest)
        .expect("moov")
        .expect("whole");
    assert_eq!(moov.trak.len(), movie.tracks.len());
    for (trak, track) in moov.trak.iter().zip(&movie.tracks) {
        let stbl = &trak.mdia.minf.stbl;
        let durations: u64 = stbl
            .stts
            .entries
            .iter()
            .map(|row| u64::from(row.sample_count))
            .sum();
        assert_eq!(durations, track.samples);
        if let Some(ctts) = &stbl.ctts {
            let offsets: u64 = ctts.entries.iter().map(|row| u64::from(row.sample_count)).sum();
            assert_eq!(offsets, track.samples);
        }
    }
    let file = [head, payload].concat();
    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: &file,
    });
    assert_eq!(demuxer.tracks().expect("tracks").len(), movie.tracks.len());
    let mut samples = 0;
    while let Some(sample) = demuxer.next_sample().expect("a sample") {
        let end = sample.data_offset + sample.data_size as u64;
        assert!(end <= file.len() as u64);
        samples += 1;
    }
    assert_eq!(
        samples,
        movie.tracks.iter().map(|track| track.samples).sum::<u64>()
    );
}
