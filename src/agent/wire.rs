//! What driver and agent say to each other: JSON in both directions. Both are the same program, of the same version, so
//! there is no negotiation; the versions are compared once.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::load::LoadPlan;
use crate::record::Arm;

/// The header that carries the run's token; `Authorization` belongs to the API server.
pub(super) const TOKEN_HEADER: &str = "x-rollproof-token";
/// The header that numbers a command, so that one which is sent again is carried out once.
pub(super) const CALL_HEADER: &str = "x-rollproof-call";
/// The answer's header that names the agent's life.
pub(super) const BOOT_HEADER: &str = "x-rollproof-boot";
/// The port that the agent listens on.
pub(super) const PORT: u16 = 8_476;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentHello {
    pub(super) version: String,
    /// A new one each time the program starts.
    pub(super) boot: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockReading {
    pub(super) at_ns: Stamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LoadOrder {
    pub(super) address: SocketAddr,
    /// Its local ports are the agent's own affair.
    pub(super) plan: LoadPlan,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProbeSwitch {
    pub(super) namespace: String,
    pub(super) on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReachOrder {
    pub(super) address: SocketAddr,
    pub(super) tries: usize,
}

/// Why the first connection without an answer failed; `None` if all were answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReachResult {
    pub(super) why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndLoad {
    /// What is in flight is not awaited.
    pub(super) abort: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoadState {
    /// Attempts are in flight.
    Running,
    /// It has ended; the attempts planned by each arm.
    Ended(BTreeMap<Arm, u64>),
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentRefusal {
    pub(super) error: String,
}

/// The first line of each answer with lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamStart {
    /// The agent's life.
    pub(super) boot: String,
    /// The number of the first line that follows.
    pub(super) from: u64,
}

/// Counters of the running load, sent between the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounters {
    pub ended: u64,
    pub lost: u64,
    /// Why nothing more is spooled; `None` while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;
    use crate::spec::{Arm, LoadSpec, RequestSpec};

    #[test]
    fn a_load_survives_the_way_and_what_is_no_http_is_refused() {
        let arms = vec![(Arm::New, 0.5), (Arm::Blind, 0.5)];
        let request = RequestSpec {
            method: Method::POST,
            body: "body\n\u{e9}".to_owned(),
            statuses: vec![201, 418],
            share: 0.25,
            ..RequestSpec::get("/slow?ms=6000".parse().unwrap(), arms)
        };
        let accept = || http::header::ACCEPT;
        let request = request.with_header(accept(), "a").with_header(accept(), "b\"");
        let spec = LoadSpec::new(12.5, Duration::from_micros(1_234), vec![request]);
        let plan = LoadPlan { trial: 3, max_in_flight: 99, seed: 42, record_all: true, ..LoadPlan::new(spec, 7) };
        let order = LoadOrder { address: ([127, 0, 0, 1], 80).into(), plan };
        let text = serde_json::to_string(&order).unwrap();
        let arrived: LoadOrder = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{arrived:?}"), format!("{order:?}"));
        let mut headers = arrived.plan.spec.requests[0].header_map().into_iter();
        assert_eq!(headers.next().unwrap().1, "a");
        let bad = text.replace("x-pod", "x pod");
        assert!(serde_json::from_str::<LoadOrder>(&bad).unwrap_err().to_string().contains("x pod"));
    }
}
