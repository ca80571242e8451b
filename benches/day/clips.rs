//! Clips that are nothing but tables: what a day of them says, without its 24 GB of media.

use clip_export::mp4::{ClipTables, Scanner};
use mp4_atom::{
    Codec, Ctts, CttsEntry, Decode as _, DecodeMaybe as _, Encode as _, Header, Moov, Stco, Stsc, StscEntry,
    Stsz, StszSamples, Stts, SttsEntry, Trak,
};

/// Seconds of a clip, of which a day has [`CLIPS`].
const SECONDS: u32 = 400;

/// Clips of a day.
pub(crate) const CLIPS: u32 = 24 * 60 * 60 / SECONDS;

/// Pictures of a clip at 30 a second, and sounds of AAC at 48 kHz, 1,024 samples each.
const PICTURES: u32 = SECONDS * 30;
const SOUNDS: u32 = SECONDS * 48_000 / 1_024;

/// Samples of a day.
pub(crate) const SAMPLES: u64 = CLIPS as u64 * (PICTURES as u64 + SOUNDS as u64);

/// A group of pictures is two seconds, and so is a chunk.
const GROUP: u32 = 60;

/// A real clip with AAC, whose sample entries are used.
const TEMPLATE: &[u8] = include_bytes!("../../local/footage/clock-h264-aac.mp4");

/// How a service may write its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 90 kHz and the sampling rate, pictures in the order in which they are decoded.
    Even,
    /// Every track in milliseconds, so that durations take turns: 33, 33, 34.
    Milliseconds,
    /// 90 kHz with B-frames, each with an offset of its own.
    Reordered,
}

/// A clip as it comes: `ftyp`, `moov`, and how long the media is that would follow.
pub(crate) struct Clip {
    head: Vec<u8>,
    media: u64,
}

impl Clip {
    /// A clip of [`SECONDS`] in that shape.
    pub(crate) fn new(shape: Shape) -> Self {
        let (mut ftyp, mut moov) = (0..0, None);
        let mut rest = TEMPLATE;
        while let Ok(Some(header)) = Header::decode_maybe(&mut rest) {
            let start = TEMPLATE.len() - rest.len() - 8;
            let size = header.size.expect("a size");
            match &header.kind.to_string()[..] {
                "ftyp" => ftyp = start..start + 8 + size,
                "moov" => moov = Some(Moov::decode(&mut &TEMPLATE[start..]).expect("a moov")),
                _ => {}
            }
            rest = &rest[size..];
        }
        let mut moov = moov.expect("a moov");
        let video = sizes(PICTURES, 9_000, 1);
        let audio = sizes(SOUNDS, 170, 2);
        let media: u64 = video.iter().chain(&audio).map(|size| u64::from(*size)).sum();
        // Chunks take turns; where the media begins is known once `moov` is.
        let mut head = Vec::new();
        for start in [
            0,
            TEMPLATE[ftyp.clone()].len() + head_length(&mut moov, shape, &video, &audio) + 16,
        ] {
            lay_out(
                &mut moov,
                shape,
                (&video, &audio),
                u32::try_from(start).expect("small"),
            );
            head.clear();
            head.extend(&TEMPLATE[ftyp.clone()]);
            moov.encode(&mut head).expect("room");
        }
        head.extend(1_u32.to_be_bytes());
        head.extend(b"mdat");
        head.extend((media + 16).to_be_bytes());
        Self { head, media }
    }

    /// Reads the tables, as an export does while the media goes by.
    pub(crate) fn scan(&self) -> ClipTables {
        let mut scanner = Scanner::new();
        scanner.push(&self.head).expect("an MP4");
        assert_eq!(scanner.skippable(), self.media);
        scanner.skip(self.media);
        scanner.tables().expect("a moov").expect("tables")
    }
}

/// Bytes of `moov`, wherever its media lies.
fn head_length(moov: &mut Moov, shape: Shape, video: &[u32], audio: &[u32]) -> usize {
    lay_out(moov, shape, (video, audio), 0);
    let mut encoded = Vec::new();
    moov.encode(&mut encoded).expect("room");
    encoded.len()
}

/// Sizes of samples around `usual`, the same in every run.
fn sizes(count: u32, usual: u32, seed: u64) -> Vec<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| random.u32(usual / 2..usual * 3 / 2)).collect()
}

