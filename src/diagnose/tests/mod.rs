//! For each cause a small record that shows it, and a twin that lacks what decides and must not.
//!
//! - `at_node`: node ports that lead to the pods of their own node only
//! - `at_stop`: error statuses of terminating pods
//! - `containers`: pods that are easily taken for others
//! - `handshake`: handshakes of TLS that a stopping pod ended
//! - `lapses`: pods that had no endpoint for a time
//! - `through_proxy`: what a proxy between a URL and the pods did
//! - `through_url`: requests that go to a URL, and twins that go to the Service

mod at_node;
mod at_stop;
mod containers;
mod handshake;
mod lapses;
mod through_proxy;
mod through_url;

use crate::analysis::{IncidentDoc, ReportDoc};
use crate::diagnose::Cause;
use crate::record::entry::{Attempt, AttemptStage, Entry, LogTail};
use crate::record::header::Header;
use crate::record::sample::pods::{self, NEW, OLD, STOPPED, SamplePod};
use crate::record::sample::{SampleRun, SampleTrial};
use crate::record::{Arm, Outcome, Sum};
use crate::report::{NoIncident, incident_page, to_markdown, unwrapped};
use crate::spec::Expect;
use crate::timeline::PodEdge;
use serde_json::{Value, json};

const CLASSIC: &str = "sleep 3; apachectl -k graceful-stop; sleep 30";

/// A workload with this preStop hook.
fn workload(hook: Option<&str>, probe: bool) -> Value {
    let mut container = json!({"name": "web", "image": "apache"});
    if let Some(hook) = hook {
        container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", hook]}}});
    }
    if probe {
        container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": 80}});
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
           "spec": {"template": {"spec": {"containers": [container]}}}})
}

/// On a real cluster, whose routing may follow late.
fn report(hook: Option<&str>, change: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    let plan = |header: &mut Header| {
        "kind".clone_into(&mut header.cluster.kind);
        header.spec.variants[0].objects_mut().manifests = vec![workload(hook, false)];
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report()
}

/// The causes of what was lost.
fn causes(hook: Option<&str>, pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> Vec<Cause> {
    let report = report(hook, |trial| {
        pods::add(trial, pods);
        lose(trial);
    });
    report.incidents.iter().map(|incident| incident.cause).collect()
}

/// A connection that is refused at a moment.
fn refused(trial: &mut SampleTrial, ms: i64) {
    trial.other(Arm::New, Outcome::Refused, Sum::Lost, ms);
}

/// A new connection, made at `ms`, that ends so after `waited_ms` without a byte.
fn cut(trial: &mut SampleTrial, ms: i64, waited_ms: u64, outcome: Outcome) -> &mut Attempt {
    trial.other(Arm::New, outcome, Sum::Lost, ms);
    let attempt = trial.last();
    attempt.connected_ns = Some(attempt.planned_ns + 100_000);
    attempt.sent_ns = Some(attempt.planned_ns + 120_000);
    attempt.bytes_out = Some(48);
    attempt.stage = Some(AttemptStage::Request);
    attempt.end_ns = attempt.planned_ns + waited_ms * 1_000_000;
    attempt
}

/// The same on a kept-alive connection to a pod.
fn cut_kept_alive<'a>(trial: &'a mut SampleTrial, pod: &str, ms: i64, waited_ms: u64) -> &'a mut Attempt {
    let attempt = cut(trial, ms, waited_ms, Outcome::ClosedBeforeByte);
    attempt.arm = Arm::Reused;
    attempt.connected_ns = None;
    attempt.pod = Some(pod.to_owned());
    attempt.pod_from_connection = true;
    if let Some(connection) = &mut attempt.connection {
        connection.uses = 5;
        connection.rtt_ns = 200_000;
    }
    attempt
}

