//! Faults on demand, the same for every local service.
//!
//! A test scripts which call of which operation goes wrong and how; the service asks once per call and then
//! misbehaves as told. A script is about every call of an operation, or only about the calls on some keys, so
//! that several clients of one service each have faults of their own. This module owns the scripts, the call
//! counters and the log; it knows no wire format.
//! A fault that a service cannot express is refused loudly when it is scripted, never ignored.

mod answer;

pub use answer::answer;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Calls that the log keeps. A stack that serves for days must not grow; no test makes as many calls.
const LOG_LENGTH: usize = 100_000;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service's own throttling answer.
    Throttle,
    /// An error answer in the service's own format.
    Error {
        /// HTTP status, 400 to 599.
        status: u16,
        /// The error code that clients match on.
        code: String,
        /// The text for people.
        message: String,
    },
    /// A TCP RST before any work and before any answer.
    Reset,
    /// The work is done, and then a TCP RST comes instead of the answer.
    AnswerLost,
    /// The work is done, and then the connection is closed cleanly, with a FIN and without an answer.
    HangUp,
    /// So many body bytes pass, then nothing, for ever, with the connection open.
    Stall {
        /// Body bytes that still pass.
        after: u64,
    },
    /// The connection dies in the middle of the body.
    CutBody {
        /// Body bytes that still pass.
        after: u64,
    },
    /// The answer's body ends cleanly but short.
    EndEarly {
        /// Body bytes that still pass.
        after: u64,
    },
    /// Status 200 with a body that is not what was promised.
    Garbage,
    /// Status 200, white space, and then an error document (S3 `CompleteMultipartUpload`).
    ErrorInside200 {
        /// The error code in the document.
        code: String,
        /// The text for people.
        message: String,
    },
    /// The call waits so long, and then works.
    Delay(Duration),
}

/// Which calls of an operation go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Only the n-th call, counted from 1 at the moment when the script was added.
    Call(u64),
    /// Every call from now on.
    Every,
}

/// One call that a service received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation's name as AWS spells it, such as `GetClip`.
    pub operation: String,
    /// What the call was about, such as an object key or a stream name, where it names one.
    pub key: Option<String>,
    /// S3 part number, 1 to 10,000, where the operation has one.
    pub part_number: Option<u32>,
}

impl Call {
    /// A call that names neither key nor part.
    #[must_use]
    pub fn of(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            key: None,
            part_number: None,
        }
    }
}

/// Whether a service can express a fault on an operation: `Err` says why not.
pub type CanExpress = fn(operation: &str, fault: &Fault) -> Result<(), String>;

/// For the [`CanExpress`] of a service that answers with one JSON document: everything but an error inside a 200,
/// which only S3 has.
pub(crate) fn all_but_an_error_inside_200(fault: &Fault) -> Result<(), String> {
    match fault {
        Fault::ErrorInside200 { .. } => Err("only S3 puts errors into a 200".to_owned()),
        Fault::Error { status, .. } if !(400..=599).contains(status) => {
            Err(format!("{status} is no error status"))
        }
        _ => Ok(()),
    }
}

/// The scripts, counters and log of one service. Clones share them.
#[derive(Clone)]
pub struct Faults {
    can_express: CanExpress,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    scripts: Vec<Script>,
    calls: BTreeMap<String, u64>,
    log: VecDeque<Call>,
    played: VecDeque<(Call, Fault)>,
}

#[derive(Debug)]
struct Script {
    operation: String,
    /// How the keys begin that it is about; empty for every call, also for those that name no key.
    keys: String,
    when: When,
    fault: Fault,
    seen: u64,
}

impl Script {
    fn is_about(&self, call: &Call) -> bool {
        let key = call.key.as_deref().unwrap_or_default();
        self.operation == call.operation && key.starts_with(&self.keys)
    }
}

impl Faults {
    /// No faults yet; `can_express` is the service's knowledge of what it can do.
    #[must_use]
    pub fn new(can_express: CanExpress) -> Self {
        Self {
            can_express,
            state: Arc::default(),
        }
    }

    /// Makes a call of `operation` go wrong. Of several scripts that meet the same call, the one that was
    /// added first wins; the others count the call all the same.
    ///
    /// # Panics
    /// When the service does not know the operation or cannot express the fault on it, and for
    /// `When::Call(0)`: a script that can never play is a mistake in the test.
    pub fn script(&self, operation: &str, when: When, fault: Fault) {
        self.script_for("", operation, when, fault);
    }

    /// As [`Faults::script`], but only calls on keys that begin with `keys` are meant, and counted.
    ///
    /// # Panics
    /// As [`Faults::script`].
    pub fn script_for(&self, keys: &str, operation: &str, when: When, fault: Fault) {
        assert!(when != When::Call(0), "{operation}: calls are counted from 1");
        if let Err(why) = (self.can_express)(operation, &fault) {
            panic!("{operation} cannot go wrong with {fault:?}: {why}");
        }
        self.state().scripts.push(Script {
            operation: operation.to_owned(),
            keys: keys.to_owned(),
            when,
            fault,
            seen: 0,
        });
    }

    /// Whether the service knows the operation and can express the fault on it.
    #[must_use]
    pub fn can_express(&self, operation: &str, fault: &Fault) -> bool {
        (self.can_express)(operation, fault).is_ok()
    }

    /// Drops every script; counters and log stay.
    pub fn clear(&self) {
        self.state().scripts.clear();
    }

