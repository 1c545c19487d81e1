//! Looks for what runs have left on a cluster, and removes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::api_words;
use super::former_workload::{bring_back, kept};
use super::guests::{self, GuestObject};
use super::labels::{CORDONED_BY, MANAGED_BY, MANAGER, RUN_LABEL};
use super::leftovers::{
    CleanSelection, LeftoverNamespace, Leftovers, NamespaceLife, NodeCordon, leftover_of, seen_node,
};

/// How long the removal of namespaces is waited for.
pub(super) const GONE_WITHIN: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(250);
/// How often a node is asked again after somebody else changed it meanwhile.
const UNCORDON_TRIES: usize = 5;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CleanReport {
    /// The namespaces that are gone.
    pub(crate) removed: Vec<LeftoverNamespace>,
    /// Those whose deletion was requested and that still exist after [`GONE_WITHIN`].
    pub(crate) remaining: Vec<LeftoverNamespace>,
    /// The nodes that pods may be scheduled to again.
    pub(crate) uncordoned: Vec<String>,
    /// Nodes that could not be, with the reason.
    pub(crate) still_cordoned: Vec<(String, String)>,
    /// What was undone in workloads, each in a sentence.
    pub(crate) undone: Vec<String>,
    /// Namespaces that stay because what their runs changed could not be undone, with the reason.
    pub(crate) not_undone: Vec<(String, String)>,
    pub(crate) guests_removed: Vec<GuestObject>,
    pub(crate) guests_left: Vec<(GuestObject, String)>,
    /// Why roles could not be looked at.
    pub(crate) guests_unseen: Option<String>,
    /// The namespaces of other runs, which were left alone.
    pub(crate) left_alone: Vec<LeftoverNamespace>,
    /// Why nodes could not be looked at.
    pub(crate) nodes_unseen: Option<String>,
    /// How long the namespaces were waited for at most.
    pub(crate) waited_s: u64,
}

/// Lists what runs have on the cluster at `now_s` (seconds since 1970). A user who may not list nodes sees the namespaces all the same.
pub(crate) async fn find_leftovers(client: &Client, now_s: u64) -> Result<Leftovers, kube::Error> {
    let mut namespaces = run_namespaces(client, now_s).await?;
    namespaces.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    let nodes: Api<Node> = Api::all(client.clone());
    let (nodes, nodes_unseen) = match nodes.list(&ListParams::default()).await {
        Ok(listed) => (listed.items.iter().map(|node| seen_node(node, &namespaces)).collect(), None),
        Err(kube::Error::Api(status)) if status.code == 403 => (Vec::new(), Some(status.message.clone())),
        Err(error) => return Err(error),
    };
    let (guests, guests_unseen) = match guests::find(client).await {
        Ok(found) => (found, None),
        Err(kube::Error::Api(status)) if status.code == 403 => (Vec::new(), Some(status.message.clone())),
        Err(error) => return Err(error),
    };
    Ok(Leftovers { namespaces, nodes, nodes_unseen, guests, guests_unseen })
}

/// The namespaces that runs made, at `now_s` (seconds since 1970).
pub(crate) async fn run_namespaces(client: &Client, now_s: u64) -> Result<Vec<LeftoverNamespace>, kube::Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let of_runs = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{RUN_LABEL}"));
    Ok(api.list(&of_runs).await?.items.iter().filter_map(|namespace| leftover_of(namespace, now_s)).collect())
}

