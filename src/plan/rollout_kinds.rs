//! The rollouts that change more than a value of a container: patch, scale, command, evict.

use std::path::Path;

use serde_json::Value;

use super::patches;
use super::plan_error::{FaultContext, PlanError};
use crate::manifest::workload::MAX_REPLICAS;
use crate::manifest::{FileSource, ManifestObject, ManifestWorkload, WorkloadKind, workload};
use crate::scenario::model::{ScenarioEvict, ScenarioScale};
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

pub(super) fn patch(subject: &RolloutContext<'_>, spec: &Located<PatchSource>) -> Result<RolloutAction, PlanError> {
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
    workload(&patched, Some(&rolled.reference)).map_err(|error| context.manifest(Some(&spec.place), error))?;
    Ok(RolloutAction::Patch { patch: patches::body(document) })
}

pub(super) fn scale(subject: &RolloutContext<'_>, spec: &ScenarioScale) -> Result<RolloutAction, PlanError> {
    let RolloutContext { context, workload, .. } = *subject;
    let refuse = |message: &str, help: &str| Err(context.fault(Some(&spec.to.place), message, help));
    if workload.kind == WorkloadKind::DaemonSet {
        let message = format!("{} has one pod for each node, so that it cannot be scaled", workload.reference);
        return refuse(&message, "roll it by `restart: {}`");
    }
    let to = match u32::try_from(spec.to.value) {
        Ok(to) if (1..=MAX_REPLICAS).contains(&to) => to,
        _ => {
            let message = format!("`to` is {}, expected 1 to {MAX_REPLICAS} replicas", spec.to.value);
            return refuse(&message, "without any pod every request is lost");
        }
    };
    if to == workload.replicas {
        let message = format!("{} has {to} replicas already, so that nothing would change", workload.reference);
        return refuse(&message, "name another number");
    }
    Ok(RolloutAction::Scale { from: workload.replicas, to })
}

pub(super) fn command(context: FaultContext<'_>, spec: &Located<ScenarioCommand>) -> Result<RolloutAction, PlanError> {
    let ScenarioCommand { run, back } = &spec.value;
    for (key, words) in [("command", Some(run)), ("back", back.as_ref())] {
        let Some(words) = words else { continue };
        let program = words.first().map_or("", |word| word.trim());
        if program.is_empty() {
            let message = format!("`{key}` names no program, expected one with its arguments");
            return Err(context.fault(
                Some(&spec.place),
                &message,
                "for example `command: [helm, upgrade, web, ./chart]`",
            ));
        }
        if words.len() == 1 && program.contains(char::is_whitespace) {
            let message = format!("`{key}` is one word with spaces in it, expected each argument by itself");
            let help = "there is no shell: write [helm, upgrade, web], or [sh, -c, \"...\"] if it must be one";
            return Err(context.fault(Some(&spec.place), &message, help));
        }
        if words.iter().any(|word| word.contains('\0')) {
            let message = format!("`{key}` holds a zero byte, which no argument can");
            return Err(context.fault(Some(&spec.place), &message, "remove it"));
        }
    }
    Ok(RolloutAction::Command { run: run.clone(), back: back.clone() })
}

pub(super) fn evict(context: FaultContext<'_>, spec: &ScenarioEvict) -> Result<RolloutAction, PlanError> {
    if let Some(node) = spec.node.as_ref().filter(|node| !is_node_name(&node.value)) {
        let message = format!("the node is `{}`, expected a node's name", node.value.escape_debug());
        return Err(context.fault(Some(&node.place), &message, "leave it out for the node with most of the pods"));
    }
    Ok(RolloutAction::Evict { node: spec.node.as_ref().map(|node| node.value.clone()), cordon: spec.cordon })
}

/// A DNS subdomain (RFC 1123), as the names of nodes are.
fn is_node_name(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(letters) && name.split('.').all(|part| !part.is_empty())
}
