//! How an attempt ends: the closed list of outcomes, and the five sums.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::Arm;

/// The one way in which an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A complete response with an expected status.
    Ok,
    /// ECONNREFUSED on connect.
    Refused,
    /// No answer to the connect within the timeout.
    ConnectTimeout,
    /// EHOSTUNREACH, ENETUNREACH or a like answer to the connect.
    Unreachable,
    /// Reset within the TLS handshake.
    TlsReset,
    /// FIN within the TLS handshake.
    TlsClosed,
    /// The timeout passed within the TLS handshake.
    TlsTimeout,
    /// TLS failed: a certificate that is not valid, an alert, or an answer that is no TLS.
    TlsFailed,
    /// The kept-alive connection was dead and nothing of this request was written.
    Unsent,
    /// Reset after the request began, before any byte of the response.
    ResetBeforeByte,
    /// FIN after the request began, before any byte of the response.
    ClosedBeforeByte,
    /// The response ended inside its head.
    HeadCut,
    /// Reset inside the body.
    BodyReset,
    /// FIN inside the body.
    BodyClosed,
    /// The timeout passed before the head was complete.
    HeaderTimeout,
    /// The timeout passed inside the body.
    BodyTimeout,
    /// The response was not HTTP/1.1.
    BadHttp,
    /// A complete response with an unexpected status of 500 or more.
    #[serde(rename = "status-5xx")]
    Status5xx,
    /// A complete response with another unexpected status.
    StatusOther,
    /// The harness's own machine refused: EMFILE, EADDRNOTAVAIL and the like.
    ClientLocal,
    /// Planned, but no connection came free within the timeout, or the cap on requests in flight was reached.
    Deferred,
    /// The run was stopped while the attempt was in flight.
    InFlightAtEnd,
}

impl Outcome {
    /// Every outcome, in the order of reports.
    pub const ALL: [Self; 22] = [
        Self::Ok,
        Self::Refused,
        Self::ConnectTimeout,
        Self::Unreachable,
        Self::TlsReset,
        Self::TlsClosed,
        Self::TlsTimeout,
        Self::TlsFailed,
        Self::Unsent,
        Self::ResetBeforeByte,
        Self::ClosedBeforeByte,
        Self::HeadCut,
        Self::BodyReset,
        Self::BodyClosed,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::BadHttp,
        Self::Status5xx,
        Self::StatusOther,
        Self::ClientLocal,
        Self::Deferred,
        Self::InFlightAtEnd,
    ];

    /// How far the attempt came.
    #[must_use]
    pub const fn group(self) -> OutcomeGroup {
        match self {
            Self::Ok | Self::Status5xx | Self::StatusOther => OutcomeGroup::Answered,
            Self::Refused | Self::ConnectTimeout | Self::Unreachable => OutcomeGroup::NotConnected,
            Self::TlsReset | Self::TlsClosed | Self::TlsTimeout | Self::TlsFailed => OutcomeGroup::NotSecured,
            Self::Unsent => OutcomeGroup::NotWritten,
            Self::ResetBeforeByte | Self::ClosedBeforeByte => OutcomeGroup::NoByte,
            Self::HeadCut | Self::BodyReset | Self::BodyClosed | Self::BadHttp => OutcomeGroup::Partial,
            Self::HeaderTimeout | Self::BodyTimeout => OutcomeGroup::TimedOut,
            Self::ClientLocal | Self::Deferred | Self::InFlightAtEnd => OutcomeGroup::Harness,
        }
    }

    /// The outcome's name in records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::Unreachable => "unreachable",
            Self::TlsReset => "tls-reset",
            Self::TlsClosed => "tls-closed",
            Self::TlsTimeout => "tls-timeout",
            Self::TlsFailed => "tls-failed",
            Self::Unsent => "unsent",
            Self::ResetBeforeByte => "reset-before-byte",
            Self::ClosedBeforeByte => "closed-before-byte",
            Self::HeadCut => "head-cut",
            Self::BodyReset => "body-reset",
            Self::BodyClosed => "body-closed",
            Self::HeaderTimeout => "header-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::BadHttp => "bad-http",
            Self::Status5xx => "status-5xx",
            Self::StatusOther => "status-other",
            Self::ClientLocal => "client-local",
            Self::Deferred => "deferred",
            Self::InFlightAtEnd => "in-flight-at-end",
        }
    }
}

