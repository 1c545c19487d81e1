//! The states and verdicts of a record's report. Each case is a small record and its bad twin.

use crate::analysis::{ReportDoc, VariantDoc};
use crate::record::entry::{EndReason, Entry, Overflow, Pulse};
use crate::record::sample::pods::{self, NEW, OLD, STOPPED};
use crate::record::sample::{SampleRun, SampleTrial, both_doors, pulse};
use crate::record::{Arm, Outcome, Sum};
use crate::report::{to_json, unwrapped};
use crate::spec::Expect;
use crate::verdict::{Ending, State, Verdict};

fn nothing(_: &mut SampleTrial) {}

fn one(change: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    SampleRun::one(change).report()
}

fn states(variant: &VariantDoc) -> Vec<State> {
    variant.trials_list.iter().map(|trial| trial.state).collect()
}

#[test]
fn a_clean_variant_passes_without_loss_and_fails_with_one() {
    let clean = one(nothing);
    assert_eq!((clean.verdict, clean.variants[0].verdict), (Verdict::Pass, Verdict::Pass));
    let lossy = one(|trial| _ = trial.lost());
    assert_eq!((lossy.verdict, lossy.variants[0].lost), (Verdict::Fail, 1));
    assert!(lossy.reason.contains("1 attempt lost, in 1 of 1 rollout"), "{}", lossy.reason);
    let cleaned = one(|trial| _ = trial.other(Arm::Blind, Outcome::ResetBeforeByte, Sum::Lost, 1_000));
    assert_eq!(cleaned.verdict, Verdict::Pass, "a loss of an arm that is not judged is shown only");
    assert_eq!(cleaned.variants[0].arms[&Arm::Blind].lost, 1);
    let summary = unwrapped(&lossy);
    for words in ["+1.000 s", "ECONNREFUSED", "GET /", "after 0.35 ms"] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
}

#[test]
fn as_much_may_be_lost_as_was_allowed_in_each_trial() {
    let run = |lost: [usize; 2]| {
        SampleRun::new(2, &[("web", Expect::Clean)])
            .plan(|header| header.spec.variants[0].lost_at_most = 3)
            .trial(1, "web", |trial| trial.lost_times(lost[0]))
            .trial(2, "web", |trial| trial.lost_times(lost[1]))
            .finished()
            .report()
    };
    assert_eq!(run([3, 3]).verdict, Verdict::Pass);
    let over = run([4, 0]);
    assert_eq!(over.verdict, Verdict::Fail);
    assert!(over.reason.contains("at most 3"), "{}", over.reason);
}

#[test]
fn strict_adds_the_raced() {
    let run = |strict| {
        SampleRun::new(1, &[("web", Expect::Clean)])
            .plan(|header| header.spec.variants[0].strict = strict)
            .trial(1, "web", |trial| _ = trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 500))
            .finished()
            .report()
    };
    assert_eq!((run(false).verdict, run(true).verdict), (Verdict::Pass, Verdict::Fail));
    assert_eq!((run(false).variants[0].raced, run(false).variants[0].lost), (1, 0));
}

#[test]
fn a_variant_that_should_lose_passes_only_if_it_does() {
    let run = |lost| {
        SampleRun::new(1, &[("bad", Expect::Loss)]).trial(1, "bad", |trial| trial.lost_times(lost)).finished().report()
    };
    assert_eq!(run(2).verdict, Verdict::Pass);
    let blind = run(0);
    assert_eq!(blind.verdict, Verdict::Inconclusive);
    assert!(blind.reason.contains("could not have seen"), "{}", blind.reason);
    let beside = SampleRun::new(1, &[("bad", Expect::Loss), ("worse", Expect::Loss)])
        .trial(1, "bad", nothing)
        .trial(1, "worse", |trial| trial.lost_times(2))
        .finished()
        .report();
    let reason = &beside.variants[0].reason;
    assert!(reason.contains("worse lost something under the same load"), "{reason}");
    assert!(!reason.contains("could not have seen"), "{reason}");
}

#[test]
fn fail_outranks_inconclusive_outranks_pass() {
    let run = |loses: bool| {
        let variants = [("good", Expect::Clean), ("blind", Expect::Loss), ("bad", Expect::Clean)];
        SampleRun::new(1, &variants)
            .trial(1, "good", nothing)
            .trial(1, "blind", nothing)
            .trial(1, "bad", |trial| trial.lost_times(usize::from(loses)))
            .finished()
            .report()
    };
    assert_eq!((run(false).verdict, run(true).verdict), (Verdict::Inconclusive, Verdict::Fail));
}

