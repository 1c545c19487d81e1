//! Whether a cause holds at every moment at which the failure may have happened, as late as the trial's own stamps were. Where it does
//! not, what would decide lies closer together than was observed, and the cause is unknown.

use super::cause::Cause;
use super::cut::request_came;
use super::explain as explain_at;
use super::finding::Finding;
use super::scene::Scene;
use crate::clock::Stamp;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};

/// How far around a failure lateness counts: what was late then may have moved its edges.
const AROUND_NS: u64 = 300_000_000;
/// Less does not move an edge over another that was observed.
const LEAST_NS: u64 = 2_000_000;

/// A request that had come as its connection ended is told from one that crossed with the close by the time alone, which this blurs.
const COMES_LATE_NS: u64 = 20_000_000;

/// The cause of an attempt, unless another moment within the trial's lateness gives another one.
pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let finding = explain_at(attempt, scene);
    if finding.cause == Cause::Unknown {
        return finding;
    }
    let around_ns = (attempt.end_ns.saturating_sub(AROUND_NS), attempt.end_ns.saturating_add(AROUND_NS));
    let late_ns = scene.trial.lateness.between(around_ns.0, around_ns.1).max(attempt.late_ns);
    if finding.cause == Cause::KeepaliveRace && request_came(attempt) && late_ns >= COMES_LATE_NS {
        return Finding::torn(format!(
            "keepalive-race or cut-at-stop: the request had come when the connection ended, and the trial's own stamps were up to {} ms late",
            late_ns.div_ceil(1_000_000)
        ));
    }
    let shifted =
        [earlier(attempt, late_ns), refused_later(attempt), later(attempt, seen_late_ns(attempt, late_ns, scene))];
    let others = shifted.iter().flatten().map(|shifted| explain_at(shifted, scene));
    // That no rule speaks of another moment takes nothing from the one that speaks of this.
    let mut others = others.filter(|other| other.torn || other.cause != Cause::Unknown);
    let other = others.find(|other| other.cause != finding.cause).map(|other| other.cause);
    let Some(other) = other else { return finding };
    Finding::torn(format!(
        "{} or {}: what tells them apart lies closer together than this trial's own stamps, which were up to {} ms late",
        finding.cause.name(),
        other.name(),
        late_ns.div_ceil(1_000_000)
    ))
}

/// The attempt as if its end had been noticed late: whatever it did before stays where it was.
fn earlier(attempt: &Attempt, late_ns: u64) -> Option<Attempt> {
    let begun = [attempt.started_ns, attempt.connected_ns, attempt.secured_ns, attempt.sent_ns, attempt.first_byte_ns];
    let begun_ns = begun.into_iter().flatten().max().unwrap_or(attempt.planned_ns);
    let end_ns = attempt.end_ns.saturating_sub(late_ns).max(begun_ns).min(attempt.end_ns);
    let moved = attempt.end_ns.saturating_sub(end_ns) >= LEAST_NS;
    moved.then(|| Attempt { end_ns, ..attempt.clone() })
}

/// The attempt as if its connect had been looked at by the server only when it was refused.
fn refused_later(attempt: &Attempt) -> Option<Attempt> {
    let refused = matches!(attempt.outcome, Outcome::Refused | Outcome::Unreachable);
    let begun_ns = attempt.started_ns.filter(|_| refused)?;
    let moved = attempt.end_ns.saturating_sub(begun_ns) >= LEAST_NS;
    moved.then(|| Attempt { started_ns: Some(attempt.end_ns), ..attempt.clone() })
}

/// How much later the watches may have seen what happened around an attempt. The load's own stamps keep their order: an outage was not
/// over before the first answer after it.
fn seen_late_ns(attempt: &Attempt, late_ns: u64, scene: &Scene<'_>) -> u64 {
    if attempt.outcome.group() != OutcomeGroup::NotConnected {
        return late_ns;
    }
    let begun_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let answers = scene.trial.first_answered_ns.values().filter(|first_ns| **first_ns > begun_ns);
    answers.map(|first_ns| first_ns - begun_ns - 1).min().map_or(late_ns, |until_ns| late_ns.min(until_ns))
}

/// The attempt as if the watches had seen everything else late.
fn later(attempt: &Attempt, late_ns: u64) -> Option<Attempt> {
    if late_ns < LEAST_NS {
        return None;
    }
    let shift = |at: &mut Option<Stamp>| *at = at.map(|at| at.saturating_add(late_ns));
    let mut shifted = attempt.clone();
    shifted.end_ns = attempt.end_ns.saturating_add(late_ns);
    let Attempt { started_ns, connected_ns, secured_ns, sent_ns, first_byte_ns, .. } = &mut shifted;
    [started_ns, connected_ns, secured_ns, sent_ns, first_byte_ns].into_iter().for_each(shift);
    Some(shifted)
}
