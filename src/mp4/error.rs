//! What can be wrong with an MP4, split by who is wrong.

use std::fmt;

use super::header::FourCC;

/// Why bytes are not a whole MP4 that this crate can vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mp4Error {
    /// The bytes break a rule of the standard.
    Invalid {
        /// The box in which they do.
        box_type: FourCC,
        /// The rule, in a few words.
        rule: &'static str,
    },
    /// The bytes are legal, but no file that `GetClip` makes looks like that.
    Unsupported {
        /// The box that shows it.
        box_type: FourCC,
        /// What is not supported.
        what: &'static str,
    },
    /// The bytes ended inside a box.
    Truncated {
        /// The box that is not complete.
        box_type: FourCC,
        /// Bytes that it still lacks.
        missing: u64,
    },
    /// The bytes ended at the end of a box, but a box that every MP4 has did not come.
    Missing {
        /// The box.
        box_type: FourCC,
    },
    /// Joined, the clips would need more tables than a file of one part can begin with.
    TooLarge {
        /// Bytes that `ftyp` and `moov` would have, or a little more.
        bytes: u64,
        /// Most that they may have.
        limit: u64,
    },
    /// What is asked for has no picture.
    Nothing,
    /// What is asked for does not fit the clip, or the clip does not fit those before it.
    Mismatch {
        /// What does not fit.
        what: &'static str,
    },
}

impl fmt::Display for Mp4Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { box_type, rule } => write!(f, "invalid MP4: {box_type}: {rule}"),
            Self::Unsupported { box_type, what } => write!(f, "unsupported MP4: {box_type}: {what}"),
            Self::Truncated { box_type, missing } => {
                write!(f, "truncated MP4: {box_type} lacks {missing} bytes")
            }
            Self::Missing { box_type } => write!(f, "truncated MP4: no {box_type}"),
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "the joined MP4 needs {bytes} bytes of tables, and may have {limit}"
                )
            }
            Self::Nothing => write!(f, "no picture is presented in the range"),
            Self::Mismatch { what } => write!(f, "the clip cannot be joined: {what}"),
        }
    }
}

impl std::error::Error for Mp4Error {}
