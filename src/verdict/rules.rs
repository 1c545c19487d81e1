//! The verdict table: from counting trials to a variant's verdict, and from variants to the run's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plural;
use super::state::{Judged, State};
use crate::record::entry::EndReason;
use crate::record::{Arm, Outcome};
use crate::spec::{Door, Expect, LoadSpec, RequestSpec, VariantSpec};
use crate::timeline::Timeline;

/// Judged attempts for each pod that may be there at once, below which a trial shows no clean variant: one that goes to a
/// given pod is missed by so many with a chance of e^-3, 5 %.
const ATTEMPTS_PER_POD: u64 = 3;

/// A verdict, in the order in which one outranks another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What was expected was seen.
    Pass,
    /// The run cannot say.
    Inconclusive,
    /// What was expected was not so.
    Fail,
}

impl Verdict {
    /// Its word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

/// A verdict and why, in a sentence without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// How the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All trials were run.
    Finished,
    /// A signal ended it.
    Interrupted,
    /// An error ended it.
    Failed,
    /// The record ends before the run does.
    Cut,
}

impl Ending {
    /// How the run of a timeline ended.
    #[must_use]
    pub fn of(timeline: &Timeline) -> Self {
        match timeline.end.as_ref().map(|end| end.reason) {
            // Lines after the end of the run do not make it more complete.
            Some(EndReason::Finished) if timeline.cut => Self::Cut,
            Some(EndReason::Finished) => Self::Finished,
            Some(EndReason::Interrupted) => Self::Interrupted,
            Some(EndReason::Failed) => Self::Failed,
            None => Self::Cut,
        }
    }

    /// As the end of the sentence "the run ...".
    const fn words(self) -> &'static str {
        match self {
            Self::Finished => "was finished",
            Self::Interrupted => "was interrupted",
            Self::Failed => "ended with an error",
            Self::Cut => "is recorded only in part",
        }
    }
}

