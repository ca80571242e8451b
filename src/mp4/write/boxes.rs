//! The boxes around the tables.

use bytes::Bytes;

use super::rows::{Rows, Table};
use super::{JoinedTrack, Part, too_long};
use crate::mp4::error::Mp4Error;

/// Times of MP4 count from 1904 (8.2.2).
pub(super) const SECONDS_FROM_1904_TO_1970: i64 = 2_082_844_800;

/// No rotation (8.2.2).
const IDENTITY: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// Header of an `mdat` with a 64-bit size: its length does not depend on that of the payload.
const MDAT_HEADER: u64 = 16;

/// The edit list of a track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented {
    /// Time without media at its beginning, in ticks of the movie.
    pub(super) empty: u64,
    /// Where in the media it begins, in ticks of the media.
    pub(super) media_time: i64,
    /// How long the media is presented, in ticks of the movie.
    pub(super) duration: u64,
}

/// How long the tables of a track are.
#[derive(Debug)]
pub(super) struct Shape {
    durations: u64,
    /// None where every picture is presented when it is decoded.
    offsets: Option<u64>,
    /// The size of all samples if they have the same.
    same_size: Option<u32>,
    sync: Option<u64>,
    chunks: u64,
    places: u64,
    /// Longest duration, in ticks of the track.
    pub(super) longest: u32,
}

impl Shape {
    pub(super) fn of(track: &JoinedTrack, lead: i64) -> Result<Self, Mp4Error> {
        let count = |table: Table| -> Result<u64, Mp4Error> {
            let (mut rows, mut bytes) = (Rows::new(table, lead, 0), 0);
            while rows.step(track, &mut |row| bytes += row.len() as u64) {}
            if rows.overflow {
                Err(too_long())
            } else {
                Ok(bytes / table.width())
            }
        };
        let mut longest = 0;
        let mut field = 0;
        let mut durations = Rows::new(Table::Durations, lead, 0);
        while durations.step(track, &mut |row| {
            field += 1;
            if let (Some(row), true) = (row.first_chunk(), field % 2 == 0) {
                longest = longest.max(u32::from_be_bytes(*row));
            }
        }) {}
        let mut sizes = track.stretches.iter().flat_map(|stretch| {
            let samples = stretch.samples;
            let mut seen = 0;
            stretch.sizes.iter().take_while(move |(count, _)| {
                let inside = seen < samples;
                seen += count;
                inside
            })
        });
        let first = sizes.next().map(|(_, size)| size);
        // A size of zero says that a table follows.
        let same_size = first.filter(|first| *first > 0 && sizes.all(|(_, size)| size == *first));
        let presented_as_decoded = lead == 0
            && track
                .stretches
                .iter()
                .all(|stretch| stretch.lead == 0 && stretch.offsets.iter().all(|(_, offset)| offset == 0));
        let has_sync = track.stretches.iter().any(|stretch| stretch.sync.is_some());
        Ok(Self {
            durations: count(Table::Durations)?,
            offsets: if presented_as_decoded {
                None
            } else {
                Some(count(Table::Offsets)?)
            },
            same_size: same_size.and_then(|size| u32::try_from(size).ok()),
            sync: if has_sync { Some(count(Table::Sync)?) } else { None },
            chunks: count(Table::Chunks)?,
            places: count(Table::WidePlaces)?,
            longest,
        })
    }
}

/// The parts of a head and their length; `wide`: with 64-bit places.
pub(super) fn head(
    tracks: &[JoinedTrack],
    shapes: &[Shape],
    edits: &[Presented],
    movie_timescale: u32,
    creation: u64,
    wide: bool,
    payload: u64,
) -> (Vec<Part>, u64) {
    let total = |edit: &Presented| edit.empty.saturating_add(edit.duration);
    let duration = edits.iter().map(total).max().unwrap_or(0);

    let mut head = Node::boxed(b"ftyp");
    head.bytes(b"isom\0\0\x02\0isomiso2mp41");
    let mut moov = Node::boxed(b"moov");
    let mut mvhd = Node::boxed(b"mvhd");
    mvhd.times(0, creation, &[movie_timescale], duration);
    mvhd.numbers(&[0x0001_0000, 0x0100_0000, 0, 0]);
    mvhd.numbers(&IDENTITY);
    mvhd.numbers(&[0; 6]);
    mvhd.numbers(&[u32::try_from(tracks.len() + 1).unwrap_or(u32::MAX)]);
    moov.child(mvhd);
    for (index, ((track, shape), edit)) in tracks.iter().zip(shapes).zip(edits).enumerate() {
        moov.child(trak(index, track, shape, edit, creation, wide));
    }
    let mut parts = Node::default();
    parts.child(head);
    parts.child(moov);
    parts.numbers(&[1]);
    parts.bytes(b"mdat");
    parts.bytes(&payload.saturating_add(MDAT_HEADER).to_be_bytes());
    let length = parts.length;
    (parts.finish(), length)
}

