//! Where the samples of one clip stand in the payload.

use std::ops::Range;

use super::layout::Layout;
use super::mix::Mix;
use super::segment::Segment;
use super::stretch::{Builder, Stretch};
use crate::mp4::error::Mp4Error;
use crate::mp4::tables::ClipTables;

/// Where the bytes of a clip go that its pictures and its sound need; `passed`: where they have gone already.
pub(super) fn lay_out(
    tables: &ClipTables,
    segments: &[Segment<'_>],
    mix: Option<&Mix<'_>>,
    passed: Option<Range<u64>>,
    position: u64,
) -> Result<Layout, Mp4Error> {
    if let Some(passed) = passed {
        return Ok(Layout::passed(passed, position));
    }
    let base = tables.base();
    let mut extents: Vec<Range<u64>> = Vec::new();
    let mut add = |at: u64, bytes: u64| match extents.last_mut() {
        Some(last) if last.end == at => last.end += bytes,
        _ => extents.push(at..at + bytes),
    };
    for segment in segments {
        segment.kept(|span| add(base + span.at, span.bytes()));
    }
    let mut insertions = Vec::new();
    if let Some(mix) = mix {
        if let Some(sound) = tables.audio() {
            mix.media(sound, base, |at, count, size| {
                add(at, count * size);
                Ok(())
            })?;
        }
        insertions = mix.insertions();
    }
    Ok(Layout::new(extents, &insertions, position))
}

/// The pictures of a segment, where `layout` has put them.
pub(super) fn picture_stretch(
    tables: &ClipTables,
    segment: &Segment<'_>,
    layout: &Layout,
) -> Result<Stretch, Mp4Error> {
    let video = tables.video();
    let mut builder = Builder::default();
    let mut placed = Ok(());
    segment.kept(|span| {
        builder.times(&span);
        if placed.is_ok() {
            let at = tables.base() + span.at;
            placed = builder.place(layout, at, u64::from(span.count), u64::from(span.size));
        }
    });
    placed?;
    let (first, dropped) = (segment.samples.start, segment.dropped);
    if video.has_sync_table() {
        for sync in video.sync_samples().skip_while(|sync| *sync < first) {
            if sync >= segment.samples.end {
                break;
            }
            if sync == first {
                builder.sync(0);
            } else if sync > first + dropped {
                builder.sync(i64::from(sync - first - dropped));
            }
        }
    }
    let mut stretch = builder.finish(video.timescale(), video.has_sync_table());
    stretch.length = segment.length;
    stretch.lead = segment.lead();
    stretch.least_offset = segment.least_offset;
    Ok(stretch)
}
