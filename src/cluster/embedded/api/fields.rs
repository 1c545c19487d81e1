//! Field selectors: only the fields that the API server offers for each kind.

use serde_json::Value;

use crate::cluster::embedded::store::{ApiError, ObjectKind};

/// A field selector. The empty one matches everything.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldSelector(Vec<FieldTest>);

#[derive(Debug, Clone)]
struct FieldTest {
    pointer: String,
    value: String,
    equal: bool,
}

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
];
const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// The fields besides `metadata.name` and `metadata.namespace` (`pkg/apis/core/v1/conversion.go`).
const fn offered(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Pod => POD_FIELDS,
        ObjectKind::Event => EVENT_FIELDS,
        ObjectKind::Namespace => &["status.phase"],
        ObjectKind::ReplicaSet => &["status.replicas"],
        ObjectKind::Secret => &["type"],
        ObjectKind::Service => &["spec.clusterIP", "spec.type"],
        ObjectKind::Node => &["spec.unschedulable"],
        _ => &[],
    }
}

impl FieldSelector {
    /// Reads `a.b=c,d!=e`.
    pub(super) fn parse(kind: ObjectKind, text: &str) -> Result<Self, ApiError> {
        let bad = |detail: String| ApiError::BadRequest { detail };
        let mut tests = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (field, value, equal) = if let Some((field, value)) = part.split_once("!=") {
                (field, value, false)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, value, true)
            } else {
                return Err(bad(format!("invalid field selector {part:?}; expected field=value")));
            };
            if !["metadata.name", "metadata.namespace"].contains(&field) && !offered(kind).contains(&field) {
                return Err(bad(format!("field label not supported for {}: {field}", kind.info().kind)));
            }
            let pointer = match (kind, field) {
                (ObjectKind::Event, "source") => "/source/component".to_owned(),
                _ => format!("/{}", field.replace('.', "/")),
            };
            tests.push(FieldTest { pointer, value: value.to_owned(), equal });
        }
        Ok(Self(tests))
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|test| {
            let found = match object.pointer(&test.pointer) {
                Some(Value::String(text)) => text.clone(),
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
            };
            (found == test.value) == test.equal
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn offered_fields_match_and_others_are_refused() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}});
        for (text, matches) in [
            ("", true),
            ("metadata.name=a", true),
            ("metadata.name==b", false),
            ("spec.nodeName!=", true),
            ("spec.nodeName=n,status.phase!=Running", true),
            ("status.phase=Running", false),
        ] {
            assert_eq!(FieldSelector::parse(ObjectKind::Pod, text).unwrap().matches(&pod), matches, "{text}");
        }
        for bad in ["spec.containers=x", "metadata.name"] {
            assert_eq!(FieldSelector::parse(ObjectKind::Pod, bad).unwrap_err().code(), 400, "{bad}");
        }
    }
}
