//! Fields of the manifests that Kubernetes does not have: a misspelt one would be missing in the run without a word.

use serde_json::Value;

use super::ending::CommandFailure;
use super::placed::at_field;
use crate::manifest::documents::{reference, text};
use crate::manifest::{KNOWN_MINOR, UnknownField, unknown_fields};
use crate::plan::RunPlan;

/// The most fields that a sentence names.
const NAMED: usize = 10;

/// The first object of the plan with fields that its kind does not have, shown at the first. Patches of rollouts are part of it.
pub(super) fn unknown(plan: &RunPlan) -> Option<CommandFailure> {
    first(plan, |version, kind, object| {
        let found = unknown_fields(version, kind, object).unwrap_or_default();
        let fields: Vec<String> = found.iter().take(NAMED).map(UnknownField::to_string).collect();
        Some((found.first()?.path.clone(), fields.join("; ")))
    })
}

/// The first object with a field of another type than its kind has. A real cluster is asked: it may take more than this
/// program, and tells more.
pub(super) fn mistyped(plan: &RunPlan) -> Option<CommandFailure> {
    first(plan, |version, kind, object| {
        let wrong = unknown_fields(version, kind, object).err()?;
        Some((wrong.path.clone(), wrong.to_string()))
    })
}

/// What `check` finds first, given version, kind and object: the field, and what is wrong.
fn first(plan: &RunPlan, check: impl Fn(&str, &str, &Value) -> Option<(String, String)>) -> Option<CommandFailure> {
    plan.variants.iter().find_map(|variant| {
        let patched = variant.patched();
        let mut objects = variant.spec.manifests().iter().chain(patched.as_ref());
        objects.find_map(|object| {
            let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
            let (field, message) = check(version, kind, object)?;
            let name = reference(kind, text(object, "/metadata/name"));
            let message = format!("variant {}, {name} ({version}): {message}", variant.spec.name);
            Some(at_field(variant, object, &field, &message))
        })
    })
}

/// Whether a cluster of this version, such as `v1.34.4`, may have fields that this program does not know.
pub(super) fn is_newer(version: &str) -> bool {
    let minor = version.split('.').nth(1).unwrap_or_default();
    let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    minor[..digits].parse::<u32>().map_or(true, |minor| minor > KNOWN_MINOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::manifest_plan;
    use crate::spec::RolloutAction;

    #[test]
    fn a_misspelt_field_of_a_manifest_or_of_a_rollout_s_patch_is_named() {
        let manifest = include_str!("../../manifests/target.yaml");
        let mut plan = manifest_plan("web.yaml", manifest);
        assert!(unknown(&plan).is_none() && mistyped(&plan).is_none());
        let misspelt = manifest.replacen("  template:", "  strategi: {type: Recreate}\n  template:", 1);
        let refusal = unknown(&manifest_plan("web.yaml", &misspelt)).unwrap().to_string();
        assert!(refusal.starts_with("reading web.yaml line 10: variant as-written, deployment/target"), "{refusal}");
        assert!(refusal.contains("deployment/target (apps/v1): unknown field spec.strategi"), "{refusal}");
        assert!(refusal.contains("did you mean `strategy`?"), "{refusal}");
        plan.variants[0].spec.rollout.action =
            RolloutAction::Patch { patch: serde_json::json!({"spec": {"template": {"spec": {"dnspolicy": "None"}}}}) };
        assert!(unknown(&plan).unwrap().to_string().contains("`dnsPolicy`"));
    }

    #[test]
    fn a_field_of_another_type_is_named_without_its_value() {
        let manifest = include_str!("../../manifests/target.yaml");
        let wrong = manifest.replacen("replicas: 2", "replicas: 2\n  minReadySeconds: hunter2", 1);
        assert_ne!(wrong, manifest);
        let refusal = mistyped(&manifest_plan("web.yaml", &wrong)).unwrap().to_string();
        assert!(refusal.contains("spec.minReadySeconds") && refusal.contains("web.yaml line 8"), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn only_a_newer_cluster_may_know_more() {
        for (version, newer) in
            [("v1.34.4", false), ("v1.29+", false), ("v1.35.0-gke.1", true), ("v1.36+", true), ("odd", true)]
        {
            assert_eq!(is_newer(version), newer, "{version}");
        }
    }
}
