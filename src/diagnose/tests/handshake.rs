//! Handshakes of TLS that a stopping pod ended.

use super::*;

/// A connection whose handshake ends so after `waited_ms`; `answered` if the server had begun its part of it.
fn handshake(trial: &mut SampleTrial, ms: i64, waited_ms: u64, outcome: Outcome, answered: bool) {
    let attempt = cut(trial, ms, waited_ms, outcome);
    (attempt.sent_ns, attempt.bytes_out, attempt.stage) = (None, Some(0), Some(AttemptStage::Tls));
    attempt.connection.as_mut().unwrap().tls_answered = answered;
}

/// Told to stop at 1.0 s, it keeps its listening socket until 5 s and accepts no more.
fn deaf() -> SamplePod {
    SamplePod { closed: Some(5_000), finished: Some((5_000, 0)), ..STOPPED }
}

#[test]
fn a_handshake_that_nobody_began_was_cut_in_the_queue_and_another_by_the_server() {
    let of = |answered| {
        causes(None, &[OLD, deaf(), NEW], |trial| handshake(trial, 2_000, 3_000, Outcome::TlsReset, answered))
    };
    assert_eq!(of(false), [Cause::BacklogReset]);
    assert_eq!(of(true), [Cause::CutAtStop], "the kernel speaks no TLS: the server had accepted it");
}

#[test]
fn a_server_that_ends_cuts_its_handshakes() {
    for outcome in [Outcome::TlsReset, Outcome::TlsClosed] {
        let at = |ms| causes(None, &[OLD, STOPPED, NEW], |trial| handshake(trial, ms, 40, outcome, true));
        assert_eq!(at(1_000), [Cause::CutAtStop], "{}", outcome.name());
        assert_eq!(at(300), [Cause::Unknown], "before it was told to stop");
    }
}

#[test]
fn a_request_after_its_handshake_was_in_no_queue() {
    let of = |secured| {
        causes(None, &[OLD, deaf(), NEW], |trial| {
            let attempt = cut(trial, 2_000, 3_000, Outcome::ResetBeforeByte);
            attempt.secured_ns = attempt.sent_ns.filter(|_| secured);
        })
    };
    assert_eq!((of(false), of(true)), (vec![Cause::BacklogReset], vec![Cause::CutAtStop]));
}

#[test]
fn a_handshake_without_an_answer_hangs_only_where_the_server_never_took_it() {
    let of = |answered| {
        let other = SamplePod { name: "web-other", ..OLD };
        causes(None, &[OLD, deaf(), other], |trial| handshake(trial, 2_000, 2_000, Outcome::TlsTimeout, answered))
    };
    assert_eq!((of(false), of(true)), (vec![Cause::BacklogReset], vec![Cause::Unknown]));
}

#[test]
fn what_a_certificate_is_worth_no_edge_of_a_pod_tells() {
    let lose = |trial: &mut SampleTrial| handshake(trial, 1_000, 40, Outcome::TlsFailed, true);
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose), [Cause::Unknown]);
}
