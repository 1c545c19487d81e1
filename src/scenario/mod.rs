//! The scenario file: what it may hold, and what is wrong with it.
//!
//! Must not know what becomes of a scenario: [`crate::plan`] joins it with manifests.
//!
//! - `http`: path, method, status and headers of a request
//! - `model`: the scenario file, key by key
//! - `read_scenario`: reads and checks a scenario
//! - `scenario_command`: a rollout by the user's own command
//! - `schema`: the scenario's JSON Schema
//! - `shapes`: values that may be written in more than one way
//! - `shipped`: the scenarios and manifests that are compiled in
//! - `values`: small values with bounds: rates, durations, names

pub mod http;
pub mod model;
mod read_scenario;
pub mod scenario_command;
mod schema;
pub mod shapes;
pub mod shipped;
pub mod values;

pub use read_scenario::{Scenario, ScenarioError, load, parse};
pub use schema::schema_json;
pub use shipped::ShippedFiles;
