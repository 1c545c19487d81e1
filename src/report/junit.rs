//! `junit.xml`: a run as a test suite, for the CI systems that show one. It computes nothing.
//!
//! A variant is a test case: a fail is a failure, and what the run cannot say is an error, because no CI system may take it for
//! a pass. A run that did not come to its end has a case of its own for that.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::compared::comparison_lines;
use super::words::{
    advice_words, cause_words, clipped, hidden_words, limits_words, lost_lines, not_counting_words, one_line,
};
use crate::analysis::{ReportDoc, VariantDoc};
use crate::verdict::{Ending, Verdict};

/// Characters of a line of text: what a server or a manifest says may be long.
const LINE_MAX: usize = 2_000;
/// Trials that do not count and are named.
const TRIALS_MAX: usize = 10;

/// The report as `JUnit` XML, ended by a newline. The same report gives the same bytes.
#[must_use]
pub fn render(report: &ReportDoc) -> String {
    let mut suite = TestSuite::new(line(&report.scenario));
    suite.set_time(time_of(report.variants.iter()));
    suite.add_properties(properties(report));
    suite.add_test_cases(report.variants.iter().map(|variant| case(report, variant)));
    suite.add_test_cases(ending(report));
    let said: Vec<String> = comparison_lines(&report.comparison)
        .into_iter()
        .chain(report.variants.iter().filter_map(limits_words))
        .chain(report.notes.iter().cloned())
        .collect();
    if !said.is_empty() {
        suite.set_system_out(lines(&said));
    }
    let mut all = Report::new("rollproof");
    all.set_time(time_of(report.variants.iter())).add_test_suite(suite);
    // Writing to memory cannot fail, and the writer ends its text with a newline.
    all.to_string().unwrap_or_default()
}

fn properties(report: &ReportDoc) -> [Property; 6] {
    let cluster = format!("{} {}", report.cluster.kind, report.cluster.version);
    [
        Property::new("rollproof", line(&report.rollproof)),
        Property::new("started", line(&report.started)),
        Property::new("seed", report.seed.to_string()),
        Property::new("cluster", line(&cluster)),
        Property::new("verdict", report.verdict.name()),
        Property::new("reason", line(&report.reason)),
    ]
}

fn case(report: &ReportDoc, variant: &VariantDoc) -> TestCase {
    let status = match variant.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => trouble(NonSuccessKind::Failure, "fail", &variant.reason, &why(report, variant)),
        Verdict::Inconclusive => trouble(NonSuccessKind::Error, "inconclusive", &variant.reason, &why(report, variant)),
    };
    let mut case = TestCase::new(line(&variant.name), status);
    case.set_classname(format!("rollproof.{}", line(&report.scenario)));
    case.set_time(time_of(std::iter::once(variant)));
    case
}

/// The run's own ending, unless it is the planned one.
fn ending(report: &ReportDoc) -> Option<TestCase> {
    let (kind, message) = match report.ending {
        Ending::Finished => return None,
        Ending::Interrupted => ("interrupted", "the run was interrupted"),
        Ending::Failed => ("failed", "the run ended with an error of the machine or the cluster"),
        Ending::Cut => ("cut", "the record ends before the run does"),
    };
    let status = trouble(NonSuccessKind::Error, kind, message, &report.notes);
    let mut case = TestCase::new("the run comes to its end", status);
    case.set_classname(format!("rollproof.{}", line(&report.scenario)));
    Some(case)
}

fn trouble(kind: NonSuccessKind, name: &str, message: &str, text: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(line(message));
    if !text.is_empty() {
        status.set_description(lines(text));
    }
    status
}

/// What a reader of a failed case needs: why, what would help, what was lost first, and which trials do not count.
fn why(report: &ReportDoc, variant: &VariantDoc) -> Vec<String> {
    let parts = [
        ("why requests were lost:", cause_words(report, variant)),
        ("what would help:", advice_words(variant)),
        ("first lost, in seconds after the rollout's first step:", lost_lines(&variant.first_lost)),
        ("trials that decide nothing:", not_counting_words(variant, TRIALS_MAX)),
    ];
    let told = parts.into_iter().filter(|(_, words)| !words.is_empty());
    let text = told.flat_map(|(title, words)| {
        std::iter::once(title.to_owned()).chain(words.into_iter().map(|word| format!("  {word}")))
    });
    std::iter::once(variant.reason.clone()).chain(text).chain(hidden_words(variant)).collect()
}

/// The rollouts of these variants, one after the other; those whose end was not seen add nothing.
fn time_of<'a>(variants: impl Iterator<Item = &'a VariantDoc>) -> Duration {
    let lengths = variants.flat_map(|variant| &variant.trials_list).filter_map(|trial| trial.rollout_s);
    Duration::try_from_secs_f64(lengths.sum()).unwrap_or_default()
}

fn line(text: &str) -> String {
    clipped(&one_line(text), LINE_MAX)
}

fn lines(all: &[String]) -> String {
    all.iter().map(|text| line(text)).collect::<Vec<String>>().join("\n")
}
