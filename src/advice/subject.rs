//! The workload that advice is about, as its manifest has it.

use serde_json::{Value, json};

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
    /// The Service publishes the addresses of pods that are not ready.
    pub(super) published: bool,
}

impl<'a> Subject<'a> {
    /// The workload that the header names; `None` if its manifests do not hold it.
    pub(super) fn of(variant: &'a VariantSpec) -> Option<Self> {
        let manifest = variant.workload_manifest()?;
        let pod = manifest.pointer("/spec/template/spec")?;
        let Serving { index, container, target_port } = Serving::of(variant)?;
        let grace_s = u64::try_from(grace_s(pod)).unwrap_or(0);
        let hook = PreStop::of_container(container);
        let service = variant.manifest("Service", &variant.service().name);
        let published = service.and_then(|service| service.pointer("/spec/publishNotReadyAddresses")?.as_bool());
        let (server, published) = (Server::of_container(container), published == Some(true));
        Some(Self { manifest, index, container, server, hook, grace_s, target_port, published })
    }

    /// A text of the manifest's; empty if there is none.
    pub(super) fn text(&self, pointer: &str) -> &'a str {
        self.manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The path of a field of the serving container.
    pub(super) fn field(&self, below: &str) -> String {
        format!("spec.template.spec.containers[{}].{below}", self.index)
    }

    /// The containers, with their indices, that are stopped together with the serving one.
    pub(super) fn others(&self) -> impl Iterator<Item = (usize, &'a Value)> {
        let all = self.manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        let index = self.index;
        all.into_iter().flatten().enumerate().filter(move |(at, _)| *at != index)
    }

    pub(super) fn pod_labels(&self) -> Value {
        self.manifest.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}))
    }

    /// A port that a pod takes of its node.
    pub(super) fn host_port(&self) -> Option<u64> {
        let pod = self.manifest.pointer("/spec/template/spec")?;
        let lists = ["containers", "initContainers"].into_iter().filter_map(|key| pod.get(key)?.as_array());
        let mut ports = lists.flatten().filter_map(|container| container.get("ports")?.as_array()).flatten();
        let of_host = pod.get("hostNetwork").and_then(Value::as_bool) == Some(true);
        ports.find_map(|port| {
            let host_port = port.get("hostPort").and_then(Value::as_u64).filter(|port| *port > 0);
            host_port.or_else(|| port.get("containerPort").and_then(Value::as_u64).filter(|_| of_host))
        })
    }

    /// The surge and the unavailable pods of a rollout of so many; `None` where its strategy cannot be read.
    pub(super) fn resolved(&self, pods: u32) -> Option<(u32, u32)> {
        let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.name() == self.text("/kind"));
        kind.and_then(|kind| strategy::resolve(kind, self.manifest, pods).ok())
    }

    /// Whether its rollout, with so many pods, takes none away before another is ready.
    pub(super) fn never_has_fewer(&self, pods: u32) -> bool {
        self.resolved(pods).is_some_and(|(surge, unavailable)| surge > 0 && unavailable == 0)
    }

    /// Whether its pods keep data in claimed volumes, which another pod may not share.
    pub(super) fn keeps_data(&self) -> bool {
        let claims = self.manifest.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
        let volumes = self.manifest.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
        claims.is_some_and(|claims| !claims.is_empty())
            || volumes.into_iter().flatten().any(|volume| volume.get("persistentVolumeClaim").is_some())
    }

    /// Whether it is a `Deployment`, whose strategy can be told to make a new pod before it takes an old one away by fields of its own.
    pub(super) fn is_deployment(&self) -> bool {
        self.text("/kind") == "Deployment"
    }
}
