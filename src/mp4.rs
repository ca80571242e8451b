//! MP4 (ISO/IEC 14496-12) as far as an export has to understand it. Pure and sans-IO.
//!
//! [`Scanner`] is pushed the bytes of a clip as they arrive, in pieces of any size, and passes no
//! byte on: the media goes its own way and is never held here. It walks the top-level boxes, keeps
//! `moov` (up to [`MAX_MOOV_BYTES`]) and skips the rest. At the end [`Scanner::finish`] says whether
//! what went by was a whole MP4, and if so what is in it: a [`Movie`].
//!
//! Methods in the order in which they are called: [`Scanner::push`] (or [`Scanner::skippable`] and
//! [`Scanner::skip`] by a reader that can seek), then [`Scanner::finish`].

mod error;
mod header;
mod movie;
mod scanner;

pub use error::Mp4Error;
pub use header::FourCC;
pub use movie::{Movie, Track, TrackKind};
pub use scanner::{MAX_MOOV_BYTES, Scanner};
