//! The command line: arguments, exit codes, and the only code that prints.

mod args;
mod exit;
mod print;
mod progress;

use std::process::ExitCode;

pub use args::Arguments;
use args::Command;
use clap::Parser;
pub use exit::Exit;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return print::usage(&error),
    };
    // Both begin before any thread or runtime of ours: they are single-purpose processes inside a pod.
    match arguments.command {
        Command::Supervise => crate::cluster::embedded::supervise::main(),
        Command::Target(target) => print::target(crate::target::run(target)),
        Command::Run(run) => print::finished(crate::commands::run(&run)),
        Command::Demo(demo) => print::finished(crate::commands::demo(&demo)),
        Command::Report(report) => print::finished(crate::commands::report(&report)),
        Command::Schema { of } => print::schema(of),
    }
}
