//! What a rule finds out about one attempt.

use super::cause::Cause;
use super::incident::Evidence;
use crate::clock::Stamp;
use crate::timeline::{Edge, PodLife};

/// A cause with what decided it.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) cause: Cause,
    /// The pod, where only one is possible.
    pub(super) pod: Option<String>,
    pub(super) evidence: Vec<Evidence>,
    /// Of an unknown cause: what is missing to decide.
    pub(super) missing: String,
}

impl Finding {
    pub(super) fn of(cause: Cause, pod: &PodLife, evidence: Vec<Evidence>) -> Self {
        Self { cause, pod: Some(pod.name.clone()), evidence, missing: String::new() }
    }

    pub(super) fn without_pod(cause: Cause, evidence: Vec<Evidence>) -> Self {
        Self { cause, pod: None, evidence, missing: String::new() }
    }

    pub(super) fn unknown(missing: impl Into<String>) -> Self {
        Self { cause: Cause::Unknown, pod: None, evidence: Vec::new(), missing: missing.into() }
    }

    /// With more evidence at its end.
    pub(super) fn and(mut self, more: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(more);
        self
    }
}

const LONG_AFTER_NS: u64 = 1_000_000_000;

/// The named edges of a pod as evidence for a failure at `at_ns`. Those that are not known are said to be so.
pub(super) fn edges(pod: &PodLife, names: &[&str], at_ns: Stamp) -> Vec<Evidence> {
    let all = pod.edges();
    let named = names.iter().filter_map(|name| all.iter().find(|(known, _)| known == name));
    // What came long after the failure did not cause it.
    let before = named.filter(|(_, edge)| edge.is_none_or(|edge| edge.low_ns <= at_ns.saturating_add(LONG_AFTER_NS)));
    before
        .map(|(name, edge)| {
            let exit = pod.exit_code.filter(|_| *name == "container finished" && edge.is_some());
            let mut what = (*name).to_owned();
            if let Some(code) = exit {
                what.push_str(&format!(
                    " (exit code {code}{})",
                    pod.reason.as_ref().map_or(String::new(), |r| format!(", {r}"))
                ));
            }
            Evidence {
                edge: what,
                pod: Some(pod.name.clone()),
                basis: edge.map_or_else(|| "not observed".to_owned(), |edge| edge.basis_words()),
                gap_ms: edge.map(|edge| gap_ms(&edge, at_ns)),
            }
        })
        .collect()
}

/// A piece of evidence that is no pod's edge.
pub(super) fn fact(what: impl Into<String>, pod: Option<&PodLife>) -> Evidence {
    Evidence { edge: what.into(), pod: pod.map(|pod| pod.name.clone()), basis: "observed".to_owned(), gap_ms: None }
}

/// From when an edge was seen to the failure, in milliseconds to a tenth; negative if the failure came first.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than what a double holds exactly")]
fn gap_ms(edge: &Edge, at_ns: Stamp) -> f64 {
    let ns = i128::from(at_ns) - i128::from(edge.high_ns);
    (ns as f64 / 1e5).round() / 10.0
}
