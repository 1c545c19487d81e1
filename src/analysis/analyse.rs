//! From a timeline to its analysis.

use super::build::build;
use super::doc::ReportDoc;
use crate::diagnose::{Diagnosis, diagnose};
use crate::record::header::Header;
use crate::spec::VariantSpec;
use crate::timeline::Timeline;
use crate::verdict::{Judged, Judgement, judge};

/// A record, analysed.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The record in order.
    pub timeline: Timeline,
    /// Why everything that was lost was lost.
    pub diagnosis: Diagnosis,
    /// The view model.
    pub report: ReportDoc,
    judgements: Vec<Judgements>,
}

/// The judgements on a variant's trials, each with the trial's place in the timeline.
type Judgements = Vec<(usize, Judgement)>;

/// Analyses a timeline.
#[must_use]
pub fn analyse(timeline: Timeline) -> Analysis {
    let variants = &timeline.header.spec.variants;
    let judgements: Vec<Judgements> = variants.iter().map(|variant| judge_all(&timeline, variant)).collect();
    let judged: Vec<Vec<Judged<'_>>> = judgements.iter().map(|all| judged_trials(&timeline, all)).collect();
    let diagnosis = diagnose(&timeline);
    let report = build(&timeline, &judged, &diagnosis);
    Analysis { timeline, diagnosis, report, judgements }
}

impl Analysis {
    /// What was planned.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.timeline.header
    }

    /// Each variant with its judged trials, in the header's order.
    pub fn variants(&self) -> impl Iterator<Item = (&VariantSpec, Vec<Judged<'_>>)> {
        let judged = self.judgements.iter().map(|all| judged_trials(&self.timeline, all));
        self.header().spec.variants.iter().zip(judged)
    }
}

fn judge_all(timeline: &Timeline, variant: &VariantSpec) -> Judgements {
    let max_lag_ms = timeline.header.spec.settings.max_lag_ms();
    let trials = timeline.trials.iter().enumerate().filter(|(_, trial)| trial.start.variant == variant.name);
    trials.map(|(place, trial)| (place, judge(trial, variant, max_lag_ms))).collect()
}

fn judged_trials<'a>(timeline: &'a Timeline, all: &'a Judgements) -> Vec<Judged<'a>> {
    let judged = all.iter().filter_map(|(place, judgement)| Some(judgement.of(timeline.trials.get(*place)?)));
    judged.collect()
}
