//! The API's typed errors and the `Status` bodies that carry them.

use serde_json::{Value, json};

use super::object_kind::ObjectKind;

/// One field that made an object invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCause {
    /// The field's path, for example `spec.template.metadata.labels`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// An error of the embedded API. The messages follow the Kubernetes API server's wording, which users know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 404: no such object.
    #[error("{} {name:?} not found", kind.resource())]
    NotFound {
        /// The kind asked for.
        kind: ObjectKind,
        /// The name asked for.
        name: String,
    },
    /// 404: no such resource.
    #[error(
        "the embedded cluster has no resource at {path:?}; it stores namespaces, pods, services, deployments, \
         replicasets, endpointslices, configmaps, secrets, events, nodes and a few more; leave the others out"
    )]
    NoResource {
        /// The path asked for.
        path: String,
    },
    /// 409: the name is taken.
    #[error("{} {name:?} already exists", kind.resource())]
    AlreadyExists {
        /// The kind.
        kind: ObjectKind,
        /// The name that is taken.
        name: String,
    },
    /// 409: the object is not the one that the caller had seen.
    #[error("operation cannot be fulfilled on {} {name:?}: {detail}", kind.resource())]
    Conflict {
        /// The kind.
        kind: ObjectKind,
        /// The object's name.
        name: String,
        /// What differs.
        detail: String,
    },
    /// 422: the object breaks a rule.
    #[error("{} {name:?} is invalid: {}", kind.info().kind, join(causes))]
    Invalid {
        /// The kind.
        kind: ObjectKind,
        /// The object's name.
        name: String,
        /// What is wrong, field by field.
        causes: Vec<StatusCause>,
    },
    /// 403: the request is understood and refused.
    #[error("{} {name:?} is forbidden: {detail}", kind.resource())]
    Forbidden {
        /// The kind.
        kind: ObjectKind,
        /// The object's name.
        name: String,
        /// Why.
        detail: String,
    },
    /// 410: the resource version asked for is older than the history kept.
    #[error("too old resource version: {asked} ({oldest}); list again and watch from there")]
    Gone {
        /// The version asked for.
        asked: u64,
        /// The oldest version that can be watched from.
        oldest: u64,
    },
    /// 504: the resource version asked for does not exist yet.
    #[error("too large resource version: {asked}, current: {current}; list again and watch from there")]
    TooLarge {
        /// The version asked for.
        asked: u64,
        /// The store's version.
        current: u64,
    },
    /// 400: the request cannot be understood.
    #[error("{detail}")]
    BadRequest {
        /// What is wrong with it.
        detail: String,
    },
    /// 405: no such verb here.
    #[error("the server does not allow {method} on {path:?}")]
    MethodNotAllowed {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// 415: a body of a type that is not understood here.
    #[error("the body of the request was in an unknown format - accepted media types include: {accepted}")]
    UnsupportedMediaType {
        /// The types that are.
        accepted: &'static str,
    },
    /// 413: a body over the limit.
    #[error("the request's body is over the limit of {limit} bytes; send less")]
    TooLargeBody {
        /// The limit in bytes.
        limit: usize,
    },
    /// 429: an eviction that a disruption budget does not allow now.
    #[error("cannot evict pod {name:?} as it would violate the pod's disruption budget; try again later")]
    EvictionBlocked {
        /// The pod's name.
        name: String,
    },
}

fn join(causes: &[StatusCause]) -> String {
    let each: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    each.join("; ")
}

impl ApiError {
    /// The HTTP status code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code_and_reason().0
    }

    /// `reason` of the Status body.
    #[must_use]
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
    #[must_use]
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
