//! The propagation lag: which deleted pods give one, and exactly which. Each case has its bad twin.

use crate::analysis::{LagDoc, PropagationDoc};
use crate::record::entry::{
    EndpointSeen, EndpointsSeen, Entry, GapSource, ListenerSeen, ListenerState, ObservationGap, PodSeen, Pulse,
    SeenChange,
};
use crate::record::sample::pods::NAMESPACE;
use crate::record::sample::{SampleRun, SampleTrial, both_doors, pod_seen, pulse};
use crate::record::{Arm, Outcome, Sum};
use crate::report::{to_markdown, unwrapped};
use crate::spec::Expect;

/// A pod that is deleted: moments in milliseconds from the rollout's first mark.
#[derive(Clone)]
struct Leaving {
    pod: &'static str,
    deleted: Option<i64>,
    not_ready: Option<i64>,
    /// Its last new connection. There are 20 a second from the load's start on, so they are 50 ms apart.
    last: i64,
    /// The side probe's last look that was answered.
    open_until: Option<i64>,
}

/// The usual one: deletion, endpoint, last connection, stop of the listener, in this order.
const LEAVING: Leaving =
    Leaving { pod: "web-a", deleted: Some(1_000), not_ready: Some(1_040), last: 1_100, open_until: Some(4_000) };

fn pod(at_ns: u64, name: &str, uid: &str, change: SeenChange, deleted: bool) -> Entry {
    let deletion_timestamp = deleted.then(|| "2026-11-23T10:00:40Z".to_owned());
    Entry::Pod(PodSeen { change, deletion_timestamp, ..pod_seen(at_ns, NAMESPACE, name, uid) })
}

fn endpoints(at_ns: u64, name: &str, ready: &[(&str, bool)]) -> Entry {
    let endpoint = |(pod, ready): &(&str, bool)| EndpointSeen {
        pod: Some((*pod).to_owned()),
        address: "127.0.0.9".to_owned(),
        node: None,
        ready: *ready,
        serving: true,
        terminating: !ready,
    };
    Entry::Endpoints(EndpointsSeen {
        at_ns,
        change: SeenChange::Changed,
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        service: None,
        endpoints: ready.iter().map(endpoint).collect(),
    })
}

fn listener(before_ns: u64, after_ns: u64, pod: &str, state: ListenerState) -> Entry {
    let (namespace, pod) = (NAMESPACE.to_owned(), pod.to_owned());
    Entry::Listener(ListenerSeen { before_ns, after_ns, namespace, pod, state })
}

impl Leaving {
    fn happens(&self, trial: &mut SampleTrial) {
        let uid = format!("{}-{}", trial.number(), self.pod);
        let mut entries = vec![
            pod(trial.at(-2_900), self.pod, &uid, SeenChange::Seen, false),
            endpoints(trial.at(-2_900), &format!("{}-slice", self.pod), &[(self.pod, true)]),
            listener(trial.at(-2_900), trial.at(-2_900), self.pod, ListenerState::Open),
        ];
        // From the load's start to the last connection.
        self.connections(trial, self.last, u64::try_from((self.last + 3_000) / 50).unwrap());
        if let Some(ms) = self.not_ready {
            entries.push(endpoints(trial.at(ms), &format!("{}-slice", self.pod), &[(self.pod, false)]));
        }
        if let Some(ms) = self.deleted {
            entries.push(pod(trial.at(ms), self.pod, &uid, SeenChange::Changed, true));
            entries.push(pod(trial.at(ms + 30), self.pod, &uid, SeenChange::Changed, true));
        }
        if let Some(ms) = self.open_until {
            entries.push(listener(trial.at(ms), trial.at(ms + 20), self.pod, ListenerState::Refused));
        }
        entries.push(pod(trial.at(5_900), self.pod, &uid, SeenChange::Gone, true));
        trial.more.extend(entries);
    }

