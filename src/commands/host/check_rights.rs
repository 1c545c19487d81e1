//! What the driver itself must be allowed to do, asked before anything is made.

use kube::Client;

use crate::agent::{AgentRight, agent_rights, missing_rights};
use crate::cluster::kube::api_words;
use crate::commands::ending::CommandFailure;
use crate::manifest::WorkloadKind;
use crate::plan::RunPlan;
use crate::spec::RolloutAction;

use super::LoadPlace;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Names what is missing.
pub(super) async fn check(client: &Client, whose: &str, plan: &RunPlan, from: LoadPlace) -> Result<(), CommandFailure> {
    let needed = needed(plan, from);
    let missing = missing_rights(client, &needed).await.map_err(|error| {
        CommandFailure::Machine(format!("asking {whose} for this user's rights: {}", api_words(&error)))
    })?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(CommandFailure::Machine(format!(
        "the user of {whose} may not {}; a run makes namespaces of its own and works in them; ask for these \
         rights, or use another context",
        missing.join(", nor ")
    )))
}

/// The rights of a run, in all namespaces because its own are not there yet. Whoever gives a right must have it, so the
/// agent's are among them.
fn needed(plan: &RunPlan, from: LoadPlace) -> Vec<AgentRight> {
    let mut rights = Vec::new();
    let mut need = |verbs: &[&str], group: &str, resource: &str| {
        rights.extend(verbs.iter().map(|verb| AgentRight::new(verb, group, resource, "")));
    };
    need(&["create", "delete", "list", "patch"], "", "namespaces");
    need(&["get", "list", "watch", "deletecollection"], "", "pods");
    need(&["create", "patch", "get"], "", "services");
    need(&["list"], "discovery.k8s.io", "endpointslices");
    for kind in WorkloadKind::ALL {
        if plan.variants.iter().any(|variant| variant.workload.kind == kind) {
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
        need(&["create"], "", "pods");
        need(&["get", "create"], "", "pods/proxy");
        need(&["create", "patch"], RBAC, "roles");
        need(&["create", "patch"], RBAC, "rolebindings");
        rights.extend(agent_rights(""));
    }
    rights
}