/// Outcomes that most rules treat alike: how far the attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeGroup {
    /// A complete response.
    Answered,
    /// No connection came about.
    NotConnected,
    /// A connection came about, and its TLS did not.
    NotSecured,
    /// Nothing was written, because the kept-alive connection had ended.
    NotWritten,
    /// The connection ended before any byte of the response.
    NoByte,
    /// The response began and did not end as one.
    Partial,
    /// The timeout passed on a connection.
    TimedOut,
    /// The harness's own trouble.
    Harness,
}

/// The five sums: attempts = ok + lost + raced + unsent + harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sum {
    /// Answered as expected.
    Ok,
    /// Lost for a client that does not repeat requests.
    Lost,
    /// Lost in the race between a closing kept-alive connection and a write; RFC 9110 section 9.2.2 lets a client
    /// repeat it.
    Raced,
    /// Nothing was written; any client sends it again.
    Unsent,
    /// The harness's own trouble.
    Harness,
}

/// What [`sum`] needs besides the outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RaceEvidence {
    /// The request's method is idempotent (RFC 9110 section 9.2.2).
    pub(crate) idempotent: bool,
    /// The server's FIN or RST came before the request was written.
    pub(crate) ended_before_write: bool,
    /// Bytes of the request that the server's kernel had acknowledged when the failure was noticed; `None` if that is not known.
    pub(crate) bytes_acked: Option<u64>,
    /// Time from the request's first written byte to the failure, in nanoseconds; `None` if nothing was written.
    pub(crate) write_to_failure_ns: Option<u64>,
    /// The round-trip time, in nanoseconds; `None` if the connection was made for this attempt.
    pub(crate) rtt_ns: Option<u64>,
    /// How late the client may have noticed the failure, in nanoseconds.
    pub(crate) late_ns: u64,
}

/// Beyond twice the round trip, this much is allowed between a write and the failure of a raced attempt.
const RACE_ALLOWANCE_NS: u64 = 5_000_000;

/// The sum that an attempt with this arm and outcome falls into.
pub(crate) fn sum(arm: Arm, outcome: Outcome, race: RaceEvidence) -> Sum {
    match outcome.group() {
        OutcomeGroup::Answered if outcome == Outcome::Ok => Sum::Ok,
        OutcomeGroup::Harness => Sum::Harness,
        OutcomeGroup::NotWritten if arm.keeps_alive() => Sum::Unsent,
        OutcomeGroup::NoByte if arm.keeps_alive() && raced(outcome, race) => Sum::Raced,
        OutcomeGroup::Answered
        | OutcomeGroup::NotConnected
        | OutcomeGroup::NotSecured
        | OutcomeGroup::NotWritten
        | OutcomeGroup::NoByte
        | OutcomeGroup::Partial
        | OutcomeGroup::TimedOut => Sum::Lost,
    }
}

fn raced(outcome: Outcome, race: RaceEvidence) -> bool {
    let (true, Some(elapsed_ns), Some(rtt_ns)) = (race.idempotent, race.write_to_failure_ns, race.rtt_ns) else {
        return false;
    };
    if race.ended_before_write {
        return true;
    }
    match (outcome, race.bytes_acked) {
        // The server had closed before the request came, however late anybody looks.
        (Outcome::ClosedBeforeByte, Some(0)) => true,
        // The request had come, and the server's end met it.
        (Outcome::ResetBeforeByte, Some(1..)) => false,
        // A kernel acknowledges what nobody reads after a half close, and an abort acknowledges nothing that was read: only time tells.
        _ => within_race(elapsed_ns, rtt_ns, race.late_ns),
    }
}

