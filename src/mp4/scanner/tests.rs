//! Whole files and cut ones, in one piece and in many.

use proptest::prelude::*;

use super::*;
use crate::mp4::movie::test_movie::moov;

fn boxed(box_type: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len() + 8).expect("small");
    [&size.to_be_bytes(), box_type.as_slice(), payload].concat()
}

fn scan(bytes: &[u8]) -> Result<Movie, Mp4Error> {
    let mut scanner = Scanner::new();
    scanner.push(bytes)?;
    scanner.finish()
}

fn moov_first() -> Vec<u8> {
    [
        boxed(b"ftyp", b"isom"),
        boxed(b"moov", &moov()),
        boxed(b"mdat", &[7; 100]),
    ]
    .concat()
}

#[test]
fn moov_may_come_first_or_last() {
    assert!(scan(&moov_first()).expect("whole").moov_first);
    let last = [
        boxed(b"ftyp", b"isom"),
        boxed(b"mdat", &[7; 600]),
        boxed(b"moov", &moov()),
    ]
    .concat();
    assert!(!scan(&last).expect("whole").moov_first);
}

#[test]
fn every_cut_is_noticed() {
    let whole = moov_first();
    for length in 0..whole.len() {
        assert!(
            scan(&whole[..length]).is_err(),
            "cut at {length} of {}",
            whole.len()
        );
    }
    assert!(scan(&whole).is_ok());
}

#[test]
fn what_is_no_mp4_is_refused_at_once() {
    for bytes in [
        b"<html>nonsense</html>".to_vec(),
        boxed(b"mdat", b"media"),
        [boxed(b"ftyp", b"isom"), boxed(b"moof", b"")].concat(),
        [
            boxed(b"ftyp", b"isom"),
            boxed(b"moov", &moov()),
            boxed(b"moov", &moov()),
        ]
        .concat(),
        [boxed(b"ftyp", b"isom"), b"\x7f\xff\xff\xffmoov".to_vec()].concat(),
        [boxed(b"ftyp", b"isom"), b"\0\0\0\0moov".to_vec()].concat(),
    ] {
        assert!(Scanner::new().push(&bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn media_that_is_too_small_is_noticed() {
    let file = [
        boxed(b"ftyp", b"isom"),
        boxed(b"moov", &moov()),
        boxed(b"mdat", &[7; 81]),
    ]
    .concat();
    assert!(scan(&file).is_err());
}

#[test]
fn a_size_beyond_all_files_is_refused() {
    let huge = [b"\0\0\0\x01mdat".as_slice(), &u64::MAX.to_be_bytes()].concat();
    assert!(
        Scanner::new()
            .push(&[boxed(b"ftyp", b"isom"), huge].concat())
            .is_err()
    );
}

/// Whoever looks for `moov` or the media keeps what comes before them.
#[test]
fn what_never_comes_to_moov_or_media_is_refused_soon() {
    let ftyp = boxed(b"ftyp", b"isom");
    let one_free = [ftyp.clone(), b"\0\0\0\x01free\0\0\0\x01\0\0\0\0".to_vec()].concat();
    assert!(matches!(scan(&one_free), Err(Mp4Error::Invalid { .. })));
    let many = [ftyp.clone(), boxed(b"free", &[]).repeat(200_000)].concat();
    let mut scanner = Scanner::new();
    let refused = many.chunks(1000).find_map(|piece| scanner.push(piece).err());
    assert!(matches!(refused, Some(Mp4Error::Invalid { .. })), "{refused:?}");
    assert!(scanner.position() < 1 << 21);
    let mut scanner = Scanner::new();
    let reserved = [ftyp, boxed(b"free", &[0; 1_000_000]), boxed(b"moov", &moov())].concat();
    assert_eq!(scanner.push(&reserved), Ok(()));
    assert_eq!(scanner.layout(), Some(Layout::MoovFirst));
}

#[test]
fn media_can_be_skipped() {
    let file = [
        boxed(b"ftyp", b"isom"),
        boxed(b"mdat", &[7; 600]),
        boxed(b"moov", &moov()),
    ]
    .concat();
    let media = boxed(b"ftyp", b"isom").len() + 8;
    let mut scanner = Scanner::new();
    scanner.push(&file[..media]).expect("valid");
    assert_eq!(scanner.skippable(), 600);
    scanner.skip(scanner.skippable());
    assert_eq!(scanner.position(), media as u64 + 600);
    scanner.push(&file[media + 600..]).expect("valid");
    assert!(scanner.tables().is_some());
    assert!(scanner.finish().is_ok());
}

#[test]
fn an_mdat_may_reach_to_the_end() {
    let file = [
        boxed(b"ftyp", b"isom"),
        boxed(b"moov", &moov()),
        b"\0\0\0\0mdat".to_vec(),
        vec![7; 82],
    ]
    .concat();
    assert!(scan(&file).is_ok());
    for length in 0..file.len() {
        assert!(
            scan(&file[..length]).is_err(),
            "cut at {length} of {}",
            file.len()
        );
    }
}

proptest! {
    #[test]
    fn the_pieces_do_not_matter(cuts in proptest::collection::vec(1usize..40, 0..200)) {
        let whole = moov_first();
        let mut scanner = Scanner::new();
        let mut rest = whole.as_slice();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            scanner.push(piece).expect("valid");
            rest = after;
        }
        scanner.push(rest).expect("valid");
        prop_assert_eq!(scanner.finish(), scan(&whole));
    }

    #[test]
    fn noise_is_never_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let file = [boxed(b"ftyp", b"isom"), boxed(b"moov", &noise), boxed(b"mdat", &[7; 20])].concat();
        let _ = scan(&file);
        let _ = scan(&noise);
    }
}
