//! Runs scenarios with the real program, several at a time. It must not know what happens to their records.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::clock::{Clock, saturating_ns};

/// The longest that a random scenario may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long a run that is asked to end may remove what it made on a cluster.
const CLEANING: Duration = Duration::from_mins(1);

/// What is done with a run that has ended, at most.
const READING: Duration = Duration::from_mins(1);

/// One scenario that is ready to be run.
pub(crate) struct Job {
    /// What examples call it.
    pub(crate) name: String,
    /// The scenario file.
    pub(crate) file: PathBuf,
    /// Where the run goes.
    pub(crate) out: PathBuf,
    /// Trials of each variant, extra ones not counted.
    pub(crate) trials: u32,
    /// The program's further arguments.
    pub(crate) options: Vec<String>,
    /// The longest that it may take.
    pub(crate) patience: Duration,
}

impl Job {
    /// A scenario whose requests are scored one by one.
    pub(crate) fn scored(name: String, file: PathBuf, out: PathBuf, trials: u32) -> Self {
        let options = ["--record-all", "--seed", "1"].map(str::to_owned).to_vec();
        Self { name, file, out, trials, options, patience: PATIENCE }
    }
}

fn workers(at_once: usize) -> usize {
    at_once.clamp(1, 16)
}

/// The longest that `run_all` takes.
pub(crate) fn longest(jobs: &[Job], at_once: usize) -> Duration {
    let each = |job: &Job| job.patience + CLEANING + READING;
    let all: Duration = jobs.iter().map(each).sum();
    // Whoever is free takes the next one: when the last begins, nobody has been idle.
    all / u32::try_from(workers(at_once)).unwrap_or(1) + jobs.iter().map(each).max().unwrap_or_default()
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
        for _ in 0..workers(at_once) {
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
        .args(&job.options)
        .arg("--out")
        .arg(&job.out)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|error| failed("starting it", error))?;
    let status = wait(&mut child, job.patience).map_err(|error| failed("waiting for it", error))?;
    let Some(status) = status else {
        end(&mut child);
        return Err("it took too long".to_owned());
    };
    // Passed, failed and inconclusive verdicts all leave a record to score.
    match status.code() {
        Some(0 | 4 | 5) => Ok(()),
        code => Err(format!("exit code {code:?}: {}", last_line(&log))),
    }
}

/// Waits for its end; `None` if that does not come in time.
fn wait(child: &mut Child, longest: Duration) -> std::io::Result<Option<ExitStatus>> {
    let clock = Clock::start();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if clock.now() > saturating_ns(longest) {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Asks it to end, so that it cleans up and writes its reports, and ends it if it does not.
fn end(child: &mut Child) {
    let id = i32::try_from(child.id()).map(Pid::from_raw);
    let asked = id.is_ok_and(|id| kill(id, Signal::SIGTERM).is_ok());
    if !asked || !matches!(wait(child, CLEANING), Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let error = text.lines().find(|line| line.starts_with("error")).or_else(|| text.lines().last());
    error.unwrap_or_default().to_owned()
}
