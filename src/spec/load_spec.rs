//! The load of a variant.

use std::collections::BTreeSet;
use std::time::Duration;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::adapters::{nanoseconds, optional_text, text};
use super::{Arm, Door, RequestSpec, TlsSpec, UrlDoor};

/// The load of a variant. Shares, and the weights of each request's arms, add to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// Requests a second, all arms together.
    pub rate: f64,
    /// The most that one request may take from its start (connect, head and body together), and the longest that it
    /// waits, from its planned time, for a kept-alive connection.
    #[serde(rename = "timeout_ns", with = "nanoseconds")]
    pub timeout: Duration,
    /// Kept-alive connections of each of the arms `reused` and `blind` at each door; `None` leaves them to the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Where requests of the door `url` go; `None` where all go to the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<UrlDoor>,
    /// TLS of the connections to the URL if that asks for it, else to the Service; `None` for plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// The response header that names the pod.
    #[serde(with = "text")]
    pub pod_header: HeaderName,
    /// The response header in which a proxy says how often it tried: a number, or the pods that it asked, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_text")]
    pub retry_header: Option<HeaderName>,
    /// The arms that decide the verdict, in the order of [`Arm::ALL`].
    pub judged: Vec<Arm>,
    /// The kinds of request; attempts and pulses refer to them by index.
    pub requests: Vec<RequestSpec>,
}

impl LoadSpec {
    /// A load of these requests, whose pods name themselves in `X-Pod`, judged by every arm that is used.
    #[must_use]
    pub fn new(rate: f64, timeout: Duration, requests: Vec<RequestSpec>) -> Self {
        let pod_header = HeaderName::from_static("x-pod");
        let (connections, url, tls, retry_header, judged) = (None, None, None, None, Vec::new());
        let spec = Self { rate, timeout, connections, url, tls, pod_header, retry_header, judged, requests };
        let judged = Arm::ALL.into_iter().filter(|arm| spec.uses(*arm)).collect();
        Self { judged, ..spec }
    }

    /// Requests a second that `arm` carries.
    #[must_use]
    pub fn rate_of(&self, arm: Arm) -> f64 {
        Door::ALL.into_iter().map(|door| self.rate_at(arm, door)).sum()
    }

    /// Requests a second that `arm` carries to the door where it carries fewest of those where it carries any.
    #[must_use]
    pub fn least_rate(&self, arm: Arm) -> f64 {
        let rates = Door::ALL.into_iter().map(|door| self.rate_at(arm, door)).filter(|rate| *rate > 0.0);
        rates.reduce(f64::min).unwrap_or(0.0)
    }

    /// Requests a second that `arm` carries to `door`.
    #[must_use]
    pub fn rate_at(&self, arm: Arm, door: Door) -> f64 {
        let parts = self.requests.iter().filter(|request| self.door_of(request) == door).flat_map(|request| {
            request.arms.iter().filter(|(known, _)| *known == arm).map(|(_, weight)| request.share * weight)
        });
        self.rate * parts.sum::<f64>()
    }

    /// Whether any request is carried by `arm`.
    #[must_use]
    pub fn uses(&self, arm: Arm) -> bool {
        Door::ALL.into_iter().any(|door| self.uses_at(arm, door))
    }

    /// Whether any request is carried by `arm` to `door`.
    #[must_use]
    pub fn uses_at(&self, arm: Arm, door: Door) -> bool {
        let carries = |request: &RequestSpec| request.arms.iter().any(|(known, weight)| *known == arm && *weight > 0.0);
        self.requests.iter().any(|request| request.share > 0.0 && self.door_of(request) == door && carries(request))
    }

    /// The arms and doors that have kept-alive connections of their own.
    pub fn kept(&self) -> impl Iterator<Item = (Arm, Door)> {
        let pairs = [Arm::Reused, Arm::Blind].into_iter().flat_map(|arm| Door::ALL.map(|door| (arm, door)));
        pairs.filter(|(arm, door)| self.uses_at(*arm, *door))
    }

    /// The doors to which requests go, in the order of [`Door::ALL`].
    pub fn doors(&self) -> impl Iterator<Item = Door> {
        Door::ALL.into_iter().filter(|door| Arm::ALL.into_iter().any(|arm| self.uses_at(arm, *door)))
    }

    /// Whether requests go to the Service and to the URL.
    #[must_use]
    pub fn has_both_doors(&self) -> bool {
        self.doors().count() > 1
    }

    /// Where requests of a kind go; where there is no such kind, as where a kind leaves it out.
    #[must_use]
    pub fn door(&self, request: u16) -> Door {
        self.requests.get(usize::from(request)).map_or_else(|| self.usual_door(), |kind| self.door_of(kind))
    }

    /// Where requests of `kind` go.
    #[must_use]
    pub fn door_of(&self, kind: &RequestSpec) -> Door {
        kind.door.unwrap_or_else(|| self.usual_door())
    }

    /// The kinds of request whose connections say nothing of where the Service leads: those to the URL, where others go to the Service.
    #[must_use]
    pub fn unrouted(&self) -> BTreeSet<u16> {
        let both = self.has_both_doors();
        let kinds = (0..).zip(&self.requests).filter(|(_, kind)| both && self.door_of(kind) == Door::Url);
        kinds.map(|(index, _)| index).collect()
    }

    /// What tells kinds of request of one path apart that go to different doors: ` (url)`; empty where all go to one.
    #[must_use]
    pub fn door_suffix(&self, kind: &RequestSpec) -> &'static str {
        match self.door_of(kind) {
            _ if !self.has_both_doors() => "",
            Door::Service => " (service)",
            Door::Url => " (url)",
        }
    }

    const fn usual_door(&self) -> Door {
        if self.url.is_some() { Door::Url } else { Door::Service }
    }

    /// The door whose connections [`Self::tls`] is of.
    #[must_use]
    pub fn secured_door(&self) -> Door {
        if self.url.as_ref().is_some_and(|door| door.url.is_https()) { Door::Url } else { Door::Service }
    }

    /// TLS of the connections to `door`; `None` for plain text.
    #[must_use]
    pub fn tls_at(&self, door: Door) -> Option<&TlsSpec> {
        self.tls.as_ref().filter(|_| self.secured_door() == door)
    }

    /// The method of a request kind; empty, which is no method, where there is no such kind.
    #[must_use]
    pub fn method(&self, request: u16) -> &str {
        self.requests.get(usize::from(request)).map_or("", |kind| kind.method.as_str())
    }
}
