//! The structure of a file, as three readers find it that are not ours.
//!
//! No conformance checker of ISO's own can be installed from Debian or PyPI (MP4Box, Bento4 and L-SMASH are in neither),
//! so strictness comes from three sides: MediaInfo finds boxes that do not nest, a file that ends too early and coded
//! data that is not where the tables say; mp4-atom (built to be strict) finds boxes that are missing, unknown, too many
//! or not used up; `shiguredo_mp4` walks every sample. Whether the tables agree with each other (ISO/IEC 14496-12, 8.6
//! and 8.7) is asked of what mp4-atom read.

use std::ops::Range;
use std::path::Path;

use mp4_atom::{Buf as _, Decode as _, DecodeMaybe as _, Header, Moov, StszSamples, Trak};
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};

use crate::tools::{Verdict, ask};

/// A file's boxes: what each is called, and where its content lies.
pub(crate) fn top_level(file: &[u8]) -> Result<Vec<(String, Range<usize>)>, String> {
    let mut rest = file;
    let mut boxes = Vec::new();
    while rest.has_remaining() {
        let header = Header::decode_maybe(&mut rest)
            .map_err(|error| error.to_string())?
            .ok_or("half a box")?;
        let start = file.len() - rest.len();
        let size = header.size.unwrap_or(rest.len());
        if size > rest.len() {
            return Err(format!("{} ends after the file", header.kind));
        }
        boxes.push((header.kind.to_string(), start..start + size));
        rest.advance(size);
    }
    Ok(boxes)
}

/// The file is `ftyp`, `moov`, `mdat`, in this order, and nothing else.
pub(crate) fn moov_comes_first(file: &Path) -> Verdict {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let names: Vec<String> = top_level(&bytes)?.into_iter().map(|(name, _)| name).collect();
    if names == ["ftyp", "moov", "mdat"] {
        Ok(())
    } else {
        Err(format!("{names:?}"))
    }
}

/// MediaInfo's conformance checks find nothing. `JUDGE_PYTHON` is a Python that has what `requirements.txt` lists.
pub(crate) fn mediainfo_finds_nothing(file: &Path) -> Verdict {
    let python = std::env::var_os("JUDGE_PYTHON")
        .expect("JUDGE_PYTHON names a Python with tests/join/requirements.txt: `make test` sets it");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/join/judges/conformance.py");
    let said = ask(python, [script.as_ref(), file.as_os_str()])?;
    let said: serde_json::Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
    let video = said["tracks"]
        .as_array()
        .is_some_and(|tracks| tracks.iter().any(|track| track == "Video"));
    if !video {
        return Err("no video found".to_owned());
    }
    let nothing = said["findings"].as_array().is_some_and(Vec::is_empty);
    if nothing {
        Ok(())
    } else {
        Err(said["findings"].to_string())
    }
}

/// What mp4-atom finds in `moov`; the file holds it whole.
pub(crate) fn moov(file: &[u8]) -> Result<Moov, String> {
    let boxes = top_level(file)?;
    let (_, content) = boxes.iter().find(|(name, _)| name == "moov").ok_or("no moov")?;
    let mut bytes = file[content.start - 8..content.end].to_vec();
    // mp4-atom has no G.711, whose sample entries are laid out as those of linear PCM are.
    for name in [b"alaw", b"ulaw"] {
        let found = bytes.windows(4).position(|window| window == name);
        if let Some(at) = found {
            bytes[at..at + 4].copy_from_slice(b"sowt");
        }
    }
    let mut rest = bytes.as_slice();
    let moov = Moov::decode(&mut rest).map_err(|error| format!("mp4-atom: {error}"))?;
    if rest.has_remaining() {
        Err("mp4-atom: moov is not used up".to_owned())
    } else {
        Ok(moov)
    }
}

/// mp4-atom reads `moov`, and its tables agree with each other and with the media.
pub(crate) fn mp4_atom_agrees(file: &Path) -> Verdict {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let boxes = top_level(&bytes)?;
    let (_, media) = boxes.iter().find(|(name, _)| name == "mdat").ok_or("no mdat")?;
    let moov = moov(&bytes)?;
    let longest = moov.trak.iter().map(|trak| trak.tkhd.duration).max().unwrap_or(0);
    if moov.mvhd.duration != longest {
        return Err(format!(
            "mvhd lasts {}, its longest track {longest}",
            moov.mvhd.duration
        ));
    }
    for trak in &moov.trak {
        tables_agree(trak, moov.mvhd.timescale, media)
            .map_err(|error| format!("track {}: {error}", trak.tkhd.track_id))?;
    }
    Ok(())
}

fn tables_agree(trak: &Trak, movie_timescale: u32, media: &Range<usize>) -> Verdict {
    let table = &trak.mdia.minf.stbl;
    let sizes: Vec<u64> = match &table.stsz.samples {
        StszSamples::Identical { count, size } => vec![u64::from(*size); *count as usize],
        StszSamples::Different { sizes } => sizes.iter().map(|size| u64::from(*size)).collect(),
    };
    let samples = sizes.len() as u64;
    let timed: u64 = table
        .stts
        .entries
        .iter()
        .map(|run| u64::from(run.sample_count))
        .sum();
    expect("samples in stts", timed, samples)?;
    let lasts = table
        .stts
        .entries
        .iter()
        .map(|run| u64::from(run.sample_count) * u64::from(run.sample_delta))
        .sum();
    expect("duration in mdhd", trak.mdia.mdhd.duration, lasts)?;
    if let Some(ctts) = &table.ctts {
        expect(
            "samples in ctts",
            ctts.entries.iter().map(|run| u64::from(run.sample_count)).sum(),
            samples,
        )?;
    }
    if let Some(stss) = &table.stss {
        let rises = stss.entries.windows(2).all(|pair| pair[0] < pair[1]);
        let inside =
            stss.entries.first() == Some(&1) && stss.entries.last().is_some_and(|n| u64::from(*n) <= samples);
        if !rises || !inside {
            return Err("stss does not rise from 1 within the samples".to_owned());
        }
    }
    edits_agree(trak, movie_timescale)?;
    chunks_agree(trak, &sizes, media)
}

