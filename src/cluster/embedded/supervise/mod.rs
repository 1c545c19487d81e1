//! One supervisor per container: it starts the main process and what is executed beside it, and leaves no descendant
//! behind, however the container, the supervisor or rollproof ended.
//!
//! Four small processes of this program share the work. The node (`client`) starts a guard (`guard`), which starts the
//! supervisor (`serve`) and outlives it; the supervisor starts each process of the container through `start`, which ties
//! its life to the supervisor's. Where the machine allows it, the container has a pid namespace of its own
//! (`isolation`), so that nothing in it can reach what supervises it.
//!
//! The supervisor's side is synchronous and single-threaded, without tokio; it and the node share only `protocol`. None
//! of them knows about pods, probes or grace periods.

mod client;
mod descendants;
mod guard;
mod isolation;
mod log;
mod output;
mod protocol;
mod serve;
mod signals;
mod start;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

pub use client::{ContainerEnd, EndWatch, ExecResult, SuperviseError, Supervisor};
pub use isolation::Isolation;
pub use log::{LogFollow, MAX_LOG_BYTES, tail};
pub use protocol::{MAIN, ProcessEnd, ProcessSpawn, SupervisorReport, SupervisorRequest};
pub use signals::{number, reaches_pid_1};

/// The argument that makes this program one of the processes of this module.
pub const ARGUMENT: &str = "supervise";

/// This program's own file, also after another has taken its path.
const ITSELF: &str = "/proc/self/exe";

/// Becomes the process that `arguments`, those behind [`ARGUMENT`], name. Must be called before any thread exists.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let (role, isolation) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    match (role.to_str(), isolation.to_str().and_then(Isolation::from_argument)) {
        (Some("guard"), Some(isolation)) => guard::main(isolation),
        (Some("serve"), Some(isolation)) => serve::main(isolation),
        (Some("start"), Some(isolation)) => start::main(isolation, arguments),
        (Some("try"), Some(isolation)) => isolation::attempt(isolation),
        // What an attempt starts.
        (Some("nothing"), _) => ExitCode::SUCCESS,
        _ => {
            let _ = writeln!(io::stderr(), "rollproof starts `{ARGUMENT}` itself; it is no command");
            ExitCode::from(2)
        }
    }
}
