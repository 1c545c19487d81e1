//! One variant of the view model.

use std::collections::BTreeMap;

use super::build::{quantiles, rounded, sentence};
use super::causes::{causes, pods};
use super::doc::{ArmDoc, DetectionLimit, LatencyDoc, Median, RequestLatencyDoc, TrialDoc, VariantDoc};
use super::doors::doors;
use super::first_lost::{FirstLost, MOST_SHOWN, asked, describe};
use super::lag::propagation;
use crate::advice;
use crate::diagnose::Diagnosis;
use crate::hidden::{self, AttemptFacts, Client};
use crate::record::entry::Attempt;
use crate::record::{Arm, Sum};
use crate::spec::{RequestSpec, VariantSpec};
use crate::stats;
use crate::timeline::{Counts, Distribution, Phase, PodLife, Trial};
use crate::verdict::{Judged, Ruling, State};

/// A variant of which `planned` trials were to count, with its trials, the ruling on them, and the whole run's diagnosis.
pub(super) fn variant_doc(
    variant: &VariantSpec,
    trials: &[Judged<'_>],
    planned: u32,
    ruling: &Ruling,
    diagnosis: &Diagnosis,
) -> VariantDoc {
    let counting: Vec<&Judged<'_>> = trials.iter().filter(|trial| trial.state == State::Counts).collect();
    let mut counts = Counts::default();
    for trial in &counting {
        counts.merge(trial.counts);
    }
    let in_state = |state| count(trials.iter().filter(|trial| trial.state == state));
    let (lags, lag_values) = propagation(counting.iter().map(|trial| &trial.trial.propagation));
    let counted: Vec<&Trial> = counting.iter().map(|judged| judged.trial).collect();
    let advised = advice::advise(variant, &counted, diagnosis);
    let loss = counting.iter().any(|trial| trial.loss > 0);
    VariantDoc {
        name: variant.name.clone(),
        rollout: variant.rollout.action.describe(),
        expect: variant.expect,
        lost_at_most: variant.lost_at_most,
        strict: variant.strict,
        verdict: ruling.verdict,
        reason: sentence(&ruling.reason),
        trials: count(counting.iter()),
        trials_planned: planned,
        trials_with_loss: count(counting.iter().filter(|trial| trial.loss > 0)),
        trials_dirty: in_state(State::Dirty),
        trials_invalid: in_state(State::Invalid),
        trials_incomplete: in_state(State::Incomplete),
        attempts: counts.attempts(),
        ok: counts.ok,
        lost: counts.lost,
        raced: counts.raced,
        unsent: counts.unsent,
        harness: counts.harness,
        hidden_by_proxy: counts.retried,
        doors: doors(variant, &counting, diagnosis),
        hidden_by: hidden_by(variant, &counting),
        advice: advised.advice,
        advice_patch: advised.patch,
        arms: arms(variant, &counting),
        causes: causes(variant, &counting, diagnosis),
        lost_by_node: lost_by_node(variant, &counting),
        latency_us: latency(&counting, |trial, phase| trial.latencies(phase, &variant.load.judged)),
        latency_by_request: latency_by_request(variant, &counting),
        rollout_s: median(counting.iter().filter_map(|trial| trial.trial.window?.rollout_s())),
        pod_s: median(counting.iter().filter_map(|trial| trial.trial.pod_s)),
        propagation_lag_ms: lags,
        propagation_lag_values_ms: lag_values,
        detection_limit: DetectionLimit {
            rollouts_losing_at_most_95: (!loss && !counting.is_empty())
                .then(|| rounded(stats::zero_upper_bound(count(counting.iter())), 1e4)),
            gap_ms: gap_ms(variant, &counting),
        },
        trials_list: trials.iter().map(trial_doc).collect(),
        first_lost: counting.iter().flat_map(|trial| first_lost(trial, variant)).take(MOST_SHOWN).collect(),
    }
}

fn first_lost<'a>(judged: &'a Judged<'_>, variant: &'a VariantSpec) -> impl Iterator<Item = FirstLost> + 'a {
    lost_in_rollout(judged, variant).filter_map(|attempt| describe(attempt, judged.trial, variant))
}

fn lost_in_rollout<'a>(judged: &'a Judged<'_>, variant: &'a VariantSpec) -> impl Iterator<Item = &'a Attempt> + 'a {
    let first_ns = judged.trial.window.map_or(u64::MAX, |window| window.first_ns);
    let in_rollout = judged.trial.lost.iter().filter(move |attempt| attempt.end_ns >= first_ns);
    in_rollout.filter(|attempt| variant.load.judged.contains(&attempt.arm))
}

