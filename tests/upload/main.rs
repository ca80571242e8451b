//! Uploads whose head comes last, against S3 on loopback through the real SDK: what goes up, in which
//! calls, and what is left when they end early.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and fails"
)]

mod faults;
mod rig;
mod sealing;
