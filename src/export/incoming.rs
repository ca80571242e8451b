//! A clip on its way in, looked at as it comes.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::error::Error;
use crate::kvs::Clip;
use crate::mp4::{ClipTables, FourCC, Layout, Movie, Mp4Error, Scanner};
use crate::plan::MAX_CLIP_BYTES;

/// Bytes from which on an answer counts as endless. `GetClip` stops before the fragment that would pass
/// 100 MB, and whichever way those are counted, a fragment has 50 MB at most.
///
/// Source: Kinesis Video Streams developer guide, quotas.
const MAX_ANSWER_BYTES: u64 = 2 * MAX_CLIP_BYTES;

/// A clip and what is known of it so far. What was read to find that out is kept, and given first.
#[derive(Debug)]
pub(super) struct Incoming {
    clip: Clip,
    pub(super) scanner: Scanner,
    kept: VecDeque<(u64, Bytes)>,
}

impl Incoming {
    pub(super) fn new(clip: Clip) -> Self {
        Self {
            clip,
            scanner: Scanner::new(),
            kept: VecDeque::new(),
        }
    }

    /// Media type that the service gave the clip.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.clip.content_type.as_deref()
    }

    /// Id of the request, for the service's support.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.clip.request_id.as_deref()
    }

    /// Reads until it shows whether `moov` stands before the media.
    pub(super) async fn layout(&mut self) -> Result<Layout, Error> {
        loop {
            if let Some(layout) = self.scanner.layout() {
                return Ok(layout);
            }
            self.read_on().await?;
        }
    }

    /// Reads until `moov` is there. Of a clip with `moov` last that is all of it: it is kept.
    pub(super) async fn tables(&mut self) -> Result<ClipTables, Error> {
        loop {
            if let Some(tables) = self.scanner.tables() {
                return tables.map_err(Error::Damaged);
            }
            self.read_on().await?;
        }
    }

    async fn read_on(&mut self) -> Result<(), Error> {
        match self.read().await? {
            Some(piece) => {
                self.kept.push_back(piece);
                Ok(())
            }
            // It ended before what was looked for, and says itself what it lacks.
            None => match std::mem::take(&mut self.scanner).finish() {
                Ok(_) => Err(Error::Damaged(Mp4Error::Missing {
                    box_type: FourCC(*b"moov"),
                })),
                Err(error) => Err(Error::Damaged(error)),
            },
        }
    }

    async fn read(&mut self) -> Result<Option<(u64, Bytes)>, Error> {
        let Some(bytes) = self.clip.next().await.map_err(Error::Fetch)? else {
            return Ok(None);
        };
        let offset = self.scanner.position();
        self.scanner.push(&bytes).map_err(Error::Damaged)?;
        let announced = self.scanner.media().last().map_or(0, |media| media.end);
        if self.scanner.position().max(announced) > MAX_ANSWER_BYTES {
            return Err(Error::Damaged(Mp4Error::Invalid {
                box_type: FourCC(*b"mdat"),
                rule: "the answer has more than 200 MB, and GetClip stops at 100",
            }));
        }
        Ok(Some((offset, bytes)))
    }

    /// The next piece and the offset in the clip at which it begins; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<(u64, Bytes)>, Error> {
        match self.kept.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.read().await,
        }
    }

    /// What the clip held. To be called when it has ended.
    pub(super) fn finish(self) -> Result<Movie, Error> {
        self.scanner.finish().map_err(Error::Damaged)
    }
}