    /// Drops the scripts that were made for exactly `keys`.
    pub fn clear_for(&self, keys: &str) {
        self.state().scripts.retain(|script| script.keys != keys);
    }

    /// How often `operation` was called, faults included.
    #[must_use]
    pub fn calls(&self, operation: &str) -> u64 {
        self.state().calls.get(operation).copied().unwrap_or(0)
    }

    /// Every call in order of arrival, the newest 100,000 of them.
    #[must_use]
    pub fn log(&self) -> Vec<Call> {
        self.state().log.iter().cloned().collect()
    }

    /// Every call that went wrong, in order of arrival, the newest 100,000 of them, and how.
    #[must_use]
    pub fn played(&self) -> Vec<(Call, Fault)> {
        self.state().played.iter().cloned().collect()
    }

    /// For services: notes the call and says how it goes wrong, if it does.
    #[must_use]
    pub fn meet(&self, call: Call) -> Option<Fault> {
        let mut state = self.state();
        *state.calls.entry(call.operation.clone()).or_default() += 1;
        let mut met = None;
        for script in &mut state.scripts {
            if !script.is_about(&call) {
                continue;
            }
            script.seen += 1;
            let plays = match script.when {
                When::Call(n) => n == script.seen,
                When::Every => true,
            };
            if plays && met.is_none() {
                met = Some(script.fault.clone());
            }
        }
        if let Some(fault) = &met {
            if state.played.len() == LOG_LENGTH {
                state.played.pop_front();
            }
            state.played.push_back((call.clone(), fault.clone()));
        }
        if state.log.len() == LOG_LENGTH {
            state.log.pop_front();
        }
        state.log.push_back(call);
        met
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two halves of a change, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&*self.state()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults {
        Faults::new(|operation, fault| match (operation, fault) {
            ("Put" | "Get", Fault::Garbage) | ("Get", Fault::Throttle | Fault::Reset) => Ok(()),
            _ => Err("the service has no such answer".to_owned()),
        })
    }

    #[test]
    fn the_nth_call_is_counted_from_the_script_on() {
        let faults = faults();
        assert_eq!(faults.meet(Call::of("Get")), None);
        faults.script("Get", When::Call(2), Fault::Throttle);
        assert_eq!(faults.meet(Call::of("Get")), None);
        assert_eq!(faults.meet(Call::of("Put")), None);
        assert_eq!(faults.meet(Call::of("Get")), Some(Fault::Throttle));
        assert_eq!(faults.meet(Call::of("Get")), None);
        assert_eq!((faults.calls("Get"), faults.calls("Put")), (4, 1));
    }

    #[test]
    fn every_call_goes_wrong_until_the_scripts_are_cleared() {
        let faults = faults();
        faults.script("Get", When::Every, Fault::Reset);
        for _ in 0..3 {
            assert_eq!(faults.meet(Call::of("Get")), Some(Fault::Reset));
        }
        faults.clear();
        assert_eq!(faults.meet(Call::of("Get")), None);
        assert_eq!(faults.calls("Get"), 4);
    }

    #[test]
    fn the_script_added_first_wins_and_the_others_still_count() {
        let faults = faults();
        faults.script("Get", When::Call(1), Fault::Throttle);
        faults.script("Get", When::Call(1), Fault::Garbage);
        faults.script("Get", When::Call(2), Fault::Reset);
        assert_eq!(faults.meet(Call::of("Get")), Some(Fault::Throttle));
        assert_eq!(faults.meet(Call::of("Get")), Some(Fault::Reset));
        assert_eq!(faults.meet(Call::of("Get")), None);
    }

    #[test]
    fn the_log_keeps_order_key_and_part() {
        let faults = faults();
        let part = Call {
            operation: "Put".to_owned(),
            key: Some("a/b".to_owned()),
            part_number: Some(3),
        };
        let _ = faults.meet(part.clone());
        let _ = faults.meet(Call::of("Get"));
        assert_eq!(faults.log(), [part, Call::of("Get")]);
    }

    #[test]
    fn a_script_for_some_keys_leaves_the_others_alone() {
        let faults = faults();
        let on = |key: &str| Call {
            key: Some(key.to_owned()),
            ..Call::of("Get")
        };
        faults.script_for("a/", "Get", When::Call(2), Fault::Throttle);
        assert_eq!(faults.meet(on("a/1")), None);
        assert_eq!(faults.meet(on("b/1")), None);
        assert_eq!(faults.meet(Call::of("Get")), None);
        assert_eq!(faults.meet(on("a/2")), Some(Fault::Throttle));
        assert_eq!(faults.played(), [(on("a/2"), Fault::Throttle)]);
        faults.script_for("a/", "Get", When::Every, Fault::Reset);
        faults.script_for("b/", "Get", When::Every, Fault::Reset);
        faults.clear_for("a/");
        assert_eq!(faults.meet(on("a/1")), None);
        assert_eq!(faults.meet(on("b/1")), Some(Fault::Reset));
    }

    #[test]
    fn what_can_be_expressed_can_be_asked_first() {
        assert!(faults().can_express("Get", &Fault::Reset));
        assert!(!faults().can_express("Put", &Fault::Reset));
    }

    #[test]
    #[should_panic(expected = "Put cannot go wrong with Throttle: the service has no such answer")]
    fn a_fault_that_cannot_be_expressed_is_refused() {
        faults().script("Put", When::Every, Fault::Throttle);
    }

    #[test]
    #[should_panic(expected = "counted from 1")]
    fn the_zeroth_call_does_not_exist() {
        faults().script("Get", When::Call(0), Fault::Throttle);
    }
}
