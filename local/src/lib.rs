//! The AWS services that clip-export talks to, on loopback: for a person's first run and for the tests.
//!
//! Real sockets, the real wire formats, and refusals as unkind as those of the real services. Nothing here
//! is ever part of the function.
//!
//! - [`kvs`]: Kinesis Video Streams: cameras that have always been running.
//! - [`s3`]: Amazon S3, keeping objects as files in a folder.
//! - [`sqs`]: Amazon SQS: queues that take messages and show them.
//! - [`lambda`]: Lambda's Invoke API, in front of the function's real binary.
//! - [`runtime_api`]: the Lambda Runtime API, which hands events to a function and takes its answers.
//! - [`function`]: the real binary, started as Lambda would, and [`process`]: the child that it is.
//! - [`footage`]: the recordings that the cameras show, looped over time.
//! - [`http`]: the HTTP/1.1 server base, with bodies and connections that can go wrong on purpose.
//! - [`faults`]: which call of which operation goes wrong, and how.
//! - [`account`]: the credentials, account and region that the services share.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod account;
pub mod faults;
pub mod footage;
pub mod function;
mod hex;
pub mod http;
pub mod kvs;
pub mod lambda;
pub mod process;
mod request_id;
pub mod runtime_api;
pub mod s3;
mod signature;
pub mod sqs;
