//! Reading a `moov` into [`ClipTables`].

use bytes::Bytes;

use super::entry::{Codec, SampleEntry};
use super::sample_table::SampleTable;
use super::{ClipTables, Edit, TrackTables};
use crate::mp4::error::Mp4Error;
use crate::mp4::full_box::{entries, field, long, number, timing, version};
use crate::mp4::header::{Boxes, FourCC, find, require};

const MOOV: FourCC = FourCC(*b"moov");
const MVHD: FourCC = FourCC(*b"mvhd");
const TRAK: FourCC = FourCC(*b"trak");
const TKHD: FourCC = FourCC(*b"tkhd");
const EDTS: FourCC = FourCC(*b"edts");
const ELST: FourCC = FourCC(*b"elst");
const MDIA: FourCC = FourCC(*b"mdia");
const MDHD: FourCC = FourCC(*b"mdhd");
const HDLR: FourCC = FourCC(*b"hdlr");
const MINF: FourCC = FourCC(*b"minf");
const DINF: FourCC = FourCC(*b"dinf");
const DREF: FourCC = FourCC(*b"dref");
const STBL: FourCC = FourCC(*b"stbl");
const STSD: FourCC = FourCC(*b"stsd");

/// Longest track, in seconds. `GetClip` covers 24 hours at most; a track of which a few wrong bytes make
/// more than a day and a half shall not have a joiner fill them with silence.
pub(in crate::mp4) const MAX_SECONDS: u64 = 1 << 17;

/// Most pictures of a clip: `GetClip` gives 200 fragments, which last 20 s at most, so that is 260 pictures a second. Where
/// all have the same size twenty bytes could claim four billion, and who lists them would run out of memory.
const MAX_PICTURES: u32 = 1 << 20;

/// Most samples of sound of a clip: `GetClip` gives 100 MB at most, and of G.711 each byte is a sample. Those that last
/// no time could be four billion in twenty bytes too, and who walks them would be busy for minutes.
pub(super) const MAX_SOUNDS: u32 = 1 << 27;

const VIDEO: FourCC = FourCC(*b"vide");
const SOUND: FourCC = FourCC(*b"soun");

impl ClipTables {
    /// Reads the payload of a `moov`.
    pub(in crate::mp4) fn read(moov: &[u8]) -> Result<Self, Mp4Error> {
        let (movie_timescale, _) = timing(MVHD, require(MOOV, moov, MVHD)?)?;
        let (mut video, mut audio, mut left_out) = (None, None, Vec::new());
        for child in Boxes::new(MOOV, moov) {
            let (box_type, payload) = child?;
            match &box_type.0 {
                b"trak" => {
                    let handler = handler(payload)?;
                    let taken = match handler {
                        VIDEO => &mut video,
                        SOUND => &mut audio,
                        _ => {
                            left_out.push(handler);
                            continue;
                        }
                    };
                    match taken {
                        None if has_samples(payload)? => {
                            *taken = Some(read_track(payload, handler == SOUND, movie_timescale)?)
                        }
                        _ => left_out.push(handler),
                    }
                }
                b"mvex" | b"cmov" => {
                    return Err(Mp4Error::Unsupported {
                        box_type,
                        what: "a movie whose tables are elsewhere or compressed",
                    });
                }
                _ => {}
            }
        }
        let (mut video, [first_video, lowest_video]) = video.ok_or(Mp4Error::Unsupported {
            box_type: MOOV,
            what: "a clip without pictures",
        })?;
        let lowest_audio = audio.as_ref().map(|(_, [_, lowest])| *lowest);
        let base = lowest_audio.map_or(lowest_video, |lowest| lowest.min(lowest_video));
        video.rebase(first_video, base);
        let audio = audio.map(|(mut track, [first, _]): (TrackTables, _)| {
            track.rebase(first, base);
            track
        });
        Ok(Self {
            movie_timescale,
            video,
            audio,
            left_out,
            base,
        })
    }
}

fn handler(trak: &[u8]) -> Result<FourCC, Mp4Error> {
    let hdlr = require(MDIA, require(TRAK, trak, MDIA)?, HDLR)?;
    field(HDLR, hdlr, 8).map(FourCC)
}

/// Whether a track is enabled and not empty.
fn has_samples(trak: &[u8]) -> Result<bool, Mp4Error> {
    let [_, _, _, flags] = field::<4>(TKHD, require(TRAK, trak, TKHD)?, 0)?;
    let stbl = sample_table(trak)?;
    Ok(flags & 1 == 1 && SampleTable::count(stbl)? > 0)
}

fn sample_table(trak: &[u8]) -> Result<&[u8], Mp4Error> {
    require(MINF, require(MDIA, require(TRAK, trak, MDIA)?, MINF)?, STBL)
}

