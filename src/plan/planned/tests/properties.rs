//! What holds for any list of fragments.

use proptest::prelude::*;

use super::super::super::{MAX_CLIP_FRAGMENTS, MAX_RANGE, WINDOW_BYTES};
use super::*;

fn archive() -> impl Strategy<Value = Vec<Fragment>> {
    let one = (0i64..120_000, 0i64..8000, 0u64..40_000_000, -3000i64..3000);
    proptest::collection::vec(one, 0..300).prop_map(|fragments| {
        let numbered = fragments.into_iter().enumerate();
        numbered
            .map(|(number, (start, length, bytes, skew))| Fragment {
                number: format!("{number:047}").into(),
                producer_ms: start,
                server_ms: start + skew,
                length_ms: length,
                bytes,
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn every_planned_fragment_is_in_exactly_one_window(
        listed in archive(),
        by_server in any::<bool>(),
        start in 0i64..100_000,
        length in 1i64..100_000,
    ) {
        let selector = if by_server { ServerTimestamp } else { ProducerTimestamp };
        let range = range(start, start + length);
        let plan = Plan::new(listed.clone(), selector, &range, Boundary::Cover);
        let mut next = 0;
        for window in plan.windows(0..plan.fragments().len()) {
            prop_assert_eq!(window.start, next);
            prop_assert!(window.end > window.start);
            next = window.end;
            let alone = window.len() == 1;
            prop_assert!(window.len() as u64 <= MAX_CLIP_FRAGMENTS);
            prop_assert!(alone || plan.bytes(&window) <= WINDOW_BYTES);
            let asked = plan.range(&window).expect("a range");
            prop_assert!(asked.duration() <= MAX_RANGE);
            // What GetClip would give: all that starts in the window, one of each producer timestamp.
            let (from, to) = asked.milliseconds();
            let mut given: Vec<i64> = listed
                .iter()
                .filter(|f| (from..=to).contains(&f.start_ms(selector)))
                .map(|f| f.producer_ms)
                .collect();
            given.sort_unstable();
            given.dedup();
            let wanted: Vec<i64> = plan.fragments()[window.clone()].iter().map(|f| f.producer_ms).collect();
            // Whose millisecond is another's too, or the one before it and the one after it are, cannot be had alone.
            let start = plan.fragments()[window.start].start_ms;
            let others_start = |ms: i64| {
                let mut at = listed.iter().filter(|f| f.start_ms(selector) == ms);
                at.any(|f| f.producer_ms != wanted[0])
            };
            let cannot = alone && (others_start(start) || others_start(start - 1) && others_start(start + 1));
            prop_assert!(cannot || given == wanted, "{:?} gives {:?}, not {:?}", asked, given, wanted);
        }
        prop_assert_eq!(next, plan.fragments().len());
    }

    #[test]
    fn every_listed_fragment_of_the_range_is_planned_or_counted(
        listed in archive(),
        start in 0i64..100_000,
        by_server in any::<bool>(),
        covers in any::<bool>(),
    ) {
        let (selector, boundary) = (
            if by_server { ServerTimestamp } else { ProducerTimestamp },
            if covers { Boundary::Cover } else { Boundary::Fragment },
        );
        let range = range(start, start + 50_000);
        let plan = Plan::new(listed.clone(), selector, &range, boundary);
        let is_inside = |start_ms: i64| (start..=start + 50_000).contains(&start_ms);
        let running = plan.fragments().iter().filter(|f| !is_inside(f.start_ms)).count();
        prop_assert!(running <= usize::from(covers));
        let inside = running + listed.iter().filter(|f| is_inside(f.start_ms(selector))).count();
        prop_assert_eq!(plan.fragments().len() + plan.resent + plan.overlapping, inside);
        let rising = plan.fragments().windows(2).all(|pair| pair[0].producer_ms < pair[1].producer_ms);
        prop_assert!(rising);
    }
}
