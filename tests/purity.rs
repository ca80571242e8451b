//! The core knows no SDK, no runtime, no clock and no environment: a promise of `src/lib.rs`.

#![allow(clippy::expect_used, reason = "a test that cannot go on says so and fails")]

use std::fs;
use std::path::Path;

const PURE: [&str; 6] = [
    "src/event.rs",
    "src/event",
    "src/plan.rs",
    "src/mp4.rs",
    "src/mp4",
    "src/backoff.rs",
];

const FORBIDDEN: [&str; 9] = [
    "aws_",
    "tokio",
    "lambda_runtime",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "crate::kvs",
    "crate::upload",
];

fn sources(path: &Path, found: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            sources(&entry.expect("an entry").path(), found);
        }
    } else {
        let text = fs::read_to_string(path).expect("a source");
        found.push((path.display().to_string(), text));
    }
}

#[test]
fn the_core_is_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in PURE {
        sources(&root.join(path), &mut found);
    }
    assert!(found.len() > 10, "only {} files were looked at", found.len());
    for (path, text) in &found {
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{path} mentions {word}");
        }
    }
}

#[test]
fn sdk_types_stop_in_their_modules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    for (path, text) in &found {
        for (sdk, home) in [("aws_sdk_s3", "upload"), ("aws_sdk_kinesisvideo", "kvs")] {
            let at_home = path.contains(&format!("src/{home}")) || path.ends_with("export/tests.rs");
            assert!(at_home || !text.contains(sdk), "{path} mentions {sdk}");
        }
    }
}
