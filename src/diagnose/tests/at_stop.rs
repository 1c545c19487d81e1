//! Error statuses of terminating pods, and twins whose statuses are the application's, a proxy's or a start's.

use crate::analysis::ReportDoc;
use crate::diagnose::Cause;
use crate::record::header::Header;
use crate::record::sample::SampleRun;
use crate::record::sample::SampleTrial;
use crate::record::sample::pods::{self, NEW, OLD, STOPPED, SamplePod};
use crate::record::{Arm, Outcome};
use crate::report::incident_page;
use crate::spec::Expect;
use serde_json::{Value, json};

use super::{causes, cut, report, workload};

/// A pod that answers 503 from its stop signal at 1.0 s until it is killed at 9 s.
const SHEDS: SamplePod = SamplePod { grace_s: 8, closed: Some(9_050), finished: Some((9_060, 137)), ..STOPPED };

/// An answer with this status at a moment, of the pod that its header names.
fn answered(trial: &mut SampleTrial, ms: i64, status: u16, pod: Option<&str>) {
    let attempt = cut(trial, ms, 5, Outcome::Status5xx);
    (attempt.status, attempt.pod, attempt.bytes_in) = (Some(status), pod.map(str::to_owned), Some(120));
    (attempt.pod_from_connection, attempt.errno) = (false, None);
}

/// The same without a header, on a connection on which this pod had answered before.
fn answered_kept(trial: &mut SampleTrial, ms: i64, status: u16, pod: &str) {
    answered(trial, ms, status, Some(pod));
    let attempt = trial.last();
    (attempt.arm, attempt.pod_from_connection, attempt.connected_ns) = (Arm::Reused, true, None);
    attempt.connection.as_mut().unwrap().uses = 5;
}

#[test]
fn statuses_that_only_terminating_pods_give_are_of_their_stop() {
    let shed = |trial: &mut SampleTrial| {
        for ms in [1_100, 1_300, 2_000, 5_000] {
            answered(trial, ms, 503, Some("web-stopped"));
        }
    };
    let all = |causes: Vec<Cause>, cause| assert!(causes.iter().all(|one| *one == cause), "{causes:?}");
    all(causes(None, &[OLD, SHEDS, NEW], shed), Cause::ErrorAtStop);
    // Others give the same status to the same kind of request, before the rollout or after it.
    for (ms, pod) in [(-500, "web-stopped"), (3_000, "web-old"), (3_000, "web-new")] {
        let everywhere = |trial: &mut SampleTrial| {
            answered(trial, ms, 503, Some(pod));
            shed(trial);
        };
        all(causes(None, &[OLD, SHEDS, NEW], everywhere), Cause::ServerError);
    }
    // Another status of another pod is another matter.
    let beside = |trial: &mut SampleTrial| {
        shed(trial);
        answered(trial, 3_000, 500, Some("web-old"));
    };
    let found = causes(None, &[OLD, SHEDS, NEW], beside);
    assert!(found.contains(&Cause::ErrorAtStop) && found.contains(&Cause::ServerError), "{found:?}");
    // So is the start of a new pod.
    let late = SamplePod { served: Some((2_000, 8_000)), ..NEW };
    let starting = |trial: &mut SampleTrial| {
        shed(trial);
        answered(trial, 1_500, 503, Some("web-new"));
    };
    let found = causes(None, &[OLD, SHEDS, late], starting);
    assert!(found.contains(&Cause::ErrorAtStop) && found.contains(&Cause::NotReadyYet), "{found:?}");
    // A client's error is nobody's stop.
    let other = |trial: &mut SampleTrial| {
        answered(trial, 1_100, 404, Some("web-stopped"));
        trial.last().outcome = Outcome::StatusOther;
    };
    all(causes(None, &[OLD, SHEDS, NEW], other), Cause::ServerError);
}

