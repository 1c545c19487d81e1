//! What can be wrong with running pods. Each message is a whole sentence for the user.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use thiserror::Error;

use crate::cluster::embedded::images::ImageError;
use crate::cluster::embedded::supervise::SuperviseError;

#[derive(Debug, Error)]
pub(super) enum NodeError {
    #[error("cannot give the pod an address: all {limit} of this run are in use; run fewer pods")]
    NoAddress { limit: usize },
    #[error(
        "cannot use port {port} on {address}: {reason}; choose another containerPort and targetPort, or run where user \
         and network namespaces are allowed"
    )]
    Port { address: Ipv4Addr, port: u16, reason: String },
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Process(#[from] SuperviseError),
    #[error("cannot build the environment of container {container:?}: {problem}")]
    Environment { container: String, problem: String },
    #[error("cannot run the pod in the embedded cluster: {0}; remove it, since only real clusters have it")]
    Refused(String),
    #[error("cannot make the folder {folder}: {reason}; rollproof keeps pods' files there and needs to write to it")]
    Folder { folder: PathBuf, reason: String },
}

impl NodeError {
    /// The `waiting.reason` that the kubelet shows for such a container (`pkg/kubelet/images/types.go` and
    /// `pkg/kubelet/container/sync_result.go`, v1.34).
    pub(super) fn waiting_reason(&self) -> &'static str {
        match self {
            Self::Image(_) => "ErrImagePull",
            Self::Environment { .. } | Self::Refused(_) => "CreateContainerConfigError",
            Self::Process(_) => "RunContainerError",
            Self::NoAddress { .. } | Self::Port { .. } | Self::Folder { .. } => "CreateContainerError",
        }
    }
}
