//! From facts to the one outcome. Pure; it looks at counters, stages and error numbers, never at a library's words.

use nix::errno::Errno;

use crate::record::Outcome;
use crate::record::entry::AttemptStage;
use crate::spec::RequestSpec;

use super::exchange::DialedConnection;
use super::socket::{SocketSnapshot, TlsAnswer};

/// How the carrying of a request over a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExchangeEnd {
    Complete,
    /// The connection or the protocol failed.
    Failed {
        /// The head could not be parsed.
        malformed: bool,
        /// The library's own words.
        words: String,
    },
    TimedOut,
}

/// How a TLS handshake that did not complete ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandshakeEnd {
    TimedOut,
    /// The connection ended.
    Ended,
    /// One of the two sides found that it cannot go on.
    Refused {
        words: String,
    },
}

/// Which step of making a connection failed.
#[derive(Debug)]
pub(super) enum DialError {
    /// A socket could not be made: nothing left this machine.
    Local(std::io::Error),
    Connect(std::io::Error),
    TimedOut,
    /// The connection was made, and its TLS handshake failed.
    Handshake {
        end: HandshakeEnd,
        dialed: DialedConnection,
    },
}

/// The outcome of a connect that failed, and the error number that decided.
pub(super) fn of_dial(error: &DialError) -> (Outcome, Option<i32>) {
    match error {
        DialError::TimedOut => (Outcome::ConnectTimeout, None),
        DialError::Local(error) => (Outcome::ClientLocal, error.raw_os_error()),
        DialError::Connect(error) => match error.raw_os_error() {
            Some(errno) => (of_connect_errno(errno), Some(errno)),
            // The standard library makes such errors itself, for example for an address that cannot be used.
            None => (Outcome::ClientLocal, None),
        },
        DialError::Handshake { end, dialed } => {
            let seen = dialed.facts.seen();
            (of_handshake(end, seen), seen.errno.filter(|_| *end == HandshakeEnd::Ended))
        }
    }
}

/// The outcome of a TLS handshake that did not complete. An error of TLS itself comes before that of a socket: it is told to the
/// peer, who may be gone by then.
pub(super) fn of_handshake(end: &HandshakeEnd, seen: SocketSnapshot) -> Outcome {
    match (end, seen.errno.map(Errno::from_raw)) {
        (HandshakeEnd::Refused { .. }, _) => Outcome::TlsFailed,
        (HandshakeEnd::TimedOut, _) | (HandshakeEnd::Ended, Some(Errno::ETIMEDOUT)) => Outcome::TlsTimeout,
        (HandshakeEnd::Ended, Some(errno)) if is_local(errno) => Outcome::ClientLocal,
        (HandshakeEnd::Ended, Some(_)) => Outcome::TlsReset,
        (HandshakeEnd::Ended, None) => Outcome::TlsClosed,
    }
}

/// The outcome of a connect that failed with `errno` (connect(2), and ip(7) for the routing ones).
pub(super) fn of_connect_errno(errno: i32) -> Outcome {
    match Errno::from_raw(errno) {
        Errno::ECONNREFUSED => Outcome::Refused,
        Errno::ETIMEDOUT => Outcome::ConnectTimeout,
        // The connection was made and reset before the connect was looked at.
        Errno::ECONNRESET | Errno::EPIPE => Outcome::ResetBeforeByte,
        errno if is_local(errno) => Outcome::ClientLocal,
        // No route, a prohibiting or a blackhole route (EACCES, EINVAL), a firewall's answer (EPERM).
        _ => Outcome::Unreachable,
    }
}

/// Whether an error says that this machine ran out of something.
fn is_local(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EADDRNOTAVAIL
            | Errno::EADDRINUSE
            | Errno::EAGAIN
    )
}

/// The outcome of an exchange that did not complete. `made_for_this` tells a connection that this attempt dialled from a
/// kept-alive one.
pub(super) fn of_failure(end: &ExchangeEnd, stage: AttemptStage, seen: SocketSnapshot, made_for_this: bool) -> Outcome {
    match end {
        ExchangeEnd::TimedOut => of_timeout(stage),
        ExchangeEnd::Complete | ExchangeEnd::Failed { .. } => {
            if seen.errno.is_some_and(|errno| is_local(Errno::from_raw(errno))) {
                return Outcome::ClientLocal;
            }
            if seen.errno == Some(Errno::ETIMEDOUT as i32) {
                return of_timeout(stage);
            }
            match stage {
                AttemptStage::Waiting | AttemptStage::Connect | AttemptStage::Tls | AttemptStage::Request => {
                    before_byte(seen, made_for_this)
                }
                AttemptStage::Head => in_head(end, seen),
                AttemptStage::Body | AttemptStage::Done => in_body(seen),
            }
        }
    }
}

