//! One supervisor per container: it starts the main process and what is executed beside it, and leaves no descendant
//! behind, however the container, the supervisor or rollproof ended.
//!
//! - `descendants`: finds and kills every descendant
//! - `guard`: outlives the supervisor, and kills what it left behind
//! - `isolation`: a pid namespace for the container, where the machine allows it
//! - `log_file`: a container's log, of bounded size
//! - `output`: reads a process's output
//! - `process_start`: the first moments of each process of a container
//! - `protocol`: what the node and a supervisor say to each other
//! - `signals`: the kernel's signal rule for PID 1
//! - `supervisor`: the supervisor itself
//! - `supervisor_client`: the node's side of a supervisor
//!
//! Four small processes of this program share the work. The node (`supervisor_client`) starts a guard (`guard`), which
//! starts the supervisor (`supervisor`); the supervisor starts each process of the container through `process_start`, which
//! ties its life to the supervisor's.
//!
//! The supervisor's side is synchronous and single-threaded, without tokio; it and the node share only `protocol`. None
//! of them knows about pods, probes or grace periods.

mod descendants;
mod guard;
mod isolation;
mod log_file;
mod output;
mod process_start;
mod protocol;
mod signals;
mod supervisor;
mod supervisor_client;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

pub use isolation::Isolation;
pub(crate) use log_file::LogFollow;
pub use log_file::tail;
pub use protocol::{MAIN, ProcessEnd, ProcessSpawn};
pub(crate) use signals::number;
pub use supervisor_client::{ContainerEnd, SuperviseError, Supervisor};

/// The argument that makes this program one of the processes of this module.
pub(crate) const ARGUMENT: &str = "supervise";

/// This program's own file, also after another has taken its path.
const ITSELF: &str = "/proc/self/exe";

/// Becomes the process that `arguments`, those behind [`ARGUMENT`], name. Must be called before any thread exists.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let (role, isolation) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    match (role.to_str(), isolation.to_str().and_then(Isolation::from_argument)) {
        (Some("guard"), Some(isolation)) => guard::main(isolation),
        (Some("serve"), Some(isolation)) => supervisor::main(isolation),
        (Some("start"), Some(isolation)) => process_start::main(isolation, arguments),
        (Some("try"), Some(isolation)) => isolation::attempt(isolation),
        // What an attempt starts.
        (Some("nothing"), _) => ExitCode::SUCCESS,
        _ => {
            let _ = writeln!(io::stderr(), "rollproof starts `{ARGUMENT}` itself; it is no command");
            ExitCode::from(2)
        }
    }
}
