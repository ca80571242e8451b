//! What has to hold after each delivery, whatever went wrong on the way.

use clip_export_local::kvs::{Archived, Selector, Server};
use clip_export_local::s3::{self, StoredObject};
use serde_json::Value;

use crate::archive::{Wanted, unlisted, wanted};
use crate::cameras::NOW_MS;
use crate::case::{Ask, Before, Boundary, FOREIGN, IfExists};
use crate::clip::{Timing, is_made_of};
use crate::stack::{BUCKETS, decodes};

pub(crate) mod labels;
mod moments;

/// How long after its end a fragment of a live camera is archived at the latest.
const ARCHIVED_AFTER_MS: i64 = 2000;

/// What `night-shift` keeps.
const HOUR_MS: i64 = 3_600_000;

/// Whether the same event may succeed later.
pub(crate) fn may_help(label: &str) -> bool {
    let all = clip_export::error::ErrorType::ALL;
    all.into_iter()
        .any(|known| known.as_str() == label && known.retry_can_help())
}

/// What is at the keys of a request.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was there before and is no clip.
    pub(crate) foreign: bool,
    /// Clips, in the order of their keys.
    pub(crate) clips: Vec<StoredObject>,
    /// Whether the clip may have been made without a list, and when that began, in milliseconds since 1970.
    pub(crate) unlisted: Option<i64>,
}

/// All that is at the keys of a request, and nothing of it elsewhere.
pub(crate) fn found(s3: &s3::Server, ask: &Ask) -> Result<Found, String> {
    let mut found = Found::default();
    for bucket in BUCKETS {
        let keys = s3.objects(bucket);
        let numbered = format!("{}-", ask.stem);
        let mut keys: Vec<_> = keys
            .into_iter()
            .filter(|key| *key == ask.key() || key.starts_with(&numbered))
            .collect();
        keys.sort_by_key(|key| (key.len(), key.clone()));
        for key in keys {
            if bucket != ask.bucket {
                return Err(format!("{key} is in {bucket}, and not in {}", ask.bucket));
            }
            let object = s3.object(bucket, &key).ok_or("an object that is gone again")?;
            if object.size == FOREIGN.len() as u64 {
                found.foreign = true;
            } else {
                found.clips.push(object);
            }
        }
    }
    Ok(found)
}

impl Found {
    /// Judges each object, and says whether all of the clip is there. `receipt`: what was answered.
    pub(crate) fn judge(
        &self,
        kvs: &Server,
        ask: &Ask,
        live: bool,
        receipt: Option<&Value>,
        decode: bool,
    ) -> Result<bool, String> {
        let Some(first) = self.clips.first() else {
            return Ok(false);
        };
        if decode {
            for object in &self.clips {
                decodes(&object.path).map_err(|error| format!("{}: {error}", object.key))?;
            }
        }
        let coverage = first.metadata.get("clip-coverage").map(String::as_str);
        if first.key == ask.key() && coverage == Some("UNKNOWN") {
            let Some(since) = self.unlisted else {
                return Err("the clip was made without a list, and nobody refused one".to_owned());
            };
            return self.judge_unlisted(kvs, ask, live.then_some(since), receipt);
        }
        let mut why = Vec::new();
        for wanted in wanted(kvs, ask) {
            match self.judge_as(kvs, ask, &wanted, receipt) {
                Ok(whole) => return Ok(whole),
                Err(error) => why.push(error),
            }
        }
        Err(why.join("; or: "))
    }