/// Removes what `which` names, as it is at `now_s` (seconds since 1970), and waits for it.
pub(crate) async fn clean(client: &Client, which: &CleanSelection, now_s: u64) -> Result<CleanReport, kube::Error> {
    let found = find_leftovers(client, now_s).await?;
    let mut cleaned = CleanReport {
        nodes_unseen: found.nodes_unseen,
        guests_unseen: found.guests_unseen,
        waited_s: GONE_WITHIN.as_secs(),
        ..CleanReport::default()
    };
    let taken = |cordon: &NodeCordon| which.takes(&cordon.by, cordon.alive);
    for node in found.nodes.iter().filter(|node| node.cordon.as_ref().is_some_and(taken)) {
        match uncordon(client, &node.node).await {
            Ok(()) => cleaned.uncordoned.push(node.node.clone()),
            Err(why) => cleaned.still_cordoned.push((node.node.clone(), why)),
        }
    }
    let alive: BTreeSet<String> =
        found.namespaces.iter().filter(|one| one.life == NamespaceLife::Alive).map(|one| one.run.clone()).collect();
    let (mut taken, left_alone): (Vec<_>, Vec<_>) =
        found.namespaces.into_iter().partition(|one| which.takes(&one.run, alive.contains(&one.run)));
    cleaned.left_alone = left_alone;
    // Before its namespace goes, and with it what the workload was.
    for namespace in std::mem::take(&mut taken) {
        match undone(client, &namespace).await {
            Ok(said) => {
                cleaned.undone.extend(said);
                taken.push(namespace);
            }
            Err(why) => cleaned.not_undone.push((namespace.namespace, why)),
        }
    }
    for guest in found.guests.iter().filter(|guest| which.takes(&guest.run, alive.contains(&guest.run))) {
        match guests::remove(client, guest).await {
            Ok(()) => cleaned.guests_removed.push(guest.clone()),
            Err(error) => cleaned.guests_left.push((guest.clone(), api_words(&error))),
        }
    }
    for namespace in &taken {
        request_deletion(client, namespace).await?;
    }
    let mut held = BTreeMap::new();
    let _ = tokio::time::timeout(GONE_WITHIN, wait(client, &taken, now_s, &mut held)).await;
    for one in &mut taken {
        if let Some(held_by) = held.get(&one.uid) {
            one.held_by.clone_from(held_by);
        }
    }
    (cleaned.remaining, cleaned.removed) = taken.into_iter().partition(|one| held.contains_key(&one.uid));
    Ok(cleaned)
}

/// Undoes what the run of a namespace changed in a workload that was there before it; what was done, in a sentence.
async fn undone(client: &Client, one: &LeftoverNamespace) -> Result<Option<String>, String> {
    if one.measures.is_none() || one.life == NamespaceLife::Going {
        return Ok(None);
    }
    let Some(former) = kept(client, &one.namespace).await? else { return Ok(None) };
    // Others may write Secrets and namespaces: what it says must fit what claims the workload.
    if former.claim_name() != one.namespace || one.measures.as_ref() != Some(&former.measures()) {
        return Err("its Secret does not fit its name".to_owned());
    }
    let brought = bring_back(client, &former, one.made_s.unwrap_or(i64::MAX)).await?;
    Ok(brought.words(&former))
}

/// Asks for a namespace's removal. Its pods are given a second: nobody needs their hooks any more.
pub(super) async fn request_deletion(client: &Client, one: &LeftoverNamespace) -> Result<(), kube::Error> {
    if one.life != NamespaceLife::Going {
        let api: Api<Namespace> = Api::all(client.clone());
        // A namespace of the same name that was made since is somebody else's.
        let same = Preconditions { uid: one.uid.clone(), resource_version: None };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::background() };
        match api.delete(&one.namespace, &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), &one.namespace);
    let soon = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
    // Only quicker: the namespace takes its pods along in any case.
    let _ = pods.delete_collection(&soon, &ListParams::default()).await;
    Ok(())
}

/// Waits until all of `taken` are gone; meanwhile `held` has those that are there, and why. A failed question is asked
/// again: the API may be away for a moment.
async fn wait(
    client: &Client,
    taken: &[LeftoverNamespace],
    now_s: u64,
    held: &mut BTreeMap<Option<String>, Vec<String>>,
) {
    *held = taken.iter().map(|one| (one.uid.clone(), one.held_by.clone())).collect();
    while !held.is_empty() {
        if let Ok(there) = run_namespaces(client, now_s).await {
            let asked: BTreeSet<&Option<String>> = taken.iter().map(|one| &one.uid).collect();
            let still = there.into_iter().filter(|one| asked.contains(&one.uid));
            *held = still.map(|one| (one.uid, one.held_by)).collect();
        }
        if !held.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Uncordons a node that a run cordoned, and removes the run's annotation.
async fn uncordon(client: &Client, name: &str) -> Result<(), String> {
    let api: Api<Node> = Api::all(client.clone());
    let mut last = String::new();
    for _ in 0..UNCORDON_TRIES {
        let node = api.get(name).await.map_err(|error| api_words(&error))?;
        if !node.annotations().contains_key(CORDONED_BY) {
            return Ok(());
        }
        // Only if nobody changed it since it was read: another run's cordon is not to be undone.
        let patch = json!({"metadata": {"resourceVersion": node.resource_version(), "annotations": {CORDONED_BY: null}},
            "spec": {"unschedulable": null}});
        match api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => last.clone_from(&status.message),
            Err(error) => return Err(api_words(&error)),
        }
    }
    Err(last)
}
