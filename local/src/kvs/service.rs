//! The four operations, between a request and its answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::{Map, Value, json};

use super::answer::{self, Answers};
use super::archive::{self, Listing, Range};
use super::clip::{self, Clip};
use super::clock::Clock;
use super::fragment::Fragment;
use super::quota::{Cost, Quotas};
use super::refusal::Refusal;
use super::request::{self, Page};
use super::stream::{Repeats, Selector, Stream};
use crate::faults::{self, Call, Fault, Faults};
use crate::http::{Body, Connection};
use crate::signature;

/// Signing name of every Kinesis Video Streams API.
const SERVICE: &str = "kinesisvideo";

/// Longest request body. The largest member of a real one is a `NextToken` of 4,096 characters.
const LONGEST_REQUEST: usize = 64 * 1024;

/// Request bodies kept for each operation; a stack that serves for days must not grow.
const REQUESTS_KEPT: usize = 10_000;

/// Ranges whose repeats are counted; a stack that serves for days must not grow.
const RANGES_KEPT: usize = 10_000;

/// What the service can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    GetDataEndpoint,
    DescribeStream,
    GetClip,
    ListFragments,
}

impl Operation {
    fn of(head: &Parts) -> Option<Self> {
        if head.method != Method::POST {
            return None;
        }
        match head.uri.path() {
            "/getDataEndpoint" => Some(Self::GetDataEndpoint),
            "/describeStream" => Some(Self::DescribeStream),
            "/getClip" => Some(Self::GetClip),
            "/listFragments" => Some(Self::ListFragments),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::GetDataEndpoint => "GetDataEndpoint",
            Self::DescribeStream => "DescribeStream",
            Self::GetClip => "GetClip",
            Self::ListFragments => "ListFragments",
        }
    }

    /// Whether only the stream's own data endpoint answers it.
    fn is_data_plane(self) -> bool {
        matches!(self, Self::GetClip | Self::ListFragments)
    }
}

/// The operations that this service knows, as AWS spells them.
pub const OPERATIONS: [&str; 4] = ["GetDataEndpoint", "DescribeStream", "GetClip", "ListFragments"];

/// For [`Faults::new`].
pub(super) fn can_express(operation: &str, fault: &Fault) -> Result<(), String> {
    if !OPERATIONS.contains(&operation) {
        return Err(format!("Kinesis Video Streams has {}", OPERATIONS.join(", ")));
    }
    faults::all_but_an_error_inside_200(fault)
}

/// A listening address of the service: 0 is the first, others come by moving.
pub(super) type Endpoint = usize;

/// What all listening addresses share.
pub(super) struct Service {
    pub(super) streams: Vec<Stream>,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    /// `None` when quotas are off.
    pub(super) quotas: Option<Mutex<Quotas>>,
    pub(super) answers: Arc<Answers>,
    pub(super) scheme: &'static str,
    /// Data endpoint and its port, for streams that do not live at the first.
    pub(super) moved: Mutex<BTreeMap<String, (Endpoint, u16)>>,
    pub(super) requests: Mutex<BTreeMap<&'static str, VecDeque<Value>>>,
    /// ListFragments calls of each stream.
    pub(super) listings: Mutex<BTreeMap<String, u64>>,
    /// GetClip answers of each stream and range.
    pub(super) repeats: Mutex<BTreeMap<(String, Selector, i64, i64), u64>>,
}

