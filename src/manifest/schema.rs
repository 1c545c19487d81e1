//! Whether an object has only fields that Kubernetes knows, and each of its type. The types of `k8s-openapi` say so: they name their
//! fields when an object is read into them, so that no list of fields has to be kept here.

use std::cell::RefCell;
use std::fmt;

use k8s_openapi::Resource;
use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v1 as autoscaling_v1, autoscaling::v2 as autoscaling, batch::v1 as batch,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
    networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::redact::without_quoted;
use crate::yaml::nearest;

/// The Kubernetes whose fields are known: the feature `v1_34` of `k8s-openapi`.
pub(crate) const KNOWN_MINOR: u32 = 34;

/// A field that an object has and its kind does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownField {
    /// Where, for example `spec.template.spec.containers[0].comand`.
    pub(crate) path: String,
    /// The field that was probably meant.
    pub(crate) meant: Option<&'static str>,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meant {
            Some(meant) => write!(f, "unknown field {}: did you mean `{meant}`?", self.path),
            None => write!(f, "unknown field {}", self.path),
        }
    }
}

/// A field that has another type than its kind gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MistypedField {
    /// Where; empty where it cannot be told.
    pub(crate) path: String,
    message: String,
}

impl fmt::Display for MistypedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl MistypedField {
    /// From what a reader says, with the path before it.
    fn new(said: &str, kind: &str) -> Self {
        let (path, message) = match said.split_once(": invalid ") {
            Some((path, rest)) if !path.contains(' ') => (path, format!("invalid {rest}")),
            _ => ("", said.to_owned()),
        };
        // Not the value: of a Secret not even a number.
        let message = match message.rsplit_once(", expected ") {
            Some((_, expected)) if kind == "Secret" => format!("invalid type, expected {expected}"),
            _ => without_quoted(&message),
        };
        Self { path: path.to_owned(), message }
    }
}

type Reader = fn(&Value) -> Result<Vec<UnknownField>, serde_json::Error>;

/// An API version, a kind in it, and how to read an object of it.
type KnownKind = (&'static str, &'static str, Reader);

const fn kind<T: Resource + DeserializeOwned>() -> KnownKind {
    (T::API_VERSION, T::KIND, read::<T>)
}

/// Kubernetes' own kinds that manifests hold, and those that the embedded cluster stores.
const KINDS: &[KnownKind] = &[
    kind::<apps::ControllerRevision>(),
    kind::<apps::DaemonSet>(),
    kind::<apps::Deployment>(),
    kind::<apps::ReplicaSet>(),
    kind::<apps::StatefulSet>(),
    kind::<autoscaling::HorizontalPodAutoscaler>(),
    kind::<autoscaling_v1::HorizontalPodAutoscaler>(),
    kind::<batch::CronJob>(),
    kind::<batch::Job>(),
    kind::<coordination::Lease>(),
    kind::<core::ConfigMap>(),
    kind::<core::Endpoints>(),
    kind::<core::Event>(),
    kind::<core::LimitRange>(),
    kind::<core::Namespace>(),
    kind::<core::Node>(),
    kind::<core::PersistentVolumeClaim>(),
    kind::<core::Pod>(),
    kind::<core::PodTemplate>(),
    kind::<core::ReplicationController>(),
    kind::<core::ResourceQuota>(),
    kind::<core::Secret>(),
    kind::<core::Service>(),
    kind::<core::ServiceAccount>(),
    kind::<discovery::EndpointSlice>(),
    kind::<events::Event>(),
    kind::<networking::Ingress>(),
    kind::<networking::NetworkPolicy>(),
    kind::<policy::PodDisruptionBudget>(),
    kind::<rbac::Role>(),
    kind::<rbac::RoleBinding>(),
];

/// The API versions that have this kind; empty for kinds that are not Kubernetes' own.
pub(super) fn versions_of(kind: &str) -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter(move |(_, known, _)| *known == kind).map(|(version, ..)| *version)
}

/// The API versions of all known kinds.
pub(super) fn versions() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(version, ..)| *version)
}

/// The fields of `object` that its kind does not have, or the first that has not its type. Nothing is known of other kinds.
pub(crate) fn unknown_fields(
    api_version: &str,
    kind: &str,
    object: &Value,
) -> Result<Vec<UnknownField>, MistypedField> {
    let known = KINDS.iter().find(|(version, name, _)| (*version, *name) == (api_version, kind));
    let found = known.map_or(Ok(Vec::new()), |(.., read)| read(object));
    found.map_err(|error| MistypedField::new(&error.to_string(), kind))
}

fn read<T: DeserializeOwned>(object: &Value) -> Result<Vec<UnknownField>, serde_json::Error> {
    let found = RefCell::default();
    T::deserialize(FieldReader { value: object, path: &FieldPath::Root, found: &found })?;
    Ok(found.into_inner())
}

enum FieldPath<'p> {
    Root,
    Key(&'p FieldPath<'p>, &'p str),
    Index(&'p FieldPath<'p>, usize),
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Reads a value as `serde_json` does, and notes the keys that a struct does not ask for.
#[derive(Clone, Copy)]
struct FieldReader<'de, 'p> {
    value: &'de Value,
    path: &'p FieldPath<'p>,
    found: &'p RefCell<Vec<UnknownField>>,
}

impl<'de> FieldReader<'de, '_> {
    fn map<V: Visitor<'de>>(
        self,
        fields: &'de Map<String, Value>,
        known: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, serde_json::Error> {
        visitor.visit_map(FieldEntries { entries: fields.iter(), current: None, known, reader: self })
    }

    fn at_path(self, error: &serde_json::Error) -> serde_json::Error {
        Error::custom(format!("{}: {error}", self.path))
    }
}

