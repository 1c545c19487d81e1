//! The summary that ends a run on a terminal: what came out, in one screen, with the verdict last.

use std::collections::BTreeSet;
use std::path::Path;

use super::doors::{door_sentences, lost_by_door};
use super::grouped::{CauseGroup, FixChange, FixGroup, by_causes, by_fix, patches};
use super::sentences::{
    LOSS_EXPECTED, LossMark, REASON_MAX, comparison_rows, lost_words, measured_words, name, named, place, thousands,
    verdict_note, zero_sentences,
};
use super::words::{clipped, hidden_words, lag_words, lost_lines, one_line};
use super::wrap::{wrapped, wrapped_text};
use crate::analysis::{ReportDoc, VariantDoc};
use crate::hidden::listed;
use crate::verdict::Verdict;

/// Rows of a screen: those of the usual one, and those that many variants may take.
const ROWS: usize = 24;
const MOST_ROWS: usize = 40;
/// Prose that is wider is hard to read; what is narrower holds no table.
const COLUMNS: (usize, usize) = (40, 120);
/// Columns that are left for what was lost beside a variant's name; where there are fewer, it stands below.
const BESIDE_NAME: usize = 44;
/// Variants of which the screen shows more than what they lost.
const DETAILED: usize = 4;
/// Causes with their meaning, changes of a fix, and reasons why trials do not count.
const MOST_CAUSES: usize = 3;
const MOST_CHANGES: usize = 3;
const MOST_REASONS: usize = 5;
/// Trials that are named by number.
const MOST_TRIALS: usize = 6;

/// How the terminal takes a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalStyle {
    /// The columns at which lines wrap.
    pub columns: usize,
    /// Whether it is coloured.
    pub colour: bool,
}

impl TerminalStyle {
    /// Without colour, and as wide as most: for a pipe or a file.
    pub const PLAIN: Self = Self { columns: 80, colour: false };

    /// Text that is shown beside the summary, wrapped as that is.
    #[must_use]
    pub fn wrapped(self, text: &str) -> String {
        wrapped_text(text, self.columns())
    }

    fn columns(self) -> usize {
        self.columns.clamp(COLUMNS.0, COLUMNS.1)
    }

    fn painted(self, text: &str, code: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

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
    /// Beyond the summary: where there is room.
    Routing,
    Example,
}

/// Pieces of one section follow each other without an empty line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Trials,
    Comparison,
    Why(usize),
    Fix(usize),
    Beyond,
    Notes,
}

/// Rows that are shown together or not at all.
struct Piece {
    section: Section,
    rank: Rank,
    /// The first row is a title.
    titled: bool,
    rows: Vec<String>,
}

/// The summary, ended by a newline: at most a screen of 24 rows for one or two variants and of 40 for many, unless what each variant
/// lost alone takes more. It ends with the verdict, and names the page in `directory`, if there is one.
#[must_use]
pub fn render(report: &ReportDoc, style: TerminalStyle, directory: Option<&Path>) -> String {
    let columns = style.columns();
    let mut top = wrapped(&format!("{} {}", one_line(&report.scenario), place(report)), columns, 2);
    top.push(String::new());
    top.extend(variants(report, style));
    let last = last_row(report, style, directory);
    // The empty line before the verdict.
    let taken = top.iter().map(|row| rows(row, columns)).sum::<usize>() + 2;
    let most = (ROWS - 6 + 3 * report.variants.len()).clamp(ROWS, MOST_ROWS);
    let room = most.saturating_sub(taken);
    let (mut shown, mut left_out) = fitting(pieces(report, columns, MOST_CAUSES), room, columns);
    if left_out > 0 {
        (shown, left_out) = fitting(pieces(report, columns, 1), room, columns);
    }
    if left_out > 0 {
        // The words on what is left out.
        (shown, left_out) = fitting(pieces(report, columns, 1), room.saturating_sub(1), columns);
    }
    let mut lines = top;
    let mut above = None;
    for piece in shown {
        if above != Some(piece.section) {
            lines.push(String::new());
        }
        above = Some(piece.section);
        let title = |(at, row): (usize, String)| {
            if at == 0 && piece.titled { style.painted(&row, "1") } else { row }
        };
        lines.extend(piece.rows.into_iter().enumerate().map(title));
    }
    lines.push(String::new());
    if left_out > 0 {
        let words = if left_out == 1 { "1 more line is".to_owned() } else { format!("{left_out} more lines are") };
        lines.push(format!("{words} in report.html and report.md."));
    }
    lines.extend([last, String::new()]);
    lines.join("\n")
}

