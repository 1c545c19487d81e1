//! What must be known of a workload that is there already before anything is done to it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::owner_marks::owners;
use crate::clock::wall_unix_ns;
use crate::cluster::kube::{FormerSpec, api_words, resource};
use crate::commands::ending::CommandFailure;
use crate::commands::kept_manifests::{self, AppliedVariant};
use crate::commands::outputs::rfc3339;
use crate::manifest::{WorkloadKind, strategic_merge};
use crate::plan::{RunPlan, VariantPlan};
use crate::rollout::{KeptRevision, RestartValues, plan_restarts};
use crate::spec::RolloutAction;

/// The number of a `ReplicaSet`'s revision, as an annotation (kubernetes/pkg/controller/deployment/util, `RevisionAnnotation`).
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Kubernetes' default of `spec.revisionHistoryLimit` (k8s.io/kubernetes/pkg/apis/apps/v1/defaults.go).
const HISTORY: u64 = 10;

/// A workload that is there already, and what the run does with it.
#[derive(Debug, Clone)]
pub(in crate::commands) struct ExistingFacts {
    pub(super) former: FormerSpec,
    pub(super) restarts: RestartValues,
    /// The spec of each variant as the cluster completes it, by the variant's place in the plan.
    pub(super) wanted: BTreeMap<usize, Value>,
    /// The run sets specs of its own, which are undone at the end.
    pub(super) changes: bool,
    /// The most revisions that it leaves; `None` where only the user's commands know.
    pub(super) new_revisions: Option<usize>,
    /// What should be known before the start.
    pub(super) notes: Vec<String>,
}

/// Looks at the existing workload of the plan; `None` if it has none. Nothing is changed.
pub(super) async fn look(client: &Client, plan: &RunPlan) -> Result<Option<ExistingFacts>, CommandFailure> {
    let existing = |variant: &&VariantPlan| variant.spec.existing().is_some();
    let Some(first) = plan.variants.iter().find(existing) else { return Ok(None) };
    let Some(target) = first.spec.existing() else { return Ok(None) };
    let (namespace, kind, reference) = (&target.namespace, first.workload.kind, &first.workload.reference);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource(kind));
    let live = api.get(&first.workload.name).await.map_err(|error| {
        CommandFailure::Machine(format!("reading {reference} in namespace {namespace}: {}", api_words(&error)))
    })?;
    let spec = live.data.get("spec").cloned().unwrap_or_default();
    let scales = plan.variants.iter().filter(existing).any(scales);
    let mut former = FormerSpec::new(namespace, reference, &live.uid().unwrap_or_default(), &spec, scales);
    let (mut wanted, mut applied, mut made) = (BTreeMap::new(), Vec::new(), 0);
    for (index, variant) in plan.variants.iter().enumerate().filter(|(_, variant)| variant.spec.existing().is_some()) {
        let own = if variant.spec.existing().is_some_and(|existing| existing.patches.is_empty()) {
            spec.clone()
        } else {
            let variant_spec = patched(variant, &spec)?;
            let own = completed(&api, &live, &former, &variant_spec, variant).await?;
            let sent = json!({"kind": kind.name(), "metadata": {"name": variant.workload.name}, "spec": variant_spec});
            let kept = json!({"kind": kind.name(), "metadata": {"name": variant.workload.name}, "spec": own});
            applied.push(AppliedVariant { name: variant.spec.name.clone(), sent: vec![sent], kept: vec![kept] });
            made += 2;
            own
        };
        if let Some(rolled) = rolled(variant, &own) {
            let rolled = completed(&api, &live, &former, &rolled, variant).await?;
            former.will_set(&rolled);
            made += 1;
        }
        former.will_set(&own);
        wanted.insert(index, own);
    }
    let commands = plan.variants.iter().any(runs_a_command);
    // Of what commands make nothing is undone here, but a clean-up after a crash can say that it was changed.
    let changes = made > 0 || scales || commands;
    let restarts = plan.variants.iter().any(|variant| variant.spec.rollout.action == RolloutAction::Restart);
    let planned = restarts_of(client, first, &live, made).await?;
    if (restarts || changes)
        && let Some(pruned) = planned.pruned
    {
        return Err(CommandFailure::User(format!(
            "{reference} in namespace {namespace} keeps as many revisions as its revisionHistoryLimit allows, so that the run would prune {pruned}, \
             to which nobody could roll back any more; raise spec.revisionHistoryLimit first"
        )));
    }
    let new_revisions = (!commands).then_some(made + usize::from(restarts));
    let mut notes = owners(&live);
    notes.extend(kept_manifests::notes(&applied));
    notes.extend(autoscalers(client, namespace, first).await);
    Ok(Some(ExistingFacts { former, restarts: planned.values, wanted, changes, new_revisions, notes }))
}

/// The live spec with the variant's patches: of what the manifest was when the run was planned nothing is taken.
fn patched(variant: &VariantPlan, live: &Value) -> Result<Value, CommandFailure> {
    let mut object = json!({"apiVersion": "apps/v1", "kind": variant.workload.kind.name(), "spec": live});
    for patch in variant.spec.existing().map_or(&[][..], |existing| &existing.patches) {
        strategic_merge(&mut object, patch).map_err(|error| {
            CommandFailure::User(format!(
                "variant {}: its patch does not fit {} as it stands: {error}",
                variant.spec.name, variant.workload.reference
            ))
        })?;
    }
    Ok(object["spec"].take())
}