fn lay_out(moov: &mut Moov, shape: Shape, (video, audio): (&[u32], &[u32]), start: u32) {
    // Sounds of a chunk: the time of a group, as even as whole frames allow.
    let groups = PICTURES / GROUP;
    let until = |group: u32| (u64::from(SOUNDS) * u64::from(group) / u64::from(groups)) as usize;
    let (mut at, mut chunks) = (start, (Vec::new(), Vec::new()));
    let mut rows: Vec<StscEntry> = Vec::new();
    for group in 0..groups {
        let pictures = GROUP as usize * group as usize..GROUP as usize * (group as usize + 1);
        chunks.0.push(at);
        at += video[pictures].iter().sum::<u32>();
        let sounds = until(group)..until(group + 1);
        let samples_per_chunk = sounds.len() as u32;
        if rows
            .last()
            .is_none_or(|row| row.samples_per_chunk != samples_per_chunk)
        {
            rows.push(StscEntry {
                first_chunk: group + 1,
                samples_per_chunk,
                sample_description_index: 1,
            });
        }
        chunks.1.push(at);
        at += audio[sounds].iter().sum::<u32>();
    }
    let pictures = vec![StscEntry {
        first_chunk: 1,
        samples_per_chunk: GROUP,
        sample_description_index: 1,
    }];
    set(&mut moov.trak[0], video, chunks.0, pictures);
    set(&mut moov.trak[1], audio, chunks.1, rows);
    moov.trak[0].mdia.minf.stbl.stss = Some(mp4_atom::Stss {
        entries: (0..groups).map(|n| n * GROUP + 1).collect(),
    });
    times(
        &mut moov.trak[0],
        if shape == Shape::Milliseconds {
            1_000
        } else {
            90_000
        },
        PICTURES,
        (1, 30),
    );
    times(
        &mut moov.trak[1],
        if shape == Shape::Milliseconds {
            1_000
        } else {
            48_000
        },
        SOUNDS,
        (1_024, 48_000),
    );
    if shape == Shape::Reordered {
        // I B B P: what is decoded second is shown fourth.
        let offsets = [1, 3, 0, 0].iter().cycle().take(PICTURES as usize);
        let entries = offsets.map(|pictures| CttsEntry {
            sample_count: 1,
            sample_offset: pictures * 3_000,
        });
        moov.trak[0].mdia.minf.stbl.ctts = Some(Ctts {
            entries: entries.collect(),
        });
    }
    as_48_khz(&mut moov.trak[1]);
    moov.mvhd.timescale = 1_000;
    moov.mvhd.duration = u64::from(SECONDS) * 1_000;
    moov.udta = None;
}

fn set(trak: &mut Trak, sizes: &[u32], chunks: Vec<u32>, rows: Vec<StscEntry>) {
    let table = &mut trak.mdia.minf.stbl;
    table.stsz = Stsz {
        samples: StszSamples::Different {
            sizes: sizes.to_vec(),
        },
    };
    table.stco = Some(Stco { entries: chunks });
    table.stsc = Stsc { entries: rows };
    table.ctts = None;
    trak.tkhd.duration = u64::from(SECONDS) * 1_000;
    trak.edts = None;
}

/// Times every `numerator / denominator` seconds, each rounded by itself.
fn times(trak: &mut Trak, timescale: u32, count: u32, (numerator, denominator): (u64, u64)) {
    let at = |n: u32| (u64::from(n) * numerator * u64::from(timescale) + denominator / 2) / denominator;
    let mut entries: Vec<SttsEntry> = Vec::new();
    for number in 0..count {
        let sample_delta = u32::try_from(at(number + 1) - at(number)).expect("small");
        match entries.last_mut() {
            Some(run) if run.sample_delta == sample_delta => run.sample_count += 1,
            _ => entries.push(SttsEntry {
                sample_count: 1,
                sample_delta,
            }),
        }
    }
    trak.mdia.mdhd.timescale = timescale;
    trak.mdia.mdhd.duration = at(count);
    trak.mdia.minf.stbl.stts = Stts { entries };
}

/// The template's sound is 16 kHz.
fn as_48_khz(trak: &mut Trak) {
    for codec in &mut trak.mdia.minf.stbl.stsd.codecs {
        if let Codec::Mp4a(mp4a) = codec {
            mp4a.audio.sample_rate = 48_000_u16.into();
            let specific = mp4a.esds.es_desc.dec_config.dec_specific.as_mut().expect("AAC");
            // Index 3 is 48 kHz (ISO/IEC 14496-3, 1.6.3.4); without raw bytes the fields are written.
            specific.freq_index = 3;
            specific.raw.clear();
        }
    }
}
