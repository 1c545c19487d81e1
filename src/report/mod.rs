//! The report of an analysis in its formats: writers that compute nothing.
//!
//! - `terminal`, `markdown`, `junit`, `hlog`: the formats; `report.json` is the analysis itself
//! - `sentences`: the first sentences, the same on the terminal and on the page
//! - `doors`: what was lost at which door
//! - `grouped`: causes and advice for the terminal, each once
//! - `wrap`: long lines
//! - `incident`: one incident as a page for people
//! - `page`, `escape`: Markdown's blocks, and text from outside in them
//! - `tests`, `terminal_tests`: reports as people and programs get them
//! - `words`, `compared`: sentences and numbers that several writers share

mod compared;
pub(crate) mod doors;
mod escape;
mod grouped;
mod hlog;
mod incident;
mod junit;
mod markdown;
mod page;
mod sentences;
mod terminal;
#[cfg(test)]
mod terminal_tests;
#[cfg(test)]
mod tests;
mod words;
mod wrap;

use crate::analysis::ReportDoc;
pub(crate) use escape::without_controls;
pub use escape::{html, markdown, terminal, terminal_page};
pub use hlog::render as to_hlog;
pub use incident::{NoIncident, incident_page};
pub use junit::render as to_junit;
pub use markdown::render as to_markdown;
pub use terminal::{TerminalStyle, render as to_terminal};
#[cfg(test)]
pub(crate) use terminal_tests::unwrapped;
pub use words::{one_line, patch_file};
// What the writers of other layers share with those here.
pub(crate) use compared::{
    comparison_lines, conclusion, difference_words, in_brackets, interval, p_is, range_words, signed,
};
pub(crate) use sentences::{
    LossMark, comparison_sentences, lost_words, node_words, place, verdict_note, zero_sentences,
};
pub(crate) use words::{
    causes_by_count, expect_name, gap_words, is_invisible, lag_words, limits_words, micros, probability, seconds,
    send_lag_words,
};

/// `report.json`: two spaces of indent and a last newline. The same report gives the same bytes.
#[must_use]
pub fn to_json(report: &ReportDoc) -> String {
    pretty(report)
}

/// The JSON Schema of `report.json`.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ReportDoc).to_value()
}

pub(crate) fn pretty(document: &impl serde::Serialize) -> String {
    // Map keys are strings and numbers are finite, so that serialisation cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
