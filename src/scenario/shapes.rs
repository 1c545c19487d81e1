//! Shapes that a scenario may write in more than one way, and maps whose order matters.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::values::{MAX_VARIANTS, ScenarioName};
use crate::manifest::PortName;
use crate::record::Arm;
use crate::yaml::Located;

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneOrMore<T>(pub(crate) Vec<Located<T>>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

enum OneOrMoreShape<T> {
    One(T),
    List(Vec<Located<T>>),
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMoreShape<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMoreShape<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMoreShape::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMoreShape<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMoreShape::One)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMoreShape<T>, E> {
        T::deserialize(serde::de::value::StrDeserializer::new(text)).map(OneOrMoreShape::One)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<OneOrMoreShape<T>, E> {
        T::deserialize(serde::de::value::U64Deserializer::new(number)).map(OneOrMoreShape::One)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<OneOrMoreShape<T>, E> {
        T::deserialize(serde::de::value::I64Deserializer::new(number)).map(OneOrMoreShape::One)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMoreShape<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Located::<OneOrMoreShape<T>>::deserialize(deserializer)?;
        Ok(Self(match shape.value {
            OneOrMoreShape::One(value) => vec![Located { value, place: shape.place }],
            OneOrMoreShape::List(list) => list,
        }))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Several{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

/// A patch: a file, or the patch itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PatchSource {
    /// A file, relative to the scenario.
    File(String),
    Inline(Value),
}

struct PatchVisitor;

impl<'de> Visitor<'de> for PatchVisitor {
    type Value = PatchSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path of a patch, or the patch itself")
    }

    fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<PatchSource, E> {
        Ok(PatchSource::File(path.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PatchSource, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(PatchSource::Inline)
    }
}

impl<'de> Deserialize<'de> for PatchSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatchVisitor)
    }
}

scenario_value!(PatchSource, "Patch", {
    "description": "The path of a strategic merge patch, relative to the scenario, or the patch itself.",
    "type": ["string", "object"]
});

/// The arms that carry a kind of request, with weights above 0: a list weighs all alike.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArmWeights(pub(crate) Vec<(Arm, f64)>);

struct ArmWeightsVisitor;

impl<'de> Visitor<'de> for ArmWeightsVisitor {
    type Value = ArmWeights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arms such as [new, reused], or arms with weights such as {new: 3, reused: 1}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ArmWeights, A::Error> {
        let mut arms = Vec::new();
        while let Some(arm) = list.next_element::<Arm>()? {
            add_arm(&mut arms, arm, 1.0).map_err(A::Error::custom)?;
        }
        nonempty(arms).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ArmWeights, A::Error> {
        let mut arms = Vec::new();
        while let Some((arm, weight)) = map.next_entry::<Arm, f64>()? {
            add_arm(&mut arms, arm, weight).map_err(A::Error::custom)?;
        }
        nonempty(arms).map_err(A::Error::custom)
    }
}

fn add_arm(arms: &mut Vec<(Arm, f64)>, arm: Arm, weight: f64) -> Result<(), String> {
    if !(weight > 0.0 && weight <= 1e6) {
        return Err(format!("the weight of {} is {weight}, expected a number above 0 and at most 1000000", arm.name()));
    }
    if arms.iter().any(|(known, _)| *known == arm) {
        return Err(format!("the arm {} is named twice, expected each once", arm.name()));
    }
    arms.push((arm, weight));
    Ok(())
}

fn nonempty(arms: Vec<(Arm, f64)>) -> Result<ArmWeights, String> {
    if arms.is_empty() {
        return Err("there is no arm, expected at least one of new, reused, blind, pooled".to_owned());
    }
    Ok(ArmWeights(arms))
}

impl<'de> Deserialize<'de> for ArmWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArmWeightsVisitor)
    }
}

impl JsonSchema for ArmWeights {
    fn schema_name() -> Cow<'static, str> {
        "Arms".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let arm = generator.subschema_for::<Arm>();
        let weight = json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1e6});
        json_schema!({"oneOf": [
            {"type": "array", "items": arm, "minItems": 1, "uniqueItems": true},
            {"type": "object", "propertyNames": arm, "additionalProperties": weight, "minProperties": 1}
        ]})
    }
}

/// A program with its arguments, and another that undoes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScenarioCommand {
    pub(crate) run: Vec<String>,
    /// The unmeasured way back.
    pub(crate) back: Option<Vec<String>>,
}

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

scenario_value!(ScenarioCommand, "Command", {
    "description": "A program with its arguments, or `run` with one and `back` with one that undoes it.",
    "oneOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "object", "properties": {
            "run": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "back": {"type": "array", "items": {"type": "string"}, "minItems": 1}
        }, "required": ["run"], "additionalProperties": false}
    ]
});

/// A port of the Service, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortSetting(pub(crate) PortName);

struct PortVisitor;

impl Visitor<'_> for PortVisitor {
    type Value = PortSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port from 1 to 65535 or a port's name")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<PortSetting, E> {
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(PortSetting(PortName::Number(port))),
            _ => Err(E::custom(format!("the port is {number}, expected 1 to 65535 or a port's name"))),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<PortSetting, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format!("the port is {number}, expected 1 to 65535 or a port's name"))),
        }
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<PortSetting, E> {
        match name {
            "" => Err(E::custom("the port's name is empty, expected 1 to 65535 or a port's name")),
            name => Ok(PortSetting(PortName::Name(name.to_owned()))),
        }
    }
}

impl<'de> Deserialize<'de> for PortSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

scenario_value!(PortSetting, "Port", {"oneOf": [
    {"type": "integer", "minimum": 1, "maximum": 65535},
    {"type": "string", "minLength": 1}
]});

/// A mapping from names, in the order in which it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedList<T>(pub(crate) Vec<(Located<ScenarioName>, T)>);

impl<T> Default for NamedList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for NamedVisitor<T> {
    type Value = NamedList<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedList<T>, A::Error> {
        let mut entries: Vec<(Located<ScenarioName>, T)> = Vec::new();
        while let Some(name) = map.next_key::<Located<ScenarioName>>()? {
            if entries.len() >= MAX_VARIANTS {
                return Err(A::Error::custom(format!("there are more than {MAX_VARIANTS} variants, expected fewer")));
            }
            // An empty value, as in `as-it-is:`, is a variant without changes.
            entries.push((name, map.next_value::<Option<T>>()?.unwrap_or_default()));
        }
        Ok(NamedList(entries))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for NamedList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for NamedList<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<ScenarioName>();
        let value = generator.subschema_for::<T>();
        json_schema!({
            "type": "object", "propertyNames": name, "maxProperties": MAX_VARIANTS,
            "additionalProperties": {"anyOf": [value, {"type": "null"}]}
        })
    }
}