    /// So many connections, the last of them at `last`, the first at the load's start.
    fn connections(&self, trial: &mut SampleTrial, last: i64, count: u64) {
        let pulse = |at_ns, last_connect_ns, ok| {
            let pulse = pulse(trial.number(), at_ns, Arm::New, ok, 1_000);
            Entry::Pulse(Pulse { pod: Some(self.pod.to_owned()), last_connect_ns: Some(last_connect_ns), ..pulse })
        };
        // The later slice comes first: ends of old slices are recorded later.
        let pulses = [
            pulse(trial.at(last - last.rem_euclid(100)), trial.at(last), 1),
            pulse(trial.at(-3_000), trial.at(-2_999), count - 1),
        ];
        trial.more.extend(pulses);
        trial.missing += count;
    }
}

fn lags(change: impl FnOnce(&mut SampleTrial)) -> PropagationDoc {
    let report = SampleRun::one(change).report();
    let web = &report.variants[0];
    assert_eq!(web.trials, 1, "{}", web.trials_list[0].reason);
    assert_eq!(web.propagation_lag_ms, web.trials_list[0].propagation_lag_ms, "one trial is all of them");
    web.propagation_lag_ms
}

fn of(leaving: &Leaving) -> PropagationDoc {
    lags(|trial| leaving.happens(trial))
}

fn one(ms: f64) -> LagDoc {
    LagDoc { count: 1, p50: ms, max: ms }
}

const NONE: PropagationDoc = PropagationDoc { after_deletion: None, after_not_ready: None, pods_not_observed: 0 };
const NOT_OBSERVED: PropagationDoc = PropagationDoc { pods_not_observed: 1, ..NONE };

#[test]
fn a_pods_lag_ends_with_the_last_new_connection_that_reached_it() {
    let found = of(&LEAVING);
    assert_eq!(
        found,
        PropagationDoc { after_deletion: Some(one(100.0)), after_not_ready: Some(one(60.0)), pods_not_observed: 0 }
    );
}

#[test]
fn a_receipt_that_comes_late_makes_it_negative() {
    let late = Leaving { deleted: Some(1_130), not_ready: Some(1_101), ..LEAVING };
    let found = of(&late);
    assert_eq!((found.after_deletion, found.after_not_ready), (Some(one(-30.0)), Some(one(-1.0))));
}

#[test]
fn a_lost_attempt_whose_pod_is_known_reached_it_too_and_one_of_another_arm_tells_nothing() {
    let cut = |arm| {
        lags(|trial| {
            LEAVING.happens(trial);
            let (connected, rtt_ns) = (trial.at(1_251), 1_000_000);
            let attempt = trial.other(arm, Outcome::BodyReset, Sum::Lost, 1_240).last();
            attempt.pod = Some("web-a".to_owned());
            attempt.connected_ns = Some(connected);
            attempt.connection.as_mut().unwrap().rtt_ns = rtt_ns;
        })
    };
    assert_eq!(cut(Arm::New).after_deletion, Some(one(250.0)));
    assert_eq!(cut(Arm::Reused).after_deletion, Some(one(100.0)));
}

#[test]
fn with_both_doors_only_connections_to_the_service_tell_its_lag() {
    let lags = |through_url: u16| {
        let happens = |trial: &mut SampleTrial| {
            LEAVING.happens(trial);
            let pulse = pulse(trial.number(), trial.at(1_200), Arm::New, 1, 1_000);
            let (pod, last_connect_ns) = (Some("web-a".to_owned()), Some(trial.at(1_250)));
            trial.more.push(Entry::Pulse(Pulse { pod, last_connect_ns, request: through_url, ..pulse }));
            trial.extra_ok += 1;
        };
        let run =
            SampleRun::new(1, &[("web", Expect::Clean)]).plan(|header| both_doors(&mut header.spec.variants[0].load));
        run.trial(1, "web", happens).finished().report().variants[0].trials_list[0].propagation_lag_ms.after_deletion
    };
    assert_eq!((lags(0), lags(1)), (Some(one(250.0)), Some(one(100.0))));
}

