//! What a plan can show, said before it starts.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::hooks;
use super::plan_comparison::ComparisonSummary;
use super::types::{RunPlan, VariantPlan};
use crate::record::Arm;
use crate::spec::{Expect, RolloutAction};
use crate::stats::{gap_ms, zero_upper_bound};

/// How long a pod takes to start and be ready, where its manifest says nothing: a guess for the estimate only.
const START: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanSummary {
    pub(crate) name: String,
    /// Trials of all variants together.
    pub(crate) trials: u32,
    /// The run's length if pods stop at once.
    pub(crate) shortest: Duration,
    /// The run's length if every pod takes as long to stop as its hook sleeps.
    pub(crate) longest: Duration,
    pub(crate) variants: Vec<VariantSummary>,
    /// What was decided for the user.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VariantSummary {
    pub(crate) name: String,
    pub(crate) expect: Expect,
    pub(crate) trials: u32,
    pub(crate) control: bool,
    /// What the comparison with the baseline can show; `None` if there is none.
    pub(crate) comparison: Option<ComparisonSummary>,
    /// The share of rollouts that lose something which no loss in all trials would leave possible, at 95 %.
    pub(crate) missed_share: f64,
    /// The shortest gap of one listener that a trial would see at 95 %; `None` where no judged arm makes connections.
    pub(crate) gap_ms: Option<f64>,
}

impl RunPlan {
    pub(crate) fn summary(&self) -> PlanSummary {
        let each = |length: &dyn Fn(&VariantPlan) -> Duration| {
            self.variants.iter().map(length).sum::<Duration>().saturating_mul(self.settings.trials)
        };
        PlanSummary {
            name: self.settings.scenario.clone(),
            trials: u32::try_from(self.order.len()).unwrap_or(u32::MAX),
            shortest: each(&|variant| self.trial_length(variant, Duration::ZERO)),
            longest: each(&|variant| self.longest(variant)),
            variants: (0..self.variants.len()).filter_map(|index| self.variant_summary(index)).collect(),
            notes: self
                .settings
                .notes
                .iter()
                .chain(&self.aside)
                .cloned()
                .chain(self.variants.iter().flat_map(unread_hooks))
                .chain(self.nothing_compared())
                .collect(),
        }
    }

    /// The length of a trial whose pods take as long to stop as their hooks sleep.
    pub(super) fn longest(&self, variant: &VariantPlan) -> Duration {
        self.trial_length(variant, pod_spec(variant).map_or(Duration::ZERO, hooks::stop_length))
    }

    fn trial_length(&self, variant: &VariantPlan, stop: Duration) -> Duration {
        self.settings.lead_in + rollout_length(variant, stop) + self.settings.tail
    }

    fn variant_summary(&self, index: usize) -> Option<VariantSummary> {
        let variant = self.variants.get(index)?;
        let judged = variant.spec.load.judged.contains(&Arm::New);
        let pods = variant.workload.replicas.saturating_add(variant.spec.surge());
        Some(VariantSummary {
            name: variant.spec.name.clone(),
            expect: variant.spec.expect,
            trials: self.settings.trials,
            control: self.control() == Some(index),
            comparison: self.compared(index),
            missed_share: zero_upper_bound(self.settings.trials),
            gap_ms: judged.then(|| gap_ms(pods, variant.spec.load.least_rate(Arm::New), 0.0)).flatten(),
        })
    }
}

/// How long a rollout and its way back, where there is one, take. Pods are replaced in steps of what surge and unavailability allow.
fn rollout_length(variant: &VariantPlan, stop: Duration) -> Duration {
    let at_once = variant.workload.surge.saturating_add(variant.workload.unavailable).max(1);
    let steps = match variant.spec.rollout.action {
        RolloutAction::Scale { .. } | RolloutAction::Evict { .. } => 1,
        _ => variant.workload.replicas.div_ceil(at_once),
    };
    let rollout = match variant.spec.rollout.action {
        RolloutAction::None { duration } => duration,
        _ => (START + readiness_delay(variant)).saturating_mul(steps).saturating_add(stop),
    };
    let rollout = rollout.min(variant.spec.rollout.timeout);
    let goes_back = match &variant.spec.rollout.action {
        RolloutAction::Image { .. } | RolloutAction::Patch { .. } | RolloutAction::Scale { .. } => true,
        RolloutAction::Command { back, .. } => back.is_some(),
        _ => false,
    };
    if goes_back { rollout.saturating_mul(2) } else { rollout }
}

fn pod_spec(variant: &VariantPlan) -> Option<&Value> {
    variant.workload_manifest().pointer("/spec/template/spec")
}

fn unread_hooks(variant: &VariantPlan) -> Vec<String> {
    let unread = pod_spec(variant).map(hooks::that_cannot_be_read).unwrap_or_default();
    unread.into_iter().map(|note| format!("variant {}: {note}", variant.spec.name)).collect()
}

fn readiness_delay(variant: &VariantPlan) -> Duration {
    let containers = pod_spec(variant).and_then(|spec| spec.get("containers")).and_then(Value::as_array);
    let delays = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.pointer("/readinessProbe/initialDelaySeconds").and_then(Value::as_u64));
    Duration::from_secs(delays.max().unwrap_or(0).min(600))
}

impl fmt::Display for PlanSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let trials = usize::try_from(self.trials).unwrap_or(usize::MAX);
        let variants = self.variants.len();
        writeln!(
            f,
            "{}: {} trial{} of {variants} variant{}, {}",
            self.name,
            self.trials,
            plural(trials),
            plural(variants),
            time_range(self.shortest, self.longest)
        )?;
        for variant in &self.variants {
            writeln!(f, "  {variant}")?;
        }
        for variant in &self.variants {
            let Some(compared) = &variant.comparison else { continue };
            write!(f, "  ")?;
            compared.describe(&variant.name, f)?;
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))
    }
}

impl fmt::Display for VariantSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expect = match self.expect {
            Expect::Clean => "clean",
            Expect::Loss => "loss",
        };
        write!(f, "{}: expected {expect}", self.name)?;
        if self.expect == Expect::Clean {
            let share = self.missed_share * 100.0;
            match self.trials {
                1 => write!(f, "; one trial without loss leaves room for {share:.0} % of rollouts to lose")?,
                trials => write!(f, "; {trials} trials without loss leave room for {share:.0} % of rollouts to lose")?,
            }
        }
        match self.gap_ms {
            Some(gap) => write!(f, "; shows listener gaps from {gap:.0} ms")?,
            None => write!(f, "; shows no listener gap, because no judged arm makes connections")?,
        }
        if self.control {
            write!(f, "; rollproof's own server, which must be seen to lose, else no variant is shown to be clean")?;
        }
        Ok(())
    }
}

fn time_range(shortest: Duration, longest: Duration) -> String {
    let minutes = |length: Duration| length.as_secs().div_ceil(60);
    match (minutes(shortest), minutes(longest)) {
        (0 | 1, 0 | 1) => "about a minute or less".to_owned(),
        (low, high) if low == high => format!("about {low} minutes"),
        (low, high) => format!("about {low} to {high} minutes"),
    }
}
