//! What the documents promise: that the core is pure, and that the README leaves nothing out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so and fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PURE: [&str; 7] = [
    "src/event.rs",
    "src/event",
    "src/plan.rs",
    "src/plan",
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
        for (sdk, home) in [
            ("aws_sdk_s3", "upload"),
            ("aws_sdk_kinesisvideo", "kvs"),
            ("aws_sdk_sqs", "failed_queue"),
        ] {
            let at_home = path.contains(&format!("src/{home}")) || path.ends_with("export/tests.rs");
            assert!(at_home || !text.contains(sdk), "{path} mentions {sdk}");
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

#[test]
fn the_readme_names_every_error_setting_doubt_and_sample() {
    let readme = text("README.md");
    for error_type in clip_export::error::ErrorType::ALL {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{error_type}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {error_type}"));
        let retry = row.trim_end_matches(" |").rsplit("| ").next().expect("columns");
        assert_eq!(retry.starts_with("yes"), error_type.retry_can_help(), "{row}");
    }
    let quoted = |source: &str, start: &str| -> Vec<String> {
        let words = source.split('"').skip(1).step_by(2);
        words
            .filter(|word| word.starts_with(start))
            .map(str::to_owned)
            .collect()
    };
    let settings = quoted(&text("src/config.rs"), "CLIP_");
    assert!(settings.len() >= 15, "{settings:?}");
    let template = text("template.yaml");
    for setting in settings {
        let row = |line: &str| line.starts_with('|') && line.contains(&format!("`{setting}`"));
        assert!(readme.lines().any(row), "no row for {setting}");
        assert!(
            template.contains(&format!("{setting}: ")),
            "the template does not set {setting}"
        );
    }
    let is_code = |word: &String| word.len() > 3 && word.bytes().all(|b| b == b'_' || b.is_ascii_uppercase());
    let words = quoted(&text("src/plan/doubt.rs"), "");
    let doubts: BTreeSet<String> = words.into_iter().filter(is_code).collect();
    assert!(doubts.len() >= 8, "{doubts:?}");
    for doubt in doubts {
        let row = |line: &str| line.starts_with('|') && line.contains(&format!("`{doubt}`"));
        assert!(readme.lines().any(row), "no row for {doubt}");
    }
    for sample in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("events")).expect("samples") {
        let name = sample.expect("a sample").file_name();
        let name = name.to_string_lossy();
        assert!(readme.contains(&format!("(events/{name})")), "no row for {name}");
    }
}

/// Of each setting the README names the parameters that the template makes it of, and no other.
#[test]
fn the_readme_names_the_parameters_of_each_setting() {
    let (readme, template) = (text("README.md"), text("template.yaml"));
    let (_, parameters) = template.split_once("\nParameters:\n").expect("parameters");
    let (parameters, resources) = parameters.split_once("\nRules:\n").expect("rules");
    let parameters: Vec<&str> = parameters
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.trim().trim_end_matches(':'))
        .collect();
    assert!(parameters.len() > 30, "{parameters:?}");
    let code = |cell: &str| -> Vec<String> {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let rows = cells(&readme)
        .into_iter()
        .filter(|row| row[0].starts_with(" `CLIP_"));
    let mut settings = 0;
    for row in rows {
        let mut set: Vec<&str> = Vec::new();
        for setting in code(row[0]) {
            settings += 1;
            let value = resources
                .lines()
                .find_map(|line| line.trim().strip_prefix(&*format!("{setting}: ")))
                .expect(&setting);
            let words = value.split(|letter: char| !letter.is_ascii_alphanumeric());
            set.extend(words.filter(|word| parameters.contains(word)));
        }
        assert_eq!(code(row[3]), set, "{}", row[0]);
    }
    assert!(settings >= 15, "{settings} settings");
}

