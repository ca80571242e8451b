//! No bytes make the reader of sample tables panic or loop; what it takes agrees with itself.
//!
//! Input: eight bytes that other targets use, and the file.
#![no_main]

use clip_export::mp4::Scanner;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((_, file)) = input.split_first_chunk::<8>() else {
        return;
    };
    let mut scanner = Scanner::new();
    // What was whole before the file went wrong is looked at all the same.
    let _ = scanner.push(file);
    let Some(Ok(tables)) = scanner.tables() else {
        return;
    };
    assert!(scanner.layout().is_some(), "a moov, and no layout");
    assert!(tables.same_media(&tables));
    assert_eq!(tables.differs_from(&tables), None);
    let (samples, end) = (tables.video_samples(), tables.video_end_us());
    let mut last = None;
    for sync in tables.video_sync_samples().take(10_000) {
        assert!(
            sync.number < samples && sync.at_us <= end,
            "{sync:?} of {samples}"
        );
        assert!(
            last.is_none_or(|last| last < sync.number),
            "{sync:?} after {last:?}"
        );
        last = Some(sync.number);
    }
    assert!(samples > 0 && tables.picture_us(samples - 1).is_some());
    assert_eq!(tables.picture_us(samples), None);
});
