//! Requests that go to a URL, and twins that go to the Service: what a proxy may have done is no pod's.

use super::*;
use crate::record::sample::both_doors;
use crate::spec::UrlDoor;

/// A pod that answers 503 from its stop signal at 1.0 s until it is killed at 9 s.
const SHEDS: SamplePod = SamplePod { grace_s: 8, closed: Some(9_050), finished: Some((9_060, 137)), ..STOPPED };

/// The causes where requests go to the Service, and where they go to a URL.
fn both(pods: &[SamplePod], lose: impl Fn(&mut SampleTrial)) -> [Vec<Cause>; 2] {
    [false, true].map(|through_url| {
        let plan = |header: &mut Header| {
            "kind".clone_into(&mut header.cluster.kind);
            let variant = &mut header.spec.variants[0];
            variant.objects_mut().manifests = vec![workload(None, false)];
            let url = "http://shop.example/".parse().unwrap();
            variant.load.url = through_url.then_some(UrlDoor { url, resolve: None, proxy: None });
        };
        let change = |trial: &mut SampleTrial| {
            pods::add(trial, pods);
            lose(trial);
        };
        let report =
            SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report();
        report.incidents.iter().map(|incident| incident.cause).collect()
    })
}

#[test]
fn who_refused_or_cut_a_connection_to_a_url_no_edge_of_a_pod_tells() {
    let pods = [OLD, STOPPED, NEW];
    assert_eq!(both(&pods, |trial| refused(trial, 1_200)), [[Cause::EndpointRace], [Cause::Unknown]]);
    for outcome in [Outcome::ResetBeforeByte, Outcome::TlsClosed] {
        let lose = |trial: &mut SampleTrial| _ = cut(trial, 1_000, 40, outcome);
        assert_eq!(both(&pods, lose), [[Cause::CutAtStop], [Cause::Unknown]], "{}", outcome.name());
    }
    let slow = |trial: &mut SampleTrial| _ = cut(trial, 1_500, 2_000, Outcome::HeaderTimeout);
    assert_eq!(both(&[OLD, OLD, NEW], slow), [[Cause::Overload], [Cause::Unknown]]);
}

#[test]
fn an_answer_that_names_its_pod_is_that_pods_and_another_may_be_a_proxys() {
    let answered = |status: u16, pod: Option<&'static str>| {
        move |trial: &mut SampleTrial| {
            for ms in [2_000, 3_000] {
                let attempt = cut(trial, ms, 5, Outcome::Status5xx);
                (attempt.status, attempt.pod, attempt.bytes_in) = (Some(status), pod.map(str::to_owned), Some(120));
                (attempt.pod_from_connection, attempt.errno) = (false, None);
            }
        }
    };
    let pods = [OLD, SHEDS, NEW];
    assert_eq!(both(&pods, answered(503, Some("web-stopped"))), [[Cause::ErrorAtStop], [Cause::ErrorAtStop]]);
    let [by_service, by_url] = both(&pods, answered(503, None));
    assert_eq!((by_service, by_url), (vec![Cause::ErrorAtStop], vec![Cause::Unknown]));
    assert_eq!(both(&[OLD, NEW], answered(502, None)), [[Cause::Proxy], [Cause::Proxy]]);
}

/// The causes where requests of kind 0 go to the Service and those of kind 1 to a URL.
fn at_two_doors(pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> Vec<Cause> {
    let plan = |header: &mut Header| {
        "kind".clone_into(&mut header.cluster.kind);
        let variant = &mut header.spec.variants[0];
        variant.objects_mut().manifests = vec![workload(None, false)];
        both_doors(&mut variant.load);
    };
    let change = |trial: &mut SampleTrial| {
        pods::add(trial, pods);
        lose(trial);
    };
    let report = SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report();
    report.incidents.iter().map(|incident| incident.cause).collect()
}

#[test]
fn with_both_doors_each_attempt_is_judged_by_its_own() {
    let lose = |kind: u16| {
        at_two_doors(&[OLD, STOPPED, NEW], |trial| {
            refused(trial, 1_200);
            trial.last().request = kind;
        })
    };
    assert_eq!((lose(0), lose(1)), (vec![Cause::EndpointRace], vec![Cause::Unknown]));
}

#[test]
fn an_answer_through_the_url_does_not_show_that_the_service_leads_there_again() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let lose = |kind: u16| {
        at_two_doors(&[STOPPED, late.clone()], |trial| {
            for entry in &mut trial.more {
                if let Entry::Pulse(pulse) = entry {
                    pulse.request = kind;
                }
            }
            refused(trial, 4_300);
        })
    };
    assert_ne!(lose(0), [Cause::NoEndpoint], "a new connection to the Service had been answered");
    assert_eq!(lose(1), [Cause::NoEndpoint]);
}