#[test]
fn a_refusal_after_a_listener_closed_is_the_endpoint_race() {
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], |trial| refused(trial, 1_200)), [Cause::EndpointRace]);
    // Before anything closed nobody can have refused for that reason.
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], |trial| refused(trial, 500)), [Cause::Unknown]);
    // Nor where no pod stopped at all.
    assert_eq!(causes(None, &[OLD, NEW], |trial| refused(trial, 1_200)), [Cause::Unknown]);
}

#[test]
fn a_refusal_while_nobody_could_serve_is_for_want_of_an_endpoint() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    assert_eq!(causes(None, &[STOPPED, late.clone()], |trial| refused(trial, 2_000)), [Cause::NoEndpoint]);
    assert_eq!(causes(None, &[STOPPED, OLD, late], |trial| refused(trial, 2_000)), [Cause::EndpointRace]);
}

#[test]
fn listeners_that_close_together_are_one_outage() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let other = |closed| SamplePod { name: "web-other", closed: Some(closed), ..STOPPED };
    let lose = |trial: &mut SampleTrial| refused(trial, 1_051);
    // The other one may have listened for a few milliseconds more: nobody can tell, and nobody is helped.
    assert_eq!(causes(None, &[STOPPED, other(1_060), late.clone()], lose), [Cause::NoEndpoint]);
    // One that listens on for longer could have served.
    assert_eq!(causes(None, &[STOPPED, other(1_400), late], lose), [Cause::EndpointRace]);
}

#[test]
fn a_pod_whose_endpoint_does_not_serve_is_routed_to_no_more() {
    // It listens, and its probe fails: no endpoint is left.
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let unready = SamplePod { not_ready: Some(1_030), ..OLD };
    assert_eq!(causes(None, &[unready.clone(), late], |trial| refused(trial, 2_000)), [Cause::NoEndpoint]);
    let ready = SamplePod { endpoint_ready: Some(900), ..NEW };
    assert_eq!(causes(None, &[unready, ready], |trial| refused(trial, 2_000)), [Cause::Unknown]);
}

#[test]
fn a_server_that_is_told_only_at_the_end_of_its_grace_is_killed_then() {
    let hook = Some("sleep 4; pkill -QUIT app");
    let told =
        SamplePod { grace_s: 3, closed: Some(4_010), finished: Some((4_015, 0)), hook_failed: Some(4_020), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 1_200, 2_812, Outcome::ClosedBeforeByte);
    assert_eq!(causes(hook, &[OLD, told.clone(), NEW], lose), [Cause::KilledAtGraceEnd]);
    let in_time = SamplePod { grace_s: 30, ..told };
    assert_ne!(causes(hook, &[OLD, in_time, NEW], lose), [Cause::KilledAtGraceEnd]);
}

#[test]
fn an_outage_lasts_to_the_first_answer_however_late_the_watches_were() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let lose = |trial: &mut SampleTrial| {
        refused(trial, 4_190);
        trial.last().late_ns = 40_000_000;
    };
    assert_eq!(causes(None, &[STOPPED, late.clone()], lose), [Cause::NoEndpoint]);
    assert_ne!(causes(None, &[STOPPED, late], |trial| refused(trial, 4_300)), [Cause::NoEndpoint]);
}

#[test]
fn another_workloads_pod_behind_the_service_could_have_served() {
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let canary = SamplePod { name: "canary", unwatched: true, ..OLD };
    let lose = |trial: &mut SampleTrial| refused(trial, 2_000);
    assert_eq!(causes(None, &[STOPPED, late.clone(), canary.clone()], lose), [Cause::EndpointRace]);
    let report = report(None, |trial| {
        pods::add(trial, &[STOPPED, late.clone(), canary.clone()]);
        lose(trial);
    });
    let named = |one: &crate::analysis::EvidenceDoc| one.edge.starts_with("canary, a pod of another workload");
    assert!(report.incidents[0].evidence.iter().any(named), "{:?}", report.incidents);
    // One that does not name itself gave the answers that no other pod can have given; the sample's load has them.
    let nameless = SamplePod { served: None, ..canary.clone() };
    assert_eq!(causes(None, &[STOPPED, late.clone(), nameless], lose), [Cause::EndpointRace]);
    // Not one whose endpoint was not ready then, or that answered no more.
    let unready = SamplePod { not_ready: Some(1_500), served: Some((-2_900, 1_400)), ..canary.clone() };
    let mute = SamplePod { served: Some((-2_900, 900)), ..canary.clone() };
    for other in [unready, mute] {
        assert_eq!(causes(None, &[STOPPED, late.clone(), other], lose), [Cause::NoEndpoint]);
    }
    // Where the workload's own pods served as well, it explains nothing.
    assert_eq!(causes(None, &[OLD, STOPPED, NEW, canary.clone()], lose), [Cause::EndpointRace]);
    assert_eq!(causes(None, &[OLD, NEW, canary], lose), [Cause::Unknown]);
}

