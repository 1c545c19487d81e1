//! The Service that carries the load, its port, and the pods' port behind it.

use serde_json::{Value, json};

use super::documents::{ManifestObject, ObjectName, list_of, places_of, text};
use super::manifest_error::{FieldRefusal, ManifestError};
use super::workload::ManifestWorkload;
use crate::spec::ServiceSpec;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenService {
    /// Its name and ports.
    pub(crate) spec: ServiceSpec,
    /// It is not in the manifests: this object is to be added to them.
    pub(crate) added: Option<Value>,
}

/// A port of a Service, as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortName {
    Number(u16),
    Name(String),
}

impl std::str::FromStr for PortName {
    type Err = String;

    /// A number from 1 to 65535, else a name.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Self::Number(port)),
            _ if number || text.is_empty() => {
                Err(format!("the port is `{text}`, expected 1 to 65535 or a port's name"))
            }
            _ => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl std::fmt::Display for PortName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The Service that `wanted` names, or the only one that selects the workload's pods. With none, a Service is made up
/// for the single port of the pods.
pub(crate) fn service(
    objects: &[ManifestObject],
    workload: &ManifestWorkload,
    wanted: Option<&str>,
    port: Option<&PortName>,
) -> Result<ChosenService, ManifestError> {
    let services = || objects.iter().filter(|object| object.is("Service", ""));
    let selecting = services()
        .filter(|service| service.namespace() == workload.namespace && selects(service, workload))
        .collect::<Vec<_>>();
    let (without_address, selecting): (Vec<_>, Vec<_>) = selecting.into_iter().partition(|one| !has_address(one));
    let chosen = match (wanted, selecting.as_slice()) {
        (Some(wanted), _) => {
            let name = service_name(wanted);
            services()
                .find(|service| service.name() == name)
                .ok_or_else(|| ManifestError::NoSuchService { wanted: name.to_owned(), present: list_of(objects) })?
        }
        (None, [only]) => only,
        (None, []) if !without_address.is_empty() => {
            let (workload, present) = (workload.reference.clone(), places_of(without_address));
            return Err(ManifestError::NoAddress { workload, present });
        }
        (None, []) if services().next().is_none() => {
            let object = objects.get(workload.index).map_or(&Value::Null, |object| &object.value);
            return added(workload, object, port);
        }
        (None, []) => {
            return Err(ManifestError::NoServiceSelects {
                workload: workload.reference.clone(),
                labels: json!(workload.labels).to_string(),
                present: places_of(services()),
            });
        }
        (None, several) => {
            let candidates = places_of(several.iter().copied());
            let present = if without_address.is_empty() {
                candidates
            } else {
                format!("{candidates} ({} {NO_ADDRESS})", list_of(without_address))
            };
            return Err(ManifestError::WhichService { workload: workload.reference.clone(), present });
        }
    };
    read(chosen, workload, port)
}

/// The name of a Service that is named as kubectl does, with or without its kind.
pub(crate) fn service_name(wanted: &str) -> &str {
    wanted.strip_prefix("service/").or_else(|| wanted.strip_prefix("svc/")).unwrap_or(wanted)
}

/// Whether a Service, as an object, selects pods with these labels. One without selector selects none.
pub(crate) fn selects_labels(service: &Value, labels: &Value) -> bool {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    selector.is_some_and(|pairs| !pairs.is_empty() && pairs.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

/// Whether a Service's selector matches the pod template's labels. A Service without selector matches nothing.
fn selects(service: &ManifestObject, workload: &ManifestWorkload) -> bool {
    let selector = service.value.pointer("/spec/selector").and_then(Value::as_object);
    selector.is_some_and(|selector| {
        !selector.is_empty()
            && selector.iter().all(|(key, value)| workload.labels.get(key).map(String::as_str) == value.as_str())
    })
}

const NO_ADDRESS: &str = "has no address of its own (headless or ExternalName)";

fn has_address(service: &ManifestObject) -> bool {
    text(&service.value, "/spec/type") != "ExternalName" && text(&service.value, "/spec/clusterIP") != "None"
}

fn read(
    object: &ManifestObject,
    workload: &ManifestWorkload,
    wanted: Option<&PortName>,
) -> Result<ChosenService, ManifestError> {
    let bad = |field: &str, message: String| ManifestError::Object {
        object: ObjectName::boxed(&object.value),
        refusal: FieldRefusal::new(field, message),
    };
    if !selects(object, workload) {
        let selector = object.value.pointer("/spec/selector").unwrap_or(&Value::Null);
        let message = format!(
            "its selector {selector} does not match the pods of {}, whose labels are {}; name a Service that selects them",
            workload.reference,
            json!(workload.labels)
        );
        return Err(bad("spec.selector", message));
    }
    if !has_address(object) {
        let field = if text(&object.value, "/spec/type") == "ExternalName" { "spec.type" } else { "spec.clusterIP" };
        return Err(bad(field, format!("it {NO_ADDRESS}, expected a ClusterIP Service")));
    }
    let ports = object.value.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ports = ports.iter().enumerate().filter(|(_, port)| matches!(text(port, "/protocol"), "" | "TCP"));
    let (at, port) = choose_port(object, &ports.collect::<Vec<_>>(), wanted)?;
    let bad_port = |key: &str, message: String| bad(&format!("spec.ports[{at}].{key}"), message);
    let number =
        |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
    let number_of_port =
        number(port.get("port")).ok_or_else(|| bad_port("port", "a port has no `port` from 1 to 65535".to_owned()))?;
    let target_port = match port.get("targetPort") {
        None | Some(Value::Null) => number_of_port,
        Some(Value::String(name)) => container_port(workload, name).ok_or_else(|| {
            let message = format!(
                "targetPort `{name}` is the name of no container port of {}; name one of its ports, or use a number",
                workload.reference
            );
            bad_port("targetPort", message)
        })?,
        other => number(other)
            .ok_or_else(|| bad_port("targetPort", "targetPort is not a port from 1 to 65535, nor a name".to_owned()))?,
    };
    let (name, port_name) = (object.name().to_owned(), text(port, "/name").to_owned());
    let spec = ServiceSpec { name, port: number_of_port, port_name, target_port, added: false };
    Ok(ChosenService { spec, added: None })
}

fn container_port(workload: &ManifestWorkload, name: &str) -> Option<u16> {
    let mut ports = workload.containers.iter().flat_map(|container| &container.ports);
    ports.find(|(known, _)| known == name).map(|(_, number)| *number)
}

/// The port, and where it is among all of them.
fn choose_port<'a>(
    object: &ManifestObject,
    ports: &[(usize, &'a Value)],
    wanted: Option<&PortName>,
) -> Result<(usize, &'a Value), ManifestError> {
    let describe = |(_, port): &(usize, &Value)| match text(port, "/name") {
        "" => port["port"].to_string(),
        name => format!("{} ({name})", port["port"]),
    };
    let refuse = |message: String| ManifestError::Port {
        service: ObjectName::boxed(&object.value),
        message,
        present: match ports {
            [] => "no TCP port".to_owned(),
            ports => format!("TCP port {}", ports.iter().map(describe).collect::<Vec<_>>().join(", ")),
        },
    };
    match (wanted, ports) {
        (Some(wanted), ports) => ports
            .iter()
            .find(|(_, port)| match wanted {
                PortName::Number(number) => port["port"].as_u64() == Some(u64::from(*number)),
                PortName::Name(name) => text(port, "/name") == name,
            })
            .copied()
            .ok_or_else(|| refuse(format!("it has no port `{wanted}`"))),
        (None, [only]) => Ok(*only),
        (None, []) => Err(refuse("it has nothing to connect to".to_owned())),
        (None, _) => Err(refuse("there is a choice; say which with `port:` or --port".to_owned())),
    }
}

/// A Service for the pods of `workload`, which is `object`.
fn added(
    workload: &ManifestWorkload,
    object: &Value,
    wanted: Option<&PortName>,
) -> Result<ChosenService, ManifestError> {
    let ports = workload.containers.iter().flat_map(|container| &container.ports).collect::<Vec<_>>();
    let candidates = ports
        .iter()
        .filter(|(name, number)| match wanted {
            None => true,
            Some(PortName::Number(wanted)) => number == wanted,
            Some(PortName::Name(wanted)) => name == wanted,
        })
        .collect::<Vec<_>>();
    let ([(port_name, port)], false) = (candidates.as_slice(), workload.labels.is_empty()) else {
        return Err(ManifestError::NoService { workload: ObjectName::boxed(object), ports: ports.len() });
    };
    let mut metadata = json!({"name": workload.name});
    if !workload.namespace.is_empty() {
        metadata["namespace"] = json!(workload.namespace);
    }
    let spec = json!({"selector": workload.labels, "ports": [{"port": port, "targetPort": port}]});
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec});
    let (name, port_name) = (workload.name.clone(), port_name.clone());
    let spec = ServiceSpec { name, port: *port, port_name, target_port: *port, added: true };
    Ok(ChosenService { spec, added: Some(object) })
}