fn trak(
    index: usize,
    track: &JoinedTrack,
    shape: &Shape,
    edit: &Presented,
    creation: u64,
    wide: bool,
) -> Node {
    let is_video = index == 0;
    let mut trak = Node::boxed(b"trak");
    let mut tkhd = Node::boxed(b"tkhd");
    // Enabled, in the movie, in the preview.
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    tkhd.times(
        7,
        creation,
        &[number, 0],
        edit.empty.saturating_add(edit.duration),
    );
    // Layer and alternate group; the volume of sound is 1.
    tkhd.numbers(&[0, 0, 0, if is_video { 0 } else { 0x0100_0000 }]);
    tkhd.bytes(&track.head.shown);
    trak.child(tkhd);
    trak.child(edts(edit));

    let mut mdia = Node::boxed(b"mdia");
    let mut mdhd = Node::boxed(b"mdhd");
    let duration = u64::try_from(track.duration()).unwrap_or(u64::MAX);
    mdhd.times(0, creation, &[track.timescale], duration);
    mdhd.bytes(&track.head.language.to_be_bytes());
    mdhd.bytes(&[0; 2]);
    mdia.child(mdhd);
    let mut hdlr = Node::boxed(b"hdlr");
    hdlr.numbers(&[0, 0]);
    hdlr.bytes(if is_video { b"vide" } else { b"soun" });
    hdlr.numbers(&[0; 3]);
    hdlr.bytes(if is_video {
        b"VideoHandler\0"
    } else {
        b"SoundHandler\0"
    });
    mdia.child(hdlr);
    let mut minf = Node::boxed(b"minf");
    let mut header = Node::boxed(if is_video { b"vmhd" } else { b"smhd" });
    // The flag of vmhd is 1 by rule (12.1.2).
    header.numbers(if is_video { &[1, 0, 0] } else { &[0, 0] });
    minf.child(header);
    let mut dinf = Node::boxed(b"dinf");
    let mut dref = Node::boxed(b"dref");
    dref.numbers(&[0, 1]);
    let mut url = Node::boxed(b"url ");
    // The media is in this file.
    url.numbers(&[1]);
    dref.child(url);
    dinf.child(dref);
    minf.child(dinf);
    minf.child(stbl(index, track, shape, wide));
    mdia.child(minf);
    trak.child(mdia);
    trak
}

fn edts(edit: &Presented) -> Node {
    let mut edts = Node::boxed(b"edts");
    let mut elst = Node::boxed(b"elst");
    let narrow = |number: u64| i32::try_from(number).is_ok();
    let wide = !(narrow(edit.empty) && narrow(edit.duration) && narrow(edit.media_time.unsigned_abs()));
    let mut rows = Vec::new();
    if edit.empty > 0 {
        rows.push((edit.empty, -1));
    }
    rows.push((edit.duration, edit.media_time));
    elst.numbers(&[
        u32::from(wide) << 24,
        u32::try_from(rows.len()).unwrap_or(u32::MAX),
    ]);
    for (duration, media_time) in rows {
        if wide {
            elst.bytes(&duration.to_be_bytes());
            elst.bytes(&media_time.to_be_bytes());
        } else {
            let media_time = i32::try_from(media_time).unwrap_or(i32::MAX);
            elst.numbers(&[
                u32::try_from(duration).unwrap_or(u32::MAX),
                media_time.cast_unsigned(),
            ]);
        }
        // At the speed at which it was recorded.
        elst.numbers(&[0x0001_0000]);
    }
    edts.child(elst);
    edts
}

