//! The summary that ends a run on a terminal: what came out, in one screen.

use std::collections::BTreeSet;

use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::compared::comparison_lines;
use super::words::{
    advice_words, cause_words, clipped, expect_name, hidden_words, lag_words, limits_words, lost_lines, micros,
    not_counting_words, one_line, seconds,
};
use crate::analysis::{ReportDoc, VariantDoc};
use crate::verdict::{Metric, Verdict};

/// Rows of a screen that the summary may take, and the columns at which its lines wrap.
const ROWS: usize = 40;
const COLUMNS: usize = 100;
/// Trials of a variant that do not count and are named.
const MOST_TRIALS: usize = 5;
/// Characters of a variant's name in the table, and of the verdict's reason.
const NAME_MAX: usize = 40;
const REASON_MAX: usize = 400;

/// How much a piece of the summary matters when not all of it fits: the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The first cause and advice of a variant that failed.
    Failed,
    /// What keeps the run from its verdict, and the first cause and advice of each variant.
    First,
    Comparison,
    Limit,
    /// Further causes and advice.
    Further,
    Routing,
    Example,
}

/// Lines that are shown together or not at all.
struct Piece {
    rank: Rank,
    lines: Vec<String>,
}

/// The summary, ended by a newline: at most a screen of 40 rows and 100 columns, unless the table alone takes more. With `color`
/// the verdict is coloured; nothing else differs.
#[must_use]
pub fn render(report: &ReportDoc, color: bool) -> String {
    let reason = clipped(&one_line(&report.reason), REASON_MAX);
    let top = format!("{}  {}: {reason}", verdict_word(report.verdict, color), one_line(&report.scenario));
    let table = table(report);
    // Two empty lines, and the last one about what is left out.
    let taken = rows(&top) + table.lines().map(rows).sum::<usize>() + 3;
    let (shown, left_out) = fitting(pieces(report), ROWS.saturating_sub(taken));
    let mut lines = vec![top, String::new(), table, String::new()];
    lines.extend(shown);
    if left_out > 0 {
        let words = if left_out == 1 { "1 more line is".to_owned() } else { format!("{left_out} more lines are") };
        lines.push(format!("{words} in report.html and report.md."));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The pieces in the order in which they are read.
fn pieces(report: &ReportDoc) -> Vec<Piece> {
    let alone = |rank: Rank, line: String| Piece { rank, lines: vec![one_line(&line)] };
    let mut all: Vec<Piece> = Vec::new();
    let (lost, costs): (Vec<_>, Vec<_>) =
        report.comparison.iter().cloned().partition(|found| found.metric == Metric::Lost);
    for found in lost {
        // What was lost stands before what it costs, and is kept rather.
        let of_this = costs.iter().filter(|cost| cost.variant == found.variant);
        let lines = comparison_lines(&std::iter::once(&found).chain(of_this).cloned().collect::<Vec<_>>());
        let ranks = [Rank::Comparison, Rank::Further];
        all.extend(lines.into_iter().zip(ranks).map(|(line, rank)| alone(rank, line)));
    }
    all.extend(report.variants.iter().filter_map(limits_words).map(|line| alone(Rank::Limit, line)));
    all.extend(report.variants.iter().filter_map(lag_words).map(|line| alone(Rank::Routing, line)));
    for variant in &report.variants {
        all.extend(titled(variant, "why requests were lost", cause_words(report, variant)));
    }
    for variant in &report.variants {
        all.extend(titled(variant, "what would help", advice_words(variant)));
    }
    all.extend(report.variants.iter().filter_map(hidden_words).map(|line| alone(Rank::Routing, line)));
    all.extend(report.variants.iter().filter_map(first_lost));
    for variant in &report.variants {
        let trials = not_counting_words(variant, MOST_TRIALS).into_iter();
        all.extend(trials.map(|words| alone(Rank::First, format!("{}: {words}", variant.name))));
    }
    all.extend(report.notes.iter().map(|note| alone(Rank::First, format!("note: {note}"))));
    all
}

/// The lines of the pieces that fit into so many rows, in their order, and how many lines are left out.
fn fitting(pieces: Vec<Piece>, mut room: usize) -> (Vec<String>, usize) {
    let mut by_rank: Vec<(usize, &Piece)> = pieces.iter().enumerate().collect();
    by_rank.sort_by_key(|(_, piece)| piece.rank);
    let mut kept = BTreeSet::new();
    for (index, piece) in by_rank {
        let needed: usize = piece.lines.iter().map(|line| rows(line)).sum();
        if needed <= room {
            room -= needed;
            kept.insert(index);
        }
    }
    let left_out =
        pieces.iter().enumerate().filter(|(index, _)| !kept.contains(index)).map(|(_, piece)| piece.lines.len());
    let left_out = left_out.sum();
    let shown = pieces.into_iter().enumerate().filter(|(index, _)| kept.contains(index));
    (shown.flat_map(|(_, piece)| piece.lines).collect(), left_out)
}

/// The rows that a line takes.
fn rows(line: &str) -> usize {
    line.chars().count().div_ceil(COLUMNS).max(1)
}

/// The words under a title, which stands above the first of them.
fn titled(variant: &VariantDoc, title: &str, words: Vec<String>) -> Vec<Piece> {
    let title = format!("{}: {title}", one_line(&variant.name));
    let mut pieces: Vec<Piece> = Vec::new();
    for word in words {
        let line = format!("  {}", one_line(&word));
        pieces.push(if pieces.is_empty() {
            let rank = if variant.verdict == Verdict::Fail { Rank::Failed } else { Rank::First };
            Piece { rank, lines: vec![title.clone(), line] }
        } else {
            Piece { rank: Rank::Further, lines: vec![line] }
        });
    }
    pieces
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
        clipped(&one_line(&variant.name), NAME_MAX),
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

fn first_lost(variant: &VariantDoc) -> Option<Piece> {
    if variant.first_lost.is_empty() {
        return None;
    }
    let name = one_line(&variant.name);
    let mut lines = vec![format!("{name}: first lost, seconds after the rollout's first step")];
    lines.extend(lost_lines(&variant.first_lost).iter().map(|line| format!("  {}", one_line(line))));
    let more = variant.lost.saturating_sub(variant.first_lost.len() as u64);
    lines.extend((more > 0).then(|| format!("  and {more} more in the record")));
    Some(Piece { rank: Rank::Example, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_more_is_kept_and_the_order_stays() {
        let piece = |rank, line: &str| Piece { rank, lines: vec![line.to_owned()] };
        let long = "x".repeat(COLUMNS + 1);
        let all = || vec![piece(Rank::Example, "a"), piece(Rank::Limit, &long), piece(Rank::First, "c")];
        assert_eq!(fitting(all(), 2), (vec!["a".to_owned(), "c".to_owned()], 1), "the long one takes two rows");
        assert_eq!(fitting(all(), 3), (vec![long.clone(), "c".to_owned()], 1));
        assert_eq!(fitting(all(), 4).1, 0);
        assert_eq!(fitting(all(), 0), (vec![], 3));
    }
}
