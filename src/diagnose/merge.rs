//! From explained attempts to incidents.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::finding::Finding;
use super::incident::{Diagnosis, Explained, Incident};
use crate::record::Arm;
use crate::record::entry::Attempt;

/// Lost attempts of one arm with one cause and further apart than this are two incidents.
const APART_NS: u64 = 1_000_000_000;

type MergeKey<'a> = (Arm, Cause, Option<&'a str>, Option<&'a str>);

/// Joins the lost attempts of one trial to incidents.
pub(super) struct Merger<'a> {
    into: &'a mut Diagnosis,
    variant: &'a str,
    /// The latest incident of each arm, cause, pod and node, as an index.
    latest: BTreeMap<MergeKey<'a>, usize>,
}

impl<'a> Merger<'a> {
    pub(super) fn new(into: &'a mut Diagnosis, variant: &'a str) -> Self {
        Self { into, variant, latest: BTreeMap::new() }
    }

    /// Adds the next lost attempt; they come in the order in which they ended.
    pub(super) fn add(&mut self, attempt: &Attempt, finding: &Finding<'a>) {
        let key = (attempt.arm, finding.cause, finding.pod, finding.node);
        let going_on = self.latest.get(&key).copied().filter(|at| {
            let latest = self.into.incidents.get(*at);
            latest.is_some_and(|one| attempt.end_ns.saturating_sub(one.last_ns) <= APART_NS)
        });
        let at = going_on.unwrap_or_else(|| self.begin(attempt, finding));
        self.latest.insert(key, at);
        let Some(incident) = self.into.incidents.get_mut(at) else { return };
        incident.last_ns = attempt.end_ns;
        incident.last_begun_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
        incident.attempts += 1;
        *incident.outcomes.entry(attempt.outcome).or_default() += 1;
        self.into.attempts.push(Explained {
            trial: attempt.trial,
            id: attempt.id,
            arm: attempt.arm,
            end_ns: attempt.end_ns,
            cause: incident.cause,
            incident: incident.id,
        });
    }

    fn begin(&mut self, attempt: &Attempt, finding: &Finding<'a>) -> usize {
        let at = self.into.incidents.len();
        self.into.incidents.push(Incident {
            id: u32::try_from(at + 1).unwrap_or(u32::MAX),
            trial: attempt.trial,
            variant: self.variant.to_owned(),
            arm: attempt.arm,
            cause: finding.cause,
            pod: finding.pod.map(str::to_owned),
            node: finding.node.map(str::to_owned),
            first_ns: attempt.end_ns,
            last_ns: attempt.end_ns,
            last_begun_ns: attempt.started_ns.unwrap_or(attempt.planned_ns),
            attempts: 0,
            outcomes: BTreeMap::new(),
            evidence: finding.evidence(attempt.end_ns),
            missing: finding.missing.clone().into_owned(),
        });
        at
    }
}
