//! The way back: from a record's header to the plan that it was made from.
//!
//! A record is a file that people hand on, so that what it says is checked as a scenario is, and what it says of itself
//! that would let its commands run unasked is not believed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, Method, uri::PathAndQuery};
use serde_json::Value;

use super::build::{ONE_VARIANT, build, build_for_manifests, check_overrides};
use super::error::PlanError;
use super::give_again::{Given, give_again};
use super::order;
use super::types::{Choice, EmbeddedPlan, Overrides, RunPlan, VariantPlan};
use crate::manifest::hash::without_copies;
use crate::manifest::{Object, Service, WorkloadKind, check_together, workload};
use crate::record::again::{Again, RequestAgain, VariantAgain};
use crate::record::header::{Header, RequestHeader, VariantHeader};
use crate::scenario::http as written;
use crate::scenario::shipped::SHIPPED;
use crate::scenario::values::{Name, Rate, Trials};
use crate::scenario::{self, Shipped};
use crate::spec::{HeaderSpec, HeaderText, LoadSpec, RequestSpec, RolloutAction, RolloutSpec};
use crate::yaml::{Place, Source};

/// What errors call the record.
const RECORD: &str = "the record";
/// The longest time that a record may give to a request or a rollout, or wait for routing.
const MAX_TIME: Duration = Duration::from_hours(24);

/// The plan of the run that `header` tells of, with what the user decides over it. Only the variants that `wanted` names
/// are kept; all of them where it names none. `given` is what the record holds hashed only.
///
/// # Errors
/// The record is too old or was changed, a variant is unknown, or something is not given again.
pub fn from_record(
    header: &Header,
    wanted: &[String],
    given: &Given,
    overrides: &Overrides,
) -> Result<RunPlan, PlanError> {
    check_overrides(overrides)?;
    let again = header.again.as_ref().ok_or_else(|| too_old(header))?;
    damaged(Name::new(&header.scenario))?;
    damaged(Trials::new(header.trials.into()))?;
    let mut plan = RunPlan {
        name: header.scenario.clone(),
        seed: overrides.seed,
        trials: overrides.trials.unwrap_or(header.trials),
        baseline: None,
        variants: header
            .variants
            .iter()
            .map(|variant| back(variant, again, overrides.rate))
            .collect::<Result<_, _>>()?,
        order: Vec::new(),
        embedded: EmbeddedPlan { base: time(again.base_ns)?, min_sync_period: time(again.min_sync_period_ns)? },
        max_lag: Duration::from_millis(header.max_lag_ms),
        probe: again.probe,
        folders: again.folders.iter().map(PathBuf::from).collect(),
        notes: again.notes.clone(),
        aside: Vec::new(),
        control: None,
        time_budget: None,
    };
    plan.baseline = plan.index_of(header.baseline.as_deref());
    plan.control = plan.index_of(header.control.as_deref());
    plan.order = order::blocks(plan.variants.len(), plan.trials, plan.seed);
    plan.keep_variants(wanted)?;
    give_again(&mut plan, given)?;
    Ok(plan)
}

impl RunPlan {
    fn index_of(&self, name: Option<&str>) -> Option<usize> {
        self.variants.iter().position(|variant| Some(variant.name.as_str()) == name)
    }

    /// Keeps the variants that `wanted` names, in the plan's order, and plans their trials anew; keeps all where it names
    /// none. A baseline that is left out is none any more.
    ///
    /// # Errors
    /// A name is none of the plan's.
    pub fn keep_variants(&mut self, wanted: &[String]) -> Result<(), PlanError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let known = || self.variants.iter().map(|variant| variant.name.as_str());
        if let Some(unknown) = wanted.iter().find(|name| known().all(|known| known != name.as_str())) {
            return Err(PlanError::Plain {
                message: format!("there is no variant `{}`", unknown.escape_debug()),
                help: format!("name one of {}", known().collect::<Vec<_>>().join(", ")),
            });
        }
        let (baseline, control) = (self.name_of(self.baseline), self.name_of(self.control));
        let (kept, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.variants).into_iter().partition(|variant| wanted.contains(&variant.name));
        self.variants = kept;
        self.notes.retain(|note| left.iter().all(|variant| !note.starts_with(&format!("variant {}: ", variant.name))));
        self.baseline = self.index_of(baseline.as_deref());
        self.control = self.index_of(control.as_deref());
        self.order = order::blocks(self.variants.len(), self.trials, self.seed);
        if self.variants.len() == 1 && !self.notes.iter().any(|note| note == ONE_VARIANT) {
            self.notes.push(ONE_VARIANT.to_owned());
        }
        Ok(())
    }
}

fn too_old(header: &Header) -> PlanError {
    PlanError::Plain {
        message: format!(
            "the record was written by rollproof {} before records held all that a run needs, so that it cannot be run \
             again",
            header.rollproof
        ),
        help: "run its scenario or manifests once more; the record of that run can be run again".to_owned(),
    }
}

fn damage(what: &str) -> PlanError {
    PlanError::Plain {
        message: format!("the record's header does not fit: {what}"),
        help: "the record was changed after it was written; restore it from a copy, or run its scenario".to_owned(),
    }
}

fn damaged<T>(checked: Result<T, String>) -> Result<T, PlanError> {
    checked.map_err(|what| damage(&what))
}