#[test]
fn fewer_trials_than_planned_do_not_pass() {
    let short =
        SampleRun::new(3, &[("web", Expect::Clean)]).trial(1, "web", nothing).trial(2, "web", nothing).finished();
    assert_eq!(short.report().verdict, Verdict::Inconclusive);
    assert!(short.report().reason.contains("2 of 3 trials count"), "{}", short.report().reason);
    assert_eq!(short.clone().trial(3, "web", nothing).report().verdict, Verdict::Pass);
    let none = SampleRun::new(0, &[("web", Expect::Clean)]).finished().report();
    assert_eq!(none.verdict, Verdict::Inconclusive, "no trial shows nothing, also where none was planned");
}

type Change = fn(&mut SampleTrial);

#[test]
fn the_harness_own_trouble_makes_a_trial_invalid_and_a_repeat_takes_its_place() {
    let troubles: [(&str, Change); 6] = [
        ("supervisor of container web", |trial| trial.harness_trouble(None)),
        ("channel was full", |trial| trial.overflow(3)),
        ("150.0 ms late", |trial| trial.lag = Some((2, 150))),
        ("client-local 1", |trial| _ = trial.other(Arm::Blind, Outcome::ClientLocal, Sum::Harness, 100)),
        ("in-flight-at-end 1", |trial| _ = trial.other(Arm::New, Outcome::InFlightAtEnd, Sum::Harness, -100)),
        ("planned and 550 recorded", |trial| trial.missing = 2),
    ];
    for (words, trouble) in troubles {
        // A loss makes no difference: the trouble is looked at first.
        for lost in [0, 1] {
            let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| {
                trial.other(Arm::Blind, Outcome::Refused, Sum::Lost, 0);
                if lost > 0 {
                    trial.other(Arm::Reused, Outcome::BodyReset, Sum::Lost, 0);
                }
                trouble(trial);
            });
            let report = run.clone().finished().report();
            assert_eq!(states(&report.variants[0]), [State::Invalid], "{words}");
            assert!(report.variants[0].trials_list[0].reason.contains(words), "{}", to_json(&report));
            assert_eq!(report.verdict, Verdict::Inconclusive, "{words}");
            let repeated = run.trial(1, "web", nothing).finished().report();
            assert_eq!((repeated.verdict, repeated.variants[0].lost), (Verdict::Pass, 0), "{words}");
            assert_eq!((repeated.variants[0].trials, repeated.variants[0].trials_invalid), (1, 1), "{words}");
        }
    }
}

#[test]
fn trouble_in_another_namespace_does_no_harm() {
    assert_eq!(states(&one(|trial| trial.harness_trouble(Some("another"))).variants[0]), [State::Counts]);
}

#[test]
fn a_late_send_in_the_lead_in_or_within_bounds_does_no_harm() {
    for lag in [(-2, 150), (2, 100), (7, 100)] {
        assert_eq!(states(&one(|trial| trial.lag = Some(lag)).variants[0]), [State::Counts], "{lag:?}");
    }
    // The tail counts too: routing may still lead to a pod that is gone, and a send that sleeps through that sees nothing.
    for lag in [(0, 101), (7, 101)] {
        assert_eq!(states(&one(|trial| trial.lag = Some(lag)).variants[0]), [State::Invalid], "{lag:?}");
    }
}

#[test]
fn lines_on_its_own_punctuality_that_are_missing_make_a_trial_invalid() {
    let clean = one(|trial| _ = trial.other(Arm::Blind, Outcome::ResetBeforeByte, Sum::Raced, 1_000));
    assert_eq!(states(&clean.variants[0]), [State::Counts]);
    let hidden = one(|trial| trial.unpunctual = true);
    assert_eq!(states(&hidden.variants[0]), [State::Invalid]);
    let reason = &hidden.variants[0].trials_list[0].reason;
    assert!(reason.contains("punctuality"), "{reason}");
}

#[test]
fn a_complete_rollout_that_replaced_no_pod_measured_nothing() {
    let rolled = one(|trial| pods::add(trial, &[OLD, STOPPED, NEW]));
    assert_eq!(states(&rolled.variants[0]), [State::Counts]);
    let trial = &rolled.variants[0].trials_list[0];
    assert_eq!(
        (trial.replaced_pods.as_slice(), trial.new_pods.as_slice()),
        (["web-stopped".to_owned()].as_slice(), ["web-new".to_owned()].as_slice())
    );
    let stood = one(|trial| pods::add(trial, &[OLD, NEW]));
    assert_eq!(states(&stood.variants[0]), [State::Invalid]);
    let reason = &stood.variants[0].trials_list[0].reason;
    assert!(reason.contains("replaced none of its 1 pod"), "{reason}");
}

