//! Variants beside the baseline in a report: adjusted, estimated, and with the control.

use crate::analysis::{ComparisonDoc, ReportDoc};
use crate::record::entry::{EndReason, Entry, MarkName};
use crate::record::sample::{SampleRun, SampleTrial, encoded};
use crate::report::{to_markdown, unwrapped};
use crate::spec::Expect;
use crate::stats::Alternative;
use crate::verdict::{Conclusion, Metric, State, Verdict};

fn nothing(_: &mut SampleTrial) {}

const CURE: (Expect, Expect) = (Expect::Loss, Expect::Clean);

const SECOND: u64 = 1_000_000_000;

/// A baseline that loses `lost[0]` in each of so many blocks, and clean variants that lose the rest of it.
fn family(blocks: u32, lost: &[usize]) -> SampleRun {
    let names = ["base", "a", "b", "c"];
    let expects = [Expect::Loss, Expect::Clean, Expect::Clean, Expect::Clean];
    let variants: Vec<(&str, Expect)> = names.into_iter().zip(expects).take(lost.len()).collect();
    let mut run = SampleRun::new(blocks, &variants).baseline("base");
    for block in 1..=blocks {
        for ((name, _), lost) in variants.iter().zip(lost) {
            run = run.trial(block, name, |trial| trial.lost_times(*lost));
        }
    }
    run
}

fn of<'a>(report: &'a ReportDoc, variant: &str, metric: Metric) -> &'a ComparisonDoc {
    report.comparison.iter().find(|found| found.variant == variant && found.metric == metric).unwrap()
}

