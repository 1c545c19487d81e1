//! The difference of two manifests, as a patch: a change, or the way back from one.

use serde_json::{Map, Value};

/// The JSON merge patch (RFC 7386) that makes `original` out of `patched`: what the patch added is removed, what it
/// changed or removed gets its first value, and a list that differs is replaced whole. The API server then fills in its
/// defaults as it did the first time. Applying the original again is not enough: fields of another manager survive it.
#[must_use]
pub fn undo(original: &Value, patched: &Value) -> Value {
    match (original, patched) {
        (Value::Object(original), Value::Object(patched)) => Value::Object(of_maps(original, patched)),
        _ => original.clone(),
    }
}

fn of_maps(original: &Map<String, Value>, patched: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, new) in patched {
        match original.get(key) {
            Some(old) if old == new => {}
            Some(old) => {
                patch.insert(key.clone(), undo(old, new));
            }
            None => {
                patch.insert(key.clone(), Value::Null);
            }
        }
    }
    for (key, old) in original.iter().filter(|(key, _)| !patched.contains_key(*key)) {
        let whole = old.as_object().map(|old| Value::Object(of_maps(old, &Map::new())));
        patch.insert(key.clone(), whole.unwrap_or_else(|| old.clone()));
    }
    // What the API server filled in for a rolling update it would refuse beside another type of strategy.
    let other_type = matches!(original.get("type").and_then(Value::as_str), Some("Recreate" | "OnDelete"));
    if other_type && patch.contains_key("type") && !original.contains_key("rollingUpdate") {
        patch.insert("rollingUpdate".to_owned(), Value::Null);
    }
    patch
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::{json_merge, strategic_merge};

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"a": "1"}},
            "spec": {"replicas": 2, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 5,
                    "securityContext": {}, "containers": [{"name": "web", "image": "a", "env": [{"name": "A", "value": "1"}]},
                        {"name": "side", "image": "b"}]}}}})
    }

    #[test]
    fn every_kind_of_change_is_undone() {
        for patch in [
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "c", "env": [{"name": "B", "value": "2"}]}]}}}}),
            json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": null, "dnsPolicy": "Default"}}}}),
            json!({"spec": {"template": {"spec": {"securityContext": {"runAsUser": 5}, "containers": [{"name": "side", "$patch": "delete"}]}}}}),
            json!({"spec": {"replicas": 3, "strategy": {"type": "Recreate", "rollingUpdate": null}}, "metadata": {"labels": {"a": null, "b": "2"}}}),
            json!({"spec": {"template": {"metadata": {"annotations": {"x": "y"}}}, "minReadySeconds": 4}}),
        ] {
            let original = deployment();
            let mut object = original.clone();
            assert!(strategic_merge(&mut object, &patch).unwrap(), "{patch}");
            let back = undo(&original, &object);
            json_merge(&mut object, &back);
            assert_eq!(object, original, "{patch} undone by {back}");
        }
    }

    #[test]
    fn what_did_not_change_is_not_touched() {
        let back = undo(&deployment(), &deployment());
        assert_eq!(back, json!({}));
        let mut patched = deployment();
        patched["spec"]["minReadySeconds"] = json!(3);
        assert_eq!(undo(&deployment(), &patched), json!({"spec": {"minReadySeconds": null}}));
    }

    #[test]
    fn defaults_that_came_with_another_strategy_go_with_it() {
        let recreate = json!({"spec": {"strategy": {"type": "Recreate"}}});
        let expected = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
        assert_eq!(undo(&recreate, &json!({"spec": {"strategy": {"type": "RollingUpdate"}}})), expected);
        assert_eq!(undo(&recreate, &json!({"spec": {}})), expected);
        assert_eq!(undo(&json!({"spec": {}}), &recreate), json!({"spec": {"strategy": null}}));
    }
}