/// The workflow tries again what may succeed later, and nothing else that the function answers with.
#[test]
fn the_workflow_retries_what_a_retry_can_help() {
    let definition: serde_json::Value =
        serde_json::from_str(&text("statemachine/export.asl.json")).expect("JSON");
    let retries = definition["States"]["Export"]["Retry"]
        .as_array()
        .expect("retries");
    let retried: Vec<&str> = retries
        .iter()
        .flat_map(|retry| retry["ErrorEquals"].as_array().expect("labels"))
        .map(|label| label.as_str().expect("a label"))
        .collect();
    for error_type in clip_export::error::ErrorType::ALL {
        assert_eq!(
            retried.contains(&error_type.as_str()),
            error_type.retry_can_help(),
            "{error_type}"
        );
    }
}

/// The template's parameters and the function's own defaults are one set of numbers.
#[test]
fn the_template_has_the_defaults_of_the_function() {
    let template = text("template.yaml");
    let default_of = |parameter: &str| -> String {
        let (_, rest) = template
            .split_once(&format!("\n  {parameter}:\n"))
            .expect(parameter);
        let (_, rest) = rest.split_once("    Default: ").expect(parameter);
        rest.lines()
            .next()
            .expect(parameter)
            .trim_matches('\'')
            .to_owned()
    };
    let config = clip_export::config::Config::from_variables(|_| None).expect("defaults");
    let transfer = config.transfer;
    assert_eq!(
        default_of("PartMib"),
        (transfer.part_bytes.get() >> 20).to_string()
    );
    assert_eq!(default_of("Uploads"), transfer.uploads.to_string());
    assert_eq!(default_of("StallSeconds"), transfer.stall.as_secs().to_string());
    assert_eq!(default_of("Retries"), transfer.retries.to_string());
    assert_eq!(
        default_of("PreRollSeconds"),
        config.defaults.pre_roll.as_secs().to_string()
    );
    assert_eq!(
        default_of("PostRollSeconds"),
        config.defaults.post_roll.as_secs().to_string()
    );
    assert_eq!(
        default_of("MaxWaitSeconds"),
        config.max_wait.as_secs().to_string()
    );
    assert_eq!(default_of("FragmentSelector"), config.defaults.selector.as_str());
    assert_eq!(default_of("KeyTemplate"), config.defaults.key.to_string());
}

/// The cells of the tables of a page.
fn cells(page: &str) -> Vec<Vec<&str>> {
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    rows.map(|row| row.trim_matches('|').split(" | ").collect())
        .collect()
}

/// Every threat has a guard that is a file, and a test that is there to fail without it.
#[test]
fn the_page_of_threats_is_held_to_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut found);
    }
    let is_attribute = |line: &str| {
        let path = line
            .trim()
            .strip_prefix("#[")
            .and_then(|line| line.split(['(', ']']).next());
        path.is_some_and(|path| path.rsplit("::").next() == Some("test"))
    };
    let is_test = |name: &str| {
        let (rust, python) = (format!("fn {name}("), format!("\ndef {name}("));
        found.iter().any(|(_, text)| {
            let mut places = text.match_indices(&rust);
            // The attribute stands right above, and in proptest! it may be a line of comment further up.
            places.any(|(at, _)| {
                text[..at]
                    .rsplit("\n\n")
                    .next()
                    .is_some_and(|above| above.lines().any(is_attribute))
            }) || (text.contains(&python) && name.starts_with("test_"))
        })
    };
    let page = text("SECURITY.md");
    let rows = cells(&page);
    assert!(rows.len() > 30, "{} rows", rows.len());
    for row in rows {
        let [threat, guard, tests] = row[..] else {
            panic!("{row:?}")
        };
        if threat.trim() == "Threat" {
            continue;
        }
        let files: Vec<&str> = guard
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .collect();
        assert!(!files.is_empty(), "no guard: {threat}");
        for file in files {
            assert!(root.join(file).is_file(), "{file} is no file: {threat}");
        }
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {threat}");
        for name in names {
            assert!(is_test(name), "{name} is no test: {threat}");
        }
    }
}