fn close(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

#[test]
fn each_comparison_pays_for_the_others() {
    let five = family(5, &[8, 0, 0, 0]).finished().report();
    let found = of(&five, "a", Metric::Lost);
    assert!(close(found.p_value, 1.0 / 32.0) && close(found.p_adjusted, 3.0 / 32.0), "{found:?}");
    assert_eq!(found.conclusion, Some(Conclusion::Observed), "three comparisons need six blocks");
    let six = family(6, &[8, 0, 0, 8]).finished().report();
    for variant in ["a", "b"] {
        let found = of(&six, variant, Metric::Lost);
        assert!(close(found.p_adjusted, 3.0 / 64.0) && close(found.smallest_p, 3.0 / 64.0), "{found:?}");
        assert_eq!(found.conclusion, Some(Conclusion::Shown));
    }
    let alike = of(&six, "c", Metric::Lost);
    assert_eq!((alike.p_adjusted, alike.conclusion), (Some(1.0), Some(Conclusion::NotShown)));
    assert!(to_markdown(&six).contains("0.047 after Holm's adjustment: the difference is shown"));
    let summary = unwrapped(&six);
    assert!(summary.contains("Requests lost a rollout, beside base; p after Holm's adjustment"), "{summary}");
    assert!(summary.contains("a 8.0 fewer (8.0 to 8.0 at 93.8 %; p = 0.047), as long"), "{summary}");
    assert!(summary.contains("c as many (p = 1.000), as long"), "{summary}");
    assert!(summary.contains("c: the difference is not shown."), "{summary}");
}

#[test]
fn what_lost_anything_and_the_interval_stand_beside_the_test() {
    let report = family(5, &[8, 0]).finished().report();
    let found = of(&report, "a", Metric::Lost);
    let counted = found.lost_anything.unwrap();
    assert_eq!((counted.baseline_trials_with_loss, counted.baseline_trials), (5, 5));
    assert_eq!((counted.variant_trials_with_loss, counted.variant_trials), (0, 5));
    assert!(close(counted.fisher_p_value, 1.0 / 252.0), "{counted:?}");
    let difference = found.difference.unwrap();
    assert_eq!((difference.low, difference.high, difference.level), (Some(-8.0), Some(-8.0), Some(0.937_5)));
    let page = to_markdown(&report);
    assert!(page.contains("8.0 fewer lost a rollout (-8.0 to -8.0 at 93.8 %)"), "{page}");
    assert!(page.contains("0 of 5 rollouts lost something, against 5 of 5 (Fisher, p = 0.004)"), "{page}");
    let summary = unwrapped(&report);
    assert!(
        summary.contains("a loses 8.0 fewer requests a rollout than base (8.0 to 8.0 at 93.8 %; p = 0.031)"),
        "{summary}"
    );
}

/// The variant's rollouts take 1.5 s longer, and one attempt in 50 takes 9 ms instead of 2.
fn dearer(mut run: SampleRun) -> SampleRun {
    let number = |entry: &Entry| match entry {
        Entry::TrialStart(start) if start.variant == "a" => Some(start.trial),
        _ => None,
    };
    let dear: Vec<u32> = run.entries.iter().filter_map(number).collect();
    let mut slow = Vec::new();
    for entry in &mut run.entries {
        match entry {
            Entry::Mark(mark) if mark.name == MarkName::OldPodsGone && dear.contains(&mark.trial) => {
                mark.before_ns += SECOND * 3 / 2;
                mark.after_ns += SECOND * 3 / 2;
            }
            Entry::Pulse(pulse) if dear.contains(&pulse.trial) => {
                let mut more = pulse.clone();
                more.ok = 1;
                more.latency_us = encoded(9_000, 1);
                pulse.ok -= 1;
                slow.push(Entry::Pulse(more));
            }
            _ => {}
        }
    }
    // Beside the pulse whose place one attempt took.
    for pulse in slow {
        let Entry::Pulse(wanted) = &pulse else { continue };
        let is_end = |entry: &Entry| matches!(entry, Entry::TrialEnd(end) if end.trial == wanted.trial);
        let end = run.entries.iter().position(is_end).unwrap();
        run.entries.insert(end, pulse);
    }
    run
}

#[test]
fn what_a_variant_costs_is_estimated_and_never_concluded() {
    let report = dearer(family(5, &[8, 0]).finished()).report();
    let rollout = of(&report, "a", Metric::RolloutS);
    assert!(close(rollout.difference.map(|found| found.estimate), 1.5), "{rollout:?}");
    assert_eq!(rollout.difference.unwrap().level, Some(0.937_5));
    let pods = of(&report, "a", Metric::PodS).difference.unwrap();
    assert!(pods.estimate > 1.5 && pods.low == Some(pods.estimate), "{pods:?}");
    let p99 = of(&report, "a", Metric::P99DuringUs).difference.unwrap();
    assert!((6_900.0..7_100.0).contains(&p99.estimate), "{p99:?}");
    for metric in [Metric::RolloutS, Metric::PodS, Metric::P99DuringUs] {
        let found = of(&report, "a", metric);
        assert_eq!((found.test, found.p_value, found.p_adjusted, found.conclusion), (None, None, None, None));
    }
    let page = to_markdown(&report).replace('\\', "");
    assert!(page.contains("a against base: rollout +1.5 s (+1.5 to +1.5 at 93.8 %); pod-seconds +"), "{page}");
    assert!(page.contains("p99 during the rollout +7.0 ms"), "{page}");
    assert!(unwrapped(&report).contains(" and takes 1.5 s longer."), "{}", unwrapped(&report));
    let same = family(5, &[8, 0]).finished().report();
    assert!(close(of(&same, "a", Metric::RolloutS).difference.map(|found| found.estimate), 0.0));
}

#[test]
fn a_rollout_without_end_has_no_length_to_compare() {
    let report = SampleRun::new(1, &[("base", Expect::Loss), ("a", Expect::Clean)])
        .baseline("base")
        .trial(1, "base", |trial| trial.stalled = Some("the progress deadline was exceeded"))
        .trial(1, "a", |_| ())
        .finished()
        .report();
    let found = of(&report, "a", Metric::RolloutS);
    assert_eq!((found.blocks, found.difference), (0, None));
    assert_eq!(of(&report, "a", Metric::P99DuringUs).blocks, 1);
}

#[test]
fn one_block_is_answered_with_a_clear_sentence() {
    let report = family(1, &[8, 0]).finished().report();
    let difference = of(&report, "a", Metric::Lost).difference.unwrap();
    assert_eq!((difference.low, difference.high, difference.level), (None, None, None));
    let page = to_markdown(&report);
    assert!(page.contains("8.0 fewer lost a rollout, p = 0.500 (sign-flip, one-sided, less, 1 block)"), "{page}");
    let summary = unwrapped(&report);
    assert!(
        summary.contains("fewer requests a rollout than base (p = 0.500) and takes as long. Only observed: so few"),
        "{summary}"
    );
}

#[test]
fn a_repeat_is_compared_in_the_block_of_the_trial_that_it_repeats() {
    // The baseline loses ten times the block's number, the variant the number. Block 2's trial of the variant is spoilt.
    let mut run = SampleRun::new(3, &[("base", Expect::Loss), ("a", Expect::Clean)]).baseline("base");
    for (block, lost) in [(1, 1), (2, 2), (3, 3)] {
        run = run.trial(block, "base", |trial| trial.lost_times(10 * lost));
        run = run.trial(block, "a", |trial| {
            trial.lost_times(if block == 2 { 50 } else { lost });
            if block == 2 {
                trial.overflow(1);
            }
        });
    }
    let spoilt = run.clone().finished().report();
    assert_eq!(of(&spoilt, "a", Metric::Lost).blocks, 2);
    // -9 and -27.
    assert!(close(of(&spoilt, "a", Metric::Lost).difference.map(|found| found.estimate), -18.0));
    let repeated = run.trial(2, "a", |trial| trial.lost_times(2)).finished().report();
    let found = of(&repeated, "a", Metric::Lost);
    let difference = found.difference.unwrap();
    assert_eq!((found.blocks, difference.low, difference.high), (3, Some(-27.0), Some(-9.0)));
    assert!(close(Some(difference.estimate), -18.0));
    let states: Vec<State> = repeated.variants[1].trials_list.iter().map(|trial| trial.state).collect();
    assert_eq!(states, [State::Counts, State::Invalid, State::Counts, State::Counts]);
}

/// One clean variant and the control, which loses so many attempts in its two trials.
fn controlled(web: usize, control: [usize; 2]) -> ReportDoc {
    let mut run = SampleRun::new(2, &[("web", Expect::Clean), ("control", Expect::Loss)])
        .plan(|header| header.spec.settings.control = Some("control".to_owned()));
    for (block, lost) in (1..).zip(control) {
        run = run.trial(block, "web", |trial| trial.lost_times(web)).trial(block, "control", |t| t.lost_times(lost));
    }
    run.finished().report()
}

#[test]
fn a_control_that_loses_shows_that_a_loss_would_have_been_seen() {
    let seen = controlled(0, [0, 3]);
    assert_eq!((seen.verdict, seen.control_seen, seen.sensitivity_shown), (Verdict::Pass, Some(true), true));
    assert!(seen.notes.iter().any(|note| note.starts_with("sensitivity was shown")), "{:?}", seen.notes);
    assert_eq!(controlled(1, [0, 3]).verdict, Verdict::Fail);
}

#[test]
fn a_control_that_loses_nothing_leaves_no_variant_clean_and_hides_no_loss() {
    let blind = controlled(0, [0, 0]);
    let web = &blind.variants[0];
    assert_eq!(
        (blind.verdict, web.verdict, blind.control_seen),
        (Verdict::Inconclusive, Verdict::Inconclusive, Some(false))
    );
    assert!(web.reason.contains("--control failed"), "{}", web.reason);
    assert_eq!(controlled(1, [0, 0]).verdict, Verdict::Fail);
}

#[test]
fn the_control_is_compared_with_nothing_and_costs_the_others_nothing() {
    let mut run = SampleRun::new(5, &[("base", Expect::Loss), ("a", Expect::Clean), ("control", Expect::Loss)])
        .baseline("base")
        .plan(|header| header.spec.settings.control = Some("control".to_owned()));
    for block in 1..=5 {
        run = run.trial(block, "base", |trial| trial.lost_times(8)).trial(block, "a", |_| ());
        run = run.trial(block, "control", |trial| trial.lost_times(20));
    }
    let report = run.finished().report();
    assert!(report.comparison.iter().all(|found| found.variant == "a"));
    assert_eq!(of(&report, "a", Metric::Lost).conclusion, Some(Conclusion::Shown));
}

#[test]
fn a_run_whose_time_was_used_up_says_so_and_does_not_pass_as_clean() {
    let why = "the time budget of 60 s was used up after block 1, so that no further one was begun";
    let report =
        SampleRun::new(2, &[("web", Expect::Clean)]).trial(1, "web", |_| ()).ended(EndReason::Finished, why).report();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.notes.iter().any(|note| note.contains(why)), "{:?}", report.notes);
}

