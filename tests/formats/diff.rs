//! Two runs compared: what is reported, what is refused, and how often equal runs are called different.

use libtest_mimic::Trial;
use rollproof::diff::{DiffDoc, DiffError, compare, schema, to_json, to_terminal};
use rollproof::record::header::Header;
use rollproof::record::sample::SampleRun;
use rollproof::rng::Rng;
use rollproof::spec::{Expect, RolloutAction};
use rollproof::stats::{holm, two_sample};
use rollproof::verdict::{Conclusion, Verdict};

use crate::sample::{hostile, mixed};
use crate::test;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("diff_a_difference_is_shown_by_enough_trials", None, a_difference_is_shown_by_enough_trials),
        test("diff_few_trials_cannot_show_anything", None, few_trials_cannot_show_anything),
        test("diff_runs_of_another_scenario_are_refused", None, runs_of_another_scenario_are_refused),
        test("diff_other_machines_are_told", None, other_machines_are_told),
        test("diff_other_bodies_and_patches_are_refused", None, other_bodies_and_patches_are_refused),
        test("diff_swapped_runs_are_noticed", None, swapped_runs_are_noticed),
        test("diff_a_cut_record_is_compared_as_far_as_it_goes", None, a_cut_record_is_compared),
        test("diff_the_schema_is_committed", None, the_schema_is_committed),
        test("diff_equal_runs_are_seldom_called_different", None, equal_runs_are_seldom_called_different),
    ]
}

/// The same plan, run an hour later.
pub(crate) fn again(run: &SampleRun) -> SampleRun {
    run.clone().plan(|header| header.started_unix_ns += 3_600_000_000_000)
}

pub(crate) fn compared(old: &SampleRun, new: &SampleRun) -> DiffDoc {
    attempt(old, new).unwrap()
}

fn attempt(old: &SampleRun, new: &SampleRun) -> Result<DiffDoc, DiffError> {
    compare(&old.analysis(), &new.analysis())
}

/// One variant, `web`, whose trials lose this many requests.
fn run(lost: &[usize]) -> SampleRun {
    let mut run = SampleRun::new(u32::try_from(lost.len()).unwrap(), &[("web", Expect::Clean)]);
    for (block, lost) in (1..).zip(lost) {
        run = run.trial(block, "web", |trial| trial.lost_times(*lost));
    }
    run.finished()
}

fn a_difference_is_shown_by_enough_trials() {
    let diff = compared(&run(&[5, 6, 7, 5]), &again(&run(&[0, 0, 0, 0])));
    let web = &diff.variants[0];
    assert_eq!((web.old.verdict, web.new.verdict), (Verdict::Fail, Verdict::Pass));
    assert_eq!((web.old.lost.as_slice(), web.new.trials_with_loss), ([5, 6, 7, 5].as_slice(), 0));
    assert_eq!(web.lost.conclusion, Conclusion::Shown);
    assert!((web.lost.p_value.unwrap() - 2.0 / 70.0).abs() < 1e-12, "{:?}", web.lost);
    assert!((web.lost.difference.unwrap().estimate + 5.75).abs() < 1e-9);
    let said = to_terminal(&diff);
    for words in [
        "5.8 fewer lost a rollout than before",
        "p = 0.029",
        "the difference is shown",
        "0 of 4 rollouts",
        "before 4 of 4",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("not interleaved") && said.contains("not paired"), "{said}");
    assert!(said.contains("rollout 0.0 s") && said.contains("pod-seconds 0.0"), "{said}");
    let equal = compared(&run(&[5, 6, 7, 5]), &again(&run(&[6, 5, 5, 7])));
    assert_eq!(equal.variants[0].lost.conclusion, Conclusion::NotShown);
    assert_eq!(to_json(&diff), to_json(&compared(&run(&[5, 6, 7, 5]), &again(&run(&[0, 0, 0, 0])))));
}

fn few_trials_cannot_show_anything() {
    for (old, new) in [(vec![9], vec![0]), (vec![9, 9, 9], vec![0, 0, 0])] {
        let diff = compared(&run(&old), &again(&run(&new)));
        let lost = &diff.variants[0].lost;
        assert_eq!(lost.conclusion, Conclusion::Observed);
        assert!(lost.smallest_p > 0.05, "{lost:?}");
        let said = to_terminal(&diff);
        assert!(said.contains("only observed: so few trials cannot show a difference"), "{said}");
    }
    let one = compared(&run(&[9]), &again(&run(&[0])));
    assert_eq!(one.variants[0].lost.difference.unwrap().level, None, "one trial leaves everything open");
    let none = compared(&run(&[9]), &again(&SampleRun::new(1, &[("web", Expect::Clean)]).finished()));
    assert_eq!(none.variants[0].lost.p_value, None);
    assert!(to_terminal(&none).contains("nothing can be compared"), "{}", to_terminal(&none));
}

