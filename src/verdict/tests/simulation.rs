//! What comparisons claim, checked on simulated runs: through `compare` itself, with fixed seeds.

use crate::record::entry::{Entry, TrialStart};
use crate::record::header::Header;
use crate::record::sample::SampleRun;
use crate::rng::Rng;
use crate::spec::{Expect, VariantSpec};
use crate::stats::{LEVEL, blocks_that_suffice, power};
use crate::timeline::{Collector, Counts, Trial};
use crate::verdict::{Comparison, Conclusion, Judged, Judgement, Side, State, compare};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Simulated runs of each case.
const RUNS: u64 = 2_000;
/// How seldom a case may fail although what it checks is true.
const SLIP: f64 = 1e-6;

/// Lost attempts of a trial, drawn by a distribution; the second argument is the block's own level, which all its trials share.
type Draw = fn(&mut Rng, f64) -> u64;

/// Mostly nothing, else a few.
fn zero_inflated(rng: &mut Rng, _: f64) -> u64 {
    if rng.unit() < 0.6 { 0 } else { 1 + rng.below(8) as u64 }
}

/// A geometric number, whose variance is far above its mean, the mean rising with the block's level.
fn overdispersed(rng: &mut Rng, level: f64) -> u64 {
    let mean = 1.0 + 30.0 * level;
    let mut lost = 0;
    while lost < 1_000 && rng.unit() > 1.0 / (1.0 + mean) {
        lost += 1;
    }
    lost
}

/// Nearly always the same.
fn equal(rng: &mut Rng, level: f64) -> u64 {
    if level < 0.5 { 9 } else { 9 + rng.below(2) as u64 }
}

/// Anything, so that ties are rare.
fn wide(rng: &mut Rng, level: f64) -> u64 {
    rng.below(if level < 0.5 { 500 } else { 5_000 }) as u64
}

fn header(expect: Expect) -> Header {
    SampleRun::new(1, &[("web", expect)]).header
}

/// One trial of each block, as the record shows it: what was lost in it is put in later.
fn trials(blocks: u32) -> Vec<Trial> {
    let mut collector = Collector::new(header(Expect::Clean));
    for number in 1..=blocks {
        let (variant, namespace) = ("web".to_owned(), "web".to_owned());
        let start =
            TrialStart { at_ns: u64::from(number), trial: number, block: number, variant, namespace, node_ports: None };
        collector.push(Entry::TrialStart(start)).unwrap();
    }
    collector.finish(false).unwrap().trials
}

fn judgement(lost: u64) -> Judgement {
    let counts = Counts { lost, ..Counts::default() };
    Judgement { state: State::Counts, reason: String::new(), counts, loss: lost }
}

/// Compares variants with the first, which is the baseline. `expect` and `draw` are theirs, in order.
fn run(rng: &mut Rng, trials: &[Trial], variants: &[(Expect, Draw)]) -> Vec<Comparison> {
    let levels: Vec<f64> = trials.iter().map(|_| rng.unit()).collect();
    let headers: Vec<VariantSpec> =
        variants.iter().map(|(expect, _)| header(*expect).spec.variants.remove(0)).collect();
    let judgements: Vec<Vec<Judgement>> =
        variants.iter().map(|(_, draw)| levels.iter().map(|level| judgement(draw(rng, *level))).collect()).collect();
    let all: Vec<Vec<Judged<'_>>> = judgements
        .iter()
        .map(|of_variant| of_variant.iter().zip(trials).map(|(one, trial)| one.of(trial)).collect())
        .collect();
    let sides: Vec<Side<'_>> = headers.iter().zip(&all).map(|(variant, trials)| Side { variant, trials }).collect();
    compare(sides[0], &sides[1..], u32::try_from(trials.len()).unwrap())
}

/// In how many runs any variant was called different.
fn called_different(blocks: u32, variants: &[(Expect, Draw)]) -> u64 {
    let mut rng = Rng::stream(11, "simulation");
    let shown = |found: &Comparison| found.conclusion == Conclusion::Shown;
    let trials = trials(blocks);
    (0..RUNS).filter(|_| run(&mut rng, &trials, variants).iter().any(shown)).count() as u64
}

