//! When a receipt says that things were: what its clips show, what is missing and for how long time plays twice.

use std::ops::RangeInclusive;

use clip_export_local::kvs::{Archived, Selector};
use serde_json::Value;

use super::is_in_bursts;
use crate::archive::{JITTER_MS, Wanted, at, end};
use crate::case::{Ask, Boundary};

/// What a moment may be off by, in milliseconds: a picture, of which a list tells no length.
const PICTURE_MS: i64 = 100;

/// What a sum of seconds may be off by, for each of its summands.
const SUMMAND_MS: f64 = 10.0;

/// That the moments of a receipt are those of the archive.
pub(super) fn are_told(receipt: &Value, ask: &Ask, wanted: &Wanted) -> Result<(), String> {
    let clips = receipt["Clips"].as_array().map_or(&[][..], Vec::as_slice);
    for (clip, fragments) in clips.iter().zip(&wanted.objects) {
        let (start, end) = shown(ask, fragments).ok_or("a clip of no fragments")?;
        for (field, right) in [("StartTimestamp", start), ("EndTimestamp", end)] {
            let told = moment(&clip[field])?;
            if !right.contains(&told) {
                return Err(format!("{field} is {told}, and has to be in {right:?}: {clip}"));
            }
        }
    }
    if !is_in_bursts(ask) {
        doubled(receipt, ask, wanted)?;
        gaps(receipt, ask, wanted)?;
    }
    Ok(())
}

fn moment(told: &Value) -> Result<i64, String> {
    let text = told.as_str().ok_or_else(|| format!("{told} is no moment"))?;
    let moment: jiff::Timestamp = text.parse().map_err(|error| format!("{text}: {error}"))?;
    Ok(moment.as_millisecond())
}

/// In which milliseconds a clip may begin, and in which it may end.
fn shown(ask: &Ask, fragments: &[Archived]) -> Option<(RangeInclusive<i64>, RangeInclusive<i64>)> {
    let late = fragments.iter().map(|fragment| match ask.selector {
        Selector::ProducerTimestamp => 0,
        // Each came when it came, and the clocks differ by some of it.
        Selector::ServerTimestamp => fragment.server_start - fragment.producer_start,
    });
    let (least, most) = (late.clone().min()?, late.max()?);
    let begins = fragments.iter().map(|fragment| fragment.producer_start).min()?;
    let ends = fragments.iter().map(end).max()?;
    let within = |moment: i64| match ask.boundary {
        Boundary::Exact => moment.clamp(ask.start, ask.end),
        Boundary::Cover | Boundary::Fragment => moment,
    };
    let around = |moment: i64| within(moment + least) - PICTURE_MS..=within(moment + most) + PICTURE_MS;
    Some((around(begins), around(ends)))
}

/// Each gap that is told is one of the archive's, and their sum is theirs.
fn gaps(receipt: &Value, ask: &Ask, wanted: &Wanted) -> Result<(), String> {
    let told = receipt["Gaps"].as_array().map_or(&[][..], Vec::as_slice);
    let mut sum = 0.0;
    for gap in told {
        let (from, to) = (moment(&gap["StartTimestamp"])?, moment(&gap["EndTimestamp"])?);
        let near = |a: i64, b: i64| (a - b).abs() <= PICTURE_MS;
        let is_right = wanted.gaps.iter().any(|right| {
            // One at an end of the range is named after that end.
            let place = match (right.0 <= ask.start, right.1 >= ask.end) {
                (true, _) => "HEAD",
                (false, true) => "TAIL",
                (false, false) => "INSIDE",
            };
            near(right.0, from) && near(right.1, to) && gap["Place"] == place
        });
        if !is_right {
            return Err(format!("{gap} is none of {:?}", wanted.gaps));
        }
        sum += (to - from) as f64;
    }
    let (count, seconds) = (&receipt["GapCount"], &receipt["GapSeconds"]);
    let off = seconds.as_f64().map(|seconds| (seconds * 1000.0 - sum).abs());
    match *count == told.len() && off.is_some_and(|off| off < 1.0) {
        true => Ok(()),
        false => Err(format!("{count} gaps of {seconds} s are told, and {told:?}")),
    }
}

/// The time that plays twice is what fragments show again that ones before them have shown.
fn doubled(receipt: &Value, ask: &Ask, wanted: &Wanted) -> Result<(), String> {
    let fragments = wanted.objects.iter().flatten();
    let (mut least, mut most, mut overlaps) = (0, 0, 0.0);
    let (mut furthest, mut ends) = (i64::MIN, None);
    for fragment in fragments {
        let again = furthest
            .min(end(fragment))
            .saturating_sub(fragment.producer_start);
        if again > 0 {
            overlaps += 1.0;
            most += again;
            least += if again > JITTER_MS { again } else { 0 };
        }
        furthest = furthest.max(end(fragment));
        // A clip that is cut to the range ends in the first one that lasts to its end, which rounding may make the next.
        let beyond = at(ask, fragment) + fragment.duration_ms - ask.end;
        if ask.boundary == Boundary::Exact && beyond >= -JITTER_MS {
            ends = ends.or(Some(least));
            if beyond > JITTER_MS {
                break;
            }
        }
    }
    let least = ends.unwrap_or(least);
    let told = receipt["DoubledSeconds"].as_f64().unwrap_or(-1.0) * 1000.0;
    let off = SUMMAND_MS * overlaps + 0.5;
    match told >= least as f64 - off && told <= most as f64 + off {
        true => Ok(()),
        false => Err(format!(
            "{told} ms are said to play twice, of {least} to {most} ms"
        )),
    }
}
