//! What pods lacked that nobody stopped, at about the time of the losses of a cause.

use std::collections::{BTreeMap, BTreeSet};

use super::measured::of_trials;
use super::reaction;
use crate::clock::Stamp;
use crate::diagnose::{Cause, Diagnosis, Incident};
use crate::record::OutcomeGroup;
use crate::spec::VariantSpec;
use crate::timeline::{LapseKind, PodLife, Trial};

/// kubelet tells the end of a container late, and what a restart costs shows some time after it.
const BEFORE_NS: u64 = 2_000_000_000;
const AFTER_NS: u64 = 5_000_000_000;
/// The kill of a server cuts what it still answers.
const KILL_NS: u64 = 1_000_000_000;

/// Pods that had no endpoint, or whose containers ended by themselves, when requests were lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LapsedPods {
    /// How many had no ready endpoint.
    pub(super) unready: usize,
    /// The names of those whose containers ended, each with its exit code.
    pub(super) ended: BTreeMap<String, Option<i32>>,
}

/// What is known of the losses whose causes say little of what to change.
#[derive(Debug, Clone, Default)]
pub(super) struct Lapses {
    pub(super) of_outage: LapsedPods,
    pub(super) of_unknown: LapsedPods,
    /// Most unknown losses came as pods were killed that had not reacted to their stop signal.
    pub(super) unknown_at_kill: bool,
}

impl Lapses {
    pub(super) fn of(variant: &VariantSpec, trials: &[&Trial], diagnosis: &Diagnosis) -> Self {
        let (mut at_kill, mut all) = (0_u64, 0_u64);
        for (trial, incident) in of_trials(variant, trials, diagnosis).filter(|(_, one)| one.cause == Cause::Unknown) {
            all = all.saturating_add(incident.attempts);
            if came_with_a_kill(trial, incident) {
                at_kill = at_kill.saturating_add(incident.attempts);
            }
        }
        Self {
            of_outage: LapsedPods::at(Cause::NoEndpoint, variant, trials, diagnosis),
            of_unknown: LapsedPods::at(Cause::Unknown, variant, trials, diagnosis),
            unknown_at_kill: at_kill.saturating_mul(2) > all,
        }
    }
}

impl LapsedPods {
    fn at(cause: Cause, variant: &VariantSpec, trials: &[&Trial], diagnosis: &Diagnosis) -> Self {
        let mut found = Self::default();
        let mut unready = BTreeSet::new();
        for (trial, incident) in of_trials(variant, trials, diagnosis).filter(|(_, one)| one.cause == cause) {
            let (first_ns, last_ns) = (incident.first_ns, incident.last_ns);
            for pod in &trial.pods {
                if lapsed(pod, LapseKind::Ended, first_ns.saturating_sub(AFTER_NS), last_ns.saturating_add(BEFORE_NS)) {
                    found.ended.insert(pod.name.clone(), pod.crashes.first().and_then(|crash| crash.exit_code));
                }
                if lapsed(pod, LapseKind::Unready, first_ns, last_ns) || stays_unready(pod, last_ns) {
                    unready.insert((trial.start.trial, &pod.uid));
                }
            }
        }
        found.unready = unready.len();
        found
    }

    /// Whose containers ended, in a sentence; `None` if none did.
    pub(super) fn crash_words(&self) -> Option<String> {
        let (name, code) = self.ended.first_key_value()?;
        let more = match self.ended.len() {
            1 => String::new(),
            2 => " and of 1 more pod".to_owned(),
            several => format!(" and of {} more pods", several - 1),
        };
        let code = code.map_or_else(String::new, |code| format!(" (exit code {code})"));
        Some(format!("A container of {name}{more} ended without the pod's deletion{code}: its log tells why."))
    }
}

fn lapsed(pod: &PodLife, kind: LapseKind, first_ns: Stamp, last_ns: Stamp) -> bool {
    pod.lapses.iter().any(|lapse| lapse.kind == kind && lapse.may_touch(first_ns, last_ns))
}

fn stays_unready(pod: &PodLife, last_ns: Stamp) -> bool {
    pod.deletion.is_none() && pod.endpoint_not_ready.is_some_and(|edge| edge.low_ns <= last_ns)
}

/// Requests that were connected, as a pod was killed that had not reacted to its stop signal.
fn came_with_a_kill(trial: &Trial, incident: &Incident) -> bool {
    let connected = incident.outcomes.keys().any(|outcome| outcome.group() != OutcomeGroup::NotConnected);
    let killed_then = |pod: &PodLife| {
        let finished = pod.finished.filter(|_| reaction::ignored(trial, pod).is_some());
        finished.is_some_and(|finished| {
            finished.low_ns <= incident.last_ns && incident.first_ns <= finished.high_ns.saturating_add(KILL_NS)
        })
    };
    connected && trial.pods.iter().any(killed_then)
}
