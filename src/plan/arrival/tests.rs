use super::*;

/// Fragments of two seconds at these seconds.
fn planned(seconds: &[i64]) -> Vec<Planned> {
    let mut previous = None;
    let each = seconds.iter().map(|second| {
        let start = second * 1000;
        let continues = previous.replace(start) == Some(start - 2000);
        Planned {
            start_ms: start,
            producer_ms: start,
            skew_ms: 0,
            length_ms: 1960,
            bytes: 1,
            continues,
        }
    });
    each.collect()
}

/// As [`planned`], where one may begin before the one before it ends.
fn overlapping(seconds: &[i64]) -> Vec<Planned> {
    let mut plan = planned(seconds);
    for (fragment, pair) in plan.iter_mut().skip(1).zip(seconds.windows(2)) {
        fragment.continues = pair[1] - pair[0] <= 2;
    }
    plan
}

/// A clip of 25 pictures a second with a sync sample each second; pictures stand for 40 ms, or,
/// after those whose numbers are named, for so many seconds more.
struct Clip {
    syncs: Vec<Sync>,
    samples: u32,
    last_us: i64,
}

fn clip(samples: u32, stands: &[(u32, i64)]) -> Clip {
    let (mut at_us, mut before_us, mut last_us) = (0, 0, 0);
    let mut syncs = Vec::new();
    for sample in 0..samples {
        if sample % 25 == 0 {
            syncs.push(Sync {
                sample,
                at_us,
                before_us,
            });
        }
        last_us = at_us;
        let more = stands.iter().find(|(number, _)| *number == sample);
        before_us = 40_000 + more.map_or(0, |(_, seconds)| seconds * 1_000_000);
        at_us += before_us;
    }
    Clip {
        syncs,
        samples,
        last_us,
    }
}

fn compared(seconds: &[i64], clip: &Clip) -> Result<(Vec<(u32, bool)>, u32), Strange> {
    compared_with(&planned(seconds), clip)
}

fn compared_with(plan: &[Planned], clip: &Clip) -> Result<(Vec<(u32, bool)>, u32), Strange> {
    let seen = Seen {
        sync_samples: &clip.syncs,
        samples: clip.samples,
        last_us: clip.last_us,
        usual_us: 40_000,
        last_sound_us: None,
        may_be_cut: false,
    };
    let arrival = compare(plan, &seen)?;
    let starts = arrival.fragments.iter().map(|f| (f.sample, f.continues));
    Ok((starts.collect(), arrival.end))
}

#[test]
fn every_fragment_is_found() {
    let arrived = compared(&[10, 12, 14], &clip(150, &[]));
    assert_eq!(arrived, Ok((vec![(0, false), (50, true), (100, true)], 150)));
}

#[test]
fn a_gap_is_found_stretched_and_closed_up() {
    let expected = Ok((vec![(0, false), (50, true), (100, false), (150, true)], 200));
    let seconds = [10, 12, 74, 76];
    assert_eq!(compared(&seconds, &clip(200, &[(99, 60)])), expected);
    assert_eq!(compared(&seconds, &clip(200, &[])), expected);
}

/// Of the key frames inside of fragments, too, one stands as far from the last fragment's as the next one was sent.
#[test]
fn what_overlaps_is_found_behind_what_it_overlaps() {
    let plan = overlapping(&[0, 1, 3]);
    assert_eq!(
        compared_with(&plan, &clip(150, &[])),
        Ok((vec![(0, false), (50, true), (100, true)], 150))
    );
}

#[test]
fn a_gap_after_an_overlap_is_found_stretched_and_closed_up() {
    let plan = overlapping(&[0, 1, 10, 12]);
    let expected = Ok((vec![(0, false), (50, true), (100, false), (150, true)], 200));
    for (layout, stands) in [
        ("stretched as far as the overlap leaves", 6),
        ("stretched", 7),
        ("closed", 0),
    ] {
        assert_eq!(
            compared_with(&plan, &clip(200, &[(99, stands)])),
            expected,
            "{layout}"
        );
    }
}

/// Five pictures a second beside sound: what is sent again begins a while before the listed end.
#[test]
fn what_overlaps_is_found_where_sound_ends_late() {
    let syncs =
        [(0u32, 0i64), (5, 1_000_000), (10, 2_000_000), (15, 3_000_000)].map(|(sample, at_us)| Sync {
            sample,
            at_us,
            before_us: if sample == 0 { 0 } else { 200_000 },
        });
    let seen = Seen {
        sync_samples: &syncs,
        samples: 20,
        last_us: 3_800_000,
        usual_us: 200_000,
        last_sound_us: Some(3_984_000),
        may_be_cut: false,
    };
    let mut plan = overlapping(&[0, 1]);
    for fragment in &mut plan {
        fragment.length_ms = 1984;
    }
    let arrival = compare(&plan, &seen).expect("two fragments");
    assert_eq!((arrival.fragments[1].sample, arrival.end), (10, 20));
}

#[test]
fn a_closed_gap_is_not_looked_for_where_later_fragments_begin() {
    // The picture at 14 s of the clip is the sixth fragment's, not the one after the gap.
    let seconds = [0, 2, 14, 16, 18, 20, 22, 24];
    let (starts, end) = compared(&seconds, &clip(400, &[])).expect("found");
    assert_eq!((starts.len(), starts[2], end), (8, (100, false), 400));
}

