//! Causes, incidents and the lives of pods in the view model.

use std::collections::BTreeMap;

use super::build::rounded;
use super::doc::{ContainerDoc, EdgeDoc, PodDoc};
use super::doc_incident::{EvidenceDoc, IncidentDoc};
use crate::clock::Stamp;
use crate::diagnose::{Cause, Diagnosis, Incident};
use crate::spec::{Door, VariantSpec};
use crate::timeline::{OtherContainer, PodLife, Trial};
use crate::verdict::{Judged, State};

/// Incidents that are listed.
const MOST_INCIDENTS: usize = 1_000;

/// Why the lost attempts of a variant's judged arms in its counting trials were lost.
pub(super) fn causes(variant: &VariantSpec, counting: &[&Judged<'_>], diagnosis: &Diagnosis) -> BTreeMap<Cause, u64> {
    causes_at(variant, None, counting, diagnosis)
}

/// Those of one door, or of both.
pub(super) fn causes_at(
    variant: &VariantSpec,
    door: Option<Door>,
    counting: &[&Judged<'_>],
    diagnosis: &Diagnosis,
) -> BTreeMap<Cause, u64> {
    let mut causes: BTreeMap<Cause, u64> = BTreeMap::new();
    let first: BTreeMap<u32, Stamp> =
        counting.iter().filter_map(|judged| Some((judged.trial.start.trial, judged.trial.window?.first_ns))).collect();
    for explained in &diagnosis.attempts {
        let Some(first_ns) = first.get(&explained.trial) else { continue };
        let meant = door.is_none_or(|door| explained.door == door);
        if meant && explained.end_ns >= *first_ns && variant.load.judged.contains(&explained.arm) {
            *causes.entry(explained.cause).or_default() += 1;
        }
    }
    causes
}

/// The largest incidents, in their order, and how many there were. `judged` has every trial of every variant.
pub(super) fn incidents(
    diagnosis: &Diagnosis,
    variants: &[VariantSpec],
    judged: &[Vec<Judged<'_>>],
) -> (Vec<IncidentDoc>, u64) {
    let trials: BTreeMap<u32, (&VariantSpec, &Judged<'_>)> = variants
        .iter()
        .zip(judged)
        .flat_map(|(variant, trials)| trials.iter().map(move |trial| (trial.trial.start.trial, (variant, trial))))
        .collect();
    let mut largest: Vec<&Incident> = diagnosis.incidents.iter().collect();
    largest.sort_by_key(|incident| (std::cmp::Reverse(incident.attempts), incident.id));
    largest.truncate(MOST_INCIDENTS);
    largest.sort_by_key(|incident| incident.id);
    let docs = largest.into_iter().filter_map(|incident| {
        let (variant, judged) = trials.get(&incident.trial)?;
        Some(incident_doc(incident, variant, judged))
    });
    (docs.collect(), diagnosis.incidents.len() as u64)
}

fn incident_doc(incident: &Incident, variant: &VariantSpec, judged: &Judged<'_>) -> IncidentDoc {
    let first_ns = origin(judged.trial);
    let in_rollout = judged.trial.window.is_some_and(|window| incident.last_ns >= window.first_ns);
    let evidence = incident.evidence.iter().map(|evidence| EvidenceDoc {
        edge: evidence.words.clone(),
        pod: evidence.pod.clone(),
        basis: evidence.basis.clone(),
        gap_ms: evidence.gap_ms,
    });
    IncidentDoc {
        id: incident.id,
        trial: incident.trial,
        variant: incident.variant.clone(),
        arm: incident.arm,
        door: Some(incident.door).filter(|_| variant.load.has_both_doors()),
        counts: judged.state == State::Counts && in_rollout && variant.load.judged.contains(&incident.arm),
        cause: incident.cause,
        pod: incident.pod.clone(),
        node: incident.node.clone(),
        first_s: after_s(incident.first_ns, first_ns),
        last_s: after_s(incident.last_ns, first_ns),
        attempts: incident.attempts,
        outcomes: incident.outcomes.clone(),
        evidence: evidence.collect(),
        missing: incident.missing.clone(),
    }
}

/// The lives of a trial's pods.
pub(super) fn pods(trial: &Trial) -> Vec<PodDoc> {
    trial.pods.iter().map(|pod| pod_doc(pod, origin(trial))).collect()
}

fn pod_doc(pod: &PodLife, first_ns: Stamp) -> PodDoc {
    let edges = pod.known_edges().map(|(which, edge)| EdgeDoc {
        edge: which,
        from_s: after_s(edge.low_ns, first_ns),
        to_s: after_s(edge.high_ns, first_ns),
        basis: edge.basis_words(),
    });
    PodDoc {
        name: pod.name.clone(),
        new: pod.new,
        hook: pod.hook.words(),
        exit_code: pod.exit_code,
        edges: edges.collect(),
        other_containers: pod.others.iter().map(|other| container_doc(other, first_ns)).collect(),
    }
}

fn container_doc(other: &OtherContainer, first_ns: Stamp) -> ContainerDoc {
    ContainerDoc {
        name: other.name.clone(),
        hook: other.hook.words(),
        exit_code: other.exit_code,
        from_s: after_s(other.finished.low_ns, first_ns),
        to_s: after_s(other.finished.high_ns, first_ns),
    }
}

/// The moment from which a trial's times are told.
pub(crate) fn origin(trial: &Trial) -> Stamp {
    trial.window.map_or(trial.start.at_ns, |window| window.first_ns)
}

/// Seconds from one stamp to another, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than what a double holds exactly")]
pub(crate) fn after_s(at_ns: Stamp, first_ns: Stamp) -> f64 {
    rounded((i128::from(at_ns) - i128::from(first_ns)) as f64 / 1e9, 1e3)
}
