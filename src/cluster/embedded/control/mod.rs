//! The controllers of the embedded cluster: Deployment, `ReplicaSet`, scheduler and `EndpointSlice`.
//!
//! Each is a pure step from what is there to what should change, after the Kubernetes controller of that name; one
//! driver runs them all when the store changes. They must not know of HTTP, processes or routing.

mod action;
mod conditions;
mod deployment;
mod driver;
mod endpoints;
mod history;
mod replica_set;
mod rollout;
#[cfg(test)]
mod rollout_tests;
mod scaling;
mod schedule;
mod status;
mod view;

pub use driver::run;
pub(crate) use endpoints::SERVICE_NAME;