const OF_RELEASE_1: &[(&str, &str)] = &[("app", "web"), ("version", "1")];
const OF_RELEASE_2: &[(&str, &str)] = &[("app", "web"), ("version", "2")];

/// A rollout to release 2 that ends in one refusal, with a Service that selects `selector`.
fn released(selector: &Value, pods: &[SamplePod]) -> ReportDoc {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                         "spec": {"selector": selector, "ports": [{"port": 80}]}});
    let plan = |header: &mut Header| {
        "web".clone_into(&mut header.spec.variants[0].objects_mut().service.name);
        header.spec.variants[0].objects_mut().manifests = vec![workload(None, true), service];
    };
    let change = |trial: &mut SampleTrial| {
        pods::add(trial, pods);
        // Another Service in the namespace selects them all.
        trial.more.insert(0, pods::elsewhere(trial, pods));
        refused(trial, 2_000);
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report()
}

#[test]
fn a_selector_that_matches_no_new_pod_is_named() {
    let old = SamplePod { labels: OF_RELEASE_1, ..STOPPED };
    let new = SamplePod { labels: OF_RELEASE_2, endpoint_ready: None, served: None, ..NEW };
    let whole = json!({"app": "web", "version": "1"});
    let evidence_of = |report: &ReportDoc| {
        let [incident] = report.incidents.as_slice() else { panic!("{report:?}") };
        assert_eq!(incident.cause, Cause::NoEndpoint);
        incident.evidence.iter().map(|evidence| evidence.edge.clone()).collect::<Vec<_>>().join("\n")
    };
    let named = "1 new pod was ready and is no endpoint of service/web: its selector version=1 does not match their labels (version=2)";
    let report = released(&whole, &[old.clone(), new.clone()]);
    assert!(evidence_of(&report).contains(named), "{}", evidence_of(&report));
    let advice = &report.variants[0].advice[0];
    assert!(advice.text.contains(named), "{advice:?}");
    assert_eq!(advice.field.as_deref(), Some("service/web spec.selector"));
    assert_eq!(advice.value.as_deref(), Some("{app: web}"));
    assert!(report.variants[0].advice_patch.is_none(), "the workload alone cures nothing");

    // A second old pod still answers as it terminates: with the new ones selected, routing would have left both.
    let leaving =
        SamplePod { name: "web-leaving", closed: None, finished: None, not_ready: Some(1_500), ..old.clone() };
    let both = released(&whole, &[old.clone(), leaving.clone(), new.clone()]);
    assert!(evidence_of(&both).contains(named));
    // Its twin whose endpoint is still ready makes it the usual race.
    let staying = SamplePod { deleted: None, not_ready: None, ..leaving };
    let raced = released(&whole, &[old.clone(), staying, new.clone()]);
    assert_eq!(raced.incidents[0].cause, Cause::EndpointRace);

    // With nothing else left to select by, no selector is made up.
    let only = released(&json!({"version": "1"}), &[old.clone(), new.clone()]);
    let advice = &only.variants[0].advice[0];
    assert!(advice.value.is_none() && advice.text.contains("that all releases' pods have"), "{advice:?}");

    // New pods that were endpoints, too late, are the workload's outage.
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..new };
    let late = released(&whole, &[old, late]);
    assert!(!evidence_of(&late).contains("selector"), "{}", evidence_of(&late));
}

