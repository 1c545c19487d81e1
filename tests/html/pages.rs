//! Small records, their pages, and the tests of these pages that need no browser.

use std::process::{Command, Stdio};

use rollproof::record::sample::pods::{self, NEW, OLD, STOPPED, SamplePod};
use rollproof::record::sample::{SampleRun, SampleTrial};
use rollproof::record::{Arm, Outcome, Reader, Sum};
use rollproof::spec::Expect;
use rollproof::{analysis, html};
use serde_json::Value;

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("every_part_is_there", every_part_is_there),
    ("a_clean_run_says_what_it_leaves_open", a_clean_run_says_what_it_leaves_open),
    ("report_writes_the_page_beside_the_record", report_writes_the_page_beside_the_record),
    ("no_character_is_left_that_steers_what_shows_the_page", no_character_is_left_that_steers),
    ("the_same_record_gives_the_same_bytes", the_same_record_gives_the_same_bytes),
    ("an_ordinary_run_is_small", an_ordinary_run_is_small),
    ("a_hundred_thousand_failures_are_thinned_and_that_is_said", a_hundred_thousand_failures),
    ("a_page_has_no_more_incidents_than_it_says", a_page_has_no_more_incidents_than_it_says),
    ("no_link_leads_nowhere_where_not_every_trial_is_drawn", no_link_leads_nowhere),
    ("a_record_without_a_rollout_or_a_trial_has_a_page", a_record_without_a_rollout_has_a_page),
];

fn no_character_is_left_that_steers() {
    let hostile = |name: &str| format!("{name}\u{7f}\u{85}\u{9b}31m\u{1b}[2J\u{0}\u{202e}\u{2066}\u{200b}end");
    let page = page(&named(&hostile("scenario"), &hostile("variant"), &hostile("pod")));
    assert!(page.contains("scenario\u{fffd}") && page.contains("variant\u{fffd}"), "they are shown all the same");
    let steers = |c: &char| c.is_control() && *c != '\n' && *c != '\t' || "\u{202e}\u{2066}\u{200b}".contains(*c);
    let left: Vec<char> = page.chars().filter(steers).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The page of a record.
pub(crate) fn page(record: &[u8]) -> String {
    html::render(&analysis::of_record(Reader::new(record).unwrap()).unwrap())
}

/// A trial in which a pod is stopped at once: its listener is gone while connections are still routed to it.
pub(crate) fn stopped(trial: &mut SampleTrial) {
    pods::add(trial, &[STOPPED, OLD, NEW]);
    trial.ok = 2;
    for ms in [1_100, 1_150, 1_200, 1_300] {
        trial.other(Arm::New, Outcome::Refused, Sum::Lost, ms);
    }
    trial.other(Arm::New, Outcome::ClosedBeforeByte, Sum::Lost, 700);
    let cut = trial.last();
    (cut.connected_ns, cut.sent_ns) = (Some(cut.planned_ns + 300_000), Some(cut.planned_ns + 400_000));
    (cut.end_ns, cut.errno, cut.bytes_out) = (cut.planned_ns + 355_000_000, None, Some(90));
    (cut.pod, cut.stage) = (Some("web-stopped".to_owned()), Some(rollproof::record::entry::AttemptStage::Request));
    trial.other(Arm::Blind, Outcome::Refused, Sum::Lost, 1_250);
    trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 1_060);
    trial.other(Arm::Reused, Outcome::Unsent, Sum::Unsent, 1_080);
}

fn calm(trial: &mut SampleTrial) {
    pods::add(trial, &[OLD, STOPPED, SamplePod { name: "web-other", ..NEW }]);
}

/// Two blocks of a variant that loses requests and one that does not.
pub(crate) fn two_variants() -> Vec<u8> {
    let run = SampleRun::new(2, &[("web", Expect::Loss), ("calm", Expect::Clean)]).baseline("web");
    let run = run.trial(1, "web", stopped).trial(1, "calm", |_| ());
    let run = run.trial(2, "calm", |_| ()).trial(2, "web", |trial| {
        stopped(trial);
        trial.lost();
    });
    run.finished().bytes()
}

/// A run whose scenario, variant and pod have these names.
pub(crate) fn named(scenario: &str, variant: &str, pod: &str) -> Vec<u8> {
    let bytes = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", stopped).finished().bytes();
    let lines = std::str::from_utf8(&bytes).unwrap().lines();
    let renamed = lines.flat_map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        rename(&mut line, &[("sample", scenario), ("web", variant), ("web-stopped", pod), ("uid-web-stopped", "uid")]);
        (line.to_string() + "\n").into_bytes()
    });
    renamed.collect()
}

