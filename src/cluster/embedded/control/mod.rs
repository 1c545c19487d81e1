//! The controllers of the embedded cluster: Deployment, `ReplicaSet`, scheduler and `EndpointSlice`.
//!
//! - `action`: a change that a controller wants
//! - `conditions`: the conditions of a Deployment
//! - `controller_loop`: runs all controllers whenever the store changes
//! - `deployment`: the Deployment controller
//! - `deployment_status`: a Deployment's status and progress
//! - `endpoints`: the `EndpointSlice` controller
//! - `history`: a Deployment's `ReplicaSet`s and revisions
//! - `replica_set`: the `ReplicaSet` controller
//! - `rollout_sizes`: how far each `ReplicaSet` may be scaled now
//! - `rollout_tests`: whole rollouts in virtual time
//! - `scaling`: scaling during a rollout
//! - `scheduler`: binds pods to the node
//! - `view`: the objects at one moment, and what is decided about them
//!
//! Each is a pure step from what is there to what should change, after the Kubernetes controller of that name. They must
//! not know of HTTP, processes or routing.

mod action;
mod conditions;
mod controller_loop;
mod deployment;
mod deployment_status;
mod endpoints;
mod history;
mod replica_set;
mod rollout_sizes;
#[cfg(test)]
mod rollout_tests;
mod scaling;
mod scheduler;
mod view;

pub(super) use controller_loop::run;
pub(crate) use endpoints::SERVICE_NAME;
