//! Runs scenarios with the real program, several at a time. It must not know what happens to their records.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rollproof::clock::Clock;

/// The longest that one scenario may take.
const PATIENCE_NS: u64 = 180_000_000_000;

/// One scenario that is ready to be run.
pub(crate) struct Job {
    /// What examples call it.
    pub(crate) name: String,
    /// The scenario file.
    pub(crate) file: PathBuf,
    /// Where the run goes.
    pub(crate) out: PathBuf,
}

/// Runs every job, `at_once` at a time, and passes each result to `take`. Returns what `take` returns, in the order of the
/// jobs.
pub(crate) fn run_all<T: Send>(
    jobs: &[Job],
    at_once: usize,
    take: impl Fn(usize, &Job, Result<(), String>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, 16) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let made = take(index, job, run(job));
                    done.lock().unwrap().push((index, made));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, made)| made).collect()
}

/// Runs one scenario to its end, bounded. What it prints is kept beside the record.
fn run(job: &Job) -> Result<(), String> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    fs::create_dir_all(&job.out).map_err(|error| failed("making its folder", error))?;
    let log = job.out.join("output.txt");
    let output = File::create(&log).map_err(|error| failed("making its log", error))?;
    let errors = output.try_clone().map_err(|error| failed("making its log", error))?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_rollproof"))
        .arg("run")
        .arg(&job.file)
        .args(["--record-all", "--seed", "1", "--out"])
        .arg(&job.out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|error| failed("starting it", error))?;
    let clock = Clock::start();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| failed("waiting for it", error))? {
            break status;
        }
        if clock.now() > PATIENCE_NS {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it took too long".to_owned());
        }
        thread::sleep(Duration::from_millis(50));
    };
    // Passed, failed and inconclusive verdicts all leave a record to score.
    match status.code() {
        Some(0 | 4 | 5) => Ok(()),
        code => Err(format!("exit code {code:?}: {}", last_line(&log))),
    }
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let error = text.lines().find(|line| line.starts_with("error")).or_else(|| text.lines().last());
    error.unwrap_or_default().to_owned()
}
