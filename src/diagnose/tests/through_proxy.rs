//! What a proxy between a URL and the pods did: its own answers, and its own rollout.

use super::*;
use crate::record::entry::{EndpointSeen, EndpointsSeen, SeenChange};
use crate::spec::UrlDoor;

/// The slices of the proxy's Service: the moment, and whether each of its pods was ready (`r`), terminated (`t`), or neither (`n`).
type Slices<'a> = &'a [(i64, &'a [(&'a str, char)])];

/// Both of the proxy's pods stay.
const STAYS: Slices<'_> = &[(-2_900, &[("proxy-a", 'r'), ("proxy-b", 'r')])];
/// One of them is replaced at second 5, by one that is ready a second before.
const REPLACED: Slices<'_> = &[
    (-2_900, &[("proxy-a", 'r'), ("proxy-b", 'r')]),
    (4_000, &[("proxy-a", 'r'), ("proxy-b", 'r'), ("proxy-c", 'r')]),
    (5_000, &[("proxy-a", 't'), ("proxy-b", 'r'), ("proxy-c", 'r')]),
    (5_500, &[("proxy-b", 'r'), ("proxy-c", 'r')]),
];

fn docs(
    proxy: Option<&str>,
    pods: &[SamplePod],
    slices: Slices<'_>,
    lose: impl FnOnce(&mut SampleTrial),
) -> Vec<IncidentDoc> {
    let plan = |header: &mut Header| {
        "kind".clone_into(&mut header.cluster.kind);
        let variant = &mut header.spec.variants[0];
        variant.objects_mut().manifests = vec![workload(None, false)];
        let url = "http://shop.example/".parse().unwrap();
        variant.load.url = Some(UrlDoor { url, resolve: None, proxy: proxy.map(str::to_owned) });
    };
    let change = |trial: &mut SampleTrial| {
        pods::add(trial, pods);
        for (ms, states) in slices {
            let endpoints = states.iter().map(|(name, state)| EndpointSeen {
                pod: Some((*name).to_owned()),
                address: "10.0.0.7".to_owned(),
                node: None,
                ready: *state == 'r',
                serving: *state == 'r',
                terminating: *state == 't',
            });
            trial.more.push(Entry::Endpoints(EndpointsSeen {
                at_ns: trial.at(*ms),
                change: SeenChange::Changed,
                namespace: pods::NAMESPACE.to_owned(),
                name: "proxy-x".to_owned(),
                service: Some("proxy".to_owned()),
                endpoints: endpoints.collect(),
            }));
        }
        lose(trial);
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report().incidents
}

fn of(pods: &[SamplePod], slices: Slices<'_>, lose: impl FnOnce(&mut SampleTrial)) -> Vec<Cause> {
    docs(Some("proxy"), pods, slices, lose).iter().map(|one| one.cause).collect()
}

/// An answer of the proxy's own to a request that was sent at `ms`.
fn answered(status: u16, ms: i64, waited_ms: u64) -> impl FnOnce(&mut SampleTrial) {
    move |trial| {
        let attempt = cut(trial, ms, waited_ms, if status < 500 { Outcome::StatusOther } else { Outcome::Status5xx });
        (attempt.status, attempt.bytes_in, attempt.errno) = (Some(status), Some(120), None);
    }
}

fn closed(ms: i64, waited_ms: u64) -> impl FnOnce(&mut SampleTrial) {
    move |trial| _ = cut(trial, ms, waited_ms, Outcome::ClosedBeforeByte)
}

#[test]
fn an_error_for_a_pod_that_had_stopped_is_the_proxys_with_its_lag() {
    let pods = [OLD, STOPPED, NEW];
    let found = docs(Some("proxy"), &pods, STAYS, answered(502, 1_800, 5));
    assert_eq!(
        found.iter().map(|one| (one.cause, one.pod.as_deref())).collect::<Vec<_>>(),
        [(Cause::Proxy, Some("web-stopped"))]
    );
    let lag = found[0].evidence.iter().find(|one| one.edge == "endpoint not ready").unwrap();
    assert_eq!(lag.gap_ms.map(f64::round), Some(775.0), "{:?}", found[0].evidence);
    // Where no pod stopped, only the status tells of the proxy.
    let found = docs(Some("proxy"), &[OLD, NEW], STAYS, answered(502, 1_800, 5));
    assert_eq!((found[0].cause, found[0].pod.as_deref(), found[0].evidence.len()), (Cause::Proxy, None, 1));
    // A 503 may be the application's, unless a proxy is known to be there.
    assert_eq!(docs(None, &pods, STAYS, answered(503, 1_800, 5))[0].cause, Cause::Unknown);
    assert_eq!(docs(None, &pods, STAYS, answered(502, 1_800, 5))[0].cause, Cause::Proxy);
    assert_eq!(of(&pods, STAYS, answered(503, 1_800, 5)), [Cause::Proxy]);
    assert_eq!(of(&pods, STAYS, answered(500, 1_800, 5)), [Cause::Unknown]);
    assert_eq!(
        of(&[OLD, NEW], STAYS, answered(503, 1_800, 5)),
        [Cause::Unknown],
        "no pod stopped: it may be the application's"
    );
    // A proxy that was never seen is not known to be there, whatever the scenario calls it.
    assert_eq!(of(&pods, &[], answered(503, 1_800, 5)), [Cause::Unknown]);
    assert_eq!(of(&pods, &[], closed(1_300, 5)), [Cause::Unknown]);
}

#[test]
fn a_request_that_was_in_flight_as_its_pod_stopped_was_cut_whoever_said_so() {
    let pods = [OLD, STOPPED, NEW];
    assert_eq!(of(&pods, STAYS, answered(502, 500, 550)), [Cause::CutAtStop]);
    assert_eq!(of(&pods, STAYS, closed(500, 550)), [Cause::CutAtStop]);
    // After that the proxy sent it to a pod that had stopped.
    assert_eq!(of(&pods, STAYS, closed(1_300, 5)), [Cause::Proxy]);
    // A gateway's timeout is no cut.
    assert_eq!(of(&pods, STAYS, answered(504, 500, 600)), [Cause::Proxy]);
    // Nor is one that ended long after its pod was told to stop, and long before it did.
    let graceful = SamplePod { grace_s: 60, closed: Some(1_050), finished: Some((7_900, 0)), ..STOPPED };
    assert_eq!(of(&[OLD, graceful, NEW], STAYS, answered(502, 500, 4_000)), [Cause::Proxy]);
    // Of two that stopped at the same time either may have had it.
    let other = SamplePod { name: "web-other", ..STOPPED };
    assert_eq!(of(&[OLD, STOPPED, other, NEW], STAYS, answered(502, 500, 550)), [Cause::Proxy]);
}

#[test]
fn nobody_to_ask_is_no_fault_of_the_proxys() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    assert_eq!(of(&[STOPPED, late.clone()], STAYS, answered(503, 2_000, 5)), [Cause::NoEndpoint]);
    assert_eq!(of(&[STOPPED, OLD, late.clone()], STAYS, answered(503, 2_000, 5)), [Cause::Proxy]);
    // What was in flight had a pod: it was cut, or it waited for it.
    let ended = SamplePod { finished: Some((3_500, 0)), ..STOPPED };
    assert_eq!(of(&[ended.clone(), late.clone()], STAYS, answered(502, 500, 3_005)), [Cause::CutAtStop]);
    assert_eq!(of(&[ended, late], STAYS, answered(504, 500, 2_000)), [Cause::Proxy]);
}

