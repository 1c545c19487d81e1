//! What is asked of any cluster through `kube::Client`: a connection whose every request is bounded, namespaces, applying
//! untyped manifests, and removing what runs have left.
//!
//! `scope` and `leftovers` only decide; the rest acts. None of it knows what a run measures.

mod apply;
mod clean;
mod connect;
mod labels;
mod leftovers;
pub mod namespaces;
mod origin;
mod scope;

pub use apply::{ApplyError, apply, create_namespace};
pub use clean::{CleanReport, GONE_WITHIN, clean, find_leftovers};
pub use connect::{ConnectError, ConnectedCluster, connect, connect_with, in_cluster};
pub use labels::{ALIVE_FOR, BEAT_EVERY, CORDONED_BY, HEARTBEAT, MANAGED_BY, MANAGER, RUN_LABEL, SCENARIO};
pub use leftovers::{CleanSelection, LeftoverNamespace, Leftovers, NamespaceLife, NodeCordon, SeenNode};
pub use origin::{is_own, mark_as_own};

/// What the API said, in its own words: the library's would repeat them as a dump of the whole answer.
#[must_use]
pub fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        other => with_causes(other),
    }
}

/// An error with what caused it: the outermost alone says that a connection failed, and not that a certificate expired.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
