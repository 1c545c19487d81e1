//! The supervisor: the rules of PID 1, and no descendant is left, however the container or its parent ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::cluster::embedded::supervise::{
    ContainerEnd, Isolation, MAIN, ProcessEnd, ProcessSpawn, SuperviseError, Supervisor, tail,
};
use tokio::time::{sleep, timeout};

use crate::trial;

const SOON: Duration = Duration::from_secs(10);

/// Each test runs under both kinds of isolation, or under the one that this machine allows.
pub(crate) fn trials() -> Vec<Trial> {
    type Test = fn(Isolation) -> Pin<Box<dyn Future<Output = ()>>>;
    let tests: Vec<(&str, Test)> = vec![
        ("the_end_of_the_main_process_is_reported", |kind| Box::pin(reports_the_end(kind))),
        ("a_missing_program_is_named", |kind| Box::pin(names_a_missing_program(kind))),
        ("output_of_the_main_process_goes_to_the_log", |kind| Box::pin(logs_output(kind))),
        ("a_shell_without_a_trap_does_not_get_term", |kind| Box::pin(discards_uncaught_signals(kind))),
        ("a_shell_with_a_trap_gets_term", |kind| Box::pin(delivers_caught_signals(kind))),
        ("kill_always_ends_the_container", |kind| Box::pin(kills(kind))),
        ("an_executed_command_gives_code_and_output", |kind| Box::pin(executes(kind))),
        ("an_executed_command_is_killed_at_its_limit", |kind| Box::pin(limits_execution(kind))),
        ("executed_commands_die_with_the_main_process", |kind| Box::pin(execution_dies_with_main(kind))),
        ("what_a_command_leaves_running_lives_until_the_container_ends", |kind| Box::pin(leftovers_live_on(kind))),
        ("a_daemon_dies_when_the_main_process_ends", |kind| Box::pin(daemon_dies_with_main(kind))),
        ("a_process_without_blocked_or_ignored_signals_is_started", |kind| Box::pin(starts_clean(kind))),
        ("rollproof_killed_at_any_moment_leaves_nothing", |kind| Box::pin(dies_with_the_node(kind))),
        ("a_supervisor_killed_at_any_moment_leaves_nothing", |kind| Box::pin(dies_with_its_supervisor(kind))),
        ("a_guard_killed_at_any_moment_leaves_nothing", |kind| Box::pin(dies_with_its_guard(kind))),
    ];
    let here = isolation();
    let kinds = [Isolation::PidNamespace, Isolation::Shared].into_iter().filter(|kind| {
        // Without a pid namespace there is one kind only.
        *kind == here || *kind == Isolation::Shared
    });
    let mut trials: Vec<Trial> = kinds
        .flat_map(|kind| {
            tests.iter().map(move |&(name, test)| trial(&format!("{name}_{kind:?}").to_lowercase(), move || test(kind)))
        })
        .collect();
    trials.push(trial("a_container_that_kills_its_supervisor_is_lost", container_kills_its_supervisor));
    let inside = trial("in_a_pid_namespace_a_container_sees_itself_only", sees_itself_only);
    trials.push(inside.with_ignored_flag(here != Isolation::PidNamespace));
    trials
}

/// What this machine allows.
pub(crate) fn isolation() -> Isolation {
    static HERE: OnceLock<Isolation> = OnceLock::new();
    *HERE.get_or_init(|| Isolation::available(&std::env::current_exe().unwrap()))
}

fn supervisor(kind: Isolation) -> Supervisor {
    Supervisor::start(&std::env::current_exe().unwrap(), kind).unwrap()
}

fn shell(script: &str) -> ProcessSpawn {
    let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    ProcessSpawn { id: MAIN, argv: ["sh", "-c", script].map(str::to_owned).into(), env, cwd: None, log: None }
}