fn last_row(report: &ReportDoc, style: TerminalStyle, directory: Option<&Path>) -> String {
    let colour = match report.verdict {
        Verdict::Pass => "1;32",
        Verdict::Inconclusive => "1;33",
        Verdict::Fail => "1;31",
    };
    let verdict = style.painted(&report.verdict.name().to_uppercase(), colour);
    let page = directory.map(|directory| format!("   {}", one_line(&directory.join("report.html").to_string_lossy())));
    format!("{verdict}{}", page.unwrap_or_default())
}

/// What each variant lost: a mark, its name, and the numbers below each other.
fn variants(report: &ReportDoc, style: TerminalStyle) -> Vec<String> {
    let columns = style.columns();
    if report.variants.is_empty() {
        return wrapped(&clipped(&one_line(&report.reason), REASON_MAX), columns, 2);
    }
    let longest = |of: &dyn Fn(&VariantDoc) -> String| {
        report.variants.iter().map(|variant| of(variant).chars().count()).max().unwrap_or(0)
    };
    let (names, counts) = (longest(&|variant| name(&variant.name)), longest(&|variant| lost_words(variant).0));
    let beside = columns >= names + 4 + BESIDE_NAME;
    let indent = if beside { names + 4 } else { 4 };
    let mut lines = Vec::new();
    for variant in &report.variants {
        let (count, rest) = lost_words(variant);
        let lost = if count.is_empty() { rest } else { format!("{count:>counts$} {rest}") };
        let sign = LossMark::of(variant).sign();
        let name = name(&variant.name);
        let mut own = if beside {
            wrapped(&format!("{sign} {name:<names$}  {lost}"), columns, indent)
        } else {
            let below = wrapped(&format!("    {lost}"), columns, indent);
            std::iter::once(format!("{sign} {name}")).chain(below).collect()
        };
        if let Some(first) = own.first_mut() {
            // After wrapping, which counts characters.
            *first = format!("{}{}", style.painted(sign, mark_colour(variant)), &first[sign.len()..]);
        }
        let note = verdict_note(variant);
        let measured = if report.variants.len() <= DETAILED { measured_words(variant) } else { String::new() };
        // A reason stands alone.
        let further = if note == LOSS_EXPECTED && !measured.is_empty() {
            vec![format!("{note}; {measured}")]
        } else {
            vec![note, measured]
        };
        let by_door = lost_by_door(variant);
        let further = std::iter::once(&by_door).chain(&further).filter(|words| !words.is_empty());
        own.extend(further.flat_map(|words| wrapped(&format!("    {words}"), columns, 4)));
        lines.extend(own);
    }
    lines
}

/// A loss that was expected is no alarm.
const fn mark_colour(variant: &VariantDoc) -> &'static str {
    match (LossMark::of(variant), variant.verdict) {
        (_, Verdict::Fail) => "1;31",
        (LossMark::Unsure, _) => "1;33",
        (LossMark::Something, _) => "1",
        (LossMark::Nothing, _) => "1;32",
    }
}

/// The pieces in the order in which they are read, with the meaning of so many causes of each variant.
fn pieces(report: &ReportDoc, columns: usize, meant: usize) -> Vec<Piece> {
    let plain = |section: Section, rank: Rank, line: &str, hanging: usize| Piece {
        section,
        rank,
        titled: false,
        rows: wrapped(&one_line(line), columns, hanging),
    };
    let mut all: Vec<Piece> = Vec::new();
    for variant in &report.variants {
        let of = if report.variants.len() > 1 { format!("{}: ", name(&variant.name)) } else { String::new() };
        let words = not_counting(variant).into_iter();
        all.extend(words.map(|words| plain(Section::Trials, Rank::First, &format!("{of}{words}"), 2)));
    }
    let compared = comparison_rows(&report.comparison);
    let hanging = |line: &str| if line.starts_with(' ') { 4 } else { 0 };
    all.extend(compared.iter().map(|line| plain(Section::Comparison, Rank::Comparison, line, hanging(line))));
    all.extend(zero_sentences(report).iter().map(|line| plain(Section::Comparison, Rank::Limit, line, 0)));
    for (number, group) in by_causes(report).iter().enumerate() {
        all.extend(why(group, Section::Why(number), columns, meant));
    }
    let fixes = by_fix(report);
    for (number, group) in fixes.iter().enumerate() {
        all.extend(fix(group, fixes.len(), Section::Fix(number), columns));
    }
    let said = door_sentences(&report.variants);
    all.extend(said.iter().map(|line| plain(Section::Beyond, Rank::Limit, line, 2)));
    let beyond = report.variants.iter().filter_map(lag_words).chain(report.variants.iter().filter_map(hidden_words));
    all.extend(beyond.map(|line| plain(Section::Beyond, Rank::Routing, &line, 2)));
    all.extend(
        report.variants.iter().filter_map(first_lost).map(|line| plain(Section::Beyond, Rank::Example, &line, 2)),
    );
    all.extend(report.notes.iter().map(|note| plain(Section::Notes, Rank::First, &format!("note: {note}"), 6)));
    all
}

