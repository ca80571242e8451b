//! Message attributes: what may be one, and their digest ("Amazon SQS message metadata").

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::request;
use crate::hex::hex;

/// The most attributes of a message.
const MOST: usize = 10;

/// The most characters of a name, and of a type.
const LONGEST_NAME: usize = 256;

/// Beginnings of names that AWS keeps for itself, in any case of letters.
const RESERVED: [&str; 2] = ["aws.", "amazon."];

/// An attribute. Its type is `String`, `Number` or `Binary`, with an own label behind a dot or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A `String` or a `Number`.
    Text {
        /// The whole type.
        data_type: String,
        /// The value as it was sent.
        value: String,
    },
    /// A `Binary`.
    Binary {
        /// The whole type.
        data_type: String,
        /// The decoded value.
        value: Vec<u8>,
    },
}

impl Attribute {
    /// Type, the code of its transport in the digest, and value.
    fn parts(&self) -> (&str, u8, &[u8]) {
        match self {
            Self::Text { data_type, value } => (data_type, 1, value.as_bytes()),
            Self::Binary { data_type, value } => (data_type, 2, value),
        }
    }
}

/// `MessageAttributes` of a request.
pub(super) fn read(attributes: &Map<String, Value>) -> Result<BTreeMap<String, Attribute>, Refusal> {
    let number = attributes.len();
    if number > MOST {
        return Err(Refusal::invalid(format!(
            "Number of message attributes [{number}] exceeds the allowed maximum [{MOST}]."
        )));
    }
    let read = |(name, value): (&String, &Value)| {
        check_name(name)?;
        Ok((name.clone(), read_one(name, value)?))
    };
    attributes.iter().map(read).collect()
}

/// Bytes that count towards the size of the message.
pub(super) fn size(attributes: &BTreeMap<String, Attribute>) -> usize {
    let sizes = attributes.iter().map(|(name, attribute)| {
        let (data_type, _, value) = attribute.parts();
        name.len() + data_type.len() + value.len()
    });
    sizes.sum()
}

/// `MD5OfMessageAttributes`, by which SDKs see whether all attributes arrived: in the order of their names,
/// each name, type and value behind its length in four bytes, the value also behind one byte for its kind.
pub(super) fn md5(attributes: &BTreeMap<String, Attribute>) -> String {
    let mut digest = Md5::new();
    let mut put = |bytes: &[u8], kind: Option<u8>| {
        digest.update(kind.as_slice());
        // No part comes near 4 GiB: the message ends at 1 MiB.
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        let (data_type, kind, value) = attribute.parts();
        put(name.as_bytes(), None);
        put(data_type.as_bytes(), None);
        put(value, Some(kind));
    }
    hex(&digest.finalize())
}

/// Wordings ours.
fn check_name(name: &str) -> Result<(), Refusal> {
    let refuse = |why: &str| {
        Err(Refusal::invalid(format!(
            "Message attribute name '{name}' {why}."
        )))
    };
    let lower = name.to_ascii_lowercase();
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(known) {
        return refuse("has to be 1 to 256 letters, digits, underscores, hyphens and periods");
    }
    if RESERVED.iter().any(|reserved| lower.starts_with(reserved)) {
        return refuse("begins with a reserved prefix");
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refuse("has a period at an end, or two in a row");
    }
    Ok(())
}

