//! A clip of any bytes between two good ones is refused, or makes a file that our own reader takes.
//!
//! Input: eight bytes that say what is selected and how, and the file of the clip in the middle.
#![no_main]

use std::ops::Range;

use bytes::Bytes;
use clip_export::mp4::{ClipTables, FragmentStart, Joiner, Scanner, Selection};
use libfuzzer_sys::fuzz_target;

/// Behind the eight bytes of the seed.
const GOOD: &[u8] = include_bytes!("../seeds/scanner/moov-first");

/// Most samples that a clip may claim: what has more takes long to write, and shows nothing new.
const MAX_SAMPLES: u64 = 100_000;

fuzz_target!(|input: &[u8]| {
    let Some((choices, file)) = input.split_first_chunk::<8>() else {
        return;
    };
    let exact = (choices[0] & 1 == 1).then(|| i64::from(choices[1]) * 20..i64::from(choices[2]) * 20);
    let is_exact = exact.is_some();
    let mut joiner = Joiner::new(exact);
    let mut payload = 0;
    // Pictures that were selected out of the clips that are in the file.
    let mut pictures = 0u64;
    // The one in the middle may also come first, which decides what sound has to be like, and twice.
    let mut files = vec![&GOOD[8..], file, file, &GOOD[8..]];
    if choices[6] & 1 == 1 {
        files.remove(0);
    }
    if choices[6] & 2 == 0 {
        files.remove(1);
    }
    for (index, file) in files.into_iter().enumerate() {
        let Some((tables, media)) = tables(file) else {
            continue;
        };
        let wall_ms = i64::try_from(index).unwrap_or(0) * 1000;
        let fragments: Vec<FragmentStart> = tables
            .video_sync_samples()
            .take(8)
            .enumerate()
            .map(|(number, sync)| FragmentStart {
                sample: sync.number,
                wall_ms: wall_ms + sync.at_us.min(1 << 40) / 1000,
                continues: choices[3] >> number & 1 == 1,
            })
            .collect();
        let end = tables.video_samples().saturating_sub(u32::from(choices[4] & 3));
        let selection = Selection {
            fragments: &fragments,
            end,
        };
        let first = fragments.first().map_or(end, |first| first.sample);
        let selected = u64::from(end.saturating_sub(first));
        if choices[6] & 4 == 4 && !joiner.may_insert() {
            let length = media.end - media.start;
            match joiner.begin_passed(tables, &selection, media) {
                Ok(()) => pictures += selected,
                Err(_) => joiner.abandon(length),
            }
            payload += length;
            assert_eq!(joiner.position(), payload);
            continue;
        }
        let Ok(mut recipe) = joiner.begin(tables.clone(), &selection) else {
            continue;
        };
        let mut out = Vec::new();
        let size = usize::from(choices[5]) * 8 + 1;
        // Silence can be as long as a wrong clip says.
        if recipe.len() < 1 << 24 {
            // Broken off, and begun again.
            let broken_off = usize::from(choices[7]) * 16;
            for (number, piece) in file[..broken_off.min(file.len())].chunks(size).enumerate() {
                recipe.feed((number * size) as u64, Bytes::copy_from_slice(piece), &mut out);
            }
            let given = recipe.given();
            recipe = joiner.begin_again(&tables).expect("the same media");
            recipe.resume_at(given);
            for (number, piece) in file.chunks(size).enumerate() {
                recipe.feed((number * size) as u64, Bytes::copy_from_slice(piece), &mut out);
            }
        }
        let given: u64 = out.iter().map(|piece| piece.len() as u64).sum();
        assert_eq!(given, recipe.given());
        if recipe.is_done() {
            joiner.commit();
            pictures += selected;
            payload += recipe.len();
        } else {
            joiner.abandon(given);
            payload += given;
        }
        assert_eq!(joiner.position(), payload);
    }
    let Ok(joined) = joiner.finish() else {
        return;
    };
    let mut scanner = Scanner::new();
    let mut length = 0;
    for piece in joined.head.pieces() {
        length += piece.len() as u64;
        scanner.push(&piece).expect("a head");
    }
    assert_eq!(length, joined.head.len());
    scanner.skip(payload);
    let tables = scanner.tables().expect("a moov").expect("tables");
    let video = &joined.movie.tracks[0];
    assert_eq!(u64::from(tables.video_samples()), video.samples);
    let told = video.samples + joined.report.leading_pictures_dropped + joined.report.hidden_pictures;
    // What an exact clip does not show it need not have.
    assert!(
        told == pictures || is_exact && told <= pictures,
        "{told} of {pictures} pictures"
    );
    assert_eq!(tables.video_sync_samples().count() as u64, video.sync_samples);
    assert_eq!(tables.audio().is_some(), joined.movie.tracks.len() == 2);
});

/// The tables of a file, and its first media.
fn tables(file: &[u8]) -> Option<(ClipTables, Range<u64>)> {
    let mut scanner = Scanner::new();
    let _ = scanner.push(file);
    let tables = scanner.tables()?.ok()?;
    let sound = tables.audio().map_or(0, |sound| u64::from(sound.samples()));
    let media = scanner.media().first().cloned().unwrap_or(0..0);
    (u64::from(tables.video_samples()) + sound <= MAX_SAMPLES).then_some((tables, media))
}
