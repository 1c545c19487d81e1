//! The node of the embedded cluster: a kubelet whose containers are ordinary processes.
//!
//! - `address`: a loopback address for each pod
//! - `backoff`: the delay before a restart (pure)
//! - `config`: the node's settings
//! - `container`: starts, watches and restarts one container
//! - `env`: a container's environment (pure)
//! - `events`: the kubelet's Events
//! - `kubelet`: takes over the pods that are assigned to the node
//! - `launch`: from a container's manifest to a process
//! - `lifecycle_hook`: runs `postStart` and `preStop` handlers
//! - `node_error`: why a pod or container does not run
//! - `node_truth`: what the node did, for the truth log
//! - `pod`: what the tasks of one pod share
//! - `pod_status`: a pod's status (pure)
//! - `probe`: startup, liveness and readiness probes
//! - `refusals`: what a pod may not ask for here (pure)
//! - `stop`: hook, stop signal and SIGKILL
//! - `termination`: how the grace period is divided (pure)
//!
//! It speaks to the rest of the cluster through the store alone and must not know of load, observation or routing.
//! `docs/fidelity.md` lists what of the kubelet's behaviour is modelled, from which source, and what is not.

mod address;
mod backoff;
mod config;
mod container;
mod env;
mod events;
mod kubelet;
mod launch;
mod lifecycle_hook;
mod node_error;
mod node_truth;
mod pod;
mod pod_status;
mod probe;
mod refusals;
mod stop;
mod termination;

pub use config::NodeConfig;
pub(crate) use config::NodeTrouble;
pub use kubelet::Node;

pub use node_truth::{NodeAction, NodeEntry};
pub(crate) use refusals::refusals;