/// The verdict of a variant of which `planned` trials were to count. Where the control was not seen to lose anything
/// (`control_failed`), no variant is shown to be clean; a loss that was seen stays one. `beside` is another variant that lost something
/// under the same load.
#[must_use]
pub fn of_variant(
    variant: &VariantSpec,
    trials: &[Judged<'_>],
    planned: u32,
    control_failed: bool,
    beside: Option<&str>,
) -> Ruling {
    let counting: Vec<&Judged<'_>> = trials.iter().filter(|judged| judged.state == State::Counts).collect();
    match variant.expect {
        Expect::Clean => clean(variant, &counting, planned, control_failed),
        Expect::Loss => loss(&counting, beside),
    }
}

fn clean(variant: &VariantSpec, counting: &[&Judged<'_>], planned: u32, control_failed: bool) -> Ruling {
    let allowed = variant.lost_at_most;
    let over = counting.iter().filter(|judged| judged.loss > allowed).count() as u64;
    let lost: u64 = counting.iter().map(|judged| judged.loss).sum();
    let rollouts = plural(counting.len() as u64, "rollout");
    if over > 0 {
        let worst = counting.iter().map(|judged| judged.loss).max().unwrap_or(0);
        let limit = if allowed == 0 {
            String::new()
        } else {
            format!("; at most {allowed} in each were allowed, and the worst lost {worst}")
        };
        let reason = format!("{} lost, in {over} of {rollouts}{limit}", plural(lost, "attempt"));
        return Ruling { verdict: Verdict::Fail, reason };
    }
    let pods = u64::from(variant.replicas()) + u64::from(variant.surge());
    let mut doubts = doubts(&variant.load, counting, planned.max(1), pods.max(1));
    doubts.extend(never_carried(variant, counting));
    doubts.extend(led_elsewhere(variant, counting));
    if control_failed {
        doubts.push("--control failed: a server that exits at once was not seen to lose anything, so this run would miss a loss".to_owned());
    }
    if !doubts.is_empty() {
        return Ruling { verdict: Verdict::Inconclusive, reason: doubts.join("; ") };
    }
    let what = if lost == 0 { "nothing".to_owned() } else { plural(lost, "attempt") };
    let reason = if allowed == 0 {
        format!("{what} lost in {rollouts}")
    } else {
        format!("{what} lost in {rollouts}; at most {allowed} in each were allowed")
    };
    Ruling { verdict: Verdict::Pass, reason }
}

/// What keeps a variant that lost no more than it may from passing.
fn doubts(load: &LoadSpec, counting: &[&Judged<'_>], planned: u32, pods: u64) -> Vec<String> {
    let mut doubts = Vec::new();
    let count = counting.len() as u64;
    if count < u64::from(planned) {
        doubts.push(format!("{count} of {} count", plural(u64::from(planned), "trial")));
    }
    let deferred: u64 = counting.iter().map(|judged| judged.counts.outcome(Outcome::Deferred)).sum();
    if deferred > 0 {
        doubts.push(format!("{} deferred because no connection came free", plural(deferred, "judged attempt")));
    }
    let stalled = counting.iter().filter_map(|judged| judged.trial.end.as_ref()).find(|end| !end.complete);
    if let Some(end) = stalled {
        let why = if end.reason.is_empty() { "no reason was recorded" } else { &end.reason };
        doubts.push(format!("a rollout did not complete: {why}"));
    }
    if counting.iter().any(|judged| judged.counts.ok == 0) {
        doubts.push("in a trial no judged attempt was answered".to_owned());
    }
    let least = ATTEMPTS_PER_POD * pods;
    let answered = || counting.iter().filter(|judged| judged.counts.ok > 0);
    let mut too_few = |fewest: Option<u64>, at: &str| {
        if let Some(fewest) = fewest.filter(|fewest| *fewest < least) {
            doubts.push(format!(
                "a trial had only {}{at}; with up to {pods} pods, fewer than {least} are likely to miss one of them",
                plural(fewest, "judged attempt"),
            ));
        }
    };
    if !load.has_both_doors() {
        too_few(answered().map(|judged| judged.counts.attempts()).min(), "");
        return doubts;
    }
    let is_judged = |door: &Door| load.judged.iter().any(|arm| load.uses_at(*arm, *door));
    for door in load.doors().filter(is_judged) {
        let fewest = answered().map(|judged| judged.at_door(load, door).attempts()).min();
        too_few(fewest, &format!(" at {}", door.words()));
    }
    doubts
}

/// A kind of request that belongs to the load, and of which a trial carried none on a judged arm once its rollout had begun: nothing is
/// known of it.
fn never_carried(variant: &VariantSpec, counting: &[&Judged<'_>]) -> Option<String> {
    let load = &variant.load;
    let judged = |request: &RequestSpec| {
        let on_judged = |(arm, weight): &(Arm, f64)| *weight > 0.0 && load.judged.contains(arm);
        request.share > 0.0 && request.arms.iter().any(on_judged)
    };
    let missing = |kind: u16| {
        let carried = |one: &&Judged<'_>| one.trial.carried_kinds(&load.judged).contains(&kind);
        counting.iter().any(|one| one.counts.ok > 0 && !carried(one))
    };
    let kinds = load.requests.iter().zip(0_u16..).filter(|(request, _)| judged(request));
    kinds.into_iter().find(|(_, kind)| missing(*kind)).map(|(request, _)| {
        let (method, path) = (&request.method, request.path.path());
        let door = load.door_suffix(request);
        format!("in a trial no {method} {path}{door} was carried during or after the rollout: give it a larger share, or send more requests a second")
    })
}

/// A Service leads to the workload by its selector. Of a URL only the answers to requests that go there show that.
fn led_elsewhere(variant: &VariantSpec, counting: &[&Judged<'_>]) -> Option<String> {
    let door = variant.load.url.as_ref()?;
    counting.iter().any(|judged| !judged.trial.names_answer).then(|| {
        format!(
            "in a trial no answer named a pod of {} in the header {}, so nothing shows that {} leads to it",
            variant.workload(),
            variant.load.pod_header,
            door.url
        )
    })
}

fn loss(counting: &[&Judged<'_>], beside: Option<&str>) -> Ruling {
    let with = counting.iter().filter(|judged| judged.loss > 0).count();
    let rollouts = plural(counting.len() as u64, "rollout");
    if with > 0 {
        let reason = format!("something lost in {with} of {rollouts}, as expected");
        return Ruling { verdict: Verdict::Pass, reason };
    }
    let expected = if counting.is_empty() {
        "no trial counts, and a loss was expected".to_owned()
    } else {
        format!("nothing lost in {rollouts}, and a loss was expected")
    };
    let reason = match beside {
        Some(other) => format!("{expected}; {other} lost something under the same load"),
        None if counting.is_empty() => expected,
        None => format!("{expected}: this run could not have seen one"),
    };
    Ruling { verdict: Verdict::Inconclusive, reason }
}

/// The run's verdict from its variants' names and rulings: the one that outranks the others. A run that was not
/// finished never passes.
#[must_use]
pub fn of_run(variants: &[(&str, Ruling)], ending: Ending) -> Ruling {
    let verdict = variants.iter().map(|(_, ruling)| ruling.verdict).max().unwrap_or(Verdict::Inconclusive);
    if verdict == Verdict::Pass && ending != Ending::Finished {
        return Ruling { verdict: Verdict::Inconclusive, reason: format!("the run {}", ending.words()) };
    }
    let named = variants.iter().filter(|(_, ruling)| ruling.verdict == verdict);
    let reasons: Vec<String> = named.map(|(name, ruling)| format!("{name}: {}", ruling.reason)).collect();
    let reason = if reasons.is_empty() { "the run has no variant".to_owned() } else { reasons.join(". ") };
    Ruling { verdict, reason }
}
