//! The workload that advice is about, as its manifest has it.

use serde_json::Value;

use super::server::{Server, server};
use crate::record::again::VariantAgain;
use crate::record::header::VariantHeader;
use crate::timeline::Hook;

/// Kubernetes' default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE_S: u64 = 30;

/// The workload of a variant.
pub(super) struct Subject<'a> {
    /// Its manifest.
    pub(super) manifest: &'a Value,
    /// The index of the container that serves.
    pub(super) index: usize,
    /// That container.
    pub(super) container: &'a Value,
    /// What serves in it.
    pub(super) server: Server,
    /// Its preStop hook.
    pub(super) hook: Hook,
    /// `terminationGracePeriodSeconds`.
    pub(super) grace_s: u64,
    /// The Service's `targetPort`, as it is written there; null if the manifests have no such Service.
    pub(super) target_port: Value,
}

impl<'a> Subject<'a> {
    /// The workload that the header names; `None` if its manifests do not hold it.
    pub(super) fn of(variant: &'a VariantHeader, again: Option<&VariantAgain>) -> Option<Self> {
        let manifest = variant.workload_manifest()?;
        let pod = manifest.pointer("/spec/template/spec")?;
        let containers = pod.get("containers").and_then(Value::as_array)?;
        let target_port = target_port(variant, again);
        let serves = |container: &&Value| has_port(container, &target_port);
        let container = containers.iter().find(serves).or_else(|| containers.first())?;
        let index = containers.iter().position(|one| std::ptr::eq(one, container))?;
        let grace_s = pod.get("terminationGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(DEFAULT_GRACE_S);
        // The timeline reads hooks from whole workloads; this one has the serving container alone.
        let alone = serde_json::json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let hook = Hook::of_workload(&alone);
        Some(Self { manifest, index, container, server: server(container), hook, grace_s, target_port })
    }

    /// A text of the manifest's; empty if there is none.
    pub(super) fn text(&self, pointer: &str) -> &'a str {
        self.manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The path of a field of the serving container.
    pub(super) fn field(&self, below: &str) -> String {
        format!("spec.template.spec.containers[{}].{below}", self.index)
    }

    /// Whether it is a `Deployment`, the one kind that can make a new pod before it takes an old one away.
    pub(super) fn is_deployment(&self) -> bool {
        self.text("/kind") == "Deployment"
    }
}

/// The `targetPort` of the Service's port that the load goes to, which is its `port` where there is none.
fn target_port(variant: &VariantHeader, again: Option<&VariantAgain>) -> Value {
    let name = variant.service.rsplit('/').next().unwrap_or(&variant.service);
    let ports = variant.manifest("service", name).and_then(|found| found.pointer("/spec/ports")?.as_array());
    let of_load = |port: &&Value| again.is_none_or(|again| port.get("port") == Some(&Value::from(again.service_port)));
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