#[test]
fn a_proxy_in_a_terminating_pod_is_known_by_its_connection_or_its_moment() {
    for status in [502, 503, 504] {
        let kept = |trial: &mut SampleTrial| answered_kept(trial, 1_500, status, "web-stopped");
        assert_eq!(causes(None, &[OLD, SHEDS, NEW], kept), [Cause::ErrorAtStop], "{status}");
        let new = |trial: &mut SampleTrial| answered(trial, 1_500, status, None);
        assert_eq!(causes(None, &[OLD, SHEDS, NEW], new), [Cause::ErrorAtStop], "{status}");
    }
    // A proxy that answers so while no pod stops, too, is one in front of them.
    let always = |trial: &mut SampleTrial| {
        answered(trial, -500, 502, None);
        answered(trial, 1_500, 502, None);
    };
    assert_eq!(causes(None, &[OLD, SHEDS, NEW], always), [Cause::Proxy, Cause::Proxy]);
    let of_another = |trial: &mut SampleTrial| answered_kept(trial, 1_500, 502, "web-old");
    assert_eq!(causes(None, &[OLD, SHEDS, NEW], of_another), [Cause::Proxy]);
    // A new pod that has not served yet may have given it as well.
    let late = SamplePod { served: Some((2_000, 8_000)), ..NEW };
    let new = |trial: &mut SampleTrial| answered(trial, 1_500, 503, None);
    assert_eq!(causes(None, &[OLD, SHEDS, late.clone()], new), [Cause::Unknown]);
    // With a probe that the new one passed it is the old one's, as long as no such answer comes after that one's end.
    let probed = |after: Option<i64>| {
        let plan = |header: &mut Header| header.spec.variants[0].objects_mut().manifests = vec![workload(None, true)];
        let change = |trial: &mut SampleTrial| {
            pods::add(trial, &[OLD, SHEDS, late.clone()]);
            new(trial);
            if let Some(ms) = after {
                answered(trial, ms, 503, None);
            }
        };
        let run = SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished();
        run.report().incidents.iter().map(|incident| incident.cause).collect::<Vec<_>>()
    };
    assert_eq!(probed(None), [Cause::ErrorAtStop]);
    assert_eq!(probed(Some(9_900)), [Cause::Unknown, Cause::Unknown]);
    // It decides with others that only the terminating pod can have given.
    let both = |trial: &mut SampleTrial| {
        new(trial);
        answered(trial, 2_300, 503, None);
    };
    assert_eq!(causes(None, &[OLD, SHEDS, late], both), [Cause::ErrorAtStop]);
}

/// nginx with a hook of 5 s, and `sidecar` behind it, with `hook`.
fn nginx_and_php(hook: Option<u64>) -> Value {
    let sleep = |seconds: u64| json!({"preStop": {"sleep": {"seconds": seconds}}});
    let mut behind = json!({"name": "sidecar", "image": "php"});
    if let Some(seconds) = hook {
        behind["lifecycle"] = sleep(seconds);
    }
    let web = json!({"name": "web", "image": "nginx", "ports": [{"containerPort": 80}], "lifecycle": sleep(5)});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [web, behind]}}}})
}

