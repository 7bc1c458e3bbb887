//! Whether docs/conformance.md is complete, and true where a machine can tell: each statement of MQTT 3.1.1 stands in it
//! once, with a test that exists or with the reason why there is none.

use std::{collections::BTreeSet, fs, path::Path};

/// The statements of the standard by section, with how many each has: MQTT-1.5.3-1 to -3, and so on (appendix B).
const STATEMENTS: [(&str, usize); 39] = [
    ("1.5.3", 3),
    ("2.2.2", 2),
    ("2.3.1", 7),
    ("3.1.0", 2),
    ("3.1.2", 24),
    ("3.1.3", 11),
    ("3.1.4", 5),
    ("3.2.0", 1),
    ("3.2.2", 6),
    ("3.3.1", 12),
    ("3.3.2", 3),
    ("3.3.4", 1),
    ("3.3.5", 2),
    ("3.6.1", 1),
    ("3.8.1", 1),
    ("3.8.3", 4),
    ("3.8.4", 6),
    ("3.9.3", 2),
    ("3.10.1", 1),
    ("3.10.3", 2),
    ("3.10.4", 6),
    ("3.12.4", 1),
    ("3.14.1", 1),
    ("3.14.4", 3),
    ("4.1.0", 2),
    ("4.3.1", 1),
    ("4.3.2", 2),
    ("4.3.3", 2),
    ("4.4.0", 1),
    ("4.5.0", 2),
    ("4.6.0", 6),
    ("4.7.1", 3),
    ("4.7.2", 1),
    ("4.7.3", 4),
    ("4.8.0", 2),
    ("6.0.0", 4),
    ("7.0.0", 2),
    ("7.1.1", 1),
    ("7.1.2", 1),
];

#[test]
fn every_statement_has_a_test_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = fs::read_to_string(root.join("docs/conformance.md")).expect("the table");
    let faults = faults(&table, &ids(&STATEMENTS), |path| {
        fs::read_to_string(root.join(path)).ok()
    });
    assert!(faults.is_empty(), "docs/conformance.md:\n{faults:#?}");
}

fn ids(sections: &[(&str, usize)]) -> Vec<String> {
    sections
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |n| format!("MQTT-{section}-{n}")))
        .collect()
}

/// What is wrong with `table`, which is to have a row for each of `ids`, in their order. `read` gives the source at a path.
fn faults(table: &str, ids: &[String], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| MQTT-")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [id, asks, answer] = cells[..] else {
            faults.push(format!("not three cells: {row}"));
            continue;
        };
        if seen.contains(&id) {
            faults.push(format!("{id} stands there twice"));
        } else if !ids.iter().any(|known| known == id) {
            faults.push(format!("{id} is no statement"));
        }
        seen.push(id);
        if asks.is_empty() {
            faults.push(format!("{id} does not say what it asks"));
        }
        let (tests, reason) = split(answer);
        if tests.is_empty() && !reason.contains(char::is_alphabetic) {
            faults.push(format!("{id} has neither a test nor a reason"));
        }
        for (path, names) in tests {
            let Some(source) = read(path) else {
                faults.push(format!("{id}: there is no file {path}"));
                continue;
            };
            let known = tests_of(&source);
            for name in names.split(',').map(str::trim) {
                if !known.contains(name) {
                    faults.push(format!("{id}: {path} has no test {name}"));
                }
            }
        }
    }
    for id in ids.iter().filter(|id| !seen.contains(&id.as_str())) {
        faults.push(format!("{id} is missing"));
    }
    if faults.is_empty() && seen != ids {
        faults.push("the rows are out of order".into());
    }
    faults
}

/// The tests that an answer names, as `path.rs: one, another` in backticks, and what else it says.
fn split(answer: &str) -> (Vec<(&str, &str)>, String) {
    let mut tests = Vec::new();
    let mut reason = String::new();
    for (index, part) in answer.split('`').enumerate() {
        match part.split_once(".rs: ") {
            Some((path, names)) if index % 2 == 1 => {
                tests.push((&part[..path.len() + ".rs".len()], names));
            }
            _ => reason.push_str(part),
        }
    }
    (tests, reason)
}

/// The names of the tests in `source`: functions under `#[test]` that are not ignored, and those inside of
/// `on_each_broker!`, which makes tests of them.
fn tests_of(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let (mut is_test, mut is_ignored, mut on_each_broker) = (false, false, false);
    for line in source.lines() {
        let code = line.trim_start();
        if line == "on_each_broker! {" {
            on_each_broker = true;
        } else if line == "}" {
            on_each_broker = false;
        } else if code.starts_with("#[test]") {
            is_test = true;
        } else if code.starts_with("#[ignore") {
            is_ignored = true;
        } else if code.starts_with("#[") || code.starts_with("//") {
            continue;
        } else {
            if let Some((name, _)) = code.strip_prefix("fn ").and_then(|it| it.split_once('('))
                && (is_test || on_each_broker)
                && !is_ignored
            {
                tests.insert(name);
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    tests
}

#[test]
fn all_of_appendix_b_is_asked_for() {
    let ids = ids(&STATEMENTS);
    assert_eq!(ids.len(), 141);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 141);
}

#[test]
fn faults_are_found() {
    const SOURCE: &str = "\
#[test]
// Why.
fn plain() {}

fn helper() {}

#[test]
#[ignore = \"slow\"]
fn ignored() {}

// #[test]
fn commented_out() {}

on_each_broker! {
    fn on_each(kind) {}
}

fn behind() {}
";
    let ids = ids(&[("1.0.0", 2)]);
    let first = "| MQTT-1.0.0-1 | asks | a reason |\n";
    for (rows, expected) in [
        ("| MQTT-1.0.0-2 | asks | `a.rs: plain, on_each` |", None),
        (
            "| MQTT-1.0.0-2 | asks | `a.rs: plain` `b.rs: plain` |",
            Some("no file b.rs"),
        ),
        ("", Some("MQTT-1.0.0-2 is missing")),
        (
            "| MQTT-1.0.0-2 | asks | a |\n| MQTT-1.0.0-2 | asks | a |",
            Some("twice"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | a |\n| MQTT-1.0.0-3 | asks | a |",
            Some("is no statement"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | |",
            Some("neither a test nor a reason"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | ; |",
            Some("neither a test nor a reason"),
        ),
        ("| MQTT-1.0.0-2 | | a |", Some("what it asks")),
        ("| MQTT-1.0.0-2 | asks |", Some("three cells")),
        (
            "| MQTT-1.0.0-2 | asks | `a.rs: plain, helper` |",
            Some("no test helper"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | `a.rs: ignored` |",
            Some("no test ignored"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | `a.rs: commented_out` |",
            Some("no test commented_out"),
        ),
        (
            "| MQTT-1.0.0-2 | asks | `a.rs: behind` |",
            Some("no test behind"),
        ),
    ] {
        let faults = faults(&format!("{first}{rows}\n"), &ids, |path| {
            (path == "a.rs").then(|| SOURCE.into())
        });
        match expected {
            None => assert!(faults.is_empty(), "{faults:?}"),
            Some(expected) => assert!(
                faults.iter().any(|it| it.contains(expected)),
                "{rows}: {faults:?}"
            ),
        }
    }

    let second = "| MQTT-1.0.0-2 | asks | a |\n";
    let faults = faults(&format!("{second}{first}"), &ids, |_| None);
    assert_eq!(faults, ["the rows are out of order"]);
}
