//! What has to hold after each delivery of a case.

use std::time::Duration;

use serde_json::Value;

use crate::answer::{Answer, Played};
use crate::case::{Ask, Before, IfExists, message_id};
use crate::deliver::{Delivery, LATE_LINES, Met};
use crate::verdict::labels::{World, explained};
use crate::verdict::{Found, found};
use crate::weather::Service;

impl Delivery<'_> {
    /// What has to hold after a delivery. Notes the uploads that are left and that the log speaks of, and what was
    /// made without a list.
    pub(crate) async fn check(
        &mut self,
        numbers: &[usize],
        answers: &[Answer],
        made: &[bool],
        met: &Met<'_>,
    ) -> Result<(), String> {
        if met.played.iter().any(Played::hides_the_list) {
            let stems = numbers.iter().map(|number| self.case.asks[*number].stem.clone());
            self.unlisted.extend(stems.map(|stem| (stem, met.begun_ms)));
        }
        for (number, answer) in numbers.iter().zip(answers) {
            let ask = &self.case.asks[*number];
            let checked = self.check_one(ask, answer, made[*number], met).await;
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
        met: &Met<'_>,
    ) -> Result<Vec<String>, String> {
        let s3 = &self.worker.world.s3;
        let log_begun = met.log_begun;
        let has_met = |service: Service| met.played.iter().any(|played| played.service == service);
        let mut left = Vec::new();
        for upload in s3.uploads() {
            // What an earlier delivery left is the lifecycle rule's.
            if !upload.key.starts_with(&ask.stem) || self.left.contains(&upload.upload_id) {
                continue;
            }
            if !has_met(Service::S3) {
                return Err(format!("an upload is left: {upload:?}"));
            }
            self.says(log_begun, &["may be left behind", "may yet appear"], &upload.key)
                .await
                .map_err(|error| format!("{error}: {upload:?}"))?;
            left.push(upload.upload_id);
        }
        let receipt = answer.receipt();
        let judged = tokio::task::block_in_place(|| {
            let mut found = found(s3, ask)?;
            found.unlisted = self.may_be_unlisted(ask, receipt, met);
            let whole = found.judge(self.kvs(), ask, self.case.live, receipt, self.decode)?;
            Ok::<_, String>((found, whole))
        });
        let (found, whole) = judged?;
        if ask.before == Before::Foreign && ask.if_exists != IfExists::Overwrite && !found.foreign {
            return Err("somebody else's object is gone".to_owned());
        }
        match answer {
            Answer::Receipt(_) | Answer::Done(_) if !whole => return Err("there is no whole clip".to_owned()),
            Answer::Receipt(_) | Answer::Done(_) => {}
            Answer::Gone if !has_met(Service::Runtime) => return Err("the process ended".to_owned()),
            Answer::Gone => {}
            Answer::Error { label, message } | Answer::Stays { label, message } => {
                explained(label, &World::of(self, ask, made, message), met)?
            }
            Answer::Aside(label) => explained(label, &World::of(self, ask, made, ""), met)?,
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
            self.log_has(log_begun, |line| {
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
            self.says(log_begun, &words, &ask.stem).await?;
        }
        Ok(left)
    }

    /// When the delivery began of which a clip may be that was made without a list; none where one that may list has
    /// exported.
    fn may_be_unlisted(&self, ask: &Ask, receipt: Option<&Value>, met: &Met<'_>) -> Option<i64> {
        let is_refused = met.played.iter().any(Played::hides_the_list);
        let is_new = receipt.is_some_and(|receipt| receipt["Status"] == "EXPORTED");
        let unlisted = self.unlisted.get(&ask.stem).copied();
        unlisted.filter(|_| is_refused || !is_new)
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
        for _ in 0..LATE_LINES {
            if self.log().iter().skip(begun).any(|line| says(line)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("neither the answer nor the log names the stream".to_owned())
    }
}
