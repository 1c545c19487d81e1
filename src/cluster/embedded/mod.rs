//! A Kubernetes cluster inside this process: API, controllers and service routing; pods are run by its node.
//!
//! - `api`: the API server
//! - `cluster_truth`: the log of what the cluster did to each connection
//! - `container_logs`: where the node keeps the output of containers
//! - `control`: the controllers
//! - `control_plane`: store, API, controllers and routing, started and stopped together
//! - `embedded_cluster`: starts and ends the whole cluster
//! - `images`: what `image:` means here
//! - `namespace`: a network namespace for the whole process
//! - `node`: the kubelet, whose containers are processes
//! - `proxy`: the routing of Services
//! - `run_folder`: the folder of a run's pods, and those that killed runs left
//! - `store`: the objects and their history
//! - `supervise`: the processes of a container
//! - `testing`: virtual time and a fake node, for tests
//!
//! It must not know of observation or diagnosis: those see it through a `kube::Client` and through sockets.

mod api;
mod cluster_truth;
mod container_logs;
mod control;
mod control_plane;
mod embedded_cluster;
pub(crate) mod images;
pub mod namespace;
pub mod node;
mod proxy;
mod run_folder;
pub mod store;
pub mod supervise;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use api::VERSION;
use container_logs::ContainerLogs;
pub(crate) use embedded_cluster::{EmbeddedCluster, EmbeddedConfig};
