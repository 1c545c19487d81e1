//! What runs have left on a cluster, and what of it may be removed. Pure.
//!
//! Names, labels and annotations come from a cluster that anybody may write to: they decide what they say, and nothing
//! that is not named as rollproof's own is ever taken.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::ResourceExt;

use super::guests::GuestObject;
use super::labels::{ALIVE_FOR, CORDONED_BY, HEARTBEAT, MANAGED_BY, MANAGER, MEASURES, RUN_LABEL, SCENARIO};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamespaceLife {
    /// Its run lives.
    Alive,
    /// Its run has not been heard of for [`ALIVE_FOR`].
    Left,
    /// It is being removed.
    Going,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftoverNamespace {
    pub(crate) namespace: String,
    /// Its identity: another namespace of the same name has another.
    pub(crate) uid: Option<String>,
    pub(crate) run: String,
    /// The scenario's name, if it is written there.
    pub(crate) scenario: Option<String>,
    /// The workload that its run measures where it stands, if it does.
    pub(crate) measures: Option<String>,
    /// When it was made by the cluster's clock, in seconds since 1970.
    pub(crate) made_s: Option<i64>,
    /// Seconds since it was made, by the cluster's clock and this machine's; zero if that lies ahead.
    pub(crate) age_s: u64,
    /// Seconds since the run's last heartbeat, or since the namespace was made where there is none that can be read.
    pub(crate) silent_s: u64,
    pub(crate) life: NamespaceLife,
    /// Why it is not gone yet, in the cluster's words.
    pub(crate) held_by: Vec<String>,
}

/// A node, as far as a run may have changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenNode {
    pub(crate) node: String,
    /// Whether kubelet says that it is ready.
    pub(crate) ready: bool,
    pub(crate) schedulable: bool,
    pub(crate) cordon: Option<NodeCordon>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeCordon {
    /// The run, as the annotation says it.
    pub(crate) by: String,
    /// Whether that run lives.
    pub(crate) alive: bool,
}

/// All that runs have on a cluster, in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    pub(crate) namespaces: Vec<LeftoverNamespace>,
    pub(crate) nodes: Vec<SeenNode>,
    /// Why nodes could not be looked at.
    pub(crate) nodes_unseen: Option<String>,
    pub(crate) guests: Vec<GuestObject>,
    /// Why roles could not be looked at.
    pub(crate) guests_unseen: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CleanSelection {
    /// Those of runs that do not live any more.
    Dead,
    /// Those of all runs.
    All,
    /// Those of the named runs, alive or not.
    Runs(BTreeSet<String>),
}

impl CleanSelection {
    pub(crate) fn takes(&self, run: &str, alive: bool) -> bool {
        match self {
            Self::Dead => !alive,
            Self::All => true,
            Self::Runs(runs) => runs.contains(run),
        }
    }
}

/// What `namespace` is at `now_s` (seconds since 1970), if a run made it: it must carry both the manager's label and a run's.
pub(super) fn leftover_of(namespace: &Namespace, now_s: u64) -> Option<LeftoverNamespace> {
    let labels = namespace.labels();
    if labels.get(MANAGED_BY).map(String::as_str) != Some(MANAGER) {
        return None;
    }
    let run = labels.get(RUN_LABEL)?.clone();
    let made_s = namespace.creation_timestamp().and_then(|made| u64::try_from(made.0.as_second()).ok());
    // What cannot be read as a time is no sign of life; the time of its making, which the cluster wrote, still counts.
    let beat_s = namespace.annotations().get(HEARTBEAT).and_then(|text| text.parse::<u64>().ok());
    // A clock that runs ahead is no sign of death.
    let since = |at_s: u64| now_s.saturating_sub(at_s);
    let age_s = made_s.map_or(u64::MAX, since);
    let silent_s = beat_s.map_or(age_s, since);
    let life = if namespace.metadata.deletion_timestamp.is_some() {
        NamespaceLife::Going
    } else if silent_s <= ALIVE_FOR.as_secs() {
        NamespaceLife::Alive
    } else {
        NamespaceLife::Left
    };
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let held_by = conditions.iter().filter(|one| one.status == "True").filter_map(|one| one.message.clone());
    Some(LeftoverNamespace {
        namespace: namespace.name_any(),
        uid: namespace.uid(),
        run,
        scenario: namespace.annotations().get(SCENARIO).cloned(),
        measures: namespace.annotations().get(MEASURES).cloned(),
        made_s: namespace.creation_timestamp().map(|made| made.0.as_second()),
        age_s,
        silent_s,
        life,
        held_by: held_by.collect(),
    })
}

pub(super) fn seen_node(node: &Node, namespaces: &[LeftoverNamespace]) -> SeenNode {
    let cordon = node.annotations().get(CORDONED_BY).map(|by| {
        let alive = namespaces.iter().any(|one| one.run == *by && one.life == NamespaceLife::Alive);
        NodeCordon { by: by.clone(), alive }
    });
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let unschedulable = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default();
    SeenNode {
        node: node.name_any(),
        ready: conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"),
        schedulable: !unschedulable,
        cordon,
    }
}

#[cfg(test)]
#[path = "leftovers_tests.rs"]
mod tests;
