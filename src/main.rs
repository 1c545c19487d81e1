//! The `rollproof` program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use rollproof::target::{self, TargetArgs};

/// Zero-downtime test harness for Kubernetes rolling updates.
#[derive(Parser)]
#[command(version)]
enum Command {
    /// An HTTP server whose start and stop behaviour is chosen by flags
    Target(TargetArgs),
}

fn main() -> ExitCode {
    let Command::Target(args) = Command::parse();
    match target::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(3)
        }
    }
}
