//! The load of a variant: the scenario's with the variant's on top, shares and weights made to add to 1.

use std::path::Path;
use std::time::Duration;

use http::{HeaderName, Method, uri::PathAndQuery};

use super::plan_error::{FaultContext, PlanError};
use super::{limits, plan_tls, plan_url};
use crate::manifest::FileSource;
use crate::record::Arm;
use crate::scenario::model::{ScenarioLoad, ScenarioRequest};
use crate::spec::{Door, LoadSpec, RequestSpec};
use crate::yaml::Located;

const DEFAULT_RATE: f64 = 100.0;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_ARMS: [Arm; 2] = [Arm::New, Arm::Reused];
const DEFAULT_POD_HEADER: HeaderName = HeaderName::from_static("x-pod");

/// The scenario's load with a variant's keys on top.
pub(super) fn overlay(base: &ScenarioLoad, over: &ScenarioLoad) -> ScenarioLoad {
    let over = over.clone();
    ScenarioLoad {
        rate: over.rate.or(base.rate),
        timeout: over.timeout.or_else(|| base.timeout.clone()),
        connections: over.connections.or_else(|| base.connections.clone()),
        url: over.url.or_else(|| base.url.clone()),
        resolve: over.resolve.or_else(|| base.resolve.clone()),
        proxy: over.proxy.or_else(|| base.proxy.clone()),
        door: over.door.or_else(|| base.door.clone()),
        tls: over.tls.or_else(|| base.tls.clone()),
        pod_header: over.pod_header.or_else(|| base.pod_header.clone()),
        retry_header: over.retry_header.or_else(|| base.retry_header.clone()),
        judge: over.judge.or_else(|| base.judge.clone()),
        requests: over.requests.or_else(|| base.requests.clone()),
    }
}

/// The load that `spec` describes. What it names in `files` is relative to `folder`.
pub(super) fn plan(
    context: FaultContext<'_>,
    (folder, files): (&Path, &dyn FileSource),
    spec: &ScenarioLoad,
    rate: Option<f64>,
) -> Result<LoadSpec, PlanError> {
    let requests = requests(context, spec)?;
    plan_url::check_used(context, spec, &requests)?;
    let judged = judged(context, spec, &requests)?;
    Ok(LoadSpec {
        rate: rate.or(spec.rate.map(crate::scenario::values::RequestRate::per_s)).unwrap_or(DEFAULT_RATE),
        timeout: timeout(context, spec)?,
        connections: connections(context, spec)?,
        url: plan_url::plan(context, spec)?,
        tls: plan_tls::plan(context, (folder, files), spec, plan_url::at_service(&requests))?,
        pod_header: spec.pod_header.as_ref().map_or(DEFAULT_POD_HEADER, |header| header.0.clone()),
        retry_header: spec.retry_header.as_ref().map(|header| header.0.clone()),
        judged,
        requests,
    })
}

fn timeout(context: FaultContext<'_>, spec: &ScenarioLoad) -> Result<Duration, PlanError> {
    let Some(timeout) = &spec.timeout else { return Ok(DEFAULT_TIMEOUT) };
    context.beyond(Some(&timeout.place), limits::timeout(timeout.value.0))?;
    Ok(timeout.value.0)
}

fn connections(context: FaultContext<'_>, spec: &ScenarioLoad) -> Result<Option<u32>, PlanError> {
    let Some(count) = &spec.connections else { return Ok(None) };
    context.beyond(Some(&count.place), limits::connections(count.value))?;
    Ok(Some(count.value))
}

fn requests(context: FaultContext<'_>, spec: &ScenarioLoad) -> Result<Vec<RequestSpec>, PlanError> {
    let Some(list) = &spec.requests else {
        let arms = weights(&DEFAULT_ARMS.map(|arm| (arm, 1.0)));
        let doors = plan_url::doors(context, spec, None)?;
        return Ok(at_doors(&RequestSpec::get(PathAndQuery::from_static("/"), arms), doors));
    };
    context.beyond(Some(&list.place), limits::kinds_of_request(list.value.len()))?;
    let shares = shares(context, list)?;
    let mut planned = Vec::with_capacity(list.value.len());
    for (request, share) in list.value.iter().zip(shares) {
        let doors = plan_url::doors(context, spec, request.value.door.as_ref())?;
        planned.extend(at_doors(&request_plan(context, &request.value, share)?, doors));
    }
    context.beyond(Some(&list.place), limits::kinds_of_request(planned.len()))?;
    Ok(planned)
}

