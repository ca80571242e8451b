mod properties;

use jiff::Timestamp;

use super::super::fragment::tests::fragment;
use super::*;
use FragmentSelectorType::{ProducerTimestamp, ServerTimestamp};

fn range(start_ms: i64, end_ms: i64) -> TimeRange {
    let at = |ms| Timestamp::from_millisecond(ms).expect("a timestamp");
    TimeRange::new(at(start_ms), at(end_ms)).expect("a range")
}

/// Fragments of 2 s at 25 pictures a second, from `first` on.
fn camera(first: i64, count: i64) -> Vec<Fragment> {
    (0..count).map(|i| fragment(first + i * 2000, 1960)).collect()
}

fn sent(producer_ms: i64, server_ms: i64) -> Fragment {
    Fragment {
        server_ms,
        ..fragment(producer_ms, 1960)
    }
}

fn starts(plan: &Plan) -> Vec<i64> {
    plan.fragments().iter().map(|planned| planned.start_ms).collect()
}

fn gaps(plan: &Plan) -> Vec<(&'static str, i64, i64)> {
    let told = |gap: &Gap| (gap.place.as_str(), gap.start_ms, gap.end_ms);
    plan.gaps.iter().map(told).collect()
}

fn windows_of(plan: &Plan, run: Range<usize>) -> Vec<(usize, usize)> {
    let windows = plan.windows(run).into_iter();
    windows.map(|window| (window.start, window.end)).collect()
}

fn windows(plan: &Plan) -> Vec<(usize, usize)> {
    windows_of(plan, 0..plan.fragments().len())
}

#[test]
fn each_boundary_has_its_first_fragment() {
    let of = |boundary| Plan::new(camera(0, 10), ProducerTimestamp, &range(5000, 9000), boundary);
    assert_eq!(starts(&of(Boundary::Fragment)), [6000, 8000]);
    assert_eq!(starts(&of(Boundary::Cover)), [4000, 6000, 8000]);
    assert_eq!(starts(&of(Boundary::Exact)), [4000, 6000, 8000]);
    assert_eq!(gaps(&of(Boundary::Fragment)), [("HEAD", 5000, 6000)]);
    assert_eq!(gaps(&of(Boundary::Cover)), []);
}

#[test]
fn a_fragment_that_starts_with_the_range_covers_its_start() {
    let plan = Plan::new(
        camera(0, 10),
        ProducerTimestamp,
        &range(4000, 9000),
        Boundary::Cover,
    );
    assert_eq!(starts(&plan), [4000, 6000, 8000]);
}

#[test]
fn a_fragment_that_ended_before_the_range_does_not_cover_it() {
    let mut fragments = camera(0, 1);
    fragments.extend(camera(10_000, 3));
    let plan = Plan::new(
        fragments,
        ProducerTimestamp,
        &range(5000, 15_000),
        Boundary::Cover,
    );
    assert_eq!(starts(&plan), [10_000, 12_000, 14_000]);
    assert_eq!(gaps(&plan), [("HEAD", 5000, 10_000)]);
}

#[test]
fn a_single_running_fragment_is_a_clip() {
    let plan = Plan::new(
        vec![fragment(0, 19_960)],
        ProducerTimestamp,
        &range(5000, 6000),
        Boundary::Cover,
    );
    assert_eq!(starts(&plan), [0]);
    assert_eq!(gaps(&plan), []);
    assert_eq!(plan.range(&(0..1)), Some(range(0, 1)));
}

#[test]
fn gaps_are_found_at_the_head_inside_and_at_the_tail() {
    let mut fragments = camera(10_000, 3);
    fragments.extend(camera(30_000, 2));
    let plan = Plan::new(fragments, ProducerTimestamp, &range(0, 60_000), Boundary::Cover);
    assert_eq!(
        gaps(&plan),
        [
            ("HEAD", 0, 10_000),
            ("INSIDE", 16_000, 30_000),
            ("TAIL", 34_000, 60_000)
        ]
    );
    let continues: Vec<bool> = plan.fragments().iter().map(|f| f.continues).collect();
    assert_eq!(continues, [false, true, true, false, true]);
    assert_eq!(windows(&plan), [(0, 5)], "a gap costs no call");
}

