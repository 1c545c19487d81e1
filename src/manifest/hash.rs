//! Copies of manifests in which secrets are told apart but not shown.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// kubectl keeps a copy of the whole object here, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Where a Secret keeps its data: in base64, and as it is (core/v1 Secret).
pub(crate) const SECRET_DATA: [&str; 2] = ["data", "stringData"];

/// `sha256:` and the first 12 hex digits of a text's SHA-256: equal texts stay equal, and a text can be checked against
/// it. It is not salted, so that it can be compared between runs; short or common secrets could be guessed from it.
pub(crate) fn short_hash(text: &str) -> String {
    let hex = format!("{:x}", Sha256::digest(text.as_bytes()));
    format!("sha256:{}", &hex[..12])
}

pub(crate) fn without_secrets(manifests: &[Value]) -> Vec<Value> {
    let mut copies = manifests.to_vec();
    copies.iter_mut().for_each(hash_secret);
    copies
}

fn hash_secret(object: &mut Value) {
    if object["kind"] == "Secret" {
        for key in SECRET_DATA {
            let data = object.get_mut(key).and_then(Value::as_object_mut);
            data.into_iter().flat_map(|data| data.values_mut()).for_each(hash_value);
        }
    }
    if let Some(annotation) =
        object.pointer_mut("/metadata/annotations").and_then(|annotations| annotations.get_mut(LAST_APPLIED))
    {
        hash_value(annotation);
    }
}

fn hash_value(value: &mut Value) {
    *value = hash_of(value).into();
}

/// The hash that stands in the place of a value of a Secret.
pub(crate) fn hash_of(value: &Value) -> String {
    value.as_str().map_or_else(|| short_hash(&value.to_string()), short_hash)
}

/// Takes kubectl's copy of the object out of it.
pub(crate) fn without_copies(object: &mut Value) {
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_is_the_beginning_of_sha_256() {
        // The SHA-256 of "abc" in FIPS 180-4.
        assert_eq!(short_hash("abc"), "sha256:ba7816bf8f01");
    }

    #[test]
    fn secrets_are_hashed_and_all_else_stays() {
        let secret = json!({"kind": "Secret", "metadata": {"name": "s", "annotations": {LAST_APPLIED: "hunter2", "a": "b"}},
                            "data": {"k": "aHVudGVyMg=="}, "stringData": {"p": "hunter2"}, "type": "Opaque"});
        let config = json!({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}});
        let copies = without_secrets(&[secret, config.clone()]);
        assert!(!json!(copies).to_string().contains("hunter2"));
        assert!(!json!(copies).to_string().contains("aHVudGVyMg"));
        assert_eq!(copies[0]["stringData"]["p"], short_hash("hunter2"));
        assert_eq!(copies[0]["metadata"]["annotations"]["a"], "b");
        assert_eq!(copies[0]["type"], "Opaque");
        assert_eq!(copies[1], config);
    }
}
