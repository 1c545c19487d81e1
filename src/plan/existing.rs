//! What a plan of a workload that is there already may do. Nothing but the workload's own spec is ever changed, so that it can be
//! undone exactly.

use serde_json::Value;

use super::limits;
use super::plan_error::{FaultContext, PlanError};
use super::types::VariantPlan;
use crate::manifest::{
    ChosenService, ManifestError, ManifestObject, ManifestWorkload, clean_exported, parse, strategic_merge, workload,
};
use crate::scenario::model::ScenarioVariant;
use crate::spec::{ExistingTarget, RolloutAction, SetCommands};
use crate::yaml::{YamlDocument, YamlSource};

/// A workload as a cluster has it, with the Services that select its pods.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveTarget {
    pub(crate) namespace: String,
    /// One object each.
    pub(crate) sources: Vec<YamlSource>,
    /// The pods of a `DaemonSet` (`status.desiredNumberScheduled`), which its spec does not say.
    pub(crate) pods: Option<u32>,
}

impl LiveTarget {
    /// The objects, without what the cluster itself writes.
    pub(super) fn objects(&self) -> Result<Vec<ManifestObject>, ManifestError> {
        let mut objects = Vec::new();
        for source in &self.sources {
            objects.extend(parse(source)?);
        }
        for object in &mut objects {
            clean_exported(&mut object.value);
        }
        Ok(objects)
    }
}

/// What is said of a variant that a command makes.
pub(super) const BY_COMMAND: &str = "a command makes it, so that advice goes by the workload as it stood before";

/// The commands that make a variant of a workload that is there already.
pub(super) fn set(context: FaultContext<'_>, variant: &ScenarioVariant) -> Result<Option<SetCommands>, PlanError> {
    let Some(set) = &variant.set else { return Ok(None) };
    if let Some(patch) = variant.patch.0.first() {
        let message = "`patch` stands beside `set`, expected one of them";
        return Err(context.fault(Some(&patch.place), message, "change the workload by a patch or by a command"));
    }
    let Some(back) = &set.value.back else {
        let message = "`set` has no `back`, expected the command that undoes it";
        let help = "for example `set: {run: [helm, upgrade, web, ./chart], back: [helm, rollback, web]}`";
        return Err(context.fault(Some(&set.place), message, help));
    };
    context.beyond(Some(&set.place), limits::command(&set.value.run, Some(back)))?;
    Ok(Some(SetCommands { run: set.value.run.clone(), back: back.clone() }))
}

/// Refuses such commands where the run makes copies of manifests.
pub(super) fn no_set(context: FaultContext<'_>, variant: &ScenarioVariant) -> Result<(), PlanError> {
    let Some(set) = &variant.set else { return Ok(()) };
    let message = "`set` makes a variant of a workload that is there already, and this scenario applies manifests";
    Err(context.fault(Some(&set.place), message, "use `patch`, or `target: {existing: ...}` in place of `manifests`"))
}

/// The objects of a recorded variant, made of the workload as it stands now.
pub(super) fn again(recorded: &ExistingTarget, live: Option<&LiveTarget>) -> Result<Vec<Value>, PlanError> {
    let live = live.filter(|live| live.namespace == recorded.namespace).ok_or_else(|| {
        PlanError::plain(
            format!("{} of namespace {} was not read from a cluster", recorded.objects.workload, recorded.namespace),
            "name the cluster that it is on with --cluster",
        )
    })?;
    let mut objects = live.objects()?;
    let index = workload(&objects, Some(&recorded.objects.workload))?.index;
    for patch in &recorded.patches {
        let Some(object) = objects.get_mut(index) else { continue };
        strategic_merge(&mut object.value, patch).map_err(|error| {
            let message = format!("a recorded patch does not fit {} as it stands: {error}", recorded.objects.workload);
            PlanError::plain(message, "run its scenario")
        })?;
    }
    Ok(objects.into_iter().map(|object| object.value).collect())
}

/// A variant's patch of a workload that is there already changes its `spec` and nothing else.
pub(super) fn check_patch(of_workload: bool, variant: &str, patch: &YamlDocument) -> Result<(), PlanError> {
    let metadata = patch.value.get("metadata").and_then(|metadata| metadata.as_object());
    let named_only =
        metadata.is_none_or(|fields| fields.keys().all(|key| matches!(key.as_str(), "name" | "namespace")));
    let known = |key: &String| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec");
    let spec_only = named_only && patch.value.as_object().is_some_and(|fields| fields.keys().all(known));
    if of_workload && spec_only {
        return Ok(());
    }
    Err(PlanError::plain(
        format!("in variant {variant}: this patch changes more than the spec of the workload, which is there already"),
        "patch `spec` of the workload only, because everything else would stay as it is; or run the manifests as a copy",
    ))
}

/// Which of several variants a command of a rollout has made would not be known: `set` says it.
pub(super) fn check_commands(variants: &[VariantPlan]) -> Result<(), PlanError> {
    let by_command = variants.iter().find(|one| matches!(one.spec.rollout.action, RolloutAction::Command { .. }));
    match by_command {
        Some(variant) if variants.len() > 1 => Err(PlanError::plain(
            format!(
                "variant {} is rolled by a command, and {} has other variants too",
                variant.spec.name, variant.workload.reference
            ),
            "make the variants by `set: {run: [...], back: [...]}`, and roll them by `restart: {}`",
        )),
        _ => Ok(()),
    }
}

pub(super) fn check(
    variant: &str,
    workload: &ManifestWorkload,
    service: &ChosenService,
    rollout: &RolloutAction,
) -> Result<(), PlanError> {
    if service.added.is_some() {
        return Err(PlanError::plain(
            format!("no Service of its namespace selects the pods of {}", workload.reference),
            "make a Service that does: nothing is added to a namespace that is not the run's own",
        ));
    }
    if let RolloutAction::Env { name, .. } = rollout {
        return Err(PlanError::plain(
            format!(
                "in variant {variant}: setting the variable {name} would be a new revision of {} in each trial",
                workload.reference
            ),
            "roll it by `restart: {}`",
        ));
    }
    Ok(())
}
