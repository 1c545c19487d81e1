//! The one step with which a rollout begins.

use std::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::kube::{FIELD_MANAGER, RESTARTED_AT, api_words};

use super::restarts::{RestartValues, restarted_at};
use super::rollout_command::{self, CommandError};
use super::{RolledWorkload, RolloutHandle};

/// What a rollout does to the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutStep {
    /// A new annotation in the pod template.
    Restart,
    /// The annotation of `kubectl rollout restart` itself, which alternates between two values.
    RestartBetween(RestartValues),
    /// An environment variable of a container gets a new value.
    Env {
        /// The container.
        container: String,
        /// The variable.
        name: String,
    },
    /// A container gets an image.
    Image {
        /// The container.
        container: String,
        /// The image.
        image: String,
    },
    /// A JSON merge patch of the workload.
    Patch(Value),
    /// The workload gets this many replicas.
    Scale {
        /// How many.
        to: u32,
    },
    /// A program of the user's own: its name and its arguments.
    Command(Vec<String>),
}

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("rolling {workload} in namespace {namespace} ({what}): {}", api_words(source))]
    Api { workload: String, namespace: String, what: String, source: Box<kube::Error> },
    #[error("rolling {workload} in namespace {namespace}: {source}")]
    Command { workload: String, namespace: String, source: Box<CommandError> },
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// The workload changed, as far as can be told.
    Changed,
    /// The API accepted the step and found nothing to change, so that nothing rolls.
    Nothing,
}

impl RolloutStep {
    /// In a few words, for the record and for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Restart | Self::RestartBetween(_) => "restart".to_owned(),
            Self::Env { container, name } => format!("env {name} of container {container}"),
            Self::Image { container, image } => format!("image {image} of container {container}"),
            Self::Patch(_) => "patch".to_owned(),
            Self::Scale { to } => format!("scale to {to}"),
            // Not its arguments: they may hold what nobody should read in a record.
            Self::Command(words) => format!("command {}", words.first().map_or("", String::as_str)),
        }
    }

    /// The patch that makes `trial`'s rollout of a workload whose template was restarted at `now`; `None` for a command.
    #[must_use]
    pub fn patch(&self, trial: u32, now: Option<&str>) -> Option<Patch<Value>> {
        let trial = trial.to_string();
        Some(match self {
            Self::RestartBetween(values) => Patch::Strategic(
                json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: values.next(now)}}}}}),
            ),
            Self::Restart => Patch::Strategic(
                json!({"spec": {"template": {"metadata": {"annotations": {"rollproof/trial": trial}}}}}),
            ),
            Self::Env { container, name } => Patch::Strategic(json!({"spec": {"template": {"spec": {"containers":
                [{"name": container, "env": [{"name": name, "value": trial}]}]}}}})),
            Self::Image { container, image } => Patch::Strategic(json!({"spec": {"template": {"spec": {"containers":
                [{"name": container, "image": image}]}}}})),
            Self::Patch(patch) => Patch::Merge(patch.clone()),
            Self::Scale { to } => Patch::Merge(json!({"spec": {"replicas": to}})),
            Self::Command(_) => return None,
        })
    }
}

/// Performs the step of `trial`; a command may take as long as `bound`. A step is never repeated: one that was answered
/// with an error has failed. Dropping the future kills a command with all that it started.
pub async fn perform(
    handle: &RolloutHandle,
    roll: &RolloutStep,
    trial: u32,
    bound: Duration,
) -> Result<StepOutcome, StepError> {
    let RolledWorkload { namespace, name, .. } = &handle.workload;
    let failed = |source: kube::Error| StepError::Api {
        workload: handle.workload.reference(),
        namespace: namespace.clone(),
        what: roll.describe(),
        source: Box::new(source),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(handle.client.clone(), namespace, &handle.workload.resource());
    let now = match roll {
        RolloutStep::RestartBetween(_) => {
            let live = api.get(name).await.map_err(failed)?;
            live.data.pointer("/spec/template").and_then(restarted_at).map(str::to_owned)
        }
        _ => None,
    };
    let Some(patch) = roll.patch(trial, now.as_deref()) else {
        let words = if let RolloutStep::Command(words) = roll { words.as_slice() } else { &[] };
        let mut variables = handle.variables.clone();
        variables.insert("ROLLPROOF_TRIAL".to_owned(), trial.to_string());
        variables.insert("ROLLPROOF_NAMESPACE".to_owned(), namespace.clone());
        let ran = rollout_command::run(words, &variables, bound, handle.command_log.as_deref()).await;
        return ran.map(|()| StepOutcome::Changed).map_err(|source| StepError::Command {
            workload: handle.workload.reference(),
            namespace: namespace.clone(),
            source: Box::new(source),
        });
    };
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let answer = api.patch(name, &params, &patch).await.map_err(failed)?;
    Ok(step_outcome(&answer))
}

/// A workload at rest has been observed in its present generation, and a change of its spec makes a new one, which no
/// controller can have observed in the very answer to the change.
fn step_outcome(answer: &DynamicObject) -> StepOutcome {
    let observed = answer.data.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_some() && observed == answer.metadata.generation {
        StepOutcome::Nothing
    } else {
        StepOutcome::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_differ_so_that_each_one_rolls() {
        let body = |roll: &RolloutStep, trial| format!("{:?}", roll.patch(trial, None).unwrap());
        for roll in [RolloutStep::Restart, RolloutStep::Env { container: "web".into(), name: "N".into() }] {
            assert_ne!(body(&roll, 1), body(&roll, 2));
        }
    }

    #[test]
    fn a_step_that_the_controller_has_already_observed_changed_nothing() {
        let answer = |generation: i64, observed: Value| {
            serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "generation": generation}, "status": {"observedGeneration": observed}}))
            .unwrap()
        };
        assert_eq!(step_outcome(&answer(3, json!(3))), StepOutcome::Nothing);
        assert_eq!(step_outcome(&answer(4, json!(3))), StepOutcome::Changed);
        assert_eq!(step_outcome(&answer(1, Value::Null)), StepOutcome::Changed);
    }
}
