//! One case: what is there before, the delivery under faults, and deliveries in calm until all is well.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clip_export_local::runtime_api::Outcome;
use serde_json::Value;

use crate::answer::{Answer, Played, Told};
use crate::case::{Ask, Before, Case, FOREIGN, IfExists, batch, id, message_id, now_ms};
use crate::stack::{Execution, FAILED, Skies, Worker};
use crate::verdict::{expected, may_help};
use crate::weather::Service;

/// Deliveries in calm, each of which may fail for want of time or a quota.
const CALM: usize = 6;

const LONG: Duration = Duration::from_secs(120);

/// How much later calm is: whoever was at a clip of several objects before has ended, and may be replaced.
const LATER: Duration = Duration::from_secs(33 * 60);

/// How often it is looked for lines of the log, 50 ms apart.
pub(crate) const LATE_LINES: usize = 20;

/// One case and what serves it.
pub(crate) struct Delivery<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) case: &'a Case,
    pub(crate) execution: Execution,
    pub(crate) skies: Skies,
    /// Whether objects are decoded too.
    pub(crate) decode: bool,
    /// Uploads that were left behind, as the log said.
    pub(crate) left: HashSet<String>,
    /// Which keys were exported by a delivery that could not list, and when that began.
    pub(crate) unlisted: HashMap<String, i64>,
}

/// One delivery of an event, and what it met.
pub(crate) struct Met<'a> {
    pub(crate) played: &'a [Played],
    pub(crate) deadline: Duration,
    /// Lines of the log that are of earlier ones.
    pub(crate) log_begun: usize,
    /// Milliseconds since 1970.
    pub(crate) begun_ms: i64,
}

