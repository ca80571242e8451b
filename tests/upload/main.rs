//! Uploads whose head comes last, against S3 on loopback through the real SDK: what goes up, in which
//! calls, and what is left when they end early. `make test-s3-peers` runs them against other S3s too.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and fails"
)]

mod faults;
mod peer;
mod rig;
mod rules;
mod sealing;
