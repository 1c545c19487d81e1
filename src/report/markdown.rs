//! `report.md`: the report for a pull request's comment, a job's summary, or a page. What decides stands first, the rest is folded up,
//! and the whole stays below what a comment may hold.

use super::compared::comparison_lines;
use super::doors;
use super::escape::{html, markdown as escaped};
use super::page::{Page, list, table};
use super::sentences::node_words;
use super::words::{
    advice_words, cause_words, clipped, expect_name, hidden_words, lag_words, limits_words, lost_lines, micros,
    seconds, send_lag_words,
};
use crate::analysis::{LatencyDoc, Quantiles, ReportDoc, VariantDoc};
use crate::record::Outcome;

/// Characters of a name: a manifest may hold any.
const NAME_MAX: usize = 100;
/// Characters of a sentence.
const LINE_MAX: usize = 2_000;

/// The report as Markdown, at most 60,000 bytes. All text from outside is escaped: it can neither make markup nor leave its cell.
#[must_use]
pub fn render(report: &ReportDoc) -> String {
    let mut page = Page::default();
    page.block(&format!("# {}: {}", name(&report.scenario), report.verdict.name()));
    page.block(&line(&report.reason));
    page.block(&overview(report));
    page.block(&by_request(report));
    page.block(&by_door(report));
    for variant in &report.variants {
        page.block(&why(report, variant));
    }
    let compared = comparison_lines(&report.comparison).into_iter();
    let limits = report.variants.iter().filter_map(limits_words);
    let hidden = report.variants.iter().filter_map(doors::hidden_by_proxy_words);
    let of_doors = doors::door_sentences(&report.variants).into_iter().chain(hidden);
    let remarks = compared.chain(limits).chain(of_doors).chain(report.notes.iter().cloned());
    page.block(&titled("What the trials show:", &list(remarks.map(|remark| line(&remark)))));
    let lags = report.variants.iter().filter_map(lag_words);
    let hidden = report.variants.iter().filter_map(hidden_words);
    let further = list(lags.chain(hidden).map(|remark| line(&remark)));
    page.folded("Routing, and what clients would have hidden", &[further]);
    for variant in &report.variants {
        let title = format!("{}: arms, first lost, trials", html(&clipped(&variant.name, NAME_MAX)));
        page.folded(&title, &[line(&variant.reason), arms(variant), first_lost(variant), trials(variant)]);
    }
    page.folded("Run", &[run(report)]);
    page.finish()
}

/// Text from outside as a sentence.
fn line(text: &str) -> String {
    escaped(&clipped(text, LINE_MAX))
}

fn name(text: &str) -> String {
    escaped(&clipped(text, NAME_MAX))
}

/// Why a variant's requests were lost, and what would help; empty if it lost nothing.
fn why(report: &ReportDoc, variant: &VariantDoc) -> String {
    let causes = list(cause_words(report, variant).iter().map(|words| line(words)));
    if causes.is_empty() {
        return String::new();
    }
    let advice = list(advice_words(variant).iter().map(|words| line(words)));
    let why = titled(&format!("Why **{}** lost requests:", name(&variant.name)), &causes);
    let nodes = node_words(variant);
    let nodes = if nodes.is_empty() { nodes } else { format!("\n\nLost by node: {}.", line(&nodes)) };
    let help = if advice.is_empty() { advice } else { format!("\n\n{}", titled("What would help:", &advice)) };
    format!("{why}{nodes}{help}")
}

/// A list under its title; without one it would be taken for a part of the list before it. Empty without items.
fn titled(title: &str, list: &str) -> String {
    if list.is_empty() { String::new() } else { format!("{title}\n\n{list}") }
}

fn overview(report: &ReportDoc) -> String {
    let header =
        "variant | expects | verdict | rollouts | with loss | attempts | lost | raced | unsent | rollout | pod-seconds";
    let several = has_several_kinds(report);
    let rows = report.variants.iter().map(|variant| {
        let mut cells = vec![
            name(&variant.name),
            expect_name(variant.expect).to_owned(),
            variant.verdict.name().to_owned(),
            format!("{} of {}", variant.trials, variant.trials_planned),
            variant.trials_with_loss.to_string(),
            variant.attempts.to_string(),
            variant.lost.to_string(),
            variant.raced.to_string(),
            variant.unsent.to_string(),
            seconds(variant.rollout_s.median),
            variant.pod_s.median.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}")),
        ];
        if !several {
            cells.extend(p99(&variant.latency_us));
        }
        cells
    });
    if several { table(header, rows) } else { table(&format!("{header} | {P99}"), rows) }
}

