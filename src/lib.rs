//! Turns "this camera, from then to then" into one playable MP4 in S3.
//!
//! An AWS Lambda function. An event names a stream of Kinesis Video Streams and a range of time; the
//! function calls `GetClip` and uploads what comes back while it is still coming, without touching a
//! byte of it, and answers with a receipt that says what was got and where it is.
//!
//! ```text
//! event ──► request ──► fetch ───────► scan ─────────► upload ─────────► receipt
//! (JSON)    (checked,   (GetClip,      (is it a        (parts, checksum,  (what was asked,
//!           one type)   bytes as they   whole MP4?)     complete xor       what was got,
//!                       come)                           abandon)           where it is)
//! event.rs  event.rs    kvs.rs          mp4.rs          upload.rs          receipt.rs
//!           └──────────────────────── export.rs ────────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - **Lossless.** The object is byte for byte what `GetClip` sent.
//! - **Whole or not at all.** An object is completed only when its boxes add up to a whole MP4, and
//!   its size and CRC-64/NVME are checked by S3. Otherwise its upload is abandoned, on every path:
//!   error, panic, deadline, lost race.
//! - **Once.** The key and the fingerprint depend on the request alone and the write is conditional:
//!   the same event twice makes one object.
//! - **Bounded.** Peak memory = part size × (parts in flight + 1) + 16 MiB for `moov` at most + the
//!   process; it does not depend on the length of the clip.
//! - **Nothing silent.** `GetClip` stops without an error at 100 MB or 200 fragments, and leaves out
//!   the fragment that is running at the start of the range; what can be seen of that is in the
//!   receipt ([`plan::doubts`]). Each retry is in the log and in the receipt.
//!
//! # Layout
//!
//! - [`event`]: raw JSON → [`event::ExportRequest`]. Pure.
//! - [`plan`]: ranges, the limits of `GetClip`, doubts. Pure. Windows and gaps belong here.
//! - [`mp4`]: boxes. Pure and sans-IO. Joining clips belongs here.
//! - [`config`]: settings of the deployment, read once.
//! - [`kvs`]: data endpoints and clips; the only module that sees the SDK of Kinesis Video Streams.
//! - [`upload`]: parts, checksum, complete xor abandon; the only module that sees the SDK of S3.
//! - [`export`]: the pipeline; the only module that knows all stages.
//! - [`walls`], [`backoff`]: when to stop, and how long to wait before trying again. [`call`]: how a
//!   call to AWS fails.
//! - [`receipt`], [`error`]: the two kinds of answer. [`tally`]: what they count.
//! - [`handler`]: event → answer, log and metrics. [`telemetry`], [`sdk`]: what the cold start sets up.
//!
//! Imports run one way: `main → handler → export → {kvs, upload, mp4, plan, event}`; `event`, `plan`
//! and `mp4` import no SDK and no runtime.
//!
//! # Sources
//!
//! ISO/IEC 14496-12 for boxes; the API references of
//! [`GetClip`](https://docs.aws.amazon.com/kinesisvideostreams/latest/APIReference/API_reader_GetClip.html)
//! and [S3 multipart uploads](https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html).

pub mod backoff;
pub mod call;
pub mod config;
pub mod error;
pub mod event;
pub mod export;
pub mod handler;
pub mod kvs;
pub mod mp4;
pub mod plan;
pub mod receipt;
pub mod sdk;
pub mod tally;
pub mod telemetry;
pub mod upload;
pub mod walls;
