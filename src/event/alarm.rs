//! A CloudWatch alarm in the three forms in which it comes: through EventBridge, as the alarm's own action,
//! and through SNS.
//!
//! Sources: CloudWatch user guide, "Alarm events and EventBridge" and "Invoke a Lambda function from an
//! alarm"; the message to SNS as it is seen in the field. Every field but the state and its moment may be
//! missing: metric math and anomaly detection mix metrics with expressions, composite alarms have no
//! metrics at all.

use jiff::Timestamp;

use super::fault::shown_text;
use super::fields::{Reader, join};
use super::home::region_of;
use super::json::Json;
use super::request::{Footage, check_length, of_footage, rounded};
use super::{Asked, Defaults, Home, Stream, instant};
use crate::plan::TimeRange;

/// What EventBridge calls the change of an alarm, and of one of the series that it watches.
pub(super) const DETAIL_TYPES: [&str; 2] = [
    "CloudWatch Alarm State Change",
    "CloudWatch Alarm Contributor State Change",
];

/// The dimension of a metric that names a stream.
const DIMENSION: &str = "StreamName";

/// Streams of an alarm that a message names: enough to see which alarm is meant.
const TOLD: usize = 5;

/// The only state that exports.
const ALARM: &str = "ALARM";

/// An alarm that has changed its state, as far as an export has to know it.
#[derive(Debug)]
pub(super) struct Alarm<'a> {
    name: &'a str,
    arn: Option<&'a str>,
    account: Option<&'a str>,
    state: Option<&'a str>,
    state_path: String,
    moment: Option<&'a Json>,
    moment_path: String,
    /// JSON as text; tells when the data begins that raised the alarm, or which alarms did.
    reason_data: Option<&'a str>,
    /// For people; names the points of data.
    reason: Option<&'a str>,
    metrics: Vec<Metric<'a>>,
    metrics_path: String,
}

/// What an alarm watches: a metric, an expression, or the one series of many that raised it.
#[derive(Debug, Default)]
struct Metric<'a> {
    namespace: Option<&'a str>,
    stream: Option<&'a str>,
    expression: Option<&'a str>,
    account: Option<&'a str>,
}

impl Metric<'_> {
    /// Whether a `StreamName` of it is that of a video stream. Other services of AWS have streams too:
    /// Kinesis Data Streams uses the same name of a dimension.
    fn is_of_video(&self) -> bool {
        const VIDEO: &str = "AWS/KinesisVideo";
        let of_aws = |text: &str| text.contains("AWS/") && !text.contains(VIDEO);
        !self.namespace.is_some_and(of_aws) && !self.expression.is_some_and(of_aws)
    }

    /// Whether it watches many series, each of which raises an alarm of its own.
    fn is_grouped(&self) -> bool {
        let words = self.expression.unwrap_or_default().to_ascii_uppercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        words.windows(2).any(|pair| pair == ["GROUP", "BY"])
    }
}

/// The alarm in an event of EventBridge.
pub(super) fn of_event<'a>(path: &str, event: &'a Json, detail: &'a Json) -> Alarm<'a> {
    let arn = match event.get("resources") {
        Some(Json::Array(resources)) => resources.first().and_then(Json::as_text),
        _ => None,
    };
    of_state_change(join(path, "detail"), detail, arn, event.text("account"))
}

/// The alarm in the event of an alarm's own action, if it is one.
pub(super) fn of_action<'a>(path: &str, event: &'a Json) -> Option<Alarm<'a>> {
    let data = event.get("alarmData")?;
    let (arn, account) = (event.text("alarmArn"), event.text("accountId"));
    Some(of_state_change(join(path, "alarmData"), data, arn, account))
}

fn of_state_change<'a>(
    path: String,
    json: &'a Json,
    arn: Option<&'a str>,
    account: Option<&'a str>,
) -> Alarm<'a> {
    let state = json.get("state");
    let metrics = match json.at(&["configuration", "metrics"]) {
        Some(Json::Array(metrics)) => &metrics[..],
        _ => &[],
    };
    let mut metrics: Vec<Metric<'_>> = metrics
        .iter()
        .map(|entry| {
            let metric = entry.at(&["metricStat", "metric"]);
            Metric {
                namespace: metric.and_then(|metric| metric.text("namespace")),
                stream: metric.and_then(|metric| metric.at(&["dimensions", DIMENSION])?.as_text()),
                expression: entry.text("expression"),
                account: entry.text("accountId"),
            }
        })
        .collect();
    if let Some(contributor) = json.at(&["alarmContributor", "attributes"]) {
        metrics = vec![of_contributor(contributor, &metrics)];
    }
    Alarm {
        name: json.text("alarmName").unwrap_or_default(),
        arn,
        account,
        state: state.and_then(|state| state.text("value")),
        state_path: join(&path, "state.value"),
        moment: state.and_then(|state| state.get("timestamp")),
        moment_path: join(&path, "state.timestamp"),
        reason_data: state.and_then(|state| state.text("reasonData")),
        reason: state.and_then(|state| state.text("reason")),
        metrics,
        metrics_path: join(&path, "configuration.metrics"),
    }
}