/// Creates `file`, then runs until it is killed. The path is its last argument, by which it is found.
pub(crate) fn looping(file: &Path) -> String {
    format!("sh -c 'touch {0}; while :; do sleep 0.05; done' {0}", file.display())
}

/// Leaves such a process behind, with its own session and without a living parent.
pub(crate) fn daemon(file: &Path) -> String {
    format!("(setsid {} &) ", looping(file))
}

async fn end(supervisor: &Supervisor) -> ContainerEnd {
    let mut ended = supervisor.ended();
    let end = timeout(SOON, ended.wait_for(Option::is_some)).await.expect("the container ends").unwrap();
    end.unwrap()
}

/// The process that created `file`, by its number outside of its container.
pub(crate) async fn pid_of(file: &Path) -> i32 {
    for _ in 0..500 {
        if file.exists() {
            return found(file).expect("what made the file runs");
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{} was never made", file.display());
}

pub(crate) fn found(file: &Path) -> Option<i32> {
    let wanted = format!("{}\0", file.display());
    processes()
        .into_iter()
        .find(|(_, arguments)| arguments.starts_with("sh\0-c\0") && arguments.ends_with(&wanted))
        .map(|(pid, _)| pid)
}

/// Every process with its arguments, each terminated by NUL.
fn processes() -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|pid| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            Some((pid, String::from_utf8_lossy(&arguments).into_owned()))
        })
        .collect()
}

pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split_ascii_whitespace().nth(1)?.parse().ok()
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

async fn reports_the_end(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("exit 3")).await.unwrap();
    assert_eq!(end(&container).await, ContainerEnd::Main(ProcessEnd::Code(3)));

    let container = supervisor(kind);
    container.start_main(shell("kill -9 $$")).await.unwrap();
    // PID 1 of a pid namespace cannot kill itself, and goes on to its end.
    let code = if kind == Isolation::PidNamespace { 0 } else { 137 };
    assert_eq!(end(&container).await.exit_code(), code);
    assert!(matches!(container.signal(15).await, Err(SuperviseError::Gone)));
}

async fn names_a_missing_program(kind: Isolation) {
    let container = supervisor(kind);
    let spawn = ProcessSpawn { argv: vec!["no-such-program".to_owned()], ..shell("") };
    let error = container.start_main(spawn).await.unwrap_err().to_string();
    assert!(error.contains("no-such-program") && error.contains("No such file"), "{error}");
}

async fn logs_output(kind: Isolation) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let container = supervisor(kind);
    container
        .start_main(ProcessSpawn { log: Some(log.clone()), ..shell("echo out; echo err >&2; exit 0") })
        .await
        .unwrap();
    end(&container).await;
    assert_eq!(tail(&log, 10), "out\nerr");
}

// signal(7) and pid_namespaces(7): PID 1 gets only the signals that it has a handler for.
async fn discards_uncaught_signals(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("while :; do sleep 0.05; done")).await.unwrap();
    assert!(!container.signal(15).await.unwrap());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(*container.ended().borrow(), None);
}

async fn delivers_caught_signals(kind: Isolation) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let container = supervisor(kind);
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    container.start_main(ProcessSpawn { log: Some(log.clone()), ..shell(script) }).await.unwrap();
    says(&log, "ready").await;
    assert!(container.signal(15).await.unwrap());
    assert_eq!(end(&container).await, ContainerEnd::Main(ProcessEnd::Code(7)));
}

async fn kills(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("trap '' TERM; sleep 300")).await.unwrap();
    container.kill().await.unwrap();
    assert_eq!(end(&container).await.exit_code(), 137);
}

async fn executes(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("sleep 300")).await.unwrap();
    let result = container.exec(shell("echo hello; exit 4"), SOON).await.unwrap().unwrap();
    assert_eq!((result.end, result.output.as_str()), (ProcessEnd::Code(4), "hello\n"));
    let error = container.exec(ProcessSpawn { argv: vec!["no-such".to_owned()], ..shell("") }, SOON).await.unwrap_err();
    assert!(error.to_string().contains("no-such"), "{error}");
    assert_eq!(*container.ended().borrow(), None);
}

