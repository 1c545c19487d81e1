//! The closed list of causes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an attempt was lost. A cause names what would have to be different for the attempt to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// New connections were still routed to a pod whose listener was closed, while another pod could have served.
    EndpointRace,
    /// The server ended after the stop signal and cut requests in flight, accepted or not.
    CutAtStop,
    /// The hook began a graceful stop and returned; the stop signal then cut the drain.
    DrainNotAwaited,
    /// The grace period ran out: the kill, or the stop signal after a hook that used the grace up, cut what was in flight.
    KilledAtGraceEnd,
    /// The preStop hook failed, so it protected nothing.
    PrestopFailed,
    /// An idle kept-alive connection was closed, by a server that lived on or before it ended, as the client wrote on it.
    KeepaliveRace,
    /// The connection was still in the accept queue when a stopping server, which accepted no more, closed its listener.
    BacklogReset,
    /// A pod that had been told to stop answered with an error status, as no other pod did.
    ErrorAtStop,
    /// Routed to a new pod before it served.
    NotReadyYet,
    /// Slow start, or too few pods left: no answer in time.
    Overload,
    /// No pod of the Service could have served.
    NoEndpoint,
    /// The node that a connection went to had no pod that could have served, and led to no other node's (`externalTrafficPolicy: Local`).
    NoLocalEndpoint,
    /// A proxy or load balancer in front answered, or hung up, in the workload's place.
    Proxy,
    /// The proxy in front was itself being replaced.
    ProxyRollout,
    /// A status that the application itself sent.
    ServerError,
    /// A connect to a pod that was gone timed out and left a NAT entry; the same local port met it again.
    StaleConntrack,
    /// The evidence does not decide.
    Unknown,
}

impl Cause {
    /// Every cause, in the order of reports.
    pub const ALL: [Self; 17] = [
        Self::EndpointRace,
        Self::CutAtStop,
        Self::DrainNotAwaited,
        Self::KilledAtGraceEnd,
        Self::PrestopFailed,
        Self::KeepaliveRace,
        Self::BacklogReset,
        Self::ErrorAtStop,
        Self::NotReadyYet,
        Self::Overload,
        Self::NoEndpoint,
        Self::NoLocalEndpoint,
        Self::Proxy,
        Self::ProxyRollout,
        Self::ServerError,
        Self::StaleConntrack,
        Self::Unknown,
    ];

    /// The cause's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndpointRace => "endpoint-race",
            Self::CutAtStop => "cut-at-stop",
            Self::DrainNotAwaited => "drain-not-awaited",
            Self::KilledAtGraceEnd => "killed-at-grace-end",
            Self::PrestopFailed => "prestop-failed",
            Self::KeepaliveRace => "keepalive-race",
            Self::BacklogReset => "backlog-reset",
            Self::ErrorAtStop => "error-at-stop",
            Self::NotReadyYet => "not-ready-yet",
            Self::Overload => "overload",
            Self::NoEndpoint => "no-endpoint",
            Self::NoLocalEndpoint => "no-local-endpoint",
            Self::Proxy => "proxy",
            Self::ProxyRollout => "proxy-rollout",
            Self::ServerError => "server-error",
            Self::StaleConntrack => "stale-conntrack",
            Self::Unknown => "unknown",
        }
    }

    /// The end of the sentence "a request was lost because ...".
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::EndpointRace => "new connections were still routed to a pod whose listener was closed",
            Self::CutAtStop => "the server ended after it was told to stop and cut requests in flight",
            Self::DrainNotAwaited => {
                "the hook began a graceful stop and did not wait for it, and the stop signal cut the drain"
            }
            Self::KilledAtGraceEnd => "the grace period ran out before the server was done",
            Self::PrestopFailed => "the preStop hook failed and protected nothing",
            Self::KeepaliveRace => "the server closed an idle kept-alive connection while the client wrote on it",
            Self::BacklogReset => "a stopping server accepted no more connections and reset those in its accept queue",
            Self::ErrorAtStop => "terminating pods answered with an error status, and no other pod did",
            Self::NotReadyYet => "requests were routed to a new pod before it could serve",
            Self::Overload => "too few pods, or pods that had just started, did not answer in time",
            Self::NoEndpoint => "no pod of the Service could serve",
            Self::NoLocalEndpoint => {
                "a node had no pod of its own that could serve, and externalTrafficPolicy Local leads to no other"
            }
            Self::Proxy => "a proxy or load balancer in front of the workload answered, or hung up, in its place",
            Self::ProxyRollout => "the proxy in front of the workload was itself being replaced",
            Self::ServerError => "the application itself answered with an error",
            Self::StaleConntrack => "a NAT entry of an earlier connect still pointed to a pod that was gone",
            Self::Unknown => "the evidence does not decide",
        }
    }
}
