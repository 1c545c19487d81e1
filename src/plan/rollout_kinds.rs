//! The rollouts that change more than a value of a container: patch, scale, command, evict.

use std::path::Path;

use serde_json::Value;

use super::plan_error::{FaultContext, PlanError};
use super::{limits, patches};
use crate::manifest::{FileSource, ManifestObject, ManifestWorkload, ObjectPlaces, WorkloadKind, workload};
use crate::scenario::model::{ScenarioDrain, ScenarioEvict, ScenarioScale};
use crate::scenario::shapes::{OneOrMore, PatchSource, ScenarioCommand};
use crate::spec::RolloutAction;
use crate::yaml::Located;

#[derive(Clone, Copy)]
pub(super) struct RolloutContext<'a> {
    pub(super) context: FaultContext<'a>,
    pub(super) folder: &'a Path,
    pub(super) files: &'a dyn FileSource,
    pub(super) objects: &'a [ManifestObject],
    pub(super) workload: &'a ManifestWorkload,
    pub(super) variant: &'a str,
}

impl RolloutContext<'_> {
    pub(super) fn manifest(&self) -> &Value {
        self.objects.get(self.workload.index).map_or(&Value::Null, |object| &object.value)
    }
}

pub(super) fn patch(
    subject: &RolloutContext<'_>,
    spec: &Located<PatchSource>,
    places: &mut ObjectPlaces,
) -> Result<RolloutAction, PlanError> {
    let RolloutContext { context, folder, files, objects, workload: rolled, variant } = *subject;
    let refuse = |message: &str, help: &str| Err(context.fault(Some(&spec.place), message, help));
    let documents = patches::read(context, folder, files, &OneOrMore(vec![spec.clone()]))?;
    let [document] = documents.as_slice() else {
        let message = format!("the rollout's patch has {} documents, expected one", documents.len());
        return refuse(&message, "a rollout changes the workload and nothing else");
    };
    let index = patches::target(objects, rolled.index, variant, document)?;
    if index != rolled.index {
        let other = objects.get(index).map(ManifestObject::reference).unwrap_or_default();
        let message = format!("the rollout's patch is for {other}, expected {}", rolled.reference);
        return refuse(&message, "a rollout changes the workload and nothing else");
    }
    let mut patched = objects.to_vec();
    patches::apply(&mut patched, rolled.index, variant, document)?;
    let template =
        |objects: &[ManifestObject]| objects.get(index).and_then(|one| one.value.pointer("/spec/template").cloned());
    if template(objects) == template(&patched) {
        let message =
            format!("the rollout's patch leaves the pods of {} as they are, so that nothing rolls", rolled.reference);
        return refuse(
            &message,
            "change something below spec.template, or use `scale: {to: N}` for another number of pods",
        );
    }
    objects.get(index).into_iter().for_each(|object| places.patch(&object.value, document));
    let said = format!("in variant {variant}, with the rollout's patch: ");
    workload(&patched, Some(&rolled.reference))
        .map_err(|error| context.placed(Some(&spec.place), places, &patched, &said, error))?;
    Ok(RolloutAction::Patch { patch: patches::body(document) })
}

pub(super) fn scale(subject: &RolloutContext<'_>, spec: &ScenarioScale) -> Result<RolloutAction, PlanError> {
    let RolloutContext { context, workload, .. } = *subject;
    let refuse = |message: &str, help: &str| Err(context.fault(Some(&spec.to.place), message, help));
    if workload.kind == WorkloadKind::DaemonSet {
        let message = format!("{} has one pod for each node, so that it cannot be scaled", workload.reference);
        return refuse(&message, "roll it by `restart: {}`");
    }
    context.beyond(Some(&spec.to.place), limits::scale(spec.to.value))?;
    let to = u32::try_from(spec.to.value).unwrap_or(u32::MAX);
    if to == workload.replicas {
        let message = format!("{} has {to} replicas already, so that nothing would change", workload.reference);
        return refuse(&message, "name another number");
    }
    Ok(RolloutAction::Scale { from: workload.replicas, to })
}

pub(super) fn command(context: FaultContext<'_>, spec: &Located<ScenarioCommand>) -> Result<RolloutAction, PlanError> {
    let ScenarioCommand { run, back } = &spec.value;
    context.beyond(Some(&spec.place), limits::command(run, back.as_deref()))?;
    Ok(RolloutAction::Command { run: run.clone(), back: back.clone() })
}

pub(super) fn evict(context: FaultContext<'_>, spec: &ScenarioEvict) -> Result<RolloutAction, PlanError> {
    if let Some(node) = &spec.node {
        context.beyond(Some(&node.place), limits::node(&node.value))?;
    }
    Ok(RolloutAction::Evict { node: spec.node.as_ref().map(|node| node.value.clone()), cordon: spec.cordon })
}

pub(super) fn drain(context: FaultContext<'_>, spec: &ScenarioDrain) -> Result<RolloutAction, PlanError> {
    context.beyond(Some(&spec.node.place), limits::node(&spec.node.value))?;
    Ok(RolloutAction::Evict { node: Some(spec.node.value.clone()), cordon: true })
}
