//! No bytes make the reader of sample tables panic or loop; what it takes agrees with itself.
//!
//! Input: eight bytes that other targets use, and the file.
#![no_main]

use clip_export::mp4::Scanner;
use libfuzzer_sys::fuzz_target;

/// Most sounds of a clip of which all are walked: what has more takes long, and shows nothing new.
const MAX_WALKED: u32 = 100_000;

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
    assert_eq!(tables.video_sizes(0..samples).len(), samples as usize);
    assert!(tables.frame_inside_us() >= 0 && tables.usual_picture_us() >= 0);
    assert_eq!(tables.last_sound_us().is_some(), tables.audio().is_some());
    let sounds = tables.audio().map_or(0, |sound| sound.samples());
    let walked = if sounds <= MAX_WALKED { i64::MAX } else { i64::MIN };
    assert!(tables.sound_sizes(i64::MIN..walked).len() <= sounds as usize);
    let sizes = tables.video_sizes(0..samples).iter().sum::<u64>();
    assert!(sizes <= tables.media_bytes());
});
