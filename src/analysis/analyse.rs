//! From a record to its analysis.

use std::io::BufRead;
use std::path::Path;

use super::build::build;
use super::doc::ReportDoc;
use crate::diagnose::{Diagnosis, diagnose};
use crate::record::header::Header;
use crate::record::sample::SampleRun;
use crate::record::{Reader, RecordReadError};
use crate::spec::VariantSpec;
use crate::timeline::{Collector, Timeline, TimelineError};
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

/// Why a record could not be analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] RecordReadError),
    /// Its entries do not fit together.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
}

/// Analyses the record at `path`.
///
/// # Errors
/// The record cannot be read, or its entries do not fit together.
pub fn of_file(path: &Path) -> Result<Analysis, AnalysisError> {
    of_record(Reader::open(path)?)
}

/// Analyses a record from its first entry to its last.
///
/// # Errors
/// The record cannot be read on, or its entries do not fit together.
pub fn of_record<R: BufRead>(mut reader: Reader<R>) -> Result<Analysis, AnalysisError> {
    let mut collector = Collector::new(reader.header().clone());
    for entry in reader.by_ref() {
        collector.push(entry?)?;
    }
    Ok(analyse(collector.finish(reader.is_cut())?))
}

#[doc(hidden)]
#[expect(clippy::must_use_candidate, clippy::unwrap_used, reason = "only tests use it")]
impl SampleRun {
    pub fn analysis(&self) -> Analysis {
        of_record(Reader::new(self.bytes().as_slice()).unwrap()).unwrap()
    }

    pub fn report(&self) -> ReportDoc {
        self.analysis().report
    }
}
