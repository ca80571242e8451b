//! Boxes that are no boxes, and tables that say what is not so.

use mp4_atom::{Moov, StszSamples};

use super::{GOOD, broken, finds, with_tables};
use crate::judges::packets::Kind;
use crate::judges::{boxes, packets, playing};

/// Where a box's name stands the `number`th time.
fn named(bytes: &[u8], name: &[u8; 4], number: usize) -> usize {
    bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == name)
        .nth(number)
        .expect("that box")
        .0
}

/// Where the chunks of the pictures begin.
fn chunks(moov: &mut Moov) -> &mut Vec<u32> {
    &mut moov.trak[0].mdia.minf.stbl.stco.as_mut().unwrap().entries
}

#[test]
fn boxes_that_do_not_nest_or_do_not_end_are_found() {
    let grown = broken("nesting.mp4", |bytes| {
        let at = named(bytes, b"stbl", 0) - 1;
        bytes[at] = bytes[at].wrapping_add(40);
    });
    finds(boxes::mp4_atom_agrees(&grown), "mp4-atom");
    finds(boxes::mediainfo_finds_nothing(&grown), "maximal permitted size");
    let short = broken("short.mp4", |bytes| bytes.truncate(bytes.len() - 900));
    finds(boxes::moov_comes_first(&short), "mdat ends after the file");
    finds(boxes::mediainfo_finds_nothing(&short), "IsTruncated");
    finds(boxes::shiguredo_demuxes(&short), "after the file");
    finds(
        boxes::moov_comes_first(&broken("trailer.mp4", |bytes| bytes.extend(b"\0\0\0\x08free"))),
        "free",
    );
}

#[test]
fn missing_and_unknown_boxes_are_found() {
    for name in [b"hdlr", b"mdhd", b"stts", b"stsz", b"dinf"] {
        let file = broken("missing.mp4", |bytes| {
            let at = named(bytes, name, 0);
            bytes[at..at + 4].copy_from_slice(b"free");
        });
        finds(boxes::mp4_atom_agrees(&file), "mp4-atom");
    }
    let unknown = broken("unknown.mp4", |bytes| {
        let at = named(bytes, b"stss", 0);
        bytes[at..at + 4].copy_from_slice(b"stzz");
    });
    finds(boxes::mp4_atom_agrees(&unknown), "mp4-atom");
}

#[test]
fn tables_that_disagree_are_found() {
    let check = |change: fn(&mut Moov), fault| {
        finds(boxes::mp4_atom_agrees(&with_tables("tables.mp4", change)), fault)
    };
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stts.entries[0].sample_count += 1,
        "samples in stts",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.ctts.as_mut().unwrap().entries[0].sample_count += 1,
        "samples in ctts",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stss.as_mut().unwrap().entries[1] = 1,
        "stss",
    );
    check(
        |moov| moov.trak[0].mdia.minf.stbl.stsc.entries[0].sample_description_index = 2,
        "no sample entry",
    );
    check(|moov| chunks(moov)[0] -= 100, "begins before");
    check(|moov| *chunks(moov).last_mut().unwrap() += 9_000_000, "after");
    check(|moov| chunks(moov).truncate(1), "samples in no chunk");
    check(|moov| moov.trak[0].mdia.mdhd.duration += 1, "mdhd");
    check(|moov| moov.mvhd.duration += 1, "mvhd");
    check(
        |moov| {
            let elst = moov.trak[0].edts.as_mut().unwrap().elst.as_mut().unwrap();
            let mut gap = elst.entries[0].clone();
            gap.media_time = None;
            elst.entries.push(gap);
        },
        "the last edit is empty",
    );
    check(
        |moov| {
            for trak in &mut moov.trak {
                trak.edts.as_mut().unwrap().elst.as_mut().unwrap().entries[0].segment_duration += 500;
                trak.tkhd.duration += 500;
            }
            moov.mvhd.duration += 500;
        },
        "more than there is",
    );
}

#[test]
fn tables_that_point_elsewhere_are_found() {
    let shifted = with_tables("shifted.mp4", |moov| {
        chunks(moov).iter_mut().skip(1).for_each(|at| *at += 3);
    });
    finds(boxes::mediainfo_finds_nothing(&shifted), "AVC");
    finds(playing::decodes_without_a_word(&shifted), "");
    finds(
        packets::are_those_of(&shifted, &[&*GOOD], Kind::Video, (0, 0)),
        "in no clip",
    );
    let resized = with_tables("resized.mp4", |moov| {
        if let StszSamples::Different { sizes } = &mut moov.trak[0].mdia.minf.stbl.stsz.samples {
            sizes[5] -= 4;
        }
    });
    finds(boxes::mediainfo_finds_nothing(&resized), "AVC");
    finds(playing::decodes_without_a_word(&resized), "");
}
