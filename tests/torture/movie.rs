//! What is in an MP4: its coded pictures and sounds, byte for byte, read by a demuxer that is not the
//! function's. Comparing coded bytes says as much as hashes of decoded frames, for a thousandth of the time.

use std::ops::Range;
use std::path::Path;

use clip_export_local::footage::Footage;
use shiguredo_mp4::boxes::{ElstEntry, MoovBox, TrakBox};
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};
use shiguredo_mp4::{BoxHeader, Decode, TrackKind};

/// Bytes of G.711 in a packet of a camera.
const ALAW_PACKET: usize = 160;

/// A frame, and when it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Where its bytes stand in the file.
    pub(crate) place: Range<usize>,
    /// When it is presented, in milliseconds since the movie began; of a source since its track began.
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// A whole MP4.
pub(crate) struct Movie {
    pub(crate) file: Vec<u8>,
    pub(crate) pictures: Vec<Frame>,
    pub(crate) sounds: Vec<Frame>,
    /// What the edit lists present of the pictures and of the sound.
    pub(crate) shown: Range<f64>,
    pub(crate) heard: Range<f64>,
    pub(crate) moov_first: bool,
    /// Whether sound is G.711, which has no frames.
    pub(crate) is_alaw: bool,
}

impl Movie {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let file = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::of_bytes(file)
    }

    pub(crate) fn of_bytes(file: Vec<u8>) -> Result<Self, String> {
        let mut movie = Self::of(file)?;
        let (moov, _) = moov(&movie.file)?;
        for track in &moov.trak_boxes {
            let Some(edit) = Edit::of(track, f64::from(moov.mvhd_box.timescale.get()))? else {
                continue;
            };
            let (frames, presented) = match &track.mdia_box.hdlr_box.handler_type {
                b"vide" => (&mut movie.pictures, &mut movie.shown),
                _ => (&mut movie.sounds, &mut movie.heard),
            };
            for frame in frames {
                frame.start += edit.moved;
                frame.end += edit.moved;
            }
            *presented = edit.presented;
        }
        Ok(movie)
    }

    /// The source that a camera shows in a loop.
    pub(crate) fn source(footage: &Footage) -> Result<Self, String> {
        let mut movie = Self::of(footage.source_movie().to_vec())?;
        if let Some(alaw) = footage.source_alaw() {
            let begin = movie.file.len();
            movie.file.extend_from_slice(alaw);
            movie.is_alaw = true;
            movie.sounds = (0..alaw.len() / ALAW_PACKET)
                .map(|packet| Frame {
                    place: begin + packet * ALAW_PACKET..begin + (packet + 1) * ALAW_PACKET,
                    start: packet as f64 * 20.0,
                    end: packet as f64 * 20.0 + 20.0,
                })
                .collect();
        }
        Ok(movie)
    }

    fn of(file: Vec<u8>) -> Result<Self, String> {
        let (moov, moov_first) = moov(&file)?;
        let mut demuxer = Mp4FileDemuxer::new();
        demuxer.handle_input(Input {
            position: 0,
            data: &file,
        });
        demuxer.tracks().map_err(|error| error.to_string())?;
        let (mut pictures, mut sounds, mut is_alaw) = (Vec::new(), Vec::new(), false);
        while let Some(sample) = demuxer.next_sample().map_err(|error| error.to_string())? {
            let rate = f64::from(sample.track.timescale.get()) / 1000.0;
            let begin = usize::try_from(sample.data_offset).map_err(|_| "an offset of more than 64 bits")?;
            let place = begin..begin + sample.data_size;
            if place.end > file.len() {
                return Err(format!("a sample at {place:?} of {} bytes", file.len()));
            }
            let start = sample.timestamp as f64 + sample.composition_time_offset.unwrap_or(0) as f64;
            let frame = Frame {
                place,
                start: start / rate,
                end: (start + f64::from(sample.duration)) / rate,
            };
            match sample.track.kind {
                TrackKind::Video => pictures.push(frame),
                TrackKind::Audio => sounds.push(frame),
                TrackKind::Subtitle => return Err("there are subtitles".to_owned()),
            }
        }
        for track in &moov.trak_boxes {
            is_alaw |= format!("{:?}", track.mdia_box.minf_box.stbl_box.stsd_box).contains("alaw");
        }
        Ok(Self {
            file,
            pictures,
            sounds,
            shown: 0.0..f64::INFINITY,
            heard: 0.0..f64::INFINITY,
            moov_first,
            is_alaw,
        })
    }

    pub(crate) fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.file[frame.place.clone()]
    }

    /// Sound in the units that a joiner may put in or leave out: frames, and of G.711 its bytes.
    pub(crate) fn units<'a>(&'a self, frames: impl Iterator<Item = &'a Frame>) -> Vec<&'a [u8]> {
        if !self.is_alaw {
            return frames.map(|frame| self.bytes(frame)).collect();
        }
        frames.flat_map(|frame| self.bytes(frame).chunks(1)).collect()
    }
}

