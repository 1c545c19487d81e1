//! Under `externalTrafficPolicy: Local` a node without a pod of its own drops what comes to its port, and no pod is to be blamed for it.

use super::*;
use crate::record::entry::{LoadedNode, NodePorts};

fn ports(trial: &mut SampleTrial, local: bool) {
    let node = |(node, address): (&str, &str)| LoadedNode { node: node.to_owned(), address: address.parse().unwrap() };
    let nodes = [("node-a", "192.0.2.1:30000"), ("node-b", "192.0.2.2:30000")].map(node);
    trial.node_ports = Some(NodePorts { local, nodes: nodes.to_vec() });
}

/// A connect to the node at this place that gets no answer for two seconds.
fn dropped(trial: &mut SampleTrial, ms: i64, node: Option<u16>) {
    trial.other(Arm::New, Outcome::ConnectTimeout, Sum::Lost, ms);
    let attempt = trial.last();
    attempt.end_ns = attempt.planned_ns + 2_000_000_000;
    (attempt.errno, attempt.node) = (None, node);
}

/// What a run from this machine sees of pods: no listener.
fn unprobed(pod: &SamplePod, node: &'static str) -> SamplePod {
    SamplePod { node: Some(node), opened: None, closed: None, ..pod.clone() }
}

/// On node a, the pod is stopped and its successor is ready at second 4; on node b, a pod stays.
fn bare_for_a_while() -> [SamplePod; 3] {
    let late = SamplePod { endpoint_ready: Some(4_000), served: Some((4_200, 8_000)), ..NEW };
    [unprobed(&STOPPED, "node-a"), unprobed(&late, "node-a"), unprobed(&OLD, "node-b")]
}

fn found(local: bool, pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    let plan = |header: &mut Header| {
        "kind".clone_into(&mut header.cluster.kind);
        header.spec.variants[0].objects_mut().manifests = vec![workload(None, true)];
    };
    let change = |trial: &mut SampleTrial| {
        ports(trial, local);
        pods::add(trial, pods);
        lose(trial);
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report()
}

fn causes(local: bool, pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> Vec<Cause> {
    found(local, pods, lose).incidents.iter().map(|incident| incident.cause).collect()
}

#[test]
fn what_a_node_without_a_pod_drops_is_the_nodes_and_names_it() {
    let report = found(true, &bare_for_a_while(), |trial| dropped(trial, 2_000, Some(0)));
    let [incident] = report.incidents.as_slice() else { panic!("{:?}", report.incidents) };
    assert_eq!((incident.cause, incident.node.as_deref()), (Cause::NoLocalEndpoint, Some("node-a")));
    assert_eq!(incident.pod, None, "no pod is blamed");
    let evidence: Vec<&str> = incident.evidence.iter().map(|one| one.edge.as_str()).collect();
    for told in ["externalTrafficPolicy is Local", "on node node-a could serve", "on other nodes, web-old could serve"]
    {
        assert!(evidence.iter().any(|words| words.contains(told)), "{told}: {evidence:?}");
    }
    assert_eq!(report.variants[0].lost_by_node, [("node-a".to_owned(), 1), ("node-b".to_owned(), 0)].into());
    assert!(to_markdown(&report).contains("Lost by node: node-a 1, node-b 0"), "{}", to_markdown(&report));
}

#[test]
fn its_advice_names_the_node_and_what_helps() {
    let report = found(true, &bare_for_a_while(), |trial| dropped(trial, 2_000, Some(0)));
    let [advice] = report.variants[0].advice.as_slice() else { panic!("{:?}", report.variants[0].advice) };
    for told in ["Node node-a had no pod", "topologySpreadConstraints", "healthCheckNodePort", "Cluster"] {
        assert!(advice.text.contains(told), "{told}: {}", advice.text);
    }
    assert_eq!(report.variants[0].advice_patch, None, "the workload alone may not cure it");
}

#[test]
fn a_node_that_had_a_pod_did_not_drop_for_want_of_one() {
    // The same moment at the other node.
    assert_eq!(causes(true, &bare_for_a_while(), |trial| dropped(trial, 2_000, Some(1))), [Cause::Unknown]);
    // The successor was ready before the pod went: connections were still routed to that one.
    let early = unprobed(&NEW, "node-a");
    let pods = [unprobed(&STOPPED, "node-a"), early, unprobed(&OLD, "node-b")];
    let report = found(true, &pods, |trial| dropped(trial, 1_200, Some(0)));
    let told = (report.incidents[0].cause, report.incidents[0].pod.as_deref(), report.incidents[0].node.as_deref());
    assert_eq!(told, (Cause::EndpointRace, Some("web-stopped"), Some("node-a")));
    // A pod whose node is not known may have been there.
    let [stopped, late, other] = bare_for_a_while();
    let anywhere = SamplePod { node: None, ..other };
    let found = causes(true, &[stopped, late, anywhere], |trial| dropped(trial, 2_000, Some(0)));
    assert_ne!(found, [Cause::NoLocalEndpoint]);
}

#[test]
fn a_pod_of_another_node_is_not_blamed_for_a_drop() {
    // The pod of node b was stopped too; what node a drops is not routed to it.
    let stopped = SamplePod { name: "web-other", ..STOPPED };
    let [one, late, _] = bare_for_a_while();
    let pods = [one, late, unprobed(&stopped, "node-b"), unprobed(&SamplePod { name: "web-b", ..NEW }, "node-b")];
    assert_eq!(causes(true, &pods, |trial| dropped(trial, 2_000, Some(0))), [Cause::NoLocalEndpoint]);
    assert_eq!(causes(true, &pods, |trial| dropped(trial, 1_200, Some(1))), [Cause::EndpointRace]);
}

#[test]
fn without_any_pod_it_is_the_services_outage() {
    let [stopped, late, _] = bare_for_a_while();
    let both = [SamplePod { name: "web-b", ..unprobed(&STOPPED, "node-b") }, stopped, late];
    assert_eq!(causes(true, &both, |trial| dropped(trial, 2_000, Some(0))), [Cause::NoEndpoint]);
}

#[test]
fn under_the_policy_cluster_each_node_leads_to_every_pod() {
    let lose = |trial: &mut SampleTrial| dropped(trial, 1_200, Some(0));
    assert_eq!(causes(false, &bare_for_a_while(), lose), [Cause::EndpointRace]);
    assert_eq!(causes(true, &bare_for_a_while(), lose), [Cause::NoLocalEndpoint]);
}

#[test]
fn where_the_client_does_not_tell_the_node_one_cause_must_hold() {
    assert_eq!(causes(true, &bare_for_a_while(), |trial| dropped(trial, 2_000, None)), [Cause::NoLocalEndpoint]);
    let stopped = SamplePod { name: "web-other", ..STOPPED };
    let [one, late, _] = bare_for_a_while();
    let pods = [one, late, unprobed(&stopped, "node-b"), unprobed(&SamplePod { name: "web-b", ..NEW }, "node-b")];
    assert_eq!(causes(true, &pods, |trial| dropped(trial, 1_200, None)), [Cause::Unknown]);
}

#[test]
fn what_a_node_dropped_left_no_entry_in_its_nat() {
    let lose = |trial: &mut SampleTrial| {
        dropped(trial, 2_000, Some(0));
        dropped(trial, 6_000, Some(0));
    };
    assert_eq!(causes(true, &bare_for_a_while(), lose), [Cause::NoLocalEndpoint, Cause::Unknown]);
}
