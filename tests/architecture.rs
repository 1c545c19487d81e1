//! Holds the code to the layers of `ARCHITECTURE.md`: who may use whom, and how long a file may grow.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module and the ones that it may use. Whatever is not listed is forbidden.
const MAY_USE: &[(&str, &[&str])] = &[
    // shared
    ("clock", &[]),
    ("rng", &[]),
    ("redact", &[]),
    ("yaml", &["redact"]),
    ("stats", &["rng"]),
    ("servers", &[]),
    // the description of a run, which everything reads
    ("spec", &["clock"]),
    ("record", &["clock", "redact", "spec", "stats"]),
    // input
    ("manifest", &["spec", "yaml", "record", "redact"]),
    ("scenario", &["spec", "yaml", "manifest", "record", "redact", "stats"]),
    ("plan", &["spec", "scenario", "manifest", "record", "redact", "rng", "servers", "stats", "yaml"]),
    // action: load, observe, rollout and target do not know each other
    ("load", &["spec", "clock", "rng", "record", "stats"]),
    ("observe", &["clock", "record"]),
    ("rollout", &["clock", "record", "manifest", "redact", "cluster"]),
    ("target", &["clock", "record", "redact"]),
    ("cluster", &["clock", "rng", "record", "manifest", "redact", "yaml", "load"]),
    // the same load and observers, in a pod
    ("agent", &["spec", "clock", "record", "load", "observe", "cluster"]),
    (
        "trial",
        &["spec", "clock", "rng", "record", "manifest", "scenario", "load", "observe", "rollout", "cluster", "agent"],
    ),
    // analysis: from the record alone
    ("timeline", &["spec", "record", "clock", "servers", "stats"]),
    ("verdict", &["spec", "record", "clock", "stats", "timeline"]),
    ("diagnose", &["spec", "record", "clock", "servers", "stats", "timeline"]),
    ("hidden", &["spec", "record"]),
    // the one that must know how a patch is applied
    ("advice", &["spec", "record", "clock", "servers", "stats", "timeline", "diagnose", "manifest"]),
    // all of it, once; what follows renders it
    ("analysis", &["spec", "record", "clock", "stats", "timeline", "verdict", "diagnose", "hidden", "advice"]),
    ("report", &["spec", "record", "clock", "stats", "timeline", "verdict", "diagnose", "hidden", "analysis"]),
    // a report with pictures
    ("html", &["spec", "record", "clock", "timeline", "verdict", "diagnose", "hidden", "analysis", "report"]),
    ("diff", &["spec", "record", "stats", "verdict", "analysis", "report"]),
    // what a person starts
    (
        "commands",
        &[
            "spec", "clock", "rng", "redact", "yaml", "stats", "record", "manifest", "scenario", "plan", "load",
            "observe", "rollout", "target", "cluster", "agent", "trial", "timeline", "verdict", "diagnose", "analysis",
            "report", "diff", "html",
        ],
    ),
    ("fuzz", &["record", "timeline", "analysis", "report", "html", "scenario", "manifest", "plan", "yaml", "agent"]),
    ("cli", &["agent", "scenario", "target", "cluster", "verdict", "report", "diff", "commands"]),
];

/// Modules of the analysis, which must be pure.
const PURE: &[&str] = &[
    "timeline", "verdict", "diagnose", "hidden", "advice", "analysis", "report", "diff", "html", "stats", "servers",
    "manifest", "scenario", "plan", "spec", "redact",
];
const IMPURE_CRATES: &[&str] = &["tokio", "kube", "hyper", "reqwest", "nix"];
const LINES_MAX: usize = 400;
/// Names that several public types still share. No name may be added.
const SHARED_NAMES: &[&str] = &["Test"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a file holds tests only.
fn is_test(path: &Path) -> bool {
    let inside = path.strip_prefix(root()).unwrap();
    inside.to_string_lossy().ends_with("tests.rs") || inside.components().any(|part| part.as_os_str() == "tests")
}

/// The code of a file without its unit tests and comments.
fn code(path: &Path) -> String {
    if is_test(path) {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The top-level modules named after `crate::`, also inside braces.
fn uses(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(braced) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut word = String::new();
            let mut fresh = true;
            for letter in braced.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => fresh = true,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                if depth == 1 && fresh && (letter.is_alphanumeric() || letter == '_') {
                    word.push(letter);
                } else if !word.is_empty() {
                    found.insert(std::mem::take(&mut word));
                    fresh = false;
                }
            }
            if !word.is_empty() {
                found.insert(word);
            }
        } else {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(word);
        }
    }
    found
}

