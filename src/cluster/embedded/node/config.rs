//! What a node is given.

use std::path::PathBuf;
use std::sync::Arc;

use super::node_truth::NodeTruth;
use crate::clock::Clock;
use crate::cluster::embedded::supervise::Isolation;

/// Receives errors of the harness itself: the namespace concerned, and a sentence.
pub(crate) type NodeTrouble = Arc<dyn Fn(&str, String) + Send + Sync>;

/// One node's settings.
#[derive(Clone)]
pub struct NodeConfig {
    /// The node's name, as `spec.nodeName` of its pods has it.
    pub name: String,
    /// The rollproof executable, started again for supervisors and for the built-in server.
    pub executable: PathBuf,
    /// A folder of the run's own that exists. Pods' files are kept in it while they live, and their logs longer.
    pub folder: PathBuf,
    /// `PATH` of containers, before an image's prefix.
    pub path: String,
    /// Folders of the manifests, in which `images/NAME/` is looked for.
    pub image_folders: Vec<PathBuf>,
    /// Whether other programs share the network, so that a port may be in use.
    pub shared_network: bool,
    /// Where the built-in servers write what they did, for the truth log.
    pub target_truth: Option<PathBuf>,
    /// How containers are kept apart from the machine's other processes.
    pub isolation: Isolation,
    /// Receives the node's own errors: those that a real node would not have had.
    pub trouble: NodeTrouble,
    /// The run's clock, for truth entries.
    pub clock: Clock,
    /// Takes truth entries.
    pub truth: NodeTruth,
}

impl std::fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeConfig").field("name", &self.name).field("folder", &self.folder).finish_non_exhaustive()
    }
}