const P99: &str = "p99 before | p99 during | p99 after";

fn p99(latency: &LatencyDoc) -> [String; 3] {
    let words = |phase: Option<Quantiles>| phase.map_or_else(|| "-".to_owned(), |all| micros(all.p99));
    [latency.before, latency.during, latency.after].map(words)
}

fn has_several_kinds(report: &ReportDoc) -> bool {
    report.variants.iter().any(|variant| !variant.latency_by_request.is_empty())
}

/// p99 of each kind of request where there are several: a slow one would hide what a fast one does.
fn by_request(report: &ReportDoc) -> String {
    if !has_several_kinds(report) {
        return String::new();
    }
    let row = |variant: &VariantDoc, request: String, latency: &LatencyDoc| {
        [name(&variant.name), request].into_iter().chain(p99(latency)).collect::<Vec<String>>()
    };
    let rows = report.variants.iter().flat_map(|variant| {
        if variant.latency_by_request.is_empty() {
            return vec![row(variant, "all".to_owned(), &variant.latency_us)];
        }
        let kinds = variant.latency_by_request.iter();
        kinds.map(|kind| row(variant, name(&kind.request), &kind.latency_us)).collect()
    });
    table(&format!("variant | request | {P99}"), rows)
}

/// What was lost at which door, where there are two.
fn by_door(report: &ReportDoc) -> String {
    let rows: Vec<Vec<String>> = report
        .variants
        .iter()
        .flat_map(|variant| doors::rows(variant).map(|row| std::iter::once(name(&variant.name)).chain(row).collect()))
        .collect();
    if rows.is_empty() { String::new() } else { table(&doors::COLUMNS.replace('#', ""), rows.into_iter()) }
}

fn arms(variant: &VariantDoc) -> String {
    let header = "arm | judged | attempts | ok | lost | raced | unsent | harness | outcomes other than ok";
    let rows = variant.arms.iter().map(|(arm, counts)| {
        let others = counts.outcomes.iter().filter(|(outcome, _)| **outcome != Outcome::Ok);
        let named: Vec<String> = others.map(|(outcome, count)| format!("{} {count}", outcome.name())).collect();
        vec![
            arm.name().to_owned(),
            if counts.judged { "yes" } else { "no" }.to_owned(),
            counts.attempts.to_string(),
            counts.ok.to_string(),
            counts.lost.to_string(),
            counts.raced.to_string(),
            counts.unsent.to_string(),
            counts.harness.to_string(),
            named.join(", "),
        ]
    });
    table(header, rows)
}

fn first_lost(variant: &VariantDoc) -> String {
    let lines = lost_lines(&variant.first_lost);
    if lines.is_empty() {
        return String::new();
    }
    let more = variant.lost.saturating_sub(variant.first_lost.len() as u64);
    let rest = (more > 0).then(|| format!("and {more} more in the record"));
    let lines = list(lines.iter().map(|words| line(words)).chain(rest));
    titled("First lost, in seconds after the rollout's first step:", &lines)
}

fn trials(variant: &VariantDoc) -> String {
    let header = "trial | block | state | attempts | lost | raced | rollout | complete | why it does not count";
    let rows = variant.trials_list.iter().map(|trial| {
        vec![
            trial.trial.to_string(),
            trial.block.to_string(),
            trial.state.name().to_owned(),
            trial.attempts.to_string(),
            trial.lost.to_string(),
            trial.raced.to_string(),
            seconds(trial.rollout_s),
            if trial.complete { "yes" } else { "no" }.to_owned(),
            line(&trial.reason),
        ]
    });
    table(header, rows)
}

fn run(report: &ReportDoc) -> String {
    let cluster = format!("{} {}", report.cluster.kind, report.cluster.version);
    let lines = [
        format!("rollproof {}, seed {}, begun {}", name(&report.rollproof), report.seed, name(&report.started)),
        format!("cluster: {}", name(&cluster)),
        format!("the load: {}", send_lag_words(&report.harness)),
    ];
    list(lines.into_iter())
}