#[test]
fn lines_lost_right_after_a_trial_began_count_against_the_one_before_too() {
    let run = |at_ms| {
        SampleRun::new(2, &[("web", Expect::Clean)])
            .trial(1, "web", nothing)
            .trial(2, "web", |trial| {
                let at_ns = trial.at(at_ms);
                trial.more.push(Entry::Overflow(Overflow { at_ns, lines: 1 }));
            })
            .finished()
            .report()
    };
    assert_eq!(states(&run(-2_500).variants[0]), [State::Invalid, State::Invalid]);
    assert_eq!(states(&run(1_000).variants[0]), [State::Counts, State::Invalid]);
    assert_eq!(states(&run(-4_000).variants[0]), [State::Invalid, State::Counts], "told between the two");
}

#[test]
fn lines_after_a_trials_end_make_it_invalid() {
    let run = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| _ = trial.lost());
    let late = run.entries.iter().find(|entry| matches!(entry, Entry::Attempt(_))).cloned().unwrap();
    let report = run.push(late).finished().report();
    assert_eq!(states(&report.variants[0]), [State::Invalid]);
}

#[test]
fn a_judged_loss_before_the_rollout_makes_a_trial_dirty() {
    let dirty = one(|trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, -1));
    assert_eq!((states(&dirty.variants[0]), dirty.verdict), (vec![State::Dirty], Verdict::Inconclusive));
    assert_eq!(dirty.variants[0].lost, 0, "it decides nothing");
    let both = one(|trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, -1).lost());
    assert_eq!((both.verdict, both.variants[0].trials_list[0].lost), (Verdict::Inconclusive, 1), "but it is shown");
    let first = one(|trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, 0));
    assert_eq!(states(&first.variants[0]), [State::Counts], "the first mark belongs to the rollout");
    let unjudged = one(|trial| _ = trial.other(Arm::Blind, Outcome::Refused, Sum::Lost, -1));
    assert_eq!(states(&unjudged.variants[0]), [State::Counts]);
    let raced = one(|trial| _ = trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, -1));
    assert_eq!(states(&raced.variants[0]), [State::Counts]);
}

#[test]
fn what_was_in_flight_as_the_rollout_began_and_was_cut_by_it_is_its_loss() {
    // Planned 0.1 ms before the first mark, and failed 0.25 ms after it.
    let cut = one(|trial| {
        let planned_ns = trial.at(0) - 100_000;
        trial.other(Arm::New, Outcome::ClosedBeforeByte, Sum::Lost, 0).last().planned_ns = planned_ns;
    });
    assert_eq!((states(&cut.variants[0]), cut.verdict), (vec![State::Counts], Verdict::Fail));
    assert_eq!(cut.variants[0].lost, 1);
}

#[test]
fn a_loss_in_the_tail_counts() {
    assert_eq!(one(|trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, 7_900)).verdict, Verdict::Fail);
}

#[test]
fn a_deferred_judged_attempt_keeps_a_variant_from_passing() {
    let deferred = |arm| one(|trial| _ = trial.other(arm, Outcome::Deferred, Sum::Harness, 100));
    assert_eq!(deferred(Arm::Reused).verdict, Verdict::Inconclusive);
    assert_eq!(states(&deferred(Arm::Reused).variants[0]), [State::Counts]);
    assert_eq!(deferred(Arm::Blind).verdict, Verdict::Pass);
}

#[test]
fn a_stalled_rollout_fails_if_something_was_lost_and_is_inconclusive_otherwise() {
    let stalled = |lost| {
        one(|trial| {
            trial.stalled = Some("the progress deadline was exceeded");
            trial.lost_times(lost);
        })
    };
    assert_eq!(stalled(1).verdict, Verdict::Fail);
    assert_eq!(stalled(0).verdict, Verdict::Inconclusive);
    assert!(stalled(0).reason.contains("progress deadline"), "{}", stalled(0).reason);
    assert_eq!(stalled(0).variants[0].rollout_s.median, None);
}

#[test]
fn a_trial_without_rollout_or_without_answers_does_not_pass() {
    let unrolled = one(|trial| {
        trial.rolled = false;
        trial.stalled = Some("the workload was not ready within 60 s");
    });
    assert_eq!((states(&unrolled.variants[0]), unrolled.verdict), (vec![State::Incomplete], Verdict::Inconclusive));
    assert!(unrolled.variants[0].trials_list[0].reason.contains("60 s"));
    let silent = one(|trial| trial.ok = 0);
    assert_eq!(silent.verdict, Verdict::Inconclusive);
}

#[test]
fn too_few_attempts_for_the_pods_that_there_are_do_not_pass() {
    let verdict = |replicas| {
        let run = SampleRun::new(1, &[("web", Expect::Clean)])
            .plan(|header| header.spec.variants[0].objects_mut().replicas = replicas);
        run.trial(1, "web", nothing).finished().report()
    };
    assert_eq!(verdict(2).verdict, Verdict::Pass);
    let scarce = verdict(5_000);
    assert_eq!(scarce.verdict, Verdict::Inconclusive);
    assert!(scarce.variants[0].reason.contains("likely to miss one of them"), "{}", scarce.variants[0].reason);
}