    fn judge_as(
        &self,
        kvs: &Server,
        ask: &Ask,
        wanted: &Wanted,
        receipt: Option<&Value>,
    ) -> Result<bool, String> {
        let several = wanted.objects.len() > 1;
        let stream = kvs.stream(ask.camera.name).ok_or("a clip of no stream")?;
        let mut there = 0;
        for object in &self.clips {
            let number = wanted.objects.iter().zip(1..).position(|(_, number)| {
                let numbered = format!("{}-{number}.mp4", ask.stem);
                object.key == if several { numbered } else { ask.key() }
            });
            let number = number.ok_or_else(|| format!("{} is an object too many", object.key))?;
            let told = receipt.filter(|receipt| receipt["Status"] == "EXPORTED");
            let told = told.map(|receipt| &receipt["Clips"][number]);
            let timing = if ask.boundary == Boundary::Exact {
                Timing::Cut
            } else {
                Timing::Closed
            };
            covers(object, ask, wanted)?;
            is_made_of(&object.path, stream, &wanted.objects[number], ask, timing, told)
                .map_err(|error| format!("{}: {error}", object.key))?;
            there += 1;
        }
        let whole = there == wanted.objects.len();
        if let Some(receipt) = receipt {
            if !whole {
                return Err(format!("{there} of {} objects", wanted.objects.len()));
            }
            self.fits(receipt)?;
            accounts_for(receipt, ask, wanted)?;
        }
        Ok(whole)
    }

    /// The clip of a function that could not list: what one `GetClip` gives, and said to be no more.
    fn judge_unlisted(
        &self,
        kvs: &Server,
        ask: &Ask,
        live_since: Option<i64>,
        receipt: Option<&Value>,
    ) -> Result<bool, String> {
        let stream = kvs.stream(ask.camera.name).ok_or("a clip of no stream")?;
        let [object] = &self.clips[..] else {
            return Err(format!("{} objects without a list", self.clips.len()));
        };
        let mut fragments = unlisted(kvs, ask);
        loop {
            let made = is_made_of(&object.path, stream, &fragments, ask, Timing::AsSent, None);
            match made {
                Ok(()) => break,
                // What is only just being made had fewer fragments when it was asked for than it has now.
                Err(_) if fragments.len() > 1 && came_later(&fragments, live_since) => {
                    fragments.pop();
                }
                Err(error) => return Err(format!("{}, unlisted: {error}", object.key)),
            }
        }
        if let Some(receipt) = receipt {
            self.fits(receipt)?;
            if receipt["Coverage"] != "UNKNOWN" || receipt["Doubts"].as_array().is_none_or(Vec::is_empty) {
                return Err(format!(
                    "the receipt does not say that nothing was listed: {receipt}"
                ));
            }
        }
        Ok(true)
    }

    /// That a receipt speaks of these very objects.
    fn fits(&self, receipt: &Value) -> Result<(), String> {
        let clips = receipt["Clips"].as_array().map_or(&[][..], Vec::as_slice);
        let same = clips.len() == self.clips.len()
            && clips.iter().zip(&self.clips).all(|(clip, object)| {
                let checksum = clip["ChecksumCRC64NVME"].as_str();
                clip["Key"] == object.key.as_str()
                    && clip["SizeBytes"] == object.size
                    && checksum.is_none_or(|checksum| checksum == object.crc64nvme)
                    && clip["ETag"] == format!("\"{}\"", object.etag)
            });
        let keys: Vec<_> = self.clips.iter().map(|object| &object.key).collect();
        same.then_some(())
            .ok_or_else(|| format!("the receipt is not of what is there, {keys:?}: {receipt}"))
    }
}

/// That an object says of itself whether footage is missing.
fn covers(object: &StoredObject, ask: &Ask, wanted: &Wanted) -> Result<(), String> {
    let coverage = object.metadata.get("clip-coverage").map(String::as_str);
    let (must, may) = wanted.named_gaps();
    let fits = match coverage {
        Some("COMPLETE") => must == 0 || is_in_bursts(ask),
        Some("PARTIAL") => may > 0 || is_in_bursts(ask),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(format!("{} says {coverage:?} of {:?}", object.key, wanted.gaps)),
    }
}

/// Whether fragments come in another order than they were filmed in, so that gaps are a matter of taste.
fn is_in_bursts(ask: &Ask) -> bool {
    ask.camera.bursts && ask.selector == Selector::ServerTimestamp
}

