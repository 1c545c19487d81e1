//! The workload that advice is about, as its manifest has it.

use serde_json::Value;

use crate::manifest::{WorkloadKind, grace_s, strategy};
use crate::servers::{PreStop, Server};
use crate::spec::VariantSpec;
use crate::timeline::Serving;

pub(super) struct Subject<'a> {
    pub(super) manifest: &'a Value,
    pub(super) index: usize,
    pub(super) container: &'a Value,
    pub(super) server: Server,
    pub(super) hook: PreStop,
    pub(super) grace_s: u64,
    /// The Service's `targetPort`, as it is written there; null if the manifests have no such Service.
    pub(super) target_port: Value,
}

impl<'a> Subject<'a> {
    /// The workload that the header names; `None` if its manifests do not hold it.
    pub(super) fn of(variant: &'a VariantSpec) -> Option<Self> {
        let manifest = variant.workload_manifest()?;
        let pod = manifest.pointer("/spec/template/spec")?;
        let Serving { index, container, target_port } = Serving::of(variant)?;
        let grace_s = u64::try_from(grace_s(pod)).unwrap_or(0);
        let hook = PreStop::of_container(container);
        Some(Self { manifest, index, container, server: Server::of_container(container), hook, grace_s, target_port })
    }

    /// A text of the manifest's; empty if there is none.
    pub(super) fn text(&self, pointer: &str) -> &'a str {
        self.manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The path of a field of the serving container.
    pub(super) fn field(&self, below: &str) -> String {
        format!("spec.template.spec.containers[{}].{below}", self.index)
    }

    /// Whether its rollout, with so many pods, takes none away before another is ready.
    pub(super) fn never_has_fewer(&self, pods: u32) -> bool {
        let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.name() == self.text("/kind"));
        let resolved = kind.and_then(|kind| strategy::resolve(kind, self.manifest, pods).ok());
        resolved.is_some_and(|(surge, unavailable)| surge > 0 && unavailable == 0)
    }

    /// Whether it is a `Deployment`, whose strategy can be told to make a new pod before it takes an old one away by fields of its own.
    pub(super) fn is_deployment(&self) -> bool {
        self.text("/kind") == "Deployment"
    }
}
