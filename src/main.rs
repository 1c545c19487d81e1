//! The `rollproof` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollproof::cli::main()
}
