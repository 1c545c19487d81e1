//! What tells rollproof's own objects from everybody else's.

use std::time::Duration;

/// Who made an object (a label that Kubernetes recommends).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const MANAGER: &str = "rollproof";
/// The run's identity, as a label of its namespaces.
pub(super) const RUN_LABEL: &str = "rollproof.dev/run";
/// When the run was last alive, in seconds since 1970, as an annotation of its namespaces.
pub(super) const HEARTBEAT: &str = "rollproof.dev/heartbeat";
/// The scenario's name, as an annotation of the run's namespaces.
pub const SCENARIO: &str = "rollproof.dev/scenario";
/// The run that cordoned a node, as the node's annotation.
pub const CORDONED_BY: &str = "rollproof.dev/cordoned-by";

/// How often a run says that it lives.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How long after its last heartbeat a run counts as alive: three may be missed.
pub(super) const ALIVE_FOR: Duration = Duration::from_mins(2);
