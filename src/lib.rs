//! Turns "this camera, from then to then" into one playable MP4 in S3.
//!
//! An AWS Lambda function. An event names a stream of Kinesis Video Streams and a range of time, itself or
//! by way of an alarm or a notification; the function waits until the footage is archived, lists the
//! fragments of the range, calls `GetClip` as often as they need, joins what comes back without touching a
//! media byte, and uploads it while it is still coming. It answers with a receipt that says what was got
//! and where it is. Messages of a queue come in batches and are served side by side.
//!
//! ```text
//! event ──► request ──► plan ──────────► fetch ───────► join ──────────► upload ────────► receipt
//! (JSON)    (checked,   (fragments,      (GetClip,      (MP4 tables in   (parts,          (what was asked,
//!           one type)   windows, gaps)   one window     memory, media    checksum,        what was got,
//!                                        at a time)     through)         complete xor     where it is)
//!                                                                        abandon)
//! event.rs  event.rs    plan.rs          kvs.rs         mp4.rs           upload.rs        receipt.rs
//!           └─────────────────────────── export.rs ───────────────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - **Lossless.** Media bytes are never decoded, changed or reordered. A range that one `GetClip`
//!   serves whole, without a gap, an overlap or a pause of the sound, with `moov` first and not cut to the range
//!   (`EXACT`), becomes an object that is byte for byte what it sent.
//! - **Nothing missing in silence.** Each answer is compared with the list of fragments
//!   ([`plan::compare`]): what was cut off is asked for again, what is more or other than planned is
//!   an error, and time of the range that no fragment shows is in the receipt.
//! - **Whole or not at all.** An object is completed only when all of its media is there, and its
//!   size and CRC-64/NVME are checked by S3. Otherwise its upload is abandoned, on every path: error,
//!   panic, deadline, lost race. Of a clip that becomes several objects none is completed before all
//!   are whole.
//! - **Once.** The key and the fingerprint depend on the request alone and the write is conditional:
//!   the same event twice makes one object. Of a clip of several the first is made last and decides; none is
//!   replaced, unasked, that a receipt may have told of.
//! - **Bounded.** Peak memory = part size × (parts in flight + 1) + 5 MiB of the first part + sample
//!   tables (4 to 16 bytes a sample, 128 MiB at most) + 200 bytes for each fragment listed + twice the `moov` of the clip at hand (16 MiB at most) +
//!   the process, which holds an event up to four times. What is kept for a clip does not depend on the size of its media. Of a batch as many clips are
//!   made at a time as this fits into the function's memory ([`config::Batches`]).
//! - **No event is lost.** A message that may succeed later stays in its queue, one that never can is put
//!   into the queue of failed events, and stays where it is if that fails.
//!
//! # Layout
//!
//! - [`event`]: raw JSON of any trigger → [`event::ExportRequest`]s. Pure.
//! - [`plan`]: range, fragments and limits → windows and gaps; what came against what was planned; whether
//!   the archive is past the end of a range. Pure.
//! - [`mp4`]: boxes, sample tables, joining. Pure and sans-IO.
//! - [`config`]: settings of the deployment, read once.
//! - [`kvs`]: data endpoints, lists and clips; the only module that sees the SDK of Kinesis Video Streams.
//! - [`upload`]: parts, checksum, complete xor abandon; the only module that sees the SDK of S3.
//! - [`failed_queue`]: where messages go that can never be served; the only module that sees the SDK of SQS.
//! - [`export`]: the pipeline; the only module that knows all stages.
//! - [`walls`], [`backoff`], `retry`: when to stop, and how to wait before trying again. [`call`]: how a
//!   call to AWS fails.
//! - [`receipt`], [`error`]: the two kinds of answer. [`tally`]: what they count.
//! - [`handler`]: event → triggers, one or a batch → answer, log and metrics. [`telemetry`], [`sdk`]: what the cold start sets up.
//!
//! Imports run one way: `main → handler → {failed_queue, export → {kvs, upload, mp4, plan, event}}`; `event`, `plan`
//! and `mp4` import no SDK and no runtime. Without the feature `aws`, which is on unless something is said, they are
//! all that is built; so the compiler proves it, and fuzzing them needs no more.
//!
//! # Sources
//!
//! ISO/IEC 14496-12 for boxes; the API references of
//! [`ListFragments`](https://docs.aws.amazon.com/kinesisvideostreams/latest/APIReference/API_reader_ListFragments.html),
//! [`GetClip`](https://docs.aws.amazon.com/kinesisvideostreams/latest/APIReference/API_reader_GetClip.html)
//! and [S3 multipart uploads](https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html).

#[cfg(feature = "aws")]
pub mod backoff;
#[cfg(feature = "aws")]
pub mod call;
#[cfg(feature = "aws")]
pub mod config;
#[cfg(feature = "aws")]
pub mod error;
pub mod event;
#[cfg(feature = "aws")]
pub mod export;
#[cfg(feature = "aws")]
pub mod failed_queue;
#[cfg(feature = "aws")]
pub mod handler;
#[cfg(feature = "aws")]
pub mod kvs;
pub mod mp4;
pub mod plan;
#[cfg(feature = "aws")]
pub mod receipt;
#[cfg(feature = "aws")]
mod retry;
#[cfg(feature = "aws")]
pub mod sdk;
#[cfg(feature = "aws")]
pub mod tally;
#[cfg(feature = "aws")]
pub mod telemetry;
#[cfg(feature = "aws")]
pub mod upload;
#[cfg(feature = "aws")]
pub mod walls;
