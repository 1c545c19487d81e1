//! Diagnosis of losses whose cause is forced, on the real cluster: one trial of each variant.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::nothing_left;
use crate::edges;
use crate::forced::{Forced, Group, built_in, servers};
use crate::journal::{self, Journal};
use crate::program::{report, run, variant};
use crate::scenarios::on_kind;
use crate::test;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("forced_on_the_built_in_server_each_cause_is_found", || explained(&BUILT_IN, built_in)),
        test("forced_on_apache_and_nginx_each_cause_is_found", || explained(&SERVERS, servers)),
        test("forced_on_the_built_in_server_edges_hold_what_the_node_logged", || edges_of(&BUILT_IN, built_in)),
        test("forced_on_apache_and_nginx_edges_hold_what_the_node_logged", || edges_of(&SERVERS, servers)),
    ]
}

/// The share of a variant's losses that may have a cause that the variant does not allow: what a machine
/// that is busy with other things may add. What is `unknown` is bounded by itself.
const WRONG_AT_MOST: f64 = 0.02;
/// A connect that meets a rule which rejects is refused at once or, where the node has sent too many such answers, when the kernel
/// repeats it a second later: some of a short outage end after it, and then what refused them is not known.
const UNKNOWN_AT_MOST: f64 = 0.1;

/// A run that several tests share.
struct Made {
    out: PathBuf,
    report: Value,
    journal: Journal,
    _folder: TempDir,
}

static BUILT_IN: OnceLock<Made> = OnceLock::new();
static SERVERS: OnceLock<Made> = OnceLock::new();

fn made(cell: &'static OnceLock<Made>, group: fn() -> Group) -> &'static Made {
    cell.get_or_init(|| {
        let (folder, group) = (tempfile::tempdir().unwrap(), group());
        let scenario = group.write(folder.path());
        let out = kept().unwrap_or_else(|| folder.path().to_owned()).join(group.name);
        // A single trial may show no loss where one is expected, so every verdict is accepted; the causes count here.
        run(&mut on_kind(scenario.to_str().unwrap(), &out)).expect_one_of(&[0, 4, 5]);
        nothing_left(&out);
        let report = report(&out);
        let journal = journal::since(report["started"].as_str().unwrap());
        Made { out, report, journal, _folder: folder }
    })
}

/// Where the runs and the figures are kept; `None` keeps nothing.
fn kept() -> Option<PathBuf> {
    std::env::var_os("ROLLPROOF_KIND_OUT").map(PathBuf::from)
}

fn keep(name: &str, text: &str) {
    if let Some(folder) = kept() {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn explained(cell: &'static OnceLock<Made>, group: fn() -> Group) {
    let made = made(cell, group);
    let mut table = String::new();
    let wrong: Vec<String> = group()
        .variants
        .iter()
        .filter_map(|forced| judge(forced, variant(&made.report, forced.name), &mut table))
        .collect();
    keep(&format!("{}.md", group().name), &table);
    assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
    // None of these requests may get another cause.
    for mut forced in group().variants {
        forced.cause = Some("proxy");
        let variant = variant(&made.report, forced.name);
        assert!(judge(&forced, variant, &mut String::new()).is_some(), "{}: any cause will do", forced.name);
    }
}

/// What is wrong with the causes of a variant, if anything is. Adds its line to the table.
fn judge(forced: &Forced, variant: &Value, table: &mut String) -> Option<String> {
    let causes: BTreeMap<&str, u64> = variant["causes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(cause, count)| (cause.as_str(), count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let said: Vec<String> = causes.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
    let said = if said.is_empty() { "nothing lost".to_owned() } else { said.join(", ") };
    writeln!(table, "| {} | {} | {said} |", forced.name, forced.cause.unwrap_or("-")).unwrap();
    let name = forced.name;
    let trials = variant["trials_list"].as_array().unwrap();
    if !trials.iter().any(|trial| trial["state"] == "counts" && trial["complete"] == true) {
        return Some(format!("{name}: no trial counts: {trials:?}"));
    }
    let Some(expected) = forced.cause else {
        return (!causes.is_empty()).then(|| format!("{name}: nothing should be lost: {said}"));
    };
    let all: u64 = causes.values().sum();
    let of = |cause: &str| causes.get(cause).copied().unwrap_or(0);
    let most = causes.iter().max_by_key(|(_, count)| **count).map(|(cause, _)| *cause);
    if most != Some(expected) {
        return Some(format!("{name}: most should be {expected}: {said}"));
    }
    if let Some(present) = forced.present.filter(|present| of(present) == 0) {
        return Some(format!("{name}: some should be {present}: {said}"));
    }
    let allowed = forced.also.iter().chain([&expected, &"unknown"]);
    let wrong = all - allowed.map(|cause| of(cause)).sum::<u64>();
    (share(wrong, all) > WRONG_AT_MOST || share(of("unknown"), all) > UNKNOWN_AT_MOST)
        .then(|| format!("{name}: {wrong} with a wrong cause and {} unknown: {said}", of("unknown")))
}

#[allow(clippy::cast_precision_loss, reason = "some hundred requests")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

fn edges_of(cell: &'static OnceLock<Made>, group: fn() -> Group) {
    let made = made(cell, group);
    keep(&format!("{}-edges.txt", group().name), &edges::hold(&made.out, &made.report, &made.journal));
}