/// The most of [`RUNS`] that an event of this probability reaches, but for [`SLIP`].
fn most(probability: f64) -> u64 {
    Binomial::new(probability, RUNS).unwrap().inverse_cdf(1.0 - SLIP)
}

fn least(probability: f64) -> u64 {
    Binomial::new(probability, RUNS).unwrap().inverse_cdf(SLIP)
}

#[test]
fn equal_variants_are_called_different_no_more_often_than_the_level_says() {
    let expectations = [
        vec![Expect::Loss, Expect::Clean],
        vec![Expect::Loss, Expect::Loss],
        vec![Expect::Loss, Expect::Clean, Expect::Loss, Expect::Clean],
    ];
    let draws: [(&str, Draw); 4] =
        [("zero-inflated", zero_inflated), ("overdispersed", overdispersed), ("equal", equal), ("wide", wide)];
    for expected in &expectations {
        for (name, draw) in draws {
            let variants: Vec<(Expect, Draw)> = expected.iter().map(|expect| (*expect, draw)).collect();
            let called = called_different(8, &variants);
            assert!(
                called <= most(LEVEL),
                "{name}, {expected:?}: {called} of {RUNS}, expected at most {}",
                most(LEVEL)
            );
        }
    }
}

/// Without Holm's adjustment the same simulation would find three equal variants different too often.
#[test]
fn the_simulation_would_notice_a_missing_adjustment() {
    let mut rng = Rng::stream(11, "simulation");
    let variants: [(Expect, Draw); 4] =
        [(Expect::Loss, wide), (Expect::Clean, wide), (Expect::Clean, wide), (Expect::Clean, wide)];
    let alone = |found: &Comparison| found.p_value.is_some_and(|p| p <= LEVEL);
    let called = (0..RUNS).filter(|_| run(&mut rng, &trials(8), &variants).iter().any(alone)).count() as u64;
    assert!(called > most(LEVEL), "{called} of {RUNS}");
}

#[test]
fn a_variant_that_loses_fewer_in_enough_blocks_is_shown_for_certain() {
    fn never(_: &mut Rng, _: f64) -> u64 {
        0
    }
    fn always(rng: &mut Rng, level: f64) -> u64 {
        1 + overdispersed(rng, level)
    }
    for others in [0, 1, 2, 4] {
        let blocks = blocks_that_suffice(1 + others, false);
        let mut rng = Rng::stream(12, "simulation");
        let mut variants: Vec<(Expect, Draw)> = vec![(Expect::Loss, always), (Expect::Clean, never)];
        // The others do not differ from the baseline: they help nothing.
        variants.extend(vec![(Expect::Clean, always as Draw); others]);
        for _ in 0..200 {
            let found = run(&mut rng, &trials(blocks), &variants);
            assert_eq!(found[0].conclusion, Conclusion::Shown, "{found:?}");
        }
        let fewer = run(&mut rng, &trials(blocks - 1), &variants);
        assert_eq!(fewer[0].conclusion, Conclusion::Observed, "one block fewer can show nothing");
    }
}

#[test]
fn a_true_difference_is_found_with_the_power_that_the_plan_claims() {
    fn never(_: &mut Rng, _: f64) -> u64 {
        0
    }
    fn mostly(rng: &mut Rng, _: f64) -> u64 {
        if rng.unit() < 0.9 { 1 + rng.below(20) as u64 } else { 0 }
    }
    for (blocks, others) in [(5, 0), (6, 0), (8, 0), (8, 2)] {
        let mut variants: Vec<(Expect, Draw)> = vec![(Expect::Loss, mostly), (Expect::Clean, never)];
        variants.extend(vec![(Expect::Clean, mostly as Draw); others]);
        let trials = trials(blocks);
        let mut rng = Rng::stream(13, "simulation");
        let shown = |found: &[Comparison]| found[0].conclusion == Conclusion::Shown;
        let found = (0..RUNS).filter(|_| shown(&run(&mut rng, &trials, &variants))).count() as u64;
        let claimed = power(blocks, 1 + others, false, 0.9);
        assert!(found >= least(claimed), "{blocks} blocks: {found} of {RUNS}, claimed {claimed}");
        if others == 0 {
            assert!(found <= most(claimed), "alone the claim is exact: {blocks} blocks, {found}, {claimed}");
        }
    }
}