fn runs_of_another_scenario_are_refused() {
    let refused = |change: fn(&mut Header), words: &str| {
        let other = again(&mixed()).plan(change);
        let error = attempt(&mixed(), &other).unwrap_err().to_string();
        assert!(error.contains("not of one scenario") && error.contains(words), "{words}: {error}");
    };
    refused(|header| header.spec.settings.scenario = "other".into(), "the scenario's name was sample and is other");
    refused(|header| header.spec.variants[1].load.rate = 50.0, "requests a second of with was 90 and is 50");
    refused(
        |header| header.spec.variants[1].rollout.action = RolloutAction::Scale { from: 2, to: 3 },
        "the rollout of with was restart and is scale from 2 to 3",
    );
    refused(
        |header| header.spec.variants[0].load.requests[0].path = "/x".parse().unwrap(),
        "were GET / and are GET /x",
    );
    let fewer = again(&SampleRun::new(1, &[("with", Expect::Clean), ("new", Expect::Clean)]));
    let error = attempt(&mixed(), &fewer).unwrap_err().to_string();
    assert!(error.contains("only the old run has variant short, without"), "{error}");
    assert!(error.contains("only the new run has variant new"), "{error}");
    let same = attempt(&mixed(), &mixed()).unwrap_err().to_string();
    assert!(same.contains("both records are of the run that began at"), "{same}");
    assert!(attempt(&hostile(), &again(&hostile())).is_ok(), "hostile names are compared as any others");
}

/// The same, with variants that send this body and are patched to this many replicas.
fn patched(run: &SampleRun, body: &str, replicas: u32) -> SampleRun {
    run.clone().plan(|header| {
        for variant in &mut header.spec.variants {
            body.clone_into(&mut variant.load.requests[0].body);
            let patch = serde_json::json!({"spec": {"replicas": replicas}});
            variant.rollout.action = RolloutAction::Patch { patch };
        }
    })
}

fn other_bodies_and_patches_are_refused() {
    let old = patched(&mixed(), "a", 2);
    assert!(attempt(&old, &again(&old)).is_ok());
    let refused = |new: &SampleRun, words: &str| {
        let error = attempt(&old, &again(new)).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    };
    refused(&patched(&mixed(), "b", 2), "the headers, bodies or expected statuses of the requests of with differ");
    refused(&patched(&mixed(), "a", 3), "the rollout of with, a patch, does not do the same");
}

fn swapped_runs_are_noticed() {
    let notes = compared(&again(&mixed()), &mixed()).notes.join("\n");
    assert!(notes.contains("the old run began later"), "{notes}");
}

fn other_machines_are_told() {
    let other = again(&mixed()).plan(|header| {
        header.cluster.kind = "kind".into();
        header.cluster.version = "v1.33".into();
        header.spec.variants[1].objects_mut().replicas = 3;
        header.spec.variants[1].objects_mut().manifests = vec![serde_json::json!({"kind": "Deployment"})];
    });
    let notes = compared(&mixed(), &other).notes.join("\n");
    for words in [
        "the kind of cluster was embedded and is kind",
        "the cluster's version was v1.34",
        "replicas of with was 2 and is 3",
        "the manifests of with differ",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert_eq!(compared(&mixed(), &again(&mixed())).notes.len(), 1, "alike but for the hour");
}

fn a_cut_record_is_compared() {
    let whole = run(&[1, 1, 1, 1]);
    let mut cut = again(&whole);
    cut.entries.truncate(cut.entries.len() * 3 / 4);
    let diff = compared(&whole, &cut);
    assert!(diff.notes[0].contains("the new run has a record that is cut"), "{:?}", diff.notes);
    assert!(diff.variants[0].new.trials < 4 && diff.new.verdict != Verdict::Pass);
}

fn the_schema_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/diff.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == text, "docs/diff.schema.json is stale: run this test with UPDATE_SCHEMA=1");
    let valid = |text: &str| jsonschema::is_valid(&schema(), &serde_json::from_str(text).unwrap());
    let good = to_json(&compared(&mixed(), &again(&mixed())));
    assert!(valid(&good) && !valid(&good.replace("\"trials\"", "\"trails\"")));
}

/// Runs whose trials are drawn from one distribution are called different in at most 5 % of pairs, whichever the distribution and
/// the number of variants: with the slack of a binomial count at one in a million. Without Holm's adjustment three variants are not.
fn equal_runs_are_seldom_called_different() {
    const RUNS: usize = 2_000;
    // 5 % of 2,000 is 100, with a standard deviation of 9.7; 1e-6 is 4.75 of them.
    const MOST: usize = 147;
    let draws: [fn(&mut Rng) -> i64; 3] = [
        |rng| i64::from(rng.below(10) == 0),
        |rng| i64::try_from(rng.below(1_000)).unwrap(),
        |rng| {
            if rng.below(5) == 0 {
                200 + i64::try_from(rng.below(50)).unwrap()
            } else {
                8 + i64::try_from(rng.below(3)).unwrap()
            }
        },
    ];
    let mut rng = Rng::stream(7, "equal-runs");
    for (index, draw) in draws.into_iter().enumerate() {
        for variants in [1, 3] {
            let (mut called, mut unadjusted) = (0, 0);
            for _ in 0..RUNS {
                let mut group = |count: usize| (0..count).map(|_| draw(&mut rng)).collect::<Vec<i64>>();
                let p: Vec<f64> = (0..variants).map(|_| two_sample(&group(6), &group(6)).unwrap().p_value).collect();
                called += usize::from(holm(&p).iter().any(|p| *p <= 0.05));
                unadjusted += usize::from(p.iter().any(|p| *p <= 0.05));
            }
            assert!(called <= MOST, "distribution {index}, {variants} variants: {called} of {RUNS}");
            if variants == 3 && index > 0 {
                assert!(unadjusted > MOST, "without the adjustment it is seen: {unadjusted} of {RUNS}");
            }
        }
    }
}
