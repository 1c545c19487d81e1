//! The summary that ends a run on a terminal: what came out, in one screen.

use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::compared::comparison_lines;
use super::doc::{ReportDoc, VariantDoc};
use super::words::{
    advice_words, cause_words, expect_name, hidden_words, lag_words, limits_words, lost_lines, micros, one_line,
    seconds,
};
use crate::verdict::Verdict;

/// The summary, ended by a newline. With `color` the verdict is coloured; nothing else differs.
#[must_use]
pub fn render(report: &ReportDoc, color: bool) -> String {
    let mut lines = vec![
        format!(
            "{}  {}: {}",
            verdict_word(report.verdict, color),
            one_line(&report.scenario),
            one_line(&report.reason)
        ),
        String::new(),
        table(report),
        String::new(),
    ];
    lines.extend(comparison_lines(&report.comparison).iter().map(|line| one_line(line)));
    lines.extend(report.variants.iter().filter_map(limits_words).map(|line| one_line(&line)));
    lines.extend(report.variants.iter().filter_map(lag_words).map(|line| one_line(&line)));
    lines.extend(report.variants.iter().flat_map(|variant| causes(report, variant)));
    lines.extend(report.variants.iter().flat_map(advice));
    lines.extend(report.variants.iter().filter_map(hidden_words).map(|line| one_line(&line)));
    lines.extend(report.variants.iter().flat_map(first_lost));
    lines.extend(report.variants.iter().flat_map(not_counting));
    lines.extend(report.notes.iter().map(|note| format!("note: {}", one_line(note))));
    lines.push(String::new());
    lines.join("\n")
}

fn verdict_word(verdict: Verdict, color: bool) -> String {
    let word = verdict.name().to_uppercase();
    let code = match verdict {
        Verdict::Pass => 32,
        Verdict::Inconclusive => 33,
        Verdict::Fail => 31,
    };
    if color { format!("\u{1b}[1;{code}m{word}\u{1b}[0m") } else { word }
}

fn table(report: &ReportDoc) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "variant",
        "expects",
        "verdict",
        "lost in",
        "attempts",
        "lost",
        "raced",
        "unsent",
        "rollout",
        "p99 during",
    ]);
    for variant in &report.variants {
        table.add_row(row(variant));
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn row(variant: &VariantDoc) -> Vec<String> {
    vec![
        one_line(&variant.name),
        expect_name(variant.expect).to_owned(),
        variant.verdict.name().to_owned(),
        format!("{} of {}", variant.trials_with_loss, variant.trials),
        variant.attempts.to_string(),
        variant.lost.to_string(),
        variant.raced.to_string(),
        variant.unsent.to_string(),
        seconds(variant.rollout_s.median),
        variant.latency_us.during.map_or_else(|| "-".to_owned(), |all| micros(all.p99)),
    ]
}

fn causes(report: &ReportDoc, variant: &VariantDoc) -> Vec<String> {
    let words = cause_words(report, variant);
    let title = (!words.is_empty()).then(|| format!("{}: why requests were lost", one_line(&variant.name)));
    title.into_iter().chain(words.into_iter().map(|line| format!("  {}", one_line(&line)))).collect()
}

fn advice(variant: &VariantDoc) -> Vec<String> {
    let words = advice_words(variant);
    let title = (!words.is_empty()).then(|| format!("{}: what would help", one_line(&variant.name)));
    title.into_iter().chain(words.into_iter().map(|line| format!("  {}", one_line(&line)))).collect()
}

fn first_lost(variant: &VariantDoc) -> Vec<String> {
    if variant.first_lost.is_empty() {
        return Vec::new();
    }
    let name = one_line(&variant.name);
    let mut lines = vec![format!("{name}: first lost, seconds after the rollout's first step")];
    lines.extend(lost_lines(&variant.first_lost).iter().map(|line| format!("  {}", one_line(line))));
    let more = variant.lost.saturating_sub(variant.first_lost.len() as u64);
    if more > 0 {
        lines.push(format!("  and {more} more in the record"));
    }
    lines
}

/// Trials that decide nothing, and why: at most five, so that the rest stays on the screen.
fn not_counting(variant: &VariantDoc) -> Vec<String> {
    let all: Vec<String> = variant
        .trials_list
        .iter()
        .filter(|trial| !trial.reason.is_empty())
        .map(|trial| {
            format!("{}: trial {} does not count: {}", one_line(&variant.name), trial.trial, one_line(&trial.reason))
        })
        .collect();
    let more = all.len().saturating_sub(5);
    let rest = (more > 0).then(|| format!("{}: and {more} more trials do not count.", one_line(&variant.name)));
    all.into_iter().take(5).chain(rest).collect()
}