#[test]
fn an_empty_list_is_one_gap() {
    let plan = Plan::new(Vec::new(), ProducerTimestamp, &range(0, 1000), Boundary::Cover);
    assert_eq!(gaps(&plan), [("HEAD", 0, 1000)]);
    assert_eq!(windows(&plan), []);
    assert_eq!((plan.end_ms(), plan.skew_ms()), (None, None));
}

#[test]
fn a_window_ends_at_either_cap() {
    let plan = Plan::new(
        camera(0, 450),
        ProducerTimestamp,
        &range(0, 900_000),
        Boundary::Cover,
    );
    assert_eq!(
        windows(&plan),
        [(0, 95), (95, 190), (190, 285), (285, 380), (380, 450)]
    );
    let light = camera(0, 450).into_iter().map(|fragment| Fragment {
        bytes: 1000,
        ..fragment
    });
    let plan = Plan::new(
        light.collect(),
        ProducerTimestamp,
        &range(0, 900_000),
        Boundary::Cover,
    );
    assert_eq!(windows(&plan), [(0, 200), (200, 400), (400, 450)]);
    assert_eq!(windows_of(&plan, 150..250), [(150, 250)]);
    assert_eq!(plan.range(&(200..400)), Some(range(400_000, 798_000)));
}

#[test]
fn footage_that_was_sent_twice_is_planned_once() {
    let mut fragments: Vec<Fragment> = (0..4).map(|i| sent(i * 2000, i * 2000 + 300)).collect();
    fragments.extend((2..6).map(|i| sent(i * 2000, 20_000 + i * 2000)));
    let plan = Plan::new(
        fragments.clone(),
        ProducerTimestamp,
        &range(0, 12_000),
        Boundary::Cover,
    );
    assert_eq!(starts(&plan), [0, 2000, 4000, 6000, 8000, 10_000]);
    assert_eq!((plan.resent, windows(&plan)), (2, vec![(0, 6)]));
    assert_eq!(plan.skew_ms(), Some(300));

    // By the server's clock the copies lie between the originals and what came after them; a window
    // over all is fine, GetClip leaves the copies out; one that begins after the originals is not.
    let plan = Plan::new(fragments, ServerTimestamp, &range(0, 40_000), Boundary::Cover);
    assert_eq!(starts(&plan), [300, 2300, 4300, 6300, 28_000, 30_000]);
    assert_eq!(windows(&plan), [(0, 6)]);
    assert_eq!(windows_of(&plan, 3..6), [(3, 4), (4, 6)]);
}

#[test]
fn what_is_left_out_is_not_fetched_with_what_is_not() {
    let mut fragments = camera(0, 4);
    fragments.push(sent(2030, 90_000));
    let plan = Plan::new(fragments, ProducerTimestamp, &range(0, 8000), Boundary::Cover);
    assert_eq!(starts(&plan), [0, 2000, 4000, 6000]);
    assert_eq!((plan.overlapping, windows(&plan)), (1, vec![(0, 2), (2, 4)]));
}

#[test]
fn the_day_of_a_camera_is_planned() {
    let plan = Plan::new(
        camera(0, 43_200),
        ProducerTimestamp,
        &range(0, 86_400_000),
        Boundary::Cover,
    );
    assert_eq!(plan.fragments().len(), 43_200);
    assert_eq!(gaps(&plan), []);
    assert_eq!(windows(&plan).len(), 43_200usize.div_ceil(95));
}

/// What a camera that was offline sends at once: if the time it takes grew with the square of it, it would be minutes.
#[test]
fn a_day_that_came_in_one_millisecond_is_planned_soon() {
    let fragments = camera(0, 200_000).into_iter().map(|fragment| Fragment {
        server_ms: 500,
        ..fragment
    });
    let plan = Plan::new(
        fragments.collect(),
        ServerTimestamp,
        &range(0, 1000),
        Boundary::Cover,
    );
    assert_eq!(
        windows(&plan).len(),
        200_000,
        "no call can serve more than one of them whole"
    );
}

#[test]
fn what_starts_at_the_end_belongs_to_no_exact_clip() {
    let of = |boundary| Plan::new(camera(0, 10), ProducerTimestamp, &range(4000, 8000), boundary);
    assert_eq!(starts(&of(Boundary::Cover)), [4000, 6000, 8000]);
    assert_eq!(starts(&of(Boundary::Exact)), [4000, 6000]);
}

