//! Clips as real encoders make them, joined, before judges that are not ours: ffmpeg, MediaInfo, mp4-atom,
//! `shiguredo_mp4` and Chromium. Every judge is also shown a broken file (`controls.rs`), and has to find the fault.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and fails"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a minute of footage has no number that does not fit"
)]

mod browser;
mod chromium;
mod controls;
mod exact;
mod footage;
mod joined;
mod judges;
mod kinds;
mod seams;
mod tools;
