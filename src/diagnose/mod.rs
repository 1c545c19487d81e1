//! Why each lost attempt was lost: causes from the closed list, each with the evidence that decided it.
//!
//! Pure, from the timeline alone. A cause needs positive evidence; what decides nothing is `unknown`. It must not know how a
//! trial is judged, how results are shown, or what a cluster's own log of truth says.
//!
//! - `answer`: answers with a status that was not expected
//! - `at_node`: connections to node ports that lead to their own node only
//! - `at_stop`: error statuses that come from terminating pods only
//! - `cause`: the closed list of causes
//! - `connect`: connections that were not made
//! - `coverage`: whether some pod serves at a moment
//! - `cut`: connections that ended before the answer did
//! - `deaf`: pods that were stopped and may still be routed to
//! - `finding`: a cause with its evidence
//! - `incident`: the diagnosis of a run
//! - `lapse`: moments at which no pod had an endpoint, between others
//! - `lateness`: whether a cause holds wherever the attempt's moment lies
//! - `merge`: from findings to incidents
//! - `scene`: what was going on around an attempt
//! - `tests`: each cause, and a twin that lacks what decides
//! - `through_proxy`: what a proxy between a URL and the pods did
//! - `through_url`: attempts through a URL
//! - `timeout`: requests without an answer in time

mod answer;
mod at_node;
mod at_stop;
mod cause;
mod connect;
mod coverage;
mod cut;
mod deaf;
mod finding;
mod incident;
mod lapse;
mod lateness;
mod merge;
mod scene;
#[cfg(test)]
mod tests;
mod through_proxy;
mod through_url;
mod timeout;

use std::collections::BTreeMap;

pub use cause::Cause;
pub use incident::{Diagnosis, Evidence, Explained, Incident};

use crate::clock::Stamp;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};
use crate::timeline::{Timeline, Trial};
use finding::Finding;
use scene::{NatKey, Scene};

/// A NAT entry of a connect that timed out lives 120 s after its last SYN (`nf_conntrack_tcp_timeout_syn_sent`).
const NAT_ENTRY_NS: u64 = 120_000_000_000;

/// Explains every lost attempt of a run.
#[must_use]
pub fn diagnose(timeline: &Timeline) -> Diagnosis {
    let mut all = Diagnosis::default();
    let mut stale_ports: BTreeMap<NatKey, Stamp> = BTreeMap::new();
    for trial in &timeline.trials {
        let Some(variant) = timeline.header.spec.variants.iter().find(|known| known.name == trial.start.variant) else {
            continue;
        };
        let mut scene = Scene::new(trial, variant, &timeline.header, std::mem::take(&mut stale_ports));
        let nodes = trial.local_nodes().iter().map(|node| (node.node.as_str(), trial.at_node(&node.node)));
        let nodes: Vec<(&str, Trial)> = nodes.collect();
        scene.nodes =
            nodes.iter().map(|(node, view)| at_node::scene_of(node, view, variant, &timeline.header)).collect();
        let mut merger = merge::Merger::new(&mut all, variant);
        for attempt in &trial.lost {
            let finding = lateness::explain(attempt, &scene);
            merger.add(attempt, &finding);
            // The embedded cluster routes without NAT, the NAT on the way to a URL is not known, and what a node drops reaches none.
            let unlike = scene::is_embedded(&timeline.header)
                || through_url::is(attempt, &scene)
                || finding.cause == Cause::NoLocalEndpoint;
            if let Some(key) = timed_out(attempt).filter(|_| !unlike) {
                scene.stale_ports.insert(key, attempt.end_ns.saturating_add(NAT_ENTRY_NS));
            }
        }
        stale_ports = scene.stale_ports;
    }
    all
}

fn timed_out(attempt: &Attempt) -> Option<NatKey> {
    let timed_out = attempt.outcome == Outcome::ConnectTimeout;
    attempt.connection.as_ref().map(|connection| (connection.local_port, attempt.node)).filter(|_| timed_out)
}

fn no_rule<'a>(outcome: Outcome) -> Finding<'a> {
    Finding::unknown(format!("no rule is about attempts that end as {}", outcome.name()))
}

/// The rules by how far an attempt came: each kind of end has causes of its own.
fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    if let Some(finding) = through_url::explain(attempt, scene) {
        return finding;
    }
    match attempt.outcome.group() {
        OutcomeGroup::NotConnected if scene.nodes.is_empty() => connect::explain(attempt, scene),
        OutcomeGroup::NotConnected => at_node::explain(attempt, scene),
        OutcomeGroup::Partial if attempt.outcome == Outcome::BadHttp => no_rule(attempt.outcome),
        OutcomeGroup::NotSecured if attempt.outcome == Outcome::TlsFailed => no_rule(attempt.outcome),
        OutcomeGroup::NotSecured | OutcomeGroup::NoByte | OutcomeGroup::Partial | OutcomeGroup::TimedOut => {
            cut::explain(attempt, scene)
        }
        OutcomeGroup::Answered => answer::explain(attempt, scene),
        // Only on an arm that does not keep its connections is the former lost; the latter never is.
        OutcomeGroup::NotWritten | OutcomeGroup::Harness => no_rule(attempt.outcome),
    }
}
