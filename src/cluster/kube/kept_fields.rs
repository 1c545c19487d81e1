//! Which fields of an applied object a cluster did not keep: dropped because a feature gate is off, or changed by admission. Pure.
//!
//! The defaults that a cluster adds are not looked at, nor what it writes in another way.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::documents::text;

/// A field that was sent and is not there, or not as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnkeptField {
    /// Where, for example `spec.template.spec.containers[0].lifecycle.stopSignal`.
    pub(crate) path: String,
    /// What the cluster has instead; `None` if it dropped the field.
    pub(crate) kept: Option<Value>,
}

/// The fields of `sent` that `kept`, the cluster's answer, does not have or has changed.
pub(crate) fn unkept(sent: &Value, kept: &Value) -> Vec<UnkeptField> {
    let mut found = Vec::new();
    let secret = text(sent, "/kind") == "Secret";
    for (key, value) in sent.as_object().into_iter().flatten() {
        match key.as_str() {
            // A Secret's `stringData` is kept as `data`, and its values are not for the eyes of others.
            "apiVersion" | "kind" | "status" => {}
            // The run's own namespace takes the place of the manifest's.
            "metadata" => compare(&without_namespace(value), kept.get(key), key, &mut found),
            "data" | "stringData" if secret => {}
            _ => compare(value, kept.get(key), key, &mut found),
        }
    }
    found
}

fn without_namespace(metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    metadata.as_object_mut().map(|fields| fields.remove("namespace"));
    metadata
}

fn compare(sent: &Value, kept: Option<&Value>, path: &str, found: &mut Vec<UnkeptField>) {
    let missing = |kept: Option<&Value>| UnkeptField { path: path.to_owned(), kept: kept.cloned() };
    match (sent, kept) {
        (sent, None | Some(Value::Null)) => {
            if !is_nothing(sent) {
                found.push(missing(None));
            }
        }
        (Value::Object(fields), Some(Value::Object(others))) => {
            for (key, value) in fields {
                compare(value, others.get(key), &format!("{path}.{key}"), found);
            }
        }
        (Value::Array(elements), Some(Value::Array(others))) => {
            for (index, element) in elements.iter().enumerate() {
                compare(element, twin(element, index, others), &format!("{path}[{index}]"), found);
            }
        }
        (sent, Some(other)) => {
            if !same(sent, other) {
                found.push(missing(Some(other)));
            }
        }
    }
}

/// What the API leaves out where it is the default of its type.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// The element that an element became: a cluster may put others before it.
fn twin<'a>(element: &Value, index: usize, others: &'a [Value]) -> Option<&'a Value> {
    for key in ["name", "containerPort", "port", "ip", "mountPath", "topologyKey", "key"] {
        if let Some(own) = element.get(key).filter(|own| !own.is_null()) {
            let alike = |other: &&Value| {
                other.get(key) == Some(own)
                    && element.get("protocol").is_none_or(|own| other.get("protocol") == Some(own))
            };
            // Of several with one key, such as tolerations, the order tells which is which.
            return others.get(index).filter(alike).or_else(|| others.iter().find(alike));
        }
    }
    if element.is_object() { others.get(index) } else { others.iter().find(|other| same(element, other)) }
}

fn same(sent: &Value, kept: &Value) -> bool {
    match (sent, kept) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Number(_), Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            same(&Value::String(plain(sent)), &Value::String(plain(kept)))
        }
        (Value::String(a), Value::String(b)) => {
            a == b || matches!((quantity(a), quantity(b)), (Some(a), Some(b)) if (a - b).abs() <= a.abs() * 1e-9)
        }
        _ => sent == kept,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The number that a Kubernetes quantity stands for: a cluster writes `1000m` as `1`.
fn quantity(text: &str) -> Option<f64> {
    let split = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factors: BTreeMap<&str, f64> = [
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("", 1.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
        ("Ki", 1024.0),
        ("Mi", 1024.0 * 1024.0),
        ("Gi", 1024.0 * 1024.0 * 1024.0),
        ("Ti", 1024.0 * 1024.0 * 1024.0 * 1024.0),
    ]
    .into();
    Some(number.parse::<f64>().ok()? * factors.get(unit)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(sent: &Value, kept: &Value) -> Vec<(String, Option<Value>)> {
        unkept(sent, kept).into_iter().map(|field| (field.path, field.kept)).collect()
    }

    fn with(container: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [container]}}}})
    }

    #[test]
    fn a_dropped_and_a_changed_field_are_found() {
        let sent = with(
            &json!({"name": "web", "image": "nginx", "lifecycle": {"stopSignal": "SIGQUIT", "preStop": {"sleep": {"seconds": 3}}}}),
        );
        let mut kept = with(&json!({"name": "web", "image": "mirror/nginx", "imagePullPolicy": "Always",
            "lifecycle": {"preStop": {"sleep": {"seconds": 3}}}}));
        kept["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().insert(0, json!({"name": "injected"}));
        let container = "spec.template.spec.containers[0]";
        assert_eq!(
            found(&sent, &kept),
            [
                (format!("{container}.image"), Some(json!("mirror/nginx"))),
                (format!("{container}.lifecycle.stopSignal"), None),
            ]
        );
        let mut elsewhere = sent.clone();
        elsewhere["metadata"]["namespace"] = json!("the-run-s");
        let mut of_shop = sent;
        of_shop["metadata"]["namespace"] = json!("shop");
        assert_eq!(found(&of_shop, &elsewhere), []);
    }

    #[test]
    fn what_a_cluster_writes_in_another_way_is_the_same() {
        let sent = with(
            &json!({"name": "web", "image": "a", "args": [], "command": null, "stdin": false, "securityContext": {},
            "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}],
            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
            "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80}]}),
        );
        let kept = with(&json!({"name": "web", "image": "a", "terminationGracePeriodSeconds": 30,
            "env": [{"name": "A"}, {"name": "B", "value": "1"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
            "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]}));
        assert_eq!(found(&sent, &kept), []);
        let tolerations = json!({"spec": {"tolerations": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]}});
        assert_eq!(found(&tolerations, &tolerations), []);
        let secret = json!({"kind": "Secret", "stringData": {"a": "b"}, "type": "Opaque"});
        assert_eq!(found(&secret, &json!({"kind": "Secret", "data": {"a": "Yg=="}, "type": "Opaque"})), []);
    }
}
