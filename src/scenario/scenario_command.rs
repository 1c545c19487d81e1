//! A rollout by the user's own command.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A program with its arguments, and another that undoes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioCommand {
    /// The measured command.
    pub run: Vec<String>,
    /// The unmeasured way back.
    pub back: Option<Vec<String>>,
}

/// The form with keys.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandKeys {
    run: Vec<String>,
    #[serde(default)]
    back: Option<Vec<String>>,
}

struct CommandVisitor;

impl<'de> Visitor<'de> for CommandVisitor {
    type Value = ScenarioCommand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a program with its arguments, such as [helm, upgrade, web, ./chart], or {run: [...], back: [...]}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ScenarioCommand, A::Error> {
        let run = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(ScenarioCommand { run, back: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ScenarioCommand, A::Error> {
        let CommandKeys { run, back } = CommandKeys::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ScenarioCommand { run, back })
    }
}

impl<'de> Deserialize<'de> for ScenarioCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CommandVisitor)
    }
}

impl JsonSchema for ScenarioCommand {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = json_schema!({"type": "array", "items": {"type": "string"}, "minItems": 1});
        json_schema!({
            "description": "A program with its arguments, or `run` with one and `back` with one that undoes it.",
            "oneOf": [
                words,
                {"type": "object", "properties": {"run": words, "back": words}, "required": ["run"],
                    "additionalProperties": false}
            ]
        })
    }
}
