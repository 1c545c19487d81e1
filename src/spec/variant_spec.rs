//! One variant of a run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ExistingTarget, LoadSpec, RolloutAction, RolloutSpec, ServiceSpec, TargetObjects, TargetSpec};

/// One variant of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantSpec {
    /// Its name.
    pub name: String,
    /// What it is expected to do.
    pub expect: Expect,
    /// The most that a counting trial may lose and still be clean.
    pub lost_at_most: u64,
    /// Raced requests count as lost.
    pub strict: bool,
    /// What is measured, and how it is reached.
    pub target: TargetSpec,
    /// Its load.
    pub load: LoadSpec,
    /// What a trial does to the workload.
    pub rollout: RolloutSpec,
    /// Every manifest and patch of it is compiled in, word for word, and its rollout brings nothing else.
    pub shipped: bool,
    /// What is said of it before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a variant is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// It loses nothing (more than allowed).
    Clean,
    /// It loses something.
    Loss,
}

impl VariantSpec {
    /// A variant that is restarted within five minutes, and may lose nothing where it is expected to be clean.
    #[must_use]
    pub fn new(name: &str, expect: Expect, target: TargetObjects, load: LoadSpec) -> Self {
        Self {
            name: name.to_owned(),
            expect,
            lost_at_most: 0,
            strict: false,
            target: TargetSpec::Deployed(target),
            load,
            rollout: RolloutSpec::default(),
            shipped: false,
            notes: Vec::new(),
        }
    }

    /// The manifests whole, patched, an added Service included, in the order in which they are applied.
    #[must_use]
    pub fn manifests(&self) -> &[Value] {
        &self.objects().manifests
    }

    /// The Service that carries the load.
    #[must_use]
    pub fn service(&self) -> &ServiceSpec {
        &self.objects().service
    }

    /// The workload, for example `deployment/web`.
    #[must_use]
    pub fn workload(&self) -> &str {
        &self.objects().workload
    }

    /// The pods that the workload has at rest.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.objects().replicas
    }

    /// The pods that a trial may have beyond [`Self::replicas`].
    #[must_use]
    pub fn surge(&self) -> u32 {
        match self.rollout.action {
            RolloutAction::Scale { from, to } => to.saturating_sub(from),
            _ => self.objects().surge,
        }
    }

    /// The manifest of this kind and name; `None` if it is not among the manifests.
    #[must_use]
    pub fn manifest(&self, kind: &str, name: &str) -> Option<&Value> {
        let is = |manifest: &&Value| {
            let text = |pointer| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text("/kind").eq_ignore_ascii_case(kind) && text("/metadata/name") == name
        };
        self.manifests().iter().find(is)
    }

    /// The workload's manifest; `None` if it is not among the manifests.
    #[must_use]
    pub fn workload_manifest(&self) -> Option<&Value> {
        let (kind, name) = self.workload().split_once('/')?;
        self.manifest(kind, name)
    }

    /// The workload that is there already; `None` where the run makes its own.
    #[must_use]
    pub fn existing(&self) -> Option<&ExistingTarget> {
        match &self.target {
            TargetSpec::Existing(existing) => Some(existing),
            TargetSpec::Deployed(_) => None,
        }
    }

    /// Its objects, to change them.
    pub fn objects_mut(&mut self) -> &mut TargetObjects {
        match &mut self.target {
            TargetSpec::Deployed(objects) | TargetSpec::Existing(ExistingTarget { objects, .. }) => objects,
        }
    }

    fn objects(&self) -> &TargetObjects {
        match &self.target {
            TargetSpec::Deployed(objects) | TargetSpec::Existing(ExistingTarget { objects, .. }) => objects,
        }
    }
}