#[test]
fn a_refusal_by_a_pod_that_was_ready_before_it_listened() {
    let early = SamplePod { endpoint_ready: Some(300), opened: Some(2_500), served: Some((2_600, 8_000)), ..NEW };
    assert_eq!(causes(None, &[OLD, early.clone()], |trial| refused(trial, 1_200)), [Cause::NotReadyYet]);
    assert_eq!(causes(None, &[OLD, early.clone()], |trial| refused(trial, 3_500)), [Cause::Unknown]);
    // With a dead pod besides, a refusal may have come from either.
    let both = causes(None, &[OLD, STOPPED, early], |trial| refused(trial, 1_200));
    assert_eq!(both, [Cause::Unknown]);
}

#[test]
fn what_was_in_flight_as_the_server_ended_was_cut_at_the_stop() {
    let lose = |trial: &mut SampleTrial| {
        for ms in [600, 700, 800] {
            cut(trial, ms, 1_052 - u64::try_from(ms).unwrap(), Outcome::ClosedBeforeByte);
        }
    };
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose), [Cause::CutAtStop]);
    assert_eq!(causes(None, &[OLD, NEW], lose), [Cause::Unknown], "no pod stopped");
}

#[test]
fn the_end_of_the_grace_period_is_told_from_the_stop_signal() {
    let killed = SamplePod { grace_s: 3, closed: Some(4_010), finished: Some((4_010, 137)), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 1_500, 2_510, Outcome::ResetBeforeByte);
    // Three seconds without an answer, of a kind that is usually answered at once.
    let slow = |trial: &mut SampleTrial| {
        lose(trial);
        trial.last().connected_ns = Some(trial.at(900));
    };
    assert_eq!(causes(None, &[OLD, killed.clone(), NEW], slow), [Cause::KilledAtGraceEnd]);
    let ended = SamplePod { finished: Some((4_010, 0)), grace_s: 30, ..killed };
    assert_eq!(causes(None, &[OLD, ended, NEW], slow), [Cause::CutAtStop]);
}

#[test]
fn a_graceful_stop_that_nobody_awaits() {
    let hook = Some("apachectl -k graceful-stop");
    let drained = SamplePod { closed: Some(1_040), finished: Some((1_300, 0)), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 700, 595, Outcome::ClosedBeforeByte);
    assert_eq!(causes(hook, &[OLD, drained.clone(), NEW], lose), [Cause::DrainNotAwaited]);
    assert_eq!(causes(None, &[OLD, drained, NEW], lose), [Cause::CutAtStop], "there was no drain");
}

#[test]
fn a_signal_of_the_hook_is_what_the_server_makes_of_it() {
    // Cut while the hook sleeps, right after it sent its signal.
    let ended = SamplePod { closed: Some(1_040), finished: Some((1_060, 0)), ..STOPPED };
    let during = |hook| {
        causes(Some(hook), &[OLD, ended.clone(), NEW], |trial| {
            cut(trial, 600, 445, Outcome::ClosedBeforeByte);
        })
    };
    assert_eq!(
        during("pkill -QUIT gunicorn; sleep 30"),
        [Cause::CutAtStop],
        "gunicorn's SIGQUIT is its quick shutdown"
    );
    let lives = SamplePod { finished: Some((3_000, 0)), ..ended.clone() };
    let nginx = causes(Some("pkill -QUIT nginx; sleep 30"), &[OLD, lives, NEW], |trial| {
        cut(trial, 600, 445, Outcome::ClosedBeforeByte);
    });
    assert_ne!(nginx, [Cause::CutAtStop], "nginx drains on it");
    // Cut after a hook that had sent its signal and was over.
    let drained = SamplePod { closed: Some(1_040), finished: Some((1_300, 0)), ..STOPPED };
    let after = |hook| {
        causes(Some(hook), &[OLD, drained.clone(), NEW], |trial| {
            cut(trial, 700, 595, Outcome::ClosedBeforeByte);
        })
    };
    assert_eq!(after("pkill -TERM gunicorn"), [Cause::DrainNotAwaited]);
    assert_eq!(after("pkill -QUIT gunicorn"), [Cause::CutAtStop]);
    // Of a server that is not known, the order tells: the listener had closed before, and the signal came soon after.
    let soon = |ms: u64| {
        let ended =
            SamplePod { closed: Some(1_040), finished: Some((1_045 + i64::try_from(ms).unwrap(), 0)), ..STOPPED };
        causes(Some("kill -USR2 1"), &[OLD, ended, NEW], |trial| {
            cut(trial, 700, 340 + ms, Outcome::ClosedBeforeByte);
        })
    };
    assert_eq!(soon(100), [Cause::DrainNotAwaited]);
    assert_eq!(soon(500), [Cause::Unknown], "or by a limit of its own");
    assert_eq!(soon(2_000), [Cause::CutAtStop], "by a limit of its own");
}

