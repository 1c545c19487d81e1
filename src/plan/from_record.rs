//! The way back: from a record's header to the plan that it was made from.
//!
//! A record is a file that people hand on, so that what it says is checked as a scenario is, and what it says of itself
//! that would let its commands run unasked is not believed.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::build_plan::{ONE_VARIANT, build, build_for_manifests, check_overrides};
use super::existing::{self, LiveTarget};
use super::give_again::{GivenValues, give_again};
use super::limits::{self, BeyondLimit};
use super::plan_error::PlanError;
use super::types::{PlanOverrides, RunPlan, VariantPlan, WorkloadChoice, brings_its_own};
use super::{plan_tls, plan_url};
use crate::manifest::{ManifestObject, ObjectPlaces, WorkloadKind, check_together, workload};
use crate::record::header::Header;
use crate::redact::hide_last_applied;
use crate::scenario::http as written;
use crate::scenario::shipped::SHIPPED;
use crate::scenario::values::{RequestRate, ScenarioName, TrialCount, check_max_lag};
use crate::scenario::{self, ShippedFiles};
use crate::spec::{RequestSpec, RolloutAction, RunSettings, VariantSpec};
use crate::yaml::{YamlPlace, YamlSource};

/// What errors call the record.
const RECORD: &str = "the record";
/// The longest time that a record may give to a request or a rollout, or wait for routing.
const MAX_TIME: Duration = Duration::from_hours(24);

/// The plan of the run that `header` tells of, with what the user decides over it. Only the variants that `wanted` names
/// are kept; all of them where it names none. `given` is what the record holds hashed only, and `live` the workload of a run on one that
/// was there already, as it stands now: the record's is not believed of it.
pub(crate) fn from_record(
    header: &Header,
    wanted: &[String],
    given: &GivenValues,
    live: Option<&LiveTarget>,
    overrides: &PlanOverrides,
) -> Result<RunPlan, PlanError> {
    check_overrides(overrides)?;
    let recorded = &header.spec.settings;
    within(limits::variants(&header.spec))?;
    damaged(check_max_lag(recorded.max_lag_ms()))?;
    damaged(ScenarioName::new(&recorded.scenario))?;
    damaged(TrialCount::new(recorded.trials.into()))?;
    let routing = recorded.cluster.routing;
    for time in [routing.base, routing.min_sync_period, recorded.lead_in, recorded.tail] {
        bounded(time)?;
    }
    let settings =
        RunSettings { seed: overrides.seed, trials: overrides.trials.unwrap_or(recorded.trials), ..recorded.clone() };
    let variants = header.spec.variants.iter().map(|variant| back(variant, live, overrides.rate));
    let mut plan = RunPlan::new(settings, variants.collect::<Result<_, _>>()?);
    plan.keep_variants(wanted)?;
    give_again(&mut plan, given)?;
    Ok(plan)
}

impl RunPlan {
    /// Keeps the variants that `wanted` names, in the plan's order, and plans their trials anew; keeps all where it names
    /// none. A baseline that is left out is none any more.
    pub(crate) fn keep_variants(&mut self, wanted: &[String]) -> Result<(), PlanError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let known = || self.variants.iter().map(|variant| variant.spec.name.as_str());
        if let Some(unknown) = wanted.iter().find(|name| known().all(|known| known != name.as_str())) {
            let message = format!("there is no variant `{}`", unknown.escape_debug());
            let known = known().collect::<Vec<_>>().join(", ");
            return Err(PlanError::plain(message, &format!("name one of {known}")));
        }
        let (kept, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.variants).into_iter().partition(|variant| wanted.contains(&variant.spec.name));
        self.variants = kept;
        let settings = &mut self.settings;
        let left: Vec<&str> = left.iter().map(|variant| variant.spec.name.as_str()).collect();
        settings.notes.retain(|note| left.iter().all(|name| !note.starts_with(&format!("variant {name}: "))));
        for role in [&mut settings.baseline, &mut settings.control] {
            *role = role.take().filter(|name| !left.contains(&name.as_str()));
        }
        if self.variants.len() == 1 && !settings.notes.iter().any(|note| note == ONE_VARIANT) {
            settings.notes.push(ONE_VARIANT.to_owned());
        }
        self.order_trials();
        Ok(())
    }
}

fn damage(what: &str) -> PlanError {
    PlanError::plain(
        format!("the record's header does not fit: {what}"),
        "the record was changed after it was written; restore it from a copy, or run its scenario",
    )
}

fn damaged<T>(checked: Result<T, String>) -> Result<T, PlanError> {
    checked.map_err(|what| damage(&what))
}

fn within(checked: Result<(), BeyondLimit>) -> Result<(), PlanError> {
    checked.map_err(|beyond| damage(&beyond.message))
}

fn bounded(time: Duration) -> Result<(), PlanError> {
    if time <= MAX_TIME {
        return Ok(());
    }
    Err(damage(&format!("a time is {} s, expected at most 24h", time.as_secs())))
}