#[test]
fn a_running_fragment_and_its_copy_in_the_range_are_one() {
    let mut fragments = camera(0, 3);
    fragments.push(sent(2300, 90_000));
    let plan = Plan::new(fragments, ProducerTimestamp, &range(2100, 6000), Boundary::Cover);
    assert_eq!(starts(&plan), [2000, 4000]);
    assert_eq!(plan.overlapping, 1);
}

#[test]
fn what_plays_twice_is_counted() {
    let mut fragments = camera(0, 2);
    fragments.push(sent(3500, 90_000));
    let plan = Plan::new(fragments, ProducerTimestamp, &range(0, 6000), Boundary::Cover);
    assert_eq!((starts(&plan).len(), plan.doubled_ms()), (3, 500));
}

#[test]
fn an_exact_range_that_ends_in_two_fragments_plays_nothing_twice() {
    let mut fragments = camera(0, 2);
    fragments.push(sent(3500, 90_000));
    for (end, doubled) in [(3700, 0), (4000, 0), (4100, 500)] {
        let mut plan = Plan::new(
            fragments.clone(),
            ProducerTimestamp,
            &range(0, end),
            Boundary::Exact,
        );
        plan.learn_frame(40);
        assert_eq!((starts(&plan).len(), plan.doubled_ms()), (3, doubled), "{end}");
    }
}

#[test]
fn the_first_answer_tells_how_long_a_frame_is() {
    // Fragments of 2 s with a second missing after each; or a camera of one picture a second.
    let fragments: Vec<Fragment> = (0..5).map(|i| fragment(i * 3000, 1960)).collect();
    let mut plan = Plan::new(fragments, ProducerTimestamp, &range(0, 15_000), Boundary::Cover);
    assert_eq!(gaps(&plan), []);
    plan.learn_frame(40);
    assert_eq!(gaps(&plan).len(), 5);
    assert!(!plan.fragments()[1].continues);
    plan.learn_frame(1000);
    assert_eq!(gaps(&plan), []);
    assert!(plan.fragments()[1].continues);
}

/// A camera of a picture a second: a hole of 1.9 s is no jitter.
#[test]
fn a_slow_camera_has_gaps_too() {
    let mut fragments = camera(0, 5);
    fragments.extend(camera(10_000 + 1900, 5));
    let mut plan = Plan::new(fragments, ProducerTimestamp, &range(0, 21_000), Boundary::Cover);
    assert_eq!(gaps(&plan), [("INSIDE", 10_000, 11_900)]);
    plan.learn_frame(1000);
    assert_ne!(gaps(&plan), []);
}

#[test]
fn fragments_of_one_server_millisecond_are_fetched_together() {
    let fragments = vec![sent(0, 500), sent(2000, 500), sent(4000, 501), sent(6000, 900)];
    let plan = Plan::new(fragments, ServerTimestamp, &range(500, 1000), Boundary::Cover);
    assert_eq!(windows(&plan), [(0, 4)]);
    assert_eq!(windows_of(&plan, 0..3), [(0, 3)]);
}

fn of(producer_ms: i64, server_ms: i64, length_ms: i64) -> Fragment {
    Fragment {
        length_ms,
        ..sent(producer_ms, server_ms)
    }
}

/// A connection broke 40 ms into a fragment (5.000 s). What was sent again after it has another grid, and shows that
/// time too.
fn broken_connection() -> Vec<Fragment> {
    vec![
        of(3000, 3000, 1960),
        of(5000, 5000, 40),
        of(4100, 9000, 1960),
        of(6100, 9100, 1960),
        of(8100, 9200, 1960),
    ]
}

#[test]
fn no_gap_is_where_a_longer_fragment_shows_the_time() {
    let plan = Plan::new(
        broken_connection(),
        ProducerTimestamp,
        &range(3000, 10_000),
        Boundary::Cover,
    );
    assert_eq!(starts(&plan), [3000, 4100, 5000, 6100, 8100]);
    assert_eq!(gaps(&plan), []);
    assert!(plan.fragments()[1..].iter().all(|fragment| fragment.continues));
    // From 4.100 to 5.000, and all of the short one.
    assert_eq!(plan.doubled_ms(), 900 + 80);
}

