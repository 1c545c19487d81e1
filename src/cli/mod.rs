//! The command line: arguments, exit codes, and the only code that prints.
//!
//! - `arguments`: the arguments, as clap reads them
//! - `called`: the program's name as it was called: `rollproof` or `kubectl rollproof`
//! - `exit_code`: exit codes and their precedence
//! - `manual_pages`: completions and manual pages
//! - `print`: the only code that prints

mod arguments;
mod called;
mod exit_code;
mod manual_pages;
mod print;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::FromArgMatches;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

pub use arguments::Arguments;
use arguments::{CliCommand, SchemaOf};
use manual_pages::{ManualPageError, completions, pages};

use crate::cluster::embedded::namespace::{self, EnteredNetwork};
use crate::cluster::embedded::supervise;
use crate::commands::{self, ClusterChoice, CommandFailure, WhereArgs};

/// Runs the program. Must be called before any thread is started: a process with threads cannot enter namespaces.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    // One of the small processes that supervise a container; its environment is the container's.
    if words.get(1).is_some_and(|word| word == supervise::ARGUMENT) {
        return supervise::main(words.into_iter().skip(2));
    }
    outlive_file_size_limit();
    let mark = std::env::var(namespace::MARK).ok();
    if mark.as_deref() == Some(namespace::PROBE)
        && let EnteredNetwork::Tried(code) = namespace::enter(mark.as_deref(), &words)
    {
        return code;
    }
    let arguments = match parse(&words) {
        Ok(arguments) => arguments,
        Err(error) => return print::usage(&error),
    };
    let output = print::TerminalOutput;
    let network = |place: &WhereArgs| {
        if *place.cluster() != ClusterChoice::Embedded {
            EnteredNetwork::Host("the cluster is a real one".to_owned())
        } else if place.host_network {
            EnteredNetwork::Host("--host-network was given".to_owned())
        } else {
            namespace::enter(mark.as_deref(), &words)
        }
    };
    let style = print::style();
    match arguments.command {
        CliCommand::Agent(agent) => print::server(commands::agent(agent)),
        CliCommand::Target(target) => print::server(crate::target::run(&target)),
        CliCommand::Run(run) => print::finished(
            commands::check_recorded_cluster(&run)
                .and_then(|()| commands::run(&run, network(&run.place), style, &output)),
        ),
        CliCommand::Attach(attach) => print::finished(commands::attach(&attach, style, &output)),
        CliCommand::Demo(demo) => print::finished(commands::demo(&demo, network(&demo.place), style, &output)),
        CliCommand::Report(report) => match commands::incident(&report) {
            Some(page) => print::text(page),
            None => print::finished(commands::report(&report, style, &output)),
        },
        CliCommand::Cluster(cluster) => print::text(commands::cluster(&cluster, &output)),
        CliCommand::Schema { of } => schema(of),
        CliCommand::Completions { shell } => print::text(Ok(completions(shell))),
        CliCommand::Man { folder } => man(folder.as_deref()),
    }
}

/// Where a file may not grow further (`RLIMIT_FSIZE`), the write fails and is told of, as on a full disk. Without a handler the signal
/// would end the process. Programs that are started get the signal's default again.
fn outlive_file_size_limit() {
    // This runtime has no threads, and what it installs outlives it.
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        let _ = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32));
    }
}

/// Reads the arguments; a mistake is told in the words of the name under which the program was started.
fn parse(words: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = called::command(called::plugin());
    let matches = command.try_get_matches_from_mut(words)?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints the program's manual page, or writes those of all commands to a folder.
fn man(folder: Option<&Path>) -> ExitCode {
    let text = match folder {
        Some(folder) => manual_pages::write_pages(folder),
        None => pages().map(|pages| pages.into_iter().next().map(|page| page.text).unwrap_or_default()),
    };
    print::text(text.map_err(|error| match error {
        ManualPageError::Write { .. } => CommandFailure::User(error.to_string()),
        ManualPageError::Render { .. } => CommandFailure::Bug(error.to_string()),
    }))
}

fn schema(of: SchemaOf) -> ExitCode {
    let text = match of {
        SchemaOf::Report => serde_json::to_string_pretty(&crate::report::schema()),
        SchemaOf::Diff => serde_json::to_string_pretty(&crate::diff::schema()),
        SchemaOf::Scenario => crate::scenario::schema_json(),
    };
    print::text(text.map_err(|error| CommandFailure::Bug(format!("writing the schema: {error}"))))
}
