//! Every form in which a table may come, and what is refused.

use super::read::MAX_SOUNDS;
use super::*;
use crate::mp4::test_clip::{Clip, Sound, avc1, be32, boxed, clip, picture, sound_entry};
use crate::mp4::{Mp4Error, Scanner};

/// The parts of a `moov` with one video track; tests exchange them.
struct Parts {
    stbl: Vec<(&'static [u8; 4], Vec<u8>)>,
    edits: Vec<u8>,
    mdhd: Vec<u8>,
    more: Vec<u8>,
}

fn parts() -> Parts {
    Parts {
        stbl: vec![
            (b"stsd", [be32(&[0, 1]), avc1(0)].concat()),
            (b"stts", be32(&[0, 3, 2, 40, 0, 99, 3, 50])),
            (b"stss", be32(&[0, 2, 1, 4])),
            (b"stsc", be32(&[0, 1, 1, 2, 1])),
            (b"stsz", be32(&[0, 0, 5, 7, 8, 9, 10, 11])),
            (b"stco", be32(&[0, 3, 1000, 900, 1100])),
        ],
        edits: Vec::new(),
        mdhd: be32(&[0, 0, 0, 1000, 230, 0x55c4_0000]),
        more: Vec::new(),
    }
}

impl Parts {
    fn with(mut self, name: &'static [u8; 4], payload: Vec<u8>) -> Self {
        self.stbl.retain(|(other, _)| *other != name);
        self.stbl.push((name, payload));
        self
    }

    fn without(mut self, name: &[u8; 4]) -> Self {
        self.stbl.retain(|(other, _)| *other != name);
        self
    }

    fn with_edits(self, rows: &[u32]) -> Self {
        let count = u32::try_from(rows.len() / 3).expect("small");
        let elst = boxed(b"elst", &[&be32(&[0, count]), &be32(rows)]);
        Self {
            edits: boxed(b"edts", &[&elst]),
            ..self
        }
    }

    fn trak(&self, handler: &[u8; 4]) -> Vec<u8> {
        let stbl: Vec<u8> = self
            .stbl
            .iter()
            .flat_map(|(name, payload)| boxed(name, &[payload]))
            .collect();
        let mdia = boxed(
            b"mdia",
            &[
                &boxed(b"mdhd", &[&self.mdhd]),
                &boxed(b"hdlr", &[&be32(&[0, 0]), handler, &[0; 13]]),
                &boxed(b"minf", &[&boxed(b"stbl", &[&stbl])]),
            ],
        );
        boxed(
            b"trak",
            &[&boxed(b"tkhd", &[&be32(&[7]), &[0; 80]]), &self.edits, &mdia],
        )
    }

    fn read(&self) -> Result<ClipTables, Mp4Error> {
        ClipTables::read(
            &[
                boxed(b"mvhd", &[&be32(&[0, 0, 0, 1000, 230])]),
                self.trak(b"vide"),
                self.more.clone(),
                vec![0; 4],
            ]
            .concat(),
        )
    }