impl Service {
    /// Answers a request that came to `endpoint`.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
        endpoint: Endpoint,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Some(operation) = Operation::of(&head) else {
            return answer::unknown_operation();
        };
        let Ok(body) = Limited::new(body, LONGEST_REQUEST).collect().await else {
            return answer::refuse(&Refusal::invalid("The request body is too long."));
        };
        let body = body.to_bytes();
        let object = request::object(&body);
        let fault = self.note(operation, object.as_ref().ok());
        let record = (!shortens(fault.as_ref())).then_some(&self.answers);
        let work = || {
            let worked = signature::check(&head, &body, SERVICE)
                .map_err(Refusal::from)
                .and(object)
                .and_then(|object| self.work(operation, &object, &head, endpoint, record));
            worked.unwrap_or_else(|refusal| answer::refuse(&refusal))
        };
        if fault == Some(Fault::Garbage) {
            return answer::garbage(operation == Operation::GetClip);
        }
        let throttled = Refusal::throttled(operation.name(), &self.named(&body));
        let Refusal {
            status,
            code,
            message,
        } = &throttled;
        let refuse =
            |status, code: &str, message: &str| answer::refuse(&Refusal::scripted(status, code, message));
        let work = async { work() };
        faults::answer(fault, &connection, (*status, code, message), refuse, work).await
    }

    /// Counts the call, keeps what it said, and asks how it goes wrong.
    fn note(&self, operation: Operation, object: Option<&Map<String, Value>>) -> Option<Fault> {
        let name = operation.name();
        let mut requests = held(&self.requests);
        let kept = requests.entry(name).or_default();
        if kept.len() == REQUESTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(object.cloned().map_or(Value::Null, Value::Object));
        self.faults.meet(Call {
            operation: name.to_owned(),
            key: object.and_then(request::mentioned),
            part_number: None,
        })
    }

    /// Name of the stream in a body, as far as it can be made out.
    fn named(&self, body: &[u8]) -> String {
        let object = request::object(body).unwrap_or_default();
        match request::stream(&object, &self.streams) {
            Ok(stream) => stream.name().to_owned(),
            Err(_) => request::mentioned(&object).unwrap_or_default(),
        }
    }

    fn work(
        &self,
        operation: Operation,
        object: &Map<String, Value>,
        head: &Parts,
        endpoint: Endpoint,
        record: Option<&Arc<Answers>>,
    ) -> Result<Response<Body>, Refusal> {
        let stream = request::stream(object, &self.streams)?;
        let home = held(&self.moved).get(stream.name()).copied();
        if operation.is_data_plane() && home.map_or(0, |(home, _)| home) != endpoint {
            return Ok(answer::unknown_operation());
        }
        match operation {
            Operation::GetDataEndpoint => {
                request::api_name(object)?;
                let cost = Cost {
                    endpoint_calls: 1,
                    ..Cost::default()
                };
                self.charge(operation, stream, cost)?;
                let endpoint = self.data_endpoint(head, home.map(|(_, port)| port))?;
                Ok(answer::json(&json!({ "DataEndpoint": endpoint })))
            }
            Operation::DescribeStream => Ok(answer::json(&describe(stream))),
            Operation::GetClip => {
                let range = request::clip_range(object)?;
                let now = self.clock.now_ms();
                let fragments = archive::clip(stream, range, now)?;
                let points = fragments.len() as u64;
                let cost = Cost {
                    metadata: points,
                    media: points,
                    ..Cost::default()
                };
                self.charge(operation, stream, cost)?;
                let repeat = self.repeat(stream, range, 1);
                let clip = mux(stream, &fragments, clip::Call { now, repeat })?;
                let name = stream.name().to_owned();
                Ok(answer::clip(clip, name, stream.framing, record))
            }
            Operation::ListFragments => {
                let most = request::max_results(object)?;
                let page = request::page(object)?;
                let cost = Cost {
                    metadata: most as u64,
                    ..Cost::default()
                };
                self.charge(operation, stream, cost)?;
                let now = self.clock.now_ms();
                let listing = match page {
                    Page::First(range) => Listing::begin(range, now),
                    Page::Next(listing) => listing,
                };
                let call = {
                    let mut listings = held(&self.listings);
                    let calls = listings.entry(stream.name().to_owned()).or_default();
                    *calls += 1;
                    *calls
                };
                let (fragments, next) = listing.page(stream, most, now, call);
                let listed: Vec<Value> = fragments.iter().map(|f| describe_one(stream, f)).collect();
                let token = next.map(Listing::token);
                Ok(answer::json(&json!({ "Fragments": listed, "NextToken": token })))
            }
        }
    }

    /// The bytes that GetClip would answer now.
    pub(super) fn clip_bytes(&self, stream: &str, range: Range) -> Result<Vec<u8>, Refusal> {
        let stream = self.stream(stream).ok_or_else(Refusal::no_stream)?;
        let now = self.clock.now_ms();
        let repeat = self.repeat(stream, range, 0);
        let fragments = archive::clip(stream, range, now)?;
        let clip = mux(stream, &fragments, clip::Call { now, repeat })?;
        Ok(clip.into_chunks().flatten().collect())
    }

    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name() == name)
    }

    /// How many answers a range of a stream had, which are `more` from now on.
    fn repeat(&self, stream: &Stream, range: Range, more: u64) -> u64 {
        if stream.repeats == Repeats::Alike {
            return 0;
        }
        let mut repeats = held(&self.repeats);
        if repeats.len() >= RANGES_KEPT {
            repeats.clear();
        }
        let Range { by, start, end } = range;
        let answers = repeats
            .entry((stream.name().to_owned(), by, start, end))
            .or_default();
        let before = *answers;
        *answers += more;
        before
    }

    fn charge(&self, operation: Operation, stream: &Stream, cost: Cost) -> Result<(), Refusal> {
        let paid = self
            .quotas
            .as_ref()
            .is_none_or(|quotas| held(quotas).pay(stream.name(), cost, Instant::now()));
        paid.then_some(())
            .ok_or_else(|| Refusal::throttled(operation.name(), stream.name()))
    }

    /// The address under which the client reached this stack, so that it works from inside a container too;
    /// with the port of the stream's own endpoint once it has moved.
    fn data_endpoint(&self, head: &Parts, port: Option<u16>) -> Result<String, Refusal> {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| Refusal::invalid("The Host header is missing."))?;
        Ok(match port {
            None => format!("{}://{host}", self.scheme),
            Some(port) => {
                // Not the colons of an IPv6 address, which end with its bracket.
                let name = host.rsplit_once(':').filter(|(_, p)| !p.contains(']'));
                let name = name.map_or(host, |(name, _)| name);
                format!("{}://{name}:{port}", self.scheme)
            }
        })
    }
}

