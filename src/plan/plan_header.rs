//! The record's first line, made from the plan and what the cluster added to it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::types::{RunPlan, VariantPlan};
use crate::record::entry::FORMAT;
use crate::record::header::{ClusterHeader, Header, VariantPlace};
use crate::redact::{
    GivenSecrets, KnownSecrets, hide_in, hide_in_body, hide_in_path, hide_in_words, is_credential, short_hash,
    without_credentials,
};
use crate::spec::{
    ExistingTarget, HeaderText, RequestSpec, RolloutAction, RunSpec, SetCommands, TargetSpec, VariantSpec,
};

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

impl RunPlan {
    /// The values of all credentials that the plan holds, by their hashes.
    pub(super) fn credentials(&self) -> GivenSecrets {
        let mut found = GivenSecrets::default();
        for variant in &self.variants {
            let mut add = |value: &str| {
                found.add(value);
                short_hash(value)
            };
            let mut spec = variant.spec.clone();
            spec.objects_mut().manifests.iter_mut().for_each(|object| hide_in(object, &mut add));
            spec.load.requests.iter_mut().for_each(|request| hide_in_request(request, &mut add));
            hide_in_rollout(&mut spec.rollout.action, &mut add);
            hide_in_target(&mut spec.target, &mut add);
        }
        found
    }

    /// The same, to be hidden in what others say. A pod has a Secret's data decoded.
    pub(crate) fn secrets(&self) -> KnownSecrets {
        let mut known = KnownSecrets::default();
        for value in self.credentials().values() {
            known.add(value);
            let decoded = STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some(plain) = decoded {
                known.add(&plain);
            }
        }
        known
    }
}

/// The variant with every object of its manifests, and hashes in the place of what must not be handed on.
fn recorded(variant: &VariantPlan) -> VariantSpec {
    let mut spec = variant.spec.clone();
    let objects = spec.objects_mut();
    let whole = [&objects.manifests, &variant.ignored];
    objects.manifests = whole.into_iter().flat_map(|part| without_credentials(part)).collect();
    hide_in_target(&mut spec.target, &mut short_hash);
    spec.load.requests.iter_mut().for_each(|request| hide_in_request(request, &mut short_hash));
    hide_in_rollout(&mut spec.rollout.action, &mut short_hash);
    spec
}

/// Puts what `hide` makes of it in the place of every credential of a request but those of its headers, which have a type for it.
pub(super) fn hide_in_parts(request: &mut RequestSpec, hide: &mut dyn FnMut(&str) -> String) {
    let path = hide_in_path(request.path.as_str(), hide);
    // What stands in the place of a value fits into a path; else the request stays as it is, and is refused where it is read.
    if let Ok(path) = path.parse() {
        request.path = path;
    }
    request.body = hide_in_body(&request.body, hide);
}

fn hide_in_request(request: &mut RequestSpec, hide: &mut dyn FnMut(&str) -> String) {
    hide_in_parts(request, hide);
    for header in &mut request.headers {
        if let HeaderText::Value(value) = &header.value
            && is_credential(header.name.as_str())
        {
            header.value = HeaderText::Hash(hide(value));
        }
    }
}

/// What makes a variant of a workload that is there already: its patches and commands.
pub(super) fn hide_in_target(target: &mut TargetSpec, hide: &mut dyn FnMut(&str) -> String) {
    let TargetSpec::Existing(ExistingTarget { patches, set, .. }) = target else { return };
    for patch in patches {
        hide_in(patch, hide);
    }
    if let Some(SetCommands { run, back }) = set {
        *run = hide_in_words(run, hide);
        *back = hide_in_words(back, hide);
    }
}

pub(super) fn hide_in_rollout(action: &mut RolloutAction, hide: &mut dyn FnMut(&str) -> String) {
    match action {
        RolloutAction::Command { run, back } => {
            *run = hide_in_words(run, hide);
            *back = back.as_ref().map(|words| hide_in_words(words, hide));
        }
        RolloutAction::Patch { patch } => hide_in(patch, hide),
        RolloutAction::Restart
        | RolloutAction::Image { .. }
        | RolloutAction::Env { .. }
        | RolloutAction::Scale { .. }
        | RolloutAction::Evict { .. }
        | RolloutAction::None { .. } => {}
    }
}