/// The one series that an event is about, in place of the expressions that watch many.
fn of_contributor<'a>(attributes: &'a Json, watching: &[Metric<'a>]) -> Metric<'a> {
    let is_of_video = watching.iter().all(Metric::is_of_video);
    Metric {
        stream: attributes.text(DIMENSION).filter(|_| is_of_video),
        ..Metric::default()
    }
}

/// The alarm in a message to SNS, if it is one.
pub(super) fn of_sns<'a>(path: &str, message: &'a Json) -> Option<Alarm<'a>> {
    let (name, state) = (message.text("AlarmName")?, message.text("NewStateValue")?);
    let trigger = message.get("Trigger");
    let of_metric = |metric: &'a Json| Metric {
        namespace: metric.text("Namespace"),
        stream: metric.get("Dimensions").and_then(stream_of_list),
        ..Metric::default()
    };
    let entries = match trigger.and_then(|trigger| trigger.get("Metrics")) {
        Some(Json::Array(entries)) => &entries[..],
        _ => &[],
    };
    let of_entries = entries.iter().map(|entry| Metric {
        expression: entry.text("Expression"),
        account: entry.text("AccountId"),
        ..entry
            .at(&["MetricStat", "Metric"])
            .map(of_metric)
            .unwrap_or_default()
    });
    let mut metrics: Vec<Metric<'_>> = trigger.map(of_metric).into_iter().chain(of_entries).collect();
    if let Some(attributes) = message.get("AlarmContributorAttributes") {
        metrics = vec![of_contributor(attributes, &metrics)];
    }
    Some(Alarm {
        name,
        arn: message.text("AlarmArn"),
        account: message.text("AWSAccountId"),
        state: Some(state),
        state_path: join(path, "NewStateValue"),
        moment: message.get("StateChangeTime"),
        moment_path: join(path, "StateChangeTime"),
        reason_data: None,
        reason: message.text("NewStateReason"),
        metrics,
        metrics_path: join(path, "Trigger"),
    })
}

/// `[{"name": "StreamName", "value": "…"}]`, whose own names SNS spells in either case.
fn stream_of_list(dimensions: &Json) -> Option<&str> {
    let Json::Array(dimensions) = dimensions else {
        return None;
    };
    dimensions.iter().find_map(|dimension| {
        let name = dimension.text("name").or_else(|| dimension.text("Name"));
        let value = || dimension.text("value").or_else(|| dimension.text("Value"));
        (name == Some(DIMENSION)).then(value).flatten()
    })
}

