//! What fuzzers call: each reader of text from outside, as a function of bytes. `fuzz/` has a libFuzzer target for each, and
//! `tests/fuzz` runs them with a plain mutator.
//!
//! A function returns whatever the bytes are, also with an error of the reader. It panics where a reader panics, and where something
//! that must hold does not.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use crate::analysis::{Analysis, of_record};
use crate::manifest::{FileReadError, FileSource, json_merge, strategic_merge, undo};
use crate::plan::{PlanOverrides, RunPlan, WorkloadChoice, build, build_for_manifests};
use crate::record::{Entry, Reader};
use crate::timeline::{Distribution, HistogramDecoder};
use crate::yaml::{YamlSource, documents};
use crate::{agent, html, report, scenario};

/// A function under test.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// Its name.
    pub name: &'static str,
    /// The folder of its seeds.
    pub seeds: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [FuzzTarget; 9] = [
    FuzzTarget { name: "record", seeds: "record", run: record },
    FuzzTarget { name: "report", seeds: "record", run: report_of },
    FuzzTarget { name: "histogram", seeds: "histogram", run: histogram },
    FuzzTarget { name: "scenario", seeds: "scenario", run: scenario_file },
    FuzzTarget { name: "manifest", seeds: "manifest", run: manifest },
    FuzzTarget { name: "yaml", seeds: "yaml", run: yaml },
    FuzzTarget { name: "patch", seeds: "patch", run: patch },
    FuzzTarget { name: "agent_lines", seeds: "agent_lines", run: agent_lines },
    FuzzTarget { name: "agent_messages", seeds: "agent_messages", run: agent::read_messages },
];

/// An entry that can be read is written as one that is read as the same.
fn record(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let header = Entry::Header(Box::new(reader.header().clone()));
    let again = serde_json::to_string(&header).map_err(|error| error.to_string());
    let again = again.and_then(|text| serde_json::from_str::<Entry>(&text).map_err(|error| error.to_string()));
    assert_eq!(again.as_ref(), Ok(&header));
    for entry in reader.by_ref() {
        let Ok(entry) = entry else { break };
        let text = serde_json::to_string(&entry).map_err(|error| error.to_string());
        let again = text.and_then(|text| serde_json::from_str::<Entry>(&text).map_err(|error| error.to_string()));
        assert_eq!(again.as_ref(), Ok(&entry));
    }
    // A record that is still written is read as far.
    let Ok(mut growing) = Reader::new(bytes) else { return };
    while let Ok(Some(_)) = growing.next_whole() {}
}

/// What a record is made into: nothing in it steers a terminal or a page.
fn report_of(bytes: &[u8]) {
    let Ok(analysis) = Reader::new(bytes).map_err(|_| ()).and_then(|reader| of_record(reader).map_err(|_| ())) else {
        return;
    };
    let Analysis { report: found, .. } = &analysis;
    let summary = report::to_terminal(found, report::TerminalStyle::PLAIN, None);
    assert_harmless(&summary);
    assert_eq!(report::terminal_page(&summary), summary, "a line is a command");
    assert_harmless(&report::to_markdown(found));
    assert_harmless(&report::to_hlog(&analysis));
    assert_harmless(&html::render(&analysis));
    let json = report::to_json(found);
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "report.json is JSON");
    let _ = report::to_junit(found);
    for incident in found.incidents.iter().take(3) {
        if let Ok(page) = report::incident_page(&analysis, incident.id, "DIR") {
            assert_harmless(&page);
        }
    }
}

fn assert_harmless(text: &str) {
    assert_eq!(report::without_controls(text.to_owned()), text, "a character steers");
}

/// Bytes as what a record's line holds, and as what that holds in base64 and compressed.
fn histogram(bytes: &[u8]) {
    let mut with = HistogramDecoder::default();
    let mut decode = |text: &str| {
        let mut found = Distribution::default();
        if found.add_encoded(text, &mut with).is_ok() {
            assert!(found.counts().all(|(value, _)| u32::try_from(value).is_ok()));
            let _ = (found.per_mille(500), found.per_mille(1_000));
        }
    };
    decode(&String::from_utf8_lossy(bytes));
    decode(&STANDARD.encode(bytes));
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    let Ok(deflated) = deflated.write_all(bytes).and_then(|()| deflated.finish()) else { return };
    let length = u32::try_from(deflated.len()).unwrap_or(u32::MAX).to_be_bytes();
    decode(&STANDARD.encode([&[0x1c, 0x84, 0x93, 0x14][..], &length, &deflated].concat()));
}

/// The files of a scenario: the scenario itself, and shipped manifests whatever it names.
struct FuzzFiles<'a>(&'a str);

impl FileSource for FuzzFiles<'_> {
    fn read(&self, path: &Path) -> Result<String, FileReadError> {
        let text = match path.to_string_lossy().as_ref() {
            "run.yaml" => self.0,
            "patch.yaml" => "spec: {template: {spec: {terminationGracePeriodSeconds: 5}}}",
            _ => include_str!("../manifests/target.yaml"),
        };
        Ok(text.to_owned())
    }
}

fn scenario_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = FuzzFiles(&text);
    match scenario::load(Path::new("run.yaml"), &files) {
        Ok(read) => match build(&read, &files, None, &PlanOverrides::default()) {
            Ok(plan) => planned(&plan),
            Err(error) => shown(error),
        },
        Err(error) => shown(error),
    }
}

fn manifest(bytes: &[u8]) {
    let sources = [YamlSource::new("web.yaml", &String::from_utf8_lossy(bytes))];
    match build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()) {
        Ok(plan) => planned(&plan),
        Err(error) => shown(error),
    }
}

/// A plan can be told of, and has no more trials than a run may have.
fn planned(plan: &RunPlan) {
    let _ = plan.summary().to_string();
    assert!(!plan.order.is_empty() && !plan.variants.is_empty());
    for variant in &plan.variants {
        let _ = variant.patched();
    }
}

/// An error can be shown in the user's file.
fn shown(error: impl miette::Diagnostic + Send + Sync + 'static) {
    let _ = format!("{:?}", miette::Report::new(error));
}

fn yaml(bytes: &[u8]) {
    match documents(&YamlSource::new("any.yaml", &String::from_utf8_lossy(bytes))) {
        Ok(found) => {
            for document in found {
                let text = document.value.to_string();
                assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(document.value));
            }
        }
        Err(error) => shown(error),
    }
}

/// An object and a patch, in two lines of JSON.
fn patch(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n').map(serde_json::from_slice::<Value>);
    let (Some(Ok(object)), Some(Ok(patch))) = (lines.next(), lines.next()) else { return };
    let mut merged = object.clone();
    match strategic_merge(&mut merged, &patch) {
        Ok(changed) => assert_eq!(changed, merged != object),
        Err(_) => assert_eq!(merged, object, "a patch that does not fit changes nothing"),
    }
    let mut replaced = object.clone();
    assert_eq!(json_merge(&mut replaced, &patch), replaced != object);
    for patched in [merged, replaced] {
        // A merge patch cannot say that a value is null.
        if !has_null(&object) && object.is_object() && patched.is_object() {
            let mut back = patched.clone();
            json_merge(&mut back, &undo(&object, &patched));
            assert_eq!(back, object, "what was patched is undone");
        }
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// The first byte is the length of the pieces in which the rest arrives.
fn agent_lines(bytes: &[u8]) {
    if let Some((piece, stream)) = bytes.split_first() {
        agent::take_lines(stream, usize::from(*piece));
    }
}