#[test]
fn a_hook_that_failed_is_told_from_one_whose_server_was_done() {
    let failed = SamplePod { hook_failed: Some(1_020), grace_s: 40, ..STOPPED };
    let lose = |trial: &mut SampleTrial| refused(trial, 1_400);
    assert_eq!(causes(Some(CLASSIC), &[OLD, failed, NEW], lose), [Cause::PrestopFailed]);
    // The server stopped gracefully after three seconds, and the hook was killed with it: that is no failure.
    let done =
        SamplePod { closed: Some(4_020), finished: Some((4_900, 0)), hook_failed: Some(5_100), grace_s: 40, ..STOPPED };
    let lose = |trial: &mut SampleTrial| refused(trial, 4_500);
    assert_eq!(causes(Some(CLASSIC), &[OLD, done, NEW], lose), [Cause::EndpointRace]);
}

#[test]
fn a_hook_that_cannot_run_failed_even_where_its_event_comes_just_after_the_listener_closed() {
    let failed = SamplePod { hook_failed: Some(1_083), grace_s: 40, ..STOPPED };
    for command in
        [json!(["sh", "sleep 3; nginx -s quit; sleep 8"]), json!(["sh", "-c", "sleep 3; nginx -s quit; sleep 8"])]
    {
        let mut manifest = workload(Some(""), false);
        manifest["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] = command;
        let plan = |header: &mut Header| header.spec.variants[0].objects_mut().manifests = vec![manifest];
        let run = SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", |trial| {
            pods::add(trial, &[OLD, failed.clone(), NEW]);
            cut(trial, 700, 345, Outcome::ResetBeforeByte);
            refused(trial, 1_400);
        });
        let report = run.finished().report();
        assert_eq!(report.variants[0].causes, [(Cause::PrestopFailed, 2)].into(), "{:?}", report.incidents);
    }
}

#[test]
fn a_write_on_a_connection_that_was_just_closed_is_the_keep_alive_race() {
    let draining = SamplePod { closed: Some(4_020), finished: Some((6_500, 0)), grace_s: 40, ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut_kept_alive(trial, "web-stopped", 4_015, 8);
    assert_eq!(causes(Some(CLASSIC), &[OLD, draining.clone(), NEW], lose), [Cause::KeepaliveRace]);
    // One that waited for two seconds was no idle connection.
    let lose = |trial: &mut SampleTrial| _ = cut_kept_alive(trial, "web-stopped", 200, 855);
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose), [Cause::CutAtStop]);
    // A busy client notices late; only what it saw before it wrote tells then.
    for (readable, cause) in [(true, Cause::KeepaliveRace), (false, Cause::CutAtStop)] {
        let lose = |trial: &mut SampleTrial| {
            let attempt = cut_kept_alive(trial, "web-stopped", 1_035, 60);
            attempt.connection.as_mut().unwrap().ended_before_write = readable;
        };
        assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose), [cause]);
    }
}

