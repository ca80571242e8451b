//! A clip that waits in the function's ephemeral storage.
//!
//! Where `moov` comes last and something has to be put in before the media, the media cannot go on
//! before all of the clip is there. It waits in a file without a name, which is gone with the last
//! handle to it, however the invocation ends; never in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::{Bytes, BytesMut};

/// Bytes that are read back at once.
const PIECE: usize = 256 * 1024;

/// A file in the folder for temporary files.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            length: 0,
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
    use super::*;

    #[test]
    fn what_went_in_comes_out() {
        let bytes: Vec<u8> = (0u8..251).cycle().take(PIECE + 1000).collect();
        let mut spool = Spool::new().expect("a file");
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
