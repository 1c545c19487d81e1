//! What a record's report says: states, verdicts, sums, comparisons. Each case is a small record and its bad twin.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod causes;
mod comparisons;
mod propagation;
mod records;

use records::{Run, Trial, read};
use rollproof::analysis::{AnalysisError, ReportDoc, VariantDoc};
use rollproof::hidden::Client;
use rollproof::record::entry::{EndReason, Entry};
use rollproof::record::{Arm, Outcome, Sum};
use rollproof::report::{to_json, to_markdown, to_terminal};
use rollproof::spec::Expect;
use rollproof::stats::Alternative;
use rollproof::verdict::{Conclusion, Ending, State, Verdict};

fn nothing(_: &mut Trial) {}

/// One clean variant, `web`, with one trial.
fn one(change: impl FnOnce(&mut Trial)) -> ReportDoc {
    Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", change).finished().report()
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
    let summary = to_terminal(&lossy, false);
    for words in ["+1.000 s", "ECONNREFUSED", "GET /", "after 0.35 ms"] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
}

#[test]
fn what_common_clients_would_have_hidden_is_counted_over_the_lost_of_judged_arms() {
    let run = |method: &str| {
        Run::new(1, &[("web", Expect::Loss)])
            .plan(|header| header.spec.variants[0].load.requests[0].method = method.parse().unwrap())
            .trial(1, "web", |trial| {
                trial.lost_times(1_002);
                trial.other(Arm::Reused, Outcome::ClosedBeforeByte, Sum::Lost, 2_000);
                trial.last().connection.as_mut().unwrap().uses = 7;
                trial.other(Arm::New, Outcome::BodyReset, Sum::Lost, 2_100);
                // None of these is a judged arm's loss during the rollout.
                trial.other(Arm::Blind, Outcome::Refused, Sum::Lost, 2_200);
                trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 2_300);
                trial.other(Arm::Reused, Outcome::Unsent, Sum::Unsent, 2_400);
            })
            .finished()
            .report()
    };
    let hidden = |report: &ReportDoc| {
        let by = &report.variants[0].hidden_by;
        [Client::Reqwest, Client::Go, Client::Java, Client::Curl, Client::ConnectRetry, Client::Nginx].map(|c| by[&c])
    };
    let get = run("GET");
    assert_eq!(get.variants[0].lost, 1_004);
    assert_eq!(hidden(&get), [0, 1, 1_003, 1, 1_002, 1_003], "more than are kept whole");
    let advised: u64 = get.variants[0].advice.iter().map(|advice| advice.attempts).sum();
    assert_eq!(advised, get.variants[0].lost, "each lost attempt is advised on once");
    assert_eq!(hidden(&run("POST")), [0, 0, 1_002, 1, 1_002, 1_002]);
    let [summary, page] = [to_terminal(&get, false), to_markdown(&get)];
    for words in
        ["of 1004 lost", "1003 by Java and nginx; 1002 by proxies that repeat a failed connect; 1 by Go and curl"]
    {
        assert!(summary.contains(words) && page.contains(words), "{words}: {summary}");
    }
    assert!(summary.contains("; lost for reqwest, Go and curl, hidden by Java, nginx and proxies"), "{summary}");
    let none = one(|trial| _ = trial.other(Arm::New, Outcome::BodyReset, Sum::Lost, 1_000));
    assert!(to_terminal(&none, false).contains("of 1 lost, none would have been hidden"), "{none:?}");
    assert!(!to_terminal(&one(nothing), false).contains("hidden"), "nothing was lost");
}

#[test]
fn one_variant_alone_says_that_sensitivity_was_not_shown() {
    let clean = one(nothing);
    assert!(!clean.sensitivity_shown && clean.comparison.is_empty());
    assert!(clean.notes.iter().any(|note| note.contains("does not show that it would have seen a loss")));
    let seen = Run::new(1, &[("bad", Expect::Loss), ("good", Expect::Clean)])
        .baseline("bad")
        .trial(1, "bad", |trial| _ = trial.lost())
        .trial(1, "good", nothing)
        .finished()
        .report();
    assert!(seen.sensitivity_shown && seen.notes.is_empty(), "{:?}", seen.notes);
}

