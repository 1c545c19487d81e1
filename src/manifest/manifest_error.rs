//! Why manifests cannot be used.

use super::documents::MAX_OBJECTS;
use super::files::FileReadError;
use crate::yaml::{YamlError, YamlFault};

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
    #[error("reading {workload}: {message}")]
    BadWorkload { workload: String, message: String },
    #[error("choosing the service: service/{wanted} is not in the manifests, which hold {present}")]
    NoSuchService { wanted: String, present: String },
    #[error(
        "choosing the service: several select the pods of {workload}: {present}; say which with `service:` or --service"
    )]
    WhichService { workload: String, present: String },
    #[error(
        "choosing the service: no Service selects the pods of {workload}, and its containers have {ports} ports, so that none can be added; add a Service to the manifests, or exactly one containerPort"
    )]
    NoService { workload: String, ports: usize },
    #[error("reading {service}: {message}")]
    BadService { service: String, message: String },
    #[error("choosing the port of {service}: {message}; it has {present}")]
    Port { service: String, message: String, present: String },
}
