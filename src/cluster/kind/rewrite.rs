//! Image names as a cluster's nodes know them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::kind_images::{LOCAL, REGISTRY};

/// The image that stands for this program's built-in server.
const BUILT_IN: &str = "rollproof/target";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageRewrite {
    /// Names that the nodes know under another.
    pub(crate) names: BTreeMap<String, String>,
    /// The image that holds this program, which `rollproof/target` is run from.
    pub(crate) program: Option<String>,
}

/// Whether `image` is the built-in server, with or without a tag.
fn is_built_in(image: &str) -> bool {
    image.strip_prefix(BUILT_IN).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// All images that containers of `manifests` name, but for the built-in server.
pub(crate) fn images_of(manifests: &[Value]) -> BTreeSet<String> {
    let mut images = BTreeSet::new();
    let mut copies = manifests.to_vec();
    for manifest in &mut copies {
        for_each_container(manifest, &mut |container| {
            if let Some(image) = container.get("image").and_then(Value::as_str).filter(|image| !is_built_in(image)) {
                images.insert(image.to_owned());
            }
        });
    }
    images
}

impl ImageRewrite {
    pub(crate) fn names_program(manifests: &[Value]) -> bool {
        let mut copies = manifests.to_vec();
        let mut found = false;
        for manifest in &mut copies {
            for_each_container(manifest, &mut |container| {
                found |= container.get("image").and_then(Value::as_str).is_some_and(is_built_in);
            });
        }
        found
    }

    pub(crate) fn name(&self, image: &str) -> String {
        if let (true, Some(program)) = (is_built_in(image), &self.program) {
            return program.clone();
        }
        self.names.get(image).cloned().unwrap_or_else(|| image.to_owned())
    }

    /// The manifests with the nodes' names. An image that only the nodes have is never pulled, whatever is asked for: no
    /// registry has it. One of the user's own that is to be pulled always is left to the nodes.
    pub(crate) fn apply(&self, manifests: &[Value]) -> Vec<Value> {
        let mut copies = manifests.to_vec();
        for manifest in &mut copies {
            for_each_container(manifest, &mut |container| self.container(container));
        }
        copies
    }

    fn container(&self, container: &mut serde_json::Map<String, Value>) {
        let Some(image) = container.get("image").and_then(Value::as_str).map(str::to_owned) else { return };
        let name = self.name(&image);
        let own = is_built_in(&image) && self.program.is_some();
        if name == image && !self.names.contains_key(&image) {
            return;
        }
        let always = container.get("imagePullPolicy").is_some_and(|policy| policy == "Always");
        if always && name.starts_with(&format!("{REGISTRY}/{LOCAL}/")) {
            return;
        }
        if always && name.starts_with(&format!("{REGISTRY}/")) {
            container.remove("imagePullPolicy");
        }
        container.insert("image".to_owned(), json!(name));
        container.entry("imagePullPolicy").or_insert_with(|| json!("IfNotPresent"));
        if own && !container.contains_key("command") {
            let arguments = container.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
            let all: Vec<Value> = std::iter::once(json!("target")).chain(arguments).collect();
            container.insert("args".to_owned(), Value::Array(all));
        }
    }
}

/// Containers wherever a pod's specification stands.
fn for_each_container(value: &mut Value, act: &mut dyn FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_container(item, act)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if matches!(name.as_str(), "containers" | "initContainers")
                    && let Some(containers) = field.as_array_mut()
                {
                    containers.iter_mut().filter_map(Value::as_object_mut).for_each(&mut *act);
                }
                for_each_container(field, act);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(container: &Value) -> Value {
        json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}})
    }

    fn rewrite() -> ImageRewrite {
        let names = [("apache", "rollproof.local/apache:1"), ("mine:1", "rollproof.local/local/mine:0123")];
        let names = names.map(|(from, to)| (from.to_owned(), to.to_owned())).into();
        ImageRewrite { names, program: Some("rollproof.local/agent:2".to_owned()) }
    }

    #[test]
    fn known_images_get_the_nodes_names_and_others_keep_their_own() {
        let given = [
            deployment(&json!({"name": "a", "image": "apache"})),
            deployment(&json!({"name": "b", "image": "mine:1", "imagePullPolicy": "Always"})),
            deployment(&json!({"name": "c", "image": "nginx:1.29"})),
            deployment(&json!({"name": "d", "image": "mine:1"})),
            deployment(&json!({"name": "e", "image": "apache", "imagePullPolicy": "Always"})),
            deployment(&json!({"name": "f", "image": "apache", "imagePullPolicy": "Never"})),
        ];
        let made = rewrite().apply(&given);
        assert_eq!(
            made[0],
            deployment(&json!({"name": "a", "image": "rollproof.local/apache:1", "imagePullPolicy": "IfNotPresent"}))
        );
        assert_eq!(made[1], given[1]);
        assert_eq!(made[2], given[2]);
        let of = |index: usize| {
            let container = &made[index]["spec"]["template"]["spec"]["containers"][0];
            (container["image"].as_str().unwrap(), container["imagePullPolicy"].as_str().unwrap())
        };
        assert_eq!(of(3), ("rollproof.local/local/mine:0123", "IfNotPresent"));
        assert_eq!(of(4), ("rollproof.local/apache:1", "IfNotPresent"));
        assert_eq!(of(5), ("rollproof.local/apache:1", "Never"));
        assert_eq!(images_of(&given), ["apache", "mine:1", "nginx:1.29"].map(str::to_owned).into());
    }

    #[test]
    fn the_built_in_server_is_run_from_the_programs_image() {
        let given = [deployment(&json!({"name": "a", "image": "rollproof/target", "args": ["--on-term=exit"]}))];
        let made = rewrite().apply(&given);
        let container = &made[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "rollproof.local/agent:2");
        assert_eq!(container["args"], json!(["target", "--on-term=exit"]));
        assert!(images_of(&given).is_empty());
    }
}
