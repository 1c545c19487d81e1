//! A load's plan as it travels: text and numbers in place of the types of the HTTP library. Header values and bodies may
//! be any bytes, so they travel in base64.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::load::{Expected, LoadPlan, LocalPorts, RequestKind};
use crate::record::Arm;

/// A load to carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// Where connections go.
    pub(super) address: SocketAddr,
    trial: u32,
    rate: f64,
    timeout_ns: u64,
    connections: usize,
    requests: Vec<KindOrder>,
    max_in_flight: usize,
    seed: u64,
    record_all: bool,
    pod_header: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KindOrder {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// Empty for any 2xx or 3xx.
    statuses: Vec<u16>,
    share: f64,
    arms: Vec<(Arm, f64)>,
}

impl Order {
    /// `plan`, to be carried to `address`.
    pub(super) fn new(plan: &LoadPlan, address: SocketAddr) -> Self {
        Self {
            address,
            trial: plan.trial,
            rate: plan.rate,
            timeout_ns: crate::clock::saturating_ns(plan.timeout),
            connections: plan.connections,
            requests: plan.requests.iter().map(KindOrder::new).collect(),
            max_in_flight: plan.max_in_flight,
            seed: plan.seed,
            record_all: plan.record_all,
            pod_header: plan.pod_header.as_str().to_owned(),
        }
    }

    /// The plan again, over local ports that are this side's own affair.
    ///
    /// # Errors
    /// A text is no HTTP; says which.
    pub(super) fn plan(self, local_ports: LocalPorts) -> Result<LoadPlan, String> {
        Ok(LoadPlan {
            trial: self.trial,
            rate: self.rate,
            timeout: Duration::from_nanos(self.timeout_ns),
            connections: self.connections,
            requests: self.requests.into_iter().map(KindOrder::kind).collect::<Result<_, _>>()?,
            max_in_flight: self.max_in_flight,
            seed: self.seed,
            record_all: self.record_all,
            pod_header: HeaderName::from_bytes(self.pod_header.as_bytes()).map_err(|error| error.to_string())?,
            attempt_header: None,
            local_ports,
        })
    }
}

impl KindOrder {
    fn new(kind: &RequestKind) -> Self {
        let headers = kind.headers.iter().map(|(name, value)| (name.to_string(), STANDARD.encode(value.as_bytes())));
        Self {
            method: kind.method.to_string(),
            path: kind.path_and_query.to_string(),
            headers: headers.collect(),
            body: STANDARD.encode(&kind.body),
            statuses: match &kind.expected {
                Expected::SuccessOrRedirect => Vec::new(),
                Expected::Statuses(statuses) => statuses.clone(),
            },
            share: kind.share,
            arms: kind.arms.clone(),
        }
    }

    fn kind(self) -> Result<RequestKind, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let value = STANDARD.decode(value).map_err(|error| error.to_string())?;
            headers.append(name, HeaderValue::from_bytes(&value).map_err(|error| error.to_string())?);
        }
        Ok(RequestKind {
            method: Method::from_bytes(self.method.as_bytes()).map_err(|error| error.to_string())?,
            path_and_query: self.path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?,
            headers,
            body: Bytes::from(STANDARD.decode(&self.body).map_err(|error| error.to_string())?),
            expected: if self.statuses.is_empty() {
                Expected::SuccessOrRedirect
            } else {
                Expected::Statuses(self.statuses)
            },
            share: self.share,
            arms: self.arms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_the_way() {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("a"));
        headers.append("accept", HeaderValue::from_bytes(b"\xff\x80").unwrap());
        let plan = LoadPlan {
            trial: 3,
            rate: 12.5,
            timeout: Duration::from_millis(1_234),
            connections: 7,
            requests: vec![RequestKind {
                method: Method::POST,
                path_and_query: "/slow?ms=6000".parse().unwrap(),
                headers,
                body: Bytes::from_static(b"\0body\xff"),
                expected: Expected::Statuses(vec![201, 418]),
                share: 0.25,
                arms: vec![(Arm::New, 0.5), (Arm::Blind, 0.5)],
            }],
            max_in_flight: 99,
            seed: 42,
            record_all: true,
            pod_header: HeaderName::from_static("x-pod"),
            attempt_header: None,
            local_ports: LocalPorts::Kernel,
        };
        let order = Order::new(&plan, ([127, 0, 0, 1], 80).into());
        let travelled: Order = serde_json::from_str(&serde_json::to_string(&order).unwrap()).unwrap();
        assert_eq!(format!("{:?}", travelled.plan(LocalPorts::Kernel).unwrap()), format!("{plan:?}"));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        let plan = LoadPlan {
            trial: 1,
            rate: 1.0,
            timeout: Duration::from_secs(1),
            connections: 0,
            requests: Vec::new(),
            max_in_flight: 1,
            seed: 0,
            record_all: false,
            pod_header: HeaderName::from_static("x-pod"),
            attempt_header: None,
            local_ports: LocalPorts::Kernel,
        };
        let order = Order::new(&plan, ([127, 0, 0, 1], 80).into());
        let bad = Order { pod_header: "not a header\n".to_owned(), ..order };
        assert!(bad.plan(LocalPorts::Kernel).is_err());
    }
}