/// The clip begins a moment after the short one, or in it, which what was sent again shows too.
#[test]
fn a_short_fragment_does_not_hide_the_one_that_runs_at_the_start() {
    for (start, first) in [(5500, 4100), (5020, 4100), (5000, 4100), (6100, 6100)] {
        let plan = Plan::new(
            broken_connection(),
            ProducerTimestamp,
            &range(start, 10_000),
            Boundary::Cover,
        );
        assert_eq!(gaps(&plan), [], "{start}");
        assert_eq!(starts(&plan)[0], first, "{start}: {:?}", starts(&plan));
    }
}

/// What was sent again lasts for 20 s, 9 of which an older one shows.
#[test]
fn the_fragment_that_runs_at_the_start_is_the_one_that_shows_it() {
    let listed = vec![
        of(0, 0, 10_000),
        of(10_040, 10_040, 40),
        of(1040, 40_000, 19_960),
        of(21_040, 41_000, 1960),
        of(23_040, 42_000, 1960),
    ];
    let plan = Plan::new(listed, ProducerTimestamp, &range(12_000, 24_000), Boundary::Cover);
    assert_eq!(gaps(&plan), []);
    assert_eq!(starts(&plan), [1040, 21_040, 23_040]);
}

/// What ends last is the youngest, and falls to one in the range; an older one shows the start.
#[test]
fn what_is_left_out_for_one_in_the_range_runs_at_no_start() {
    let listed = vec![of(-1000, 0, 4000), of(3500, 1, 6000), of(0, 2, 10_000)];
    let plan = Plan::new(listed, ProducerTimestamp, &range(2000, 9000), Boundary::Cover);
    assert_eq!(starts(&plan), [-1000, 3500]);
}

/// By the server's clock too a few pictures of a broken connection do not hide what runs on.
#[test]
fn a_short_fragment_hides_nothing_by_the_servers_clock() {
    let listed = vec![of(4100, 9000, 1960), of(5000, 9005, 40), of(6100, 9100, 1960)];
    let plan = Plan::new(listed, ServerTimestamp, &range(9050, 10_500), Boundary::Cover);
    assert_eq!(starts(&plan)[0], 9000);
}

/// By the server's clock what was sent again comes in the range, and plays behind what runs at its start.
#[test]
fn what_is_missing_before_the_range_is_no_gap_of_it() {
    let listed = vec![of(1000, 8000, 1960), of(4000, 9000, 1960), of(6000, 9500, 1960)];
    let plan = Plan::new(listed, ServerTimestamp, &range(9000, 11_000), Boundary::Cover);
    let (start, end) = (9000, 11_000);
    assert!(
        plan.gaps
            .iter()
            .all(|gap| start <= gap.start_ms && gap.end_ms <= end),
        "{:?}",
        plan.gaps
    );
}

/// A listed length leaves the last picture out, and fragments before the range tell how long a picture lasts.
#[test]
fn a_range_within_the_last_picture_of_a_fragment_is_shown_by_it() {
    // A picture a second, five in a fragment: the last one of the fragment from 15,000 on stands from 19,000 to 20,000.
    let slow: Vec<Fragment> = (0..4).map(|i| fragment(i * 5000, 4000)).collect();
    for selector in [ProducerTimestamp, ServerTimestamp] {
        let plan = Plan::new(slow.clone(), selector, &range(19_100, 19_900), Boundary::Cover);
        assert_eq!(starts(&plan), [15_000], "{selector}");
    }
}

/// A camera that sends only when something moves was cut off, and then sent all that it had within two seconds. No second
/// is missing twice, and none that a fragment shows is.
#[test]
fn gaps_by_the_servers_clock_do_not_overlap() {
    let backlog = vec![
        sent(0, 0),
        sent(40_000, 100_000),
        sent(80_000, 101_000),
        sent(100_000, 102_000),
    ];
    let plan = Plan::new(backlog, ServerTimestamp, &range(0, 104_000), Boundary::Cover);
    let told = gaps(&plan);
    let is_apart = |pair: &[(&str, i64, i64)]| pair[0].2 <= pair[1].1;
    assert!(told.windows(2).all(is_apart), "{told:?}");
}