/// Reads the payload of a `trak`; also gives where its first chunk begins, and the one that stands first.
fn read_track(trak: &[u8], sound: bool, movie_timescale: u32) -> Result<(TrackTables, [u64; 2]), Mp4Error> {
    let tkhd = require(TRAK, trak, TKHD)?;
    let shown_at = if version(TKHD, tkhd)? == 1 { 52 } else { 40 };
    let mdia = require(TRAK, trak, MDIA)?;
    let mdhd = require(MDIA, mdia, MDHD)?;
    let (timescale, _) = timing(MDHD, mdhd)?;
    let language_at = if version(MDHD, mdhd)? == 1 { 32 } else { 20 };
    let minf = require(MDIA, mdia, MINF)?;
    check_data_reference(minf)?;
    let stbl = require(MINF, minf, STBL)?;
    for auxiliary in [b"saiz", b"saio"] {
        let box_type = FourCC(*auxiliary);
        if find(STBL, stbl, box_type)?.is_some() {
            return Err(Mp4Error::Unsupported {
                box_type,
                what: "samples with auxiliary information elsewhere in the file",
            });
        }
    }
    let (entry, entries) = SampleEntry::read(require(STBL, stbl, STSD)?, sound)?;
    let (most, what) = match sound {
        true => (MAX_SOUNDS, "a clip of more sound than GetClip gives bytes"),
        false => (MAX_PICTURES, "a clip of more than a million pictures"),
    };
    if SampleTable::count(stbl)? > most {
        return Err(Mp4Error::Unsupported {
            box_type: FourCC(*b"stsz"),
            what,
        });
    }
    let table = SampleTable::read(stbl, entries)?;
    if entry.means != Codec::Picture && table.offsets.iter().any(|(_, offset)| offset != 0) {
        return Err(Mp4Error::Unsupported {
            box_type: FourCC(*b"ctts"),
            what: "sound that is not decoded in the order in which it is heard",
        });
    }
    let edit = match find(TRAK, trak, EDTS)? {
        Some(edts) => match find(EDTS, edts, ELST)? {
            Some(elst) => Edit::read(elst)?,
            None => Edit::default(),
        },
        None => Edit::default(),
    };
    let shown: [u8; 44] = field(TKHD, tkhd, shown_at)?;
    let in_range = |ticks: u64, timescale: u32| ticks / u64::from(timescale) <= MAX_SECONDS;
    if !in_range(table.duration.unsigned_abs(), timescale)
        || !in_range(edit.media_time.unsigned_abs(), timescale)
        || !in_range(edit.empty, movie_timescale)
    {
        return Err(Mp4Error::Unsupported {
            box_type: TRAK,
            what: "a track of more than 36 hours",
        });
    }
    let track = TrackTables {
        timescale,
        language: u16::from_be_bytes(field(MDHD, mdhd, language_at)?),
        edit,
        shown: Bytes::copy_from_slice(&shown),
        entry,
        samples: table.samples,
        durations: table.durations,
        offsets: table.offsets,
        sizes: table.sizes,
        sync: table.sync,
        chunks: table.chunks,
        samples_of_chunks: table.samples_of_chunks,
        usual_duration: table.usual_duration,
        duration: table.duration,
    };
    Ok((track, [table.first_chunk, table.lowest_chunk]))
}

/// The media has to be in the file itself (8.7.2).
fn check_data_reference(minf: &[u8]) -> Result<(), Mp4Error> {
    let Some(dinf) = find(MINF, minf, DINF)? else {
        return Ok(());
    };
    let dref = require(DINF, dinf, DREF)?;
    for entry in Boxes::new(DREF, dref.get(8..).unwrap_or_default()) {
        let (box_type, payload) = entry?;
        let [_, _, _, flags] = field::<4>(box_type, payload, 0)?;
        // QuickTime writes `alis` where the standard has `url `; the flag is the same.
        if flags & 1 == 0 {
            return Err(Mp4Error::Unsupported {
                box_type: DREF,
                what: "media in another file",
            });
        }
    }
    Ok(())
}

impl Edit {
    fn read(elst: &[u8]) -> Result<Self, Mp4Error> {
        let unsupported = |what| Err(Mp4Error::Unsupported { box_type: ELST, what });
        let wide = version(ELST, elst)? == 1;
        let width = if wide { 20 } else { 12 };
        let (_, rows) = entries(ELST, elst, 8, number(ELST, elst, 4)?, width)?;
        let mut edit = Self::default();
        let (mut media_seen, mut empty_seen) = (false, false);
        for row in rows.chunks_exact(width) {
            let (duration, media_time) = if wide {
                (long(ELST, row, 0)?, long(ELST, row, 8)?.cast_signed())
            } else {
                let media_time = number(ELST, row, 4)?.cast_signed();
                (u64::from(number(ELST, row, 0)?), i64::from(media_time))
            };
            if media_seen {
                return unsupported("several edits of the media, or an empty one behind it");
            }
            if media_time == -1 {
                edit.empty = edit.empty.checked_add(duration).ok_or(Mp4Error::Invalid {
                    box_type: ELST,
                    rule: "its durations have more than 64 bits",
                })?;
                empty_seen = true;
                continue;
            }
            if number(ELST, row, width - 4)? != 0x0001_0000 {
                return unsupported("media played at another rate");
            }
            if !(0..1 << 60).contains(&media_time) {
                return unsupported("an edit that begins outside of the media");
            }
            media_seen = true;
            edit.media_time = media_time;
            // Zero: to the end, as muxers write it before they know.
            edit.duration = Some(duration).filter(|duration| *duration > 0);
        }
        if empty_seen && !media_seen {
            return unsupported("a track of which nothing is presented");
        }
        Ok(edit)
    }
}

impl TrackTables {
    /// Has the chunks, which count from `first`, count from `base`.
    fn rebase(&mut self, first: u64, base: u64) {
        let mut packer = crate::mp4::runs::Packer::default();
        let mut chunks = self.chunks.iter();
        if chunks.peek().is_some() {
            chunks.pass(1);
            packer.push(1, (first - base).cast_signed());
        }
        for (count, gap) in chunks {
            packer.push(count, gap);
        }
        self.chunks = packer.finish();
    }
}
