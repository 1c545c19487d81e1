//! `report.json` and its schema.

use serde_json::Value;

use crate::analysis::ReportDoc;

/// The report as JSON with two spaces of indent and a last newline. The same report gives the same bytes.
#[must_use]
pub fn render(report: &ReportDoc) -> String {
    // Map keys are strings and numbers are finite, so that serialisation cannot fail.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// The JSON Schema of `report.json`.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(ReportDoc).to_value()
}