fn of_timeout(stage: AttemptStage) -> Outcome {
    match stage {
        AttemptStage::Waiting => Outcome::Deferred,
        AttemptStage::Connect => Outcome::ConnectTimeout,
        AttemptStage::Tls => Outcome::TlsTimeout,
        AttemptStage::Request | AttemptStage::Head => Outcome::HeaderTimeout,
        AttemptStage::Body | AttemptStage::Done => Outcome::BodyTimeout,
    }
}

fn before_byte(seen: SocketSnapshot, made_for_this: bool) -> Outcome {
    if seen.bytes_out == 0 && !made_for_this {
        Outcome::Unsent
    } else if seen.tls == TlsAnswer::Invalid {
        Outcome::TlsFailed
    } else if seen.errno.is_some() {
        Outcome::ResetBeforeByte
    } else {
        Outcome::ClosedBeforeByte
    }
}

fn in_head(end: &ExchangeEnd, seen: SocketSnapshot) -> Outcome {
    let malformed = matches!(end, ExchangeEnd::Failed { malformed: true, .. });
    if malformed || !(seen.end_of_stream || seen.errno.is_some()) { Outcome::BadHttp } else { Outcome::HeadCut }
}

fn in_body(seen: SocketSnapshot) -> Outcome {
    if seen.errno.is_some() {
        Outcome::BodyReset
    } else if seen.end_of_stream {
        Outcome::BodyClosed
    } else {
        // Neither side ended the stream: the framing (chunk sizes, for example) made no sense.
        Outcome::BadHttp
    }
}

