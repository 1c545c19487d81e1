//! What is asked of any cluster through `kube::Client`.
//!
//! - `apply_objects`: applies untyped manifests
//! - `asked_kinds`: where a cluster keeps the objects of a kind
//! - `clean`: finds and removes what runs have left
//! - `former_spec`: what a workload was before a run changed it (pure)
//! - `former_workload`: keeps that, and brings it back
//! - `guests`: roles of runs in namespaces that are not their own
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
mod former_spec;
mod former_workload;
mod guests;
mod kept_fields;
mod known_kinds;
mod kube_client;
mod labels;
mod leftovers;
pub(crate) mod namespaces;

pub use apply_objects::{ApplyError, apply};
pub(crate) use apply_objects::{create_namespace, unknown_kind};
pub(crate) use asked_kinds::{AskedKinds, KindPlace};
pub(crate) use clean::{CleanReport, clean, find_leftovers, run_namespaces};
pub(crate) use former_spec::{FormerSpec, RESTARTED_AT, SpecOrigin};
pub(crate) use former_workload::{CONFLICT_RETRY, CONFLICT_TRIES, bring_back, keep, last_writer, patch_if_unchanged};
pub(crate) use guests::leave;
pub(crate) use kept_fields::{UnkeptField, unkept};
pub(crate) use known_kinds::reference;
pub use known_kinds::resource;
pub(crate) use kube_client::{ConnectError, ConnectedCluster, current_context, in_cluster, namespace_of};
pub use kube_client::{connect, connect_with};
pub use labels::CORDONED_BY;
pub(crate) use labels::{FIELD_MANAGER, MEASURES, SCENARIO, guest_labels, is_own, mark_as_own};
#[cfg(test)]
pub(crate) use leftovers::NodeCordon;
pub(crate) use leftovers::{CleanSelection, LeftoverNamespace, Leftovers, NamespaceLife, SeenNode};

use kube::client::AuthError;

/// What the API said, in its own words: the library's would repeat them as a dump of the whole answer.
pub(crate) fn api_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status_words(&status.message, status.code, &status.reason),
        kube::Error::Auth(auth) => auth_words(auth),
        other => with_causes(other),
    }
}

/// Why no credential could be got, without the words and the output of the program that gives it: they may hold one.
fn auth_words(error: &AuthError) -> String {
    let program = |how: &str| {
        format!(
            "{how} the program that the kubeconfig names for credentials (users[].user.exec); run it yourself to see why"
        )
    };
    match error {
        AuthError::AuthExecStart(why) => format!("{}: {why}", program("starting")),
        AuthError::AuthExecRun { out, .. } => format!("{}: {}", program("running"), out.status),
        AuthError::AuthExecParse(_) => program("reading the answer of"),
        other => with_causes(other),
    }
}

/// The code is left out where the message has it, and the reason where it is none of the API's: the library puts `Failed to parse error
/// data` there if the answer is not the API's own.
fn status_words(message: &str, code: u16, reason: &str) -> String {
    let (message, reason) = (message.trim(), reason.trim());
    let code = code.to_string();
    match (message.contains(&code), reason.contains(' ') || reason.is_empty()) {
        _ if message.is_empty() => format!("{code} {reason}").trim_end().to_owned(),
        (true, true) => message.to_owned(),
        (false, true) => format!("{message} ({code})"),
        (_, false) => format!("{message} ({code} {reason})"),
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

#[cfg(test)]
mod tests {
    use super::status_words;

    #[test]
    fn a_status_is_told_once() {
        for (message, code, reason, expected) in [
            ("pods \"web\" not found", 404, "NotFound", "pods \"web\" not found (404 NotFound)"),
            ("404 page not found\n", 404, "Failed to parse error data", "404 page not found"),
            ("internal error", 500, "", "internal error (500)"),
            ("", 503, "", "503"),
        ] {
            assert_eq!(status_words(message, code, reason), expected);
        }
    }
}