/// The kind once for each door, its share divided between them.
fn at_doors(kind: &RequestSpec, doors: &[Door]) -> Vec<RequestSpec> {
    #[expect(clippy::cast_precision_loss, reason = "there are one or two")]
    let share = kind.share / doors.len() as f64;
    doors.iter().map(|door| RequestSpec { door: Some(*door), share, ..kind.clone() }).collect()
}

/// Each kind's share. Those that give none divide evenly what the others leave.
fn shares(context: FaultContext<'_>, list: &Located<Vec<Located<ScenarioRequest>>>) -> Result<Vec<f64>, PlanError> {
    const ROUNDING: f64 = 1e-6;
    let given = |request: &Located<ScenarioRequest>| request.value.share.as_ref().map(|share| share.value.0);
    let sum = list.value.iter().filter_map(given).sum::<f64>();
    let open = list.value.iter().filter(|request| given(request).is_none()).count();
    let percent = (sum * 1e6).round() / 1e4;
    let refuse = |message: String| {
        let latest = list.value.iter().rev().find_map(|request| request.value.share.as_ref());
        let place = latest.map_or(&list.place, |share| &share.place);
        Err(context.fault(Some(place), &message, "a request without `share` takes what the others leave"))
    };
    if sum > 1.0 + ROUNDING {
        return refuse(format!("the shares add to {percent}%, expected at most 100%"));
    }
    if open == 0 && sum < 1.0 - ROUNDING {
        return refuse(format!("the shares add to {percent}%, expected 100% where every request has one"));
    }
    let left = 1.0 - sum;
    if open > 0 && left < ROUNDING {
        return refuse("the shares add to 100%, which leaves nothing for the request without one".to_owned());
    }
    #[expect(clippy::cast_precision_loss, reason = "there are at most a hundred")]
    let each = left / open.max(1) as f64;
    // What rounding leaves over is taken out, so that shares add to 1.
    let whole = if open == 0 { sum } else { 1.0 };
    Ok(list.value.iter().map(|request| given(request).unwrap_or(each) / whole).collect())
}

fn request_plan(context: FaultContext<'_>, spec: &ScenarioRequest, share: f64) -> Result<RequestSpec, PlanError> {
    let method = spec.method.as_ref().map_or(Method::GET, |method| method.0.clone());
    if let Some(body) = &spec.body {
        context.beyond(Some(&body.place), limits::body(&method, &body.value))?;
    }
    let arms = spec.arms.as_ref().map(|arms| weights(&arms.value.0));
    Ok(RequestSpec {
        door: None,
        method,
        path: spec.path.0.clone(),
        headers: spec.headers.0.clone(),
        body: spec.body.as_ref().map(|body| body.value.clone()).unwrap_or_default(),
        statuses: spec.status.iter().flat_map(|several| several.0.iter().map(|status| status.value.0)).collect(),
        share,
        arms: arms.unwrap_or_else(|| weights(&DEFAULT_ARMS.map(|arm| (arm, 1.0)))),
    })
}

/// The weights made to add to 1, in the order of [`Arm::ALL`].
fn weights(arms: &[(Arm, f64)]) -> Vec<(Arm, f64)> {
    let sum = arms.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut arms = arms.iter().map(|(arm, weight)| (*arm, weight / sum)).collect::<Vec<_>>();
    arms.sort_by_key(|(arm, _)| *arm);
    arms
}

fn judged(context: FaultContext<'_>, spec: &ScenarioLoad, requests: &[RequestSpec]) -> Result<Vec<Arm>, PlanError> {
    let used = |arm: &Arm| requests.iter().any(|request| request.arms.iter().any(|(known, _)| known == arm));
    let wanted = match &spec.judge {
        Some(judge) => judge.value.0.iter().map(|arm| arm.value).collect::<Vec<_>>(),
        None => DEFAULT_ARMS.to_vec(),
    };
    // An arm that no request uses decides nothing, so that it is left out here.
    let judged = Arm::ALL.into_iter().filter(|arm| wanted.contains(arm) && used(arm)).collect::<Vec<_>>();
    if judged.is_empty() {
        let names = |arms: &mut dyn Iterator<Item = Arm>| arms.map(Arm::name).collect::<Vec<_>>().join(", ");
        let wanted = names(&mut wanted.iter().copied());
        let carrying = names(&mut Arm::ALL.into_iter().filter(used));
        let message = format!("no request is carried by a judged arm ({wanted}), so that nothing decides the verdict");
        let place = spec.judge.as_ref().map(|judge| &judge.place).or(spec.requests.as_ref().map(|list| &list.place));
        return Err(context.fault(place, &message, &format!("the requests use {carrying}: name one in `judge:`")));
    }
    Ok(judged)
}