#[test]
fn what_the_servers_kernel_acknowledged_tells_a_race_from_a_cut() {
    // The server ended as the client wrote, and the client noticed a hundred milliseconds later.
    let of = |bytes_acked, outcome| {
        causes(None, &[OLD, STOPPED, NEW], |trial| {
            let attempt = cut_kept_alive(trial, "web-stopped", 1_035, 100);
            attempt.outcome = outcome;
            attempt.connection.as_mut().unwrap().bytes_acked = bytes_acked;
        })
    };
    assert_eq!(of(Some(0), Outcome::ClosedBeforeByte), [Cause::KeepaliveRace]);
    assert_eq!(of(Some(48), Outcome::ClosedBeforeByte), [Cause::CutAtStop]);
    assert_eq!(of(Some(48), Outcome::ResetBeforeByte), [Cause::CutAtStop]);
}

#[test]
fn edges_closer_together_than_the_trials_own_lateness_decide_nothing() {
    let late = |late_ms: u64| {
        report(None, |trial| {
            pods::add(trial, &[OLD, STOPPED, NEW]);
            cut_kept_alive(trial, "web-stopped", 1_000, 45).late_ns = late_ms * 1_000_000;
        })
    };
    let cause = |report: &ReportDoc| report.incidents[0].cause;
    assert_eq!(cause(&late(0)), Cause::CutAtStop);
    let torn = late(40);
    assert_eq!(cause(&torn), Cause::Unknown);
    let missing = &torn.incidents[0].missing;
    assert!(missing.contains("keepalive-race") && missing.contains("up to 40 ms late"), "{missing}");
}

#[test]
fn a_request_that_came_after_the_drain_began_may_have_met_its_end() {
    let hook = Some("apachectl -k graceful-stop");
    let drained = SamplePod { closed: Some(1_040), finished: Some((1_300, 0)), ..STOPPED };
    let late = |trial: &mut SampleTrial| _ = cut(trial, 1_200, 95, Outcome::ClosedBeforeByte);
    assert_eq!(causes(hook, &[OLD, drained, NEW], late), [Cause::Unknown]);
}

#[test]
fn a_server_that_gives_up_its_own_drain_cuts_what_was_in_flight() {
    // The hook still sleeps, and nobody has sent a stop signal.
    let hook = Some("apachectl -k graceful-stop; sleep 20");
    let gave_up = SamplePod { closed: Some(1_040), finished: Some((2_000, 0)), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 700, 1_295, Outcome::ClosedBeforeByte);
    assert_eq!(causes(hook, &[OLD, gave_up, NEW], lose), [Cause::CutAtStop]);
    let lives = SamplePod { closed: Some(1_040), finished: Some((6_000, 0)), ..STOPPED };
    assert_ne!(causes(hook, &[OLD, lives, NEW], lose), [Cause::CutAtStop], "the server had not ended");
}

#[test]
fn a_connection_that_was_noticed_late_may_be_of_a_listener_that_has_closed_since() {
    let lose = |connect_ms: i64| {
        move |trial: &mut SampleTrial| {
            let attempt = cut(trial, connect_ms, 75, Outcome::ClosedBeforeByte);
            let end_ns = attempt.end_ns;
            (attempt.connected_ns, attempt.sent_ns) = (Some(end_ns - 50_000), None);
        }
    };
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose(1_020)), [Cause::CutAtStop]);
    assert_eq!(causes(None, &[OLD, STOPPED, NEW], lose(1_320)), [Cause::Unknown]);
}

#[test]
fn a_pod_that_was_seen_to_end_then_explains_more_than_one_that_served_on() {
    // Both were told to stop; only one had ended, as the probe saw.
    let lives = SamplePod {
        name: "web-lives",
        closed: Some(3_000),
        finished: Some((3_010, 0)),
        served: Some((-2_900, 2_900)),
        ..STOPPED
    };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 700, 345, Outcome::ResetBeforeByte);
    let report = report(None, |trial| {
        pods::add(trial, &[OLD, STOPPED, lives, NEW]);
        lose(trial);
    });
    let incident = &report.incidents[0];
    assert_eq!((incident.cause, incident.pod.as_deref()), (Cause::CutAtStop, Some("web-stopped")));
}

