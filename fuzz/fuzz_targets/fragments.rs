//! Whatever `ListFragments` names, and whatever comes for it: every fragment of the plan is in one window, every
//! fragment of the range is planned or counted, nothing overflows, and an edge is waited for with an end.
//!
//! Input: what is asked for, and of each fragment its clocks, its length and its size, each of them near or far.
#![no_main]

use clip_export::plan::{
    Boundary, Edge, Fragment, FragmentSelectorType, MAX_CLIP_FRAGMENTS, Plan, Planned, Seen, Sync, TimeRange,
    WINDOW_BYTES, compare,
};
use libfuzzer_sys::fuzz_target;

/// 2026-11-20T10:00:00Z, in milliseconds.
const TEN: i64 = 1_795_168_800_000;

type Listed = (u8, i64, i64, i64, u32);

fuzz_target!(|input: (u8, u32, i64, i64, Vec<Listed>)| {
    let (choices, length, frame_ms, now, listed) = input;
    let selector = FragmentSelectorType::ALL[usize::from(choices & 1)];
    let boundary = Boundary::ALL[usize::from(choices >> 1) % 3];
    let end = TEN + 1 + i64::from(length >> (choices >> 4));
    let range = TimeRange::from_milliseconds(TEN, end).expect("a range");
    let fragments: Vec<Fragment> = (1..)
        .zip(&listed)
        .map(|(number, listed)| fragment(number, listed))
        .collect();

    let asked = boundary.listed(&range);
    assert!(asked.start() <= range.start() && asked.end() == range.end() && asked.most_fragments() > 0);
    let mut plan = Plan::new(fragments.clone(), selector, &range, boundary);
    let last = end - i64::from(boundary == Boundary::Exact);
    let inside = fragments
        .iter()
        .filter(|fragment| (TEN..=last).contains(&fragment.start_ms(selector)))
        .count();
    let running = plan
        .fragments()
        .iter()
        .filter(|fragment| fragment.start_ms < TEN)
        .count();
    assert!(
        running <= usize::from(boundary != Boundary::Fragment),
        "{running} before the range"
    );
    assert_eq!(
        plan.fragments().len() + plan.resent + plan.overlapping,
        inside + running
    );
    for _ in 0..2 {
        is_sound(&plan);
        plan.learn_frame(frame_ms);
    }
    comes(plan.fragments(), frame_ms, choices);
    ends(&fragments, selector, end, now);
});

/// `far` says of each number how far it may be from the usual.
fn fragment(number: u64, &(far, producer, server, length, bytes): &Listed) -> Fragment {
    let near = |value: i64, bits: u8| value >> [50, 44, 38, 0][usize::from(far >> bits & 3)];
    let producer_ms = TEN.saturating_add(near(producer, 0));
    Fragment {
        number: number.to_string().into(),
        producer_ms,
        server_ms: producer_ms.saturating_add(near(server, 2)),
        // The reader of the list lets nothing through that is negative, or has no bytes.
        length_ms: near(length, 4).unsigned_abs().min(i64::MAX.unsigned_abs()) as i64,
        bytes: (u64::from(bytes) << ((far >> 6 & 3) * 10)).max(1),
    }
}

fn is_sound(plan: &Plan) {
    let count = plan.fragments().len();
    let mut next = 0;
    for window in plan.windows(0..count) {
        assert!(
            window.start == next && window.end > next,
            "{window:?} after {next}"
        );
        next = window.end;
        assert!(window.len() as u64 <= MAX_CLIP_FRAGMENTS);
        assert!(window.len() == 1 || plan.bytes(&window) <= WINDOW_BYTES);
        let _ = plan.range(&window);
    }
    assert_eq!(next, count);
    for gap in &plan.gaps {
        assert!(gap.start_ms < gap.end_ms, "{gap:?}");
        assert!(gap.seconds() > 0.0 && gap.start().len() + gap.end().len() < 80);
    }
    assert!(plan.doubled_ms() >= 0);
    for fragment in plan.fragments() {
        let _ = plan.wall_ms(fragment);
    }
    let _ = (plan.end_ms(), plan.skew_ms());
    assert_eq!(plan.settles_ms(true).is_some(), !plan.gaps.is_empty());
    assert!(plan.settles_ms(true) <= plan.settles_ms(false));
}

/// An answer with pictures where the fragments are, and one with pictures where they are not.
fn comes(window: &[Planned], frame_ms: i64, choices: u8) {
    let Some(first) = window.first() else {
        return;
    };
    let mut syncs = Vec::new();
    for (sample, fragment) in (0u32..).step_by(50).zip(window) {
        let off = if choices & 8 == 8 {
            frame_ms.wrapping_mul(i64::from(sample)) >> 20
        } else {
            0
        };
        let at_us = fragment
            .producer_ms
            .saturating_sub(first.producer_ms)
            .saturating_mul(1000);
        syncs.push(Sync {
            sample,
            at_us: at_us.saturating_add(off).max(0),
            before_us: 40_000,
        });
    }
    syncs.sort_by_key(|sync| sync.at_us);
    let seen = Seen {
        sync_samples: &syncs,
        samples: syncs.len() as u32 * 50,
        last_us: syncs.last().map_or(0, |sync| sync.at_us),
        usual_us: 40_000,
        last_sound_us: (choices & 16 == 16).then_some(frame_ms),
        may_be_cut: choices & 32 == 32,
    };
    if let Ok(arrival) = compare(window, &seen) {
        assert!((1..=window.len()).contains(&arrival.fragments.len()));
        assert!(arrival.end <= seen.samples);
    }
}

fn ends(listed: &[Fragment], selector: FragmentSelectorType, end: i64, now: i64) {
    for now in [now, end.saturating_add(now >> 44), end] {
        let _ = Edge::range(selector, end, now);
        for skew in [None, Some(now)] {
            if let Edge::Open { next_ms, settled_ms } = Edge::of(listed, selector, end, skew, now) {
                assert!(next_ms <= settled_ms, "{next_ms} and {settled_ms}");
                assert!(next_ms > now, "the next look is {next_ms}, and it is {now}");
            }
        }
    }
}
