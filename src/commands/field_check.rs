//! Fields of the manifests that Kubernetes does not have: a misspelt one would be missing in the run without a word.

use serde_json::Value;

use crate::manifest::documents::{reference, text};
use crate::manifest::{KNOWN_MINOR, UnknownField, unknown_fields};
use crate::plan::{RunPlan, VariantPlan};

/// The most fields that a sentence names.
const NAMED: usize = 10;

/// The first object of the plan with fields that its kind does not have, in a sentence. Patches of rollouts are part of it.
pub(super) fn unknown(plan: &RunPlan) -> Option<String> {
    plan.variants.iter().find_map(|variant| {
        let patched = variant.patched();
        let mut objects = variant.spec.manifests().iter().chain(patched.as_ref());
        objects.find_map(|object| of_object(variant, object))
    })
}

fn of_object(variant: &VariantPlan, object: &Value) -> Option<String> {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    // Of a wrong type the cluster tells more.
    let found = unknown_fields(version, kind, object).unwrap_or_default();
    if found.is_empty() {
        return None;
    }
    let fields: Vec<String> = found.iter().take(NAMED).map(UnknownField::to_string).collect();
    let object = reference(kind, text(object, "/metadata/name"));
    Some(format!("variant {}, {object} ({version}): {}", variant.spec.name, fields.join("; ")))
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
        assert_eq!(unknown(&plan), None);
        let misspelt = manifest.replacen("  template:", "  strategi: {type: Recreate}\n  template:", 1);
        let refusal = unknown(&manifest_plan("web.yaml", &misspelt)).unwrap();
        assert!(refusal.contains("deployment/target (apps/v1): unknown field spec.strategi"), "{refusal}");
        assert!(refusal.contains("did you mean `strategy`?"), "{refusal}");
        plan.variants[0].spec.rollout.action =
            RolloutAction::Patch { patch: serde_json::json!({"spec": {"template": {"spec": {"dnspolicy": "None"}}}}) };
        assert!(unknown(&plan).unwrap().contains("`dnsPolicy`"));
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
