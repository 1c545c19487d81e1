//! The namespace that a variant lives in, where it is not known yet: a run makes one for each.

use serde_json::Value;

use super::{HeaderText, RolloutAction, TargetSpec, VariantSpec};

/// Stands for it in a command, a URL, a header and the manifests, as a variable does in a container's command.
pub const OWN_NAMESPACE: &str = "$(ROLLPROOF_NAMESPACE)";

/// `text` of a variant that lives in `namespace`.
#[must_use]
pub fn named(text: &str, namespace: &str) -> String {
    text.replace(OWN_NAMESPACE, namespace)
}

impl VariantSpec {
    /// The variant as it lives in `namespace`. The objects of a workload that was there already stay as they are.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        let mut spec = self.clone();
        spec.load.url = spec.load.url.map(|door| door.in_namespace(namespace));
        for header in spec.load.requests.iter_mut().flat_map(|request| &mut request.headers) {
            if let HeaderText::Value(text) = &mut header.value {
                *text = named(text, namespace);
            }
        }
        if let TargetSpec::Deployed(objects) = &mut spec.target {
            objects.manifests.iter_mut().for_each(|object| name_in(object, namespace));
        }
        if let RolloutAction::Patch { patch } = &mut spec.rollout.action {
            name_in(patch, namespace);
        }
        spec
    }
}

/// In each text of `value`; keys stay as they are.
pub fn name_in(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) if text.contains(OWN_NAMESPACE) => *text = named(text, namespace),
        Value::Array(items) => items.iter_mut().for_each(|item| name_in(item, namespace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| name_in(field, namespace)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_texts_are_named_and_only_by_that_word() {
        let mut object = json!({"$(ROLLPROOF_NAMESPACE)": 1, "host": "a.$(ROLLPROOF_NAMESPACE).b", "args": [["$(POD_NAMESPACE)",
            "--of=$(ROLLPROOF_NAMESPACE),$(ROLLPROOF_NAMESPACE)"]], "port": 80, "none": null});
        name_in(&mut object, "shop-a");
        assert_eq!(
            object,
            json!({"$(ROLLPROOF_NAMESPACE)": 1, "host": "a.shop-a.b", "args": [["$(POD_NAMESPACE)", "--of=shop-a,shop-a"]],
                "port": 80, "none": null})
        );
    }
}
