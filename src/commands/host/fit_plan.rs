//! Fits a plan to the real cluster that was found: what only the cluster knows is filled in, and what it cannot hold is left out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reach_cluster::ReachedCluster;
use crate::cluster::kube::{AskedKinds, KindPlace, api_words, unknown_kind};
use crate::commands::ending::{CommandFailure, UserOutput};
use crate::manifest::WorkloadKind;
use crate::manifest::documents::{reference, text};
use crate::plan::{RunPlan, VariantPlan};

/// The plan with its `DaemonSet`s sized, and without objects that the cluster does not have or keeps outside of namespaces.
pub(super) async fn fit(
    reached: &ReachedCluster,
    plan: &RunPlan,
    output: &dyn UserOutput,
) -> Result<RunPlan, CommandFailure> {
    let mut plan = plan.clone();
    let kinds = strange_kinds(reached, &plan).await?;
    let said = plan.aside.len();
    plan.set_aside("not applied, because the cluster has no such kinds", |object| {
        kinds.unknown.contains(&kind(object))
    });
    plan.set_aside("not applied, because a run makes nothing outside its own namespaces", |object| {
        kinds.cluster_wide.contains(&kind(object))
    });
    for note in plan.aside.iter().skip(said) {
        output.say(&format!("note: {note}"));
    }
    size(reached, &mut plan).await?;
    Ok(plan)
}

/// How many pods `DaemonSet`s have is the cluster's to say.
async fn size(reached: &ReachedCluster, plan: &mut RunPlan) -> Result<(), CommandFailure> {
    if plan.variants.iter().all(|variant| variant.workload.kind != WorkloadKind::DaemonSet) {
        return Ok(());
    }
    let pods = reached.nodes_for_pods().await?;
    // Those of one that is there already are counted.
    let own = |variant: &&mut VariantPlan| {
        variant.workload.kind == WorkloadKind::DaemonSet && variant.spec.existing().is_none()
    };
    for variant in plan.variants.iter_mut().filter(own) {
        variant
            .set_pods(pods)
            .map_err(|error| CommandFailure::User(format!("variant {}: {error}", variant.spec.name)))?;
    }
    Ok(())
}

/// API version and kind of an object.
type VersionedKind = (String, String);

#[derive(Default)]
struct StrangeKinds {
    unknown: BTreeSet<VersionedKind>,
    cluster_wide: BTreeSet<VersionedKind>,
}

fn kind(object: &Value) -> VersionedKind {
    (text(object, "/apiVersion").to_owned(), text(object, "/kind").to_owned())
}

/// The kinds of the plan that cannot be applied here. One that the outcome depends on is an error.
async fn strange_kinds(reached: &ReachedCluster, plan: &RunPlan) -> Result<StrangeKinds, CommandFailure> {
    let (mut kinds, mut asked) = (StrangeKinds::default(), AskedKinds::default());
    for variant in &plan.variants {
        for object in variant.spec.manifests() {
            let place = asked.find(&reached.client, object).await.map_err(|error| {
                CommandFailure::Machine(format!("asking the cluster for its kinds: {}", api_words(&error)))
            })?;
            match place {
                KindPlace::Namespaced(_) => continue,
                KindPlace::ClusterWide => kinds.cluster_wide.insert(kind(object)),
                KindPlace::Unknown { why } => {
                    if let Some(role) = role(object, variant) {
                        let error = unknown_kind(object, &why);
                        return Err(CommandFailure::User(format!("variant {}: {error}; {role}", variant.spec.name)));
                    }
                    kinds.unknown.insert(kind(object))
                }
            };
        }
    }
    Ok(kinds)
}

/// Why the outcome depends on an object of a kind that the cluster does not have: it would run pods that the Service selects, or
/// the workload itself. `None` for everything else.
fn role(object: &Value, variant: &VariantPlan) -> Option<String> {
    let service = &variant.spec.service().name;
    let services = || variant.spec.manifests().iter().filter(|one| text(one, "/kind") == "Service");
    let selector =
        services().find(|one| text(one, "/metadata/name") == service)?.pointer("/spec/selector")?.as_object()?;
    let labels = object.pointer("/spec/template/metadata/labels");
    let selected = !selector.is_empty()
        && selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    if selected {
        return Some(format!("its pods are endpoints of service/{service}"));
    }
    let rolled = text(object, "/spec/workloadRef/name");
    let named = reference(text(object, "/spec/workloadRef/kind"), rolled) == variant.workload.reference;
    named.then(|| format!("it rolls {}", variant.workload.reference))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::manifest_plan;

    #[test]
    fn only_what_brings_or_rolls_the_service_s_pods_decides_the_outcome() {
        let plan = manifest_plan("web.yaml", include_str!("../../../manifests/apache.yaml"));
        let of = |spec: Value| {
            let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "a"}, "spec": spec});
            role(&object, &plan.variants[0])
        };
        assert!(
            of(json!({"template": {"metadata": {"labels": {"app": "web"}}}}))
                .unwrap()
                .contains("endpoints of service/web")
        );
        let rolls = of(json!({"workloadRef": {"kind": "Deployment", "name": "web"}}));
        assert_eq!(rolls.unwrap(), "it rolls deployment/web");
        for other in [
            json!({"template": {"metadata": {"labels": {"app": "other"}}}}),
            json!({"selector": {"matchLabels": {"app": "web"}}, "endpoints": [{"port": "http"}]}),
            json!({"workloadRef": {"kind": "Deployment", "name": "other"}}),
            json!({}),
        ] {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }
}
