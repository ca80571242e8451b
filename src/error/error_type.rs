//! The labels of errors: the part of the contract that machines match.

use std::fmt;

/// The closed list of labels: `errorType` of a failed invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// The event, or the function's settings, cannot be served.
    InvalidRequest,
    /// There is no such stream in this account and region.
    StreamNotFound,
    /// The archive holds nothing in the range.
    NoFragments,
    /// The stream does not keep footage for that long, or not at all.
    OutsideRetention,
    /// The footage is still on its way into the archive.
    NotYetArchived,
    /// `GetClip` cannot make an MP4 of this media.
    UnsupportedMedia,
    /// The function may not do what it has to.
    AccessDenied,
    /// A quota is used up.
    Throttled,
    /// The clip broke off, stalled or was no whole MP4, each time it was fetched.
    ClipDamaged,
    /// Another object is at the key.
    DestinationExists,
    /// S3 refused the object or holds something else than was sent.
    UploadFailed,
    /// The time of the invocation was or would have been over.
    DeadlineTooClose,
    /// An AWS service failed or did not answer.
    ServiceUnavailable,
    /// A defect of this function, or an answer that it does not know.
    Internal,
}

impl ErrorType {
    /// Every label.
    pub const ALL: [Self; 14] = [
        Self::InvalidRequest,
        Self::StreamNotFound,
        Self::NoFragments,
        Self::OutsideRetention,
        Self::NotYetArchived,
        Self::UnsupportedMedia,
        Self::AccessDenied,
        Self::Throttled,
        Self::ClipDamaged,
        Self::DestinationExists,
        Self::UploadFailed,
        Self::DeadlineTooClose,
        Self::ServiceUnavailable,
        Self::Internal,
    ];

    /// The label as callers match it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::StreamNotFound => "StreamNotFound",
            Self::NoFragments => "NoFragments",
            Self::OutsideRetention => "OutsideRetention",
            Self::NotYetArchived => "NotYetArchived",
            Self::UnsupportedMedia => "UnsupportedMedia",
            Self::AccessDenied => "AccessDenied",
            Self::Throttled => "Throttled",
            Self::ClipDamaged => "ClipDamaged",
            Self::DestinationExists => "DestinationExists",
            Self::UploadFailed => "UploadFailed",
            Self::DeadlineTooClose => "DeadlineTooClose",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::Internal => "Internal",
        }
    }

    /// Whether the same event can succeed later without anybody changing anything.
    #[must_use]
    pub fn retry_can_help(self) -> bool {
        match self {
            Self::NotYetArchived
            | Self::Throttled
            | Self::ClipDamaged
            | Self::DeadlineTooClose
            | Self::ServiceUnavailable
            | Self::Internal => true,
            Self::InvalidRequest
            | Self::StreamNotFound
            | Self::NoFragments
            | Self::OutsideRetention
            | Self::UnsupportedMedia
            | Self::AccessDenied
            | Self::DestinationExists
            | Self::UploadFailed => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Correct the named fields.",
            Self::StreamNotFound => {
                "Check the name, the account and the region; the function must run in the stream's region."
            }
            Self::NoFragments => {
                "Check that the camera was sending, that the selector fits the range (PRODUCER_TIMESTAMP is the camera's \
                 clock), and that the range lies inside of the stream's retention period. FRAGMENT takes none but fragments \
                 that start in the range: COVER takes the one that runs at its start too."
            }
            Self::OutsideRetention => {
                "Ask for a range inside of the stream's retention period; a stream with a retention of 0 keeps nothing."
            }
            Self::NotYetArchived => {
                "Try again from the moment that is named, or let the function wait longer (CLIP_MAX_WAIT_SECONDS, Timeout)."
            }
            Self::UnsupportedMedia => {
                "GetClip takes H.264 or H.265, alone or with AAC, and H.264 with G.711 A-law: set the camera to one of these, \
                 or, where it is the moov that would be too large, ask for a shorter range."
            }
            Self::AccessDenied => {
                "Check the function's role: kinesisvideo:GetDataEndpoint, ListFragments and GetClip on the stream; s3:PutObject, \
                 s3:GetObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on the key, s3:ListBucket and \
                 s3:ListBucketMultipartUploads on the bucket, s3:PutObjectTagging for tags; kms:GenerateDataKey and \
                 kms:Decrypt for keys of your own."
            }
            Self::Throttled => "Try again later, with fewer exports and viewers of the same stream at once.",
            Self::ClipDamaged => "Try again; if it stays, ask for a shorter range.",
            Self::DestinationExists => "Name another key, or say \"IfExists\": \"OVERWRITE\".",
            Self::UploadFailed => {
                "Check that the bucket exists, in the region that the message names, and takes such objects."
            }
            Self::DeadlineTooClose => "Give the function more time (Timeout), or ask for a shorter range.",
            Self::ServiceUnavailable => "Try again later.",
            Self::Internal => "Try again; if it stays, report the message and the log.",
        }
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
