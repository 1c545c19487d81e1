//! What a trial does to the workload, checked against the manifests.

use serde_json::Value;

use super::limits;
use super::plan_error::{FaultContext, PlanError};
use super::rollout_kinds::{self, RolloutContext};
use crate::manifest::{ManifestContainer, ManifestWorkload, ObjectPlaces};
use crate::scenario::model::{ScenarioEnv, ScenarioImage, ScenarioNone, ScenarioRollout};
use crate::spec::{RolloutAction, RolloutSpec};
use crate::yaml::{Located, YamlPlace};

const DEFAULT_VARIABLE: &str = "ROLLPROOF_TRIAL";
const KINDS: &str = "restart: {}, image: {to: ...}, env: {}, patch: FILE, scale: {to: N}, command: [...], evict: {}, drain: {node: NAME}, or none: \
                     {for: 10s}";

/// The rollout of `own`, with the kind and the time limit that it leaves out taken from `base`. A patch of it is noted in
/// `places`.
pub(super) fn plan(
    subject: &RolloutContext<'_>,
    own: Option<&Located<ScenarioRollout>>,
    base: Option<&Located<ScenarioRollout>>,
    places: &mut ObjectPlaces,
) -> Result<RolloutSpec, PlanError> {
    let context = subject.context;
    let mut planned = RolloutSpec::default();
    for spec in [base, own].into_iter().flatten() {
        if let Some(kind) = kind(subject, spec, places)? {
            planned.action = kind;
        }
        if let Some(limit) = &spec.value.timeout {
            context.beyond(Some(&limit.place), limits::rollout_timeout(limit.value.0))?;
            planned.timeout = limit.value.0;
        }
    }
    Ok(planned)
}

fn kind(
    subject: &RolloutContext<'_>,
    spec: &Located<ScenarioRollout>,
    places: &mut ObjectPlaces,
) -> Result<Option<RolloutAction>, PlanError> {
    let (context, workload) = (subject.context, subject.workload);
    let ScenarioRollout { restart, image, env, none, patch, scale, command, evict, drain, timeout } = &spec.value;
    let given = [
        restart.as_ref().map(|_| Ok(RolloutAction::Restart)),
        image.as_ref().map(|image| image_change(context, image, workload)),
        env.as_ref().map(|env| env_change(context, env, workload, subject.manifest(), &spec.place)),
        patch.as_ref().map(|patch| rollout_kinds::patch(subject, patch, places)),
        scale.as_ref().map(|scale| rollout_kinds::scale(subject, scale)),
        command.as_ref().map(|command| rollout_kinds::command(context, command)),
        evict.as_ref().map(|evict| rollout_kinds::evict(context, evict)),
        drain.as_ref().map(|drain| rollout_kinds::drain(context, drain)),
        none.as_ref().map(|none| no_rollout(context, none)),
    ];
    let mut given: Vec<_> = given.into_iter().flatten().collect();
    if given.len() > 1 || (given.is_empty() && timeout.is_none()) {
        let several = if given.is_empty() { "no kind" } else { "several kinds" };
        let message = format!("the rollout names {several}, expected one of {KINDS}");
        return Err(context.fault(Some(&spec.place), &message, "leave `rollout` out to restart"));
    }
    given.pop().transpose()
}

fn image_change(
    context: FaultContext<'_>,
    spec: &ScenarioImage,
    workload: &ManifestWorkload,
) -> Result<RolloutAction, PlanError> {
    context.beyond(Some(&spec.to.place), limits::image(&spec.to.value))?;
    let to = spec.to.value.trim();
    let container = container(context, spec.container.as_ref(), workload, &spec.to.place)?;
    if container.image == to {
        let message = format!("{to} is what container {} runs already, so that nothing would roll", container.name);
        return Err(context.fault(Some(&spec.to.place), &message, "name another image, or roll by `restart: {}`"));
    }
    Ok(RolloutAction::Image { container: container.name.clone(), from: container.image.clone(), to: to.to_owned() })
}

fn env_change(
    context: FaultContext<'_>,
    spec: &ScenarioEnv,
    workload: &ManifestWorkload,
    manifest: &Value,
    place: &YamlPlace,
) -> Result<RolloutAction, PlanError> {
    let name = spec.name.as_ref().map_or(DEFAULT_VARIABLE, |name| name.value.as_str());
    let place = spec.name.as_ref().map_or(place, |name| &name.place);
    context.beyond(Some(place), limits::variable(name))?;
    let container = container(context, spec.container.as_ref(), workload, place)?;
    let containers = manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let own = containers.into_iter().flatten().find(|known| known["name"] == container.name.as_str());
    let variables = own.and_then(|own| own.get("env")).and_then(Value::as_array);
    if variables.into_iter().flatten().any(|known| known["name"] == name && known.get("valueFrom").is_some()) {
        let message = format!(
            "container {} takes `{name}` from elsewhere (valueFrom), so that it has no value to set",
            container.name
        );
        return Err(context.fault(Some(place), &message, "name another variable"));
    }
    Ok(RolloutAction::Env { container: container.name.clone(), name: name.to_owned() })
}

fn container<'a>(
    context: FaultContext<'_>,
    wanted: Option<&Located<String>>,
    workload: &'a ManifestWorkload,
    place: &YamlPlace,
) -> Result<&'a ManifestContainer, PlanError> {
    let present = || workload.containers.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ");
    match (wanted, workload.containers.as_slice()) {
        (Some(wanted), containers) => containers.iter().find(|known| known.name == wanted.value).ok_or_else(|| {
            let message = format!("{} has no container `{}`", workload.reference, wanted.value);
            context.fault(Some(&wanted.place), &message, &format!("it has {}", present()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("{} has several containers, so that one must be named", workload.reference);
            Err(context.fault(Some(place), &message, &format!("add `container:` with one of {}", present())))
        }
    }
}

fn no_rollout(context: FaultContext<'_>, spec: &ScenarioNone) -> Result<RolloutAction, PlanError> {
    let duration = spec.for_time.value.0;
    context.beyond(Some(&spec.for_time.place), limits::no_rollout(duration))?;
    Ok(RolloutAction::None { duration })
}