    /// Number, decode time, offset, size and place of every sample.
    fn samples(&self) -> Vec<(u32, i64, i32, u32, u64)> {
        let tables = self.read().expect("valid");
        let (mut cursor, mut samples) = (tables.video().spans(), Vec::new());
        while let Some(span) = cursor.next_before(u32::MAX) {
            for place in 0..span.count {
                let one = span.part(place..place + 1);
                samples.push((one.first, one.dts, one.offset, one.size, tables.base() + one.at));
            }
        }
        samples
    }
}

#[test]
fn all_tables_agree_on_each_sample() {
    let expected = [
        (0, 0, 0, 7, 1000),
        (1, 40, 0, 8, 1007),
        (2, 80, 0, 9, 900),
        (3, 130, 0, 10, 909),
        (4, 180, 0, 11, 1100),
    ];
    // The last chunk counts a sample more than there is, a row of durations counts none, and chunks stand in any order.
    assert_eq!(parts().samples(), expected);
    let wide: Vec<u8> = [1000u64, 900, 1100]
        .iter()
        .flat_map(|place| place.to_be_bytes())
        .collect();
    let wide = parts()
        .without(b"stco")
        .with(b"co64", [be32(&[0, 3]), wide].concat());
    assert_eq!(wide.samples(), expected);
    let more_chunks = parts().with(b"stco", be32(&[0, 4, 1000, 900, 1100, 5]));
    assert_eq!(more_chunks.samples(), expected);
    for (width, sizes) in [
        (4, vec![0x78, 0x9a, 0xb0]),
        (8, vec![7, 8, 9, 10, 11]),
        (16, vec![0, 7, 0, 8, 0, 9, 0, 10, 0, 11]),
    ] {
        let compact = parts()
            .without(b"stsz")
            .with(b"stz2", [be32(&[0, width, 5]), sizes].concat());
        assert_eq!(compact.samples(), expected, "{width}");
    }
}

#[test]
fn offsets_may_be_negative_and_too_few() {
    let minus = (-20i32).cast_unsigned();
    let offsets = |parts: Parts| parts.samples().iter().map(|sample| sample.2).collect::<Vec<_>>();
    assert_eq!(
        offsets(parts().with(b"ctts", be32(&[0x0100_0000, 2, 1, minus, 2, 30]))),
        [-20, 30, 30, 0, 0]
    );
    assert!(parts().with(b"ctts", be32(&[0, 1, 6, 0])).read().is_err());
}

#[test]
fn times_are_told_in_microseconds() {
    let tables = parts().read().expect("valid");
    let sync: Vec<_> = tables
        .video_sync_samples()
        .map(|sync| (sync.number, sync.at_us))
        .collect();
    assert_eq!(sync, [(0, 0), (3, 130_000)]);
    assert_eq!((tables.video_samples(), tables.video_end_us()), (5, 230_000));
    assert_eq!(
        (
            tables.usual_picture_us(),
            tables.picture_us(1),
            tables.picture_us(5)
        ),
        (50_000, Some(40_000), None)
    );
    let all = parts().without(b"stss").read().expect("valid");
    assert_eq!(all.video_sync_samples().count(), 5);
}

/// Twenty pictures of 40 ms and one that stands for a second; and a camera that sends one a second.
#[test]
fn a_hiccup_is_no_frame() {
    let frame = |deltas: &[u32]| {
        let pictures = deltas.iter().enumerate();
        let clip = Clip {
            name: 1,
            timescale: 1000,
            video: pictures
                .map(|(number, delta)| picture(*delta, number == 0))
                .collect(),
            sound: None,
            chunk: 5,
            moov_first: true,
            wide: false,
            padding: 0,
            every_sync: false,
        };
        let mut scanner = Scanner::new();
        scanner.push(&bytes::Bytes::from(clip.file())).expect("a clip");
        scanner
            .tables()
            .expect("tables")
            .expect("valid")
            .frame_inside_us()
    };
    let mut deltas = vec![40; 21];
    deltas[7] = 1000;
    assert_eq!(frame(&deltas), 40_000);
    assert_eq!(frame(&[1000; 8]), 1_000_000);
    assert_eq!(frame(&[40, 1000, 40, 40]), 40_000);
    // The last is not looked at, if there is another.
    assert_eq!(frame(&[40, 1000]), 40_000);
    assert_eq!(frame(&[70]), 70_000);
}

#[test]
fn headers_have_two_versions() {
    let mut wide = parts();
    wide.mdhd = [
        be32(&[0x0100_0000]),
        vec![0; 16],
        be32(&[1000, 0, 230, 0x55c4_0000]),
    ]
    .concat();
    assert!(
        wide.read()
            .expect("valid")
            .same_media(&parts().read().expect("valid"))
    );
    let narrow = parts()
        .with_edits(&[100, u32::MAX, 0x0001_0000, 130, 20, 0x0001_0000])
        .read()
        .expect("valid");
    let rows = [100u64.to_be_bytes(), u64::MAX.to_be_bytes()].concat();
    let media = [130u64.to_be_bytes(), 20u64.to_be_bytes()].concat();
    let rate = be32(&[0x0001_0000]);
    let mut wide = parts();
    wide.edits = boxed(
        b"edts",
        &[&boxed(
            b"elst",
            &[&be32(&[0x0100_0000, 2]), &rows, &rate, &media, &rate],
        )],
    );
    assert!(wide.read().expect("valid").same_media(&narrow));
    assert_eq!(
        narrow.video().edit,
        Edit {
            empty: 100,
            media_time: 20,
            duration: Some(130)
        }
    );
}

#[test]
fn a_clip_is_the_same_wherever_its_media_begins() {
    let moved = parts().with(b"stco", be32(&[0, 3, 1100, 1000, 1200]));
    let torn = parts().with(b"stco", be32(&[0, 3, 1000, 901, 1100]));
    let tables = parts().read().expect("valid");
    assert!(tables.same_media(&moved.read().expect("valid")));
    assert!(!tables.same_media(&torn.read().expect("valid")));
}

#[test]
fn other_tracks_are_named() {
    let mut clip = parts();
    let mdia = boxed(b"mdia", &[&boxed(b"hdlr", &[&be32(&[0, 0]), b"text", &[0; 13]])]);
    clip.more = boxed(b"trak", &[&mdia]);
    assert_eq!(clip.read().expect("valid").left_out(), [FourCC(*b"text")]);
}

#[test]
fn tables_that_contradict_each_other_are_refused() {
    for (name, payload) in [
        (b"stts", be32(&[0, 1, 4, 40])),
        (b"stts", be32(&[0, 1, 6, 40])),
        (b"stts", be32(&[0, 2, 5, 40])),
        (b"stts", be32(&[0, 1, u32::MAX, u32::MAX])),
        (b"stsc", be32(&[0, 1, 1, 1, 1])),
        (b"stsc", be32(&[0, 1, 2, 2, 1])),
        (b"stsc", be32(&[0, 1, 1, 0, 1])),
        (b"stsc", be32(&[0, 1, 1, 2, 2])),
        (b"stsc", be32(&[0, 2, 1, 2, 1, 1, 2, 1])),
        (b"stsc", be32(&[0, 2, 1, 2, 1, 4, 2, 1])),
        (b"stss", be32(&[0, 2, 4, 1])),
        (b"stss", be32(&[0, 1, 6])),
        (b"stss", be32(&[0, 1, 0])),
        (b"stsz", be32(&[0, 0, 6, 7, 8, 9, 10, 11])),
        (b"stsd", [be32(&[0, 2]), avc1(0)].concat()),
    ] {
        let refused = parts().with(name, payload.clone()).read();
        assert!(
            matches!(refused, Err(Mp4Error::Invalid { .. })),
            "{name:?} {payload:?} {refused:?}"
        );
    }
    let far = [be32(&[0, 3]), vec![0xff; 24]].concat();
    assert!(parts().without(b"stco").with(b"co64", far).read().is_err());
}

#[test]
fn what_no_joiner_can_use_is_named() {
    let unsupported = |parts: Parts| assert!(matches!(parts.read(), Err(Mp4Error::Unsupported { .. })));
    let encrypted = [be32(&[0, 1]), boxed(b"encv", &[&[0; 78]])].concat();
    unsupported(parts().with(b"stsd", encrypted));
    unsupported(parts().with(b"stsd", [be32(&[0, 2]), avc1(0), avc1(1)].concat()));
    unsupported(parts().with(b"saiz", vec![0; 9]));
    unsupported(parts().with_edits(&[100, 0, 0x0001_0000, 100, 120, 0x0001_0000]));
    unsupported(parts().with_edits(&[100, 0, 0x0002_0000]));
    unsupported(parts().with_edits(&[100, 0, 0x0001_0000, 100, u32::MAX, 0x0001_0000]));
    unsupported(parts().with_edits(&[100, u32::MAX, 0x0001_0000]));
    unsupported(parts().with(b"stts", be32(&[0, 1, 5, u32::MAX])));
    // Two entries that mean the same are one.
    assert!(
        parts()
            .with(b"stsd", [be32(&[0, 2]), avc1(0), avc1(0)].concat())
            .read()
            .is_ok()
    );
}

#[test]
fn no_twenty_bytes_of_sound_fill_the_memory() {
    let with_sound = |samples| Parts {
        more: parts()
            .with(b"stsd", [be32(&[0, 1]), sound_entry(b"alaw", 8000, 0)].concat())
            .with(b"stts", be32(&[0, 1, samples, 0]))
            .with(b"stsc", be32(&[0, 1, 1, samples, 1]))
            .with(b"stsz", be32(&[0, 1, samples]))
            .trak(b"soun"),
        ..parts()
    };
    let refused = with_sound(MAX_SOUNDS + 1).read();
    assert!(
        matches!(refused, Err(Mp4Error::Unsupported { .. })),
        "{refused:?}"
    );
    let tables = with_sound(MAX_SOUNDS).read().expect("valid");
    assert_eq!(tables.sound_sizes(i64::MIN..i64::MAX).len(), MAX_SOUNDS_LISTED);
}

/// Whether sound of these durations, in milliseconds, pauses.
fn pauses(durations: &[u32]) -> bool {
    let sound = Sound {
        codec: *b"alaw",
        rate: 8000,
        timescale: 1000,
        samples: durations.iter().map(|delta| (*delta, 160)).collect(),
        empty_ms: 0,
        media_time: 0,
    };
    let clip = clip(1, 4, Some(sound));
    let mut scanner = Scanner::new();
    scanner.push(&clip.file()).expect("an MP4");
    scanner.tables().expect("a moov").expect("tables").sound_pauses()
}

#[test]
fn pauses_of_the_sound_add_up_and_jitter_does_not() {
    let every = |tenth: u32, others: u32| -> Vec<u32> {
        (0..500)
            .map(|number| if number % 10 == 5 { tenth } else { others })
            .collect()
    };
    assert!(!pauses(&every(20, 20)));
    assert!(pauses(&every(50, 20)), "thirty milliseconds, again and again");
    assert!(!pauses(&every(22, 20)), "rounded");
    let mut late = every(20, 20);
    for three in late.chunks_exact_mut(3) {
        three.copy_from_slice(&[35, 20, 5]);
    }
    assert!(!pauses(&late), "each is made up for");
    let mut once = every(20, 20);
    once[250] = 99;
    assert!(!pauses(&once));
    once[250] = 101;
    assert!(pauses(&once));
    let mut last = every(20, 20);
    last[499] = 5000;
    assert!(!pauses(&last), "nothing follows");
}