/// Whether an answer that goes wrong like this does not arrive whole, though it was made whole.
fn shortens(fault: Option<&Fault>) -> bool {
    use Fault::{AnswerLost, CutBody, EndEarly, HangUp, Stall};
    matches!(
        fault,
        Some(AnswerLost | HangUp | CutBody { .. } | EndEarly { .. } | Stall { .. })
    )
}

fn mux(stream: &Stream, fragments: &[Fragment], call: clip::Call) -> Result<Clip, Refusal> {
    Clip::mux(stream, fragments, call).map_err(|error| Refusal::internal(error.to_string()))
}

fn describe(stream: &Stream) -> Value {
    json!({ "StreamInfo": {
        "StreamName": stream.name(),
        "StreamARN": stream.arn(),
        "Status": "ACTIVE",
        "CreationTime": seconds(stream.created_ms),
        "DataRetentionInHours": stream.retention_hours,
        "Version": "1",
    }})
}

fn describe_one(stream: &Stream, fragment: &Fragment) -> Value {
    json!({
        "FragmentNumber": fragment.number(),
        "FragmentSizeInBytes": stream.listed_size(fragment),
        "ProducerTimestamp": seconds(fragment.producer_start),
        "ServerTimestamp": seconds(fragment.server_start),
        "FragmentLengthInMilliseconds": fragment.listed_length_ms(stream),
    })
}

/// Epoch seconds as rest-json writes them.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

/// No code panics between two halves of a change, so a poisoned state is still a whole one.
pub(super) fn held<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
