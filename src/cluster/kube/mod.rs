//! What a run asks of any cluster through `kube::Client`: a connection whose every request is bounded, namespaces, and
//! applying untyped manifests.

mod apply;
mod connect;
pub mod namespaces;
mod origin;

pub use apply::{apply, create_namespace};
pub use connect::{ConnectError, Connected, connect, connect_with, in_cluster};
pub use origin::{is_own, mark_as_own};

/// What the API said, in its own words: the library's would repeat them as a dump of the whole answer.
#[must_use]
pub fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        other => other.to_string(),
    }
}
