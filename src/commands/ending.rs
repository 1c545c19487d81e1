//! How a command ends, and what it says meanwhile.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::analysis::ReportDoc;
use crate::cluster::kind::KindError;
use crate::cluster::kube::ConnectError;
use crate::verdict::Verdict;

/// Where a command says what it is doing. Data is never said here: it is in [`FinishedCommand`].
pub(crate) trait UserOutput: Send + Sync {
    /// A line that stays.
    fn say(&self, line: &str);
    /// A question, answered by yes or no; `None` where nobody can be asked.
    fn ask(&self, question: &str) -> Option<bool>;
    /// The present state, which replaces the one before; shown only on a terminal.
    fn progress(&self, line: &str);
}

#[derive(Debug)]
pub(crate) struct FinishedCommand {
    pub(crate) ending: RunEnding,
    pub(crate) summary: String,
    /// Where the record and the reports are.
    pub(crate) directory: PathBuf,
    pub(crate) report: ReportDoc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunEnding {
    /// All trials were run, or a record was read.
    Judged(Verdict),
    Interrupted,
    /// The machine or the cluster failed during the run; what was recorded until then was judged.
    Broken(Verdict),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandFailure {
    /// What the user wrote, with the place in the text.
    #[error("{0}")]
    Input(Box<dyn Diagnostic + Send + Sync>),
    /// What the user wrote or named.
    #[error("{0}")]
    User(String),
    /// The machine or the cluster.
    #[error("{0}")]
    Machine(String),
    #[error("{0}")]
    Bug(String),
    /// Before there was anything to judge.
    #[error("interrupted")]
    Interrupted,
}

/// What can be shown in the user's own text was written by the user.
impl<E: Diagnostic + Send + Sync + 'static> From<E> for CommandFailure {
    fn from(error: E) -> Self {
        Self::Input(Box::new(error))
    }
}

impl From<KindError> for CommandFailure {
    fn from(error: KindError) -> Self {
        match error {
            KindError::Interrupted { .. } => Self::Interrupted,
            KindError::NoCluster { .. } => Self::User(error.to_string()),
            other => Self::Machine(other.to_string()),
        }
    }
}

impl From<ConnectError> for CommandFailure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoContext { .. } => Self::User(error.to_string()),
            other => Self::Machine(other.to_string()),
        }
    }
}

#[derive(Debug)]
pub(super) enum TrialsEnd {
    Finished,
    /// No further block was begun, because the time budget was used up; said in a sentence.
    OutOfTime(String),
    Interrupted,
    /// By the machine or the cluster, in a sentence.
    Broken(String),
    /// By what the user wrote, which showed only now.
    Refused(String),
}
