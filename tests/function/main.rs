//! The function as callers see it: the real binary, started as Lambda starts it, against Kinesis
//! Video Streams, S3 and Lambda's runtime API on loopback.
//!
//! Every test that makes something fail ends on two facts: no object, no upload left behind.

mod answers;
mod deadline;
mod errors;
mod existing;
mod faults_kvs;
mod faults_s3;
mod judge;
mod requests;
mod rig;
mod tls;
