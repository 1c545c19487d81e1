//! The report of an analysis in its formats: writers that compute nothing.
//!
//! - `terminal`, `markdown`, `junit`, `json`, `hlog`: the formats
//! - `incident`: one incident as a page for people
//! - `page`, `escape`: Markdown's blocks, and text from outside in them
//! - `words`, `compared`: sentences and numbers that several writers share

mod compared;
mod escape;
mod hlog;
mod incident;
mod json;
mod junit;
mod markdown;
mod page;
mod terminal;
mod words;

pub use escape::{html, markdown};
pub use hlog::render as to_hlog;
pub use incident::{NoIncident, incident_page};
pub use json::{render as to_json, schema};
pub use junit::render as to_junit;
pub use markdown::render as to_markdown;
pub use terminal::render as to_terminal;
pub use words::{one_line, patch_file, probability};
// What the writers of other layers share with those here.
pub(crate) use compared::{comparison_lines, conclusion, interval, signed};
pub(crate) use words::{expect_name, is_invisible, lag_words, limits_words, micros, seconds};