fn lost_by_node(variant: &VariantSpec, counting: &[&Judged<'_>]) -> BTreeMap<String, u64> {
    let mut lost = BTreeMap::new();
    for judged in counting {
        let nodes = judged.trial.start.node_ports.iter().flat_map(|ports| &ports.nodes);
        nodes.for_each(|node| _ = lost.entry(node.node.clone()).or_insert(0));
        for node in lost_in_rollout(judged, variant).filter_map(|attempt| judged.trial.node_of(attempt)) {
            *lost.entry(node.to_owned()).or_default() += 1;
        }
    }
    if lost.len() > 1 { lost } else { BTreeMap::new() }
}

fn trial_doc(judged: &Judged<'_>) -> TrialDoc {
    let trial = judged.trial;
    let (replaced, new) = trial.replaced();
    let names = |pods: Vec<&PodLife>| pods.into_iter().map(|pod| pod.name.clone()).collect();
    TrialDoc {
        trial: trial.start.trial,
        block: trial.start.block,
        state: judged.state,
        reason: sentence(judged.reason),
        attempts: judged.counts.attempts(),
        lost: judged.counts.lost,
        raced: judged.counts.raced,
        hidden_by_proxy: judged.counts.retried,
        rollout_s: trial.window.and_then(|window| window.rollout_s()).map(|s| rounded(s, 1e3)),
        propagation_lag_ms: propagation(std::iter::once(&trial.propagation)).0,
        complete: trial.end.as_ref().is_some_and(|end| end.complete),
        reset: trial.end.as_ref().is_some_and(|end| end.reset),
        steps: trial.steps.clone(),
        replaced_pods: names(replaced),
        new_pods: names(new),
        pods: pods(trial),
    }
}

fn arms(variant: &VariantSpec, counting: &[&Judged<'_>]) -> BTreeMap<Arm, ArmDoc> {
    let mut by_arm: BTreeMap<Arm, Counts> = BTreeMap::new();
    // Every arm that was planned is shown, also one that carried nothing.
    for (arm, weight) in variant.load.requests.iter().flat_map(|request| &request.arms) {
        if *weight > 0.0 {
            by_arm.entry(*arm).or_default();
        }
    }
    for (arm, counts) in counting.iter().flat_map(|trial| &trial.trial.judged) {
        by_arm.entry(*arm).or_default().merge(counts);
    }
    let doc = |(arm, counts): (Arm, Counts)| {
        let judged = variant.load.judged.contains(&arm);
        let (attempts, Counts { ok, lost, raced, unsent, harness, outcomes, .. }) = (counts.attempts(), counts);
        (arm, ArmDoc { judged, attempts, ok, lost, raced, unsent, harness, outcomes })
    };
    by_arm.into_iter().map(doc).collect()
}

/// Who would have hidden how many of the lost attempts.
fn hidden_by(variant: &VariantSpec, counting: &[&Judged<'_>]) -> BTreeMap<Client, u64> {
    let failures = counting.iter().flat_map(|judged| &judged.trial.failures);
    let lost = failures.filter(|(what, _)| what.sum == Sum::Lost && variant.load.judged.contains(&what.arm));
    hidden::sums(lost.map(|(what, count)| {
        let method = variant.load.method(what.request);
        (AttemptFacts::new(what.arm, method, what.outcome, what.reused), *count)
    }))
}

fn latency(counting: &[&Judged<'_>], latencies: impl Fn(&Trial, Phase) -> Distribution) -> LatencyDoc {
    let of = |phase| {
        let mut all = Distribution::default();
        for judged in counting {
            all.merge(&latencies(judged.trial, phase));
        }
        quantiles(&all)
    };
    LatencyDoc { before: of(Phase::Before), during: of(Phase::During), after: of(Phase::After) }
}

/// Latencies by kind of request, where judged arms carry several: a slow kind would hide what a fast one does.
fn latency_by_request(variant: &VariantSpec, counting: &[&Judged<'_>]) -> Vec<RequestLatencyDoc> {
    let judged = &variant.load.judged;
    let carried = |kind: &RequestSpec| {
        kind.share > 0.0 && kind.arms.iter().any(|(arm, weight)| *weight > 0.0 && judged.contains(arm))
    };
    let kinds: Vec<(u16, &RequestSpec)> = (0..).zip(&variant.load.requests).filter(|(_, kind)| carried(kind)).collect();
    if kinds.len() < 2 {
        return Vec::new();
    }
    let doc = |(number, kind): (u16, &RequestSpec)| RequestLatencyDoc {
        request: asked(&variant.load, kind),
        latency_us: latency(counting, |trial, phase| trial.kind_latencies(phase, judged, number)),
    };
    kinds.into_iter().map(doc).collect()
}

/// The shortest listener gap that the variant's new connections could have met, at the rate at which they were made.
#[expect(clippy::cast_precision_loss, reason = "counts of attempts and lags are far below 2^53")]
fn gap_ms(variant: &VariantSpec, counting: &[&Judged<'_>]) -> Option<f64> {
    if !variant.load.judged.contains(&Arm::New) {
        return None;
    }
    let (mut made, mut time_s, mut lag_ns) = (0_u64, 0.0, 0_u64);
    for trial in counting.iter().map(|judged| judged.trial) {
        let Some(judged_s) = trial.window.and_then(|window| window.judged_s()) else { continue };
        made += trial.judged.get(&Arm::New).map_or(0, |counts| counts.attempts() - counts.harness);
        time_s += judged_s;
        lag_ns = lag_ns.max(trial.judged_lag_max_ns);
    }
    let pods = variant.replicas().saturating_add(variant.surge());
    // What is closed may be met at one door only.
    let part = variant.load.least_rate(Arm::New) / variant.load.rate_of(Arm::New);
    stats::gap_ms(pods, made as f64 * part / time_s, lag_ns as f64 / 1e6).map(|ms| rounded(ms, 1e1))
}

fn median(values: impl Iterator<Item = f64>) -> Median {
    let values: Vec<f64> = values.collect();
    Median { median: stats::median(&values).map(|median| rounded(median, 1e3)) }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
