//! The supervisor: PID 1's rules, and no descendant left, however the container or its parent ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::cluster::embedded::supervise::{End, MAIN, Spawn, SuperviseError, Supervisor, tail};
use tokio::time::{sleep, timeout};

use crate::trial;

const SOON: Duration = Duration::from_secs(10);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_end_of_the_main_process_is_reported", reports_the_end),
        trial("a_missing_program_is_named", names_a_missing_program),
        trial("output_of_the_main_process_goes_to_the_log", logs_output),
        trial("a_shell_without_a_trap_does_not_get_term", discards_uncaught_signals),
        trial("a_shell_with_a_trap_gets_term", delivers_caught_signals),
        trial("kill_always_ends_the_container", kills),
        trial("an_executed_command_gives_code_and_output", executes),
        trial("an_executed_command_is_killed_at_its_limit", limits_execution),
        trial("executed_commands_die_with_the_main_process", execution_dies_with_main),
        trial("what_a_command_leaves_running_lives_until_the_container_ends", leftovers_live_on),
        trial("a_daemon_dies_when_the_main_process_ends", daemon_dies_with_main),
        trial("a_daemon_dies_when_the_parent_is_killed", daemon_dies_with_parent),
        trial("a_process_without_blocked_or_ignored_signals_is_started", starts_clean),
    ]
}

fn supervisor() -> Supervisor {
    Supervisor::start(&std::env::current_exe().unwrap()).unwrap()
}

fn shell(script: &str) -> Spawn {
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    Spawn { id: MAIN, argv: ["sh", "-c", script].map(str::to_owned).into(), env, cwd: None, log: None }
}

/// Leaves a process behind that has a new session and no living parent, and writes its id to `file`.
fn daemon(file: &Path) -> String {
    format!("(setsid sh -c 'echo $$ > {0}.part; mv {0}.part {0}; exec sleep 300' &) ", file.display())
}

async fn end(supervisor: &Supervisor) -> End {
    let mut ended = supervisor.ended();
    let end = timeout(SOON, ended.wait_for(Option::is_some)).await.expect("the container ends").unwrap();
    end.unwrap()
}

