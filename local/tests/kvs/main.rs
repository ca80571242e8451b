//! The local Kinesis Video Streams, judged by the clients that the function uses: the real SDK.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod archive;
mod clients;
mod protocol;
