//! The record's first line, made from the plan and what the cluster added to it.

use std::path::PathBuf;

use super::types::{RunPlan, VariantPlan};
use crate::manifest::{short_hash, without_secrets};
use crate::record::entry::FORMAT;
use crate::record::header::{ClusterHeader, Header, VariantPlace};
use crate::spec::{HeaderText, RunSpec, VariantSpec};

/// Parts of the names of headers whose values are credentials, or may be.
const CREDENTIALS: [&str; 10] =
    ["auth", "cookie", "token", "secret", "password", "credential", "session", "signature", "api-key", "apikey"];

/// What a plan does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFacts {
    /// Wall-clock time of the run's origin, RFC 3339.
    pub(crate) started: String,
    /// The same in nanoseconds since 1970.
    pub(crate) started_unix_ns: u64,
    pub(crate) cluster: ClusterHeader,
    /// The same as `--cluster` names it.
    pub(crate) choice: String,
    /// The folder that the plan's folders are relative to; empty leaves them as they are.
    pub(crate) folder: PathBuf,
    /// For each variant, in the plan's order, where it lives.
    pub(crate) places: Vec<VariantPlace>,
}

impl RunPlan {
    pub(crate) fn header(&self, facts: RunFacts) -> Header {
        let mut settings = self.settings.clone();
        settings.cluster.choice = facts.choice;
        for known in &mut settings.folders {
            *known = PathBuf::from(facts.folder.join(&*known).to_string_lossy().into_owned());
        }
        Header {
            format: FORMAT,
            rollproof: env!("CARGO_PKG_VERSION").to_owned(),
            started: facts.started,
            started_unix_ns: facts.started_unix_ns,
            cluster: facts.cluster,
            places: facts.places,
            spec: RunSpec { settings, variants: self.variants.iter().map(recorded).collect() },
        }
    }
}

/// The variant with every object of its manifests, and hashes in the place of what must not be handed on.
fn recorded(variant: &VariantPlan) -> VariantSpec {
    let mut spec = variant.spec.clone();
    let deployed = spec.deployed_mut();
    let whole = [&deployed.manifests, &variant.ignored];
    deployed.manifests = whole.into_iter().flat_map(|part| without_secrets(part)).collect();
    for header in spec.load.requests.iter_mut().flat_map(|request| &mut request.headers) {
        if let HeaderText::Value(value) = &header.value
            && is_credential(header.name.as_str())
        {
            header.value = HeaderText::Hash(short_hash(value));
        }
    }
    spec
}

/// Whether values of the header `name` (in lower case) are kept as hashes only. One too many has to be given again; one too
/// few would stand in a file that people hand on.
fn is_credential(name: &str) -> bool {
    CREDENTIALS.iter().any(|part| name.contains(part))
}
