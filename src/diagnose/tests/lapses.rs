//! Pods whose probes fail for a time, or whose containers end by themselves.

use super::{cut, refused, workload};
use crate::analysis::ReportDoc;
use crate::diagnose::Cause;
use crate::record::header::Header;
use crate::record::sample::pods::{self, NEW, OLD, STOPPED, SamplePod};
use crate::record::sample::{SampleRun, SampleTrial};
use crate::record::{Arm, Outcome, Sum};
use crate::spec::Expect;
use serde_json::json;

/// Both new pods fail their probe from 4 s to 5 s after the first mark.
const FLAPS: SamplePod = SamplePod { unready: Some((4_000, 5_000)), ..NEW };
const FLAPS_TOO: SamplePod =
    SamplePod { name: "web-too", unready: Some((4_010, 5_020)), served: Some((1_000, 8_000)), ..NEW };
/// Long gone when they do.
const BEFORE: SamplePod = SamplePod { grace_s: 1, ..STOPPED };

/// Two pods, of which none goes before another is ready.
fn report(kind: &str, pods: &[SamplePod], lose: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    let plan = |header: &mut Header| {
        kind.clone_into(&mut header.cluster.kind);
        let mut web = workload(None, true);
        web["spec"]["replicas"] = json!(2);
        web["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
        header.spec.variants[0].objects_mut().manifests = vec![web];
    };
    let change = |trial: &mut SampleTrial| {
        pods::add(trial, pods);
        lose(trial);
    };
    SampleRun::new(1, &[("web", Expect::Clean)]).plan(plan).trial(1, "web", change).finished().report()
}

/// Of a load that nobody but these pods answers.
fn causes(pods: &[SamplePod], ms: i64) -> Vec<Cause> {
    let lose = |trial: &mut SampleTrial| {
        trial.ok = 0;
        refused(trial, ms);
    };
    report("embedded", pods, lose).incidents.iter().map(|incident| incident.cause).collect()
}

#[test]
fn probes_that_fail_on_all_pods_for_a_time_leave_no_endpoint() {
    assert_eq!(causes(&[BEFORE, FLAPS, FLAPS_TOO], 4_500), [Cause::NoEndpoint]);
    // Until the first answer after it.
    assert_eq!(causes(&[BEFORE, FLAPS, FLAPS_TOO], 5_100), [Cause::NoEndpoint]);
    let answered = SamplePod { served: Some((1_000, 5_050)), ..FLAPS_TOO };
    // But not where a pod that is stopped then may have refused.
    let stops = SamplePod {
        unready: Some((4_000, 4_850)),
        deleted: Some(4_900),
        not_ready: Some(4_930),
        closed: Some(4_950),
        finished: Some((4_960, 0)),
        served: Some((-2_900, 3_900)),
        ..STOPPED
    };
    assert_eq!(causes(&[stops, FLAPS, FLAPS_TOO], 5_100), [Cause::EndpointRace]);
    // Rules that are late still refuse while the endpoints are ready again, but not after the longest lag.
    assert_eq!(causes(&[BEFORE, FLAPS, answered.clone()], 5_300), [Cause::NoEndpoint]);
    assert_eq!(causes(&[BEFORE, FLAPS, answered.clone()], 7_500), [Cause::Unknown]);
    let crashed = SamplePod { crashed: Some((4_000, 4_900)), ..answered };
    assert_eq!(causes(&[BEFORE, FLAPS, crashed], 5_300), [Cause::Unknown], "its listener may be gone");
    // Not while one pod's did not fail, nor when it had not failed yet.
    let ready = SamplePod { unready: None, ..FLAPS_TOO };
    assert_eq!(causes(&[BEFORE, FLAPS, ready], 4_500), [Cause::Unknown]);
    assert_eq!(causes(&[BEFORE, FLAPS, FLAPS_TOO], 3_500), [Cause::Unknown]);
    let report = report("kind", &[FLAPS, FLAPS_TOO], |trial| refused(trial, 4_500));
    let evidence: Vec<&str> = report.incidents[0].evidence.iter().map(|one| one.edge.as_str()).collect();
    assert!(evidence.iter().any(|one| one.contains("endpoint of web-too was not ready")), "{evidence:?}");
}

#[test]
fn a_lapse_within_a_watchs_lateness_decides_nothing() {
    let short = |pod| SamplePod { unready: Some((4_000, 4_150)), ..pod };
    assert_eq!(causes(&[BEFORE, short(FLAPS), short(FLAPS_TOO)], 4_060), [Cause::Unknown]);
}

#[test]
fn another_workloads_pod_that_may_be_ready_leaves_it_open() {
    let canary = SamplePod { name: "canary", unwatched: true, served: None, ..OLD };
    assert_eq!(causes(&[BEFORE, FLAPS, FLAPS_TOO, canary.clone()], 4_500), [Cause::Unknown]);
    let left = SamplePod { not_ready: Some(3_000), ..canary };
    assert_eq!(causes(&[BEFORE, FLAPS, FLAPS_TOO, left], 4_500), [Cause::NoEndpoint]);
}

#[test]
fn the_last_old_pod_is_not_blamed_while_the_new_ones_crash() {
    let ends = SamplePod {
        deleted: Some(4_000),
        not_ready: Some(4_030),
        closed: Some(4_050),
        finished: Some((4_060, 0)),
        served: Some((-2_900, 4_000)),
        ..STOPPED
    };
    let crashes = |pod| SamplePod { unready: Some((3_500, 7_000)), crashed: Some((3_500, 7_000)), ..pod };
    let both = [ends.clone(), crashes(FLAPS), crashes(FLAPS_TOO)];
    let causes = |kind, pods: &[SamplePod], ms| {
        let report = report(kind, pods, |trial| refused(trial, ms));
        report.incidents.iter().map(|incident| incident.cause).collect::<Vec<_>>()
    };
    // On a cluster whose routing may be late, too: their listeners were gone.
    for kind in ["embedded", "kind"] {
        assert_eq!(causes(kind, &both, 4_600), [Cause::NoEndpoint], "{kind}");
    }
    // It may still have listened then, but nobody else can have refused.
    assert_eq!(causes("kind", &both, 4_040), [Cause::NoEndpoint]);
    let one = SamplePod { unready: None, ..FLAPS_TOO };
    assert_eq!(causes("kind", &[ends, crashes(FLAPS), one], 4_600), [Cause::EndpointRace]);
}

#[test]
fn what_is_unknown_says_only_what_is_known() {
    let one = SamplePod { unready: None, ..FLAPS_TOO };
    let told = |outcome| {
        let found = report("kind", &[FLAPS, one.clone()], |trial| {
            trial.other(Arm::New, outcome, Sum::Lost, 4_500);
        });
        found.incidents[0].missing.clone()
    };
    let refused = told(Outcome::Refused);
    assert!(refused.contains("about then, the endpoint of web-new was not ready"), "{refused}");
    assert!(refused.contains("who refused"), "{refused}");
    let silent = told(Outcome::ConnectTimeout);
    assert!(silent.contains("no pod is known whose listener was gone") && silent.contains("a capture"), "{silent}");
}

#[test]
fn what_a_failing_probe_cannot_explain_stays_what_it_was() {
    let cut = report("embedded", &[BEFORE, FLAPS, FLAPS_TOO], |trial| {
        cut(trial, 4_400, 100, Outcome::ClosedBeforeByte);
    });
    assert_ne!(cut.incidents[0].cause, Cause::NoEndpoint, "it had been connected");
}

#[test]
fn the_advice_speaks_of_the_pods_that_lapsed() {
    let advice = |report: &ReportDoc| report.variants[0].advice[0].text.clone();
    let failing = advice(&report("kind", &[FLAPS, FLAPS_TOO], |trial| refused(trial, 4_500)));
    assert!(failing.contains("2 pods that were not deleted") && failing.contains("readinessProbe"), "{failing}");
    assert!(!failing.contains("names the pods that stopped"), "{failing}");
    let crashes = |pod| SamplePod { crashed: Some((4_000, 5_000)), ..pod };
    let crashing = advice(&report("kind", &[crashes(FLAPS), crashes(FLAPS_TOO)], |trial| refused(trial, 4_500)));
    assert!(crashing.contains("exit code 3") && crashing.contains("log"), "{crashing}");
    let stopped = SamplePod { endpoint_ready: Some(4_000), opened: Some(3_500), served: Some((4_200, 8_000)), ..NEW };
    let stopped = advice(&report("kind", &[BEFORE, stopped], |trial| refused(trial, 2_000)));
    assert!(!stopped.contains("not deleted"), "{stopped}");
}

#[test]
fn a_crash_is_noted_and_explains_only_what_is_near_it() {
    let crashes = SamplePod { crashed: Some((4_000, 5_000)), unready: Some((4_020, 5_020)), ..FLAPS };
    let one = SamplePod { unready: None, ..FLAPS_TOO };
    let near = report("kind", &[BEFORE, crashes.clone(), one.clone()], |trial| refused(trial, 3_990));
    let note = "web: container web of web-new ended without the pod's deletion (exit code 3); 1 restart";
    assert!(near.notes.iter().any(|said| said.starts_with(note)), "{:?}", near.notes);
    let text = &near.variants[0].advice[0].text;
    assert!(text.contains("web-new") && text.contains("exit code 3"), "{text}");
    let far = report("kind", &[BEFORE, crashes, one.clone()], |trial| refused(trial, 500));
    assert!(!far.variants[0].advice.iter().any(|advice| advice.text.contains("exit code")), "{far:?}");
    let flapped = report("kind", &[FLAPS, one], |trial| refused(trial, 3_990));
    assert!(!flapped.notes.iter().any(|said| said.contains("without the pod's deletion")), "{:?}", flapped.notes);
}
