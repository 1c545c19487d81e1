//! What can go wrong between a driver and its agent.

/// Why the agent could not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AgentError {
    /// It is no more, or another life of it answers. What it recorded last may be lost: the trial is invalid.
    #[error("{doing}: the agent is gone: {why}")]
    Gone {
        /// What was being done.
        doing: String,
        /// What is known of it.
        why: String,
    },
    /// It could not be reached for so long that it counts as gone.
    #[error("{doing}: the agent could not be reached for {waited_s} s through the API server: {why}")]
    Unreachable {
        /// What was being done.
        doing: String,
        /// How long it was tried.
        waited_s: u64,
        /// The last answer.
        why: String,
    },
    /// It answered that it cannot.
    #[error("{doing}: {why}")]
    Refused {
        /// What was being done.
        doing: String,
        /// Its words.
        why: String,
    },
    /// It could not be brought up.
    #[error("{doing}: {why}")]
    NotDeployed {
        /// What was being done.
        doing: String,
        /// What the cluster said.
        why: String,
    },
}