fn read_one(name: &str, value: &Value) -> Result<Attribute, Refusal> {
    let fields = value.as_object();
    let field = |field: &str| {
        fields
            .and_then(|fields| fields.get(field))
            .filter(|it| !it.is_null())
    };
    if field("StringListValues").is_some() || field("BinaryListValues").is_some() {
        return Err(Refusal::lists());
    }
    let text = |name: &str| {
        field(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let Some(data_type) = text("DataType") else {
        return Err(Refusal::invalid(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        )));
    };
    let data_type = data_type.to_owned();
    let kind = data_type.split('.').next().unwrap_or_default();
    if data_type.chars().count() > LONGEST_NAME || !["String", "Number", "Binary"].contains(&kind) {
        return Err(Refusal::invalid(format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
        )));
    }
    let empty = || {
        Refusal::invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        ))
    };
    if kind == "Binary" {
        let value = text("BinaryValue").ok_or_else(empty)?;
        let value = STANDARD.decode(value);
        let value = value.map_err(|_| Refusal::malformed("A binary value is not base64."))?;
        return Ok(Attribute::Binary { data_type, value });
    }
    let value = text("StringValue").ok_or_else(empty)?;
    request::characters("message attribute value", value)?;
    if kind == "Number" && !value.parse().is_ok_and(f64::is_finite) {
        return Err(Refusal::invalid(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    let value = value.to_owned();
    Ok(Attribute::Text { data_type, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attribute(data_type: &str, field: &str, value: &str) -> Value {
        json!({"DataType": data_type, field: value})
    }

    fn of(attributes: Value) -> Result<BTreeMap<String, Attribute>, Refusal> {
        read(attributes.as_object().unwrap())
    }

    #[test]
    fn the_digest_is_the_one_that_sdks_compute() {
        // What AWS answered for this attribute; the second was computed apart from this, after AWS's page.
        let number = attribute("Number", "StringValue", "1493147359900");
        let one = of(json!({"timestamp": number})).unwrap();
        assert_eq!(md5(&one), "235c5c510d26fb653d073faed50ae77c");
        let three = of(json!({
            "b": attribute("Number.int", "StringValue", "12"),
            "c": attribute("Binary", "BinaryValue", "AP8="),
            "a": attribute("String", "StringValue", "\u{e4}"),
        }));
        assert_eq!(md5(&three.unwrap()), "cc0dacae4d30ef015336dbaaf6bce5d4");
    }

    #[test]
    fn size_counts_names_types_and_decoded_values() {
        let read = of(
            json!({"c": attribute("Binary", "BinaryValue", "AP8="), "de": attribute("String", "StringValue", "f")}),
        );
        assert_eq!(size(&read.unwrap()), (1 + 6 + 2) + (2 + 6 + 1));
    }

    #[test]
    fn names_follow_the_rules() {
        let named = |name: &str| of(json!({name: attribute("String", "StringValue", "v")}));
        for good in ["a", "_", "a.b-c_d.9", "awsome", &"x".repeat(256)] {
            named(good).expect(good);
        }
        for bad in [
            "",
            "a b",
            "\u{e4}",
            ".a",
            "a.",
            "a..b",
            "AWS.a",
            "amazon.b",
            &"x".repeat(257),
        ] {
            let refusal = named(bad).expect_err(bad);
            assert_eq!(refusal.code, "InvalidParameterValue");
        }
    }

    #[test]
    fn types_and_values_follow_the_rules() {
        for good in [
            attribute("String.any label", "StringValue", "v"),
            attribute("Number", "StringValue", "-1.5e3"),
            attribute("Binary.gif", "BinaryValue", "AA=="),
        ] {
            of(json!({"a": good})).unwrap();
        }
        for (bad, code) in [
            (json!("v"), "InvalidParameterValue"),
            (attribute("", "StringValue", "v"), "InvalidParameterValue"),
            (attribute("string", "StringValue", "v"), "InvalidParameterValue"),
            (attribute("Stringy", "StringValue", "v"), "InvalidParameterValue"),
            (attribute("String", "StringValue", ""), "InvalidParameterValue"),
            (
                attribute("String", "BinaryValue", "AA=="),
                "InvalidParameterValue",
            ),
            (attribute("Binary", "StringValue", "v"), "InvalidParameterValue"),
            (attribute("Number", "StringValue", "one"), "InvalidParameterValue"),
            (attribute("Number", "StringValue", "inf"), "InvalidParameterValue"),
            (attribute("Binary", "BinaryValue", "=="), "MalformedInput"),
            (attribute("String", "StringValue", "\0"), "InvalidMessageContents"),
            (
                json!({"DataType": "String", "StringListValues": ["v"]}),
                "AWS.SimpleQueueService.UnsupportedOperation",
            ),
        ] {
            let refusal = of(json!({"a": bad.clone()})).expect_err(&bad.to_string());
            assert_eq!(refusal.code, code, "{bad}: {refusal}");
        }
    }

    #[test]
    fn ten_attributes_are_the_most() {
        let many = |number: usize| {
            let one = |n: usize| (format!("a{n}"), attribute("String", "StringValue", "v"));
            read(&(0..number).map(one).collect())
        };
        assert_eq!(many(10).unwrap().len(), 10);
        let message = many(11).unwrap_err().message;
        assert_eq!(
            message,
            "Number of message attributes [11] exceeds the allowed maximum [10]."
        );
    }
}
