//! Pods that are easily taken for others: of the same name, with other containers beside the serving one, or unseen for a while.

use crate::diagnose::Cause;
use crate::record::Outcome;
use crate::record::entry::{ContainerState, Entry, GapSource, ObservationGap};
use crate::record::sample::SampleTrial;
use crate::record::sample::pods::{self, NAMESPACE, NEW, OLD, STOPPED, SamplePod};

use super::{CLASSIC, causes, cut, cut_kept_alive, refused, report};

/// A `StatefulSet`'s next pod, under the name of the one that was stopped.
const NEXT: SamplePod = SamplePod {
    name: "web-stopped",
    uid: "-next",
    seen: Some(1_800),
    opened: Some(2_200),
    endpoint_ready: Some(2_400),
    served: Some((2_500, 8_000)),
    ..OLD
};

#[test]
fn what_the_old_pod_answered_is_not_the_new_ones_of_its_name() {
    let lose = |trial: &mut SampleTrial| {
        refused(trial, 1_200);
        cut(trial, 800, 252, Outcome::ClosedBeforeByte);
    };
    let mut found = causes(None, &[OLD, STOPPED, NEXT], lose);
    found.sort_unstable();
    let mut expected = [Cause::EndpointRace, Cause::CutAtStop];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_status_of_a_new_pod_with_the_old_ones_name_may_be_its_start() {
    let lose = |trial: &mut SampleTrial| {
        let attempt = cut(trial, 2_450, 2, Outcome::Status5xx);
        (attempt.status, attempt.pod, attempt.pod_from_connection) = (Some(503), Some("web-stopped".to_owned()), false);
    };
    assert_eq!(causes(None, &[OLD, STOPPED, NEXT], lose), [Cause::Unknown]);
    // A Deployment's pods have names of their own: this one answered as expected later, and had not before.
    let renamed = |trial: &mut SampleTrial| {
        lose(trial);
        trial.last().pod = Some("web-next".to_owned());
    };
    let next = SamplePod { name: "web-next", ..NEXT };
    assert_eq!(causes(None, &[OLD, STOPPED, next], renamed), [Cause::NotReadyYet]);
}

#[test]
fn a_server_has_ended_though_a_sidecar_runs_on_to_the_end_of_the_grace() {
    let beside = SamplePod { sidecar_killed: Some(31_000), ..STOPPED };
    let lose = |trial: &mut SampleTrial| {
        cut(trial, 800, 252, Outcome::ClosedBeforeByte);
        cut_kept_alive(trial, "web-stopped", 800, 252);
    };
    assert_eq!(causes(None, &[OLD, beside, NEW], lose), [Cause::CutAtStop, Cause::CutAtStop]);
}

#[test]
fn the_hook_of_another_container_protects_nothing_and_fails_for_itself() {
    let lose = |trial: &mut SampleTrial| refused(trial, 1_400);
    let of = |container| SamplePod { hook_failed: Some(1_020), hook_of: Some(container), grace_s: 40, ..STOPPED };
    assert_eq!(causes(Some(CLASSIC), &[OLD, of("web"), NEW], lose), [Cause::PrestopFailed]);
    assert_eq!(causes(Some(CLASSIC), &[OLD, of("sidecar"), NEW], lose), [Cause::EndpointRace]);
}

#[test]
fn a_hook_that_waits_in_a_loop_is_not_known_to_have_returned() {
    let drained = SamplePod { closed: Some(1_040), finished: Some((9_000, 0)), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 700, 8_295, Outcome::ClosedBeforeByte);
    let told = |hook| causes(Some(hook), &[OLD, drained.clone(), NEW], lose);
    assert_eq!(told("nginx -s quit"), [Cause::DrainNotAwaited]);
    assert_ne!(told("nginx -s quit; while pgrep -x nginx; do sleep 1; done"), [Cause::DrainNotAwaited]);
}

fn blind(trial: &mut SampleTrial, source: GapSource, from: i64, to: i64) {
    let (from_ns, to_ns) = (trial.at(from), trial.at(to));
    let (namespace, why) = (NAMESPACE.to_owned(), "cut off".to_owned());
    trial.more.push(Entry::Gap(ObservationGap { source, namespace, from_ns, to_ns, why }));
}

#[test]
fn a_pod_that_went_while_nobody_looked_is_named() {
    let report = report(None, |trial| {
        pods::add(trial, &[OLD, STOPPED, NEW]);
        // The watch comes back to a list without the pod.
        for entry in &mut trial.more {
            if let Entry::Pod(pod) = entry
                && pod.name == "web-stopped"
            {
                (pod.deletion_timestamp, pod.deletion_grace_s) = (None, None);
                pod.containers.iter_mut().for_each(|container| container.state = ContainerState::Running);
            }
        }
        blind(trial, GapSource::Pods, 500, 1_400);
        refused(trial, 1_200);
        cut(trial, 800, 252, Outcome::ClosedBeforeByte);
    });
    assert!(!report.incidents.is_empty());
    for incident in &report.incidents {
        assert_eq!(incident.cause, Cause::Unknown);
        assert!(
            incident.missing.contains("web-stopped vanished, and no watch saw its deletion"),
            "{}",
            incident.missing
        );
    }
}

#[test]
fn a_slow_connect_makes_no_race_of_a_cut() {
    let lose = |least_rtt_ns| {
        move |trial: &mut SampleTrial| {
            let attempt = cut_kept_alive(trial, "web-stopped", 755, 300);
            let connection = attempt.connection.as_mut().unwrap();
            (connection.rtt_ns, connection.least_rtt_ns) = (1_000_000_000, least_rtt_ns);
        }
    };
    // Its SYN was sent twice: the load's other connections show how long a round trip is.
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose(200_000)), [Cause::CutAtStop]);
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose(0)), [Cause::KeepaliveRace], "the record does not tell");
}
