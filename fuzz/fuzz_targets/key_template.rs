//! A template that is taken reads the same when it is shown, makes one key for one range, and can write every
//! moment if it can write one.
#![no_main]

use clip_export::event::KeyTemplate;
use clip_export::plan::TimeRange;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i64, &str)| {
    let (millisecond, text) = input;
    let moment = |millisecond: i64| {
        let start = Timestamp::from_millisecond(millisecond).ok()?;
        TimeRange::new(start, start.checked_add(SignedDuration::from_millis(1)).ok()?)
    };
    // 2^47 ms are some 4,400 years either way.
    let (Some(epoch), Some(range)) = (moment(0), moment(millisecond >> 16)) else {
        return;
    };
    if let Ok(template) = KeyTemplate::parse(text) {
        let shown = template.to_string();
        assert_eq!(KeyTemplate::parse(&shown).as_ref(), Ok(&template), "{shown:?}");
        assert_eq!(template.render("gate", &range), template.render("gate", &range));
    }
    if let Ok(template) = KeyTemplate::parse(&format!("{{start:{text}}}")) {
        let (at_epoch, key) = (template.render("", &epoch), template.render("", &range));
        // Nothing but a fraction of a second may be nothing at one moment, and the epoch has none.
        assert!(
            at_epoch.is_empty() || !key.is_empty(),
            "{text:?}: {at_epoch:?} and nothing"
        );
    }
});
