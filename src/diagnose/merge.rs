//! From explained attempts to incidents.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::incident::{Diagnosis, Explained, Incident};
use crate::record::entry::Attempt;

/// Lost attempts of one arm with one cause and further apart than this are two incidents.
const APART_NS: u64 = 1_000_000_000;

/// Adds the lost attempts of a trial, which come in the order in which they ended.
pub(super) fn add(into: &mut Diagnosis, variant: &str, found: impl Iterator<Item = (Attempt, Finding)>) {
    // The incident of each arm, cause and pod that may still go on, as an index.
    let mut open: BTreeMap<(crate::record::Arm, super::Cause, Option<String>), usize> = BTreeMap::new();
    for (attempt, finding) in found {
        let key = (attempt.arm, finding.cause, finding.pod.clone());
        let going_on = open.get(&key).copied().filter(|at| {
            into.incidents.get(*at).is_some_and(|one| attempt.end_ns.saturating_sub(one.last_ns) <= APART_NS)
        });
        let at = going_on.unwrap_or_else(|| {
            into.incidents.push(begin(into.incidents.len(), variant, &attempt, finding));
            into.incidents.len() - 1
        });
        open.insert(key, at);
        let Some(incident) = into.incidents.get_mut(at) else { continue };
        incident.last_ns = attempt.end_ns;
        incident.attempts += 1;
        *incident.outcomes.entry(attempt.outcome).or_default() += 1;
        into.attempts.push(Explained {
            trial: attempt.trial,
            id: attempt.id,
            arm: attempt.arm,
            cause: incident.cause,
            incident: incident.id,
        });
    }
}

fn begin(before: usize, variant: &str, attempt: &Attempt, finding: Finding) -> Incident {
    Incident {
        id: u32::try_from(before + 1).unwrap_or(u32::MAX),
        trial: attempt.trial,
        variant: variant.to_owned(),
        arm: attempt.arm,
        cause: finding.cause,
        pod: finding.pod,
        first_ns: attempt.end_ns,
        last_ns: attempt.end_ns,
        attempts: 0,
        outcomes: BTreeMap::new(),
        evidence: finding.evidence,
        missing: finding.missing,
    }
}
