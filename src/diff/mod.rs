//! Two runs of one scenario beside each other: yesterday's and this one. Pure.
//!
//! The runs were not interleaved, so that their trials are not paired, and whatever changed between them besides the workload is in
//! the difference too. It never decides a verdict. It must not know where the records are, nor who asks.
//!
//! - `build`: from two runs to their comparison
//! - `doc`: `diff.json` as types
//! - `markdown`: `diff.md`
//! - `same`: whether two runs are of one scenario, and what else differs
//! - `words`: the comparison on a terminal

mod build;
mod doc;
mod markdown;
mod same;
mod words;

pub use build::{DiffError, compare};
pub use doc::{DiffDoc, FORMAT, LostDiff, RunDoc, Shift, SideDoc, Test, VariantDiff, schema, to_json};
pub use markdown::render as to_markdown;
pub use words::render as to_terminal;
