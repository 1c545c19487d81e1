//! The load: requests sent at planned times, each of which ends in exactly one outcome.
//!
//! It is an open loop: a slow answer never delays the next request, and latency counts from the plan. One OS thread
//! carries everything, paced by one timer of the kernel; JSON and disk are elsewhere, and the histograms of the pulses
//! are made on a second thread. The exact arms (`new`, `reused`, `blind`) drive `hyper::client::conn` over sockets whose
//! bytes are counted, because ordinary clients repeat a request on a dead connection in silence; `pooled` is such an
//! ordinary client, to show what an application would have seen.
//!
//! The load knows nothing of clusters, rollouts or watches. Where a connection goes is its [`Route`]'s decision.
//!
//! Not here yet: TLS and names to resolve. Both belong in `dial`.

mod arms;
mod attempt;
mod blocking;
mod carry;
mod classify;
mod collect;
mod dial;
mod encode;
mod engine;
mod exchange;
mod kept;
mod limits;
mod plan;
mod pooled;
mod ports;
mod preflight;
mod reach;
mod rotation;
#[cfg(test)]
mod rotation_tests;
mod schedule;
pub mod sizing;
mod socket;
mod summary;
mod timer;

pub use blocking::blocking;
pub use engine::{RunningLoad, saturate, start};
pub use limits::raise_descriptors;
pub use plan::{LoadError, LoadPlan, Route};
pub use preflight::{Preflight, preflight};
pub use reach::reach;
pub use rotation::{LocalPorts, PortRotation};
pub use summary::{ArmSummary, LagSummary, LoadCounters, LoadSummary};
