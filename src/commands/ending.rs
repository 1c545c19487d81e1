//! How a command ends, and how it talks meanwhile.

use std::path::PathBuf;

use crate::verdict::Verdict;

/// Where a command says what it is doing. Data is never said here: it is in [`FinishedCommand`].
pub trait UserOutput: Send + Sync {
    /// A line that stays.
    fn say(&self, line: &str);
    /// The present state, which replaces the one before; shown only on a terminal.
    fn progress(&self, line: &str);
}

/// A command that came to its end.
#[derive(Debug)]
pub struct FinishedCommand {
    /// How.
    pub ending: RunEnding,
    /// The result, for stdout.
    pub summary: String,
    /// Where the record and the reports are.
    pub directory: PathBuf,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnding {
    /// All trials were run, or a record was read.
    Judged(Verdict),
    /// The user interrupted it.
    Interrupted,
    /// The machine or the cluster failed during the run; what was recorded until then was judged.
    Broken(Verdict),
}

/// A command that could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandFailure {
    /// What the user wrote, with the place in the text.
    #[error("{0}")]
    Input(Box<dyn miette::Diagnostic + Send + Sync>),
    /// What the user wrote or named.
    #[error("{0}")]
    User(String),
    /// The machine or the cluster.
    #[error("{0}")]
    Machine(String),
    /// A bug in this program.
    #[error("{0}")]
    Bug(String),
    /// Interrupted before there was anything to judge.
    #[error("interrupted")]
    Interrupted,
}

/// How the trials of a run ended.
#[derive(Debug)]
pub(super) enum TrialsEnd {
    /// All were run.
    Finished,
    /// No further block was begun, because the time budget was used up; said in a sentence.
    OutOfTime(String),
    /// By the user.
    Interrupted,
    /// By the machine or the cluster, in a sentence.
    Broken(String),
    /// By what the user wrote, which showed only now.
    Refused(String),
}