/// Whether an attempt failed so soon after its write that the connection's end was on its way: two round trips, an allowance, and how
/// late the load itself was.
pub(crate) const fn within_race(elapsed_ns: u64, rtt_ns: u64, late_ns: u64) -> bool {
    elapsed_ns <= rtt_ns.saturating_mul(2).saturating_add(RACE_ALLOWANCE_NS).saturating_add(late_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: RaceEvidence = RaceEvidence {
        idempotent: true,
        ended_before_write: false,
        bytes_acked: None,
        write_to_failure_ns: Some(1_000_000),
        rtt_ns: Some(100_000),
        late_ns: 0,
    };

    #[test]
    fn a_reset_soon_after_the_write_is_raced_on_kept_alive_arms_only() {
        for outcome in [Outcome::ResetBeforeByte, Outcome::ClosedBeforeByte] {
            assert_eq!(sum(Arm::Reused, outcome, EARLY), Sum::Raced);
            assert_eq!(sum(Arm::Blind, outcome, EARLY), Sum::Raced);
            assert_eq!(sum(Arm::New, outcome, EARLY), Sum::Lost);
            assert_eq!(sum(Arm::Pooled, outcome, EARLY), Sum::Lost);
        }
    }

    #[test]
    fn a_late_reset_a_post_and_a_cut_head_are_lost() {
        let late = RaceEvidence { write_to_failure_ns: Some(5_200_001), ..EARLY };
        assert_eq!(sum(Arm::Reused, Outcome::ResetBeforeByte, late), Sum::Lost);
        let late_but_ended = RaceEvidence { ended_before_write: true, ..late };
        assert_eq!(sum(Arm::Reused, Outcome::ResetBeforeByte, late_but_ended), Sum::Raced);
        assert_eq!(sum(Arm::New, Outcome::ResetBeforeByte, late_but_ended), Sum::Lost);
        let post = RaceEvidence { idempotent: false, ..EARLY };
        assert_eq!(sum(Arm::Reused, Outcome::ResetBeforeByte, post), Sum::Lost);
        assert_eq!(sum(Arm::Reused, Outcome::HeadCut, EARLY), Sum::Lost);
    }

    #[test]
    fn what_the_servers_kernel_acknowledged_decides_before_the_time_does() {
        let of = |outcome, bytes_acked, elapsed_ns| {
            sum(Arm::Reused, outcome, RaceEvidence { bytes_acked, write_to_failure_ns: Some(elapsed_ns), ..EARLY })
        };
        let (soon, late) = (1_000_000, 100_000_000);
        assert_eq!(of(Outcome::ClosedBeforeByte, Some(0), late), Sum::Raced);
        assert_eq!(of(Outcome::ResetBeforeByte, Some(40), soon), Sum::Lost);
        // Neither an acknowledged half close nor an abort says anything by itself.
        assert_eq!(of(Outcome::ClosedBeforeByte, Some(40), soon), Sum::Raced);
        assert_eq!(of(Outcome::ClosedBeforeByte, Some(40), late), Sum::Lost);
        assert_eq!(of(Outcome::ResetBeforeByte, Some(0), soon), Sum::Raced);
        assert_eq!(of(Outcome::ResetBeforeByte, Some(0), late), Sum::Lost);
    }

    #[test]
    fn a_client_that_was_late_allows_as_much_more() {
        let noticed = RaceEvidence { write_to_failure_ns: Some(17_600_000), ..EARLY };
        assert_eq!(sum(Arm::Reused, Outcome::ResetBeforeByte, noticed), Sum::Lost);
        let stalled = RaceEvidence { late_ns: 13_000_000, ..noticed };
        assert_eq!(sum(Arm::Reused, Outcome::ResetBeforeByte, stalled), Sum::Raced);
    }

    #[test]
    fn a_handshake_that_ends_is_lost_on_every_arm() {
        for arm in Arm::ALL {
            for outcome in [Outcome::TlsReset, Outcome::TlsClosed, Outcome::TlsTimeout, Outcome::TlsFailed] {
                assert_eq!(sum(arm, outcome, EARLY), Sum::Lost, "{} on {}", outcome.name(), arm.name());
            }
        }
    }

    #[test]
    fn pooled_failures_are_lost_never_unsent() {
        assert_eq!(sum(Arm::Pooled, Outcome::Unsent, EARLY), Sum::Lost);
    }

    #[test]
    fn names_are_those_that_serde_writes() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
        for arm in Arm::ALL {
            assert_eq!(serde_json::to_value(arm).unwrap(), arm.name());
        }
    }
}
