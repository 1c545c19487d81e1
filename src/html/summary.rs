//! What a reader wants first: the verdict and the sentences of the terminal; then tables of the variants and the comparison, what a
//! zero leaves open, and who would have hidden the losses.

use maud::{Markup, html};

use crate::analysis::{ComparisonDoc, LatencyDoc, Quantiles, ReportDoc, VariantDoc};
use crate::hidden::Client;
use crate::report::{
    LossMark, comparison_lines, comparison_sentences, conclusion, doors, expect_name, lag_words, limits_words,
    lost_words, micros, node_words, one_line, place, probability, range_words, seconds, signed, verdict_note,
    zero_sentences,
};
use crate::verdict::{Ending, Metric, Verdict};

/// A verdict with its sign: neither colour nor sign alone tells it.
fn badge(verdict: Verdict) -> Markup {
    let sign = match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Inconclusive => "?",
    };
    html! { strong class={ "verdict " (verdict.name()) } { span aria-hidden="true" { (sign) " " } (verdict.name()) } }
}

pub(super) fn head(report: &ReportDoc) -> Markup {
    let compared = comparison_sentences(&report.comparison);
    // The first note says how a run ended that did not come to its end.
    let ending = report.notes.first().filter(|_| report.ending != Ending::Finished);
    html! {
        header {
            p.over-title { "rollproof report" }
            h1 { (one_line(&report.scenario)) }
            p.ruling { (badge(report.verdict)) " " (place(report)) }
            @if let Some(ending) = ending { p { (one_line(ending)) } }
            @if report.variants.is_empty() { p { (one_line(&report.reason)) } }
            ul.sentences { @for variant in &report.variants { (sentence(variant)) } }
            p { @for line in compared.iter().chain(&zero_sentences(report)) { (unbroken(line)) " " } }
        }
    }
}

/// A number keeps its unit, and p its value.
fn unbroken(line: &str) -> String {
    line.replace(" = ", "\u{a0}=\u{a0}").replace(" < ", "\u{a0}<\u{a0}").replace(" %", "\u{a0}%")
}

/// What a variant lost.
fn sentence(variant: &VariantDoc) -> Markup {
    let mark = LossMark::of(variant);
    let (count, of) = lost_words(variant);
    let note = verdict_note(variant);
    let class = match (mark, variant.verdict) {
        (_, Verdict::Fail) => "fail",
        (LossMark::Unsure, _) => "inconclusive",
        (LossMark::Something, _) => "expected",
        (LossMark::Nothing, _) => "pass",
    };
    html! {
        li {
            span class={ "verdict " (class) } aria-hidden="true" { (mark.sign()) } " "
            strong { (one_line(&variant.name)) } ": " (count) " " (of)
            @if !note.is_empty() { span.quiet { " (" (note) ")" } }
        }
    }
}

/// What the run was, for whoever repeats it.
pub(super) fn facts(report: &ReportDoc) -> Markup {
    let cluster = format!("{} {}", one_line(&report.cluster.kind), one_line(&report.cluster.version));
    html! {
        dl.facts {
            div { dt { "cluster" } dd { (cluster) } }
            div { dt { "seed" } dd { (report.seed) } }
            div { dt { "begun" } dd { time datetime=(one_line(&report.started)) { (one_line(&report.started)) } } }
            div { dt { "rollproof" } dd { (one_line(&report.rollproof)) } }
        }
    }
}

/// A table that may be wider than the page. The names of its columns are parted by ` | `; `#` marks one of numbers.
pub(super) fn table(caption: &str, columns: &str, rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for column in columns.split(" | ") { th scope="col" class=[column.strip_prefix('#').map(|_| "num")] { (column.trim_start_matches('#')) } } } }
                tbody { (rows) }
            }
        }
    }
}

