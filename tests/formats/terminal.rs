//! The summary on a terminal: it fits a screen.

use libtest_mimic::Trial;
use rollproof::record::sample::SampleRun;
use rollproof::report::to_terminal;
use rollproof::spec::Expect;

use crate::sample::hostile;
use crate::test;

const ROWS: usize = 40;
const COLUMNS: usize = 100;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("terminal_eight_variants_fit_a_screen", None, eight_variants_fit_a_screen),
        test("terminal_a_small_run_is_shown_whole", None, a_small_run_is_shown_whole),
        test("terminal_hostile_text_steers_nothing", None, hostile_text_steers_nothing),
    ]
}

/// The rows that a terminal needs.
fn rows(text: &str) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(COLUMNS).max(1)).sum()
}

fn eight_variants_fit_a_screen() {
    let names: Vec<String> = (0..8).map(|index| format!("with-a-rather-long-name-{index}")).collect();
    let variants: Vec<(&str, Expect)> = names.iter().map(|name| (name.as_str(), Expect::Clean)).collect();
    let mut run = SampleRun::new(2, &variants).baseline(&names[0]);
    for block in 1..=2 {
        for (index, name) in names.iter().enumerate() {
            run = run.trial(block, name, |trial| trial.lost_times(index));
        }
    }
    let text = to_terminal(&run.finished().report(), false);
    assert!(rows(&text) <= ROWS, "{} rows: {text}", rows(&text));
    assert!(names.iter().all(|name| text.contains(name)), "the table has every variant: {text}");
    let last = text.lines().last().unwrap();
    assert!(last.ends_with("more lines are in report.html and report.md."), "it says where the rest is: {last}");
    assert!(text.contains("why requests were lost") && text.contains("unknown"), "{text}");
}

fn a_small_run_is_shown_whole() {
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| trial.lost_times(2)).finished();
    let text = to_terminal(&run.report(), false);
    assert!(!text.contains("report.html") && text.contains("first lost"), "{text}");
    assert!(!text.contains('\u{1b}') && to_terminal(&run.report(), true).contains("\u{1b}[1;31mFAIL"));
}

fn hostile_text_steers_nothing() {
    let text = to_terminal(&hostile().report(), false);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
    assert!(rows(&text) <= ROWS, "{text}");
}
