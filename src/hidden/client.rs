//! The clients and proxies, and what each of them is documented to send again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::AttemptFacts;
use crate::record::{Outcome, OutcomeGroup};

/// A client or proxy, or a policy that many share, with its defaults. Clients repeat a request; what they see by looking at
/// an idle connection before they use it is not counted here, because they then never write on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// reqwest, and every other user of hyper-util's pooled client: it repeats, without end, a request of which nothing was
    /// written because its reused connection was found dead. Source: hyper-util,
    /// `client::legacy::Builder::retry_canceled_requests`, on by default and not set by reqwest.
    Reqwest,
    /// Go's net/http: on a reused connection it repeats a request of which nothing was written, and a GET, HEAD, OPTIONS or
    /// TRACE of whose answer nothing was read. Source: the documentation of `http.Transport`, and its
    /// `persistConn.shouldRetryRequest`.
    Go,
    /// Java's java.net.http: it repeats once a failed connect, and a GET or HEAD of whose answer nothing was read, on a new
    /// connection too. Source: the module's summary (`jdk.httpclient.disableRetryConnect` and
    /// `jdk.httpclient.enableAllMethodRetry`, both false), and `MultiExchange` of the JDK.
    Java,
    /// libcurl and curl: on a reused connection it repeats, up to five times, any request of whose answer nothing was read.
    /// Source: the manual page of `CURLOPT_FORBID_RETRY_ON_REUSE`, which turns that off, and `Curl_retry_request`.
    Curl,
    /// nginx as a proxy in front of several servers: it passes a request on to the next one where connecting, sending or
    /// reading the head of the answer failed; a POST, LOCK or PATCH only if nothing was sent. Source:
    /// `proxy_next_upstream`, whose default is `error timeout`.
    Nginx,
    /// Whoever repeats a connect or a TLS handshake that failed, whatever the method, because nothing was sent: `HAProxy` by
    /// default (`retries` is 3, `retry-on` is `conn-failure`), Envoy with `retry_on: connect-failure`, which is in Istio's default. Source:
    /// their manuals.
    ConnectRetry,
}

impl Client {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [Self::Reqwest, Self::Go, Self::Java, Self::Curl, Self::Nginx, Self::ConnectRetry];

    /// Its name in `report.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reqwest => "reqwest",
            Self::Go => "go",
            Self::Java => "java",
            Self::Curl => "curl",
            Self::ConnectRetry => "connect-retry",
            Self::Nginx => "nginx",
        }
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reqwest => "reqwest",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::Curl => "curl",
            Self::ConnectRetry => "proxies that repeat a failed connect",
            Self::Nginx => "nginx",
        }
    }
}

/// Whether `client` would have sent such an attempt again, and so hidden its failure. A timeout is never hidden: when
/// each of them gives up is a setting. False for an answer, whatever its status, and where it is not known whether the
/// connection was reused and that decides.
#[must_use]
pub fn hides(client: Client, attempt: &AttemptFacts<'_>) -> bool {
    let AttemptFacts { method, outcome, reused } = *attempt;
    let reused = reused == Some(true);
    let no_byte = no_byte_back(outcome);
    match client {
        Client::Reqwest => outcome == Outcome::Unsent && reused,
        Client::Go => reused && no_byte && (outcome == Outcome::Unsent || go_replays(method)),
        Client::Java => connect_failed(outcome) || (no_byte && matches!(method, "GET" | "HEAD")),
        Client::Curl => reused && no_byte,
        Client::ConnectRetry => connect_failed(outcome) || handshake_ended(outcome),
        Client::Nginx => {
            connect_failed(outcome) || handshake_ended(outcome) || (before_answer(outcome) && nginx_passes_on(method))
        }
    }
}

/// No connection came about, so that nothing was sent.
pub(super) const fn connect_failed(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Refused | Outcome::Unreachable)
}

/// The connection ended within the TLS handshake, so that nothing was sent. What Java does then, no source says.
const fn handshake_ended(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::TlsReset | Outcome::TlsClosed)
}

/// The connection ended before a byte of the answer came.
const fn no_byte_back(outcome: Outcome) -> bool {
    matches!(outcome.group(), OutcomeGroup::NotWritten | OutcomeGroup::NoByte)
}

