//! Runs with one random misfortune each, on the embedded cluster: a signal, a killed or frozen process, a full disk, a limit. Whatever
//! happens, no run passes that should not, nothing is left behind, and the record reads.
//!
//! `cargo test --test misfortune` makes a dozen; `cargo test --test misfortune -- --runs 200 --seed 1` any number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod draw;
mod judge;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests end to end")]
mod program;
mod strike;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;

use draw::Misfortune;

/// Runs the program once for each seed, with a misfortune drawn from it. Ends with 1 if a run passed that should not have, left
/// something behind, or left a record that does not read.
#[derive(Debug, Parser)]
struct Args {
    /// How many runs
    #[arg(long, default_value_t = 12)]
    runs: u64,
    /// The seed of the first; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs at once
    #[arg(long, default_value_t = 4)]
    at_once: u64,
    /// What the test harness of cargo passes on and means nothing here
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

/// What a seed drew, and how the run fared.
type Told = (Misfortune, Result<judge::Fared, String>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // A list of tests is asked for by tools that run them one by one: this program is one test.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("random_misfortunes: test");
        return ExitCode::SUCCESS;
    }
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let next = AtomicU64::new(args.seed);
    let end = args.seed.saturating_add(args.runs);
    let told: Mutex<Vec<Told>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..args.at_once.clamp(1, 16) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let misfortune = draw::draw(seed);
                    let fared = strike::run(seed, &misfortune).and_then(|struck| judge::judge(&misfortune, &struck));
                    let words = fared.as_ref().map_or_else(|why| format!("WRONG: {why}"), ToString::to_string);
                    println!("seed {seed}: {misfortune}: {words}");
                    told.lock().unwrap().push((misfortune, fared));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    let mut by_kind: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for (misfortune, fared) in &told {
        let counts = by_kind.entry(misfortune.kind()).or_default();
        counts[fared.as_ref().map_or(3, judge::Fared::column)] += 1;
    }
    println!(
        "\n| misfortune | passed, rightly | failed or inconclusive | ended by it | wrong |\n| --- | ---: | ---: | ---: | ---: |"
    );
    for (kind, counts) in &by_kind {
        println!("| {kind} | {} | {} | {} | {} |", counts[0], counts[1], counts[2], counts[3]);
    }
    let wrong = told.iter().filter(|(_, fared)| fared.is_err()).count();
    println!("\n{} runs, {wrong} wrong", told.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
