//! A record's analysis: one value that every output renders.
//!
//! [`analyse`] runs the diagnosis, the verdicts, the comparison and the advice once. Every number that a person or a program sees
//! comes from its [`Analysis`], which is made from the record alone: no clock and no environment is read, so the same record
//! gives the same bytes. It must not know how a report looks.
//!
//! - `analyse`: from a record to its analysis
//! - `doc`, `doc_compared`, `doc_doors`, `doc_incident`: the view model, `report.json` as types
//! - `build`: from a timeline, judged and explained, to the view model
//! - `said`: notes on what Kubernetes said
//! - `tests`: analyses of whole records
//! - `variant`, `causes`, `comparison`, `doors`, `lag`, `first_lost`: parts of it

mod analyse;
mod build;
mod causes;
mod comparison;
mod doc;
mod doc_compared;
mod doc_doors;
mod doc_incident;
mod doors;
mod first_lost;
mod lag;
mod said;
#[cfg(test)]
mod tests;
mod variant;

pub use crate::advice::Advice;
pub use analyse::{Analysis, AnalysisError, analyse, of_file, of_record};
pub use doc::{
    ArmDoc, ClusterDoc, ContainerDoc, DetectionLimit, EdgeDoc, FORMAT, HarnessDoc, LagDoc, LatencyDoc, Median, PodDoc,
    PropagationDoc, PropagationValues, Quantiles, ReportDoc, RequestLatencyDoc, TrialDoc, VariantDoc,
};
pub use doc_compared::{ComparisonDoc, Difference, LostAnythingDoc, Test};
pub use doc_doors::DoorDoc;
pub use doc_incident::{EvidenceDoc, IncidentDoc};
pub use first_lost::FirstLost;
// What the writers share with the view model.
pub(crate) use causes::{after_s, origin};
pub(crate) use first_lost::{asked, describe, errno_name, stage_words};
