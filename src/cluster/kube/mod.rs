//! What is asked of any cluster through `kube::Client`.
//!
//! - `apply_objects`: applies untyped manifests
//! - `asked_kinds`: where a cluster keeps the objects of a kind
//! - `clean`: finds and removes what runs have left
//! - `kept_fields`: fields of an applied object that the cluster did not keep (pure)
//! - `known_kinds`: kinds whose path need not be looked up (pure)
//! - `kube_client`: a connection whose every request is bounded
//! - `labels`: what marks rollproof's own objects and clusters
//! - `leftovers`: what runs have left, and what may be removed (pure)
//! - `leftovers_tests`: what is taken, and what never is
//! - `namespaces`: the namespaces of a run
//!
//! None of it knows what a run measures.

mod apply_objects;
mod asked_kinds;
mod clean;
mod kept_fields;
mod known_kinds;
mod kube_client;
mod labels;
mod leftovers;
pub(crate) mod namespaces;

pub use apply_objects::{ApplyError, apply};
pub(crate) use apply_objects::{create_namespace, unknown_kind};
pub(crate) use asked_kinds::{AskedKinds, KindPlace};
pub(crate) use clean::{CleanReport, clean, find_leftovers};
pub(crate) use kept_fields::{UnkeptField, unkept};
pub(crate) use kube_client::{ConnectError, ConnectedCluster, in_cluster};
pub use kube_client::{connect, connect_with};
pub use labels::CORDONED_BY;
pub(crate) use labels::{is_own, mark_as_own};
#[cfg(test)]
pub(crate) use leftovers::NodeCordon;
pub(crate) use leftovers::{CleanSelection, LeftoverNamespace, Leftovers, NamespaceLife, SeenNode};

/// What the API said, in its own words: the library's would repeat them as a dump of the whole answer.
pub(crate) fn api_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        other => with_causes(other),
    }
}

/// An error with what caused it: the outermost alone says that a connection failed, and not that a certificate expired.
fn with_causes(error: &dyn std::error::Error) -> String {
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
