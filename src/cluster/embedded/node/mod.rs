//! The node of the embedded cluster: a kubelet whose containers are ordinary processes.
//!
//! What it decides is pure: `refusals`, `env`, `expand`, `probe::worker`, `backoff`, `termination`, `status`. The rest
//! puts it on the clock, one task for each pod: `kubelet` takes pods over, `pod` holds what their tasks share,
//! `container` lives a container's life, `stop` ends it, `launch` and `lifecycle_hook` say what is executed. It speaks to the
//! rest of the cluster through the store alone and must not know of load, observation or routing. `docs/fidelity.md` lists
//! what of the kubelet's behaviour is modelled, from which source, and what is not.

mod address;
mod backoff;
mod config;
mod container;
mod env;
mod error;
mod events;
mod expand;
mod kubelet;
mod launch;
mod lifecycle_hook;
mod pod;
mod probe;
mod refusals;
mod status;
mod stop;
mod termination;
mod truth;

pub use config::{NodeConfig, NodeTrouble};
pub use error::NodeError;
pub use kubelet::Node;
pub use refusals::refusals;
pub use truth::{NodeAction, NodeEntry, NodeTruth, no_truth};
