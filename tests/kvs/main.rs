//! The archive of a stream over the wire, against Kinesis Video Streams on loopback: pages, quotas,
//! endpoints that move, and clips beside each other.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and fails"
)]

mod clips;
mod listing;
mod rig;
