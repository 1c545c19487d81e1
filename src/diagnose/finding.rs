//! What a rule finds out about one attempt.

use std::borrow::Cow;

use super::cause::Cause;
use super::incident::Evidence;
use crate::clock::Stamp;
use crate::timeline::{Edge, PodEdge, PodLife};

/// What comes so long after a failure did not cause it.
const LONG_AFTER_NS: u64 = 1_000_000_000;

/// A cause with what decided it.
#[derive(Debug, Clone)]
pub(super) struct Finding<'a> {
    pub(super) cause: Cause,
    /// The pod, where only one is possible.
    pub(super) pod: Option<&'a str>,
    /// The node, where it decided.
    pub(super) node: Option<&'a str>,
    pub(super) proofs: Vec<Proof<'a>>,
    /// Of an unknown cause: what is missing to decide.
    pub(super) missing: Cow<'static, str>,
    /// Of an unknown cause: there is evidence for more than one, rather than for none.
    pub(super) torn: bool,
}

/// Evidence that is spelled out only where it is shown: of an incident's first attempt.
#[derive(Debug, Clone)]
pub(super) enum Proof<'a> {
    /// These edges of a pod.
    Edges(&'a PodLife, &'static [PodEdge]),
    /// Something that is no pod's edge.
    Fact(Cow<'static, str>),
}

impl<'a> Finding<'a> {
    /// A cause that lies with one pod, and its edges that show it.
    pub(super) fn of(cause: Cause, pod: &'a PodLife, edges: &'static [PodEdge]) -> Self {
        Self { pod: Some(&pod.name), ..Self::without_pod(cause, vec![Proof::Edges(pod, edges)]) }
    }

    pub(super) fn without_pod(cause: Cause, proofs: Vec<Proof<'a>>) -> Self {
        Self { cause, pod: None, node: None, proofs, missing: Cow::Borrowed(""), torn: false }
    }

    pub(super) fn unknown(missing: impl Into<Cow<'static, str>>) -> Self {
        Self { missing: missing.into(), ..Self::without_pod(Cause::Unknown, Vec::new()) }
    }

    /// Unknown, because there is evidence for several causes.
    pub(super) fn torn(missing: impl Into<Cow<'static, str>>) -> Self {
        Self { torn: true, ..Self::unknown(missing) }
    }

    pub(super) fn and(mut self, more: impl IntoIterator<Item = Proof<'a>>) -> Self {
        self.proofs.extend(more);
        self
    }

    /// The evidence of a failure at `at_ns`, spelled out.
    pub(super) fn evidence(&self, at_ns: Stamp) -> Vec<Evidence> {
        let spelled = self.proofs.iter().map(|proof| match proof {
            Proof::Edges(pod, wanted) => edges(pod, wanted, at_ns),
            Proof::Fact(what) => vec![Evidence {
                edge: None,
                words: what.clone().into_owned(),
                pod: None,
                basis: "observed".to_owned(),
                gap_ms: None,
            }],
        });
        spelled.flatten().collect()
    }
}

/// These edges of a pod. Those that are not known are said to be so.
fn edges(pod: &PodLife, wanted: &[PodEdge], at_ns: Stamp) -> Vec<Evidence> {
    let wanted = wanted.iter().map(|which| (*which, pod.edge(*which)));
    let before = wanted.filter(|(_, edge)| edge.is_none_or(|edge| edge.low_ns <= at_ns.saturating_add(LONG_AFTER_NS)));
    // Without a hook, or another container, there is nothing to tell of its end.
    let at_most = |which: PodEdge| matches!(which, PodEdge::HookEnd | PodEdge::OtherFinished);
    let told = before.filter(|(which, edge)| !at_most(*which) || edge.is_some());
    let spelled = told.map(|(which, edge)| Evidence {
        edge: Some(which),
        words: edge_words(pod, which, edge),
        pod: Some(pod.name.clone()),
        basis: edge.map_or_else(|| "not observed".to_owned(), |edge| edge.basis_words()),
        gap_ms: edge.map(|edge| gap_ms(&edge, at_ns)),
    });
    spelled.collect()
}

/// The end of a container with its exit code, the end of a hook with its words.
fn edge_words(pod: &PodLife, which: PodEdge, edge: Option<Edge>) -> String {
    let name = which.name();
    let (code, reason) = (pod.exit_code, pod.reason.as_ref());
    let told = |code: i32, reason: Option<&String>| {
        format!("exit code {code}{}", reason.map_or_else(String::new, |why| format!(", {why}")))
    };
    if let (PodEdge::OtherFinished, Some(other)) = (which, pod.others.first()) {
        let told = other.exit_code.map_or_else(String::new, |code| format!(": {}", told(code, other.reason.as_ref())));
        return format!("{name} ({}{told})", other.name);
    }
    match (which, edge, code) {
        (PodEdge::ContainerFinished, Some(_), Some(code)) => {
            format!("{name} ({})", told(code, reason))
        }
        (PodEdge::HookEnd, Some(_), _) => format!("{name} ({})", pod.hook.words()),
        _ => name.to_owned(),
    }
}

/// From when an edge was seen to the failure, in milliseconds to a tenth; negative if the failure came first.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than what a double holds exactly")]
fn gap_ms(edge: &Edge, at_ns: Stamp) -> f64 {
    let ns = i128::from(at_ns) - i128::from(edge.high_ns);
    (ns as f64 / 1e5).round() / 10.0
}