#[test]
fn several_variants_without_a_baseline_are_told_that_nothing_is_compared() {
    let notes = |run: SampleRun| run.finished().report().notes.join(" ");
    let two =
        || SampleRun::new(1, &[("a", Expect::Loss), ("b", Expect::Clean)]).trial(1, "a", |trial| _ = trial.lost());
    assert!(notes(two()).contains("names no baseline, so nothing is compared"));
    assert!(!notes(two().baseline("a")).contains("nothing is compared"));
}

#[test]
fn five_blocks_show_a_cure() {
    let report = SampleRun::blocks(CURE, &[(8, 0), (9, 0), (7, 0), (8, 0), (9, 0)]).report();
    let found = &report.comparison[0];
    assert_eq!(
        (found.alternative, found.blocks, found.conclusion),
        (Some(Alternative::Less), 5, Some(Conclusion::Shown))
    );
    assert_eq!((found.p_value, found.difference.unwrap().estimate), (Some(0.031_25), -8.2));
    assert_eq!(report.verdict, Verdict::Pass);
    let same = SampleRun::blocks(CURE, &[(1, 1), (0, 2), (1, 0), (2, 1), (0, 0)]).report();
    assert_eq!(same.comparison[0].conclusion, Some(Conclusion::NotShown));
}

#[test]
fn a_plan_that_could_not_show_it_only_observes() {
    let few = SampleRun::blocks(CURE, &[(8, 0); 4]).report();
    assert_eq!((few.comparison[0].conclusion, few.comparison[0].p_value), (Some(Conclusion::Observed), Some(0.062_5)));
    let alike = (Expect::Loss, Expect::Loss);
    assert_eq!(SampleRun::blocks(alike, &[(8, 1); 5]).report().comparison[0].conclusion, Some(Conclusion::Observed));
    let six = SampleRun::blocks(alike, &[(8, 1); 6]).report();
    let found = &six.comparison[0];
    assert_eq!((found.alternative, found.conclusion), (Some(Alternative::TwoSided), Some(Conclusion::Shown)));
    let worse = SampleRun::blocks((Expect::Clean, Expect::Loss), &[(0, 3); 5]).report();
    assert_eq!(worse.comparison[0].alternative, Some(Alternative::Greater));
    assert_eq!(worse.comparison[0].conclusion, Some(Conclusion::Shown));
}

#[test]
fn only_blocks_in_which_both_count_are_compared_and_a_repeat_takes_its_place() {
    let run = |repeat: bool| {
        let mut run = SampleRun::blocks(CURE, &[(8, 0); 4]).plan(|header| header.spec.settings.trials = 5);
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
    let run =
        SampleRun::new(1, &two).trial(1, "without", |trial| _ = trial.lost()).trial(1, "with", nothing).finished();
    assert!(run.report().comparison.is_empty());
    let apart = SampleRun::new(1, &two).baseline("without").trial(1, "with", nothing).finished().report();
    let found = &apart.comparison[0];
    assert_eq!((found.blocks, found.p_value, found.difference), (0, None, None));
}
