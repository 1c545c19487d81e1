//! Why two runs cannot be compared.

/// Why two runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Both records are of one run.
    #[error(
        "comparing two runs: both records are of the run that began at {started}, and a run says nothing against itself; name \
         the record of another run with --against"
    )]
    SameRun {
        /// When it began, RFC 3339.
        started: String,
    },
    /// They are not of one scenario.
    #[error(
        "comparing two runs: they are not of one scenario, so that a difference would not tell of the workload: {}; expected \
         the same scenario, variants, load and rollout; run the scenario of one of them again and compare with that",
        differences.join("; ")
    )]
    NotOneScenario {
        /// What differs, each in a sentence without its end.
        differences: Vec<String>,
    },
}
