//! Which container of a workload's pods serves: the others' hooks and ends say nothing of its requests.

use serde_json::Value;

use crate::spec::VariantSpec;

/// The container that serves.
#[derive(Debug, Clone)]
pub struct Serving<'a> {
    /// Its index among the pod's containers.
    pub index: usize,
    /// The container, as the manifest has it.
    pub container: &'a Value,
    /// The Service's `targetPort`, as it is written there; null if the manifests have no such Service.
    pub target_port: Value,
}

impl<'a> Serving<'a> {
    /// The container that declares the port to which the load's Service leads, else the first; `None` if the manifests do not hold the
    /// workload.
    #[must_use]
    pub fn of(variant: &'a VariantSpec) -> Option<Self> {
        let containers = variant.workload_manifest()?.pointer("/spec/template/spec/containers")?.as_array()?;
        let target_port = target_port(variant);
        let index = containers.iter().position(|one| has_port(one, &target_port)).unwrap_or(0);
        Some(Self { index, container: containers.get(index)?, target_port })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.container.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The `targetPort` of the Service's port that the load goes to, which is its `port` where there is none.
fn target_port(variant: &VariantSpec) -> Value {
    let service = variant.service();
    let ports = variant.manifest("service", &service.name).and_then(|found| found.pointer("/spec/ports")?.as_array());
    let of_load = |port: &&Value| port.get("port") == Some(&Value::from(service.port));
    let port = ports.and_then(|ports| ports.iter().find(of_load));
    let target = |port: &Value| port.get("targetPort").or_else(|| port.get("port")).cloned();
    port.and_then(target).unwrap_or(Value::Null)
}

/// Whether a container declares this port, by its number or its name.
fn has_port(container: &Value, port: &Value) -> bool {
    let ports = container.get("ports").and_then(Value::as_array);
    !port.is_null()
        && ports
            .into_iter()
            .flatten()
            .any(|one| one.get("containerPort") == Some(port) || one.get("name") == Some(port))
}