/// Whether the variant or its rollout sets the number of replicas.
fn scales(variant: &VariantPlan) -> bool {
    let rolls = match &variant.spec.rollout.action {
        RolloutAction::Scale { .. } => true,
        RolloutAction::Patch { patch } => patch.pointer("/spec/replicas").is_some(),
        _ => false,
    };
    let patches = variant.spec.existing().map_or(&[][..], |existing| &existing.patches);
    rolls || patches.iter().any(|patch| patch.pointer("/spec/replicas").is_some())
}

fn runs_a_command(variant: &VariantPlan) -> bool {
    let set = variant.spec.existing().is_some_and(|existing| existing.set.is_some());
    set || matches!(variant.spec.rollout.action, RolloutAction::Command { .. })
}

/// The spec to which the variant's rollout rolls; `None` where it stays, or where only the user's command knows.
fn rolled(variant: &VariantPlan, own: &Value) -> Option<Value> {
    let patch = match &variant.spec.rollout.action {
        RolloutAction::Image { container, to, .. } => {
            json!({"spec": {"template": {"spec": {"containers": [{"name": container, "image": to}]}}}})
        }
        RolloutAction::Scale { to, .. } => json!({"spec": {"replicas": to}}),
        RolloutAction::Patch { patch } => patch.clone(),
        RolloutAction::Restart
        | RolloutAction::Env { .. }
        | RolloutAction::Command { .. }
        | RolloutAction::Evict { .. }
        | RolloutAction::None { .. } => return None,
    };
    let mut object = json!({"apiVersion": "apps/v1", "kind": variant.workload.kind.name(), "spec": own});
    strategic_merge(&mut object, &patch).ok()?;
    object.get("spec").cloned()
}

/// The spec as the cluster would keep it: it is asked without anything being changed (`dryRun`).
async fn completed(
    api: &Api<DynamicObject>,
    live: &DynamicObject,
    former: &FormerSpec,
    wanted: &Value,
    variant: &VariantPlan,
) -> Result<Value, CommandFailure> {
    let patch = former.way_to(wanted, live.data.get("spec").unwrap_or(&Value::Null));
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let answer = api.patch(&live.name_any(), &params, &Patch::Merge(patch)).await.map_err(|error| {
        CommandFailure::User(format!(
            "variant {}: the cluster refuses this change of {}: {}",
            variant.spec.name,
            variant.workload.reference,
            api_words(&error)
        ))
    })?;
    Ok(answer.data.get("spec").cloned().unwrap_or_default())
}

/// How restarts of the workload can be made; `made` is how many more revisions the run makes.
async fn restarts_of(
    client: &Client,
    variant: &VariantPlan,
    live: &DynamicObject,
    made: usize,
) -> Result<crate::rollout::PlannedRestarts, CommandFailure> {
    let namespace = live.namespace().unwrap_or_default();
    let revisions = revisions(client, &namespace, variant, &live.uid().unwrap_or_default()).await.map_err(|error| {
        CommandFailure::Machine(format!(
            "reading the revisions of {} in namespace {namespace}: {}",
            variant.workload.reference,
            api_words(&error)
        ))
    })?;
    let template = live.data.pointer("/spec/template").cloned().unwrap_or_default();
    let limit = live.data.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(HISTORY);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(plan_restarts(&template, &revisions, limit, made, &rfc3339(wall_unix_ns())))
}

async fn revisions(
    client: &Client,
    namespace: &str,
    variant: &VariantPlan,
    uid: &str,
) -> Result<Vec<KeptRevision>, kube::Error> {
    let all = ListParams::default();
    let owned = |owners: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference]| {
        owners.iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
    };
    if variant.workload.kind == WorkloadKind::Deployment {
        let sets = Api::<ReplicaSet>::namespaced(client.clone(), namespace).list(&all).await?.items;
        let kept = sets.into_iter().filter(|set| owned(set.owner_references())).map(|set| KeptRevision {
            name: format!("replicaset/{}", set.name_any()),
            number: set.annotations().get(REVISION).and_then(|number| number.parse().ok()).unwrap_or_default(),
            template: set.spec.and_then(|spec| serde_json::to_value(spec.template).ok()).unwrap_or_default(),
        });
        return Ok(kept.collect());
    }
    let found = Api::<ControllerRevision>::namespaced(client.clone(), namespace).list(&all).await?.items;
    let kept = found.into_iter().filter(|one| owned(one.owner_references())).map(|one| KeptRevision {
        name: format!("controllerrevision/{}", one.name_any()),
        number: one.revision,
        template: one.data.and_then(|data| data.0.pointer("/spec/template").cloned()).unwrap_or_default(),
    });
    Ok(kept.collect())
}

/// Who may scale the workload meanwhile. Whoever may not list them is not told.
async fn autoscalers(client: &Client, namespace: &str, variant: &VariantPlan) -> Vec<String> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), namespace);
    let found = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    let scales = |one: &HorizontalPodAutoscaler| {
        one.spec.as_ref().is_some_and(|spec| {
            let target = &spec.scale_target_ref;
            target.kind == variant.workload.kind.name() && target.name == variant.workload.name
        })
    };
    let named = found.iter().filter(|one| scales(one)).map(|one| {
        format!("horizontalpodautoscaler/{} may scale it: a trial in which it does is invalid", one.name_any())
    });
    named.collect()
}
