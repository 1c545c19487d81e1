//! The figures that advice is made of.

use std::collections::BTreeSet;

use super::subject::Subject;
use crate::clock::Stamp;
use crate::diagnose::{Cause, Diagnosis, Incident};
use crate::record::Arm;
use crate::record::entry::Attempt;
use crate::spec::VariantSpec;
use crate::timeline::{Distribution, Edge, Phase, PodEdge, PodLife, Trial};

/// What a variant's counting trials measured. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// The longest time after a pod's deletion was seen for which new connections still went to it, answered or not, although another
    /// pod's endpoint was ready all the while; `None` if none shows it.
    pub routing_lag_s: Option<f64>,
    /// The longest time after a pod's deletion at which a proxy answered an error in its place; `None` if none shows it.
    pub proxy_lag_s: Option<f64>,
    /// The longest that an answered request of a judged arm took while nothing was rolled out, or that a cut one had taken on its
    /// connection; `None` if there was none.
    pub slowest_request_s: Option<f64>,
    /// The slowest was cut: it would have taken longer.
    pub slowest_was_cut: bool,
    /// The longest time after a new pod was declared ready until it was seen to listen or to answer; `None` if none shows it.
    pub ready_to_served_s: Option<f64>,
    /// The longest time after a new pod was declared ready at which a request was lost to its slowness; `None` without one.
    pub slow_start_s: Option<f64>,
    /// The kinds of requests, by their index in the load, that usually or now and then take longer than a probe should wait.
    pub slow_kinds: BTreeSet<u16>,
    /// `terminationGracePeriodSeconds`.
    pub grace_s: u64,
    /// The preStop hook in words.
    pub hook: String,
}

impl Measured {
    /// The figures of a variant's trials that count, `diagnosis` being that of the whole run.
    pub(super) fn of(variant: &VariantSpec, subject: &Subject<'_>, trials: &[&Trial], diagnosis: &Diagnosis) -> Self {
        let incidents = || of_trials(variant, trials, diagnosis);
        let (answered_s, cut_s) = (answered_s(variant, trials), cut_s(variant, trials, diagnosis));
        let refused = incidents().filter_map(|(trial, one)| refused_lag_s(trial, one));
        let lags = refused.chain(trials.iter().flat_map(|trial| answered_lags_s(trial)));
        Self {
            // A published endpoint stays until its pod is gone, so that nothing of it tells how long routing takes.
            routing_lag_s: largest(lags).filter(|_| !subject.published),
            proxy_lag_s: largest(incidents().filter_map(|(trial, one)| proxy_lag_s(trial, one))),
            slowest_request_s: largest([answered_s, cut_s].into_iter().flatten()),
            slowest_was_cut: cut_s > answered_s,
            ready_to_served_s: largest(trials.iter().flat_map(|trial| &trial.pods).filter_map(ready_to_served_s)),
            slow_start_s: largest(incidents().filter_map(|(trial, one)| slow_start_s(trial, one))),
            slow_kinds: slow_kinds(trials),
            grace_s: subject.grace_s,
            hook: subject.hook.words(),
        }
    }

    /// Seconds to wait before the stop, so that no new connection comes any more: a second more than it took.
    pub(super) fn first_sleep_s(&self) -> Option<u64> {
        largest([self.routing_lag_s, self.proxy_lag_s].into_iter().flatten()).map(|lag| whole(lag) + 1)
    }

    /// Seconds to wait for what is in flight: a second more than the slowest request took.
    pub(super) fn last_sleep_s(&self) -> Option<u64> {
        self.slowest_request_s.map(|slowest| whole(slowest) + 1)
    }
}

pub(super) fn of_trials<'a>(
    variant: &'a VariantSpec,
    trials: &'a [&'a Trial],
    diagnosis: &'a Diagnosis,
) -> impl Iterator<Item = (&'a Trial, &'a Incident)> {
    let judged = diagnosis.incidents.iter().filter(|one| variant.load.judged.contains(&one.arm));
    judged.filter_map(|one| {
        let trial = trials.iter().find(|trial| trial.start.trial == one.trial)?;
        Some((*trial, one))
    })
}

