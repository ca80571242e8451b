//! Reading the fields of boxes: numbers at fixed places, and tables that count their rows (ISO/IEC 14496-12, 4.2).

use super::error::Mp4Error;
use super::header::FourCC;

/// `N` bytes of the payload of `box_type`, from `at`.
pub(super) fn field<const N: usize>(
    box_type: FourCC,
    payload: &[u8],
    at: usize,
) -> Result<[u8; N], Mp4Error> {
    payload
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(Mp4Error::Invalid {
            box_type,
            rule: "it is too short for its fields",
        })
}

/// A 32-bit number of the payload of `box_type`, at `at`.
pub(super) fn number(box_type: FourCC, payload: &[u8], at: usize) -> Result<u32, Mp4Error> {
    field(box_type, payload, at).map(u32::from_be_bytes)
}

/// A 64-bit number of the payload of `box_type`, at `at`.
pub(super) fn long(box_type: FourCC, payload: &[u8], at: usize) -> Result<u64, Mp4Error> {
    field(box_type, payload, at).map(u64::from_be_bytes)
}

/// Version of a full box.
pub(super) fn version(box_type: FourCC, payload: &[u8]) -> Result<u8, Mp4Error> {
    field::<4>(box_type, payload, 0).map(|[version, ..]| version)
}

/// Timescale and duration of an `mvhd` or `mdhd`: the two begin alike (8.2.2, 8.4.2).
pub(super) fn timing(box_type: FourCC, payload: &[u8]) -> Result<(u32, u64), Mp4Error> {
    let (timescale, duration) = if version(box_type, payload)? == 1 {
        (number(box_type, payload, 20)?, long(box_type, payload, 24)?)
    } else {
        let duration = number(box_type, payload, 16)?;
        (number(box_type, payload, 12)?, u64::from(duration))
    };
    match timescale {
        0 => Err(Mp4Error::Invalid {
            box_type,
            rule: "its timescale is zero",
        }),
        timescale => Ok((timescale, duration)),
    }
}

/// Entry count of a full box that is a table, and its entries of `width` bytes each.
pub(super) fn table(box_type: FourCC, payload: &[u8], width: usize) -> Result<(u32, &[u8]), Mp4Error> {
    let count = number(box_type, payload, 4)?;
    entries(box_type, payload, 8, count, width)
}

/// The `count` entries of `width` bytes each that begin at `at`.
pub(super) fn entries(
    box_type: FourCC,
    payload: &[u8],
    at: usize,
    count: u32,
    width: usize,
) -> Result<(u32, &[u8]), Mp4Error> {
    usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(width))
        .and_then(|length| payload.get(at..)?.get(..length))
        .map(|entries| (count, entries))
        .ok_or(Mp4Error::Invalid {
            box_type,
            rule: "it counts more entries than it holds",
        })
}

/// The rows of a table, as `N` 32-bit numbers each.
pub(super) fn rows<const N: usize>(
    box_type: FourCC,
    payload: &[u8],
) -> Result<impl Iterator<Item = [u32; N]> + '_, Mp4Error> {
    let (_, bytes) = table(box_type, payload, N * 4)?;
    Ok(bytes.chunks_exact(N * 4).map(|row| {
        let mut numbers = [0; N];
        for (number, bytes) in numbers.iter_mut().zip(row.chunks_exact(4)) {
            *number = bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte));
        }
        numbers
    }))
}