#[test]
fn a_refusal_by_the_only_pod_that_may_have_listened_shows_that_it_did_not() {
    // No probe saw the listener close: it was open at its last look, and the pod was gone soon after.
    let last = SamplePod { closed: None, open_until: Some(1_030), finished: Some((1_060, 0)), ..STOPPED };
    let late = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    assert_eq!(causes(None, &[last.clone(), late.clone()], |trial| refused(trial, 1_045)), [Cause::NoEndpoint]);
    // With another that listens it is none.
    assert_ne!(causes(None, &[last, OLD, late], |trial| refused(trial, 1_045)), [Cause::NoEndpoint]);
}

#[test]
fn what_a_stopping_server_never_accepted_was_reset_in_its_queue() {
    // Told to stop at 1.0 s, it keeps its listening socket until 5 s and accepts no more.
    let deaf = SamplePod { closed: Some(5_000), finished: Some((5_000, 0)), ..STOPPED };
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 2_000, 3_000, Outcome::ResetBeforeByte);
    assert_eq!(causes(None, &[OLD, deaf.clone(), NEW], lose), [Cause::BacklogReset]);
    let earlier = |trial: &mut SampleTrial| _ = cut(trial, 600, 4_400, Outcome::ResetBeforeByte);
    assert_eq!(causes(None, &[OLD, deaf, NEW], earlier), [Cause::CutAtStop], "it came before the stop");
}

#[test]
fn a_status_is_the_applications_own_only_if_a_pod_says_so() {
    let answer = |status: u16, pod: Option<&'static str>| {
        move |trial: &mut SampleTrial| {
            let attempt = cut(trial, 2_000, 5, Outcome::Status5xx);
            (attempt.status, attempt.pod) = (Some(status), pod.map(str::to_owned));
            attempt.bytes_in = Some(120);
        }
    };
    assert_eq!(causes(None, &[OLD, NEW], answer(503, Some("web-old"))), [Cause::ServerError]);
    assert_eq!(causes(None, &[OLD, NEW], answer(502, None)), [Cause::Proxy]);
    assert_eq!(causes(None, &[OLD, NEW], answer(503, None)), [Cause::Unknown]);
    let early = SamplePod { served: Some((3_000, 8_000)), ..NEW };
    assert_eq!(causes(None, &[OLD, early], answer(503, Some("web-new"))), [Cause::NotReadyYet]);
}

#[test]
fn no_answer_in_time_from_a_young_pod_is_overload() {
    let lose = |trial: &mut SampleTrial| _ = cut(trial, 1_500, 2_000, Outcome::HeaderTimeout);
    assert_eq!(causes(None, &[OLD, OLD, NEW], lose), [Cause::Overload]);
    let two = [OLD, SamplePod { name: "web-other", ..OLD }];
    assert_eq!(causes(None, &two, lose), [Cause::Unknown]);
}

#[test]
fn a_container_that_ends_by_itself_is_named_and_no_cause() {
    let crashed = SamplePod { restarted: Some(1_100), ..OLD };
    let report = report(None, |trial| {
        pods::add(trial, &[crashed, NEW]);
        cut_kept_alive(trial, "web-old", 900, 195);
    });
    let [IncidentDoc { cause: Cause::Unknown, missing, .. }] = report.incidents.as_slice() else {
        panic!("{report:?}")
    };
    assert!(missing.contains("web-old ended without the pod's deletion"), "{missing}");
}

