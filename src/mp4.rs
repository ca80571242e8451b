//! MP4 (ISO/IEC 14496-12) as far as an export has to understand it. Pure and sans-IO: no clock, no file, no
//! socket, and no byte of media is held or changed here.
//!
//! [`Scanner`] is pushed the bytes of a clip as they arrive, in pieces of any size, and passes no byte on. It walks the
//! top-level boxes, keeps `moov` (up to [`MAX_MOOV_BYTES`]) and skips the rest. At the end [`Scanner::finish`] says
//! whether what went by was a whole MP4, and if so what is in it: a [`Movie`].
//!
//! [`Joiner`] makes one movie of many clips. [`Scanner::tables`] gives it what a clip's `moov` says, as [`ClipTables`];
//! it answers with a [`Recipe`], which says what of the clip goes out and what is put in between; and when all clips have
//! gone out it gives the [`Head`] that stands before them.
//!
//! ```text
//!  clip ──► Scanner ──► ClipTables ──► Joiner::begin ──► Recipe::feed(clip) ──► payload
//!                                          │
//!                              Joiner::finish ──► Head (ftyp, moov, mdat header)
//! ```

mod error;
mod full_box;
mod header;
mod join;
mod movie;
mod recipe;
mod runs;
mod scanner;
mod seconds;
mod tables;
#[cfg(test)]
mod test_clip;
mod write;

pub use error::Mp4Error;
pub use header::FourCC;
pub use join::{FragmentStart, JoinReport, Joined, Joiner, Selection};
pub use movie::{Movie, Track, TrackKind};
pub use recipe::Recipe;
pub use scanner::{Layout, MAX_MOOV_BYTES, Scanner};
pub use tables::{ClipTables, Difference, SyncSample, TrackTables};
pub use write::{Head, MAX_HEAD_BYTES};
