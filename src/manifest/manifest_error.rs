//! Why manifests cannot be used.

use super::documents::MAX_OBJECTS;
use super::files::FileReadError;
use crate::yaml::{YamlError, YamlFault};

/// Why manifests cannot be used. The messages list what there is to choose from.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ManifestError {
    /// There are Services, and none selects the workload's pods.
    #[error("no Service selects the pods of {workload}, whose labels are {labels}; there is {present}")]
    #[diagnostic(help("correct a Service's selector, or leave the Services out and one is added"))]
    NoServiceSelects {
        /// The workload.
        workload: String,
        /// Its pods' labels.
        labels: String,
        /// The Services that there are.
        present: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] FileReadError),
    /// An input does not parse.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] YamlError),
    /// A document is not what was expected.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fault(Box<YamlFault>),
    /// There are more objects than a run takes.
    #[error(
        "reading the manifests: they hold {count} objects, expected at most {MAX_OBJECTS}; name only those that the run needs"
    )]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A workload's name does not have the form KIND/NAME of a kind that can be rolled.
    #[error(
        "choosing the workload: `{wanted}` is not a workload that can be rolled, expected deployment/NAME, statefulset/NAME or daemonset/NAME; the manifests hold {present}"
    )]
    NotAWorkload {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// The workload is not in the manifests.
    #[error("choosing the workload: {wanted} is not in the manifests, which hold {present}")]
    NoSuchWorkload {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// There is no workload at all.
    #[error(
        "choosing the workload: the manifests hold no Deployment, StatefulSet or DaemonSet, which are the kinds that can be rolled; they hold {present}"
    )]
    NoWorkload {
        /// What there is.
        present: String,
    },
    /// There is a choice.
    #[error("choosing the workload: the manifests hold several: {present}; say which with `workload:` or --workload")]
    WhichWorkload {
        /// What there is.
        present: String,
    },
    /// The workload has a field that makes a rollout impossible or meaningless.
    #[error("reading {workload}: {message}")]
    BadWorkload {
        /// The workload.
        workload: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The Service is not in the manifests.
    #[error("choosing the service: service/{wanted} is not in the manifests, which hold {present}")]
    NoSuchService {
        /// What was asked for.
        wanted: String,
        /// What there is.
        present: String,
    },
    /// There is a choice of Services.
    #[error(
        "choosing the service: several select the pods of {workload}: {present}; say which with `service:` or --service"
    )]
    WhichService {
        /// The workload.
        workload: String,
        /// What there is.
        present: String,
    },
    /// No Service selects the pods, and none can be made up.
    #[error(
        "choosing the service: no Service selects the pods of {workload}, and its containers have {ports} ports, so that none can be added; add a Service to the manifests, or exactly one containerPort"
    )]
    NoService {
        /// The workload.
        workload: String,
        /// How many ports the containers have.
        ports: usize,
    },
    /// The Service cannot carry the load.
    #[error("reading {service}: {message}")]
    BadService {
        /// The Service.
        service: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// There is a choice of ports, or the port is not there.
    #[error("choosing the port of {service}: {message}; it has {present}")]
    Port {
        /// The Service.
        service: String,
        /// What is wrong and what to do.
        message: String,
        /// What there is.
        present: String,
    },
}