pub(super) fn of_status(status: u16, request: &RequestSpec) -> Outcome {
    if request.accepts(status) {
        Outcome::Ok
    } else if status >= 500 {
        Outcome::Status5xx
    } else {
        Outcome::StatusOther
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: ExchangeEnd = ExchangeEnd::Failed { malformed: false, words: String::new() };

    fn seen(bytes_out: u64, bytes_in: u64, errno: Option<i32>, end_of_stream: bool) -> SocketSnapshot {
        SocketSnapshot { bytes_out, bytes_in, errno, end_of_stream, ..SocketSnapshot::default() }
    }

    #[test]
    fn nothing_written_is_unsent_only_on_a_kept_alive_connection() {
        let dead = seen(0, 0, Some(104), false);
        assert_eq!(of_failure(&FAILED, AttemptStage::Request, dead, false), Outcome::Unsent);
        assert_eq!(of_failure(&FAILED, AttemptStage::Request, dead, true), Outcome::ResetBeforeByte);
        let closed = seen(0, 0, None, true);
        assert_eq!(of_failure(&FAILED, AttemptStage::Request, closed, false), Outcome::Unsent);
        assert_eq!(of_failure(&FAILED, AttemptStage::Request, closed, true), Outcome::ClosedBeforeByte);
    }

    #[test]
    fn one_written_byte_makes_it_sent() {
        assert_eq!(
            of_failure(&FAILED, AttemptStage::Request, seen(1, 0, Some(104), false), false),
            Outcome::ResetBeforeByte
        );
        assert_eq!(
            of_failure(&FAILED, AttemptStage::Request, seen(1, 0, None, true), false),
            Outcome::ClosedBeforeByte
        );
    }

    #[test]
    fn a_cut_head_is_told_from_one_that_is_not_http() {
        assert_eq!(of_failure(&FAILED, AttemptStage::Head, seen(9, 9, None, true), true), Outcome::HeadCut);
        assert_eq!(of_failure(&FAILED, AttemptStage::Head, seen(9, 9, Some(104), false), true), Outcome::HeadCut);
        let malformed = ExchangeEnd::Failed { malformed: true, words: String::new() };
        assert_eq!(of_failure(&malformed, AttemptStage::Head, seen(9, 9, None, true), true), Outcome::BadHttp);
    }

    #[test]
    fn a_body_ends_by_reset_by_fin_or_by_its_own_nonsense() {
        assert_eq!(of_failure(&FAILED, AttemptStage::Body, seen(9, 9, Some(104), false), true), Outcome::BodyReset);
        assert_eq!(of_failure(&FAILED, AttemptStage::Body, seen(9, 9, None, true), true), Outcome::BodyClosed);
        assert_eq!(of_failure(&FAILED, AttemptStage::Body, seen(9, 9, None, false), true), Outcome::BadHttp);
    }

    #[test]
    fn a_timeout_is_named_after_what_was_missing() {
        let nothing = SocketSnapshot::default();
        assert_eq!(of_failure(&ExchangeEnd::TimedOut, AttemptStage::Request, nothing, true), Outcome::HeaderTimeout);
        assert_eq!(of_failure(&ExchangeEnd::TimedOut, AttemptStage::Body, nothing, true), Outcome::BodyTimeout);
        assert_eq!(of_dial(&DialError::TimedOut).0, Outcome::ConnectTimeout);
    }

    #[test]
    fn a_handshake_ends_by_reset_by_fin_by_silence_or_by_what_was_said() {
        let of = |end: &HandshakeEnd, seen| of_handshake(end, seen);
        assert_eq!(of(&HandshakeEnd::Ended, seen(0, 0, Some(104), false)), Outcome::TlsReset);
        assert_eq!(of(&HandshakeEnd::Ended, seen(0, 0, None, true)), Outcome::TlsClosed);
        assert_eq!(of(&HandshakeEnd::Ended, seen(0, 0, Some(Errno::ETIMEDOUT as i32), false)), Outcome::TlsTimeout);
        assert_eq!(of(&HandshakeEnd::Ended, seen(0, 0, Some(Errno::ENOMEM as i32), false)), Outcome::ClientLocal);
        assert_eq!(of(&HandshakeEnd::TimedOut, seen(0, 0, None, false)), Outcome::TlsTimeout);
        let refused = HandshakeEnd::Refused { words: String::new() };
        let gone = seen(0, 0, Some(Errno::EPIPE as i32), true);
        assert_eq!(of(&refused, gone), Outcome::TlsFailed, "the server was gone before it was told");
    }

    #[test]
    fn an_alert_in_place_of_an_answer_is_no_close() {
        let alert = SocketSnapshot { tls: TlsAnswer::Invalid, ..seen(9, 0, None, true) };
        assert_eq!(of_failure(&FAILED, AttemptStage::Request, alert, true), Outcome::TlsFailed);
        assert_eq!(
            of_failure(&FAILED, AttemptStage::Request, SocketSnapshot { bytes_out: 0, ..alert }, false),
            Outcome::Unsent
        );
    }

    #[test]
    fn connect_errors_tell_this_machine_from_the_network() {
        for (errno, outcome) in [
            (Errno::ECONNREFUSED, Outcome::Refused),
            (Errno::ETIMEDOUT, Outcome::ConnectTimeout),
            (Errno::EHOSTUNREACH, Outcome::Unreachable),
            (Errno::ENETUNREACH, Outcome::Unreachable),
            (Errno::EACCES, Outcome::Unreachable),
            (Errno::EADDRNOTAVAIL, Outcome::ClientLocal),
            (Errno::EMFILE, Outcome::ClientLocal),
            (Errno::ECONNRESET, Outcome::ResetBeforeByte),
        ] {
            assert_eq!(of_connect_errno(errno as i32), outcome, "{errno}");
        }
    }

    #[test]
    fn a_status_is_ok_when_it_is_expected() {
        let any = RequestSpec::get("/".parse().unwrap(), Vec::new());
        let unavailable = RequestSpec { statuses: vec![503], ..any.clone() };
        assert_eq!(of_status(204, &any), Outcome::Ok);
        assert_eq!(of_status(301, &any), Outcome::Ok);
        assert_eq!(of_status(404, &any), Outcome::StatusOther);
        assert_eq!(of_status(503, &any), Outcome::Status5xx);
        assert_eq!(of_status(503, &unavailable), Outcome::Ok);
        assert_eq!(of_status(200, &unavailable), Outcome::StatusOther);
    }
}
