//! Clips whose tracks all count milliseconds, which ffmpeg does not write.

use mp4_atom::{Any, Ctts, Decode as _, DecodeMaybe as _, Encode as _, Moov, Stts, SttsEntry, Trak};

/// The same clip with every track in milliseconds; each time is rounded by itself, so that durations vary by one.
///
/// `moov` has to stand last, so that its new size moves no media.
pub(crate) fn in_milliseconds(clip: &[u8]) -> Vec<u8> {
    let mut rest = clip;
    let mut at = 0;
    while let Some(found) = Any::decode_maybe(&mut rest).expect("boxes") {
        if let Any::Moov(moov) = found {
            assert!(rest.is_empty(), "moov stands last");
            let mut out = clip[..at].to_vec();
            rescaled(moov).encode(&mut out).expect("room");
            let again = Moov::decode(&mut &out[at..]);
            again.expect("readable");
            return out;
        }
        at = clip.len() - rest.len();
    }
    panic!("no moov");
}

fn rescaled(mut moov: Moov) -> Moov {
    for trak in &mut moov.trak {
        rescale(trak);
    }
    moov
}

fn rescale(trak: &mut Trak) {
    let timescale = u64::from(std::mem::replace(&mut trak.mdia.mdhd.timescale, 1_000));
    let rounded = |time: u64| (time * 1_000 + timescale / 2) / timescale;
    trak.mdia.mdhd.duration = rounded(trak.mdia.mdhd.duration);
    for entry in trak
        .edts
        .iter_mut()
        .flat_map(|edts| &mut edts.elst)
        .flat_map(|elst| &mut elst.entries)
    {
        entry.media_time = entry.media_time.map(rounded);
    }
    let table = &mut trak.mdia.minf.stbl;
    let mut decoded = vec![0];
    for run in &table.stts.entries {
        for _ in 0..run.sample_count {
            decoded.push(decoded[decoded.len() - 1] + u64::from(run.sample_delta));
        }
    }
    let offsets = table.ctts.take().map(|ctts| {
        let entries = ctts.entries.iter();
        entries
            .flat_map(|run| vec![run.sample_offset; run.sample_count as usize])
            .collect::<Vec<i64>>()
    });
    table.stts = Stts {
        entries: decoded
            .windows(2)
            .map(|at| one(rounded(at[1]) - rounded(at[0])))
            .collect(),
    };
    table.ctts = offsets.map(|offsets| {
        let presented = decoded.iter().zip(offsets).map(|(decoded, offset)| {
            let at = u64::try_from(i64::try_from(*decoded).expect("small") + offset)
                .expect("not before the start");
            let sample_offset =
                i64::try_from(rounded(at)).expect("small") - i64::try_from(rounded(*decoded)).expect("small");
            mp4_atom::CttsEntry {
                sample_count: 1,
                sample_offset,
            }
        });
        Ctts {
            entries: presented.collect(),
        }
    });
}

fn one(duration: u64) -> SttsEntry {
    SttsEntry {
        sample_count: 1,
        sample_delta: u32::try_from(duration).expect("small"),
    }
}
