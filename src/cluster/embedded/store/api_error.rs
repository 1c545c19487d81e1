//! The API's typed errors and the `Status` bodies that carry them.

use serde_json::{Value, json};

use super::object_kind::ObjectKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCause {
    /// The field's path, for example `spec.template.metadata.labels`.
    pub(crate) field: String,
    pub(crate) message: String,
}

/// An error of the embedded API. The messages follow the Kubernetes API server's wording, which users know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("{} {name:?} not found", kind.resource())]
    NotFound { kind: ObjectKind, name: String },
    #[error(
        "the embedded cluster has no resource at {path:?}; it stores namespaces, pods, services, deployments, \
         replicasets, endpointslices, configmaps, secrets, events, nodes and a few more; leave the others out"
    )]
    NoResource { path: String },
    #[error("{} {name:?} already exists", kind.resource())]
    AlreadyExists { kind: ObjectKind, name: String },
    #[error("operation cannot be fulfilled on {} {name:?}: {detail}", kind.resource())]
    Conflict { kind: ObjectKind, name: String, detail: String },
    #[error("{} {name:?} is invalid: {}", kind.info().kind, join(causes))]
    Invalid { kind: ObjectKind, name: String, causes: Vec<StatusCause> },
    #[error("{} {name:?} is forbidden: {detail}", kind.resource())]
    Forbidden { kind: ObjectKind, name: String, detail: String },
    #[error("too old resource version: {asked} ({oldest}); list again and watch from there")]
    Gone { asked: u64, oldest: u64 },
    #[error("too large resource version: {asked}, current: {current}; list again and watch from there")]
    TooLarge { asked: u64, current: u64 },
    #[error("{detail}")]
    BadRequest { detail: String },
    #[error("the server does not allow {method} on {path:?}")]
    MethodNotAllowed { method: String, path: String },
    #[error("the body of the request was in an unknown format - accepted media types include: {accepted}")]
    UnsupportedMediaType { accepted: &'static str },
    #[error("the request's body is over the limit of {limit} bytes; send less")]
    TooLargeBody { limit: usize },
    #[error("cannot evict pod {name:?} as it would violate the pod's disruption budget; try again later")]
    EvictionBlocked { name: String },
}

fn join(causes: &[StatusCause]) -> String {
    let each: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    each.join("; ")
}

impl ApiError {
    pub const fn code(&self) -> u16 {
        self.code_and_reason().0
    }

    pub const fn reason(&self) -> &'static str {
        self.code_and_reason().1
    }

    const fn code_and_reason(&self) -> (u16, &'static str) {
        match self {
            Self::BadRequest { .. } => (400, "BadRequest"),
            Self::Forbidden { .. } => (403, "Forbidden"),
            Self::NotFound { .. } | Self::NoResource { .. } => (404, "NotFound"),
            Self::MethodNotAllowed { .. } => (405, "MethodNotAllowed"),
            Self::AlreadyExists { .. } => (409, "AlreadyExists"),
            Self::Conflict { .. } => (409, "Conflict"),
            Self::Gone { .. } => (410, "Expired"),
            Self::TooLargeBody { .. } => (413, "RequestEntityTooLarge"),
            Self::UnsupportedMediaType { .. } => (415, "UnsupportedMediaType"),
            Self::Invalid { .. } => (422, "Invalid"),
            Self::EvictionBlocked { .. } => (429, "TooManyRequests"),
            Self::TooLarge { .. } => (504, "Timeout"),
        }
    }

    /// The `Status` body, as `metav1.Status` defines it.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.to_string(), "reason": self.reason(), "code": self.code(),
        });
        if let Some((kind, name)) = self.about() {
            status["details"] = json!({ "name": name, "group": kind.info().group, "kind": kind.info().plural });
        }
        if let Self::Invalid { causes, .. } = self {
            status["details"]["causes"] = causes
                .iter()
                .map(|cause| json!({"reason": "FieldValueInvalid", "field": cause.field, "message": cause.message}))
                .collect();
        }
        status
    }

    fn about(&self) -> Option<(ObjectKind, &str)> {
        match self {
            Self::NotFound { kind, name }
            | Self::AlreadyExists { kind, name }
            | Self::Conflict { kind, name, .. }
            | Self::Invalid { kind, name, .. }
            | Self::Forbidden { kind, name, .. } => Some((*kind, name)),
            _ => None,
        }
    }
}
