//! Samples of a joined track, as they are kept until the head is written.

use super::layout::Layout;
use crate::mp4::error::Mp4Error;
use crate::mp4::header::FourCC;
use crate::mp4::runs::{Packer, Runs};
use crate::mp4::tables::Span;

/// Neighbouring chunks are written as one as long as that one is not larger: a row less for each, and a player that
/// reads chunk by chunk still needs no more than a megabyte of memory.
const MAX_MERGED_CHUNK: u64 = 1024 * 1024;

/// Samples that follow each other in a joined track, from one clip.
#[derive(Debug)]
pub(in crate::mp4) struct Stretch {
    pub(in crate::mp4) samples: u64,
    pub(in crate::mp4) timescale: u32,
    /// Decode time of the first sample in ticks of the joined track; for sound only.
    pub(super) start: i64,
    /// From the decode time of its first sample to that of the next stretch, in ticks of its own timescale.
    pub(in crate::mp4) length: i64,
    /// Of all samples; the last one lasts for what is left of the length.
    pub(in crate::mp4) durations: Runs,
    pub(in crate::mp4) offsets: Runs,
    /// From the first decode time to the first composition time.
    pub(in crate::mp4) lead: i64,
    pub(in crate::mp4) least_offset: i64,
    pub(in crate::mp4) sizes: Runs,
    /// From each sync sample to the next, the first from -1; `None` where all samples are.
    pub(in crate::mp4) sync: Option<Runs>,
    /// From the start of each chunk to the start of the next, the first from the start of the payload.
    pub(in crate::mp4) chunks: Runs,
    pub(in crate::mp4) samples_of_chunks: Runs,
}

impl Stretch {
    /// Bytes of its samples.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.sizes.sum(self.samples)).unwrap_or(u64::MAX)
    }

    /// Most bytes that its rows take in `moov`, but for sync samples of which it has no list; `same_size`: all samples of
    /// the track have the same.
    pub(super) fn head_bytes(&self, same_size: bool) -> u64 {
        let sizes = if same_size { 0 } else { self.samples };
        let sync = self.sync.as_ref().map_or(0, Runs::items);
        (self.durations.rows() + self.offsets.rows() + 2) * 8
            + sizes * 4
            + sync * 4
            + self.chunks.items() * 8
            + (self.samples_of_chunks.rows() + 1) * 12
    }

    /// Cuts sound behind `samples` samples; the last of them lasts `frame`.
    pub(super) fn truncate(&mut self, samples: u64, frame: i64) {
        self.samples = samples;
        let others = i64::try_from(self.durations.sum(samples.saturating_sub(1))).unwrap_or(i64::MAX);
        self.length = others.saturating_add(frame);
    }
}

/// How many of so many samples, the first decoded at `start`, end at or before `limit`, each counted as `frame` long; and where the
/// last of them ends.
pub(super) fn fitting(durations: &Runs, samples: u64, start: i64, frame: i64, limit: i64) -> (u64, i64) {
    let (mut kept, mut at, mut end) = (0, start, start);
    for (count, delta) in durations.iter() {
        let count = count.min(samples - kept);
        let room = limit - frame - at;
        if room < 0 || count == 0 {
            break;
        }
        let fit = match delta {
            0 => count,
            delta => (room / delta + 1).cast_unsigned().min(count),
        };
        kept += fit;
        end = at + (fit - 1).cast_signed() * delta + frame;
        if fit < count {
            break;
        }
        at += count.cast_signed() * delta;
    }
    (kept, end)
}

/// Makes a [`Stretch`].
#[derive(Debug, Default)]
pub(super) struct Builder {
    samples: u64,
    durations: Packer,
    offsets: Packer,
    sizes: Packer,
    sync: Packer,
    last_sync: i64,
    chunks: Packer,
    samples_of_chunks: Packer,
    chunk_start: u64,
    open: Option<Chunk>,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    start: u64,
    end: u64,
    samples: u64,
}

impl Builder {
    /// `count` samples of `size` bytes each, which stand at `at` in the input.
    pub(super) fn place(
        &mut self,
        layout: &Layout,
        mut at: u64,
        mut count: u64,
        size: u64,
    ) -> Result<(), Mp4Error> {
        self.sizes.push(count, size.cast_signed());
        self.samples += count;
        if size == 0 {
            // No byte, so anywhere is right; with the chunk before it there is no row to write.
            let place = self.open.map_or(0, |chunk| chunk.end);
            self.chunk(place, count, 0);
            return Ok(());
        }
        while count > 0 {
            let (output, follow) = layout.output(at)?;
            let fit = (follow / size).min(count);
            if fit == 0 {
                return Err(Mp4Error::Invalid {
                    box_type: FourCC(*b"stbl"),
                    rule: "samples overlap, or one is outside of the media",
                });
            }
            self.chunk(output, fit, fit * size);
            at += fit * size;
            count -= fit;
        }
        Ok(())
    }

    /// `count` samples that stand at `output` in the payload, together `bytes` long.
    pub(super) fn put(&mut self, output: u64, count: u64, size: u64) {
        self.sizes.push(count, size.cast_signed());
        self.samples += count;
        self.chunk(output, count, count * size);
    }

    fn chunk(&mut self, output: u64, samples: u64, bytes: u64) {
        match &mut self.open {
            Some(chunk) if chunk.end == output && output + bytes - chunk.start <= MAX_MERGED_CHUNK => {
                chunk.end += bytes;
                chunk.samples += samples;
            }
            _ => {
                self.close();
                self.open = Some(Chunk {
                    start: output,
                    end: output + bytes,
                    samples,
                });
            }
        }
    }

    fn close(&mut self) {
        if let Some(chunk) = self.open.take() {
            self.chunks
                .push(1, chunk.start.cast_signed() - self.chunk_start.cast_signed());
            self.samples_of_chunks.push(1, chunk.samples.cast_signed());
            self.chunk_start = chunk.start;
        }
    }

    /// The times of samples of a video track.
    pub(super) fn times(&mut self, span: &Span) {
        self.durations.push(u64::from(span.count), i64::from(span.delta));
        self.offsets.push(u64::from(span.count), i64::from(span.offset));
    }

    /// The durations of sound.
    pub(super) fn durations(&mut self, count: u64, delta: i64) {
        self.durations.push(count, delta);
        self.offsets.push(count, 0);
    }

    /// Decoding can start at the sample of this number in the stretch; numbers rise.
    pub(super) fn sync(&mut self, number: i64) {
        self.sync.push(1, number + 1 - self.last_sync);
        self.last_sync = number + 1;
    }

    /// `has_sync`: whether only the samples named to [`sync`](Self::sync) are sync samples. Times are still to be set.
    pub(super) fn finish(mut self, timescale: u32, has_sync: bool) -> Stretch {
        self.close();
        Stretch {
            samples: self.samples,
            timescale,
            start: 0,
            length: 0,
            durations: self.durations.finish(),
            offsets: self.offsets.finish(),
            lead: 0,
            least_offset: 0,
            sizes: self.sizes.finish(),
            sync: has_sync.then(|| self.sync.finish()),
            chunks: self.chunks.finish(),
            samples_of_chunks: self.samples_of_chunks.finish(),
        }
    }
}
