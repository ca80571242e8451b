//! Which sound of a clip belongs to the pictures of a segment.

use std::ops::Range;

use super::alignment::{Alignment, end_of_edit};
use super::exact::Cut;
use super::mix::Mix;
use super::segment::Segment;
use super::sound::Divider;
use crate::mp4::error::Mp4Error;
use crate::mp4::seconds::Seconds;
use crate::mp4::tables::ClipTables;

/// The samples of sound that belong to a segment. `cut`: where the range cuts this very segment.
pub(super) fn sound_of(
    segment: &Segment<'_>,
    tables: &ClipTables,
    cut: Cut,
    align: &Alignment,
    divider: &mut Divider<'_>,
    mix: &Mix<'_>,
) -> Result<Range<u32>, Mp4Error> {
    let frame = Seconds::of(mix.frame(), mix.rate());
    let half = Seconds::of(mix.frame() / 2, mix.rate());
    let behind_seam = |divider: &mut Divider<'_>, at: i64| -> Result<u32, Mp4Error> {
        let limit = align.sound_at(at, half)?;
        let start = align.sound_at(at, Seconds::ZERO)?;
        Ok(divider.behind_seam(limit, start, mix.kind()))
    };
    let [begins, follows] = segment.seams;
    let begins = match begins {
        Some(at) => behind_seam(divider, at)?,
        None => 0,
    };
    let from = match cut.start {
        // What the decoder needs to warm up, and what rounding may move.
        Some(start) => begins.max(divider.heard_from(align.sound_at(start, frame)?)),
        None => begins,
    };
    let end = match cut.end {
        Some(end) => align.sound_at(end, Seconds::ZERO.minus(frame)?)?,
        None => i64::MAX,
    };
    let until = match follows {
        Some(at) if align.sound_at(at, half)? < end => behind_seam(divider, at)?,
        // What runs over the end of an answer that was cut short began in it, and the next one does not have it; if it
        // has, the mix leaves one of the two out.
        None if end == i64::MAX && segment.samples.end < tables.video().samples() => {
            divider.first_from(align.sound_at(segment.end, Seconds::ZERO)?)
        }
        None if end == i64::MAX => match tables.audio() {
            Some(sound) => divider.first_from(end_of_edit(sound, tables.movie_timescale())?),
            None => from,
        },
        _ => divider.first_from(end),
    };
    Ok(from..until.max(from))
}
