//! Server-side apply, reduced to one field manager: the applied object is merged into the live one, and what was applied before and no
//! longer is, is removed. Ownership by several managers, and conflicts between them, are not kept.
//!
//! After structured-merge-diff as the API server uses it: lists with `+listType=map` are merged by their `+listMapKey`s, all others are
//! replaced.

use serde_json::{Map, Value};

use super::patch_error::PatchError;
use super::patch_merge::{DELETE_VALUES, DIRECTIVE, identity_of, merge};
use super::patch_rules::{KeyField, ListRule, MergeKind, TemplatePlace, below, list_rule};

/// Applies `new` to a live object of a built-in kind, where `last` was applied before.
pub(crate) fn apply_merge(live: &mut Value, last: Option<&Value>, new: &Value) -> Result<bool, PatchError> {
    let mut patch = new.clone();
    if let (Some(Value::Object(last)), Value::Object(patch)) = (last, &mut patch) {
        let kind = live.get("kind").and_then(Value::as_str).unwrap_or_default();
        remove_missing(kind, TemplatePlace::Root, last, patch);
    }
    merge(MergeKind::Apply, live, &patch)
}

/// Adds to `patch` deletions of what only `last` has.
fn remove_missing(kind: &str, place: TemplatePlace, last: &Map<String, Value>, patch: &mut Map<String, Value>) {
    for (field, old) in last {
        let inside = below(kind, place, field);
        match (old, patch.get_mut(field)) {
            (_, None) => {
                patch.insert(field.clone(), Value::Null);
            }
            (Value::Object(old), Some(Value::Object(new))) => remove_missing(kind, inside, old, new),
            (Value::Array(old), Some(Value::Array(new))) => match list_rule(MergeKind::Apply, kind, place, field) {
                ListRule::Atomic => {}
                ListRule::ByKeys(keys) => remove_elements(kind, inside, old, new, keys),
                ListRule::Values => {
                    let gone: Vec<Value> = old.iter().filter(|value| !new.contains(value)).cloned().collect();
                    patch.insert(format!("{DELETE_VALUES}{field}"), Value::Array(gone));
                }
            },
            _ => {}
        }
    }
}

fn remove_elements(kind: &str, place: TemplatePlace, last: &[Value], patch: &mut Vec<Value>, keys: &[KeyField]) {
    for old in last {
        let Some(wanted) = identity_of(old, keys) else { continue };
        let kept = patch.iter_mut().find(|new| identity_of(new, keys).as_ref() == Some(&wanted));
        match (kept, old) {
            (Some(Value::Object(new)), Value::Object(old)) => remove_missing(kind, place, old, new),
            (Some(_), _) => {}
            (None, _) => {
                let fields = keys.iter().map(|key| key.name.to_owned()).zip(wanted);
                let mut gone: Map<String, Value> = fields.collect();
                gone.insert(DIRECTIVE.to_owned(), Value::from("delete"));
                patch.push(Value::Object(gone));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
    }

    /// What a live pod becomes when `last` was applied and then `new` is; `live` has what defaults and others added.
    #[track_caller]
    fn applied(live: &Value, last: &Value, new: &Value) -> Value {
        let mut object = pod(live);
        apply_merge(&mut object, Some(&pod(last)), &pod(new)).unwrap();
        object["spec"].clone()
    }

    #[test]
    fn fields_and_elements_that_are_no_longer_applied_are_removed_and_those_of_others_stay() {
        let last = json!({"restartPolicy": "Never", "containers": [
            {"name": "a", "image": "x", "lifecycle": {"preStop": {}}}, {"name": "b", "image": "y"}]});
        let live = json!({"restartPolicy": "Never", "dnsPolicy": "Default", "containers": [
            {"name": "a", "image": "x", "lifecycle": {"preStop": {}}, "tty": true}, {"name": "b", "image": "y"}, {"name": "injected"}]});
        let new = json!({"containers": [{"name": "a", "image": "z"}]});
        let expected = json!({"dnsPolicy": "Default", "containers": [{"name": "a", "image": "z", "tty": true}, {"name": "injected"}]});
        assert_eq!(applied(&live, &last, &new), expected);
        let mut first = pod(&live);
        apply_merge(&mut first, None, &pod(&new)).unwrap();
        assert_eq!(first["spec"]["restartPolicy"], "Never", "nothing was applied before");
    }

    #[test]
    fn every_list_is_matched_by_its_own_keys() {
        for (field, one, other) in [
            (
                "hostAliases",
                json!({"ip": "10.0.0.1", "hostnames": ["a"]}),
                json!({"ip": "10.0.0.2", "hostnames": ["b"]}),
            ),
            ("volumes", json!({"name": "a", "emptyDir": {}}), json!({"name": "b", "emptyDir": {}})),
            (
                "topologySpreadConstraints",
                json!({"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}),
                json!({"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 1}),
            ),
        ] {
            let both = json!({field: [one, other]});
            let left = json!({field: [one]});
            assert_eq!(applied(&both, &both, &left), left, "{field}");
            assert_eq!(applied(&left, &left, &both), both, "{field}");
        }
    }

    #[test]
    fn a_port_is_its_number_and_its_protocol() {
        let live = json!({"containers": [{"name": "dns", "ports": [
            {"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}]});
        let both = json!({"containers": [{"name": "dns", "ports": [
            {"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}]});
        assert_eq!(applied(&live, &both, &both), live, "the same again changes nothing");
        let udp = json!({"containers": [{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]});
        assert_eq!(applied(&live, &both, &udp), udp);
    }

    #[test]
    fn a_list_without_keys_is_replaced_and_a_set_is_not() {
        let live = json!({"containers": [{"name": "a", "args": ["x", "y"]}]});
        let new = json!({"containers": [{"name": "a", "args": ["y"]}]});
        assert_eq!(applied(&live, &live, &new), new);
        let with = |finalizers: &[&str]| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "finalizers": finalizers}});
        let mut object = with(&["own", "gone", "others"]);
        apply_merge(&mut object, Some(&with(&["own", "gone"])), &with(&["own"])).unwrap();
        assert_eq!(object, with(&["own", "others"]));
    }
}
