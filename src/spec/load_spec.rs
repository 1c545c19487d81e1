//! The load of a variant.

use std::time::Duration;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::adapters::{nanoseconds, text};
use super::{Arm, RequestSpec, TlsSpec, UrlDoor};

/// The load of a variant. Shares, and the weights of each request's arms, add to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadSpec {
    /// Requests a second, all arms together.
    pub rate: f64,
    /// The most that one request may take from its start (connect, head and body together), and the longest that it
    /// waits, from its planned time, for a kept-alive connection.
    #[serde(rename = "timeout_ns", with = "nanoseconds")]
    pub timeout: Duration,
    /// Kept-alive connections of each of the arms `reused` and `blind`; `None` leaves them to the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Where the requests go in place of the Service; `None` for the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<UrlDoor>,
    /// TLS of all connections; `None` for plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// The response header that names the pod.
    #[serde(with = "text")]
    pub pod_header: HeaderName,
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
        let spec =
            Self { rate, timeout, connections: None, url: None, tls: None, pod_header, judged: Vec::new(), requests };
        let judged = Arm::ALL.into_iter().filter(|arm| spec.uses(*arm)).collect();
        Self { judged, ..spec }
    }

    /// Requests a second that `arm` carries.
    #[must_use]
    pub fn rate_of(&self, arm: Arm) -> f64 {
        let parts = self.requests.iter().flat_map(|request| {
            request.arms.iter().filter(|(known, _)| *known == arm).map(|(_, weight)| request.share * weight)
        });
        self.rate * parts.sum::<f64>()
    }

    /// Whether any request is carried by `arm`.
    #[must_use]
    pub fn uses(&self, arm: Arm) -> bool {
        let carries = |request: &RequestSpec| request.arms.iter().any(|(known, weight)| *known == arm && *weight > 0.0);
        self.requests.iter().any(|request| request.share > 0.0 && carries(request))
    }

    /// The method of a request kind; empty, which is no method, where there is no such kind.
    #[must_use]
    pub fn method(&self, request: u16) -> &str {
        self.requests.get(usize::from(request)).map_or("", |kind| kind.method.as_str())
    }
}
