//! What a cluster made of the manifests: fields that it dropped or changed, and variants that became equal by that. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::kube::{UnkeptField, unkept};
use crate::manifest::clean_exported;
use crate::manifest::documents::{reference, text};
use crate::redact::is_credential;

/// The most fields that a note names.
const NAMED: usize = 10;
/// Fields that only newer clusters keep unless they are told to, and what to know of them.
const GATED: [(&str, &str); 1] = [(
    ".lifecycle.stopSignal",
    "it needs the feature gate ContainerStopSignals, which is on by default from Kubernetes 1.37",
)];

/// A variant's manifests as they were sent, and as the cluster keeps them.
pub(super) struct AppliedVariant {
    pub(super) name: String,
    pub(super) sent: Vec<Value>,
    pub(super) kept: Vec<Value>,
}

/// What a reader must know of the difference between what was sent and what is there.
pub(super) fn notes(variants: &[AppliedVariant]) -> Vec<String> {
    let mut by_fields: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for variant in variants {
        let fields = fields(variant);
        if !fields.is_empty() {
            by_fields.entry(fields).or_default().push(&variant.name);
        }
    }
    let mut notes: Vec<String> = by_fields
        .into_iter()
        .map(|(fields, names)| format!("the cluster did not keep all of {}: {fields}", named(&names)))
        .collect();
    for (index, variant) in variants.iter().enumerate() {
        let twin =
            variants.iter().take(index).find(|other| other.sent != variant.sent && cleaned(other) == cleaned(variant));
        if let Some(twin) = twin {
            notes.push(format!(
                "the manifests of variant {} are those of variant {} on this cluster: it dropped what sets them apart",
                variant.name, twin.name
            ));
        }
    }
    notes
}

fn named(names: &[&str]) -> String {
    let word = if names.len() == 1 { "variant" } else { "variants" };
    format!("{word} {}", names.join(", "))
}

fn fields(variant: &AppliedVariant) -> String {
    let objects = variant.sent.iter().zip(&variant.kept);
    let all: Vec<String> = objects
        .flat_map(|(sent, kept)| {
            let object = reference(text(sent, "/kind"), text(sent, "/metadata/name"));
            unkept(sent, kept).into_iter().map(move |field| words(&object, &field))
        })
        .collect();
    let more = all.len().saturating_sub(NAMED);
    let list = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if more == 0 { list } else { format!("{list}; and {more} more") }
}

fn words(object: &str, field: &UnkeptField) -> String {
    let UnkeptField { path, kept } = field;
    let gate =
        GATED.iter().find(|(end, _)| path.ends_with(end)).map_or_else(String::new, |(_, why)| format!(" ({why})"));
    match kept {
        None => format!("{object} has no {path}{gate}"),
        Some(Value::Object(_) | Value::Array(_)) => format!("{object} has another {path}"),
        // What a cluster has put there may be a credential too.
        Some(_) if object.starts_with("secret/") || path.contains(".env[") || is_credential(path) => {
            format!("{object} has another {path}")
        }
        Some(kept) => format!("{object} has {path} {kept}"),
    }
}

/// The objects without what differs between two copies of one object.
fn cleaned(variant: &AppliedVariant) -> Vec<Value> {
    let mut objects = variant.kept.clone();
    for object in &mut objects {
        clean_exported(object);
        object.pointer_mut("/metadata").and_then(Value::as_object_mut).map(|metadata| metadata.remove("namespace"));
    }
    objects
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(lifecycle: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "docs"},
            "spec": {"template": {"spec": {"containers": [{"name": "nginx", "lifecycle": lifecycle}]}}}})
    }

    fn variant(name: &str, sent: &Value, kept: &Value) -> AppliedVariant {
        let mut kept = kept.clone();
        kept["metadata"]["namespace"] = json!(name);
        kept["metadata"]["uid"] = json!(format!("uid-of-{name}"));
        AppliedVariant { name: name.to_owned(), sent: vec![sent.clone()], kept: vec![kept] }
    }

    #[test]
    fn a_variant_whose_only_difference_was_dropped_equals_the_other() {
        let hook = deployment(&json!({"preStop": {"sleep": {"seconds": 3}}}));
        let signal = deployment(&json!({"stopSignal": "SIGQUIT", "preStop": {"sleep": {"seconds": 3}}}));
        let notes = notes(&[variant("sleep-only", &hook, &hook), variant("and-sigquit", &signal, &hook)]);
        assert_eq!(notes.len(), 2, "{notes:?}");
        for words in ["variant and-sigquit", "deployment/docs has no", "containers[0].lifecycle.stopSignal", "1.37"] {
            assert!(notes[0].contains(words), "{words} in {notes:?}");
        }
        assert!(notes[1].contains("variant and-sigquit are those of variant sleep-only"), "{notes:?}");
    }

    #[test]
    fn what_is_kept_and_what_differs_otherwise_needs_no_word() {
        let hook = deployment(&json!({"preStop": {"sleep": {"seconds": 3}}}));
        let signal = deployment(&json!({"stopSignal": "SIGQUIT", "preStop": {"sleep": {"seconds": 3}}}));
        assert!(
            notes(&[variant("a", &hook, &hook), variant("b", &signal, &signal), variant("c", &hook, &hook)]).is_empty()
        );
    }
}
