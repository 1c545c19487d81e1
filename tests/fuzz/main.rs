//! Hostile input for every reader of text from outside: the seeds of `fuzz/seeds`, and random changes of them.
//!
//! `cargo test --test fuzz` takes a fixed number of changes, always the same ones. `cargo test --test fuzz -- --minutes 10 TARGET`
//! takes as many as fit, and others each time; without a target, all of them share the time. An input fails that panics, takes longer
//! than [`INPUT_MAX`] or needs more than [`MEMORY_MAX`]; it is kept in `target/fuzz`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod change;

use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use nix::sys::resource::{Resource, setrlimit};
use rollproof::clock::{Clock, wall_unix_ns};
use rollproof::fuzz::{FuzzTarget, TARGETS};
use rollproof::rng::Rng;

/// Changes that a test takes, unless they take longer than `TEST_MAX`.
const CHANGES: u32 = 400;
const TEST_MAX: Duration = Duration::from_secs(20);
/// The longest that one input may take, in a program without optimization on a busy machine.
const INPUT_MAX: Duration = Duration::from_secs(10);
/// The most that the process may map. An allocation beyond it ends the process.
const MEMORY_MAX: u64 = 4 << 30;
const USAGE: &str = "usage: cargo test --locked --test fuzz -- --minutes N [TARGET]";

fn main() -> ExitCode {
    setrlimit(Resource::RLIMIT_AS, MEMORY_MAX, MEMORY_MAX).unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|word| word == "--minutes") {
        return for_minutes(&arguments[at + 1..]);
    }
    let mut tests: Vec<Trial> = TARGETS.iter().map(|target| Trial::test(target.name, || tested(target))).collect();
    tests.push(Trial::test("each_target_has_seeds_and_a_libfuzzer_target", || {
        complete();
        Ok(())
    }));
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn elapsed(clock: Clock) -> Duration {
    Duration::from_nanos(clock.now())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &FuzzTarget) -> Vec<Vec<u8>> {
    let folder = root().join("fuzz/seeds").join(target.seeds);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn complete() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in &TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty() && seeds.iter().map(Vec::len).sum::<usize>() < 100_000, "{}", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        let own = fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{}.rs", target.name))).unwrap();
        assert!(own.contains(&format!("\"{}\"", target.name)), "{}", target.name);
    }
    assert_eq!(fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap().count(), TARGETS.len());
}

/// One target's inputs, kept on the disk where the process ends with one.
struct FuzzInputs<'a> {
    target: &'a FuzzTarget,
    kept: PathBuf,
}

impl<'a> FuzzInputs<'a> {
    fn new(target: &'a FuzzTarget) -> Self {
        let folder = root().join("target/fuzz");
        fs::create_dir_all(&folder).unwrap();
        Self { target, kept: folder.join(target.name) }
    }

    fn take(&self, input: &[u8]) -> Result<(), String> {
        fs::write(&self.kept, input).unwrap();
        let clock = Clock::start();
        let ended = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        let took = elapsed(clock);
        let kept = self.kept.display();
        match ended {
            Err(_) => Err(format!("{} panics on {kept}", self.target.name)),
            Ok(()) if took > INPUT_MAX => Err(format!("{} takes {took:?} for {kept}", self.target.name)),
            Ok(()) => Ok(()),
        }
    }

    /// Takes the seeds and changes of them, until `done` of the number taken.
    fn take_all(&self, seed: u64, done: impl Fn(u32) -> bool) -> Result<u32, String> {
        let seeds = seeds(self.target);
        for input in &seeds {
            self.take(input)?;
        }
        let mut random = Rng::stream(seed, self.target.name);
        let mut taken = 0;
        while !done(taken) {
            self.take(&change::changed(&seeds, &mut random))?;
            taken += 1;
        }
        let _ = fs::remove_file(&self.kept);
        Ok(taken)
    }
}

fn tested(target: &FuzzTarget) -> Result<(), libtest_mimic::Failed> {
    let clock = Clock::start();
    let taken = FuzzInputs::new(target).take_all(1, |taken| taken >= CHANGES || elapsed(clock) > TEST_MAX)?;
    assert!(taken > 0);
    Ok(())
}

fn for_minutes(words: &[String]) -> ExitCode {
    let mut err = std::io::stderr();
    let minutes = words.first().and_then(|word| word.parse::<f64>().ok()).filter(|minutes| *minutes > 0.0);
    let chosen: Vec<&FuzzTarget> =
        TARGETS.iter().filter(|target| words.get(1).is_none_or(|name| name == target.name)).collect();
    let (Some(minutes), false) = (minutes, chosen.is_empty() || words.len() > 2) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        let _ = writeln!(err, "{USAGE}\ntargets: {}", names.join(", "));
        return ExitCode::from(2);
    };
    let mut code = ExitCode::SUCCESS;
    let of_each = Duration::from_secs_f64(minutes * 60.0) / u32::try_from(chosen.len()).unwrap();
    for target in chosen {
        let seed = wall_unix_ns();
        let clock = Clock::start();
        let said = match FuzzInputs::new(target).take_all(seed, |_| elapsed(clock) > of_each) {
            Ok(taken) => format!("{}: {taken} inputs in {:.0} s, clean", target.name, elapsed(clock).as_secs_f64()),
            Err(failed) => {
                code = ExitCode::FAILURE;
                failed
            }
        };
        let _ = writeln!(err, "{said} (seed {seed})");
    }
    code
}
