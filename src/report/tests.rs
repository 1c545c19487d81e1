//! Reports as people and programs get them.

use super::{TerminalStyle, schema, to_json, to_markdown, to_terminal};
use crate::analysis::ReportDoc;
use crate::record::entry::{EndReason, Entry};
use crate::record::sample::SampleRun;
use crate::record::{Arm, Outcome, Sum};
use crate::spec::Expect;

const CURE: (Expect, Expect) = (Expect::Loss, Expect::Clean);

fn sample() -> SampleRun {
    SampleRun::blocks(CURE, &[(8, 0), (9, 0), (7, 0), (8, 0), (9, 0)])
}

#[test]
fn a_report_fits_its_committed_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
    let schema = schema();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == text, "docs/report.schema.json is stale: run this test with UPDATE_SCHEMA=1");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let reports =
        [sample().report(), SampleRun::one(|_| {}).report(), SampleRun::new(1, &[("web", Expect::Clean)]).report()];
    for report in &reports {
        let document = serde_json::from_str(&to_json(report)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let mut wrong: serde_json::Value = serde_json::from_str(&to_json(&reports[0])).unwrap();
    wrong["variants"][0]["verdict"] = "splendid".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn people_get_a_summary_and_a_page() {
    let report = sample().report();
    insta::assert_snapshot!("summary", plain(&report));
    insta::assert_snapshot!("page", to_markdown(&report));
    insta::assert_snapshot!("summary-of-trouble", plain(&trouble()));
    insta::assert_snapshot!("page-of-trouble", to_markdown(&trouble()));
}

fn plain(report: &ReportDoc) -> String {
    to_terminal(report, TerminalStyle::PLAIN, None)
}

/// A run with an invalid, a dirty and an incomplete trial, interrupted.
fn trouble() -> ReportDoc {
    SampleRun::new(3, &[("web", Expect::Clean)])
        .trial(1, "web", |trial| trial.overflow(3))
        .trial(2, "web", |trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, -500))
        .trial(3, "web", |trial| trial.ends = false)
        .ended(EndReason::Interrupted, "SIGINT")
        .report()
}

#[test]
fn names_from_outside_can_do_no_harm() {
    let evil = "a|b<script>\u{1b}[2J\n# x [y](http://z) \u{202e}";
    let mut run = SampleRun::blocks(CURE, &[(1, 0)]);
    run.header.spec.settings.scenario = evil.to_owned();
    run.header.spec.variants[0].load.requests[0].path = "/a|b/[y](http://z)".parse().unwrap();
    for entry in &mut run.entries {
        if let Entry::Attempt(attempt) = entry {
            attempt.pod = Some(evil.to_owned());
        }
    }
    let report = run.report();
    let (page, summary) = (to_markdown(&report), plain(&report));
    for text in [&page, &summary] {
        assert!(text.contains("script"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("\n# x"), "{text}");
    }
    assert!(!page.contains("<script>") && !page.contains("a|b") && !page.contains("[y]("), "{page}");
}

#[test]
fn the_advice_for_a_variant_that_failed_is_kept_on_the_screen() {
    let many = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut variants: Vec<(&'static str, Expect)> = many.iter().map(|name| (*name, Expect::Loss)).collect();
    variants.push(("failed", Expect::Clean));
    let mut run = SampleRun::new(1, &variants);
    for (name, _) in &variants {
        run = run.trial(1, name, |trial| trial.lost_times(2));
    }
    let mut report = run.finished().report();
    // A fix of its own each.
    for variant in &mut report.variants {
        for advice in &mut variant.advice {
            advice.text = format!("Change {} in a sentence of its own, which takes a row of the screen.", variant.name);
        }
    }
    let summary = plain(&report);
    assert!(summary.contains("Fix for failed\n"), "{summary}");
    assert!(!summary.contains("Fix for h\n"), "not all of it fits: {summary}");
    assert!(summary.lines().count() <= 40, "{summary}");
}
