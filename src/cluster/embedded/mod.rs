//! A Kubernetes cluster inside this process: API, controllers and service routing; pods are run by its node.
//!
//! It must not know of observation or diagnosis: those see it through a `kube::Client` and through sockets.

pub mod api;
pub mod control;
mod control_plane;
pub mod images;
mod logs;
pub mod namespace;
pub mod node;
pub mod proxy;
mod start;
pub mod store;
pub mod supervise;
#[cfg(test)]
pub(crate) mod testing;
pub mod truth;

pub use api::VERSION;
pub use control_plane::{ControlPlane, ControlPlaneConfig};
pub use logs::ContainerLogs;
pub use start::{EmbeddedCluster, EmbeddedConfig};
