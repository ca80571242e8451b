//! Plays a fault around an HTTP answer, for every fault that needs no knowledge of the service.

use std::future::Future;

use hyper::Response;

use super::Fault;
use crate::http::{Body, Connection, cut_after, end_early, stall_after};

/// A body that no client of these services can take for what it asked: neither XML, JSON nor MP4.
const GARBAGE: &[u8] = b"\x7f\x00this is not what was promised\xff\xfe";

/// Answers a call as `fault` tells: does `work` or leaves it, and bends the answer.
///
/// `refuse` makes the service's error answer from a status, a code and a message; `throttle` is that
/// triple for [`Fault::Throttle`]. [`Fault::Stall`], [`Fault::CutBody`] and [`Fault::EndEarly`] bend the
/// body of the answer, after the work was done. [`Fault::Garbage`] does no work.
///
/// # Panics
/// On [`Fault::ErrorInside200`], whose form only the service knows: it has to play that one itself.
pub async fn answer(
    fault: Option<Fault>,
    connection: &Connection,
    throttle: (u16, &str, &str),
    refuse: impl FnOnce(u16, &str, &str) -> Response<Body>,
    work: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    match fault {
        None => work.await,
        Some(Fault::Throttle) => refuse(throttle.0, throttle.1, throttle.2),
        Some(Fault::Error {
            status,
            code,
            message,
        }) => refuse(status, &code, &message),
        Some(Fault::Reset) => match connection.reset().await {},
        Some(Fault::AnswerLost) => {
            drop(work.await);
            match connection.reset().await {}
        }
        Some(Fault::HangUp) => {
            drop(work.await);
            match connection.hang_up().await {}
        }
        Some(Fault::Stall { after }) => stall_after(work.await, after),
        Some(Fault::CutBody { after }) => cut_after(work.await, after),
        Some(Fault::EndEarly { after }) => end_early(work.await, after),
        Some(Fault::Garbage) => Response::new(Body::full(GARBAGE)),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            work.await
        }
        Some(fault @ Fault::ErrorInside200 { .. }) => {
            panic!("{fault:?} must be played by the service")
        }
    }
}