/// From a pod's deletion to the last new connection that was still routed to it.
fn refused_lag_s(trial: &Trial, incident: &Incident) -> Option<f64> {
    // What is reset in an accept queue came long before it failed: only a refusal is as old as its connection.
    if incident.cause != Cause::EndpointRace {
        return None;
    }
    if incident.pod.is_none() {
        // Which of several pods it was is not known: the one that was deleted last gives the least that it can have been.
        let deletions = trial.pods.iter().filter_map(|pod| pod.deletion);
        if let Some(latest_ns) = latest(deletions, incident.last_begun_ns) {
            return Some(between_s(latest_ns, incident.last_begun_ns));
        }
    }
    if !another_was_ready(trial, incident.pod.as_deref(), incident.last_begun_ns) {
        return None;
    }
    // One that timed out failed long after it was routed there.
    let waited_s = between_s(incident.last_begun_ns, incident.last_ns);
    after(incident, incident.cause, PodEdge::Deletion).map(|failed_s| (failed_s - waited_s).max(0.0))
}

/// From a pod's deletion to the last error that a proxy answered in its place.
fn proxy_lag_s(trial: &Trial, incident: &Incident) -> Option<f64> {
    let deletions = trial.pods.iter().filter_map(|pod| pod.deletion);
    least_after(incident, (Cause::Proxy, PodEdge::Deletion), deletions, incident.last_ns)
}

/// Whether, from the deletion of this pod until the moment, another pod's endpoint was ready all the time: without one, connections
/// are led to pods that stop on purpose. Without any endpoint in the record, nothing says that there was none.
fn another_was_ready(trial: &Trial, name: Option<&str>, until_ns: Stamp) -> bool {
    let deletion = trial.pods.iter().filter(|pod| Some(pod.name.as_str()) == name).find_map(|pod| pod.deletion);
    let Some(from_ns) = deletion.map(|deletion| deletion.high_ns) else { return true };
    if trial.pods.iter().all(|pod| pod.endpoint_ready.is_none()) {
        return true;
    }
    let others = || trial.pods.iter().filter(|pod| Some(pod.name.as_str()) != name);
    let ready_at = |at_ns: Stamp| {
        others().any(|pod| {
            let is_ready = pod.endpoint_ready.is_some_and(|ready| ready.high_ns <= at_ns);
            is_ready && pod.endpoint_not_ready.is_none_or(|left| left.high_ns > at_ns)
        })
    };
    let changes = others().filter_map(|pod| pod.endpoint_not_ready).map(|left| left.high_ns);
    let mut moments = changes.filter(|at_ns| (from_ns..=until_ns).contains(at_ns)).chain([from_ns]);
    moments.all(ready_at)
}

/// Half of a probe's `timeoutSeconds`, which is 1 unless it is set.
const SLOW_US: u64 = 500_000;

fn slow_kinds(trials: &[&Trial]) -> BTreeSet<u16> {
    let kinds = trials.iter().flat_map(|trial| &trial.kind_latency_us);
    kinds.filter(|(_, all)| all.per_mille(990).is_some_and(|us| us > SLOW_US)).map(|(kind, _)| *kind).collect()
}

/// From a new pod's readiness to the last request that was lost to its slowness.
fn slow_start_s(trial: &Trial, incident: &Incident) -> Option<f64> {
    let ready = trial.pods.iter().filter(|pod| pod.new).filter_map(|pod| pod.endpoint_ready.or(pod.ready));
    least_after(incident, (Cause::Overload, PodEdge::EndpointReady), ready, incident.last_begun_ns)
}

/// From pods' deletions to the last connections that they answered. One before the deletion tells nothing of what came after.
fn answered_lags_s(trial: &Trial) -> impl Iterator<Item = f64> {
    let deletion_ns = |name: &str| {
        let deletion = trial.pods.iter().find(|pod| pod.name == name)?.deletion?;
        Some(deletion.high_ns)
    };
    let shown = trial.propagation.pods.iter().filter(move |pod| {
        let last_ns = deletion_ns(&pod.pod).unwrap_or(0).saturating_add_signed(pod.after_deletion_ns);
        pod.after_deletion_ns > 0 && another_was_ready(trial, Some(&pod.pod), last_ns)
    });
    shown.map(|pod| signed_s(pod.after_deletion_ns))
}

/// The latest of these edges that were over by `at_ns`.
fn latest(edges: impl Iterator<Item = Edge>, at_ns: Stamp) -> Option<Stamp> {
    edges.map(|edge| edge.high_ns).filter(|edge_ns| *edge_ns <= at_ns).max()
}