/// One edit shows media, at most one empty edit stands before it, and the media is long enough for it.
fn edits_agree(trak: &Trak, movie_timescale: u32) -> Verdict {
    let Some(elst) = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref()) else {
        return Ok(());
    };
    let (last, before) = elst.entries.split_last().ok_or("an empty elst")?;
    let start = last.media_time.ok_or("the last edit is empty")?;
    if before.len() > 1 || before.iter().any(|entry| entry.media_time.is_some()) {
        return Err(format!("{} edits before the last", before.len()));
    }
    let total: u64 = elst.entries.iter().map(|entry| entry.segment_duration).sum();
    expect("duration in tkhd", trak.tkhd.duration, total)?;
    // The edit may reach a tick of the movie too far, to be rounded up.
    let media = u128::from(trak.mdia.mdhd.duration) * u128::from(movie_timescale);
    let shown = u128::from(last.segment_duration.saturating_sub(1)) * u128::from(trak.mdia.mdhd.timescale)
        + u128::from(start) * u128::from(movie_timescale);
    // Composition may end later than decoding does.
    let offset = trak
        .mdia
        .minf
        .stbl
        .ctts
        .iter()
        .flat_map(|ctts| &ctts.entries)
        .map(|run| run.sample_offset)
        .max();
    let latest = u128::try_from(offset.unwrap_or(0)).unwrap_or(0) * u128::from(movie_timescale);
    if shown > media + latest {
        Err("an edit shows more than there is".to_owned())
    } else {
        Ok(())
    }
}

/// Each chunk lies in the media, in file order, and all chunks together have the samples that `stsz` has.
fn chunks_agree(trak: &Trak, sizes: &[u64], media: &Range<usize>) -> Verdict {
    let table = &trak.mdia.minf.stbl;
    let offsets: Vec<u64> = match (&table.stco, &table.co64) {
        (Some(stco), None) => stco.entries.iter().map(|at| u64::from(*at)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        _ => return Err("neither stco nor co64, or both".to_owned()),
    };
    let mut runs = table.stsc.entries.iter().peekable();
    let mut run = runs.next().ok_or("an empty stsc")?;
    let mut sizes = sizes.iter();
    let mut end = media.start as u64;
    for (number, at) in (1_u32..).zip(offsets.iter().copied()) {
        if runs.peek().is_some_and(|next| next.first_chunk == number) {
            run = runs.next().ok_or("no run")?;
        }
        let entries = u32::try_from(table.stsd.codecs.len()).map_err(|error| error.to_string())?;
        if run.sample_description_index == 0 || run.sample_description_index > entries {
            return Err(format!("chunk {number} has no sample entry"));
        }
        if at < end {
            return Err(format!(
                "chunk {number} begins before {end}, where the one before ends"
            ));
        }
        let taken: Vec<u64> = sizes
            .by_ref()
            .take(run.samples_per_chunk as usize)
            .copied()
            .collect();
        expect(
            &format!("samples in chunk {number}"),
            taken.len() as u64,
            u64::from(run.samples_per_chunk),
        )?;
        end = at + taken.iter().sum::<u64>();
    }
    if end > media.end as u64 {
        return Err(format!("the last chunk ends at {end}, after the media"));
    }
    expect("samples in no chunk", sizes.count() as u64, 0)?;
    expect("runs of chunks that do not exist", runs.count() as u64, 0)
}

fn expect(what: &str, got: u64, expected: u64) -> Verdict {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what}: {got} instead of {expected}"))
    }
}

/// `shiguredo_mp4` demuxes every sample, all of them inside the file.
pub(crate) fn shiguredo_demuxes(file: &Path) -> Verdict {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let mut demuxer = Mp4FileDemuxer::new();
    demuxer.handle_input(Input {
        position: 0,
        data: &bytes,
    });
    let tracks = demuxer
        .tracks()
        .map_err(|error| format!("shiguredo_mp4: {error}"))?
        .len();
    let mut samples = 0_usize;
    while let Some(sample) = demuxer
        .next_sample()
        .map_err(|error| format!("shiguredo_mp4: {error}"))?
    {
        if sample.data_offset + sample.data_size as u64 > bytes.len() as u64 {
            return Err(format!("shiguredo_mp4: sample {samples} ends after the file"));
        }
        samples += 1;
    }
    if tracks == 0 || samples == 0 {
        Err("shiguredo_mp4: nothing".to_owned())
    } else {
        Ok(())
    }
}

/// All of the above.
pub(crate) fn are_right(file: &Path) -> Verdict {
    moov_comes_first(file)?;
    mp4_atom_agrees(file)?;
    shiguredo_demuxes(file)?;
    mediainfo_finds_nothing(file)
}
