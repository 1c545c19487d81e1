//! The workload that is rolled, read from its manifest without passing it through a typed struct.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::{Object, list_of, reference, text};
use super::error::ManifestError;

/// The most replicas that a run takes.
pub const MAX_REPLICAS: u32 = 1_000;

/// A Deployment, as far as a run must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its index among the objects.
    pub index: usize,
    /// Kind and name, for example `deployment/web`.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// Its namespace, empty if it names none.
    pub namespace: String,
    /// `spec.replicas`, 1 by default.
    pub replicas: u32,
    /// The pods that a rollout may have beyond `replicas`.
    pub surge: u32,
    /// The pods that may be missing during a rollout.
    pub unavailable: u32,
    /// The pod template's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod template's containers.
    pub containers: Vec<Container>,
}

/// A container, as far as a run must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its TCP ports: name (empty for none) and number.
    pub ports: Vec<(String, u16)>,
}

/// The workload that `wanted` names (`deployment/web`), or the only Deployment.
pub fn workload(objects: &[Object], wanted: Option<&str>) -> Result<Workload, ManifestError> {
    let deployments =
        objects.iter().enumerate().filter(|(_, object)| object.is("Deployment", "apps")).collect::<Vec<_>>();
    let (index, object) = if let Some(wanted) = wanted {
        let name = deployment_name(wanted)
            .ok_or_else(|| ManifestError::NotAWorkload { wanted: wanted.to_owned(), present: list_of(objects) })?;
        *deployments.iter().find(|(_, object)| object.name() == name).ok_or_else(|| ManifestError::NoSuchWorkload {
            wanted: reference("deployment", name),
            present: list_of(objects),
        })?
    } else {
        match deployments.as_slice() {
            [only] => *only,
            [] => return Err(ManifestError::NoWorkload { present: list_of(objects) }),
            several => {
                let present = list_of(several.iter().map(|(_, object)| *object));
                return Err(ManifestError::WhichWorkload { present });
            }
        }
    };
    read(index, object)
}

/// The name in `deployment/NAME`, in any of kubectl's spellings of the kind.
fn deployment_name(wanted: &str) -> Option<&str> {
    let (kind, name) = wanted.split_once('/')?;
    let known = ["deployment", "deployments", "deploy", "deployment.apps", "deployments.apps"];
    (known.contains(&kind.to_ascii_lowercase().as_str()) && !name.is_empty() && !name.contains('/')).then_some(name)
}

fn read(index: usize, object: &Object) -> Result<Workload, ManifestError> {
    let bad = |message: &str| ManifestError::BadWorkload { workload: object.reference(), message: message.to_owned() };
    let value = &object.value;
    let replicas = match value.pointer("/spec/replicas") {
        None | Some(Value::Null) => 1,
        Some(replicas) => replicas
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| (1..=MAX_REPLICAS).contains(n))
            .ok_or_else(|| bad(&format!("spec.replicas is {replicas}, expected 1 to {MAX_REPLICAS} pods to roll")))?,
    };
    if value.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Err(bad("spec.paused is true, expected a Deployment that rolls out; remove it"));
    }
    let (surge, unavailable) = strategy(value, replicas).map_err(|message| bad(&message))?;
    let containers = value.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let containers = containers.map(Vec::as_slice).unwrap_or_default().iter().map(container).collect::<Vec<_>>();
    if containers.is_empty() {
        return Err(bad("spec.template.spec.containers is empty, expected at least one container"));
    }
    let labels = value.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    Ok(Workload {
        index,
        reference: object.reference(),
        name: object.name().to_owned(),
        namespace: object.namespace().to_owned(),
        replicas,
        surge,
        unavailable,
        labels,
        containers,
    })
}

fn container(value: &Value) -> Container {
    let ports = value.get("ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Container {
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

/// Surge and unavailable pods as the Deployment controller resolves them: 25 % each by default, surge rounded up,
/// unavailable rounded down, and one unavailable pod where both would be none (`ResolveFenceposts` in
/// kubernetes/pkg/controller/deployment/util, v1.34).
fn strategy(value: &Value, replicas: u32) -> Result<(u32, u32), String> {
    match text(value, "/spec/strategy/type") {
        "Recreate" => return Ok((0, replicas)),
        "" | "RollingUpdate" => {}
        other => return Err(format!("spec.strategy.type is `{other}`, expected RollingUpdate or Recreate")),
    }
    let field = |name: &str| value.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
    let surge =
        pods(field("maxSurge"), replicas, Rounding::Up).ok_or_else(|| not_pods("maxSurge", field("maxSurge")))?;
    let unavailable = pods(field("maxUnavailable"), replicas, Rounding::Down)
        .ok_or_else(|| not_pods("maxUnavailable", field("maxUnavailable")))?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

fn not_pods(name: &str, found: Option<&Value>) -> String {
    let found = found.unwrap_or(&Value::Null);
    format!("spec.strategy.rollingUpdate.{name} is {found}, expected a number of pods or a percentage such as 25%")
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

fn pods(value: Option<&Value>, replicas: u32, rounding: Rounding) -> Option<u32> {
    let percent = match value {
        None | Some(Value::Null) => 25,
        Some(Value::Number(number)) => return u32::try_from(number.as_u64()?).ok(),
        Some(Value::String(text)) => text.strip_suffix('%')?.parse::<u64>().ok()?,
        Some(_) => return None,
    };
    let hundredths = u64::from(replicas).checked_mul(percent)?;
    u32::try_from(match rounding {
        Rounding::Up => hundredths.div_ceil(100),
        Rounding::Down => hundredths / 100,
    })
    .ok()
}