fn rename(value: &mut Value, names: &[(&str, &str)]) {
    match value {
        Value::String(text) => {
            if let Some((_, new)) = names.iter().find(|(old, _)| old == text) {
                (*new).clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Value::Object(fields) => fields.values_mut().for_each(|field| rename(field, names)),
        _ => {}
    }
}

fn has(page: &str, words: &[&str]) {
    for words in words {
        assert!(page.contains(words), "the page has `{words}`");
    }
}

fn every_part_is_there() {
    let page = page(&two_variants());
    has(&page, &["<!DOCTYPE html>", "Content-Security-Policy", "default-src 'none'", "lang=\"en\"", "</html>"]);
    has(&page, &["<h1>sample</h1>", "id=\"variants\"", "id=\"comparison\"", "id=\"causes\"", "id=\"limits\""]);
    has(&page, &["endpoint-race", "new connections were still routed", "cut-at-stop", "id=\"hidden\"", ">Go<"]);
    has(&page, &["calm: no loss in 2 rollouts", "p adjusted", "only observed", "What would help"]);
    has(&page, &["rollout begins", "old pods gone", "stop signal", "web-stopped", "preStop hook", "listener open"]);
    has(&page, &["id=\"incident-1\"", "href=\"#incident-1\"", "rollproof report DIR --incident", "listener closed"]);
    // Without a script, one drawing of each variant is visible: the trial that lost the most, and the first clean one.
    let figures: Vec<&str> = page.match_indices("<figure id=").map(|(at, _)| &page[at..at + 40]).collect();
    let hidden: Vec<bool> = figures.iter().map(|figure| figure.contains("hidden")).collect();
    assert_eq!((figures.len(), hidden), (4, vec![true, false, false, true]), "{figures:?}");
    assert!(!page.contains("://"), "a page names no address that could be fetched");
}

fn a_clean_run_says_what_it_leaves_open() {
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", calm).finished();
    let page = page(&run.bytes());
    has(
        &page,
        &[
            "No attempt failed.",
            "No attempt was lost in the trials that count.",
            "There are none: no attempt was lost.",
            "(95 %)",
        ],
    );
    assert!(!page.contains("<a class=\"k"), "no point");
}

fn report_writes_the_page_beside_the_record() {
    let (folder, record) = (tempfile::tempdir().unwrap(), two_variants());
    std::fs::write(folder.path().join("record.jsonl"), &record).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollproof"));
    let output = program.arg("report").arg(folder.path()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read_to_string(folder.path().join("report.html")).unwrap() == page(&record));
}

fn the_same_record_gives_the_same_bytes() {
    let record = two_variants();
    assert!(page(&record) == page(&record));
}

fn an_ordinary_run_is_small() {
    let mut run = SampleRun::new(5, &[("web", Expect::Loss), ("calm", Expect::Clean)]).baseline("web");
    for block in 1..=5 {
        run = run.trial(block, "calm", |_| ()).trial(block, "web", |trial| {
            stopped(trial);
            trial.lost_times(200);
        });
    }
    let page = page(&run.finished().bytes());
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    has(&page, &["all 208 are shown"]);
}

fn a_hundred_thousand_failures() {
    let mut run = SampleRun::new(10, &[("web", Expect::Loss), ("calm", Expect::Clean)]);
    for block in 1..=10 {
        run = run.trial(block, "web", |trial| {
            stopped(trial);
            for at in 0..10_000 {
                let ms = 1_100 + at * 7_000 / 10_000;
                let (arm, outcome) =
                    if at % 2 == 0 { (Arm::New, Outcome::Refused) } else { (Arm::Reused, Outcome::HeaderTimeout) };
                trial.other(arm, outcome, Sum::Lost, ms);
                trial.last().pod = Some(format!("web-{:05}", at % 500));
            }
        });
    }
    let page = page(&run.finished().bytes());
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    let points = page.matches("<a class=\"k").count();
    assert!((5_000..=6_000).contains(&points), "{points}");
    has(&page, &[&format!("shown {points} of 100080, thinned evenly"), "of 10008, thinned evenly by cause"]);
    // Rare kinds keep all of their points: the raced and unsent ones of every trial.
    assert_eq!((page.matches("<a class=\"k17\"").count(), page.matches("<a class=\"k18\"").count()), (10, 10));
}

fn a_page_has_no_more_incidents_than_it_says() {
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| {
        pods::add(trial, &[STOPPED, OLD, NEW]);
        // Each is so far from the next that it is its own incident.
        for at in 0..300 {
            let arm = if at % 2 == 0 { Arm::New } else { Arm::Reused };
            trial.other(arm, Outcome::HeaderTimeout, Sum::Lost, at * 9_000);
        }
    });
    let page = page(&run.finished().bytes());
    assert_eq!(page.matches("<article").count(), 200);
    has(&page, &["Shown 200 of 300, the largest", "href=\"#incidents\""]);
}

fn no_link_leads_nowhere() {
    let trials = 1..=50;
    let run =
        trials.fold(SampleRun::new(50, &[("web", Expect::Clean)]), |run, number| run.trial(number, "web", stopped));
    let page = page(&run.finished().bytes());
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.iter().any(|link| link.starts_with("trial-")), "some trials are drawn");
    for link in links {
        assert!(page.contains(&format!("id=\"{link}\"")), "#{link} leads nowhere");
    }
    has(&page, &["trial 50 (not drawn)"]);
}

fn a_record_without_a_rollout_has_a_page() {
    let still = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| {
        trial.rolled = false;
        trial.lost();
    });
    has(&page(&still.finished().bytes()), &["incomplete", "id=\"trial-1\""]);
    let empty = SampleRun::new(1, &[("web", Expect::Clean)]);
    has(&page(&empty.bytes()), &["inconclusive", "No trial of this variant is in the record."]);
}
