//! What a scanner says does not depend on the pieces in which a file comes, nor on whether the media is
//! skipped; no bytes make it panic or keep more than a `moov` may have.
//!
//! Input: eight bytes, the sizes of the pieces in turn, and the file.
#![no_main]

use clip_export::mp4::{Movie, Mp4Error, Scanner};
use clip_export::plan::{Answer, TimeRange, doubts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((sizes, file)) = input.split_first_chunk::<8>() else {
        return;
    };
    let whole = scan([file]);
    assert_eq!(whole, scan(pieces(sizes, file)), "in pieces");
    let skipped = skip(sizes[0], file);
    if let Ok(movie) = &whole {
        is_doubted(movie, file.len() as u64);
        assert_eq!(whole, skipped, "skipping");
    }
});

/// Judges the clip as one that no list of fragments explains.
fn is_doubted(movie: &Movie, bytes: u64) {
    let answer = Answer {
        bytes,
        video_sync_samples: movie.video_sync_samples(),
        duration_seconds: movie.video_seconds(),
        longest_picture_seconds: movie.longest_picture_seconds(),
    };
    let times = [answer.duration_seconds, answer.longest_picture_seconds];
    assert!(
        times.iter().all(|time| time.is_finite() && *time >= 0.0),
        "{times:?}"
    );
    let range = TimeRange::from_milliseconds(0, 60_000).expect("a minute");
    for doubt in doubts(&range, &answer) {
        assert!(!doubt.code().is_empty() && doubt.to_string().len() < 1000);
    }
}

fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Movie, Mp4Error> {
    let mut scanner = Scanner::new();
    for piece in pieces {
        scanner.push(piece)?;
    }
    scanner.finish()
}

fn skip(size: u8, file: &[u8]) -> Result<Movie, Mp4Error> {
    let mut scanner = Scanner::new();
    while let Some(rest) = usize::try_from(scanner.position())
        .ok()
        .and_then(|at| file.get(at..))
    {
        if rest.is_empty() {
            break;
        }
        scanner.push(&rest[..rest.len().min(usize::from(size) + 1)])?;
        let left = (file.len() as u64).saturating_sub(scanner.position());
        scanner.skip(scanner.skippable().min(left));
    }
    scanner.finish()
}

fn pieces<'a>(sizes: &[u8; 8], mut file: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = usize::from(*sizes.next()?).max(1).min(file.len());
        let (piece, rest) = file.split_at(size);
        file = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