impl Delivery<'_> {
    /// Plays the case.
    pub(crate) async fn run(&mut self) -> Result<Told, String> {
        let case = self.case;
        let mut made = Vec::new();
        for (number, ask) in case.asks.iter().enumerate() {
            made.push(self.prepare(number, ask).await?);
        }
        self.plant();
        if self.has_runtime_faults() {
            // Faults of its own start have to be there before it starts.
            self.execution = self.worker.execution(case.profile, case.live).await;
            self.skies = self.worker.skies(case.live, &self.execution);
            self.plant_for_runtime();
        }
        let (log_begun, begun_ms) = (self.log().len(), now_ms());
        let numbers: Vec<usize> = (0..case.asks.len()).collect();
        let mut answers = self.deliver(case.event(), case.deadline, &numbers).await?;
        let played = self.played();
        self.clear();
        let mut told = Told {
            answers: answers.clone(),
            played,
            left: 0,
            deliveries: 1,
        };
        let met = Met {
            played: &told.played,
            deadline: case.deadline,
            log_begun,
            begun_ms,
        };
        self.check(&numbers, &answers, &made, &met).await?;
        if told
            .played
            .iter()
            .any(|played| played.service == Service::Runtime)
        {
            // It ends, sooner or later: Lambda starts another one.
            self.execution = self.worker.execution(case.profile, case.live).await;
            self.skies = self.worker.skies(case.live, &self.execution);
        }
        if let [answer] = &answers[..]
            && answer.is_good()
            && case.asks[0].if_exists != IfExists::Overwrite
        {
            // Whoever is not heard asks again.
            answers = vec![Answer::Gone];
        }
        let mut open: Vec<usize> = numbers.clone();
        open.retain(|number| !self.is_settled(*number, &answers[*number], &made));
        for _ in 0..CALM {
            if open.is_empty() {
                break;
            }
            if self.execution.process.has_ended() {
                self.execution = self.worker.execution(case.profile, case.live).await;
            }
            for ask in &case.asks {
                self.worker.world.s3.age(ask.bucket, &ask.stem, LATER);
            }
            let met = Met {
                played: &[],
                deadline: LONG,
                log_begun: self.log().len(),
                begun_ms: now_ms(),
            };
            let event = match case.batch {
                true => batch(open.iter().map(|number| (*number, &case.asks[*number]))),
                false => case.asks[0].event(),
            };
            answers = self.deliver(event, LONG, &open).await?;
            told.deliveries += 1;
            self.check(&open, &answers, &made, &met).await?;
            let mut places = 0..;
            open.retain(|number| {
                let answer = &answers[places.next().unwrap_or(0)];
                !self.is_settled(*number, answer, &made)
            });
        }
        match open.first() {
            None => {
                told.left = self.left.len();
                Ok(told)
            }
            Some(number) => Err(format!(
                "in calm, {} times, {} was answered with {answers:?}; expected {:?}",
                CALM,
                case.asks[*number].event(),
                expected(self.kvs(), &case.asks[*number], made[*number])
            )),
        }
    }

    pub(crate) fn kvs(&self) -> &clip_export_local::kvs::Server {
        self.worker.kvs(self.case.live)
    }

    /// Puts there what is there before the storm; whether that is the clip.
    async fn prepare(&self, number: usize, ask: &Ask) -> Result<bool, String> {
        match ask.before {
            Before::Nothing => Ok(false),
            Before::Foreign => {
                let put = self
                    .worker
                    .world
                    .s3
                    .put_object(ask.bucket, &ask.key(), FOREIGN, "text/plain", &[]);
                put.map(|_| false).map_err(|error| error.to_string())
            }
            Before::SameClip => {
                let plain = Ask {
                    if_exists: IfExists::Skip,
                    ..ask.clone()
                };
                let id = id("22222222", self.case.seed ^ number as u64);
                for _ in 0..CALM {
                    match self.invoke(plain.event(), id.clone(), LONG).await {
                        Outcome::Response(_) => return Ok(true),
                        Outcome::Error { error_type, .. } if !may_help(&error_type) => return Ok(false),
                        Outcome::Error { .. } => {}
                        gone => return Err(format!("before the storm: {gone:?}")),
                    }
                }
                Err("before the storm the clip could not be made".to_owned())
            }
        }
    }

    fn plant(&self) {
        for planted in &self.case.planted {
            let faults = self.skies.faults(planted.service);
            let (operation, when) = (planted.operation, planted.when);
            match planted.service {
                Service::S3 => {
                    let stem = &self.case.asks[planted.message].stem;
                    faults.script_for(stem, operation, when, planted.fault.clone());
                }
                Service::Kvs | Service::Sqs => faults.script(operation, when, planted.fault.clone()),
                Service::Runtime => {}
            }
        }
    }

    fn plant_for_runtime(&self) {
        for planted in &self.case.planted {
            if planted.service == Service::Runtime {
                let faults = self.skies.faults(Service::Runtime);
                faults.script(planted.operation, planted.when, planted.fault.clone());
            }
        }
    }

    pub(crate) fn has_runtime_faults(&self) -> bool {
        self.case
            .planted
            .iter()
            .any(|planted| planted.service == Service::Runtime)
    }

    fn clear(&self) {
        for ask in &self.case.asks {
            self.skies.faults(Service::S3).clear_for(&ask.stem);
        }
        for service in [Service::Kvs, Service::Sqs, Service::Runtime] {
            self.skies.faults(service).clear();
        }
    }

    /// The faults that this case met. Its worker's own services play no other's; those of S3 go by the key.
    fn played(&self) -> Vec<Played> {
        let begins = format!("{:016x}/", self.case.seed);
        let mut played = Vec::new();
        for service in [Service::Kvs, Service::S3, Service::Sqs, Service::Runtime] {
            let planted: Vec<_> = self
                .case
                .planted
                .iter()
                .filter(|planted| planted.service == service)
                .collect();
            if planted.is_empty() {
                continue;
            }
            let all = self.skies.faults(service).played();
            // Newest first: as many as there can be of this case.
            for (call, fault) in all.into_iter().rev().take(1000) {
                let key = call.key.as_deref().unwrap_or_default();
                let is_its = service != Service::S3 || key.starts_with(&begins);
                if is_its
                    && planted
                        .iter()
                        .any(|p| p.operation == call.operation && p.fault == fault)
                {
                    played.push(Played {
                        service,
                        operation: call.operation,
                        fault,
                    });
                }
            }
        }
        played
    }

    async fn invoke(&self, event: Value, id: String, deadline: Duration) -> Outcome {
        self.execution
            .runtime
            .invoke_as(id, event.to_string(), deadline)
            .await
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.execution.process.lines()
    }

    /// Delivers an event and says what its outcome means for each export that it asks for.
    async fn deliver(
        &self,
        event: Value,
        deadline: Duration,
        numbers: &[usize],
    ) -> Result<Vec<Answer>, String> {
        let before = self.worker.sqs.messages(FAILED).len();
        let log_begun = self.log().len();
        let outcome = self.invoke(event, self.case.request_id(), deadline).await;
        let failed = self.worker.sqs.messages(FAILED).split_off(before);
        let stays: Vec<&str> = match &outcome {
            Outcome::Response(answer) if self.case.batch => {
                let failures = answer["batchItemFailures"].as_array();
                let failures = failures.ok_or_else(|| format!("no answer to a batch: {answer}"))?;
                let ids = failures.iter().map(|failure| failure["itemIdentifier"].as_str());
                ids.flatten().collect()
            }
            _ => Vec::new(),
        };
        let mut answers = Vec::new();
        for number in numbers {
            let message_id = message_id(*number);
            answers.push(match &outcome {
                Outcome::Response(_) if stays.contains(&&*message_id) => {
                    let said = self.logged(&message_id, log_begun, error).await;
                    said.ok_or_else(|| format!("the log does not say why {message_id} stays"))?
                }
                Outcome::Response(_) if self.case.batch => {
                    let body = self.case.asks[*number].event().to_string();
                    let aside = failed.iter().find(|message| message.body == body);
                    match aside.and_then(|message| message.text("ErrorType")) {
                        Some(label) => Answer::Aside(label.to_owned()),
                        None => {
                            let said = self.logged(&message_id, log_begun, receipt).await;
                            said.ok_or_else(|| format!("the log has no receipt of {message_id}"))?
                        }
                    }
                }
                Outcome::Response(receipt) => Answer::Receipt(Box::new(receipt.clone())),
                Outcome::Error {
                    error_type,
                    error_message,
                } => {
                    // What is answered for a whole batch is true of one of its messages.
                    let said = match self.case.batch {
                        true => self.logged(&message_id, log_begun, error).await,
                        false => None,
                    };
                    said.unwrap_or_else(|| Answer::Error {
                        label: error_type.clone(),
                        message: error_message.clone(),
                    })
                }
                Outcome::Exited { .. } | Outcome::TimedOut => Answer::Gone,
            });
        }
        Ok(answers)
    }

    /// The last that the log says of a message of a batch: the answer has no room for it.
    async fn logged(
        &self,
        message_id: &str,
        log_begun: usize,
        pick: impl Fn(&Value) -> Option<Answer>,
    ) -> Option<Answer> {
        // The last lines can come after the answer.
        for _ in 0..LATE_LINES {
            let log = self.log();
            let lines = log
                .iter()
                .skip(log_begun)
                .filter(|line| line.contains(message_id));
            let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
            if let Some(answer) = lines.filter_map(|line: Value| pick(&line["fields"])).last() {
                return Some(answer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// Whether an export needs no further delivery.
    fn is_settled(&self, number: usize, answer: &Answer, made: &[bool]) -> bool {
        let expected = expected(self.kvs(), &self.case.asks[number], made[number]);
        match answer {
            Answer::Receipt(_) | Answer::Done(_) => expected.is_empty(),
            Answer::Error { label, .. } | Answer::Aside(label) => expected.contains(&label.as_str()),
            Answer::Stays { .. } | Answer::Gone => false,
        }
    }
}

/// A receipt in a line of the log.
fn receipt(fields: &Value) -> Option<Answer> {
    let receipt = serde_json::from_str(fields["receipt"].as_str()?).ok()?;
    Some(Answer::Done(Box::new(receipt)))
}

/// An error in a line of the log.
fn error(fields: &Value) -> Option<Answer> {
    Some(Answer::Stays {
        label: fields["error_type"].as_str()?.to_owned(),
        message: fields["message"].as_str()?.to_owned(),
    })
}
