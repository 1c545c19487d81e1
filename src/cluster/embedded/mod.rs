//! A Kubernetes cluster inside this process: API, controllers and service routing; pods are run by its node.
//!
//! It must not know of load, observation or diagnosis: those see it through a `kube::Client` and through sockets.

pub mod api;
pub mod cluster;
pub mod control;
pub mod proxy;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod truth;

pub use cluster::{Embedded, EmbeddedConfig};