fn back(recorded: &VariantSpec, live: Option<&LiveTarget>, rate: Option<f64>) -> Result<VariantPlan, PlanError> {
    damaged(ScenarioName::new(&recorded.name))?;
    let mut spec = recorded.clone();
    if let Some(existing) = recorded.existing() {
        spec.objects_mut().manifests = existing::again(existing, live)?;
        if let Some(set) = &existing.set {
            within(limits::command(&set.run, Some(&set.back)))?;
        }
    }
    // kubectl's own copy of an object is hashed in the record, and nothing that runs reads it.
    for manifest in &mut spec.objects_mut().manifests {
        hide_last_applied(manifest, &mut |_| None);
    }
    let source = YamlSource::new(RECORD, "");
    let object = |value: &Value| ManifestObject {
        value: value.clone(),
        source: source.clone(),
        place: YamlPlace::default(),
        items: Vec::new(),
    };
    let objects: Vec<ManifestObject> = spec.manifests().iter().map(object).collect();
    check_together(&objects)?;
    let mut rolled = workload(&objects, Some(spec.workload()))?;
    if rolled.kind == WorkloadKind::DaemonSet {
        let manifest = spec.manifests().get(rolled.index).unwrap_or(&Value::Null);
        rolled = rolled.with_pods(manifest, spec.replicas())?;
    }
    let service = &spec.service().name;
    if !objects.iter().any(|object| object.is("Service", "") && object.name() == *service) {
        return Err(damage(&format!("variant {} has no service/{service}", spec.name)));
    }
    check_load(&spec)?;
    within(limits::rollout_timeout(spec.rollout.timeout))?;
    within(limits::rollout(&spec.rollout.action))?;
    if let RolloutAction::None { duration } = spec.rollout.action {
        bounded(duration)?;
    }
    spec.load.rate = rate.unwrap_or(spec.load.rate);
    spec.shipped = spec.shipped && !brings_its_own(&spec.rollout.action) && is_shipped(spec.manifests());
    let objects = spec.objects_mut();
    (objects.replicas, objects.surge) = (rolled.replicas, rolled.surge);
    Ok(VariantPlan { spec, workload: rolled, ignored: Vec::new(), places: ObjectPlaces::default() })
}

/// Whether these are the objects of a compiled-in manifest, alone or in a compiled-in scenario. The record's word is not
/// enough: commands of shipped manifests run on a machine without a private network unasked.
fn is_shipped(manifests: &[Value]) -> bool {
    let (choice, overrides) = (WorkloadChoice::default(), PlanOverrides::default());
    SHIPPED.iter().any(|(path, text)| {
        let plan = if path.starts_with("scenarios/") {
            let scenario = scenario::load(Path::new(path), &ShippedFiles).ok();
            scenario.and_then(|scenario| build(&scenario, &ShippedFiles, None, &overrides).ok())
        } else {
            build_for_manifests(&[YamlSource::new(path, text)], &choice, &overrides).ok()
        };
        plan.is_some_and(|plan| {
            plan.variants.iter().any(|variant| variant.spec.shipped && variant.spec.manifests() == manifests)
        })
    })
}

fn check_load(spec: &VariantSpec) -> Result<(), PlanError> {
    let load = &spec.load;
    damaged(RequestRate::new(load.rate))?;
    within(limits::timeout(load.timeout))?;
    within(load.connections.map_or(Ok(()), limits::connections))?;
    damaged(plan_url::check(load))?;
    damaged(load.tls.as_ref().map_or(Ok(()), plan_tls::check))?;
    if load.judged.is_empty() || load.requests.is_empty() {
        return Err(damage(&format!("variant {} has no judged arm, or no request", spec.name)));
    }
    within(limits::kinds_of_request(load.requests.len()))?;
    load.requests.iter().try_for_each(check_request)
}

fn check_request(request: &RequestSpec) -> Result<(), PlanError> {
    damaged(written::RequestMethod::new(request.method.as_str()))?;
    damaged(written::RequestPath::new(request.path.as_str()))?;
    let mut headers = written::RequestHeaders::default();
    for header in &request.headers {
        damaged(headers.add(header.clone()))?;
    }
    for status in &request.statuses {
        damaged(written::ExpectedStatus::new(i64::from(*status)))?;
    }
    // A hash stands for a body that is given again, and checked against it.
    within(limits::body(&request.method, &request.body))?;
    let shares = std::iter::once(request.share).chain(request.arms.iter().map(|(_, weight)| *weight));
    let twice = request
        .arms
        .iter()
        .enumerate()
        .any(|(index, (arm, _))| request.arms.iter().take(index).any(|(known, _)| known == arm));
    if request.arms.is_empty() || twice || shares.into_iter().any(|share| !(0.0..=1.000_001).contains(&share)) {
        return Err(damage(&format!(
            "the request {} {}: its share or its arms' weights are not between 0 and 1, or an arm is named twice",
            request.method,
            request.path.path()
        )));
    }
    Ok(())
}
