//! A container's environment, from its `envFrom` and `env` (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`,
//! v1.34). Pure: where values come from is passed in.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::manifest::expand;

/// Fields of a pod that `fieldRef` may name here, apart from labels and annotations.
pub(super) const FIELDS: [&str; 8] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.podIP",
    "status.podIPs",
    "status.hostIP",
];

pub(super) trait EnvSource {
    fn config_map(&self, name: &str) -> Option<Value>;
    fn secret(&self, name: &str) -> Option<Value>;
}

/// The environment of `container` in `pod` on top of `base`. `$(NAME)` in a value sees the variables before it. The
/// error says what is missing or malformed.
pub(super) fn environment(
    pod: &Value,
    container: &Value,
    base: &BTreeMap<String, String>,
    source: &dyn EnvSource,
) -> Result<BTreeMap<String, String>, String> {
    let mut env = base.clone();
    for entry in list(&container["envFrom"]) {
        let prefix = entry["prefix"].as_str().unwrap_or_default();
        for (name, value) in all_of(entry, source)? {
            env.insert(format!("{prefix}{name}"), value);
        }
    }
    for entry in list(&container["env"]) {
        let name = entry["name"].as_str().ok_or("an entry of env has no name")?;
        let value = match &entry["valueFrom"] {
            Value::Null => Some(expand(entry["value"].as_str().unwrap_or_default(), &env)),
            from => value_from(pod, name, from, source)?,
        };
        if let Some(value) = value {
            env.insert(name.to_owned(), value);
        }
    }
    Ok(env)
}

/// The value of a `fieldRef`; nothing if the field is not known here.
pub(super) fn field(pod: &Value, path: &str) -> Option<String> {
    for map in ["labels", "annotations"] {
        let key = path.strip_prefix(&format!("metadata.{map}['")).and_then(|rest| rest.strip_suffix("']"));
        if let Some(key) = key {
            return Some(pod["metadata"][map][key].as_str().unwrap_or_default().to_owned());
        }
    }
    if !FIELDS.contains(&path) {
        return None;
    }
    if path == "status.podIPs" {
        return field(pod, "status.podIP");
    }
    let pointer = format!("/{}", path.replace('.', "/"));
    Some(pod.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn optional(reference: &Value) -> bool {
    reference["optional"] == true
}

/// Everything in the `ConfigMap` or Secret of an `envFrom` entry.
fn all_of(entry: &Value, source: &dyn EnvSource) -> Result<BTreeMap<String, String>, String> {
    let (reference, is_secret) = match (&entry["configMapRef"], &entry["secretRef"]) {
        (Value::Null, Value::Null) => return Err("an entry of envFrom has no configMapRef or secretRef".to_owned()),
        (Value::Null, secret) => (secret, true),
        (map, _) => (map, false),
    };
    let Some(object) = find(reference, is_secret, source)? else { return Ok(BTreeMap::new()) };
    let data = object["data"].as_object().into_iter().flatten();
    data.map(|(key, value)| Ok((key.clone(), text(value, key, is_secret)?))).collect()
}

fn value_from(pod: &Value, name: &str, from: &Value, source: &dyn EnvSource) -> Result<Option<String>, String> {
    if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
        return field(pod, path).map(Some).ok_or_else(|| format!("{name} refers to the field {path}, unknown here"));
    }
    let (reference, is_secret) = match (&from["configMapKeyRef"], &from["secretKeyRef"]) {
        (Value::Null, Value::Null) => return Err(format!("{name} has a valueFrom that is not supported here")),
        (Value::Null, secret) => (secret, true),
        (map, _) => (map, false),
    };
    let Some(object) = find(reference, is_secret, source)? else { return Ok(None) };
    let key = reference["key"].as_str().unwrap_or_default();
    match &object["data"][key] {
        Value::Null if optional(reference) => Ok(None),
        Value::Null => Err(format!("couldn't find key {key} in {} {}", what(is_secret), named(reference))),
        value => text(value, key, is_secret).map(Some),
    }
}

fn find(reference: &Value, is_secret: bool, source: &dyn EnvSource) -> Result<Option<Value>, String> {
    let name = named(reference);
    let found = if is_secret { source.secret(name) } else { source.config_map(name) };
    if found.is_none() && !optional(reference) {
        return Err(format!("{} {name:?} not found", what(is_secret)));
    }
    Ok(found)
}

fn named(reference: &Value) -> &str {
    reference["name"].as_str().unwrap_or_default()
}

fn what(is_secret: bool) -> &'static str {
    if is_secret { "secret" } else { "configmap" }
}

fn text(value: &Value, key: &str, is_secret: bool) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("the value of key {key} is not a string"))?;
    if !is_secret {
        return Ok(text.to_owned());
    }
    let bytes = STANDARD.decode(text).map_err(|e| format!("the value of key {key} is not base64: {e}"))?;
    String::from_utf8(bytes).map_err(|_| format!("the value of key {key} is not text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct FakeObjects;

    impl EnvSource for FakeObjects {
        fn config_map(&self, name: &str) -> Option<Value> {
            (name == "settings").then(|| json!({"data": {"COLOR": "green", "SIZE": "3"}}))
        }

        fn secret(&self, name: &str) -> Option<Value> {
            (name == "login").then(|| json!({"data": {"PASSWORD": STANDARD.encode("s3cret")}}))
        }
    }

    fn build(container: &Value) -> Result<BTreeMap<String, String>, String> {
        let pod = json!({
            "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
            "status": {"podIP": "127.1.2.3"},
        });
        environment(&pod, container, &BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]), &FakeObjects)
    }

    #[test]
    fn values_come_from_everywhere_and_later_ones_win() {
        let env = build(&json!({
            "envFrom": [{"configMapRef": {"name": "settings"}}, {"prefix": "L_", "secretRef": {"name": "login"}}],
            "env": [
                {"name": "COLOR", "value": "red"},
                {"name": "TEXT", "value": "$(COLOR)-$(LATER)"},
                {"name": "LATER", "value": "x"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "login", "key": "PASSWORD"}}},
                {"name": "NO", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "x", "optional": true}}},
                {"name": "EMPTY"},
            ],
        }))
        .unwrap();
        for (name, value) in [
            ("PATH", "/bin"),
            ("COLOR", "red"),
            ("SIZE", "3"),
            ("L_PASSWORD", "s3cret"),
            ("TEXT", "red-$(LATER)"),
            ("POD", "web-1"),
            ("IP", "127.1.2.3"),
            ("APP", "web"),
            ("PW", "s3cret"),
            ("EMPTY", ""),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!env.contains_key("NO"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (env, expected) in [
            (json!({"configMapKeyRef": {"name": "none", "key": "x"}}), "configmap \"none\" not found"),
            (json!({"secretKeyRef": {"name": "login", "key": "x"}}), "couldn't find key x in secret login"),
            (json!({"fieldRef": {"fieldPath": "spec.priority"}}), "spec.priority"),
            (json!({"resourceFieldRef": {"resource": "limits.cpu"}}), "not supported"),
        ] {
            let error = build(&json!({"env": [{"name": "A", "valueFrom": env}]})).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error = build(&json!({"envFrom": [{"secretRef": {"name": "none"}}]})).unwrap_err();
        assert_eq!(error, "secret \"none\" not found");
    }
}
