//! Runs the program, and lets the misfortune happen to it. It must not know what would be right.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::clock::{Clock, saturating_ns};

use crate::draw::{Blow, Misfortune};
use crate::program::{containers, parent, processes_with};

/// The longest that a run may take, whatever happened to it: invalid trials are repeated.
const PATIENCE: Duration = Duration::from_mins(3);

/// A run that has ended.
pub(crate) struct Struck {
    folder: tempfile::TempDir,
    /// What finds its processes.
    pub(crate) marker: String,
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Whether it still ran when the misfortune came, and there was somebody to strike.
    pub(crate) hit: bool,
    pub(crate) output: String,
}

impl Struck {
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("disk").join("run")
    }

    /// Where it keeps what is temporary.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }
}

pub(crate) fn run(seed: u64, misfortune: &Misfortune) -> Result<Struck, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let marker = format!("misfortune-{seed}-{}", std::process::id());
    let mut struck = Struck { folder, marker, code: None, hit: true, output: String::new() };
    fs::create_dir_all(struck.temporary()).map_err(|error| error.to_string())?;
    fs::create_dir_all(struck.out().parent().unwrap()).map_err(|error| error.to_string())?;
    let log = struck.folder.path().join("output.txt");
    let mut child = start(&struck, misfortune, &log).map_err(|error| format!("starting it: {error}"))?;
    let clock = Clock::start();
    while clock.now() < saturating_ns(misfortune.after) && child.try_wait().is_ok_and(|ended| ended.is_none()) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let runs = child.try_wait().is_ok_and(|ended| ended.is_none());
    struck.hit = is_limit(misfortune.blow) || (runs && strike(&child, &struck, misfortune));
    let ended = wait(&mut child, clock);
    struck.output = fs::read_to_string(&log).unwrap_or_default();
    struck.code = ended?;
    Ok(struck)
}

const fn is_limit(blow: Blow) -> bool {
    matches!(blow, Blow::FullDisk(_) | Blow::FileLimit(_) | Blow::FewDescriptors(_))
}

fn start(struck: &Struck, misfortune: &Misfortune, log: &std::path::Path) -> std::io::Result<Child> {
    let out = struck.out();
    let disk = out.parent().unwrap().display().to_string();
    // Whoever starts this in the background has signals ignored, which programs inherit.
    let run = format!(
        "exec env --default-signal=INT,QUIT,HUP,TERM {} run scenarios/target-exit.yaml --variant drain --trials 1 --seed 1 --out {}",
        env!("CARGO_BIN_EXE_rollproof"),
        out.display()
    );
    let script = match misfortune.blow {
        Blow::FileLimit(kib) => format!("ulimit -f {}; {run}", kib * 2),
        Blow::FewDescriptors(most) => format!("ulimit -n {most}; {run}"),
        // What was written is copied out of the mount before it goes with the namespace.
        Blow::FullDisk(kib) => format!(
            "mount -t tmpfs -o size={kib}k tmpfs {disk} || exit 99; ({run}); code=$?; cp -r {disk} {disk}-kept; exit $code"
        ),
        _ => run,
    };
    let mut command = if matches!(misfortune.blow, Blow::FullDisk(_)) {
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        command
    };
    let output = fs::File::create(log)?;
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("ROLLPROOF_TEST_MARK", &struck.marker)
        .env("TMPDIR", struck.temporary())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .spawn()
}

/// Whether there was somebody to strike.
fn strike(child: &Child, struck: &Struck, misfortune: &Misfortune) -> bool {
    let own = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let containers = struck.containers();
    let one = containers.get(misfortune.which % containers.len().max(1)).copied();
    let container = one.map(Pid::from_raw);
    let supervisor = one.and_then(parent).filter(|pid| *pid > 1).map(Pid::from_raw);
    match misfortune.blow {
        Blow::Signal(signal) => kill(own, signal).is_ok(),
        Blow::Frozen(time) => freeze(own, time),
        Blow::ContainerKilled => container.is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok()),
        Blow::ContainerFrozen(time) => container.is_some_and(|pid| freeze(pid, time)),
        Blow::SupervisorKilled => supervisor.is_some_and(|pid| kill(pid, Signal::SIGKILL).is_ok()),
        Blow::FolderGone => fs::remove_dir_all(struck.out()).is_ok(),
        Blow::FullDisk(_) | Blow::FileLimit(_) | Blow::FewDescriptors(_) => true,
    }
}

fn freeze(pid: Pid, time: Duration) -> bool {
    let stopped = kill(pid, Signal::SIGSTOP).is_ok();
    std::thread::sleep(time);
    stopped && kill(pid, Signal::SIGCONT).is_ok()
}

impl Struck {
    pub(crate) fn containers(&self) -> Vec<i32> {
        containers(&self.out())
    }

    /// The program and what it started.
    pub(crate) fn processes(&self) -> Vec<PathBuf> {
        processes_with(&format!("ROLLPROOF_TEST_MARK={}", self.marker))
    }
}

/// Its exit code; `None` where a signal ended it.
fn wait(child: &mut Child, clock: Clock) -> Result<Option<i32>, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.code()),
            Ok(None) if clock.now() < saturating_ns(PATIENCE) => std::thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it had not ended after {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("waiting for it: {error}")),
        }
    }
}
