//! What has to hold after each delivery of a case.

use std::time::Duration;

use clip_export_local::faults::Fault;

use crate::answer::Answer;
use crate::case::{Ask, Before, IfExists, message_id};
use crate::deliver::Delivery;
use crate::verdict::{Found, found, labels};
use crate::weather::Service;

impl Delivery<'_> {
    /// What has to hold after a delivery, in the log of which `begun` lines are of earlier ones. Notes the
    /// uploads that are left and that the log speaks of.
    pub(crate) async fn check(
        &mut self,
        numbers: &[usize],
        answers: &[Answer],
        made: &[bool],
        begun: usize,
        played: &[(Service, Fault)],
    ) -> Result<(), String> {
        for (number, answer) in numbers.iter().zip(answers) {
            let ask = &self.case.asks[*number];
            let checked = self.check_one(ask, answer, made[*number], begun, played).await;
            let left =
                checked.map_err(|error| format!("{}\nwas answered with {answer:?}\n{error}", ask.event()))?;
            self.left.extend(left);
        }
        Ok(())
    }

    async fn check_one(
        &self,
        ask: &Ask,
        answer: &Answer,
        made: bool,
        begun: usize,
        played: &[(Service, Fault)],
    ) -> Result<Vec<String>, String> {
        let s3 = &self.worker.world.s3;
        let met = |service: Service| played.iter().any(|(of, _)| *of == service);
        let mut left = Vec::new();
        for upload in s3.uploads() {
            // What an earlier delivery left is the lifecycle rule's.
            if !upload.key.starts_with(&ask.stem) || self.left.contains(&upload.upload_id) {
                continue;
            }
            if !met(Service::S3) {
                return Err(format!("an upload is left: {upload:?}"));
            }
            self.says(begun, &["may be left behind", "may yet appear"], &upload.key)
                .await
                .map_err(|error| format!("{error}: {upload:?}"))?;
            left.push(upload.upload_id);
        }
        let receipt = match answer {
            Answer::Receipt(receipt) => Some(&**receipt),
            _ => None,
        };
        let judged = tokio::task::block_in_place(|| {
            let found = found(s3, ask)?;
            let whole = found.judge(self.kvs(), ask, self.case.live, receipt, self.decode)?;
            Ok::<_, String>((found, whole))
        });
        let (found, whole) = judged?;
        if ask.before == Before::Foreign && ask.if_exists != IfExists::Overwrite && !found.foreign {
            return Err("somebody else's object is gone".to_owned());
        }
        match answer {
            Answer::Receipt(_) | Answer::Done if !whole => return Err("there is no whole clip".to_owned()),
            Answer::Receipt(_) | Answer::Done => {}
            Answer::Gone if !met(Service::Runtime) => return Err("the process ended".to_owned()),
            Answer::Gone | Answer::Stays => {}
            Answer::Error { label, .. } | Answer::Aside(label) => {
                if !labels().contains(&label.as_str()) {
                    return Err(format!("{label} is no label of the closed list"));
                }
                // A refusal that nobody has seen before, or of which the end with its code is missing.
                let odd = |(_, fault): &(Service, Fault)| {
                    matches!(
                        fault,
                        Fault::Error { .. } | Fault::Garbage | Fault::EndEarly { .. }
                    )
                };
                if label == "Internal" && !played.iter().any(odd) {
                    return Err("an error that nobody knows".to_owned());
                }
            }
        }
        let is_error = !answer.is_good() && !matches!(answer, Answer::Gone);
        if let Answer::Error { label, message } = answer
            // Of an event that came in part nobody knows what it is about.
            && label != "InvalidRequest"
            && !message.contains(ask.camera.name)
        {
            if !self.case.batch {
                return Err("the message does not name the stream".to_owned());
            }
            // What is answered for all messages together names none, and the log each.
            self.log_has(begun, |line| {
                line.contains("\"error_type\"") && line.contains(ask.camera.name)
            })
            .await?;
        }
        if is_error && !found.clips.is_empty() && !made && self.was_empty(ask, &found) {
            let words = [
                "only some of the objects are there",
                "may yet appear",
                "is not known whether the object is there",
                "may be left behind",
            ];
            self.says(begun, &words, &ask.stem).await?;
        }
        Ok(left)
    }

    /// Whether what is there came with this very delivery: what an earlier one left was judged then.
    fn was_empty(&self, ask: &Ask, found: &Found) -> bool {
        let id = match self.case.batch {
            true => {
                let number = self.case.asks.iter().position(|other| other.stem == ask.stem);
                message_id(number.unwrap_or(0))
            }
            false => self.case.request_id(),
        };
        let by = |name: &str| {
            found
                .clips
                .iter()
                .any(|clip| clip.metadata.get(name) == Some(&id))
        };
        by("clip-export-id")
    }

    /// That the log of this delivery has one of these, about this key.
    async fn says(&self, begun: usize, words: &[&str], key: &str) -> Result<(), String> {
        let says = |line: &str| words.iter().any(|word| line.contains(word)) && line.contains(key);
        let said = self.log_has(begun, says).await;
        said.map_err(|_| format!("something is left of {key}, and the log does not say so"))
    }

    async fn log_has(&self, begun: usize, says: impl Fn(&str) -> bool) -> Result<(), String> {
        // The last lines can come after the answer.
        for _ in 0..20 {
            if self.log().iter().skip(begun).any(|line| says(line)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("neither the answer nor the log names the stream".to_owned())
    }
}