#[test]
fn a_listener_that_closed_first_hides_when_routing_stopped() {
    // Connections are 50 ms apart; three spacings after the last one are at 1,250 ms.
    assert_eq!(of(&Leaving { open_until: Some(1_250), ..LEAVING }).after_deletion, Some(one(100.0)));
    assert_eq!(of(&Leaving { open_until: Some(1_249), ..LEAVING }), NOT_OBSERVED);
    assert_eq!(of(&Leaving { open_until: None, ..LEAVING }), NOT_OBSERVED, "nobody looked after the beginning");
    let to_the_last = |ms| {
        lags(|trial| {
            Leaving { open_until: None, ..LEAVING }.happens(trial);
            let last = listener(trial.at(ms), trial.at(ms), "web-a", ListenerState::Open);
            trial.more.push(last);
        })
    };
    assert_eq!((to_the_last(1_250).after_deletion, to_the_last(1_249)), (Some(one(100.0)), NOT_OBSERVED));
}

/// An Apache that is stopped while slow requests are under way: the kernel goes on accepting, and nobody answers. The three
/// spacings after the last answered connection end at 1,250 ms.
#[test]
fn unanswered_connections_may_have_been_led_to_the_pod() {
    let unanswered = |arm, begun_ms: i64| {
        lags(|trial| {
            LEAVING.happens(trial);
            let begun = trial.at(begun_ms);
            let attempt = trial.other(arm, Outcome::ClosedBeforeByte, Sum::Lost, 3_000).last();
            attempt.started_ns = Some(begun);
        })
    };
    assert_eq!(unanswered(Arm::New, 1_101), NOT_OBSERVED);
    assert_eq!(unanswered(Arm::New, 1_249), NOT_OBSERVED);
    assert_eq!(unanswered(Arm::New, 1_251).after_deletion, Some(one(100.0)), "later, when another pod is going");
    assert_eq!(unanswered(Arm::New, 1_050).after_deletion, Some(one(100.0)), "before");
    assert_eq!(unanswered(Arm::Reused, 1_101).after_deletion, Some(one(100.0)), "no new connection");
}

#[test]
fn a_load_that_ended_first_hides_it_too() {
    // The load stops eight seconds after the first mark.
    let until = |last| of(&Leaving { last, open_until: Some(9_000), ..LEAVING });
    assert_eq!(until(7_800).after_deletion, Some(one(6_800.0)));
    assert_eq!(until(7_900), NOT_OBSERVED);
}

#[test]
fn a_pod_whose_deletion_was_not_seen_gives_nothing() {
    let found = lags(|trial| {
        LEAVING.happens(trial);
        // Only the deletion is missing: the pod is there, and then it is gone.
        for entry in &mut trial.more {
            if let Entry::Pod(pod) = entry {
                pod.deletion_timestamp = None;
            }
        }
    });
    assert_eq!(found, NONE);
    let no_endpoint = of(&Leaving { not_ready: None, ..LEAVING });
    assert_eq!((no_endpoint.after_deletion, no_endpoint.after_not_ready), (Some(one(100.0)), None));
}

#[test]
fn a_pod_that_left_the_service_before_the_rollout_has_no_lag_after_that() {
    let found = of(&Leaving { not_ready: Some(-500), ..LEAVING });
    assert_eq!((found.after_deletion, found.after_not_ready), (Some(one(100.0)), None));
    let back = lags(|trial| {
        LEAVING.happens(trial);
        // Not ready for a moment, ready again, and then what `LEAVING` does.
        let flap =
            [(400, false), (500, true)].map(|(ms, ready)| endpoints(trial.at(ms), "web-a-slice", &[("web-a", ready)]));
        trial.more.splice(3..3, flap);
    });
    assert_eq!(back.after_not_ready, Some(one(60.0)));
}

