//! Why manifests cannot be used.

use super::documents::{MAX_OBJECTS, ObjectName};
use super::files::FileReadError;
use crate::yaml::{YamlError, YamlFault};

/// What is wrong with a field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldRefusal {
    /// For example `spec.strategy.type`.
    pub(crate) field: String,
    pub(crate) message: String,
}

impl FieldRefusal {
    pub(super) fn new(field: &str, message: String) -> Self {
        Self { field: field.to_owned(), message }
    }

    /// About `field` in a sentence that begins with it.
    pub(super) fn is(field: &str, rest: &str) -> Self {
        Self::new(field, format!("{field} is {rest}"))
    }
}

/// Why manifests cannot be used. The messages list what there is to choose from.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum ManifestError {
    #[error(
        "choosing the service: of those that select the pods of {workload} none has an address of its own, which the load needs: \
         {present} (headless or ExternalName)"
    )]
    #[diagnostic(help("add a Service of type ClusterIP with the same selector"))]
    NoAddress { workload: String, present: String },
    #[error("no Service selects the pods of {workload}, whose labels are {labels}; there is {present}")]
    #[diagnostic(help("correct a Service's selector, or leave the Services out and one is added"))]
    NoServiceSelects { workload: String, labels: String, present: String },
    #[error(transparent)]
    Read(#[from] FileReadError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fault(Box<YamlFault>),
    #[error(
        "reading the manifests: they hold {count} objects, expected at most {MAX_OBJECTS}; name only those that the run needs"
    )]
    TooMany { count: usize },
    #[error(
        "choosing the workload: `{wanted}` is not a workload that can be rolled, expected deployment/NAME, statefulset/NAME or daemonset/NAME; the manifests hold {present}"
    )]
    NotAWorkload { wanted: String, present: String },
    #[error("choosing the workload: {wanted} is not in the manifests, which hold {present}")]
    NoSuchWorkload { wanted: String, present: String },
    #[error(
        "choosing the workload: the manifests hold no Deployment, StatefulSet or DaemonSet, which are the kinds that can be rolled; they hold {present}"
    )]
    NoWorkload { present: String },
    #[error("choosing the workload: the manifests hold several: {present}; say which with `workload:` or --workload")]
    WhichWorkload { present: String },
    /// A field of an object. Whoever knows where it stands shows it there, see [`ManifestError::field`].
    #[error("reading {object}: {}", .refusal.message)]
    Object { object: Box<ObjectName>, refusal: FieldRefusal },
    #[error("choosing the service: service/{wanted} is not in the manifests, which hold {present}")]
    NoSuchService { wanted: String, present: String },
    #[error(
        "choosing the service: several select the pods of {workload}: {present}; say which with `service:` or --service"
    )]
    WhichService { workload: String, present: String },
    #[error(
        "choosing the service: no Service selects the pods of {workload}, and its containers have {ports} ports, so that none can be added; add a Service to the manifests, or exactly one containerPort"
    )]
    NoService { workload: Box<ObjectName>, ports: usize },
    #[error("choosing the port of {service}: {message}; it has {present}")]
    Port { service: Box<ObjectName>, message: String, present: String },
}

impl ManifestError {
    /// The object and the field of it that this is about.
    pub(crate) fn field(&self) -> Option<(&ObjectName, &str)> {
        match self {
            Self::Object { object, refusal } => Some((object, refusal.field.as_str())),
            Self::NoService { workload, .. } => Some((workload, "spec.template.spec.containers")),
            Self::Port { service, .. } => Some((service, "spec.ports")),
            _ => None,
        }
    }
}