/// That a receipt names what is not in the clip, and nothing that is.
fn accounts_for(receipt: &Value, ask: &Ask, wanted: &Wanted) -> Result<(), String> {
    let says = |what: &str| Err(format!("{what}: {receipt}"));
    let bursts = is_in_bursts(ask);
    let (must, may) = wanted.named_gaps();
    // What was there already has no gaps in its receipt, and several objects no coverage.
    if receipt["Status"] != "EXPORTED" {
        let partial = receipt["Coverage"] == "PARTIAL";
        let several = wanted.objects.len() > 1;
        let fits = several && receipt["Coverage"] == "UNKNOWN"
            || bursts
            || (partial || must == 0) && (!partial || may > 0);
        return if fits {
            Ok(())
        } else {
            says("the coverage is another")
        };
    }
    let gaps = receipt["Gaps"].as_array().map_or(0, Vec::len);
    if !bursts && !(must..=may).contains(&gaps) {
        return says(&format!("not the gaps {:?}", wanted.gaps));
    }
    if (receipt["Coverage"] == "COMPLETE") != (gaps == 0) {
        return says("the coverage does not fit the gaps");
    }
    let fragments: usize = wanted.objects.iter().map(Vec::len).sum();
    let (resent, overlapping) = wanted.left_out;
    let told = |field: &str| receipt[field].as_u64().unwrap_or(0) as usize;
    let exact = ask.boundary == Boundary::Exact;
    // Of those that are cut off nothing is in an object, where each is counted.
    if told("Fragments") + told("FragmentsNotShown") != fragments || !exact && told("FragmentsNotShown") > 0 {
        return says(&format!("not the {fragments} fragments"));
    }
    if !bursts && (receipt["FragmentsResent"] != resent || receipt["FragmentsOverlapping"] != overlapping) {
        return says(&format!(
            "not the {resent} copies and {overlapping} overlapping ones"
        ));
    }
    moments::are_told(receipt, ask, wanted)
}

/// Whether the last of these fragments was archived after a delivery began.
fn came_later(fragments: &[Archived], live_since: Option<i64>) -> bool {
    let archived = |last: &Archived| last.server_start + last.duration_ms + ARCHIVED_AFTER_MS;
    live_since
        .zip(fragments.last())
        .is_some_and(|(since, last)| archived(last) > since)
}

/// What a request is answered with when nothing goes wrong: one of these labels, or a receipt where there
/// are none. `made`: whether the clip was there before.
pub(crate) fn expected(kvs: &Server, ask: &Ask, made: bool) -> Vec<&'static str> {
    match in_the_way(ask, made) {
        true => vec!["DestinationExists"],
        false => nothing_there(ask, &wanted(kvs, ask)[0].objects.concat()),
    }
}

/// Whether an object is at the key that may not be replaced.
fn in_the_way(ask: &Ask, made: bool) -> bool {
    match (ask.before, ask.if_exists) {
        (Before::Foreign, IfExists::Skip | IfExists::Fail) => true,
        (Before::SameClip, IfExists::Fail) => made,
        _ => false,
    }
}

/// Why there is no clip of these fragments, if there is none.
fn nothing_there(ask: &Ask, fragments: &[Archived]) -> Vec<&'static str> {
    match ask.camera.name {
        "intercom" => return vec!["UnsupportedMedia"],
        "no-such-camera" => return vec!["StreamNotFound"],
        "doorbell" => return vec!["OutsideRetention"],
        _ => {}
    }
    if !fragments.is_empty() {
        return Vec::new();
    }
    // By the producer's clock nobody knows what was before the retention.
    let by_server = ask.selector == Selector::ServerTimestamp;
    let is_kept = ask.camera.name != "night-shift" || ask.end >= NOW_MS - HOUR_MS;
    match by_server && !is_kept {
        true => vec!["OutsideRetention"],
        false => vec!["NoFragments"],
    }
}