impl Alarm<'_> {
    /// What the alarm asks for.
    pub(super) fn asked(&self, reader: &mut Reader<'_>, defaults: &Defaults) -> Option<Asked> {
        let name = shown_text(self.name);
        let Some(state) = self.state else {
            reader.fault(&self.state_path, "is missing");
            return None;
        };
        if state != ALARM {
            return Some(Asked::Nothing(format!(
                "the alarm {name} is in the state {}; only {ALARM} exports",
                shown_text(state)
            )));
        }
        let streams = self.streams(reader)?;
        let mapped = defaults.alarm_streams.of_alarm(self.name, self.arn);
        let stream = match (&streams[..], mapped) {
            ([stream], _) => Stream::of(stream)
                .map_err(|fault| reader.fault(&self.metrics_path, fault))
                .ok(),
            (_, Some(stream)) => {
                if let Some(fault) = stream.elsewhere(reader.home) {
                    reader.fault("CLIP_ALARM_STREAMS", fault);
                }
                Some(stream.clone())
            }
            ([], None) if self.metrics.iter().any(Metric::is_grouped) => {
                return Some(Asked::Nothing(format!(
                    "the alarm {name} watches many series; the events of those that raised it name their streams"
                )));
            }
            (streams, None) => {
                let named = match streams {
                    [] => "no stream".to_owned(),
                    streams => {
                        let told: Vec<_> = streams
                            .iter()
                            .take(TOLD)
                            .map(|stream| shown_text(stream))
                            .collect();
                        format!("{} streams ({})", streams.len(), told.join(", "))
                    }
                };
                reader.fault(
                    &self.metrics_path,
                    format!(
                        "of the alarm {name} names {named}; say in the environment variable CLIP_ALARM_STREAMS \
                         which one it means{}",
                        match defaults.alarm_streams.to_string() {
                            none if none.is_empty() => ", as {\"NAME\": \"STREAM\"}".to_owned(),
                            patterns => format!(", which has {patterns}"),
                        }
                    ),
                );
                None
            }
        };
        let moment = self
            .moment
            .ok_or_else(|| "is missing".to_owned())
            .and_then(instant::moment)
            .map_err(|fault| reader.fault(&self.moment_path, fault))
            .ok()?;
        let begun = self.begun().filter(|begun| *begun < moment).unwrap_or(moment);
        let range = around_moment(reader, &self.moment_path, begun, moment, defaults)?;
        let footage = Footage {
            stream: stream?,
            selector: defaults.selector,
            range,
        };
        of_footage(reader, footage, defaults).map(|request| Asked::Export(Box::new(request)))
    }

    /// The names of the streams that the metrics name, each once.
    fn streams(&self, reader: &mut Reader<'_>) -> Option<Vec<&str>> {
        let mut streams: Vec<&str> = Vec::new();
        for metric in self.metrics.iter().filter(|metric| metric.is_of_video()) {
            let Some(stream) = metric.stream else {
                continue;
            };
            if let Some(fault) = self.elsewhere(metric, reader.home) {
                reader.fault(
                    &self.metrics_path,
                    format!("names the stream {}, which {fault}", shown_text(stream)),
                );
                return None;
            }
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        Some(streams)
    }

    /// What keeps a function at `home` from reading the stream that a metric of the alarm names. A stream of
    /// the same name in the function's own account and region would be another camera.
    ///
    /// An alarm watches its own region, and of other accounts only what says so. Where the function does not
    /// know its account, it is taken for that of the alarm.
    fn elsewhere(&self, metric: &Metric<'_>, home: &Home) -> Option<String> {
        home.or_account(self.account)
            .is_not(self.arn.and_then(region_of), metric.account.or(self.account))
    }

    /// When what raised the alarm began, if it says so: its data, the points of data that its reason names, or
    /// the alarms that a composite one follows.
    fn begun(&self) -> Option<Timestamp> {
        let data: Option<Json> = self.reason_data.and_then(|text| serde_json::from_str(text).ok());
        let moment = |json: &Json| instant::moment(json).ok();
        let start = data.as_ref().and_then(|data| moment(data.get("startDate")?));
        let children = match data.as_ref().and_then(|data| data.get("triggeringAlarms")) {
            Some(Json::Array(children)) => &children[..],
            _ => &[],
        };
        let of_children = children
            .iter()
            .filter(|child| child.at(&["state", "value"]).and_then(Json::as_text) == Some(ALARM))
            .filter_map(|child| moment(child.at(&["state", "timestamp"])?));
        start
            .or_else(|| of_children.min())
            .or_else(|| self.reason.and_then(earliest_point))
    }
}

/// The earliest point of data that a reason names, as `[12.0 (20/11/26 10:01:00)]`: day, month and year, in UTC.
fn earliest_point(reason: &str) -> Option<Timestamp> {
    let points = reason.split('(').skip(1).filter_map(|rest| {
        let (point, _) = rest.split_once(')')?;
        let point = jiff::civil::DateTime::strptime("%d/%m/%y %H:%M:%S", point).ok()?;
        point.to_zoned(jiff::tz::TimeZone::UTC).ok()
    });
    points.map(|point| point.timestamp()).min()
}

/// The range from the pre-roll before `begun` to the post-roll after `moment`.
pub(super) fn around_moment(
    reader: &mut Reader<'_>,
    path: &str,
    begun: Timestamp,
    moment: Timestamp,
    defaults: &Defaults,
) -> Option<TimeRange> {
    let ends = begun
        .checked_sub(defaults.pre_roll)
        .and_then(|start| Ok((start, moment.checked_add(defaults.post_roll)?)));
    let Ok((start, end)) = ends else {
        reader.fault(path, "reaches outside of the calendar");
        return None;
    };
    let range = rounded(reader, path, start, end)?;
    match check_length(&range) {
        None => Some(range),
        Some(fault) => {
            reader.fault(
                path,
                format!("{fault}; the data that raised the alarm begins at {begun:.0}"),
            );
            None
        }
    }
}
