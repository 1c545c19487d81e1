//! A lost attempt as people read it.

use crate::hidden::{self, AttemptFacts};
use crate::record::entry::{Attempt, AttemptStage};
use crate::spec::{LoadSpec, RequestSpec, VariantSpec};
use crate::timeline::Trial;

/// Lost attempts of a variant that are shown.
pub(super) const MOST_SHOWN: usize = 3;

/// A lost attempt, its moments told from the rollout's first mark.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstLost {
    /// Its trial.
    pub trial: u32,
    /// When it failed, in seconds after the rollout's first mark.
    pub at_s: f64,
    /// How long it took to fail, from the plan, in milliseconds.
    pub took_ms: f64,
    /// What was asked, on which arm, and what came of it, in words without their end.
    pub what: String,
    /// Which common clients would have seen the loss, and which would have hidden it.
    pub hidden: String,
}

/// An attempt of `trial`, which has a window.
pub(crate) fn describe(attempt: &Attempt, trial: &Trial, variant: &VariantSpec) -> Option<FirstLost> {
    let first_ns = trial.window?.first_ns;
    let request = variant.load.requests.get(usize::from(attempt.request));
    let asked = request.map_or_else(|| "a request".to_owned(), |kind| asked(&variant.load, kind));
    let mut words = vec![format!("{} {asked}: {}", attempt.arm.name(), attempt.outcome.name())];
    words.extend(attempt.status.map(|status| format!("status {status}")));
    words.extend(attempt.stage.map(|stage| stage_words(stage).to_owned()));
    if let (Some(out), Some(back)) = (attempt.bytes_out, attempt.bytes_in) {
        words.push(format!("{out} bytes out and {back} back"));
    }
    words.extend(attempt.errno.map(errno_name).or_else(|| Some(attempt.error.clone()).filter(|e| !e.is_empty())));
    words.extend(attempt.pod.as_ref().map(|pod| format!("pod {pod}")));
    words.extend(attempt.node.and_then(|_| trial.node_of(attempt)).map(|node| format!("node {node}")));
    Some(FirstLost {
        trial: attempt.trial,
        at_s: in_units(attempt.end_ns.saturating_sub(first_ns), 1e9),
        took_ms: in_units(attempt.end_ns.saturating_sub(attempt.planned_ns), 1e6),
        what: words.join(", "),
        hidden: hidden::describe("lost", &AttemptFacts::of(attempt, variant.load.method(attempt.request))),
    })
}

/// A kind of request as people name it: with its door where there are two.
pub(crate) fn asked(load: &LoadSpec, kind: &RequestSpec) -> String {
    format!("{} {}{}", kind.method, kind.path, load.door_suffix(kind))
}

/// Nanoseconds in units of so many, to three digits after the point.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than what a double holds exactly")]
fn in_units(ns: u64, unit_ns: f64) -> f64 {
    (ns as f64 / unit_ns * 1_000.0).round() / 1_000.0
}

pub(crate) const fn stage_words(stage: AttemptStage) -> &'static str {
    match stage {
        AttemptStage::Waiting => "waiting for a connection",
        AttemptStage::Connect => "connecting",
        AttemptStage::Tls => "in the TLS handshake",
        AttemptStage::Request => "before the first byte of the answer",
        AttemptStage::Head => "inside the answer's head",
        AttemptStage::Body => "inside the answer's body",
        AttemptStage::Done => "after the whole answer",
    }
}

/// `ECONNREFUSED` rather than a number.
pub(crate) fn errno_name(number: i32) -> String {
    match nix::errno::Errno::from_raw(number) {
        nix::errno::Errno::UnknownErrno => format!("errno {number}"),
        known => format!("{known:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_units() {
        assert!((in_units(1_234_567_890, 1e9) - 1.235).abs() < 1e-9);
        assert!((in_units(350_000, 1e6) - 0.35).abs() < 1e-9);
    }

    #[test]
    fn an_error_number_has_its_name() {
        assert_eq!(errno_name(nix::libc::ECONNRESET), "ECONNRESET");
        assert_eq!(errno_name(99_999), "errno 99999");
    }
}