/// The connection ended before the answer's head was whole.
const fn before_answer(outcome: Outcome) -> bool {
    no_byte_back(outcome) || matches!(outcome, Outcome::HeadCut)
}

/// The methods of `Request.isReplayable`: fewer than RFC 9110 calls idempotent.
fn go_replays(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Those that `proxy_next_upstream` passes on without `non_idempotent` although they may have been sent.
fn nginx_passes_on(method: &str) -> bool {
    !matches!(method, "POST" | "LOCK" | "PATCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(method: &str, outcome: Outcome, reused: bool) -> Vec<Client> {
        let facts = AttemptFacts { method, outcome, reused: Some(reused) };
        Client::ALL.into_iter().filter(|client| hides(*client, &facts)).collect()
    }

    #[test]
    fn a_failed_connect_is_repeated_whatever_was_asked() {
        assert_eq!(by("GET", Outcome::ConnectTimeout, false), [], "when each gives up is a setting");
        for outcome in [Outcome::Refused, Outcome::Unreachable] {
            for method in ["GET", "POST"] {
                assert_eq!(by(method, outcome, false), [Client::Java, Client::Nginx, Client::ConnectRetry]);
            }
        }
    }

    #[test]
    fn a_handshake_that_ended_is_repeated_by_proxies_whatever_was_asked() {
        for method in ["GET", "POST"] {
            for outcome in [Outcome::TlsReset, Outcome::TlsClosed] {
                assert_eq!(by(method, outcome, false), [Client::Nginx, Client::ConnectRetry]);
            }
            for outcome in [Outcome::TlsTimeout, Outcome::TlsFailed] {
                assert_eq!(by(method, outcome, false), [], "{}", outcome.name());
            }
        }
    }

    #[test]
    fn nothing_written_on_a_reused_connection_is_sent_again_by_all_that_pool() {
        assert_eq!(
            by("GET", Outcome::Unsent, true),
            [Client::Reqwest, Client::Go, Client::Java, Client::Curl, Client::Nginx]
        );
        assert_eq!(by("POST", Outcome::Unsent, true), [Client::Reqwest, Client::Go, Client::Curl]);
        assert_eq!(by("POST", Outcome::Unsent, false), []);
    }

    #[test]
    fn no_byte_back_on_a_reused_connection_depends_on_the_method() {
        for outcome in [Outcome::ResetBeforeByte, Outcome::ClosedBeforeByte] {
            assert_eq!(by("GET", outcome, true), [Client::Go, Client::Java, Client::Curl, Client::Nginx]);
            assert_eq!(by("OPTIONS", outcome, true), [Client::Go, Client::Curl, Client::Nginx]);
            assert_eq!(by("PUT", outcome, true), [Client::Curl, Client::Nginx], "Go does not repeat a PUT");
            assert_eq!(by("POST", outcome, true), [Client::Curl]);
        }
    }

    #[test]
    fn most_clients_do_not_repeat_on_a_connection_that_was_made_for_the_request() {
        for outcome in [Outcome::ResetBeforeByte, Outcome::ClosedBeforeByte] {
            assert_eq!(by("GET", outcome, false), [Client::Java, Client::Nginx]);
            assert_eq!(by("POST", outcome, false), []);
        }
    }

    #[test]
    fn what_has_begun_to_be_answered_is_hidden_by_nobody() {
        for outcome in [
            Outcome::Ok,
            Outcome::BodyReset,
            Outcome::BodyClosed,
            Outcome::BodyTimeout,
            Outcome::HeaderTimeout,
            Outcome::BadHttp,
            Outcome::Status5xx,
            Outcome::StatusOther,
            Outcome::ClientLocal,
            Outcome::Deferred,
        ] {
            for reused in [false, true] {
                assert_eq!(by("GET", outcome, reused), [], "{}", outcome.name());
            }
        }
        assert_eq!(by("GET", Outcome::HeadCut, true), [Client::Nginx]);
        assert_eq!(by("POST", Outcome::HeadCut, true), []);
    }

    #[test]
    fn names_are_those_that_serde_writes() {
        for client in Client::ALL {
            assert_eq!(serde_json::to_value(client).unwrap(), client.name());
        }
    }
}
