//! The probes of a container.
//!
//! - `probe_attempt`: one attempt, and the plain GET that hooks use too
//! - `probe_spec`: a probe as the manifest writes it
//! - `probe_task`: runs a worker on the clock
//! - `probe_worker`: when to try, and what a result means (pure)

mod probe_attempt;
mod probe_spec;
mod probe_task;
mod probe_worker;

pub(super) use probe_attempt::{ProbeTarget, http_get};
pub(super) use probe_spec::{ContainerProbe, ProbeAction, ProbeKind, action, probes};
pub(super) use probe_task::{ProbeHost, run};
pub(super) use probe_worker::{ContainerProgress, ProbeView};
