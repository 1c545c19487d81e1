//! The workload that is rolled, read from its manifest without passing it through a typed struct.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::{ManifestObject, ObjectName, list_of, places_of, reference, text};
use super::manifest_error::{FieldRefusal, ManifestError};
use super::strategy;
use super::workload_kind::WorkloadKind;

/// The most replicas that a run takes.
pub(crate) const MAX_REPLICAS: u32 = 1_000;

/// Kubernetes' default of `terminationGracePeriodSeconds` (k8s.io/api core/v1, `DefaultTerminationGracePeriodSeconds`).
pub(crate) const DEFAULT_GRACE_S: i64 = 30;

/// The grace period of a pod in seconds; negative only where the API server would refuse it.
pub(crate) fn grace_s(pod_spec: &Value) -> i64 {
    pod_spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(DEFAULT_GRACE_S)
}

/// A workload, as far as a run must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestWorkload {
    pub index: usize,
    pub kind: WorkloadKind,
    /// Kind and name, for example `deployment/web`.
    pub(crate) reference: String,
    pub name: String,
    /// Its namespace, empty if it names none.
    pub namespace: String,
    /// `spec.replicas`, 1 by default. A `DaemonSet` has one pod for each node instead: 1 until they are counted, see
    /// [`ManifestWorkload::with_pods`].
    pub replicas: u32,
    /// The pods that a rollout may have beyond `replicas`.
    pub surge: u32,
    /// The pods that may be missing during a rollout.
    pub unavailable: u32,
    pub labels: BTreeMap<String, String>,
    /// What selects its pods, as the API takes it in a query.
    pub selector: String,
    pub containers: Vec<ManifestContainer>,
}

/// A container, as far as a run must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestContainer {
    pub name: String,
    pub image: String,
    /// Its TCP ports: name (empty for none) and number.
    pub ports: Vec<(String, u16)>,
}

impl ManifestWorkload {
    /// The same workload with so many pods, which is how a `DaemonSet` is filled in once its nodes are counted
    /// (`status.desiredNumberScheduled`). `manifest` is its object.
    pub(crate) fn with_pods(&self, manifest: &Value, pods: u32) -> Result<Self, ManifestError> {
        let (surge, unavailable) = strategy::resolve(self.kind, manifest, pods)
            .map_err(|refusal| ManifestError::Object { object: ObjectName::boxed(manifest), refusal })?;
        Ok(Self { replicas: pods, surge, unavailable, ..self.clone() })
    }
}

/// The workload that `wanted` names (`deployment/web`), or the only one.
pub(crate) fn workload(objects: &[ManifestObject], wanted: Option<&str>) -> Result<ManifestWorkload, ManifestError> {
    let found = objects.iter().enumerate().filter_map(|(index, object)| Some((index, kind_of(object)?, object)));
    let found = found.collect::<Vec<_>>();
    let (index, kind, object) = if let Some(wanted) = wanted {
        let (kind, name) = WorkloadKind::split(wanted)
            .ok_or_else(|| ManifestError::NotAWorkload { wanted: wanted.to_owned(), present: list_of(objects) })?;
        let named = found.iter().find(|(_, known, object)| *known == kind && object.name() == name);
        *named.ok_or_else(|| ManifestError::NoSuchWorkload {
            wanted: reference(kind.name(), name),
            present: list_of(objects),
        })?
    } else {
        match found.as_slice() {
            [only] => *only,
            [] => return Err(ManifestError::NoWorkload { present: list_of(objects) }),
            several => {
                let present = places_of(several.iter().map(|(_, _, object)| *object));
                return Err(ManifestError::WhichWorkload { present });
            }
        }
    };
    read(index, kind, object)
}

fn kind_of(object: &ManifestObject) -> Option<WorkloadKind> {
    WorkloadKind::ALL.into_iter().find(|kind| object.is(kind.name(), "apps"))
}

fn read(index: usize, kind: WorkloadKind, object: &ManifestObject) -> Result<ManifestWorkload, ManifestError> {
    let bad = |refusal| ManifestError::Object { object: ObjectName::boxed(&object.value), refusal };
    let value = &object.value;
    check_shape(value).map_err(bad)?;
    let replicas = match value.pointer("/spec/replicas") {
        None | Some(Value::Null) => 1,
        Some(_) if kind == WorkloadKind::DaemonSet => 1,
        Some(replicas) => replicas
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| (1..=MAX_REPLICAS).contains(n))
            .ok_or_else(|| {
                let found = if replicas.is_number() { replicas.to_string() } else { type_of(replicas).to_owned() };
                bad(FieldRefusal::is("spec.replicas", &format!("{found}, expected 1 to {MAX_REPLICAS} pods to roll")))
            })?,
    };
    if kind == WorkloadKind::Deployment && value.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Err(bad(FieldRefusal::is("spec.paused", "true, expected a Deployment that rolls out; remove it")));
    }
    let (surge, unavailable) = strategy::resolve(kind, value, replicas).map_err(bad)?;
    let containers = value.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let containers = containers.map(Vec::as_slice).unwrap_or_default().iter().map(container).collect::<Vec<_>>();
    if containers.is_empty() {
        let rest = "empty, expected at least one container";
        return Err(bad(FieldRefusal::is("spec.template.spec.containers", rest)));
    }
    let labels = value.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let labels: BTreeMap<_, _> =
        labels.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    Ok(ManifestWorkload {
        index,
        kind,
        reference: object.reference(),
        name: object.name().to_owned(),
        namespace: object.namespace().to_owned(),
        replicas,
        surge,
        unavailable,
        selector: selector(value, &labels),
        labels,
        containers,
    })
}

/// What leads to the containers must have its type: else they would only seem to be missing.
fn check_shape(value: &Value) -> Result<(), FieldRefusal> {
    for (field, expected) in [
        ("spec", "a mapping"),
        ("spec.template", "a mapping"),
        ("spec.template.spec", "a mapping"),
        ("spec.template.spec.containers", "a list"),
    ] {
        let found = value.pointer(&format!("/{}", field.replace('.', "/"))).unwrap_or(&Value::Null);
        if !found.is_null() && type_of(found) != expected {
            return Err(FieldRefusal::is(field, &format!("{}, expected {expected}", type_of(found))));
        }
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The workload's own selector in the words of a query. The template's labels are not enough: a rollout may change them.
fn selector(value: &Value, labels: &BTreeMap<String, String>) -> String {
    let own = value.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let own = own.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    let expressions = value.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    let expressions = expressions.into_iter().flatten().filter_map(|expression| {
        let key = text(expression, "/key");
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = values.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        match text(expression, "/operator") {
            "In" => Some(format!("{key} in ({values})")),
            "NotIn" => Some(format!("{key} notin ({values})")),
            "Exists" => Some(key.to_owned()),
            "DoesNotExist" => Some(format!("!{key}")),
            _ => None,
        }
    });
    let parts = own.chain(expressions).collect::<Vec<_>>();
    if parts.is_empty() {
        return labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    }
    parts.join(",")
}

fn container(value: &Value) -> ManifestContainer {
    let ports = value.get("ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    ManifestContainer {
        name: text(value, "/name").to_owned(),
        image: text(value, "/image").to_owned(),
        ports: ports
            .iter()
            .filter(|port| matches!(text(port, "/protocol"), "" | "TCP"))
            .filter_map(|port| {
                let number = u16::try_from(port.get("containerPort")?.as_u64()?).ok()?;
                Some((text(port, "/name").to_owned(), number))
            })
            .collect(),
    }
}
