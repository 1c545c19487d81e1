//! The summary on a terminal: it fits a screen.

use libtest_mimic::Trial;
use rollproof::analysis::ReportDoc;
use rollproof::record::sample::SampleRun;
use rollproof::report::{TerminalStyle, to_terminal};
use rollproof::spec::Expect;

use crate::sample::hostile;
use crate::test;

const ROWS: usize = 40;
const COLUMNS: usize = 80;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("terminal_many_variants_fit_a_screen", None, many_variants_fit_a_screen),
        test("terminal_a_small_run_is_shown_whole", None, a_small_run_is_shown_whole),
        test("terminal_hostile_text_steers_nothing", None, hostile_text_steers_nothing),
    ]
}

fn shown(report: &ReportDoc) -> String {
    to_terminal(report, TerminalStyle::PLAIN, None)
}

/// The rows that a terminal needs.
fn rows(text: &str) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(COLUMNS).max(1)).sum()
}

/// A run of so many variants, of which all but the first lose something.
fn variants(count: usize) -> (Vec<String>, String) {
    let names: Vec<String> = (0..count).map(|index| format!("with-a-rather-long-name-{index}")).collect();
    let variants: Vec<(&str, Expect)> = names.iter().map(|name| (name.as_str(), Expect::Clean)).collect();
    let mut run = SampleRun::new(2, &variants).baseline(&names[0]);
    for block in 1..=2 {
        for (index, name) in names.iter().enumerate() {
            run = run.trial(block, name, |trial| trial.lost_times(index));
        }
    }
    let text = shown(&run.finished().report());
    (names, text)
}

fn many_variants_fit_a_screen() {
    for (count, is_whole) in [(8, true), (18, false)] {
        let (names, text) = variants(count);
        assert!(rows(&text) <= ROWS, "{} rows: {text}", rows(&text));
        assert!(names.iter().all(|name| text.contains(name)), "every variant is there: {text}");
        let is_told = text.contains("more lines are in report.html and report.md.\n");
        assert_eq!(is_told, !is_whole, "it says where the rest is: {text}");
        assert!(text.contains(" lost requests\n") && text.contains("unknown"), "{text}");
        assert_eq!(text.lines().last(), Some("FAIL"));
    }
}

fn a_small_run_is_shown_whole() {
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| trial.lost_times(2)).finished();
    let text = shown(&run.report());
    assert!(!text.contains("report.html") && text.contains("the first was lost at +1.000 s"), "{text}");
    let coloured = to_terminal(&run.report(), TerminalStyle { columns: 80, colour: true }, None);
    assert!(!text.contains('\u{1b}') && coloured.contains("\u{1b}[1;31mFAIL"));
}

fn hostile_text_steers_nothing() {
    let text = shown(&hostile().report());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    assert!(rows(&text) <= ROWS, "{text}");
}
