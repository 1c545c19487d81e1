//! The confusion matrix as Markdown, for the terminal and for `docs/diagnosis.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rollproof::diagnose::Cause;

use crate::conditions::Conditions;
use crate::forced::Verdict;
use crate::limits::{Decision, Limits};
use crate::score::{Example, Matrix, Said, Score, Shares};

/// The conditions of a score, its limits, and whether they were met.
pub(crate) fn heading(conditions: &Conditions, decision: &Decision) -> String {
    let limits = Limits::of(conditions.busy).sentence();
    format!("{}\n\n{limits} {}\n\n", conditions.sentence(), decision.sentence())
}

/// The whole score, with examples of errors.
pub(crate) fn whole(score: &Score, forced: &[Verdict]) -> String {
    let mut text = summary(score, forced);
    if !score.errors.is_empty() {
        text.push_str("\nExamples of what was not explained rightly:\n\n");
    }
    for ((truth, said), examples) in &score.errors {
        let _ = writeln!(text, "- {} said to be {}: {}", truth.name(), name(*said), places(examples));
    }
    for (scenario, why) in &score.failed {
        let _ = writeln!(text, "- {scenario} gave nothing: {why}");
    }
    text
}

/// The part that the documentation shows.
pub(crate) fn summary(score: &Score, forced: &[Verdict]) -> String {
    let mut text = format!(
        "{} scenarios, {} trials scored, {} trials left out as invalid, {} scenarios that gave nothing.\n",
        score.scenarios,
        score.trials,
        score.trials_invalid,
        score.failed.len()
    );
    for (what, matrix) in [("request", &score.requests), ("incident", &score.incidents)] {
        let shares = Shares::of(matrix);
        let _ = write!(
            text,
            "\nBy {what}: {} in all, {:.2} % wrong ({}), {:.2} % unknown ({}).\n\n{}",
            shares.all,
            shares.percent(shares.wrong),
            shares.wrong,
            shares.percent(shares.unknown),
            shares.unknown,
            table(matrix)
        );
    }
    let undecidable: u64 = score.undecidable.values().map(|(count, _)| count).sum();
    let _ = writeln!(text, "\nNot scored, because the truth log does not decide: {undecidable} requests.");
    for (why, (count, examples)) in &score.undecidable {
        let _ = writeln!(text, "- {why}: {count} ({})", places(examples));
    }
    text.push_str(&servers(forced));
    text
}

fn servers(forced: &[Verdict]) -> String {
    if forced.is_empty() {
        return String::new();
    }
    let good = forced.iter().filter(|verdict| verdict.good()).count();
    let mut text =
        format!("\nReal servers: {good} of {} right.\n\n| scenario | forced cause | diagnosis said |\n", forced.len());
    text.push_str("| --- | --- | --- |\n");
    for verdict in forced {
        let _ = writeln!(text, "| {} | {} | {} |", verdict.name, verdict.expected.name(), said(verdict));
    }
    text
}

/// What was said of a scenario on a real server, the most frequent first.
pub(crate) fn said(verdict: &Verdict) -> String {
    if verdict.said.is_empty() {
        return verdict.missing.clone();
    }
    let mut said: Vec<(Said, u64)> = verdict.said.iter().map(|(said, count)| (*said, *count)).collect();
    said.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    said.into_iter().map(|(said, count)| format!("{} {count}", name(said))).collect::<Vec<_>>().join(", ")
}

/// Rows are true causes, columns what diagnosis said.
fn table(matrix: &Matrix) -> String {
    let rows: BTreeSet<Cause> = matrix.keys().map(|(truth, _)| *truth).collect();
    let mut columns: Vec<Said> = Vec::new();
    for said in Cause::ALL.into_iter().map(Some).chain([None]) {
        if matrix.keys().any(|(_, known)| *known == said) || said.is_some_and(|cause| rows.contains(&cause)) {
            columns.push(said);
        }
    }
    let mut text = String::from("| truth |");
    for said in &columns {
        let _ = write!(text, " {} |", name(*said));
    }
    let _ = writeln!(text, "\n| --- |{}", " ---: |".repeat(columns.len()));
    for row in rows {
        let _ = write!(text, "| {} |", row.name());
        for said in &columns {
            match matrix.get(&(row, *said)) {
                Some(count) if *said == Some(row) => _ = write!(text, " **{count}** |"),
                Some(count) => _ = write!(text, " {count} |"),
                None => text.push_str(" · |"),
            }
        }
        text.push('\n');
    }
    text
}

fn name(said: Said) -> &'static str {
    said.map_or("missing", Cause::name)
}

fn places(examples: &[Example]) -> String {
    let place = |example: &Example| {
        let Example { scenario, trial, attempt, arm, outcome } = example;
        format!("{scenario} trial {trial} attempt {attempt} ({}, {outcome})", arm.name())
    };
    examples.iter().map(place).collect::<Vec<_>>().join("; ")
}
