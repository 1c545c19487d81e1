//! What can be wrong with running pods. Each message is a whole sentence for the user.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use thiserror::Error;

use crate::cluster::embedded::images::ImageError;
use crate::cluster::embedded::supervise::SuperviseError;

/// Why a pod or container does not run.
#[derive(Debug, Error)]
pub(super) enum NodeError {
    /// Every address is in use.
    #[error("cannot give the pod an address: all {limit} of this run are in use; run fewer pods")]
    NoAddress {
        /// How many there are.
        limit: usize,
    },
    /// A port cannot be used.
    #[error(
        "cannot use port {port} on {address}: {reason}; choose another containerPort and targetPort, or run where user \
         and network namespaces are allowed"
    )]
    Port {
        /// The pod's address.
        address: Ipv4Addr,
        /// The port.
        port: u16,
        /// The machine's reason.
        reason: String,
    },
    /// The image cannot run here.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A process could not be started.
    #[error(transparent)]
    Process(#[from] SuperviseError),
    /// The container's environment names something that does not exist.
    #[error("cannot build the environment of container {container:?}: {problem}")]
    Environment {
        /// The container's name.
        container: String,
        /// What is missing or malformed, and where.
        problem: String,
    },
    /// The pod asks for something that the embedded cluster does not do.
    #[error("cannot run the pod in the embedded cluster: {0}; remove it, since only real clusters have it")]
    Refused(String),
    /// A folder cannot be made.
    #[error("cannot make the folder {folder}: {reason}; rollproof keeps pods' files there and needs to write to it")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The machine's reason.
        reason: String,
    },
}

impl NodeError {
    /// The `waiting.reason` that the kubelet shows for such a container (`pkg/kubelet/images/types.go` and
    /// `pkg/kubelet/container/sync_result.go`, v1.34).
    #[must_use]
    pub(super) fn waiting_reason(&self) -> &'static str {
        match self {
            Self::Image(_) => "ErrImagePull",
            Self::Environment { .. } | Self::Refused(_) => "CreateContainerConfigError",
            Self::Process(_) => "RunContainerError",
            Self::NoAddress { .. } | Self::Port { .. } | Self::Folder { .. } => "CreateContainerError",
        }
    }
}
