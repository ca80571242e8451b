//! Pictures filled up to a bit rate, so that 100 MB can be streamed out of a megabyte.

use bytes::{BufMut, BytesMut};
use shiguredo_mp4::boxes::SampleEntry;

use super::{FootageError, Track};

/// NAL unit header of filler data in H.264: `nal_ref_idc` 0, `nal_unit_type` 12 (ISO 14496-10, table 7-1).
const H264_FILLER: &[u8] = &[0x0c];

/// NAL unit header of filler data in H.265: type 38 (FD_NUT), layer 0, temporal id 0 (ISO 23008-2, table
/// 7-1).
const H265_FILLER: &[u8] = &[0x4c, 0x01];

/// Length prefix of a NAL unit in all embedded footage (`lengthSizeMinusOne` = 3; ISO 14496-15, 5.3.3.1).
const LENGTH_PREFIX: usize = 4;

/// `rbsp_trailing_bits` of a byte-aligned payload.
const TRAILING_BITS: u8 = 0x80;

/// The payload of filler data is `0xff` bytes, which need no emulation prevention.
const FILL: u8 = 0xff;

/// No real picture comes near it; larger ones would make one sample a large part of a fragment's 50 MB.
const LARGEST_PICTURE: u64 = 16 * 1024 * 1024;

/// How much a picture shall weigh, and what to fill it up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    nal_header: &'static [u8],
    picture_bytes: usize,
}

impl Bulk {
    pub(super) fn new(video: &Track, bits_per_second: u64) -> Result<Self, FootageError> {
        let nal_header = match &video.entry {
            SampleEntry::Avc1(_) => H264_FILLER,
            SampleEntry::Hev1(_) | SampleEntry::Hvc1(_) => H265_FILLER,
            _ => return Err(FootageError::NoVideo),
        };
        // All pictures of a footage last as long as the first.
        let ticks = video.samples.first().map_or(0, |s| s.duration).unsigned_abs();
        let picture_bytes = bits_per_second
            .checked_mul(ticks)
            .map(|bit_ticks| bit_ticks / (8 * u64::from(video.timescale.get())))
            .filter(|bytes| (1..=LARGEST_PICTURE).contains(bytes))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or(FootageError::BitRate(bits_per_second))?;
        Ok(Self {
            nal_header,
            picture_bytes,
        })
    }

    /// Bytes to append to a picture of `size` bytes: the room left, or nothing when no NAL unit fits in it.
    pub(super) fn padding(&self, size: usize) -> usize {
        let least = LENGTH_PREFIX + self.nal_header.len() + 1;
        let room = self.picture_bytes.saturating_sub(size);
        if room < least { 0 } else { room }
    }

    /// Appends one filler data NAL unit of `padding` bytes in all, as [`Bulk::padding`] gave them.
    pub(super) fn write(&self, padding: usize, to: &mut BytesMut) {
        if padding == 0 {
            return;
        }
        // At most 16 MiB, see `Bulk::new`.
        to.put_u32((padding - LENGTH_PREFIX) as u32);
        to.put_slice(self.nal_header);
        to.put_bytes(FILL, padding - LENGTH_PREFIX - self.nal_header.len() - 1);
        to.put_u8(TRAILING_BITS);
    }
}