async fn pid_in(file: &Path) -> i32 {
    for _ in 0..500 {
        if let Ok(text) = std::fs::read_to_string(file) {
            return text.trim().parse().unwrap();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{} was never written", file.display());
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

async fn dies(pid: i32) -> bool {
    for _ in 0..500 {
        if !lives(pid) {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Waits for a line in the log, so that a trap is known to be set before a signal is sent.
async fn says(log: &Path, line: &str) {
    for _ in 0..500 {
        if tail(log, 100).lines().any(|seen| seen == line) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the log never said {line:?} but {:?}", tail(log, 100));
}

async fn reports_the_end() {
    let container = supervisor();
    container.start_main(shell("exit 3")).await.unwrap();
    assert_eq!(end(&container).await, End::Code(3));

    let container = supervisor();
    container.start_main(shell("kill -9 $$")).await.unwrap();
    assert_eq!(end(&container).await.exit_code(), 137);
    assert!(matches!(container.signal(15).await, Err(SuperviseError::Gone)));
}

async fn names_a_missing_program() {
    let container = supervisor();
    let spawn = Spawn { argv: vec!["no-such-program".to_owned()], ..shell("") };
    let error = container.start_main(spawn).await.unwrap_err().to_string();
    assert!(error.contains("no-such-program") && error.contains("No such file"), "{error}");
}

async fn logs_output() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let container = supervisor();
    container.start_main(Spawn { log: Some(log.clone()), ..shell("echo out; echo err >&2; exit 0") }).await.unwrap();
    end(&container).await;
    assert_eq!(tail(&log, 10), "out\nerr");
}

// signal(7) and pid_namespaces(7): PID 1 gets only the signals that it has a handler for.
async fn discards_uncaught_signals() {
    let container = supervisor();
    container.start_main(shell("while :; do sleep 0.05; done")).await.unwrap();
    assert!(!container.signal(15).await.unwrap());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(*container.ended().borrow(), None);
}

async fn delivers_caught_signals() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let container = supervisor();
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    container.start_main(Spawn { log: Some(log.clone()), ..shell(script) }).await.unwrap();
    says(&log, "ready").await;
    assert!(container.signal(15).await.unwrap());
    assert_eq!(end(&container).await, End::Code(7));
}

async fn kills() {
    let container = supervisor();
    container.start_main(shell("trap '' TERM; sleep 300")).await.unwrap();
    container.kill().await.unwrap();
    assert_eq!(end(&container).await.exit_code(), 137);
}

async fn executes() {
    let container = supervisor();
    container.start_main(shell("sleep 300")).await.unwrap();
    let result = container.exec(shell("echo hello; exit 4"), SOON).await.unwrap().unwrap();
    assert_eq!((result.end, result.output.as_str()), (End::Code(4), "hello\n"));
    let error = container.exec(Spawn { argv: vec!["no-such".to_owned()], ..shell("") }, SOON).await.unwrap_err();
    assert!(error.to_string().contains("no-such"), "{error}");
    assert_eq!(*container.ended().borrow(), None);
}

async fn limits_execution() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor();
    container.start_main(shell("sleep 300")).await.unwrap();
    let script = format!("echo $$ > {}; exec sleep 300", file.display());
    assert_eq!(container.exec(shell(&script), Duration::from_millis(500)).await.unwrap(), None);
    assert!(dies(pid_in(&file).await).await);
    assert_eq!(*container.ended().borrow(), None);
}

async fn execution_dies_with_main() {
    let container = supervisor();
    container.start_main(shell("sleep 0.3")).await.unwrap();
    let result = container.exec(shell("sleep 300"), SOON).await.unwrap().unwrap();
    assert_eq!(result.end.exit_code(), 137);
    assert_eq!(end(&container).await, End::Code(0));
}

async fn leftovers_live_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor();
    container.start_main(shell("sleep 300")).await.unwrap();
    container.exec(shell(&daemon(&file)), SOON).await.unwrap().unwrap();
    let pid = pid_in(&file).await;
    sleep(Duration::from_millis(200)).await;
    assert!(lives(pid));
    container.kill().await.unwrap();
    end(&container).await;
    assert!(!lives(pid));
}

async fn daemon_dies_with_main() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor();
    let script = format!("{}; while ! test -e {}; do sleep 0.02; done", daemon(&file), file.display());
    container.start_main(shell(&script)).await.unwrap();
    assert_eq!(end(&container).await, End::Code(0));
    // When the end is reported nothing is left, so this does not wait.
    assert!(!lives(pid_in(&file).await));
}

/// The parent in the next test: starts a container whose daemon writes its id to the named file, and waits.
pub(crate) fn hold(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let file = arguments.next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let container = supervisor();
        container.start_main(shell(&format!("{}; sleep 300", daemon(Path::new(&file))))).await.unwrap();
        sleep(Duration::from_mins(1)).await;
    });
    ExitCode::FAILURE
}

async fn daemon_dies_with_parent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let mut parent =
        Command::new(std::env::current_exe().unwrap()).arg("hold").arg(&file).stdin(Stdio::null()).spawn().unwrap();
    let pid = pid_in(&file).await;
    assert!(lives(pid));
    kill(Pid::from_raw(i32::try_from(parent.id()).unwrap()), Signal::SIGKILL).unwrap();
    parent.wait().unwrap();
    assert!(dies(pid).await, "the daemon {pid} outlived rollproof");
}

async fn starts_clean() {
    let container = supervisor();
    container.start_main(shell("sleep 300")).await.unwrap();
    // Without a shell, which would tidy up itself.
    let argv = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"].map(str::to_owned).into();
    let result = container.exec(Spawn { argv, ..shell("") }, SOON).await.unwrap().unwrap();
    for line in result.output.lines() {
        let mask = u64::from_str_radix(line.split_ascii_whitespace().nth(1).unwrap(), 16).unwrap();
        // Signals 32 and up are the C library's own and come from whoever started the tests.
        assert_eq!(mask & 0x7fff_ffff, 0, "{line}");
    }
    assert_eq!(result.output.lines().count(), 2);
}
