//! What a request's path and query ask for.

use std::collections::BTreeMap;

use crate::cluster::embedded::store::{ApiError, DeleteOptions, LabelSelector, ObjectKind};

use super::fields::FieldSelector;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceTarget {
    pub(super) kind: ObjectKind,
    pub(super) ns: Option<String>,
    pub(super) name: Option<String>,
    pub(super) sub: Option<String>,
}

impl ResourceTarget {
    pub(super) fn parse(path: &str) -> Result<Self, ApiError> {
        let unknown = || ApiError::NoResource { path: path.to_owned() };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(unknown()),
        };
        let (ns, rest) = match rest {
            // `status` and `finalize` belong to the namespace itself.
            ["namespaces", _, "status" | "finalize", ..] => (None, rest),
            ["namespaces", ns, _, ..] => (Some((*ns).to_owned()), &rest[2..]),
            _ => (None, rest),
        };
        let (plural, name, sub) = match rest {
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, Some(*name), None),
            [plural, name, sub] => (*plural, Some(*name), Some(*sub)),
            _ => return Err(unknown()),
        };
        let kind = ObjectKind::from_path(group, version, plural).ok_or_else(unknown)?;
        // Objects in namespaces have no address without one; cluster-wide objects none with one.
        if kind.info().namespaced != ns.is_some() && (name.is_some() || ns.is_some()) {
            return Err(unknown());
        }
        Ok(Self { kind, ns, name: name.map(str::to_owned), sub: sub.map(str::to_owned) })
    }

    /// The namespace for the store; empty for cluster-wide kinds.
    pub(super) fn namespace(&self) -> &str {
        self.ns.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct RequestQuery(BTreeMap<String, String>);

impl RequestQuery {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.text(key), "true" | "1")
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ApiError> {
        match self.text(key) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| ApiError::BadRequest {
                detail: format!("the query's {key} is {text:?}, expected a whole number"),
            }),
        }
    }

    /// The label and field selectors of a list, watch or collection deletion.
    pub(super) fn selectors(&self, kind: ObjectKind) -> Result<ObjectSelectors, ApiError> {
        let labels =
            LabelSelector::parse(self.text("labelSelector")).map_err(|detail| ApiError::BadRequest { detail })?;
        let fields = FieldSelector::parse(kind, self.text("fieldSelector"))?;
        Ok(ObjectSelectors { labels, fields })
    }

    /// Deletion options: the body's, else the query's.
    pub(super) fn delete_options(&self, body: &serde_json::Value) -> Result<DeleteOptions, ApiError> {
        let text = |pointer: &str| body.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
        let query_grace = match self.text("gracePeriodSeconds") {
            "" => None,
            grace => Some(grace.parse().map_err(|_| ApiError::BadRequest {
                detail: format!("the query's gracePeriodSeconds is {grace:?}, expected whole seconds"),
            })?),
        };
        let policy = text("/propagationPolicy").unwrap_or_else(|| self.text("propagationPolicy").to_owned());
        Ok(DeleteOptions {
            grace_s: body["gracePeriodSeconds"].as_i64().or(query_grace),
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
            orphan: policy == "Orphan" || body["orphanDependents"] == true,
        })
    }
}

/// Which objects of a kind a request means.
#[derive(Debug, Clone)]
pub(super) struct ObjectSelectors {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl ObjectSelectors {
    pub(super) fn matches(&self, object: &serde_json::Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }
}

/// Decodes `application/x-www-form-urlencoded`. What is not a valid escape stands for itself.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| Some((hex(at + 1)?, hex(at + 2)?))).flatten();
        if let Some((high, low)) = escape {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_kinds_namespaces_objects_and_subresources() {
        let target = |path| ResourceTarget::parse(path).map(|t| (t.kind, t.ns, t.name, t.sub));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(target("/api/v1/pods"), Ok((ObjectKind::Pod, None, None, None)));
        assert_eq!(target("/api/v1/namespaces/a"), Ok((ObjectKind::Namespace, None, some("a"), None)));
        assert_eq!(target("/api/v1/namespaces/a/status"), Ok((ObjectKind::Namespace, None, some("a"), some("status"))));
        assert_eq!(target("/api/v1/namespaces/a/pods/b"), Ok((ObjectKind::Pod, some("a"), some("b"), None)));
        assert_eq!(
            target("/apis/apps/v1/namespaces/a/deployments/b/scale"),
            Ok((ObjectKind::Deployment, some("a"), some("b"), some("scale")))
        );
        for bad in ["/api/v1/pods/b", "/apis/apps/v1/pods", "/api/v1/namespaces/a/nodes", "/apis/batch/v1/jobs", "/"] {
            assert_eq!(target(bad).unwrap_err().code(), 404, "{bad}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = RequestQuery::parse("labelSelector=app+in+%28a%2Cb%29&watch=true&x=%zz&limit=5");
        assert_eq!(query.text("labelSelector"), "app in (a,b)");
        assert!(query.flag("watch"));
        assert_eq!(query.text("x"), "%zz");
        assert_eq!(query.number("limit"), Ok(Some(5)));
        assert_eq!(query.number("x").unwrap_err().code(), 400);
    }
}