#[test]
fn another_trials_pod_is_not_this_trials() {
    let run = SampleRun::new(2, &[("web", Expect::Clean)])
        .trial(1, "web", |trial| LEAVING.happens(trial))
        .trial(2, "web", |trial| {
            Leaving { pod: "web-b", last: 1_300, ..LEAVING }.happens(trial);
            // A late answer of the first trial's pod.
            LEAVING.connections(trial, 1_500, 10);
        })
        .finished()
        .report();
    let web = &run.variants[0];
    let each: Vec<_> = web.trials_list.iter().map(|trial| trial.propagation_lag_ms.after_deletion).collect();
    assert_eq!(each, [Some(one(100.0)), Some(one(300.0))]);
    assert_eq!(web.propagation_lag_ms.after_deletion, Some(LagDoc { count: 2, p50: 200.0, max: 300.0 }));
    assert_eq!(web.propagation_lag_values_ms.after_deletion, [100.0, 300.0]);
    assert_eq!(web.propagation_lag_values_ms.after_not_ready, [60.0, 260.0]);
}

#[test]
fn a_name_that_two_pods_bear_tells_of_neither() {
    let found = lags(|trial| {
        LEAVING.happens(trial);
        let again = pod(trial.at(6_000), "web-a", "another", SeenChange::Seen, false);
        trial.more.push(again);
    });
    assert_eq!(found, NOT_OBSERVED);
}

#[test]
fn a_watch_that_was_blind_before_the_receipt_makes_it_worthless() {
    let blind = |source: GapSource, from: i64, to: i64| {
        lags(|trial| {
            LEAVING.happens(trial);
            let gap = ObservationGap {
                source,
                namespace: NAMESPACE.to_owned(),
                from_ns: trial.at(from),
                to_ns: trial.at(to),
                why: "connection reset".to_owned(),
            };
            trial.more.push(Entry::Gap(gap));
        })
    };
    assert_eq!(blind(GapSource::Pods, 300, 990), NOT_OBSERVED);
    assert_eq!(blind(GapSource::Pods, 1_001, 1_500).after_deletion, Some(one(100.0)), "it was seen before");
    assert_eq!(blind(GapSource::Pods, -900, -100).after_deletion, Some(one(100.0)), "nothing was deleted then");
    assert_eq!(blind(GapSource::Events, 300, 990), of(&LEAVING));
    let endpoints = blind(GapSource::EndpointSlices, 300, 990);
    assert_eq!((endpoints.after_deletion, endpoints.after_not_ready), (Some(one(100.0)), None));
}

#[test]
fn a_trial_that_does_not_count_is_shown_but_not_in_its_variants_figures() {
    let report = SampleRun::one(|trial| {
        LEAVING.happens(trial);
        trial.overflow(1);
    })
    .report();
    let web = &report.variants[0];
    assert_eq!(web.propagation_lag_ms, NONE);
    assert_eq!(web.trials_list[0].propagation_lag_ms.after_deletion, Some(one(100.0)));
}

#[test]
fn people_get_it_in_one_line_and_no_line_where_there_is_nothing() {
    let report = SampleRun::one(|trial| {
        LEAVING.happens(trial);
        Leaving { pod: "web-b", last: 2_300, ..LEAVING }.happens(trial);
        Leaving { pod: "web-c", open_until: Some(1_100), ..LEAVING }.happens(trial);
    })
    .report();
    let line = "web: new connections reached a pod until 700 ms after its deletion (median of 2 pods, 1 pod not observed), \
                at most 1300 ms; after its endpoint was not ready 660 ms, at most 1260 ms.";
    assert!(unwrapped(&report).contains(line), "{}", unwrapped(&report));
    assert!(to_markdown(&report).lines().any(|found| found == format!("- {line}")), "{}", to_markdown(&report));
    let nothing = SampleRun::one(|_| {}).report();
    assert!(!unwrapped(&nothing).contains("reached a pod"));
}