#[test]
fn what_is_cut_off_ends_with_its_last_whole_fragment() {
    let seconds = [0, 2, 4, 6];
    let whole = |fragments: u32| {
        let starts = (0..fragments).map(|i| (i * 50, i > 0)).collect();
        Ok((starts, fragments * 50))
    };
    // What an answer that was cut ends with may lack a picture, even where it seems whole.
    assert_eq!(compared(&seconds, &clip(150, &[])), whole(2));
    assert_eq!(compared(&seconds, &clip(149, &[])), whole(2));
    assert_eq!(compared(&seconds, &clip(101, &[])), whole(2));
    assert_eq!(compared(&seconds, &clip(200, &[])), whole(4));
    assert_eq!(compared(&seconds, &clip(199, &[])), whole(3));
    assert_eq!(compared(&seconds, &clip(30, &[])), Err(Strange::Nothing));
    assert_eq!(compared(&seconds, &clip(0, &[])), Err(Strange::Nothing));
}

#[test]
fn more_than_planned_is_no_answer() {
    let more = Err(Strange::More { milliseconds: 2000 });
    assert_eq!(compared(&[0, 2], &clip(150, &[])), more);
}

#[test]
fn fragments_that_begin_elsewhere_are_no_answer() {
    let strange = compared(&[0, 2, 4], &clip(150, &[(20, 1)])).expect_err("shifted by a second");
    assert!(matches!(strange, Strange::More { .. }), "{strange}");
    let strange = compared(&[0, 2, 5, 7], &clip(200, &[(120, 9)])).expect_err("shifted late");
    assert!(
        matches!(
            strange,
            Strange::NotFound { fragment: 3, .. } | Strange::More { .. }
        ),
        "{strange}"
    );
}

fn one(length_ms: i64, count: i64, apart_ms: i64) -> Vec<Planned> {
    let each = (0..count).map(|i| Planned {
        start_ms: i * apart_ms,
        producer_ms: i * apart_ms,
        skew_ms: 0,
        length_ms,
        bytes: 1,
        continues: i > 0,
    });
    each.collect()
}

#[test]
fn a_cut_within_the_time_of_a_frame_of_sound_is_one() {
    // Sound of 8 kHz: 128 ms a frame. Three of fifty pictures are missing.
    let cut = clip(147, &[]);
    let seen = Seen {
        sync_samples: &cut.syncs,
        samples: cut.samples,
        last_us: cut.last_us,
        usual_us: 40_000,
        last_sound_us: Some(cut.last_us),
        may_be_cut: false,
    };
    let arrival = compare(&one(1960, 4, 2000), &seen).expect("two fragments");
    assert_eq!((arrival.fragments.len(), arrival.end), (2, 100));
}

/// Five pictures a second beside sound in frames of 64 ms: listed up to the last frame of sound.
#[test]
fn a_slow_camera_with_sound_is_whole() {
    let syncs: Vec<Sync> = (0..3)
        .map(|i| Sync {
            sample: i * 10,
            at_us: i64::from(i) * 2_000_000,
            before_us: if i == 0 { 0 } else { 200_000 },
        })
        .collect();
    let seen = Seen {
        sync_samples: &syncs,
        samples: 30,
        last_us: 5_800_000,
        usual_us: 200_000,
        last_sound_us: Some(5_984_000),
        may_be_cut: false,
    };
    let arrival = compare(&one(1984, 3, 2000), &seen).expect("three fragments");
    assert_eq!((arrival.fragments.len(), arrival.end), (3, 30));
}

/// The camera lost five pictures at the end of each fragment: no gap by the plan's tolerance.
#[test]
fn a_short_pause_is_found_stretched_and_closed_up() {
    let planned = one(1960, 3, 2200);
    let stretched = clip(150, &[]);
    let syncs: Vec<Sync> = (0..3)
        .map(|i| Sync {
            sample: i * 50,
            at_us: i64::from(i) * 2_200_000,
            before_us: if i == 0 { 0 } else { 240_000 },
        })
        .collect();
    let mut seen = Seen {
        sync_samples: &syncs,
        samples: 150,
        last_us: 4_400_000 + 1_960_000,
        usual_us: 40_000,
        last_sound_us: None,
        may_be_cut: false,
    };
    assert!(compare(&planned, &seen).is_ok(), "stretched");
    seen.sync_samples = &stretched.syncs;
    seen.last_us = stretched.last_us;
    let closed = compare(&planned, &seen);
    assert!(closed.is_ok(), "closed up: {closed:?}");
}

/// Fragments of one picture are listed with no length.
#[test]
fn a_fragment_is_not_found_in_the_one_before_it() {
    let sync = |sample: u32, at_us: i64, before_us: i64| Sync {
        sample,
        at_us,
        before_us,
    };
    let syncs = [
        sync(0, 0, 0),
        sync(1, 120_000, 120_000),
        sync(2, 240_000, 120_000),
    ];
    let came = |pictures: u32| {
        let seen = Seen {
            sync_samples: &syncs[..pictures as usize],
            samples: pictures,
            last_us: i64::from(pictures - 1) * 120_000,
            usual_us: 40_000,
            last_sound_us: None,
            may_be_cut: false,
        };
        let arrival = compare(&one(0, 3, 120), &seen).expect("fragments");
        arrival.fragments.iter().map(|f| f.sample).collect::<Vec<u32>>()
    };
    // The third is missing, and the second may be cut.
    assert_eq!(came(2), [0]);
    assert_eq!(came(3), [0, 1, 2]);
}
