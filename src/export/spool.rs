//! A clip that waits in the function's ephemeral storage.
//!
//! Where `moov` comes last and something has to be put in before the media, the media cannot go on
//! before all of the clip is there. It waits in a file without a name, which is gone with the last
//! handle to it, however the invocation ends; never in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes that are read back at once.
const PIECE: usize = 256 * 1024;

/// Files at a time. Lambda gives a function 512 MB of ephemeral storage where nobody asks for more, and a clip has about
/// 100 MB: ten exports of a batch side by side would fill it.
const MOST: usize = 4;

/// The ephemeral storage is the process's, whichever exports share it.
static ROOM: Semaphore = Semaphore::const_new(MOST);

/// A file in the folder for temporary files.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    length: u64,
    /// Given back with the file.
    _room: SemaphorePermit<'static>,
}

impl Spool {
    /// Makes the file, once there is room for it. Who has one must not wait for another.
    pub(super) async fn new() -> io::Result<Self> {
        Self::within(&ROOM).await
    }

    async fn within(room: &'static Semaphore) -> io::Result<Self> {
        let room = match room.try_acquire() {
            Ok(room) => room,
            Err(_) => {
                tracing::info!("a clip waits for room in the ephemeral storage");
                room.acquire().await.map_err(io::Error::other)?
            }
        };
        Ok(Self {
            file: tempfile::tempfile()?,
            length: 0,
            _room: room,
        })
    }

    /// Takes the next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.length)?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Bytes taken.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes from `offset` on, as many as are read at once; empty at the end.
    pub(super) fn read(&self, offset: u64) -> io::Result<Bytes> {
        let left = self.length.saturating_sub(offset);
        let mut piece = BytesMut::zeroed(usize::try_from(left).map_or(PIECE, |left| left.min(PIECE)));
        self.file.read_exact_at(&mut piece, offset)?;
        Ok(piece.freeze())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn there_are_as_many_files_as_have_room() {
        static ROOM_FOR_TWO: Semaphore = Semaphore::const_new(2);
        let file = || Spool::within(&ROOM_FOR_TWO).now_or_never();
        let (first, second) = (file(), file());
        assert!(first.is_some() && second.is_some());
        assert!(file().is_none());
        drop(first);
        assert!(file().is_some());
    }

    #[tokio::test]
    async fn what_went_in_comes_out() {
        let bytes: Vec<u8> = (0u8..251).cycle().take(PIECE + 1000).collect();
        let mut spool = Spool::new().await.expect("a file");
        for piece in bytes.chunks(70_001) {
            spool.write(piece).expect("room");
        }
        assert_eq!(spool.length(), bytes.len() as u64);
        let (first, rest) = (
            spool.read(0).expect("bytes"),
            spool.read(PIECE as u64).expect("bytes"),
        );
        assert_eq!(first.len(), PIECE);
        assert!([first, rest].concat() == bytes);
        assert!(spool.read(spool.length()).expect("the end").is_empty());
    }
}
