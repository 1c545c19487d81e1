//! `report.md`: the report for a pull request or a page.

use super::compared::comparison_lines;
use super::doc::{ReportDoc, VariantDoc};
use super::words::{
    advice_words, cause_words, expect_name, hidden_words, lag_words, limits_words, lost_lines, micros, one_line,
    seconds,
};
use crate::record::Outcome;

/// The report as Markdown. All text from outside is escaped: it can neither make markup nor leave its cell.
#[must_use]
pub fn render(report: &ReportDoc) -> String {
    let mut blocks = vec![
        format!("# {}: {}", escaped(&report.scenario), report.verdict.name()),
        escaped(&report.reason),
        overview(report),
    ];
    let compared = comparison_lines(&report.comparison).into_iter();
    let limits = report.variants.iter().filter_map(limits_words);
    let lags = report.variants.iter().filter_map(lag_words);
    let hidden = report.variants.iter().filter_map(hidden_words);
    let remarks = compared.chain(limits).chain(lags).chain(hidden).chain(report.notes.iter().cloned());
    blocks.extend(list(remarks.map(|remark| escaped(&remark))));
    for variant in &report.variants {
        blocks.push(format!("## {}", escaped(&variant.name)));
        blocks.push(escaped(&variant.reason));
        blocks.push(arms(variant));
        blocks.extend(causes(report, variant));
        blocks.extend(advice(variant));
        blocks.extend(first_lost(variant));
        blocks.push(trials(variant));
    }
    blocks.push("## Run".to_owned());
    blocks.push(run(report));
    let mut text = blocks.join("\n\n");
    text.push('\n');
    text
}

/// A table; cells are escaped already.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(header.iter().map(|&name| name.to_owned()).collect())];
    lines.push(line(vec!["---".to_owned(); header.len()]));
    lines.extend(rows.map(line));
    lines.join("\n")
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<String> = items.map(|item| format!("- {item}")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn overview(report: &ReportDoc) -> String {
    let header = [
        "variant",
        "expects",
        "verdict",
        "rollouts",
        "with loss",
        "attempts",
        "lost",
        "raced",
        "unsent",
        "rollout",
        "pod-seconds",
        "p99 before",
        "p99 during",
        "p99 after",
    ];
    let p99 = |phase: Option<super::Quantiles>| phase.map_or_else(|| "-".to_owned(), |all| micros(all.p99));
    let rows = report.variants.iter().map(|variant| {
        vec![
            escaped(&variant.name),
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
            p99(variant.latency_us.before),
            p99(variant.latency_us.during),
            p99(variant.latency_us.after),
        ]
    });
    table(&header, rows)
}

fn arms(variant: &VariantDoc) -> String {
    let header = ["arm", "judged", "attempts", "ok", "lost", "raced", "unsent", "harness", "outcomes other than ok"];
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
    table(&header, rows)
}

fn causes(report: &ReportDoc, variant: &VariantDoc) -> Option<String> {
    let lines = list(cause_words(report, variant).iter().map(|line| escaped(line)))?;
    Some(format!("Why requests were lost:\n\n{lines}"))
}

fn advice(variant: &VariantDoc) -> Option<String> {
    let lines = list(advice_words(variant).iter().map(|line| escaped(line)))?;
    Some(format!("What would help:\n\n{lines}"))
}

fn first_lost(variant: &VariantDoc) -> Option<String> {
    let lines = list(lost_lines(&variant.first_lost).iter().map(|line| escaped(line)))?;
    let more = variant.lost.saturating_sub(variant.first_lost.len() as u64);
    let rest = if more > 0 { format!("\n- and {more} more in the record") } else { String::new() };
    Some(format!("First lost, in seconds after the rollout's first step:\n\n{lines}{rest}"))
}

fn trials(variant: &VariantDoc) -> String {
    let header =
        ["trial", "block", "state", "attempts", "lost", "raced", "rollout", "complete", "why it does not count"];
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
            escaped(&trial.reason),
        ]
    });
    table(&header, rows)
}

fn run(report: &ReportDoc) -> String {
    let lag = report.harness.send_lag_us.map_or_else(
        || "nothing was sent".to_owned(),
        |lag| format!("sends late by {} (p50), {} (p99), {} (max)", micros(lag.p50), micros(lag.p99), micros(lag.max)),
    );
    let cluster = format!("{} {}", report.cluster.kind, report.cluster.version);
    let lines = [
        format!("rollproof {}, seed {}, begun {}", escaped(&report.rollproof), report.seed, escaped(&report.started)),
        format!("cluster: {}", escaped(&cluster)),
        format!("the load: {lag}; the largest gap between two sends was {} ms", report.harness.largest_gap_ms),
    ];
    list(lines.into_iter()).unwrap_or_default()
}

/// Text from outside with every character that Markdown or HTML could take as markup made harmless.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A mention or a bare link would act where the page is shown.
            '@' => safe.push_str("&#64;"),
            ':' => safe.push_str(if safe.ends_with("http") || safe.ends_with("https") { "&#58;" } else { ":" }),
            // Parentheses act only after a bracket, which is escaped.
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '+' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_no_markup() {
        assert_eq!(escaped("a|b\n# c"), "a\\|b \\# c");
        assert_eq!(escaped("<img src=x>"), "&lt;img src=x&gt;");
        assert_eq!(escaped("[x](http://y) @all `z`"), "\\[x\\](http&#58;//y) &#64;all \\`z\\`");
        assert_eq!(escaped("with-prestop"), "with-prestop");
    }
}
