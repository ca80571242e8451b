//! The function as callers see it: the real binary, started as Lambda starts it, against Kinesis
//! Video Streams, S3 and Lambda's runtime API on loopback.
//!
//! Every test that makes something fail ends on two facts: no object, no upload left behind.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and fails"
)]

mod answers;
mod batches;
mod broken;
mod changes;
mod clocks;
mod concurrent;
mod deadline;
mod errors;
mod existing;
mod faults_kvs;
mod faults_s3;
mod hostile;
mod judge;
mod long;
mod mended;
mod odd;
mod requests;
mod rig;
mod several;
mod shown;
mod source;
mod tls;
mod triggers;
mod waiting;
