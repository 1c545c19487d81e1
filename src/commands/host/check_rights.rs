//! What the driver itself must be allowed to do, asked before anything is made.

use kube::Client;

use crate::agent::{AgentRight, agent_rights, missing_rights};
use crate::cluster::kube::api_words;
use crate::commands::ending::CommandFailure;
use crate::manifest::WorkloadKind;
use crate::plan::{RunPlan, VariantPlan};
use crate::spec::{ExistingTarget, RolloutAction};

use super::{LoadPlace, rights_yaml};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Names what is missing. Where only the agent's rights in the namespace of a workload that is there already cannot be given, the driver
/// can watch in its place: then this is true.
pub(super) async fn check(
    client: &Client,
    whose: &str,
    plan: &RunPlan,
    from: LoadPlace,
) -> Result<bool, CommandFailure> {
    let ask = async |rights: &[AgentRight]| {
        missing_rights(client, rights).await.map_err(|error| {
            CommandFailure::Machine(format!("asking {whose} for this user's rights: {}", api_words(&error)))
        })
    };
    let missing = ask(&needed(plan, from)).await?;
    if missing.is_empty() {
        let Some(existing) = plan.variants.iter().find_map(|one| one.spec.existing()) else { return Ok(false) };
        return Ok(from == LoadPlace::Pod && !ask(&guest(existing)).await?.is_empty());
    }
    let named: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(CommandFailure::Machine(format!(
        "the user of {whose} may not {}; a run makes namespaces of its own and works in them; use another context, or ask \
         for these rights, for example so, with the user's name:\n{}",
        named.join(", nor "),
        rights_yaml::grant(&missing)
    )))
}

/// The rights of a run, in all namespaces because its own are not there yet. Whoever gives a right must have it, so the
/// agent's are among them.
fn needed(plan: &RunPlan, from: LoadPlace) -> Vec<AgentRight> {
    let mut rights = Vec::new();
    if let Some((variant, existing)) = plan.variants.iter().find_map(|one| Some((one, one.spec.existing()?))) {
        rights.extend(in_place(variant, existing));
    }
    let mut need = |verbs: &[&str], group: &str, resource: &str| {
        rights.extend(verbs.iter().map(|verb| AgentRight::new(verb, group, resource, "")));
    };
    need(&["create", "delete", "list", "patch"], "", "namespaces");
    let own = || plan.variants.iter().filter(|variant| variant.spec.existing().is_none());
    if own().next().is_some() {
        need(&["get", "list", "watch", "deletecollection"], "", "pods");
        need(&["create", "patch", "get"], "", "services");
        need(&["list"], "discovery.k8s.io", "endpointslices");
    }
    for kind in WorkloadKind::ALL {
        if own().any(|variant| variant.workload.kind == kind) {
            need(&["create", "patch", "get", "list", "watch", "delete"], "apps", kind.plural());
        }
    }
    let cordons = plan.variants.iter().filter_map(|variant| match variant.spec.rollout.action {
        RolloutAction::Evict { cordon, .. } => Some(cordon),
        _ => None,
    });
    if let Some(cordon) = cordons.reduce(|some, other| some || other) {
        need(&["create"], "", "pods/eviction");
        if cordon {
            need(&["get", "list", "patch"], "", "nodes");
        }
    }
    if from == LoadPlace::Host {
        need(&["list"], "", "nodes");
    }
    if from == LoadPlace::Pod {
        need(&["create", "patch"], "", "serviceaccounts");
        need(&["create", "patch"], "", "secrets");
        need(&["get", "create", "delete", "deletecollection"], "", "pods");
        need(&["get", "create"], "", "pods/proxy");
        if own().next().is_some() {
            need(&["create", "patch"], RBAC, "roles");
            need(&["create", "patch"], RBAC, "rolebindings");
            rights.extend(agent_rights(""));
        }
    }
    rights.sort();
    rights.dedup();
    rights
}

/// The rights in the namespace of a workload that is there already, and nowhere else.
fn in_place(variant: &VariantPlan, existing: &ExistingTarget) -> Vec<AgentRight> {
    let mut rights = Vec::new();
    let mut need = |verbs: &[&str], group: &str, resource: &str| {
        rights.extend(verbs.iter().map(|verb| AgentRight::new(verb, group, resource, &existing.namespace)));
    };
    need(&["get", "list", "watch", "patch"], "apps", variant.workload.kind.plural());
    let revisions =
        if variant.workload.kind == WorkloadKind::Deployment { "replicasets" } else { "controllerrevisions" };
    need(&["list"], "apps", revisions);
    need(&["list", "watch"], "", "pods");
    need(&["get", "list"], "", "services");
    need(&["list", "watch"], "discovery.k8s.io", "endpointslices");
    need(&["list", "watch"], "", "events");
    // What the workload was is kept in the run's own namespace, also where no agent needs a Secret.
    rights.extend(["create", "patch"].map(|verb| AgentRight::new(verb, "", "secrets", "")));
    rights
}

/// The rights to give the agent its own in that namespace: whoever gives a right must have it.
fn guest(existing: &ExistingTarget) -> Vec<AgentRight> {
    let verbs = ["create", "patch", "deletecollection"];
    let given = ["roles", "rolebindings"]
        .into_iter()
        .flat_map(|resource| verbs.map(|verb| AgentRight::new(verb, RBAC, resource, &existing.namespace)));
    given.chain(agent_rights(&existing.namespace)).collect()
}
