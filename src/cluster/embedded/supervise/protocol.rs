//! What the node and a supervisor say to each other: one JSON value a line, requests on the supervisor's standard
//! input, reports on its standard output.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The id of a container's main process. Processes executed beside it take other ids.
pub const MAIN: u64 = 0;

/// Bytes of an executed process's output that its report carries. The kubelet keeps 10 KiB of a probe's output
/// (`pkg/kubelet/prober/prober.go`, `maxRespBodyLength`, v1.34).
pub(super) const MAX_OUTPUT_BYTES: usize = 10 * 1024;

/// From the node to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum SupervisorRequest {
    /// Start a process. The first one is the main process.
    Spawn(ProcessSpawn),
    /// Send a signal to the main process, under the kernel's rule for PID 1.
    Signal { signal: i32 },
    /// SIGKILL one executed process, as the end of its time limit does.
    KillExec { id: u64 },
    /// SIGKILL the main process; its descendants follow.
    Kill {},
}

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpawn {
    /// [`MAIN`] or a number that the container has not used before.
    pub id: u64,
    /// Program and arguments; the program is looked up in the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Working directory; the supervisor's own if absent.
    pub cwd: Option<PathBuf>,
    /// File that takes standard output and error. Without one, the first [`MAX_OUTPUT_BYTES`] come with the report.
    pub log: Option<PathBuf>,
}

/// From the supervisor to the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum SupervisorReport {
    Started {
        id: u64,
        /// Its process id, as the supervisor's namespace sees it.
        pid: i32,
    },
    Failed {
        id: u64,
        error: String,
    },
    Signalled {
        signal: i32,
        /// Whether the main process received it; false if the rule for PID 1 discarded it.
        delivered: bool,
    },
    /// The process ended. For the main process this comes last, when no descendant is left.
    Exited {
        id: u64,
        end: ProcessEnd,
        /// The start of its output, where no log file was named.
        output: String,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessEnd {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ProcessEnd {
    /// The exit code as container runtimes report it: 128 plus the signal's number where a signal ended the process.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}
