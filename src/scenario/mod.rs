//! The scenario file: what it may hold, and what is wrong with it.
//!
//! Must not know what becomes of a scenario: [`crate::plan`] joins it with manifests.

pub mod command;
pub mod http;
pub mod load;
pub mod model;
pub mod schema;
pub mod shapes;
pub mod shipped;
pub mod values;

pub use load::{Scenario, ScenarioError, load, parse};
pub use schema::schema_json;
pub use shipped::ShippedFiles;