#[test]
fn as_much_may_be_lost_as_was_allowed_in_each_trial() {
    let run = |lost: [usize; 2]| {
        Run::new(2, &[("web", Expect::Clean)])
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
        Run::new(1, &[("web", Expect::Clean)])
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
        Run::new(1, &[("bad", Expect::Loss)]).trial(1, "bad", |trial| trial.lost_times(lost)).finished().report()
    };
    assert_eq!(run(2).verdict, Verdict::Pass);
    let blind = run(0);
    assert_eq!(blind.verdict, Verdict::Inconclusive);
    assert!(blind.reason.contains("could not have seen"), "{}", blind.reason);
}

#[test]
fn fail_outranks_inconclusive_outranks_pass() {
    let run = |loses: bool| {
        let variants = [("good", Expect::Clean), ("blind", Expect::Loss), ("bad", Expect::Clean)];
        Run::new(1, &variants)
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
    let short = Run::new(3, &[("web", Expect::Clean)]).trial(1, "web", nothing).trial(2, "web", nothing).finished();
    assert_eq!(short.report().verdict, Verdict::Inconclusive);
    assert!(short.report().reason.contains("2 of 3 trials count"), "{}", short.report().reason);
    assert_eq!(short.clone().trial(3, "web", nothing).report().verdict, Verdict::Pass);
    let none = Run::new(0, &[("web", Expect::Clean)]).finished().report();
    assert_eq!(none.verdict, Verdict::Inconclusive, "no trial shows nothing, also where none was planned");
}

type Change = fn(&mut Trial);

#[test]
fn the_harness_own_trouble_makes_a_trial_invalid_and_a_repeat_takes_its_place() {
    let troubles: [(&str, Change); 6] = [
        ("supervisor of container web", |trial| trial.harness_trouble(None)),
        ("channel was full", |trial| trial.overflow(3)),
        ("150 ms late", |trial| trial.lag = Some((2, 150))),
        ("client-local 1", |trial| _ = trial.other(Arm::Blind, Outcome::ClientLocal, Sum::Harness, 100)),
        ("in-flight-at-end 1", |trial| _ = trial.other(Arm::New, Outcome::InFlightAtEnd, Sum::Harness, -100)),
        ("planned and 550 recorded", |trial| trial.missing = 2),
    ];
    for (words, trouble) in troubles {
        // A loss makes no difference: the trouble is looked at first.
        for lost in [0, 1] {
            let run = Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| {
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
fn lines_lost_right_after_a_trial_began_count_against_the_one_before_too() {
    let run = |at_ms| {
        Run::new(2, &[("web", Expect::Clean)])
            .trial(1, "web", nothing)
            .trial(2, "web", |trial| {
                let at_ns = trial.at(at_ms);
                trial.more.push(Entry::Overflow(rollproof::record::entry::Overflow { at_ns, lines: 1 }));
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
    let run = Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| _ = trial.lost());
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
        let run = Run::new(1, &[("web", Expect::Clean)])
            .plan(|header| header.spec.variants[0].deployed_mut().replicas = replicas);
        run.trial(1, "web", nothing).finished().report()
    };
    assert_eq!(verdict(2).verdict, Verdict::Pass);
    let scarce = verdict(5_000);
    assert_eq!(scarce.verdict, Verdict::Inconclusive);
    assert!(scarce.variants[0].reason.contains("likely to miss one of them"), "{}", scarce.variants[0].reason);
}

#[test]
fn a_run_that_was_not_finished_never_passes() {
    let run = || Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", nothing);
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
    let lossy = Run::new(1, &[("web", Expect::Clean)])
        .trial(1, "web", |trial| _ = trial.lost())
        .ended(EndReason::Interrupted, "SIGINT");
    assert_eq!(lossy.report().verdict, Verdict::Fail, "what was seen stays seen");
}

#[test]
fn a_record_cut_anywhere_is_read_as_far_as_it_goes_and_never_passes() {
    let bytes =
        Run::new(2, &[("web", Expect::Clean)]).trial(1, "web", nothing).trial(2, "web", nothing).finished().bytes();
    assert_eq!(read(&bytes).unwrap().verdict, Verdict::Pass);
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let ends = (header..bytes.len() - 1).step_by(1_999).chain(bytes.len() - 40..bytes.len() - 1);
    let mut most = 0;
    for end in ends {
        let report = read(&bytes[..end]).unwrap();
        assert_eq!(report.verdict, Verdict::Inconclusive, "cut after {end} of {} bytes", bytes.len());
        let attempts = report.variants[0].attempts;
        assert!(attempts >= most, "a longer record never says less");
        most = attempts;
    }
}

#[test]
fn every_attempt_is_in_one_sum_and_counts_from_the_first_mark_in_counting_trials() {
    let report = Run::new(2, &[("web", Expect::Loss)])
        .trial(1, "web", |trial| {
            trial.other(Arm::New, Outcome::Refused, Sum::Lost, 10).other(Arm::New, Outcome::Status5xx, Sum::Lost, 20);
            trial.other(Arm::Reused, Outcome::ResetBeforeByte, Sum::Raced, 30);
            trial.other(Arm::Reused, Outcome::Unsent, Sum::Unsent, 40).other(
                Arm::Blind,
                Outcome::Unsent,
                Sum::Unsent,
                40,
            );
            trial.other(Arm::Reused, Outcome::Deferred, Sum::Harness, 50);
            trial.other(Arm::Reused, Outcome::Unsent, Sum::Unsent, -40);
        })
        .trial(2, "web", |trial| {
            trial.lost();
            trial.overflow(1);
        })
        .finished()
        .report();
    let web = &report.variants[0];
    // Eight seconds from the first mark to the load's end.
    assert_eq!((web.ok, web.lost, web.raced, web.unsent, web.harness), (80 * 7, 2, 1, 1, 1));
    let (new, reused, blind) = (&web.arms[&Arm::New], &web.arms[&Arm::Reused], &web.arms[&Arm::Blind]);
    assert!(new.judged && reused.judged && !blind.judged);
    assert_eq!(new.attempts + reused.attempts, web.attempts);
    assert_eq!((blind.attempts, blind.unsent), (161, 1));
    for arm in [new, reused, blind] {
        assert_eq!(arm.attempts, arm.ok + arm.lost + arm.raced + arm.unsent + arm.harness);
        assert_eq!(arm.attempts, arm.outcomes.values().sum::<u64>());
    }
    assert_eq!(new.outcomes[&Outcome::Refused], 1);
    assert_eq!((web.trials, web.trials_with_loss, web.trials_invalid), (1, 1, 1));
}

#[test]
fn ok_attempts_that_were_recorded_one_by_one_are_counted_once() {
    let all =
        one(|trial| _ = trial.other(Arm::New, Outcome::Ok, Sum::Ok, 10).other(Arm::New, Outcome::Ok, Sum::Ok, 20));
    // The builder plans them besides; a real load has them in its pulses.
    assert!(all.variants[0].trials_list[0].reason.contains("552 attempts of arm new planned and 550 recorded"));
}

#[test]
fn times_are_those_of_the_phases() {
    let web = one(nothing).variants.remove(0);
    let near = |quantiles: Option<rollproof::analysis::Quantiles>, us: u64| {
        let p50 = quantiles.unwrap().p50;
        p50.abs_diff(us) <= us / 500
    };
    assert!(near(web.latency_us.before, 1_000) && near(web.latency_us.during, 2_000), "{:?}", web.latency_us);
    assert!(near(web.latency_us.after, 1_000));
    assert_eq!(web.rollout_s.median, Some(6.0));
    // Two old pods for six seconds, two new ones for four.
    assert_eq!(web.pod_s.median, Some(20.0));
}

#[test]
fn a_zero_stands_beside_what_it_could_have_missed() {
    let clean = one(nothing).variants.remove(0).detection_limit;
    assert_eq!(clean.rollouts_losing_at_most_95, Some(0.95));
    // Three pods, 50 new connections a second.
    assert_eq!(clean.gap_ms, Some(180.0));
    let lossy = one(|trial| _ = trial.lost()).variants.remove(0).detection_limit;
    assert_eq!(lossy.rollouts_losing_at_most_95, None);
    let late = Run::new(1, &[("web", Expect::Clean)])
        .plan(|header| header.spec.settings.max_lag = std::time::Duration::from_secs(1))
        .trial(1, "web", |trial| trial.lag = Some((2, 400)))
        .finished()
        .report();
    assert_eq!(late.variants[0].detection_limit.gap_ms, Some(400.0), "a late send steps over a shorter gap");
    let kept_alive = Run::new(1, &[("web", Expect::Clean)])
        .plan(|header| header.spec.variants[0].load.judged = vec![Arm::Reused])
        .trial(1, "web", nothing)
        .finished()
        .report();
    assert_eq!(kept_alive.variants[0].detection_limit.gap_ms, None);
}

/// So many blocks of a baseline that loses and a variant that loses so much.
fn blocks(expect: (Expect, Expect), lost: &[(usize, usize)]) -> Run {
    let planned = u32::try_from(lost.len()).unwrap();
    let mut run = Run::new(planned, &[("without", expect.0), ("with", expect.1)]).baseline("without");
    for (block, (without, with)) in (1..).zip(lost) {
        run = run
            .trial(block, "without", |trial| trial.lost_times(*without))
            .trial(block, "with", |trial| trial.lost_times(*with));
    }
    run.finished()
}

const CURE: (Expect, Expect) = (Expect::Loss, Expect::Clean);

#[test]
fn five_blocks_show_a_cure() {
    let report = blocks(CURE, &[(8, 0), (9, 0), (7, 0), (8, 0), (9, 0)]).report();
    let found = &report.comparison[0];
    assert_eq!(
        (found.alternative, found.blocks, found.conclusion),
        (Some(Alternative::Less), 5, Some(Conclusion::Shown))
    );
    assert_eq!((found.p_value, found.difference.unwrap().estimate), (Some(0.031_25), -8.2));
    assert_eq!(report.verdict, Verdict::Pass);
    let same = blocks(CURE, &[(1, 1), (0, 2), (1, 0), (2, 1), (0, 0)]).report();
    assert_eq!(same.comparison[0].conclusion, Some(Conclusion::NotShown));
}

#[test]
fn a_plan_that_could_not_show_it_only_observes() {
    let few = blocks(CURE, &[(8, 0); 4]).report();
    assert_eq!((few.comparison[0].conclusion, few.comparison[0].p_value), (Some(Conclusion::Observed), Some(0.062_5)));
    let alike = (Expect::Loss, Expect::Loss);
    assert_eq!(blocks(alike, &[(8, 1); 5]).report().comparison[0].conclusion, Some(Conclusion::Observed));
    let six = blocks(alike, &[(8, 1); 6]).report();
    let found = &six.comparison[0];
    assert_eq!((found.alternative, found.conclusion), (Some(Alternative::TwoSided), Some(Conclusion::Shown)));
    let worse = blocks((Expect::Clean, Expect::Loss), &[(0, 3); 5]).report();
    assert_eq!(worse.comparison[0].alternative, Some(Alternative::Greater));
    assert_eq!(worse.comparison[0].conclusion, Some(Conclusion::Shown));
}

#[test]
fn only_blocks_in_which_both_count_are_compared_and_a_repeat_takes_its_place() {
    let run = |repeat: bool| {
        let mut run = blocks(CURE, &[(8, 0); 4]).plan(|header| header.spec.settings.trials = 5);
        run.entries.pop();
        run = run.trial(5, "without", |trial| trial.lost_times(8)).trial(5, "with", |trial| trial.overflow(1));
        if repeat {
            run = run.trial(5, "with", nothing);
        }
        run.finished().report()
    };
    let (without, with) = (run(false), run(true));
    assert_eq!((without.comparison[0].blocks, without.comparison[0].conclusion), (4, Some(Conclusion::NotShown)));
    assert_eq!((with.comparison[0].blocks, with.comparison[0].conclusion), (5, Some(Conclusion::Shown)));
}

#[test]
fn without_a_baseline_or_a_common_block_nothing_is_compared() {
    let two = [("without", Expect::Loss), ("with", Expect::Clean)];
    let run = Run::new(1, &two).trial(1, "without", |trial| _ = trial.lost()).trial(1, "with", nothing).finished();
    assert!(run.report().comparison.is_empty());
    let apart = Run::new(1, &two).baseline("without").trial(1, "with", nothing).finished().report();
    let found = &apart.comparison[0];
    assert_eq!((found.blocks, found.p_value, found.difference), (0, None, None));
}

#[test]
fn a_record_that_does_not_fit_itself_is_refused() {
    let run = || Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", nothing);
    let strange = run().plan(|header| header.spec.variants[0].name = "other".to_owned());
    let error = read(&strange.bytes()).unwrap_err();
    assert!(matches!(error, AnalysisError::Timeline(_)) && error.to_string().contains("`web`"), "{error}");
    let twice = run().push(run().entries[0].clone());
    assert!(read(&twice.bytes()).unwrap_err().to_string().contains("trial 1"));
    let mut spoilt = run();
    for entry in &mut spoilt.entries {
        if let Entry::Pulse(pulse) = entry {
            pulse.latency_us = "AAAA".to_owned();
        }
    }
    assert!(read(&spoilt.bytes()).unwrap_err().to_string().contains("HdrHistogram"));
}

#[test]
fn a_trial_whose_beginning_was_lost_is_told_and_decides_nothing() {
    let mut run = Run::new(1, &[("web", Expect::Clean)]).trial(1, "web", |trial| _ = trial.lost()).finished();
    run.entries.remove(0);
    let report = run.report();
    assert_eq!((report.verdict, report.variants[0].trials_list.len()), (Verdict::Inconclusive, 0));
    assert!(report.notes.iter().any(|note| note.contains("beginning")), "{:?}", report.notes);
}

fn sample() -> Run {
    blocks(CURE, &[(8, 0), (9, 0), (7, 0), (8, 0), (9, 0)])
}

#[test]
fn a_report_is_the_same_bytes_from_the_same_record() {
    let (first, second) = (read(&sample().bytes()).unwrap(), read(&sample().bytes()).unwrap());
    assert_eq!(to_json(&first), to_json(&second));
    insta::assert_snapshot!("report.json", to_json(&blocks(CURE, &[(2, 0)]).report()));
    let back: ReportDoc = serde_json::from_str(&to_json(&first)).unwrap();
    assert_eq!(to_json(&back), to_json(&first));
}

#[test]
fn a_report_fits_its_committed_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/report.schema.json");
    let schema = rollproof::report::schema();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == text, "docs/report.schema.json is stale: run this test with UPDATE_SCHEMA=1");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let reports = [sample().report(), one(nothing), Run::new(1, &[("web", Expect::Clean)]).report()];
    for report in &reports {
        let document = serde_json::from_str(&to_json(report)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let mut wrong: serde_json::Value = serde_json::from_str(&to_json(&reports[0])).unwrap();
    wrong["variants"][0]["verdict"] = "splendid".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn people_get_a_summary_and_a_page() {
    let report = sample().report();
    insta::assert_snapshot!("summary", to_terminal(&report, false));
    insta::assert_snapshot!("page", to_markdown(&report));
    insta::assert_snapshot!("summary-of-trouble", to_terminal(&trouble(), false));
    insta::assert_snapshot!("page-of-trouble", to_markdown(&trouble()));
}

/// A run with an invalid, a dirty and an incomplete trial, interrupted.
fn trouble() -> ReportDoc {
    Run::new(3, &[("web", Expect::Clean)])
        .trial(1, "web", |trial| trial.overflow(3))
        .trial(2, "web", |trial| _ = trial.other(Arm::New, Outcome::Refused, Sum::Lost, -500))
        .trial(3, "web", |trial| trial.ends = false)
        .ended(EndReason::Interrupted, "SIGINT")
        .report()
}

#[test]
fn a_summary_fits_a_screen_and_colour_changes_nothing_else() {
    let plain = to_terminal(&sample().report(), false);
    assert!(plain.lines().count() <= 24, "{plain}");
    assert!(plain.lines().take(5).all(|line| line.chars().count() <= 110), "{plain}");
    let coloured = to_terminal(&sample().report(), true);
    assert_ne!(coloured, plain);
    assert_eq!(coloured.replace("\u{1b}[1;32m", "").replace("\u{1b}[0m", ""), plain);
}

#[test]
fn names_from_outside_can_do_no_harm() {
    let evil = "a|b<script>\u{1b}[2J\n# x [y](http://z) \u{202e}";
    let mut run = blocks(CURE, &[(1, 0)]);
    run.header.spec.settings.scenario = evil.to_owned();
    run.header.spec.variants[0].load.requests[0].path = "/a|b/[y](http://z)".parse().unwrap();
    for entry in &mut run.entries {
        if let Entry::Attempt(attempt) = entry {
            attempt.pod = Some(evil.to_owned());
        }
    }
    let report = run.report();
    let (page, summary) = (to_markdown(&report), to_terminal(&report, false));
    for text in [&page, &summary] {
        assert!(text.contains("script"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("\n# x"), "{text}");
    }
    assert!(!page.contains("<script>") && !page.contains("a|b") && !page.contains("[y]("), "{page}");
}