async fn limits_execution(kind: Isolation) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor(kind);
    container.start_main(shell("sleep 300")).await.unwrap();
    let script = format!("exec {}", looping(&file));
    let limited = container.exec(shell(&script), Duration::from_secs(1));
    let (limited, pid) = tokio::join!(limited, pid_of(&file));
    assert_eq!(limited.unwrap(), None);
    assert!(dies(pid).await);
    assert_eq!(*container.ended().borrow(), None);
}

async fn execution_dies_with_main(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("sleep 0.3")).await.unwrap();
    let result = container.exec(shell("sleep 300"), SOON).await.unwrap().unwrap();
    assert_eq!(result.end.exit_code(), 137);
    assert_eq!(end(&container).await, ContainerEnd::Main(ProcessEnd::Code(0)));
}

async fn leftovers_live_on(kind: Isolation) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor(kind);
    container.start_main(shell("sleep 300")).await.unwrap();
    container.exec(shell(&daemon(&file)), SOON).await.unwrap().unwrap();
    let pid = pid_of(&file).await;
    sleep(Duration::from_millis(200)).await;
    assert!(lives(pid));
    container.kill().await.unwrap();
    end(&container).await;
    assert!(!lives(pid));
}

async fn daemon_dies_with_main(kind: Isolation) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let container = supervisor(kind);
    let script = format!("{}; while ! test -e {}; do sleep 0.02; done", daemon(&file), file.display());
    container.start_main(shell(&script)).await.unwrap();
    assert_eq!(end(&container).await, ContainerEnd::Main(ProcessEnd::Code(0)));
    // When the end is reported nothing is left, so this does not wait.
    assert!(file.exists());
    assert_eq!(found(&file), None);
}

/// How often each kind of kill is tried, and the longest time before it. A start takes about 10 ms, so about half of the kills
/// happen during the start.
const KILLS: u64 = 20;
const KILL_WITHIN_MS: u64 = 60;

/// Moments that differ between tests but not between runs.
fn moments(seed: u64) -> impl Iterator<Item = Duration> {
    (0..KILLS).map(move |turn| {
        let mixed =
            (turn + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed.wrapping_mul(0xbf58_476d_1ce4_e5b9));
        Duration::from_micros((mixed >> 20) % (KILL_WITHIN_MS * 1000))
    })
}

/// The node in the next test: starts a container that leaves a daemon which makes the named file, and waits.
pub(crate) fn hold(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (file, kind) = (arguments.next().unwrap(), arguments.next().unwrap());
    let kind = if kind == "Shared" { Isolation::Shared } else { Isolation::PidNamespace };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let container = supervisor(kind);
        container
            .start_main(shell(&format!("{}; {}", daemon(Path::new(&file)), looping(Path::new(&file)))))
            .await
            .unwrap();
        sleep(Duration::from_mins(1)).await;
    });
    ExitCode::FAILURE
}

