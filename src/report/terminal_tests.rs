//! The summary on a terminal, for each way in which a run may come out.

use std::path::Path;

use serde_json::json;

use super::{TerminalStyle, to_terminal};
use crate::analysis::{ReportDoc, RequestLatencyDoc};
use crate::record::entry::{AttemptStage, EndReason, Entry, Pulse};
use crate::record::header::Header;
use crate::record::sample::pods::{self, NEW, OLD, STOPPED};
use crate::record::sample::{SampleRun, SampleTrial, pulse};
use crate::record::{Arm, Outcome, Sum};
use crate::spec::{Expect, RequestSpec};

const DIRECTORY: &str = "reports/sample-20261123T100000";

fn shown(report: &ReportDoc, columns: usize, colour: bool) -> String {
    to_terminal(report, TerminalStyle { columns, colour }, Some(Path::new(DIRECTORY)))
}

/// The summary as if no line had been wrapped.
pub(crate) fn unwrapped(report: &ReportDoc) -> String {
    to_terminal(report, TerminalStyle::PLAIN, None).split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// All four ways, with escapes that can be read.
fn all_ways(report: &ReportDoc) -> String {
    let mut text = String::new();
    for columns in [80, 120] {
        for colour in [false, true] {
            let shown = shown(report, columns, colour).replace('\u{1b}', "\\e");
            text.push_str(
                &["-- ", &columns.to_string(), if colour { ", coloured" } else { "" }, "\n", &shown].concat(),
            );
        }
    }
    text
}

fn without_colour(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

fn clean() -> ReportDoc {
    let run = SampleRun::new(5, &[("web", Expect::Clean), ("hooked", Expect::Clean)]).baseline("web");
    (1..=5).fold(run, |run, block| run.trial(block, "web", |_| {}).trial(block, "hooked", |_| {})).finished().report()
}

fn one_loss() -> ReportDoc {
    let run = SampleRun::new(3, &[("web", Expect::Clean)]).trial(1, "web", |_| {});
    run.trial(2, "web", |trial| _ = trial.lost()).trial(3, "web", |_| {}).finished().report()
}

fn many_variants() -> ReportDoc {
    let names =
        ["bare", "sleep-1", "sleep-2", "sleep-3", "sleep-5", "graceful", "graceful-and-patient", "native-sleep"];
    let expect = |index| if index < 3 { Expect::Loss } else { Expect::Clean };
    let variants: Vec<_> = names.iter().enumerate().map(|(index, name)| (*name, expect(index))).collect();
    let mut run = SampleRun::new(5, &variants).baseline("bare");
    for block in 1..=5 {
        for (name, lost) in names.iter().zip([40, 21, 9, 2, 0, 0, 0, 0]) {
            run = run.trial(block, name, |trial| trial.lost_times(lost));
        }
    }
    run.finished().report()
}

/// Apache without a hook, as its manifest and its two kinds of request.
fn apache(header: &mut Header) {
    let container = json!({"name": "web", "image": "httpd:2.4"});
    let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}});
    for variant in &mut header.spec.variants {
        variant.objects_mut().manifests = vec![workload.clone()];
        let slow = RequestSpec::get("/slow?ms=200".parse().unwrap(), vec![(Arm::New, 1.0)]);
        variant.load.requests[0].share = 0.9;
        variant.load.requests.push(RequestSpec { share: 0.1, ..slow });
    }
}

/// A pod whose listener is closed while connections are still routed to it.
fn stopped(trial: &mut SampleTrial) {
    pods::add(trial, &[STOPPED, OLD, NEW]);
    for ms in [1_100, 1_150, 1_200, 1_300] {
        trial.other(Arm::New, Outcome::Refused, Sum::Lost, ms);
    }
    for ms in [690, 700] {
        trial.other(Arm::New, Outcome::ClosedBeforeByte, Sum::Lost, ms);
        let cut = trial.last();
        (cut.connected_ns, cut.sent_ns) = (Some(cut.planned_ns + 300_000), Some(cut.planned_ns + 400_000));
        (cut.end_ns, cut.errno, cut.bytes_out) = (cut.planned_ns + 355_000_000, None, Some(90));
        (cut.pod, cut.stage) = (Some("web-stopped".to_owned()), Some(AttemptStage::Request));
    }
    trial.other(Arm::New, Outcome::HeaderTimeout, Sum::Lost, 2_500);
    trial.other(Arm::New, Outcome::Status5xx, Sum::Lost, 5_000);
    trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Lost, 1_060);
    trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 1_060);
    trial.other(Arm::Reused, Outcome::Unsent, Sum::Unsent, 1_080);
    let at_ns = trial.at(500);
    trial.extra_ok += 20;
    trial.more.push(Entry::Pulse(Pulse { request: 1, ..pulse(trial.number(), at_ns, Arm::New, 20, 203_000) }));
}

fn many_causes() -> ReportDoc {
    let run = SampleRun::new(2, &[("web", Expect::Clean)]).plan(apache);
    run.trial(1, "web", stopped).trial(2, "web", stopped).finished().report()
}

