//! Reads a moment out of an event: RFC 3339 with an offset, or seconds since 1970 as a number.

use jiff::{SignedDuration, Timestamp};

use super::fault::{other_kind, shown, shown_text};
use super::json::Json;

/// From here on a number of seconds would lie after the year 5138; in milliseconds it is 1973.
const MILLISECONDS_FROM: f64 = 1e11;

/// From here on a number of milliseconds would lie after the year 5138; in microseconds it is 1973.
const MICROSECONDS_FROM: f64 = 1e14;

/// The moment that `json` names, to the nanosecond, or what is wrong with it.
pub(super) fn moment(json: &Json) -> Result<Timestamp, String> {
    match json {
        Json::String(text) => from_text(text),
        Json::Number(number) => from_epoch_seconds(&number.to_string()),
        other => Err(format!(
            "must be RFC 3339 text (\"2026-11-20T10:00:00Z\") or epoch seconds (1795168860.5), not {}",
            other.kind()
        )),
    }
}

/// The moment that `json` names as a whole number of milliseconds since 1970, as Kinesis Video Streams'
/// notifications do.
pub(super) fn milliseconds(json: &Json) -> Result<Timestamp, String> {
    let number = match json {
        Json::Number(number) => number.as_i64(),
        Json::String(digits) => digits.parse().ok(),
        _ => None,
    };
    number
        .filter(|milliseconds| *milliseconds >= 0)
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .ok_or_else(|| format!("{} is not a number of milliseconds since 1970", shown(json)))
}

/// A length of time in seconds, not negative, or what is wrong with it.
pub(super) fn seconds(json: &Json) -> Result<SignedDuration, String> {
    let Json::Number(number) = json else {
        return Err(other_kind(json, "a number of seconds"));
    };
    match decimal(&number.to_string()) {
        Some(duration) if !duration.is_negative() => Ok(duration),
        _ => Err(format!("{number} must be a number of seconds from 0 up")),
    }
}

/// The last whole millisecond at or before `timestamp`: where a range starts, so that rounding to
/// the resolution of Kinesis Video Streams never loses a fragment.
pub(super) fn floor_to_millisecond(timestamp: Timestamp) -> Option<Timestamp> {
    Timestamp::from_millisecond(timestamp.as_nanosecond().div_euclid(1_000_000).try_into().ok()?).ok()
}

/// The first whole millisecond at or after `timestamp`: where a range ends.
pub(super) fn ceil_to_millisecond(timestamp: Timestamp) -> Option<Timestamp> {
    let nanoseconds = timestamp.as_nanosecond().checked_add(999_999)?;
    Timestamp::from_millisecond(nanoseconds.div_euclid(1_000_000).try_into().ok()?).ok()
}

fn from_text(text: &str) -> Result<Timestamp, String> {
    let value = shown_text(text);
    if text.contains('[') {
        return Err(format!(
            "{value} names a time zone; give the offset alone (\"2026-11-20T11:00:00+01:00\")"
        ));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        // The parser knows more of ISO 8601 than RFC 3339 has, and rounds a leap second down.
        if !is_rfc3339(text) {
            return Err(format!(
                "{value} is not RFC 3339; write it in full, as \"2026-11-20T10:00:00Z\""
            ));
        }
        if timestamp < Timestamp::UNIX_EPOCH {
            return Err(format!("{value} lies before 1970; no footage is that old"));
        }
        return Ok(timestamp);
    }
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "{value} is a number in quotes; epoch seconds are given without them"
        ));
    }
    if text.parse::<jiff::civil::DateTime>().is_ok() {
        return Err(format!(
            "{value} has no offset from UTC; add Z or an offset such as +01:00, it is not guessed"
        ));
    }
    Err(format!(
        "{value} is not a moment; give RFC 3339 (\"2026-11-20T10:00:00Z\") or epoch seconds (1795168860.5)"
    ))
}

/// Whether `text` has the form `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm|±hhmm)`, with a second below 60
/// and an offset below 24 hours.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((date_time, rest)) = bytes.split_at_checked(19) else {
        return false;
    };
    let shape = date_time
        .iter()
        .zip(b"dddd-dd-ddTdd:dd:dd")
        .all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            form => byte == form,
        });
    let fraction = rest.strip_prefix(b".").map_or(0, |digits| {
        1 + digits.iter().take_while(|b| b.is_ascii_digit()).count()
    });
    let offset = match rest.get(fraction..).unwrap_or_default() {
        b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] | [b'+' | b'-', h1, h2, m1, m2] => {
            [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit())
                && (*h1 < b'2' || (*h1 == b'2' && *h2 < b'4'))
        }
        _ => false,
    };
    shape && date_time.get(17).is_some_and(|tens| *tens < b'6') && fraction != 1 && offset
}