impl<'de> Deserializer<'de> for FieldReader<'de, '_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::Object(fields) => self.map(fields, None, visitor),
            Value::Array(elements) => {
                visitor.visit_seq(FieldElements { elements: elements.iter().enumerate(), reader: self })
            }
            scalar => scalar.deserialize_any(visitor).map_err(|error| self.at_path(&error)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::Object(fields) => self.map(fields, Some(known), visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct FieldEntries<'de, 'p> {
    entries: serde_json::map::Iter<'de>,
    current: Option<(&'de str, &'de Value)>,
    /// `None` where keys are free, as in labels.
    known: Option<&'static [&'static str]>,
    reader: FieldReader<'de, 'p>,
}

impl<'de> MapAccess<'de> for FieldEntries<'de, '_> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.current = Some((key, value));
        if let Some(known) = self.known.filter(|known| !known.contains(&key.as_str())) {
            let same = known.iter().copied().find(|name| name.eq_ignore_ascii_case(key));
            let meant = same.or_else(|| nearest(key, known.iter().copied()));
            let path = FieldPath::Key(self.reader.path, key).to_string();
            self.reader.found.borrow_mut().push(UnknownField { path, meant });
        }
        let key: BorrowedStrDeserializer<'de, Self::Error> = BorrowedStrDeserializer::new(key);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Self::Error> {
        let (key, value) = self.current.take().ok_or_else(|| Error::custom("a value without its key"))?;
        seed.deserialize(FieldReader { value, path: &FieldPath::Key(self.reader.path, key), ..self.reader })
    }
}

struct FieldElements<'de, 'p> {
    elements: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    reader: FieldReader<'de, 'p>,
}

impl<'de> SeqAccess<'de> for FieldElements<'de, '_> {
    type Error = serde_json::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Self::Error> {
        let Some((index, value)) = self.elements.next() else { return Ok(None) };
        let path = FieldPath::Index(self.reader.path, index);
        seed.deserialize(FieldReader { value, path: &path, ..self.reader }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn found(version: &str, kind: &str, object: &Value) -> Vec<(String, Option<&'static str>)> {
        let fields = unknown_fields(version, kind, object).unwrap();
        fields.into_iter().map(|field| (field.path, field.meant)).collect()
    }

    #[test]
    fn an_unknown_field_is_found_at_any_depth_with_what_was_meant() {
        let container = json!({"name": "web", "comand": ["a"], "lifecycle": {"prestop": {}}, "env": [{"nam": "a"}]});
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "lables": {}},
            "spec": {"strategi": {"type": "Recreate"}, "colour": "blue", "selector": {},
                "template": {"spec": {"containers": [container], "terminationGracePeriodSecond": 40}}}});
        let container = "spec.template.spec.containers[0]";
        assert_eq!(
            found("apps/v1", "Deployment", &object),
            [
                ("metadata.lables".to_owned(), Some("labels")),
                ("spec.colour".to_owned(), None),
                ("spec.strategi".to_owned(), Some("strategy")),
                (format!("{container}.comand"), Some("command")),
                (format!("{container}.env[0].nam"), Some("name")),
                (format!("{container}.lifecycle.prestop"), Some("preStop")),
                ("spec.template.spec.terminationGracePeriodSecond".to_owned(), Some("terminationGracePeriodSeconds")),
            ]
        );
        let service = json!({"spec": {"selektor": {"app": "web"}, "ports": [{"port": 80, "targetport": 1}]}});
        let meant: Vec<_> = found("v1", "Service", &service).into_iter().map(|(_, meant)| meant).collect();
        assert_eq!(meant, [Some("targetPort"), Some("selector")]);
    }

    #[test]
    fn free_keys_nulls_and_other_kinds_are_left_alone() {
        let object = json!({"metadata": {"labels": {"comand": "x"}, "annotations": null},
            "spec": {"selector": null, "template": {"spec": {"volumes": null, "containers": [
                {"name": "web", "resources": {"limits": {"cpu": 1, "example.com/gpu": "1"}},
                 "readinessProbe": {"httpGet": {"port": "http"}}}]}}}});
        assert_eq!(found("apps/v1", "Deployment", &object), []);
        assert_eq!(found("v1", "ConfigMap", &json!({"data": {"any.key": "x"}})), []);
        assert_eq!(found("example.com/v1", "Deployment", &json!({"spec": {"strategi": 1}})), []);
    }

    #[test]
    fn a_wrong_type_is_told_with_its_path() {
        let object =
            json!({"spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "a", "args": ["b", 1]}]}}}});
        let error = unknown_fields("apps/v1", "Deployment", &object).unwrap_err().to_string();
        assert!(error.contains("spec.template.spec.containers[0].args[1]: invalid type: integer `1`"), "{error}");
        let number = unknown_fields("v1", "Secret", &json!({"stringData": {"pin": 1234}})).unwrap_err();
        assert_eq!((number.path.as_str(), number.to_string().contains("1234")), ("stringData.pin", false), "{number}");
        let text = unknown_fields("apps/v1", "Deployment", &json!({"spec": {"replicas": "hunter2"}})).unwrap_err();
        assert!(text.to_string().starts_with("spec.replicas: invalid type: string, expected"), "{text}");
    }
}