/// From an edge to the last failure of an incident, if its cause is this.
fn after(incident: &Incident, cause: Cause, edge: PodEdge) -> Option<f64> {
    let evidence =
        incident.evidence.iter().find(|known| known.edge == Some(edge)).filter(|_| incident.cause == cause)?;
    Some(evidence.gap_ms? / 1e3 + between_s(incident.first_ns, incident.last_ns))
}

/// The same; `edges` are those of all pods that it may have been. Where which it was is not known, the latest edge by `at_ns` gives the
/// least that it can have been.
fn least_after(
    incident: &Incident,
    (cause, edge): (Cause, PodEdge),
    edges: impl Iterator<Item = Edge>,
    at_ns: Stamp,
) -> Option<f64> {
    let failed_s = after(incident, cause, edge)?;
    let latest_ns = latest(edges, at_ns).filter(|_| incident.pod.is_none());
    Some(latest_ns.map_or(failed_s, |latest_ns| between_s(latest_ns, incident.last_ns)))
}

/// Before the rollout nothing but the server makes a request slow: later ones may have waited for a connection, or for a pod. A rare
/// kind may have had no answer by then; half of its answers are not slower than it usually is.
#[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^53 microseconds")]
fn answered_s(variant: &VariantSpec, trials: &[&Trial]) -> Option<f64> {
    let judged = |arm: &Arm| variant.load.judged.contains(arm);
    let all = || trials.iter().flat_map(|trial| &trial.latency_us).filter(|((_, arm, _), _)| judged(arm));
    let slowest = |all: &mut dyn Iterator<Item = &Distribution>| all.filter_map(|one| one.per_mille(1_000)).max();
    let before = slowest(&mut all().filter(|((phase, ..), _)| *phase == Phase::Before).map(|(_, one)| one));
    let is_judged = |kind: &u16| {
        let kind = variant.load.requests.get(usize::from(*kind));
        kind.is_some_and(|kind| kind.arms.iter().any(|(arm, weight)| *weight > 0.0 && judged(arm)))
    };
    let kinds = trials.iter().flat_map(|trial| &trial.kind_latency_us).filter(|(kind, _)| is_judged(kind));
    let usual = kinds.filter_map(|(_, one)| one.per_mille(500)).max();
    let ordinary = before.map(|before| before.max(usual.unwrap_or(0)));
    ordinary.or_else(|| slowest(&mut all().map(|(_, one)| one))).map(|us| us as f64 / 1e6)
}

/// The age of the oldest request that a stop cut.
fn cut_s(variant: &VariantSpec, trials: &[&Trial], diagnosis: &Diagnosis) -> Option<f64> {
    let cut: BTreeSet<(u32, u64)> = diagnosis
        .attempts
        .iter()
        .filter(|one| is_cut(one.cause) && variant.load.judged.contains(&one.arm))
        .map(|one| (one.trial, one.id))
        .collect();
    let lost = trials.iter().flat_map(|trial| &trial.lost);
    let cut = lost.filter(|attempt| cut.contains(&(attempt.trial, attempt.id)));
    // The time until its connection stood is none that the server needed.
    let begun_ns = |attempt: &Attempt| attempt.connected_ns.unwrap_or(attempt.planned_ns);
    largest(cut.map(|attempt| between_s(begun_ns(attempt), attempt.end_ns)))
}

const fn is_cut(cause: Cause) -> bool {
    matches!(cause, Cause::CutAtStop | Cause::DrainNotAwaited | Cause::KilledAtGraceEnd)
}

fn ready_to_served_s(pod: &PodLife) -> Option<f64> {
    let ready = pod.endpoint_ready.or(pod.ready).filter(|_| pod.new)?;
    let serves_ns = pod.listener_opened.map(|opened| opened.high_ns).or(pod.served.map(|(first_ns, _)| first_ns))?;
    (serves_ns > ready.high_ns).then(|| between_s(ready.high_ns, serves_ns))
}

fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than the 104 days that fit a double exactly")]
pub(super) fn between_s(from: Stamp, to: Stamp) -> f64 {
    to.saturating_sub(from) as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than the 104 days that fit a double exactly")]
fn signed_s(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// Seconds, rounded up to whole ones; a time before the edge itself is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on both sides")]
pub(super) fn whole(seconds: f64) -> u64 {
    seconds.ceil().clamp(0.0, 86_400.0) as u64
}