fn inconclusive() -> ReportDoc {
    let run = SampleRun::new(2, &[("web", Expect::Clean), ("other", Expect::Loss)]).baseline("other");
    let run = run
        .trial(1, "web", |trial| trial.stalled = Some("the rollout was not complete after 40 s: 1 of 2 pods updated"));
    run.trial(1, "other", |_| {}).trial(2, "web", |_| {}).trial(2, "other", |_| {}).finished().report()
}

fn invalid() -> ReportDoc {
    let late = |trial: &mut SampleTrial| trial.lag = Some((2, 150));
    let run = SampleRun::new(3, &[("web", Expect::Clean)]);
    (1..=3).fold(run, |run, block| run.trial(block, "web", late)).finished().report()
}

fn interrupted() -> ReportDoc {
    let run = SampleRun::new(3, &[("web", Expect::Clean), ("hooked", Expect::Clean)]).baseline("web");
    let run = run.trial(1, "web", |_| {}).trial(1, "hooked", |trial| trial.ends = false);
    run.ended(EndReason::Interrupted, "stopped by a signal").report()
}

type Case = (&'static str, fn() -> ReportDoc);

const CASES: [Case; 7] = [
    ("clean", clean),
    ("one-loss", one_loss),
    ("many-variants", many_variants),
    ("many-causes", many_causes),
    ("inconclusive", inconclusive),
    ("invalid", invalid),
    ("interrupted", interrupted),
];

#[test]
fn each_way_to_come_out_has_its_summary() {
    for (name, report) in CASES {
        insta::assert_snapshot!(format!("terminal-{name}"), all_ways(&report()));
    }
}

#[test]
fn no_row_is_wider_than_the_terminal_and_the_usual_summary_fits_24_rows() {
    for (name, report) in CASES {
        let report = report();
        for columns in [60, 80, 120] {
            let text = shown(&report, columns, false);
            let wide: Vec<&str> = text.lines().filter(|row| row.chars().count() > columns).collect();
            // One word that is wider than the terminal stays whole.
            assert!(wide.iter().all(|row| row.trim().split(' ').count() == 1), "{name} at {columns}: {wide:?}");
            let most = if report.variants.len() > 2 { 40 } else { 24 };
            assert!(columns == 60 || text.lines().count() <= most, "{name} at {columns}:\n{text}");
        }
    }
}

#[test]
fn colour_changes_nothing_else() {
    for (name, report) in CASES {
        let report = report();
        let (plain, coloured) = (shown(&report, 80, false), shown(&report, 80, true));
        assert!(!plain.contains('\u{1b}') && coloured.contains('\u{1b}'), "{name}");
        assert_eq!(without_colour(&coloured), plain, "{name}");
    }
}

#[test]
fn nothing_is_said_twice() {
    for (name, report) in CASES {
        let text = shown(&report(), 120, false);
        let mut sentences: Vec<&str> = text.lines().flat_map(|row| row.split(". ")).map(str::trim).collect();
        // What was measured may be the same of two variants.
        sentences.retain(|sentence| sentence.len() > 30 && !sentence.contains(" a rollout; p99 "));
        let all = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), all, "{name}:\n{text}");
    }
    let text = shown(&many_variants(), 80, false);
    assert_eq!(text.matches("Fix").count(), 1, "variants with the same fix stand together:\n{text}");
}

#[test]
fn the_verdict_and_the_page_are_in_the_last_row() {
    for (name, report) in CASES {
        let report = report();
        let expected = format!("{}   {DIRECTORY}/report.html\n", report.verdict.name().to_uppercase());
        assert!(shown(&report, 80, false).ends_with(&expected), "{name}");
        // Without a page there is none to name.
        let without = to_terminal(&report, TerminalStyle::PLAIN, None);
        assert!(without.ends_with(&format!("\n{}\n", report.verdict.name().to_uppercase())), "{name}: {without}");
    }
}

#[test]
fn p99_is_given_by_kind_of_request_where_there_are_several() {
    let report = many_causes();
    let [fast, slow] = report.variants[0].latency_by_request.as_slice() else { panic!("two kinds") };
    let during = |kind: &RequestLatencyDoc| kind.latency_us.during.unwrap().p99;
    assert_eq!((fast.request.as_str(), slow.request.as_str()), ("GET /", "GET /slow?ms=200"));
    assert!(during(fast) < 3_000 && during(slow) > 200_000, "{fast:?} {slow:?}");
    assert_eq!(slow.latency_us.before, None);
    assert!(shown(&report, 120, false).contains("p99: / 2.00 ms, /slow?ms=200 203 ms"));
    let page = super::to_markdown(&report);
    assert!(page.contains("| web | GET /slow?ms=200 | - | 203 ms | - |"), "{page}");
    // One kind needs no name.
    let one = one_loss();
    assert!(one.variants[0].latency_by_request.is_empty());
    assert!(shown(&one, 80, false).contains("p99 2.00 ms"));
}
