//! A workload that was there before the run: brought to a variant's spec before a trial, and looked at after it, because others may change
//! it too.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kube::api::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::running_variant::TrialAction;
use super::{RunningVariant, TrialError};
use crate::cluster::kube::{
    CONFLICT_RETRY, CONFLICT_TRIES, FormerSpec, SpecOrigin, last_writer, patch_if_unchanged, unkept,
};
use crate::rollout::{RolloutStep, perform};
use crate::spec::SetCommands;

/// The most fields that a sentence names.
const NAMED: usize = 3;

/// A variant of a workload that was there before the run.
#[derive(Debug)]
pub(crate) struct InPlace {
    pub(crate) former: Arc<FormerSpec>,
    pub(crate) wanted: WantedSpec,
    /// What a command of the user's has made of the workload, and has yet to undo: all variants of it share this.
    pub(crate) set: Arc<Mutex<Option<SetState>>>,
}

/// How the workload becomes the variant.
#[derive(Debug)]
pub(crate) enum WantedSpec {
    /// It gets this spec, as the cluster completes it.
    Known(Value),
    /// By these commands. What they made of it first is what they have to make of it each time.
    ByCommand { set: SetCommands, made: Mutex<Option<Value>> },
}

/// A variant that a command has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetState {
    variant: String,
    back: Vec<String>,
}

/// Makes the workload the variant, if it is not; whether it had to be changed. `number` is the coming trial's. What somebody else made
/// of it is not touched, and ends the run.
pub(super) async fn bring(variant: &RunningVariant, in_place: &InPlace, number: u32) -> Result<bool, TrialError> {
    let mut state = in_place.set.lock().await;
    let other = state.as_ref().is_some_and(|state| state.variant != variant.name);
    let undone = other && undo(variant, &mut state, number).await?;
    match &in_place.wanted {
        WantedSpec::Known(wanted) => Ok(bring_to(variant, in_place, wanted).await? || undone),
        WantedSpec::ByCommand { set, made } => {
            let made_now = state.is_none();
            if made_now {
                *state = Some(SetState { variant: variant.name.clone(), back: set.back.clone() });
                command(variant, &set.run, number).await?;
            }
            let live = read(variant).await?;
            let spec = live.data.get("spec").unwrap_or(&Value::Null);
            let mut made = made.lock().await;
            let expected = made.get_or_insert_with(|| spec.clone());
            if in_place.former.same(spec, expected) {
                Ok(made_now)
            } else {
                Err(meddled(variant, changed(expected, spec), by(&live)))
            }
        }
    }
}

/// At the end of a run: undoes what commands of the user's have made and not undone yet.
pub(crate) async fn leave(variant: &RunningVariant) -> Result<(), TrialError> {
    let Some(in_place) = &variant.in_place else { return Ok(()) };
    let mut state = in_place.set.lock().await;
    if state.as_ref().is_some_and(|state| state.variant == variant.name) {
        undo(variant, &mut state, 0).await?;
    }
    let TrialAction::Roll { back: Some(RolloutStep::Command(back)), .. } = &variant.action else { return Ok(()) };
    if variant.changed.swap(false, Ordering::Relaxed) { command(variant, back, 0).await } else { Ok(()) }
}

/// Runs the way back of the variant that stands; true if there was one.
async fn undo(variant: &RunningVariant, state: &mut Option<SetState>, number: u32) -> Result<bool, TrialError> {
    let Some(SetState { back, .. }) = state.take() else { return Ok(false) };
    command(variant, &back, number).await?;
    Ok(true)
}

async fn command(variant: &RunningVariant, words: &[String], number: u32) -> Result<(), TrialError> {
    let step = RolloutStep::Command(words.to_vec());
    let performed = perform(&variant.handle, &step, number, variant.timeout).await;
    performed.map(|_| ()).map_err(|error| TrialError::Rollout(error.into()))
}

async fn bring_to(variant: &RunningVariant, in_place: &InPlace, wanted: &Value) -> Result<bool, TrialError> {
    let former = &in_place.former;
    for last in (0..CONFLICT_TRIES).rev() {
        let live = read(variant).await?;
        let spec = live.data.get("spec").unwrap_or(&Value::Null);
        if former.same(spec, wanted) {
            return Ok(false);
        }
        if former.origin(spec) == SpecOrigin::Strange {
            // What the user's own command makes of it is the user's.
            return if by_command(variant) {
                Ok(false)
            } else {
                Err(meddled(variant, changed(wanted, spec), by(&live)))
            };
        }
        match patch_if_unchanged(&api(variant), former.way_to(wanted, spec), &live).await {
            Ok(answer) => {
                let now = answer.data.get("spec").unwrap_or(&Value::Null);
                if former.same(now, wanted) {
                    return Ok(true);
                }
                // Nothing of it is to stay.
                let _ = patch_if_unchanged(&api(variant), former.way_back(now), &answer).await;
                let by = "; the cluster itself changed what was asked for".to_owned();
                return Err(meddled(variant, changed(wanted, now), by));
            }
            Err(kube::Error::Api(status)) if status.code == 409 && last > 0 => tokio::time::sleep(CONFLICT_RETRY).await,
            Err(source) => return Err(failed(variant, "changing it into the variant", source)),
        }
    }
    Ok(false)
}