/// The rank of the first piece of a group, which stands with its title.
fn first_rank(variants: &[&VariantDoc]) -> Rank {
    if variants.iter().any(|variant| variant.verdict == Verdict::Fail) { Rank::Failed } else { Rank::First }
}

fn why(group: &CauseGroup<'_>, section: Section, columns: usize, meant: usize) -> Vec<Piece> {
    let shown = &group.causes[..group.causes.len().min(meant)];
    let digits = shown.iter().map(|(_, count, _)| thousands(*count).len()).max().unwrap_or(0);
    let letters = shown.iter().map(|(cause, ..)| cause.name().len()).max().unwrap_or(0);
    let mut pieces: Vec<Piece> = Vec::new();
    for (cause, count, incident) in shown {
        let incident = incident.map_or_else(String::new, |id| format!(" (incident {id})"));
        let line =
            format!("  {:>digits$}  {:<letters$}  {}{incident}", thousands(*count), cause.name(), cause.meaning());
        let mut rows = wrapped(&line, columns, digits + letters + 6);
        let titled = pieces.is_empty();
        if titled {
            let title = wrapped(&format!("Why {} lost requests", named(&group.variants)), columns, 4);
            rows.splice(0..0, title);
        }
        let rank = if titled { first_rank(&group.variants) } else { Rank::Further };
        pieces.push(Piece { section, rank, titled, rows });
    }
    let rest: Vec<String> =
        group.causes[shown.len()..].iter().map(|(cause, count, _)| format!("{count} {}", cause.name())).collect();
    if !rest.is_empty() {
        let rows = wrapped(&format!("  and {}", rest.join(", ")), columns, 4);
        pieces.push(Piece { section, rank: first_rank(&group.variants), titled: false, rows });
    }
    pieces
}

fn fix(group: &FixGroup<'_>, groups: usize, section: Section, columns: usize) -> Vec<Piece> {
    let of = if groups > 1 { format!(" for {}", named(&group.variants)) } else { String::new() };
    let mut title = wrapped(&format!("Fix{of}{}", patches(&group.variants)), columns, 4);
    let changes = group.changes.iter().filter(|change| change.change.is_some() || !change.sentences.is_empty());
    let changes: Vec<&FixChange<'_>> = changes.collect();
    let several = changes.len() > 1;
    let mut pieces: Vec<Piece> = Vec::new();
    for change in changes.iter().take(MOST_CHANGES) {
        let causes: Vec<&str> = change.causes.iter().map(|cause| cause.name()).collect();
        let (first, sentences) = match &change.change {
            Some(field) if several => (format!("  {field}   ({})", causes.join(", ")), change.sentences.as_slice()),
            Some(field) => (format!("  {field}"), change.sentences.as_slice()),
            None => (format!("  {}: {}", causes.join(", "), one_line(&change.sentences.join(" "))), &[][..]),
        };
        let titled = pieces.is_empty();
        let rank = if titled { first_rank(&group.variants) } else { Rank::Further };
        let rows = std::mem::take(&mut title).into_iter().chain(wrapped(&first, columns, 4)).collect();
        pieces.push(Piece { section, rank, titled, rows });
        pieces.extend(sentences.iter().map(|sentence| Piece {
            section,
            rank: Rank::Further,
            titled: false,
            rows: wrapped(&format!("    {}", one_line(sentence)), columns, 6),
        }));
    }
    let more = changes.len().saturating_sub(MOST_CHANGES);
    if more > 0 {
        let rows = vec![format!("  and {more} more in report.md")];
        pieces.push(Piece { section, rank: Rank::Further, titled: false, rows });
    }
    pieces
}

