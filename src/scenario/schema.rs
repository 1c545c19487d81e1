//! The scenario's JSON Schema, for editors and for `rollproof schema scenario`.

use super::model::ScenarioFile;

/// The schema as JSON text, ending in a line break.
///
/// # Errors
/// None in practice: the schema is plain data.
pub fn schema_json() -> Result<String, serde_json::Error> {
    let schema = schemars::schema_for!(ScenarioFile);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
