//! What to send: the plan of one trial's load, and the checks that it makes sense.

use std::net::SocketAddr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::spec::{Arm, Door, LoadSpec, RequestSpec};

use super::rotation::LocalPorts;
use super::sizing;

pub trait Route: Send + Sync + 'static {
    /// The address of the next connection, chosen when the connection is made.
    fn next(&self) -> SocketAddr;

    /// The place of an address among those that are told apart in the record; `None` where there is nothing to tell apart.
    fn place(&self, _: SocketAddr) -> Option<u16> {
        None
    }
}

/// One address for every connection.
impl Route for SocketAddr {
    fn next(&self) -> SocketAddr {
        *self
    }
}

/// The load of one trial: what the spec says, sized.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadPlan {
    /// What to send. A `Host` is among the headers of each kind of request.
    pub spec: LoadSpec,
    pub trial: u32,
    /// Kept-alive connections of each of the arms `reused` and `blind` at each door.
    pub connections: usize,
    /// The most requests that may be planned and not yet ended; further ones are `deferred` at once.
    pub max_in_flight: usize,
    /// The seed of the order of arms and kinds.
    pub seed: u64,
    pub record_all: bool,
    /// A request header that carries the attempt's number, so that a server can tell whether it saw one twice.
    #[serde(skip)]
    pub attempt_header: Option<HeaderName>,
    /// Who chooses the local ports of the arms `new`, `reused` and `blind`. It is the affair of whoever carries the load.
    #[serde(skip)]
    pub local_ports: LocalPorts,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot plan the load: the rate is {rate} requests a second, expected a number above 0 and at most {most}")]
    Rate { rate: f64, most: f64 },
    #[error("cannot plan the load: the timeout is 0, expected a positive duration")]
    Timeout,
    #[error(
        "cannot plan the load: no request has an arm with a positive weight, so there is nothing to send; give a request at least one of the arms new, reused, blind, pooled"
    )]
    NothingToSend,
    #[error("cannot plan the load: request {request} has the weight {weight}, expected a number that is not negative")]
    Weight { request: usize, weight: f64 },
    #[error("cannot plan the load: {count} kinds of request, expected at most {most}")]
    TooManyKinds { count: usize, most: usize },
    #[error("cannot plan the load: the arm {} is used but `connections` is 0, expected at least 1", arm.name())]
    NoConnections { arm: Arm },
    #[error(
        "cannot plan the load: at most 0 requests may be in flight, expected at least 1; the default is rate x timeout"
    )]
    NoneInFlight,
    #[error("cannot plan the load: the arm {}{at} would keep {busy:.1} connections busy all the time (its rate x the expected time of service) but has {connections}; give it more `connections`, a lower rate, or carry slow requests on the arm new", arm.name())]
    Busy { arm: Arm, at: String, busy: f64, connections: usize },
    #[error("cannot plan the load: request {request} goes to a URL, and the load has none; give it a `url`")]
    NoUrl { request: usize },
    #[error(
        "cannot plan the load: it needs at least {needed} open files, but this process may open {limit}, of which {reserved} are reserved; use fewer `connections` or raise the hard limit (ulimit -Hn)"
    )]
    Descriptors { needed: u64, limit: u64, reserved: u64 },
    #[error(
        "cannot plan the load: its arm new makes {rate:.0} connections a second, but the {ports} local ports outside the \
         kernel's range carry at most {most:.0}, because each rests a minute after its use; lower the rate or give the \
         arm new a smaller weight"
    )]
    LocalPorts { rate: f64, ports: usize, most: f64 },
    #[error(
        "cannot choose local ports: /proc/sys/net/ipv4/ip_local_port_range says `{found}`, expected two port numbers that \
         leave others to the load, as in `32768 60999`; set it with sysctl"
    )]
    PortRange { found: String },
    #[error(
        "cannot start the load: the name `{name}` does not resolve: {why}; correct the URL, or give `resolve: ADDRESS`"
    )]
    Name { name: String, why: String },
    #[error("cannot plan the load: TLS: {why}")]
    Tls { why: String },
    #[error("cannot start the load: {doing} failed: {source}")]
    System { doing: &'static str, source: std::io::Error },
    #[error("the load's thread ended before it was told to; this is a bug in rollproof")]
    Died,
}

impl LoadError {
    /// What an error of the system becomes that came while `doing`.
    pub(super) fn system<E: Into<std::io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { doing, source: error.into() }
    }
}

/// The highest rate that a plan may ask for. One core carries a few ten thousand.
const MAX_RATE: f64 = 1_000_000.0;

const MAX_KINDS: usize = 1_024;

impl LoadPlan {
    /// `spec`, with so many kept-alive connections, as trial 1.
    #[must_use]
    pub fn new(spec: LoadSpec, connections: usize) -> Self {
        Self {
            max_in_flight: sizing::max_in_flight(spec.rate, spec.timeout),
            spec,
            trial: 1,
            connections,
            seed: 1,
            record_all: false,
            attempt_header: None,
            local_ports: LocalPorts::Kernel,
        }
    }

    /// Checks what can be checked without a server.
    pub fn check(&self) -> Result<(), LoadError> {
        if !(self.spec.rate > 0.0 && self.spec.rate <= MAX_RATE) {
            return Err(LoadError::Rate { rate: self.spec.rate, most: MAX_RATE });
        }
        if self.spec.timeout.is_zero() {
            return Err(LoadError::Timeout);
        }
        if self.max_in_flight == 0 {
            return Err(LoadError::NoneInFlight);
        }
        if self.spec.requests.len() > MAX_KINDS {
            return Err(LoadError::TooManyKinds { count: self.spec.requests.len(), most: MAX_KINDS });
        }
        for (request, kind) in self.spec.requests.iter().enumerate() {
            let weights = std::iter::once(kind.share).chain(kind.arms.iter().map(|(_, weight)| *weight));
            if self.spec.url.is_none() && self.spec.door_of(kind) == Door::Url {
                return Err(LoadError::NoUrl { request });
            }
            if let Some(weight) = weights.into_iter().find(|weight| !(weight.is_finite() && *weight >= 0.0)) {
                return Err(LoadError::Weight { request, weight });
            }
        }
        if !Arm::ALL.iter().any(|arm| self.spec.uses(*arm)) {
            return Err(LoadError::NothingToSend);
        }
        let kept = self.spec.kept().map(|(arm, _)| arm).next();
        if let Some(arm) = kept.filter(|_| self.connections == 0) {
            return Err(LoadError::NoConnections { arm });
        }
        sizing::check_ports(self)
    }

    /// The part of all requests that each arm carries of each kind, where it carries any. They add to 1.
    pub(super) fn parts(&self) -> impl Iterator<Item = (u16, Arm, f64)> {
        let weights = |kind: &RequestSpec| kind.arms.iter().map(|(_, weight)| weight).sum::<f64>();
        let carried = self.spec.requests.iter().filter(|kind| weights(kind) > 0.0);
        let shares: f64 = carried.map(|kind| kind.share).sum();
        let parts = (0u16..).zip(&self.spec.requests).flat_map(move |(request, kind)| {
            let sum = weights(kind);
            kind.arms.iter().map(move |(arm, weight)| (request, *arm, kind.share / shares * (weight / sum)))
        });
        parts.filter(|(_, _, part)| *part > 0.0)
    }
}