/// What an edit list does to its track; in milliseconds.
struct Edit {
    /// From the time of the media to that of the movie.
    moved: f64,
    presented: Range<f64>,
}

impl Edit {
    /// The one edit that a track may have, behind one empty edit: no player keeps sound and picture together
    /// over more.
    fn of(track: &TrakBox, movie_timescale: f64) -> Result<Option<Self>, String> {
        let edits = track.edts_box.as_ref().and_then(|edits| edits.elst_box.as_ref());
        let entries = edits.map_or(&[][..], |edits| &edits.entries);
        let length = |entry: &ElstEntry| entry.edit_duration as f64 * 1000.0 / movie_timescale;
        let (empty, media) = match entries {
            [] => return Ok(None),
            [media] if media.media_time >= 0 => (0.0, media),
            [empty, media] if empty.media_time == -1 && media.media_time >= 0 => (length(empty), media),
            other => return Err(format!("an edit list of another kind: {other:?}")),
        };
        let timescale = f64::from(track.mdia_box.mdhd_box.timescale.get());
        Ok(Some(Self {
            moved: empty - media.media_time as f64 * 1000.0 / timescale,
            presented: empty..empty + length(media),
        }))
    }
}

/// The `moov`, and whether it stands before the media.
fn moov(file: &[u8]) -> Result<(MoovBox, bool), String> {
    let (mut at, mut seen_media) = (0usize, false);
    while at < file.len() {
        let (header, _) = BoxHeader::decode(&file[at..]).map_err(|error| error.to_string())?;
        let size = usize::try_from(header.box_size.get()).map_err(|_| "a box of more than 64 bits")?;
        match header.box_type.as_bytes() {
            b"moov" => {
                let (moov, _) = MoovBox::decode(&file[at..]).map_err(|error| error.to_string())?;
                return Ok((moov, !seen_media));
            }
            b"mdat" => seen_media = true,
            _ => {}
        }
        if size == 0 {
            break;
        }
        at += size;
    }
    Err("there is no moov".to_owned())
}

/// Whether a picture is that of the source, be it filled up to a bit rate with one NAL unit of filler data,
/// which decoders skip (ISO 14496-10, 7.3.2.7; ISO 23008-2, 7.3.2.8).
pub(crate) fn is_picture(stored: &[u8], source: &[u8]) -> bool {
    let Some(rest) = stored.strip_prefix(source) else {
        return false;
    };
    let Some((length, unit)) = rest.split_first_chunk::<4>() else {
        return rest.is_empty();
    };
    let payload = unit
        .strip_prefix(&[0x0c])
        .or_else(|| unit.strip_prefix(&[0x4c, 0x01]));
    let Some((0x80, fill)) = payload.and_then(<[u8]>::split_last) else {
        return false;
    };
    const FILL: [u8; 4096] = [0xff; 4096];
    u32::from_be_bytes(*length) as usize == unit.len()
        && fill.chunks(FILL.len()).all(|chunk| *chunk == FILL[..chunk.len()])
}
