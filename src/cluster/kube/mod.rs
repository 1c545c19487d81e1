//! What a run asks of any cluster through `kube::Client`: a connection whose every request is bounded, namespaces, and
//! applying untyped manifests.

mod apply;
mod connect;

pub use apply::{apply, create_namespace};
pub use connect::{ConnectError, Connected, connect, connect_with, in_cluster};
