//! The AWS services that clip-export talks to, on loopback: for a person's first run and for the tests.
//!
//! Real sockets, the real wire formats, and refusals as unkind as those of the real services. Nothing here
//! is ever part of the function.
//!
//! - [`http`]: the HTTP/1.1 server base, with bodies and connections that can go wrong on purpose.
//! - [`faults`]: which call of which operation goes wrong, and how.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod faults;
pub mod http;
