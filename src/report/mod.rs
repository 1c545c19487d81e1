//! From a timeline to a report: one view model, and writers that compute nothing.
//!
//! Every number that a person or a program sees comes from [`ReportDoc`], which is made from the record alone: no clock
//! and no environment is read, so the same record gives the same bytes.

mod build;
mod causes;
mod compared;
mod comparison;
mod doc;
mod doc_compared;
mod escape;
mod first_lost;
mod hlog;
mod incident;
mod json;
mod junit;
mod lag;
mod markdown;
mod page;
mod terminal;
mod variant;
mod words;

use std::io::BufRead;
use std::path::Path;

pub use build::build;
pub use doc::{
    ArmDoc, ClusterDoc, DetectionLimit, EdgeDoc, EvidenceDoc, FORMAT, HarnessDoc, IncidentDoc, LagDoc, LatencyDoc,
    Median, PodDoc, PropagationDoc, PropagationValues, Quantiles, ReportDoc, TrialDoc, VariantDoc,
};
pub use doc_compared::{ComparisonDoc, Difference, LostAnythingDoc, Test};
pub use escape::{html, markdown};
pub use first_lost::FirstLost;
pub use hlog::render as to_hlog;
pub use incident::{NoIncident, incident_page};
pub use json::{render as to_json, schema};
pub use junit::render as to_junit;
pub use markdown::render as to_markdown;
pub use terminal::render as to_terminal;
pub use words::{one_line, patch_file, probability};
// What the writers of other layers share with those here.
pub(crate) use compared::{comparison_lines, conclusion, interval, signed};
pub(crate) use first_lost::{errno_name, stage_words};
pub(crate) use words::{expect_name, is_invisible, lag_words, limits_words, micros, seconds};

use crate::record::{ReadError, Reader};
use crate::timeline::{Collector, Timeline, TimelineError};

/// Why a record gave no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its entries do not fit together.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
}

/// Reads the record at `path` and makes its report.
///
/// # Errors
/// The record cannot be read, or its entries do not fit together.
pub fn of_file(path: &Path) -> Result<ReportDoc, ReportError> {
    of_record(Reader::open(path)?)
}

/// Makes the report of a record that is being read.
///
/// # Errors
/// The record cannot be read on, or its entries do not fit together.
pub fn of_record<R: BufRead>(reader: Reader<R>) -> Result<ReportDoc, ReportError> {
    Ok(build(&timeline_of(reader)?))
}

/// Puts a record that is being read in order.
///
/// # Errors
/// The record cannot be read on, or its entries do not fit together.
pub fn timeline_of<R: BufRead>(mut reader: Reader<R>) -> Result<Timeline, ReportError> {
    let mut collector = Collector::new(reader.header().clone());
    for entry in reader.by_ref() {
        collector.push(entry?)?;
    }
    Ok(collector.finish(reader.is_cut())?)
}