/// The pods answer as `lose` says.
fn behind_nginx(hook: Option<u64>, pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    let workload = nginx_and_php(hook);
    let plan = |header: &mut Header| header.spec.variants[0].objects_mut().manifests = vec![workload];
    let change = |trial: &mut SampleTrial| {
        pods::add(trial, pods);
        lose(trial);
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report()
}

#[test]
fn the_container_that_ended_first_is_named_with_its_hook() {
    let first = SamplePod { closed: Some(6_050), finished: Some((6_060, 0)), sidecar_ended: Some(1_010), ..STOPPED };
    let lose = |trial: &mut SampleTrial| {
        for ms in [2_100, 2_300, 3_000] {
            answered(trial, ms, 502, None);
        }
    };
    let found = behind_nginx(None, &[OLD, first.clone(), NEW], lose);
    let [incident] = found.incidents.as_slice() else { panic!("{:?}", found.incidents) };
    assert_eq!((incident.cause, incident.pod.as_deref()), (Cause::ErrorAtStop, Some("web-stopped")));
    let evidence: Vec<&str> = incident.evidence.iter().map(|one| one.edge.as_str()).collect();
    assert!(evidence.contains(&"other container finished (sidecar: exit code 0)"), "{evidence:?}");
    let fact = evidence.iter().find(|words| words.contains("status 502 came 3 times from 1 terminating pod"));
    assert!(fact.is_some_and(|words| words.ends_with("none from others")), "{evidence:?}");
    let advice = &found.variants[0].advice[0];
    assert_eq!(advice.field.as_deref(), Some("spec.template.spec.containers[1].lifecycle.preStop"), "{advice:?}");
    assert!(advice.text.contains("native sidecar") && advice.text.contains("sidecar"), "{advice:?}");
    let patch = found.variants[0].advice_patch.as_ref().unwrap();
    let hooked = |patch: &Value| patch.to_string().contains("sidecar");
    assert!(hooked(patch), "{patch}");
    // Its twin whose own hook keeps it has no container to be named.
    let together = SamplePod { sidecar_ended: Some(6_030), ..first };
    let found = behind_nginx(Some(5), &[OLD, together, NEW], lose);
    let texts: Vec<&str> = found.variants[0].advice.iter().map(|advice| advice.text.as_str()).collect();
    assert!(texts.iter().all(|text| !text.contains("native sidecar")), "{texts:?}");
}

#[test]
fn a_wait_is_advised_for_new_connections_and_none_for_kept_ones() {
    let of = |kept: bool| {
        report(None, |trial| {
            pods::add(trial, &[OLD, SHEDS, NEW]);
            for ms in [1_100, 1_300, 2_000] {
                if kept {
                    answered_kept(trial, ms, 503, "web-stopped");
                } else {
                    answered(trial, ms, 503, Some("web-stopped"));
                }
            }
        })
    };
    let (new, kept) = (of(false), of(true));
    let advice = &new.variants[0].advice[0];
    assert!(advice.field.as_deref().is_some_and(|field| field.ends_with("lifecycle.preStop")), "{advice:?}");
    assert!(!advice.text.contains("Connection: close"), "{advice:?}");
    let advice = &kept.variants[0].advice[0];
    assert!(advice.field.is_none() && advice.text.contains("Connection: close"), "{advice:?}");
}

#[test]
fn a_pods_page_shows_the_ends_of_all_its_containers_and_what_kubernetes_said() {
    let first = SamplePod {
        closed: Some(6_050),
        finished: Some((6_060, 0)),
        sidecar_ended: Some(1_010),
        hook_failed: Some(1_020),
        hook_of: Some("sidecar"),
        ..STOPPED
    };
    let run = SampleRun::new(1, &[("web", Expect::Clean)])
        .plan(|header| header.spec.variants[0].objects_mut().manifests = vec![nginx_and_php(None)])
        .trial(1, "web", |trial| {
            pods::add(trial, &[OLD, first, NEW]);
            answered(trial, 2_100, 502, None);
        })
        .finished();
    let page = incident_page(&run.analysis(), 1, "out").unwrap();
    let ended = page.lines().find(|line| line.contains("container sidecar (no preStop hook)")).unwrap();
    assert!(ended.contains("stop signal by +1.4") && ended.contains("exit code 0"), "{ended}");
    assert!(page.contains("event FailedPreStopHook of container sidecar at +1.020 s: PreStopHook failed"), "{page}");
    assert!(page.contains("other container finished"), "{page}");
    let pod = &run.report().variants[0].trials_list[0].pods[1];
    assert_eq!((pod.other_containers.len(), pod.other_containers[0].name.as_str()), (1, "sidecar"), "{pod:?}");
    let html = crate::html::render(&run.analysis());
    assert!(html.contains("container sidecar (no preStop hook) finished between"));
}
