//! Where a trial stands, for whoever shows it while it runs.

use crate::rollout::RolloutCounts;

/// Where a trial stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrialStep {
    /// The load runs, and nothing is rolled out yet.
    #[default]
    LeadIn,
    /// The rollout is under way; how far it is, once its watches have told.
    Rolling(Option<RolloutCounts>),
    /// Nothing is to be rolled out: a control.
    Control,
    /// The rollout is over, and the load goes on for a moment.
    Tail,
}
