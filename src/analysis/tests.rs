//! What [`analyse`](super::analyse) makes of a whole record.

use super::{AnalysisError, Quantiles, ReportDoc, of_record};
use crate::hidden::Client;
use crate::record::entry::Entry;
use crate::record::sample::{SampleRun, SampleTrial};
use crate::record::{Arm, Outcome, Reader, Sum};
use crate::report::{to_json, to_markdown, unwrapped};
use crate::spec::Expect;
use crate::verdict::Verdict;

fn nothing(_: &mut SampleTrial) {}

fn one(change: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
    SampleRun::one(change).report()
}

fn read(bytes: &[u8]) -> Result<ReportDoc, AnalysisError> {
    Ok(of_record(Reader::new(bytes)?)?.report)
}

#[test]
fn what_common_clients_would_have_hidden_is_counted_over_the_lost_of_judged_arms() {
    let run = |method: &str| {
        SampleRun::new(1, &[("web", Expect::Loss)])
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
    let [summary, page] = [unwrapped(&get), to_markdown(&get)];
    for words in
        ["of 1004 lost", "1003 by Java and nginx; 1002 by proxies that repeat a failed connect; 1 by Go and curl"]
    {
        assert!(summary.contains(words) && page.contains(words), "{words}: {summary}");
    }
    assert!(summary.contains("; lost for reqwest, Go and curl, hidden by Java, nginx and proxies"), "{summary}");
    let none = one(|trial| _ = trial.other(Arm::New, Outcome::BodyReset, Sum::Lost, 1_000));
    assert!(unwrapped(&none).contains("of 1 lost, none would have been hidden"), "{none:?}");
    assert!(!unwrapped(&one(nothing)).contains("hidden"), "nothing was lost");
}

#[test]
fn one_variant_alone_says_that_sensitivity_was_not_shown() {
    let clean = one(nothing);
    assert!(!clean.sensitivity_shown && clean.comparison.is_empty());
    assert!(clean.notes.iter().any(|note| note.contains("does not show that it would have seen a loss")));
    let seen = SampleRun::new(1, &[("bad", Expect::Loss), ("good", Expect::Clean)])
        .baseline("bad")
        .trial(1, "bad", |trial| _ = trial.lost())
        .trial(1, "good", nothing)
        .finished()
        .report();
    assert!(seen.sensitivity_shown && seen.notes.is_empty(), "{:?}", seen.notes);
}

#[test]
fn a_record_cut_anywhere_is_read_as_far_as_it_goes_and_never_passes() {
    let bytes = SampleRun::new(2, &[("web", Expect::Clean)])
        .trial(1, "web", nothing)
        .trial(2, "web", nothing)
        .finished()
        .bytes();
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
    let report = SampleRun::new(2, &[("web", Expect::Loss)])
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
    let near = |quantiles: Option<Quantiles>, us: u64| {
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
    let late = SampleRun::new(1, &[("web", Expect::Clean)])
        .plan(|header| header.spec.settings.max_lag = std::time::Duration::from_secs(1))
        .trial(1, "web", |trial| trial.lag = Some((2, 400)))
        .finished()
        .report();
    assert_eq!(late.variants[0].detection_limit.gap_ms, Some(400.0), "a late send steps over a shorter gap");
    let kept_alive = SampleRun::new(1, &[("web", Expect::Clean)])
        .plan(|header| header.spec.variants[0].load.judged = vec![Arm::Reused])
        .trial(1, "web", nothing)
        .finished()
        .report();
    assert_eq!(kept_alive.variants[0].detection_limit.gap_ms, None);
}

#[test]
fn a_record_that_does_not_fit_itself_is_refused() {
    let run = || SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", nothing);
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
    let mut run = SampleRun::one(|trial| _ = trial.lost());
    run.entries.remove(0);
    let report = run.report();
    assert_eq!((report.verdict, report.variants[0].trials_list.len()), (Verdict::Inconclusive, 0));
    assert!(report.notes.iter().any(|note| note.contains("beginning")), "{:?}", report.notes);
}

#[test]
fn a_report_is_the_same_bytes_from_the_same_record() {
    let cured = (Expect::Loss, Expect::Clean);
    let bytes = || SampleRun::blocks(cured, &[(8, 0), (9, 0), (7, 0), (8, 0), (9, 0)]).bytes();
    let (first, second) = (read(&bytes()).unwrap(), read(&bytes()).unwrap());
    assert_eq!(to_json(&first), to_json(&second));
    insta::assert_snapshot!("report.json", to_json(&SampleRun::blocks(cured, &[(2, 0)]).report()));
    let back: ReportDoc = serde_json::from_str(&to_json(&first)).unwrap();
    assert_eq!(to_json(&back), to_json(&first));
}
