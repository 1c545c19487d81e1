//! The record put in order: for each trial its window, what its attempts came to, its latencies, its pods, and how long
//! connections were still routed to terminating ones.
//!
//! Pure: entries come in one by one and summaries come out. Memory is one trial's attempts. It must not know how a trial
//! is judged or reported.
//!
//! - `collect`: takes a record's entries and leaves a timeline
//! - `connections`: new connections, by the pod that they reached
//! - `counts`: attempts by sum and outcome
//! - `course`: attempts bin by bin, for pictures
//! - `derive`: edges that nobody saw and that follow from others
//! - `distribution`: times added up from histograms
//! - `edge`: a moment between two stamps, and how it is known
//! - `gaps`: when a watch was blind
//! - `histogram_decoder`: decodes the record's histograms, within bounds
//! - `lag`: the propagation lag of each deleted pod
//! - `lag_tests`: lags as a report shows them
//! - `lateness`: how late a trial's own sends and watches were
//! - `life`: a pod's edges
//! - `proxy_pod`: pods of a proxy in front of the workload
//! - `neighbour`: endpoints of the Service that are not of the rolled workload
//! - `node_view`: a trial as the port of one node shows it
//! - `other_container`: the end of a container that does not serve
//! - `pod_edge`: the names of the edges
//! - `pod_lapse`: times without a ready endpoint or a running container
//! - `pod_tracker`: follows one pod through the record
//! - `said`: what Kubernetes said in Events
//! - `serving`: which container of a pod serves
//! - `tracked_pods`: the pods of all namespaces
//! - `trial`: one trial, gathered and summed up
//! - `trial_counts`: sums over a trial\'s attempts
//! - `unselected`: new pods that the Service does not select
//! - `window`: the phases of a trial

mod collect;
mod connections;
mod counts;
mod course;
mod derive;
mod distribution;
mod edge;
mod gaps;
mod histogram_decoder;
mod lag;
#[cfg(test)]
mod lag_tests;
mod lateness;
mod life;
mod neighbour;
mod node_view;
mod other_container;
mod pod_edge;
mod pod_lapse;
mod pod_tracker;
mod proxy_pod;
mod said;
mod serving;
mod tracked_pods;
mod trial;
mod trial_counts;
mod unselected;
mod window;

pub use collect::{Collector, Timeline};
pub use counts::Counts;
pub use course::{Bin, Course};
pub use distribution::Distribution;
pub use edge::{Basis, Edge};
pub use histogram_decoder::HistogramDecoder;
pub use lag::{PodLag, PropagationLags};
pub use lateness::Lateness;
pub use life::PodLife;
pub use neighbour::Neighbour;
pub use other_container::OtherContainer;
pub use pod_edge::PodEdge;
pub use pod_lapse::{CrashedContainer, LapseKind, PodLapse};
pub use proxy_pod::{ProxyPod, SeenProxy};
pub use said::KubernetesSaid;
pub use serving::Serving;
pub use trial::{Failure, Trial};
pub use unselected::Unselected;
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