/// Whether a command of the user's rolls the workload.
fn by_command(variant: &RunningVariant) -> bool {
    matches!(&variant.action, TrialAction::Roll { roll: RolloutStep::Command(_), .. })
}

fn meddled(variant: &RunningVariant, what: String, by: String) -> TrialError {
    TrialError::Meddled {
        workload: variant.handle.workload.reference(),
        namespace: variant.handle.workload.namespace.clone(),
        what,
        by,
    }
}

/// Why the workload is not the variant any more as its rollout is to begin; `None` if it is.
pub(super) fn no_longer(variant: &RunningVariant, standing: &DynamicObject) -> Option<String> {
    let in_place = variant.in_place.as_ref()?;
    let WantedSpec::Known(wanted) = &in_place.wanted else { return None };
    if by_command(variant) {
        return None;
    }
    let spec = standing.data.get("spec").unwrap_or(&Value::Null);
    (!in_place.former.same(spec, wanted)).then(|| {
        let workload = variant.handle.workload.reference();
        format!("{workload} was changed before the rollout: {}{}", changed(wanted, spec), by(standing))
    })
}

/// The workload as it stands; `None` where nobody else changes it.
pub(super) async fn standing(variant: &RunningVariant) -> Result<Option<DynamicObject>, TrialError> {
    match variant.in_place {
        Some(_) => read(variant).await.map(Some),
        None => Ok(None),
    }
}

/// What somebody else did to the workload since `before`, in a sentence; empty if nothing.
pub(super) async fn meddling(variant: &RunningVariant, before: &DynamicObject) -> String {
    let workload = variant.handle.workload.reference();
    let now = match api(variant).get_opt(&variant.handle.workload.name).await {
        Ok(Some(now)) if now.uid() == before.uid() => now,
        Ok(_) => return format!("{workload} was deleted during the trial"),
        Err(error) => {
            let error = crate::cluster::kube::api_words(&error);
            return format!(
                "it is unknown whether somebody else changed {workload} during the trial, because reading it failed: {error}"
            );
        }
    };
    let spec = |object: &DynamicObject| object.data.get("spec").cloned().unwrap_or_default();
    let what = changed(&spec(before), &spec(&now));
    if what.is_empty() {
        return String::new();
    }
    format!("{workload} was changed during the trial: {what}{}", by(&now))
}

fn by(object: &DynamicObject) -> String {
    match last_writer(object) {
        who if who.is_empty() => String::new(),
        who => format!("; the last to write to it was {}", who.escape_debug()),
    }
}

/// The fields in which two specs differ; empty if in none.
fn changed(before: &Value, now: &Value) -> String {
    let whole = |spec: &Value| json!({"spec": spec});
    let mut paths: Vec<String> = Vec::new();
    for field in unkept(&whole(before), &whole(now)) {
        let was = before.pointer(&format!("/{}", field.path.trim_start_matches("spec.").replace('.', "/")));
        let (short, now) = (was.filter(|value| value.is_number()), field.kept.filter(Value::is_number));
        match (short, now) {
            (Some(was), Some(now)) => paths.push(format!("{} went from {was} to {now}", field.path)),
            _ => paths.push(field.path),
        }
    }
    for field in unkept(&whole(now), &whole(before)) {
        if !paths.iter().any(|known| known.split(' ').next() == Some(&field.path)) {
            paths.push(field.path);
        }
    }
    let more = paths.len().saturating_sub(NAMED);
    let list = paths.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

fn api(variant: &RunningVariant) -> Api<DynamicObject> {
    let workload = &variant.handle.workload;
    Api::namespaced_with(variant.handle.client.clone(), &workload.namespace, &workload.resource())
}

/// The workload as it stands. One of its name that was made since is another, which the run has nothing to do with.
async fn read(variant: &RunningVariant) -> Result<DynamicObject, TrialError> {
    let read = api(variant).get(&variant.handle.workload.name).await;
    let live = read.map_err(|source| failed(variant, "reading it", source))?;
    let known = variant.in_place.as_ref().map(|in_place| in_place.former.uid.as_str());
    if known.is_some() && live.uid().as_deref() != known {
        return Err(meddled(variant, "it was deleted, and another of its name was made".to_owned(), by(&live)));
    }
    Ok(live)
}

fn failed(variant: &RunningVariant, doing: &str, source: kube::Error) -> TrialError {
    TrialError::Api {
        doing: format!("{doing} ({})", variant.handle.workload.reference()),
        namespace: variant.handle.workload.namespace.clone(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_by_its_field_and_numbers_by_their_values() {
        let spec = |replicas: u32, image: &str| json!({"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}});
        assert_eq!(changed(&spec(2, "a"), &spec(2, "a")), "");
        assert_eq!(changed(&spec(2, "a"), &spec(5, "a")), "spec.replicas went from 2 to 5");
        assert_eq!(changed(&spec(2, "a"), &spec(2, "b")), "spec.template.spec.containers[0].image");
        let mut paused = spec(2, "a");
        paused["paused"] = json!(true);
        assert_eq!(changed(&spec(2, "a"), &paused), "spec.paused");
        assert_eq!(changed(&paused, &spec(2, "a")), "spec.paused");
    }
}
