//! What a scanner says does not depend on the pieces in which a file comes, nor on whether the media is
//! skipped; no bytes make it panic or keep more than a `moov` may have.
//!
//! Input: eight bytes, the sizes of the pieces in turn, and the file.
#![no_main]

use clip_export::mp4::{Movie, Mp4Error, Scanner};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((sizes, file)) = input.split_first_chunk::<8>() else {
        return;
    };
    let whole = scan([file]);
    assert_eq!(whole, scan(pieces(sizes, file)), "in pieces");
    let skipped = skip(sizes[0], file);
    if whole.is_ok() {
        assert_eq!(whole, skipped, "skipping");
    }
});

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