fn from_epoch_seconds(number: &str) -> Result<Timestamp, String> {
    let rough: f64 = number.parse().unwrap_or(f64::INFINITY);
    for (from, unit, digits) in [
        (MICROSECONDS_FROM, "microseconds", 6),
        (MILLISECONDS_FROM, "milliseconds", 3),
    ] {
        if rough >= from {
            let seconds = rough / 10f64.powi(digits);
            return Err(format!(
                "{} looks like {unit} since 1970; give seconds ({seconds:.3})",
                shown(&Json::String(number.to_owned())).trim_matches('"')
            ));
        }
    }
    decimal(number)
        .filter(|duration| !duration.is_negative())
        .and_then(|duration| Timestamp::from_duration(duration).ok())
        .ok_or_else(|| format!("{number} is not a number of seconds since 1970"))
}

/// Reads a decimal number of seconds exactly, to the nanosecond.
///
/// Going through a binary fraction would turn 1795168860.123 into a moment just before that
/// millisecond, and rounding down would then lose it.
fn decimal(number: &str) -> Option<SignedDuration> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let duration = SignedDuration::new(whole, nanoseconds);
    Some(if negative { -duration } else { duration })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<String, String> {
        moment(&Json::String(text.to_owned())).map(|moment| moment.to_string())
    }

    fn number(json: &str) -> Result<String, String> {
        moment(&serde_json::from_str(json).expect("JSON")).map(|moment| moment.to_string())
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        let ten = Ok("2026-11-20T10:00:00Z".to_owned());
        assert_eq!(text("2026-11-20T10:00:00Z"), ten);
        assert_eq!(text("2026-11-20T10:00:00.000Z"), ten);
        assert_eq!(text("2026-11-20T11:30:00+01:30"), ten);
        assert_eq!(text("2026-11-20T10:00:00.000+0000"), ten);
        assert_eq!(text("2026-11-20T05:00:00-0500"), ten);
        assert_eq!(number("1795168800"), ten);
        assert_eq!(number("1795168800.0"), ten);
        assert_eq!(number("1795168860.5"), Ok("2026-11-20T10:01:00.5Z".to_owned()));
        assert_eq!(
            number("1795168860.123"),
            Ok("2026-11-20T10:01:00.123Z".to_owned())
        );
    }

    #[test]
    fn milliseconds_are_told_so() {
        let error = number("1795168860500").expect_err("milliseconds");
        assert!(
            error.contains("milliseconds") && error.contains("1795168860.500"),
            "{error}"
        );
        let error = number("1795168860500000").expect_err("microseconds");
        assert!(
            error.contains("microseconds") && error.contains("1795168860.500"),
            "{error}"
        );
        assert!(number("1.8e30").is_err());
    }

    #[test]
    fn a_missing_offset_is_not_guessed() {
        assert!(
            text("2026-11-20T10:00:00")
                .expect_err("no offset")
                .contains("no offset")
        );
        assert!(text("2026-11-20").expect_err("no time").contains("no offset"));
        assert!(text("1795168860").expect_err("quoted").contains("quotes"));
        assert!(
            text("2026-11-20T10:00:00+01:00[Europe/Berlin]")
                .expect_err("zone")
                .contains("time zone")
        );
        assert!(text("yesterday").expect_err("words").contains("RFC 3339"));
        assert!(number("-5").is_err());
    }

    #[test]
    fn what_only_looks_like_rfc3339_is_refused() {
        for odd in [
            "2026-11-20T09:59:60Z",
            "2026-11-20T10Z",
            "20261120T100000Z",
            "2026-11-20T10:00:00+25:59",
            "2026-11-20T10:00:00+01",
            "2026-11-20T10:00:00,5Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert!(text(odd).is_err(), "{odd}");
        }
        assert!(text("2026-11-20 10:00:00.123456789z").is_ok());
    }

    #[test]
    fn rounding_never_narrows_a_range() {
        let moment: Timestamp = "2026-11-20T10:00:00.0001Z".parse().expect("a timestamp");
        assert_eq!(
            floor_to_millisecond(moment).map(|m| m.to_string()),
            Some("2026-11-20T10:00:00Z".to_owned())
        );
        assert_eq!(
            ceil_to_millisecond(moment).map(|m| m.to_string()),
            Some("2026-11-20T10:00:00.001Z".to_owned())
        );
    }

    #[test]
    fn lengths_are_not_negative() {
        let json = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
        assert_eq!(seconds(&json("0.25")), Ok(SignedDuration::from_millis(250)));
        assert!(seconds(&json("-1")).is_err());
        assert!(seconds(&json("1e300")).is_err());
        assert!(seconds(&json("\"30\"")).is_err());
    }
}