pub(super) fn variants(report: &ReportDoc) -> Markup {
    let columns = "variant | verdict | expects | #rollouts | #with loss | #attempts | #lost | #raced | #unsent | #rollout | #pod-seconds | #p99 before | #during | #after";
    let rows = html! {
        @for variant in &report.variants {
            tr {
                th scope="row" { (one_line(&variant.name)) }
                td { (badge(variant.verdict)) }
                td { (expect_name(variant.expect)) }
                td.num { (variant.trials) " of " (variant.trials_planned) }
                td.num { (variant.trials_with_loss) }
                td.num { (variant.attempts) }
                td.num { strong { (variant.lost) } }
                td.num { (variant.raced) }
                td.num { (variant.unsent) }
                td.num { (seconds(variant.rollout_s.median)) }
                td.num { (variant.pod_s.median.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"))) }
                // A slow kind of request would hide what a fast one does.
                @if variant.latency_by_request.is_empty() { (p99(&variant.latency_us)) }
                @else { td.num colspan="3" { "by request" } }
            }
            @for kind in &variant.latency_by_request {
                tr.kind { td colspan="11" { code { (one_line(&kind.request)) } } (p99(&kind.latency_us)) }
            }
            @let nodes = node_words(variant);
            tr.why { td colspan="14" {
                (one_line(&variant.reason)) @if !nodes.is_empty() { " Lost by node: " (nodes) "." }
            } }
        }
    };
    html! {
        section aria-labelledby="variants" {
            h2 id="variants" { "Variants" }
            (table("Judged arms in the rollouts that count, from the first step to the end of the load", columns, &rows))
        }
    }
}

/// What was lost at which door, and what is known of retries.
pub(super) fn by_door(report: &ReportDoc) -> Markup {
    let hidden = report.variants.iter().filter_map(doors::hidden_by_proxy_words);
    let sentences: Vec<String> = doors::door_sentences(&report.variants).into_iter().chain(hidden).collect();
    let both = report.variants.iter().any(|variant| !variant.doors.is_empty());
    if sentences.is_empty() && !both {
        return html! {};
    }
    let rows = html! {
        @for variant in &report.variants {
            @for row in doors::rows(variant) {
                @let [door, numbers @ .., causes] = &row;
                tr {
                    th scope="row" { (one_line(&variant.name)) }
                    td { (door) }
                    @for number in numbers { td.num { (number) } }
                    td { (causes) }
                }
            }
        }
    };
    html! {
        section aria-labelledby="doors" {
            h2 id="doors" { "Doors" }
            @if both {
                (table("Judged arms in the rollouts that count, by where the requests went", doors::COLUMNS, &rows))
            }
            @for line in &sentences { p { (one_line(line)) } }
        }
    }
}

/// The cells of the three phases.
fn p99(latency: &LatencyDoc) -> Markup {
    let words = |phase: Option<Quantiles>| phase.map_or_else(|| "-".to_owned(), |all| micros(all.p99));
    html! { @for phase in [latency.before, latency.during, latency.after] { td.num { (words(phase)) } } }
}

pub(super) fn comparison(report: &ReportDoc) -> Markup {
    if report.comparison.is_empty() {
        return html! {};
    }
    let baseline = report.comparison.first().map_or_else(String::new, |found| one_line(&found.baseline));
    let columns = "variant | metric | #difference | #interval | #p | #p adjusted | #blocks | conclusion";
    let rows = html! { @for found in &report.comparison { (compared(found)) } };
    html! {
        section aria-labelledby="comparison" {
            h2 id="comparison" { "Comparison" }
            (table(&format!("Each variant minus {baseline}, by rollout"), columns, &rows))
            ul { @for line in comparison_lines(&report.comparison) { li { (one_line(&line)) } } }
        }
    }
}

fn compared(found: &ComparisonDoc) -> Markup {
    let (name, parts, unit) = match found.metric {
        Metric::Lost => ("lost a rollout", 1.0, ""),
        Metric::RolloutS => ("rollout", 1.0, " s"),
        Metric::PodS => ("pod-seconds", 1.0, ""),
        Metric::P99DuringUs => ("p99 during", 1e3, " ms"),
    };
    let p = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), probability);
    let difference = found.difference;
    let estimate =
        difference.map_or_else(|| "-".to_owned(), |found| format!("{}{unit}", signed(found.estimate / parts)));
    html! {
        tr {
            th scope="row" { (one_line(&found.variant)) }
            td { (name) }
            td.num { (estimate) }
            td.num { (difference.and_then(|found| range_words(found, parts)).unwrap_or_else(|| "-".to_owned())) }
            td.num { (p(found.p_value)) }
            td.num { (p(found.p_adjusted)) }
            td.num { (found.blocks) }
            td { @if found.conclusion.is_some() { (conclusion(found)) } @else { span.quiet { "estimate only" } } }
        }
    }
}

/// What zeros leave open, and what else was measured or is to be known: lists with their titles.
fn remarks(report: &ReportDoc) -> Vec<(&'static str, Vec<String>)> {
    let limits = report.variants.iter().filter_map(limits_words).collect();
    let lags = report.variants.iter().filter_map(lag_words).collect();
    let lists = vec![("What a zero leaves open", limits), ("Propagation lag", lags), ("Notes", report.notes.clone())];
    lists.into_iter().filter(|(_, lines): &(_, Vec<String>)| !lines.is_empty()).collect()
}

pub(super) fn has_limits(report: &ReportDoc) -> bool {
    !remarks(report).is_empty()
}

pub(super) fn limits(report: &ReportDoc) -> Markup {
    if !has_limits(report) {
        return html! {};
    }
    html! {
        section aria-labelledby="limits" {
            h2 id="limits" { "Limits and notes" }
            @for (title, lines) in remarks(report) {
                h3 { (title) }
                ul { @for line in lines { li { (one_line(&line)) } } }
            }
        }
    }
}

/// How many of the lost each common client or proxy would have hidden.
pub(super) fn hidden(report: &ReportDoc) -> Markup {
    let lossy: Vec<_> = report.variants.iter().filter(|variant| variant.lost > 0).collect();
    if lossy.is_empty() {
        return html! {};
    }
    let clients = Client::ALL.map(|client| format!(" | #{}", client.words())).concat();
    let columns = format!("variant | #lost{clients}");
    let rows = html! {
        @for variant in lossy {
            tr {
                th scope="row" { (one_line(&variant.name)) }
                td.num { strong { (variant.lost) } }
                @for client in Client::ALL {
                    td.num { (variant.hidden_by.get(&client).copied().unwrap_or(0)) }
                }
            }
        }
    };
    html! {
        section aria-labelledby="hidden" {
            h2 id="hidden" { "Who would have hidden the losses" }
            (table("Lost attempts that a client or proxy would have hidden by sending them again", &columns, &rows))
        }
    }
}
