//! The record put in order: for each trial its window, what its attempts came to, its latencies, its pods, and how long routing
//! went on leading to those that were going.
//!
//! Pure: entries come in one by one and summaries come out. Memory is one trial's attempts. It must not know how a trial
//! is judged or reported.

mod collect;
mod connections;
mod counts;
mod course;
mod derive;
mod distribution;
mod edge;
mod gaps;
mod lag;
mod lateness;
mod life;
mod pod_edge;
mod pod_tracker;
mod serving;
mod tracked_pods;
mod trial;
mod unselected;
mod window;

pub use collect::{Collector, Timeline};
pub use counts::Counts;
pub use course::{Bin, Course};
pub use distribution::Distribution;
pub use edge::{Basis, Edge};
pub use lag::{PodLag, PropagationLags};
pub use lateness::Lateness;
pub use life::PodLife;
pub use pod_edge::PodEdge;
pub use serving::Serving;
pub use trial::{Failure, Trial};
pub use unselected::{Mismatch, Unselected};
pub use window::{Phase, Window};

/// Why a record could not be put in order.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    /// A histogram could not be decoded.
    #[error(
        "reading the histogram of {what} of trial {trial}: {reason}; expected an HdrHistogram V2 encoding in base64; the \
         record was changed or damaged after it was written, restore it from a copy or run again"
    )]
    Histogram {
        /// `a pulse` or `a punctuality line`.
        what: &'static str,
        /// The trial.
        trial: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// A trial is of a variant that was not planned.
    #[error(
        "reading the start of trial {trial}: its variant `{variant}` is none of the header's; expected {known}; the \
         record was changed after it was written, restore it from a copy or run again"
    )]
    UnknownVariant {
        /// The trial.
        trial: u32,
        /// The variant.
        variant: String,
        /// The header's variants.
        known: String,
    },
    /// A trial begins twice.
    #[error(
        "reading the start of trial {trial}: there was one already; expected each number once; the record was changed \
         after it was written, restore it from a copy or run again"
    )]
    TrialTwice {
        /// The trial.
        trial: u32,
    },
}
