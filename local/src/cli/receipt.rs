//! Any receipt as a person likes to read it: aligned, short, no JSON.
//!
//! It knows JSON and the endings of field names (`Bytes`, `Seconds`), not the receipt's fields, so that a
//! receipt may grow without a change here.

use serde_json::{Map, Value};

/// Columns that a table may take; a wider one becomes a list.
const WIDEST_TABLE: usize = 120;
const INDENT: usize = 2;

/// The whole receipt, its `Status` as the headline, ending in a newline.
pub(super) fn render(receipt: &Value) -> String {
    let mut receipt = receipt.clone();
    let mut lines = Vec::new();
    let status = receipt.as_object_mut().and_then(|it| it.remove("Status"));
    if let Some(status) = status {
        lines.push(scalar("Status", &status));
    }
    put(&receipt, 0, &mut lines);
    lines.push(String::new());
    lines.join("\n")
}

fn put(value: &Value, depth: usize, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => put_object(fields, depth, lines),
        Value::Array(items) => {
            for (number, item) in (1..).zip(items) {
                if items.len() > 1 {
                    lines.push(format!("{:depth$}{number}.", ""));
                }
                put(item, depth + if items.len() > 1 { INDENT } else { 0 }, lines);
            }
        }
        scalar_value => lines.push(format!("{:depth$}{}", "", scalar("", scalar_value))),
    }
}

fn put_object(fields: &Map<String, Value>, depth: usize, lines: &mut Vec<String>) {
    let flat = |value: &Value| one_line(value);
    let width = fields.iter().filter(|(_, value)| flat(value));
    let width = width.map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    // What fits on a line first: nested things would part names from their column.
    for (name, value) in fields.iter().filter(|(_, value)| flat(value)) {
        let text = scalar(name, value);
        lines.push(format!("{:depth$}{name:width$}  {text}", ""));
    }
    for (name, value) in fields.iter().filter(|(_, value)| !flat(value)) {
        lines.push(format!("{:depth$}{name}", ""));
        match table(value) {
            Some(rows)
                if rows
                    .iter()
                    .all(|row| depth + INDENT + row.chars().count() <= WIDEST_TABLE) =>
            {
                let depth = depth + INDENT;
                lines.extend(rows.iter().map(|row| format!("{:depth$}{row}", "")));
            }
            _ => put(value, depth + INDENT, lines),
        }
    }
}

/// Whether a value is shown beside its name.
fn one_line(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !item.is_array()),
        _ => true,
    }
}

/// A list of objects that hold one-line values as rows under the names of their fields.
fn table(value: &Value) -> Option<Vec<String>> {
    let items: Option<Vec<_>> = value.as_array()?.iter().map(Value::as_object).collect();
    let items = items.filter(|items| items.len() > 1)?;
    if !items.iter().all(|item| item.values().all(one_line)) {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for name in items.iter().flat_map(|item| item.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let head: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut rows = vec![head];
    for item in items {
        let cell = |name: &&str| item.get(*name).map_or_else(String::new, |it| scalar(name, it));
        rows.push(names.iter().map(cell).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..names.len()).map(|it| width(it).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    Some(rows.iter().map(line).collect())
}

/// A value on one line; the ending of its field's name tells its unit.
pub(super) fn scalar(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(size), _) if ends_with(name, "bytes") => bytes(size),
            (_, Some(seconds)) if ends_with(name, "seconds") => format!("{seconds:.3} s"),
            _ => number.to_string(),
        },
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| scalar(name, item)).collect();
            items.join(", ")
        }
        Value::Object(fields) if fields.is_empty() => "none".to_owned(),
        Value::Object(_) => value.to_string(),
    }
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.to_ascii_lowercase().ends_with(ending)
}

/// A size in decimal units, as S3 and file managers show it.
pub(super) fn bytes(size: u64) -> String {
    let mut unit = "B";
    let mut scaled = size as f64;
    for larger in ["kB", "MB", "GB", "TB"] {
        if scaled < 1000.0 {
            break;
        }
        scaled /= 1000.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{size} B"),
        unit => format!("{scaled:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_values_stand_in_columns_and_nested_things_below() {
        let receipt = json!({
            "Clips": [{
                "Bucket": "clips", "Key": "a.mp4", "SizeBytes": 12_345_678, "DurationSeconds": 59.5,
                "VersionId": null,
                "Tracks": [{"Kind": "video", "Codec": "avc1"}, {"Kind": "audio", "Channels": 1}]
            }],
            "Gaps": [], "Status": "EXPORTED"
        });
        let expected = "\
EXPORTED
Gaps  none
Clips
  Bucket           clips
  DurationSeconds  59.500 s
  Key              a.mp4
  SizeBytes        12.3 MB
  VersionId        -
  Tracks
    Codec  Kind   Channels
    avc1   video
           audio  1
";
        assert_eq!(render(&receipt), expected);
    }

    #[test]
    fn several_clips_are_numbered_and_wide_tables_become_lists() {
        let wide = "x".repeat(70);
        let receipt = json!({"Clips": [{"A": wide, "B": wide}, {"A": "1", "B": "2"}]});
        let text = render(&receipt);
        assert!(text.contains("\n  1.\n    A  xxx"), "{text}");
        assert!(text.ends_with("\n  2.\n    A  1\n    B  2\n"), "{text}");
    }

    #[test]
    fn any_json_is_shown() {
        assert_eq!(render(&json!("text")), "text\n");
        assert_eq!(render(&json!([1, true])), "1.\n  1\n2.\n  yes\n");
        assert_eq!(render(&json!({"a": [1, 2], "b": {}})), "a  1, 2\nb  none\n");
    }

    #[test]
    fn sizes_are_rounded_to_a_unit() {
        let shown = [0, 999, 1000, 104_857_600].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "104.9 MB"]);
    }
}