fn time(ns: u64) -> Result<Duration, PlanError> {
    let time = Duration::from_nanos(ns);
    if time > MAX_TIME { Err(damage(&format!("a time is {ns} ns, expected at most 24h"))) } else { Ok(time) }
}

fn back(header: &VariantHeader, again: &Again, rate: Option<f64>) -> Result<VariantPlan, PlanError> {
    damaged(Name::new(&header.name))?;
    let missing = || damage(&format!("variant {} has no `again`, expected one", header.name));
    let own = again.variants.get(&header.name).ok_or_else(missing)?;
    let mut manifests = header.manifests.clone();
    // kubectl's own copy of an object is hashed in the record, and nothing that runs reads it.
    manifests.iter_mut().for_each(without_copies);
    let source = Source::new(RECORD, "");
    let object = |value: &Value| Object { value: value.clone(), source: source.clone(), place: Place::default() };
    let objects: Vec<Object> = manifests.iter().map(object).collect();
    check_together(&objects)?;
    let mut rolled = workload(&objects, Some(&header.workload))?;
    if rolled.kind == WorkloadKind::DaemonSet {
        rolled = rolled.with_pods(manifests.get(rolled.index).unwrap_or(&Value::Null), header.replicas)?;
    }
    let is_service = |object: &&Object| object.is("Service", "") && object.name() == header.service;
    let chosen = objects.iter().find(is_service);
    let chosen = chosen.ok_or_else(|| damage(&format!("variant {} has no service/{}", header.name, header.service)))?;
    let service = Service {
        name: header.service.clone(),
        port: own.service_port,
        port_name: own.service_port_name.clone(),
        target_port: own.target_port,
        added: own.service_added.then(|| chosen.value.clone()),
    };
    Ok(VariantPlan {
        name: header.name.clone(),
        expect: header.expect,
        lost_at_most: header.lost_at_most,
        strict: header.strict,
        shipped: own.shipped && !brings_its_own(&own.rollout) && is_shipped(&manifests),
        manifests,
        ignored: Vec::new(),
        workload: rolled,
        service,
        load: load(header, own, rate)?,
        rollout: RolloutSpec { action: own.rollout.clone(), timeout: time(own.rollout_timeout_ns)? },
        notes: own.notes.clone(),
    })
}

fn brings_its_own(rollout: &RolloutAction) -> bool {
    matches!(rollout, RolloutAction::Image { .. } | RolloutAction::Patch { .. } | RolloutAction::Command { .. })
}

/// Whether these are the objects of a compiled-in manifest, alone or in a compiled-in scenario. The record's word is not
/// enough: commands of shipped manifests run on a machine without a private network unasked.
fn is_shipped(manifests: &[Value]) -> bool {
    let (choice, overrides) = (Choice::default(), Overrides::default());
    SHIPPED.iter().any(|(path, text)| {
        let plan = if path.starts_with("scenarios/") {
            let scenario = scenario::load(Path::new(path), &Shipped).ok();
            scenario.and_then(|scenario| build(&scenario, &Shipped, &overrides).ok())
        } else {
            build_for_manifests(&[Source::new(path, text)], &choice, &overrides).ok()
        };
        plan.is_some_and(|plan| plan.variants.iter().any(|variant| variant.shipped && variant.manifests == manifests))
    })
}

fn load(header: &VariantHeader, own: &VariantAgain, rate: Option<f64>) -> Result<LoadSpec, PlanError> {
    let load = &header.load;
    damaged(Rate::new(load.rate))?;
    if load.judged.is_empty() || load.requests.is_empty() || load.requests.len() != own.requests.len() {
        return Err(damage(&format!("variant {} has no judged arm, or not two halves of each request", header.name)));
    }
    let pairs = load.requests.iter().zip(&own.requests);
    Ok(LoadSpec {
        rate: rate.unwrap_or(load.rate),
        timeout: time(own.timeout_ns)?,
        connections: own.connections,
        pod_header: load.pod_header.parse().map_err(|_| damage("the pod header is no header's name"))?,
        judged: load.judged.clone(),
        requests: pairs.map(|(request, own)| request_plan(request, own)).collect::<Result<_, _>>()?,
    })
}

fn request_plan(request: &RequestHeader, own: &RequestAgain) -> Result<RequestSpec, PlanError> {
    let path: PathAndQuery = damaged(written::Path::new(&request.path))?.0;
    let bad = |what: &str| damage(&format!("the request {} {}: {what}", request.method, request.path));
    let method: Method = request.method.parse().map_err(|_| bad("its method is none"))?;
    let shares = std::iter::once(request.share).chain(request.arms.iter().map(|(_, weight)| *weight));
    if request.arms.is_empty() || shares.into_iter().any(|share| !(0.0..=1.000_001).contains(&share)) {
        return Err(bad("its share or its arms' weights are not between 0 and 1"));
    }
    let mut headers = Vec::new();
    for field in &own.headers {
        let name: HeaderName = field.name.parse().map_err(|_| bad("one of its headers has no name"))?;
        let value = field.value.clone();
        let value = if field.hashed { HeaderText::Hash(value) } else { HeaderText::Value(value) };
        headers.push(HeaderSpec { name, value });
    }
    Ok(RequestSpec {
        method,
        path,
        headers,
        body: own.body.clone(),
        statuses: own.statuses.clone(),
        share: request.share,
        arms: request.arms.clone(),
    })
}