/// Why trials decide nothing: once for all with the same reason.
fn not_counting(variant: &VariantDoc) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<u32>)> = Vec::new();
    for trial in variant.trials_list.iter().filter(|trial| !trial.reason.is_empty()) {
        match reasons.iter_mut().find(|(reason, _)| *reason == trial.reason) {
            Some((_, trials)) => trials.push(trial.trial),
            None => reasons.push((&trial.reason, vec![trial.trial])),
        }
    }
    let more: usize = reasons.iter().skip(MOST_REASONS).map(|(_, trials)| trials.len()).sum();
    let rest = (more > 0).then(|| format!("and {more} more trials do not count."));
    let words = |(reason, trials): (&str, Vec<u32>)| {
        let mut numbers: Vec<String> = trials.iter().take(MOST_TRIALS).map(u32::to_string).collect();
        let left = trials.len() - numbers.len();
        numbers.extend((left > 0).then(|| format!("{left} more")));
        let numbers = listed(&numbers.iter().map(String::as_str).collect::<Vec<&str>>());
        let (trial, does) = if trials.len() == 1 { ("trial", "does") } else { ("trials", "do") };
        format!("{trial} {numbers} {does} not count: {}", clipped(reason, REASON_MAX))
    };
    reasons.into_iter().take(MOST_REASONS).map(words).chain(rest).collect()
}

fn first_lost(variant: &VariantDoc) -> Option<String> {
    let first = lost_lines(variant.first_lost.get(..1)?).pop()?;
    Some(format!("{}: the first was lost at {first}", name(&variant.name)))
}

/// The pieces that fit into so many rows, in their order, and how many rows of the summary itself are left out.
fn fitting(pieces: Vec<Piece>, mut room: usize, columns: usize) -> (Vec<Piece>, usize) {
    let needed = |piece: &Piece| piece.rows.iter().map(|row| rows(row, columns)).sum::<usize>();
    let mut by_rank: Vec<(usize, &Piece)> = pieces.iter().enumerate().collect();
    by_rank.sort_by_key(|(_, piece)| piece.rank);
    let (mut kept, mut sections) = (BTreeSet::new(), BTreeSet::new());
    for (index, piece) in by_rank {
        // An empty line parts it from the section above.
        let taken = needed(piece) + usize::from(!sections.contains(&piece.section));
        if taken <= room {
            room -= taken;
            kept.insert(index);
            sections.insert(piece.section);
        }
    }
    let left_out =
        pieces.iter().enumerate().filter(|(index, piece)| !kept.contains(index) && piece.rank < Rank::Routing);
    let left_out = left_out.map(|(_, piece)| needed(piece)).sum();
    let shown = pieces.into_iter().enumerate().filter(|(index, _)| kept.contains(index));
    (shown.map(|(_, piece)| piece).collect(), left_out)
}

/// The rows that a line takes, should it hold a word that is wider than the terminal. Colours take none.
fn rows(line: &str, columns: usize) -> usize {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().map_or(0, |part| part.chars().count());
    let rest = parts.map(|part| part.split_once('m').map_or(0, |(_, text)| text.chars().count()));
    (first + rest.sum::<usize>()).div_ceil(columns).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_more_is_kept_and_the_order_stays() {
        let piece = |section, rank, rows: &[&str]| Piece {
            section,
            rank,
            titled: false,
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        };
        let all = || {
            vec![
                piece(Section::Comparison, Rank::Limit, &["a", "a"]),
                piece(Section::Comparison, Rank::Comparison, &["b"]),
                piece(Section::Beyond, Rank::Example, &["c"]),
                piece(Section::Notes, Rank::First, &["d"]),
            ]
        };
        let shown = |room| {
            let (shown, left_out) = fitting(all(), room, 80);
            (shown.into_iter().map(|piece| piece.rows.join("")).collect::<Vec<String>>(), left_out)
        };
        assert_eq!(shown(4), (vec!["b".to_owned(), "d".to_owned()], 2), "each section takes an empty line");
        assert_eq!(shown(6), (vec!["aa".to_owned(), "b".to_owned(), "d".to_owned()], 0), "an example is not missed");
        assert_eq!(shown(8).0.len(), 4);
        assert_eq!(shown(0), (vec![], 4));
    }
}