fn stbl(index: usize, track: &JoinedTrack, shape: &Shape, wide: bool) -> Node {
    let mut stbl = Node::boxed(b"stbl");
    let mut stsd = Node::boxed(b"stsd");
    stsd.numbers(&[0, 1]);
    stsd.bytes(&track.head.entry.bytes);
    stbl.child(stsd);
    let mut table = |name: &[u8; 4], before: &[u32], table: Table, rows: u64| {
        let mut node = Node::boxed(name);
        node.numbers(before);
        node.numbers(&[u32::try_from(rows).unwrap_or(u32::MAX)]);
        node.rows(index, table, rows);
        stbl.child(node);
    };
    table(b"stts", &[0], Table::Durations, shape.durations);
    if let Some(rows) = shape.offsets {
        table(b"ctts", &[0], Table::Offsets, rows);
    }
    if let Some(rows) = shape.sync {
        table(b"stss", &[0], Table::Sync, rows);
    }
    table(b"stsc", &[0], Table::Chunks, shape.chunks);
    let samples = track.samples();
    match shape.same_size {
        Some(size) => {
            let mut stsz = Node::boxed(b"stsz");
            stsz.numbers(&[0, size, u32::try_from(samples).unwrap_or(u32::MAX)]);
            stbl.child(stsz);
        }
        None => {
            let mut stsz = Node::boxed(b"stsz");
            stsz.numbers(&[0, 0, u32::try_from(samples).unwrap_or(u32::MAX)]);
            stsz.rows(index, Table::Sizes, samples);
            stbl.child(stsz);
        }
    }
    let (name, places) = if wide {
        (b"co64", Table::WidePlaces)
    } else {
        (b"stco", Table::Places)
    };
    let mut node = Node::boxed(name);
    node.numbers(&[0, u32::try_from(shape.places).unwrap_or(u32::MAX)]);
    node.rows(index, places, shape.places);
    stbl.child(node);
    stbl
}

/// A box that is being made.
#[derive(Debug, Default)]
struct Node {
    name: Option<[u8; 4]>,
    parts: Vec<Part>,
    open: Vec<u8>,
    length: u64,
}

impl Node {
    fn boxed(name: &[u8; 4]) -> Self {
        Self {
            name: Some(*name),
            ..Self::default()
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.open.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
    }

    fn numbers(&mut self, numbers: &[u32]) {
        for number in numbers {
            self.bytes(&number.to_be_bytes());
        }
    }

    /// What `mvhd`, `tkhd` and `mdhd` begin with: creation and modification time, `between`, and a duration.
    fn times(&mut self, flags: u32, creation: u64, between: &[u32], duration: u64) {
        match (u32::try_from(creation), u32::try_from(duration)) {
            (Ok(creation), Ok(duration)) if duration < u32::MAX => {
                self.numbers(&[flags, creation, creation]);
                self.numbers(between);
                self.numbers(&[duration]);
            }
            _ => {
                self.numbers(&[1 << 24 | flags]);
                self.bytes(&creation.to_be_bytes());
                self.bytes(&creation.to_be_bytes());
                self.numbers(between);
                self.bytes(&duration.to_be_bytes());
            }
        }
    }

    fn rows(&mut self, track: usize, table: Table, rows: u64) {
        self.flush();
        self.parts.push(Part::Rows { track, table });
        self.length += rows * table.width();
    }

    fn flush(&mut self) {
        if !self.open.is_empty() {
            self.parts
                .push(Part::Bytes(Bytes::from(std::mem::take(&mut self.open))));
        }
    }

    fn child(&mut self, child: Self) {
        // Below the limit of the head, and so below 4 GiB, or the head is refused.
        let size = u32::try_from(child.length + 8).unwrap_or(u32::MAX);
        if let Some(name) = child.name {
            self.numbers(&[size]);
            self.bytes(&name);
        }
        self.length += child.length;
        let parts = child.finish();
        for part in parts {
            match part {
                Part::Bytes(bytes) => self.open.extend_from_slice(&bytes),
                rows @ Part::Rows { .. } => {
                    self.flush();
                    self.parts.push(rows);
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Part> {
        self.flush();
        self.parts
    }
}