#[test]
fn a_kind_of_request_that_was_never_carried_is_not_clean() {
    let verdict = |arms: &[(Arm, f64)]| {
        let run = SampleRun::new(1, &[("web", Expect::Clean)]).plan(|header| {
            let load = &mut header.spec.variants[0].load;
            let mut rare = load.requests[0].clone();
            rare.path = "/rare".parse().unwrap();
            rare.arms = arms.to_vec();
            load.requests.push(rare);
        });
        run.trial(1, "web", nothing).finished().report()
    };
    let never = verdict(&[(Arm::New, 1.0)]);
    assert_eq!(never.verdict, Verdict::Inconclusive);
    assert!(never.variants[0].reason.contains("no GET /rare was carried"), "{}", never.variants[0].reason);
    assert_eq!(verdict(&[(Arm::Blind, 1.0)]).verdict, Verdict::Pass, "its arm is not judged");
}

#[test]
fn a_run_that_was_not_finished_never_passes() {
    let run = || SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", nothing);
    assert_eq!(run().finished().report().verdict, Verdict::Pass);
    for (run, ending) in [
        (run().ended(EndReason::Interrupted, "SIGINT"), Ending::Interrupted),
        (run().ended(EndReason::Failed, "the API is gone"), Ending::Failed),
        (run(), Ending::Cut),
    ] {
        let report = run.report();
        assert_eq!((report.verdict, report.ending), (Verdict::Inconclusive, ending));
        assert!(!report.notes.is_empty());
    }
    let lossy = SampleRun::new(1, &[("web", Expect::Clean)])
        .trial(1, "web", |trial| _ = trial.lost())
        .ended(EndReason::Interrupted, "SIGINT");
    assert_eq!(lossy.report().verdict, Verdict::Fail, "what was seen stays seen");
}

#[test]
fn a_url_whose_answers_name_no_pod_of_the_workload_shows_nothing_clean() {
    let run = |url: Option<&str>, named: bool| {
        SampleRun::new(1, &[("web", Expect::Clean)])
            .plan(|header| {
                let door = |url: &str| crate::spec::UrlDoor { url: url.parse().unwrap(), resolve: None, proxy: None };
                header.spec.variants[0].load.url = url.map(door);
            })
            .trial(1, "web", |trial| {
                let served = |pod: pods::SamplePod| pods::SamplePod { served: pod.served.filter(|_| named), ..pod };
                pods::add(trial, &[OLD, STOPPED, NEW].map(served));
            })
            .finished()
            .report()
    };
    assert_eq!(run(None, false).verdict, Verdict::Pass, "the Service leads there by its selector");
    assert_eq!(run(Some("https://shop.example/"), true).verdict, Verdict::Pass);
    for (answered, verdict) in [(1, Verdict::Pass), (0, Verdict::Inconclusive)] {
        assert_eq!(
            at_two_doors(answered, [20, 20]).verdict,
            verdict,
            "pods were named in answers to requests of kind {answered}"
        );
    }
    let thin = at_two_doors(1, [20, 2]);
    assert_eq!(thin.verdict, Verdict::Inconclusive, "the URL's door carried too little to miss no pod");
    assert!(thin.variants[0].reason.contains("judged attempts at the URL"), "{}", thin.variants[0].reason);
    let elsewhere = run(Some("https://shop.example/"), false);
    assert_eq!(elsewhere.verdict, Verdict::Inconclusive);
    for words in ["no answer named a pod of deployment/web", "x-pod", "https://shop.example/ leads to it"] {
        assert!(elsewhere.reason.contains(words), "{}", elsewhere.reason);
    }
}

/// Requests of kind 0 go to the Service and those of kind 1 to a URL; the answers to `named` name their pods.
/// Pods are named in answers to requests of kind `named` only; of each kind, so many more are answered without a name.
fn at_two_doors(named: u16, carried: [i64; 2]) -> ReportDoc {
    SampleRun::new(1, &[("web", Expect::Clean)])
        .plan(|header| both_doors(&mut header.spec.variants[0].load))
        .trial(1, "web", |trial| {
            pods::add(trial, &[OLD, STOPPED, NEW]);
            for entry in &mut trial.more {
                if let Entry::Pulse(pulse) = entry {
                    pulse.request = named;
                }
            }
            for (request, times) in (0..).zip(carried) {
                for ms in (0..times).map(|time| 1_500 + i64::from(request) * 50 + time * 100) {
                    let pulse = pulse(trial.number(), trial.at(ms), Arm::New, 1, 1_000);
                    trial.more.push(Entry::Pulse(Pulse { request, ..pulse }));
                    trial.extra_ok += 1;
                }
            }
        })
        .finished()
        .report()
}