/// Whether `gone` becomes true and stays true: a process that is just being started may appear late.
async fn comes_true(gone: impl Fn() -> bool) -> bool {
    for _ in 0..500 {
        if gone() {
            sleep(Duration::from_millis(100)).await;
            if gone() {
                return true;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn dies_with_the_node(kind: Isolation) {
    for moment in moments(1) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("made");
        let mut node = Command::new(std::env::current_exe().unwrap())
            .args(["hold".as_ref(), file.as_os_str()])
            .arg(format!("{kind:?}"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        sleep(moment).await;
        kill(Pid::from_raw(i32::try_from(node.id()).unwrap()), Signal::SIGKILL).unwrap();
        node.wait().unwrap();
        // Guard, supervisor and starting processes have no such argument, so the group is looked at too.
        let marked = file.display().to_string();
        let gone = || !processes().iter().any(|(_, arguments)| arguments.contains(&marked));
        assert!(comes_true(gone).await, "killed after {moment:?}, something outlived the node");
    }
}

/// Starts a container, kills its supervisor or its guard after `moment`, and returns how it ended.
async fn killed(kind: Isolation, moment: Duration, role: &str) -> (ContainerEnd, bool) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made");
    let container = supervisor(kind);
    let guard = container.guard();
    let script = format!("{}; {}", daemon(&file), looping(&file));
    let victim = async {
        sleep(moment).await;
        let wanted = format!("\0supervise\0{role}\0");
        loop {
            let found = processes()
                .into_iter()
                .find(|(pid, arguments)| arguments.contains(&wanted) && (*pid == guard || parent(*pid) == Some(guard)));
            if let Some((pid, _)) = found {
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    let (_, ()) = tokio::join!(container.start_main(shell(&script)), victim);
    let ended = end(&container).await;
    let marked = file.display().to_string();
    let gone = comes_true(|| !processes().iter().any(|(_, arguments)| arguments.contains(&marked))).await;
    (ended, gone)
}

async fn dies_with_its_supervisor(kind: Isolation) {
    for moment in moments(2) {
        assert_eq!(killed(kind, moment, "serve").await, (ContainerEnd::Lost, true), "killed after {moment:?}");
    }
}

async fn dies_with_its_guard(kind: Isolation) {
    for moment in moments(3) {
        assert_eq!(killed(kind, moment, "guard").await, (ContainerEnd::Lost, true), "killed after {moment:?}");
    }
}

async fn container_kills_its_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made");
    let container = supervisor(Isolation::Shared);
    container.start_main(shell("while :; do sleep 0.05; done")).await.unwrap();
    let script = format!("{}; while ! test -e {}; do sleep 0.02; done; kill -9 $PPID", daemon(&file), file.display());
    let _ = container.exec(shell(&script), SOON).await;
    assert_eq!(end(&container).await, ContainerEnd::Lost);
    assert!(file.exists());
    assert_eq!(found(&file), None);
}

async fn sees_itself_only() {
    let container = supervisor(Isolation::PidNamespace);
    container.start_main(shell("trap 'exit 9' USR1; while :; do sleep 0.05; done")).await.unwrap();
    // The main process is PID 1, also in its own /proc; its supervisor has no number there.
    let script = "echo $PPID; readlink /proc/self | grep -c '^[0-9]*$'; tr '\\0' ' ' < /proc/1/cmdline | cut -c 1-5; \
                  kill -9 $PPID 2>&1; kill -9 1; echo $?";
    let result = container.exec(shell(script), SOON).await.unwrap().unwrap();
    // `kill 0` ends the process group of the caller, which is the executed command.
    assert_eq!((result.end.exit_code(), result.output.as_str()), (137, "0\n1\nsh -c\n"));
    assert_eq!(*container.ended().borrow(), None);
    let result = container.exec(shell("kill -9 -1; kill -USR1 1"), SOON).await.unwrap().unwrap();
    assert_eq!(result.end.exit_code(), 0, "{}", result.output);
    assert_eq!(end(&container).await, ContainerEnd::Main(ProcessEnd::Code(9)));
}

async fn starts_clean(kind: Isolation) {
    let container = supervisor(kind);
    container.start_main(shell("sleep 300")).await.unwrap();
    // Without a shell, which would tidy up itself.
    let argv = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"].map(str::to_owned).into();
    let result = container.exec(ProcessSpawn { argv, ..shell("") }, SOON).await.unwrap().unwrap();
    for line in result.output.lines() {
        let mask = u64::from_str_radix(line.split_ascii_whitespace().nth(1).unwrap(), 16).unwrap();
        // Signals 32 and up are the C library's own and come from whoever started the tests.
        assert_eq!(mask & 0x7fff_ffff, 0, "{line}");
    }
    assert_eq!(result.output.lines().count(), 2);
}
