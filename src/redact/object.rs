//! Credentials in a manifest: a Secret's data, values of variables and of headers of probes, words of commands.

use serde_json::{Map, Value};

use super::credential::is_credential;
use super::hash::{hash_of, short_hash};
use super::words::{hide_in_path, hide_in_words, is_reference};

/// kubectl keeps a copy of the whole object here, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Where a Secret keeps its data: in base64, and as it is (core/v1 Secret).
pub(crate) const SECRET_DATA: [&str; 2] = ["data", "stringData"];

/// Copies in which credentials are told apart but not shown.
pub(crate) fn without_credentials(manifests: &[Value]) -> Vec<Value> {
    let mut copies = manifests.to_vec();
    for object in &mut copies {
        hide_in(object, &mut short_hash);
    }
    copies
}

/// Puts what `hide` makes of it in the place of every credential of an object.
pub(crate) fn hide_in(object: &mut Value, hide: &mut dyn FnMut(&str) -> String) {
    hide_last_applied(object, &mut |value| Some(hide(value)));
    if object["kind"] == "Secret" {
        for key in SECRET_DATA {
            let data = object.get_mut(key).and_then(Value::as_object_mut);
            for value in data.into_iter().flat_map(Map::values_mut) {
                *value = match value.as_str() {
                    Some(text) => hide(text).into(),
                    None => hash_of(value).into(),
                };
            }
        }
        return;
    }
    inside(object, hide);
}

/// Does the same to kubectl's copy of the object, and takes it out where `hide` gives nothing.
pub(crate) fn hide_last_applied(object: &mut Value, hide: &mut dyn FnMut(&str) -> Option<String>) {
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    if let Some(copy) = annotations.remove(LAST_APPLIED) {
        let text = copy.as_str().map_or_else(|| copy.to_string(), str::to_owned);
        if let Some(hidden) = hide(&text) {
            annotations.insert(LAST_APPLIED.to_owned(), hidden.into());
        }
    }
}

fn inside(value: &mut Value, hide: &mut dyn FnMut(&str) -> String) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| inside(one, hide)),
        Value::Object(fields) => {
            // `env` and `httpHeaders` are lists of these.
            let named = fields.get("name").and_then(Value::as_str).is_some_and(is_credential);
            for (key, field) in fields {
                match (key.as_str(), &mut *field) {
                    ("value", Value::String(text)) if named && !text.is_empty() && !is_reference(text) => {
                        *text = hide(text);
                    }
                    ("value", Value::String(text)) => {
                        if let [shown] = &hide_in_words(std::slice::from_ref(text), hide)[..] {
                            text.clone_from(shown);
                        }
                    }
                    ("path", Value::String(text)) => *text = hide_in_path(text, hide),
                    ("command" | "args", Value::Array(words)) => hide_in_list(words, hide),
                    _ => inside(field, hide),
                }
            }
        }
        _ => {}
    }
}

fn hide_in_list(list: &mut [Value], hide: &mut dyn FnMut(&str) -> String) {
    let words: Option<Vec<String>> = list.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    let Some(words) = words else { return };
    for (word, shown) in list.iter_mut().zip(hide_in_words(&words, hide)) {
        *word = shown.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hashed_and_all_else_stays() {
        let secret = json!({"kind": "Secret", "metadata": {"name": "s", "annotations": {LAST_APPLIED: "hunter2", "a": "b"}},
                            "data": {"k": "aHVudGVyMg=="}, "stringData": {"p": "hunter2", "n": 5}, "type": "Opaque"});
        let config = json!({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}});
        let copies = without_credentials(&[secret, config.clone()]);
        assert!(!json!(copies).to_string().contains("hunter2"));
        assert!(!json!(copies).to_string().contains("aHVudGVyMg"));
        assert_eq!(copies[0]["stringData"]["p"], short_hash("hunter2"));
        assert_eq!(copies[0]["stringData"]["n"], short_hash("5"));
        assert_eq!(copies[0]["metadata"]["annotations"]["a"], "b");
        assert_eq!(copies[0]["type"], "Opaque");
        assert_eq!(copies[1], config);
    }

    #[test]
    fn variables_headers_of_probes_and_words_of_commands_are_hashed_by_their_names() {
        let pod = |password: &str, header: &str, word: &str, hook: &str| {
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{
                "name": "key", "image": "a:1", "command": ["run", "--token", word],
                "env": [{"name": "DB_PASSWORD", "value": password}, {"name": "LEVEL", "value": "debug"},
                        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", format!("PASSWORD={hook} stop")]}}},
                "readinessProbe": {"httpGet": {"path": format!("/r?sig={word}"), "httpHeaders":
                    [{"name": "Authorization", "value": header}, {"name": "Accept", "value": "a"}]}}}]}}}})
        };
        let marked = pod("marked1", "marked2", "marked3", "marked4");
        let hash = short_hash;
        let expected = pod(&hash("marked1"), &hash("marked2"), &hash("marked3"), &hash("marked4"));
        assert_eq!(without_credentials(&[marked]), [expected]);
    }
}