#[test]
fn a_record_without_lifecycle_events_decides_nothing_and_says_what_is_missing() {
    let report = report(None, |trial| {
        trial.pods = false;
        refused(trial, 1_200);
        cut(trial, 1_000, 300, Outcome::ClosedBeforeByte);
    });
    assert!(report.incidents.iter().all(|one| one.cause == Cause::Unknown && !one.missing.is_empty()), "{report:?}");
    assert_eq!(report.variants[0].causes.get(&Cause::Unknown), Some(&2));
}

#[test]
fn incidents_are_told_with_their_evidence() {
    let report = report(None, |trial| {
        pods::add(trial, &[OLD, STOPPED, NEW]);
        for ms in [1_200, 1_300, 3_600] {
            refused(trial, ms);
        }
    });
    let attempts: Vec<u64> = report.incidents.iter().map(|one| one.attempts).collect();
    assert_eq!(attempts, [2, 1], "more than a second apart they are two incidents");
    let first = &report.incidents[0];
    assert_eq!((first.pod.as_deref(), first.counts), (Some("web-stopped"), true));
    let closed = first.evidence.iter().find(|evidence| evidence.edge == "listener closed").unwrap();
    assert_eq!((closed.basis.as_str(), closed.gap_ms), ("observed", Some(150.4)));
    assert_eq!(report.variants[0].causes, [(Cause::EndpointRace, 3)].into());
    assert!(to_markdown(&report).contains("3 endpoint-race: new connections were still routed"));
    let summary = unwrapped(&report);
    assert!(summary.contains("3 endpoint-race new connections were still routed"), "{summary}");
    assert!(summary.contains("whose listener was closed (incident 1)"), "{summary}");
    let pod = report.variants[0].trials_list[0].pods.iter().find(|pod| pod.name == "web-stopped").unwrap();
    let edges: Vec<PodEdge> = pod.edges.iter().map(|edge| edge.edge).collect();
    assert!(edges.contains(&PodEdge::Deletion) && edges.contains(&PodEdge::ContainerFinished), "{edges:?}");
}

#[test]
fn an_incident_has_a_page_with_all_that_is_known_of_it() {
    let plan =
        |header: &mut Header| header.spec.variants[0].objects_mut().manifests = vec![workload(Some("sleep 1"), true)];
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", |trial| {
        let stopped =
            SamplePod { closed: Some(2_050), finished: Some((2_060, 0)), served: Some((-2_900, 1_900)), ..STOPPED };
        pods::add(trial, &[OLD, stopped, NEW]);
        refused(trial, 2_200);
        refused(trial, 2_250);
        let at_ns = trial.at(2_300);
        trial.more.push(Entry::Log(LogTail {
            at_ns,
            namespace: pods::NAMESPACE.to_owned(),
            pod: "web-stopped".to_owned(),
            container: "web".to_owned(),
            lines: vec!["bye \u{1b}[31m<b>".to_owned()],
            earlier: true,
            shortened: 0,
        }));
    });
    let analysis = run.finished().analysis();
    insta::assert_snapshot!("incident", incident_page(&analysis, 1, "reports/a b").unwrap());
    let beyond = incident_page(&analysis, 2, "x").unwrap_err();
    assert_eq!(beyond.to_string(), "the record has no incident 2; expected a number from 1 to 1");
    let none = SampleRun::one(|_| {}).analysis();
    assert_eq!(incident_page(&none, 1, "x"), Err(NoIncident::None));
}

#[test]
fn advice_is_shown_with_its_field_and_its_patch() {
    let report = report(None, |trial| {
        pods::add(trial, &[OLD, STOPPED, NEW]);
        refused(trial, 1_200);
    });
    let variant = &report.variants[0];
    assert!(
        variant.advice.iter().any(|advice| advice.cause == Cause::EndpointRace && advice.field.is_some()),
        "{variant:?}"
    );
    for text in [unwrapped(&report), to_markdown(&report)] {
        assert!(text.contains("advice-web.json") && text.contains("lifecycle"), "{text}");
    }
    assert_eq!(crate::report::patch_file("../a/b\u{0}c"), "advice----a-b-c.json");
}
