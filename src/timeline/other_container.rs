//! The end of a container that does not serve: a proxy beside the server, or the server behind a proxy.

use super::edge::Edge;

/// A container of a pod, other than the one that serves, that ended after the pod's deletion.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherContainer {
    /// Its name.
    pub name: String,
    /// When it finished.
    pub finished: Edge,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The reason that its end was given.
    pub reason: Option<String>,
}
