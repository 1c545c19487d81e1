//! A load as it travels to the agent.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::load::LoadPlan;

/// A load to carry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LoadOrder {
    /// Where connections go.
    pub(super) address: SocketAddr,
    /// What to send. Local ports are the agent's own affair.
    pub(super) plan: LoadPlan,
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
