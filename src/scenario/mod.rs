//! The scenario file: what it may hold, and what is wrong with it.
//!
//! Must not know what becomes of a scenario: [`crate::plan`] joins it with manifests.
//!
//! - `http`: path, method, status and headers of a request
//! - `model`: the scenario file, key by key
//! - `read_scenario`: reads and checks a scenario
//! - `schema`: the scenario's JSON Schema
//! - `shapes`: values that may be written in more than one way
//! - `shipped`: the scenarios and manifests that are compiled in
//! - `values`: small values with bounds: rates, durations, names

/// How a value of a scenario is described in the schema and, where `$read` checks a plainer value, how it is read.
macro_rules! scenario_value {
    ($type:ty, $name:literal, $schema:tt $(, $from:ty, $read:expr)?) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }

        $(impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <$from as serde::Deserialize>::deserialize(deserializer)?;
                ($read)(value).map_err(serde::de::Error::custom)
            }
        })?
    };
}

pub(crate) mod http;
pub(crate) mod model;
mod read_scenario;
mod schema;
pub(crate) mod shapes;
pub(crate) mod shipped;
pub(crate) mod values;

#[cfg(test)]
pub(crate) use read_scenario::parse;
pub use read_scenario::{Scenario, ScenarioError, load};
pub(crate) use schema::schema_json;
pub(crate) use shipped::ShippedFiles;