#[test]
fn modules_use_only_what_their_layer_allows() {
    let mut broken = Vec::new();
    for path in sources(&root().join("src")) {
        let module = module_of(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            broken.push(format!("{}: module `{module}` is not in the table of layers", path.display()));
            continue;
        };
        for used in uses(&code(&path)) {
            if used != module && !allowed.contains(&used.as_str()) {
                broken.push(format!("{}: `{module}` may not use `{used}`", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "ARCHITECTURE.md says who may use whom:\n{}", broken.join("\n"));
}

#[test]
fn analysis_and_input_are_pure() {
    let mut broken = Vec::new();
    for path in sources(&root().join("src")) {
        if !PURE.contains(&module_of(&path).as_str()) {
            continue;
        }
        let code = code(&path);
        for name in IMPURE_CRATES {
            // The names of error numbers are a table, not an action.
            if code.replace("nix::errno", "").contains(&format!("{name}::")) {
                broken.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these modules decide, and must not act:\n{}", broken.join("\n"));
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = sources(&root().join("src"))
        .into_iter()
        .filter(|path| !is_test(path))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "split what is longer than {LINES_MAX} lines before its tests:\n{}", long.join("\n"));
}

/// The name of the type that a line declares, if the crate sees it.
fn public_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub "))?;
    let (keyword, rest) = rest.split_once(' ')?;
    let name = rest.split(|letter: char| !letter.is_alphanumeric()).next()?;
    ["struct", "enum", "trait", "type"].contains(&keyword).then_some(name)
}

#[test]
fn no_two_public_types_share_a_name() {
    let mut declared = BTreeMap::<String, Vec<String>>::new();
    for path in sources(&root().join("src")) {
        for name in code(&path).lines().filter_map(public_type) {
            declared.entry(name.to_owned()).or_default().push(path.display().to_string());
        }
    }
    assert!(declared.len() > 200, "only {} types were found", declared.len());
    declared.retain(|name, files| files.len() > 1 && !SHARED_NAMES.contains(&name.as_str()));
    assert!(declared.is_empty(), "give each of these types a name of its own: {declared:#?}");
}

/// The files and folders of a module that the list in its documentation does not name, and the
/// names in that list that are neither.
fn unlisted(text: &str, there: &BTreeSet<String>) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| Some(line.strip_prefix("//! - `")?.split_once("`: ")?.0));
    let listed = lines.flat_map(|names| names.split("`, `")).map(str::to_owned);
    there.symmetric_difference(&listed.collect()).cloned().collect()
}

#[test]
fn each_module_lists_its_files() {
    let mut broken = Vec::new();
    for path in sources(&root().join("src")).into_iter().filter(|path| path.ends_with("mod.rs")) {
        let folder = path.parent().unwrap();
        let mut there: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("mod.rs").exists() || path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        there.remove("mod");
        let wrong = unlisted(&fs::read_to_string(&path).unwrap(), &there);
        if !wrong.is_empty() {
            broken.push(format!("{}: {wrong:?}", path.display()));
        }
    }
    assert!(broken.is_empty(), "list each file as \"- `file`: what it does\", and no other:\n{}", broken.join("\n"));
}

#[test]
fn the_readers_of_types_and_lists_see_what_is_there() {
    assert_eq!(public_type("pub(crate) trait PodLines<T> {"), Some("PodLines"));
    assert_eq!(public_type("pub struct Rate(f64);"), Some("Rate"));
    for other in
        ["struct Private;", "pub(super) enum Near {", "    type Value = u8;", "pub fn structure() {", "pub mod types;"]
    {
        assert_eq!(public_type(other), None, "{other}");
    }
    let there = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    assert!(unlisted("//! - `a`, `b`: both\n", &there).is_empty());
    let expected = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
    assert_eq!(unlisted("//! - `a`: first\n//! - `c`: gone\n", &there), expected);
}

#[test]
fn the_reader_of_use_lines_sees_braces_and_paths() {
    let code = "use crate::{clock::Clock, record::{Arm, Sink}, rng};\nlet x = crate::load::start();";
    let expected: BTreeSet<String> = ["clock", "record", "rng", "load"].map(String::from).into();
    assert_eq!(uses(code), expected);
}