#[test]
fn what_a_proxy_cuts_as_it_is_replaced_is_told_from_what_the_pods_do() {
    for (ms, waited_ms) in [(4_990, 5), (5_200, 1), (6_000, 20)] {
        assert_eq!(of(&[OLD, NEW], REPLACED, closed(ms, waited_ms)), [Cause::ProxyRollout], "{ms}");
    }
    assert_eq!(of(&[OLD, NEW], REPLACED, |trial| refused(trial, 5_300)), [Cause::ProxyRollout]);
    // A connect that timed out was led there when it was begun.
    let timed_out =
        |begun_ms: i64| move |trial: &mut SampleTrial| _ = cut(trial, begun_ms, 2_500, Outcome::ConnectTimeout);
    assert_eq!(of(&[OLD, NEW], REPLACED, timed_out(5_300)), [Cause::ProxyRollout]);
    assert_eq!(of(&[OLD, NEW], REPLACED, timed_out(2_000)), [Cause::Unknown]);
    // Long before, long after, or where it stays, nothing tells of it.
    for (slices, ms) in [(REPLACED, 2_000), (REPLACED, 7_900), (STAYS, 5_200)] {
        assert_eq!(of(&[OLD, NEW], slices, closed(ms, 1)), [Cause::Unknown], "{ms}");
    }
    // A probe that fails replaces nothing, a wait says nothing of whom it was for, and what has been gone for long cuts nobody.
    let unready: Slices<'_> =
        &[(-2_900, &[("proxy-a", 'r'), ("proxy-b", 'r')]), (5_000, &[("proxy-a", 'n'), ("proxy-b", 'r')])];
    assert_eq!(of(&[OLD, NEW], unready, closed(5_200, 1)), [Cause::Unknown]);
    let waits = |trial: &mut SampleTrial| _ = cut(trial, 1_000, 4_500, Outcome::HeaderTimeout);
    assert_eq!(of(&[OLD, NEW], REPLACED, waits), [Cause::Unknown]);
    // Whose proxy is not known, its rollout is not seen.
    assert_eq!(docs(None, &[OLD, NEW], REPLACED, closed(5_200, 1))[0].cause, Cause::Unknown);
    // A pod of the workload that stops at the same time may have had its part.
    let meanwhile = SamplePod {
        deleted: Some(5_000),
        not_ready: Some(5_030),
        closed: Some(5_050),
        finished: Some((5_060, 0)),
        ..STOPPED
    };
    assert_eq!(of(&[OLD, meanwhile, NEW], REPLACED, closed(5_200, 1)), [Cause::Unknown]);
    assert_eq!(
        of(&[OLD, STOPPED, NEW], REPLACED, closed(5_200, 1)),
        [Cause::ProxyRollout],
        "it had stopped long before"
    );
}

#[test]
fn a_proxy_that_does_not_know_its_routes_yet_answers_for_its_own_rollout() {
    for status in [404, 502, 503] {
        assert_eq!(of(&[OLD, NEW], REPLACED, answered(status, 4_300, 2)), [Cause::ProxyRollout], "{status}");
    }
    assert_eq!(of(&[OLD, NEW], STAYS, answered(404, 4_300, 2)), [Cause::Unknown]);
    // It had answered so before any of its pods was new, as nginx does that has put its servers aside.
    assert_eq!(of(&[OLD, NEW], REPLACED, answered(502, 3_500, 2)), [Cause::Proxy]);
    assert_eq!(of(&[OLD, NEW], REPLACED, answered(401, 4_300, 2)), [Cause::Unknown]);
}
