//! Walks the objects of an event and writes down everything that is wrong on the way.

use std::collections::HashSet;

use super::Home;
use super::fault::{Fault, Faults, other_kind, shown_text};
use super::json::Json;

/// Longest name of a field that a message shows as it is, in bytes.
const LONGEST_NAME: usize = 64;

/// Collects faults while a request is read, so that one answer names them all.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// Where the function runs that reads.
    pub(super) home: &'a Home,
    faults: Vec<Fault>,
}

impl<'h> Reader<'h> {
    pub(super) fn at(home: &'h Home) -> Self {
        Self {
            home,
            faults: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::new(field, message));
    }

    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults(self.faults)),
        }
    }

    /// The members of the object `json`, each of which must be in `known` and appear once.
    pub(super) fn object<'a>(&mut self, path: &str, json: &'a Json, known: &[&str]) -> Option<Object<'a>> {
        let Json::Object(members) = json else {
            self.fault(
                path,
                format!("must be an object with {}, not {}", list(known), json.kind()),
            );
            return None;
        };
        let mut seen = HashSet::with_capacity(members.len());
        for (name, _) in members {
            if !seen.insert(name) {
                self.fault(join(path, name), "appears twice; keep one of them");
            } else if !known.contains(&name.as_str()) {
                self.fault(join(path, name), unknown(name, known));
            }
        }
        Some(Object {
            path: path.to_owned(),
            members,
        })
    }

    /// The value of a field that must be a string, if it is there.
    pub(super) fn string<'a>(&mut self, object: &Object<'a>, name: &str) -> Option<&'a str> {
        match object.get(name)? {
            Json::String(text) => Some(text),
            other => {
                self.fault(object.path_of(name), other_kind(other, "a string"));
                None
            }
        }
    }

    /// The value of a field that must be one of `choices`, if it is there.
    pub(super) fn choice<T: Copy>(
        &mut self,
        object: &Object<'_>,
        name: &str,
        choices: &[T],
        spelling: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.string(object, name)?;
        let found = choices.iter().copied().find(|choice| spelling(*choice) == text);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|choice| spelling(*choice)).collect();
            let value = shown_text(text);
            self.fault(
                object.path_of(name),
                format!("{value} is not one of {}{}", list(&names), guess(text, &names)),
            );
        }
        found
    }

    /// The members of a field that must map strings to strings, if it is there. No fault shows a value.
    pub(super) fn string_map(&mut self, object: &Object<'_>, name: &str) -> Vec<(String, String)> {
        let path = object.path_of(name);
        let members = match object.get(name) {
            None => return Vec::new(),
            Some(Json::Object(members)) => members,
            Some(other) => {
                self.fault(
                    path,
                    format!("must be an object of strings, not {}", other.kind()),
                );
                return Vec::new();
            }
        };
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(members.len());
        let mut seen = HashSet::with_capacity(members.len());
        for (key, value) in members {
            if !seen.insert(key) {
                self.fault(join(&path, key), "appears twice; keep one of them");
            }
            let Json::String(text) = value else {
                // Tags and metadata may say what the log must not.
                self.fault(
                    join(&path, key),
                    format!("must be a string, not {}", value.kind()),
                );
                continue;
            };
            pairs.push((key.clone(), text.clone()));
        }
        pairs
    }
}

/// An object of the event together with the way to it.
#[derive(Debug)]
pub(super) struct Object<'a> {
    path: String,
    members: &'a [(String, Json)],
}

impl<'a> Object<'a> {
    /// An object in which nothing is said.
    pub(super) fn empty() -> Self {
        Self {
            path: String::new(),
            members: &[],
        }
    }

    /// The value of a member. `null` counts as left out, as it does for AWS's own parsers.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.members
            .iter()
            .find(|(member, value)| member == name && *value != Json::Null)
            .map(|(_, value)| value)
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// The path of the field `name` of what stands at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    // The event chose this name: it is shown as it is only where it looks like one.
    let plain = name.len() <= LONGEST_NAME && name.chars().all(|c| c.is_ascii_graphic());
    let name = if plain { name.to_owned() } else { shown_text(name) };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let hint = guess(name, known);
    if hint.is_empty() {
        format!("is not a field of this object; it has {}", list(known))
    } else {
        format!("is not a field of this object{hint}")
    }
}

/// "; did you mean X?" where one of `known` is near enough to `name` to be a slip of the pen.
fn guess(name: &str, known: &[&str]) -> String {
    let folded = name.to_lowercase().replace(['_', '-', ' '], "");
    known
        .iter()
        .map(|candidate| {
            let plain = candidate.to_lowercase().replace('_', "");
            (distance(&folded, &plain), *candidate)
        })
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}

/// Levenshtein distance. Long names are cut: nothing that long is near to a field of ours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let cost = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_name_is_offered() {
        let known = ["StreamName", "StreamARN", "IfExists"];
        assert_eq!(guess("streamName", &known), "; did you mean StreamName?");
        assert_eq!(guess("stream_arn", &known), "; did you mean StreamARN?");
        assert_eq!(guess("IfExist", &known), "; did you mean IfExists?");
        assert_eq!(guess("detail-type", &known), "");
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
