//! Probes: `spec` reads them, `worker` decides when to try and what a result means (pure), `attempt` tries, and `task`
//! runs a worker on the clock.

mod attempt;
mod spec;
mod task;
mod worker;

pub(super) use attempt::{ProbeTarget, http_get};
pub(super) use spec::{ContainerProbe, ProbeKind, port_of, probes};
pub(super) use task::{ProbeHost, run};
pub(super) use worker::{ContainerProgress, ProbeView};
