//! SIGKILL at random moments, to rollproof, to a supervisor, and by a container: no process is left, and no run passes.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::program::{Ran, containers, finish, parent, processes_with, program, report, run, variant, wait_for};
use crate::{Needs, Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("rollproof_killed_at_a_random_moment_leaves_nothing_and_no_pass", Needs::Nothing, rollproof_killed),
        test("a_supervisor_killed_at_a_random_moment_makes_its_trial_invalid", Needs::Nothing, supervisor_killed),
        test("a_container_that_kills_its_supervisor_never_passes", Needs::Nothing, killed_from_inside),
        test("in_a_pid_namespace_a_container_cannot_kill_its_supervisor", Needs::Nothing, unreachable_from_inside),
    ]
}

const KILLS: u64 = 20;
/// How many runs run in parallel: they mostly wait.
const AT_ONCE: u64 = 10;

/// Calls `one` for each number below [`KILLS`], some in parallel.
fn each(one: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= KILLS {
                        return;
                    }
                    one(turn);
                }
            });
        }
    });
}

/// A moment below `most` that differs between the kills of a run but not between runs.
fn moment(turn: u64, most: Duration) -> Duration {
    let mixed = (turn + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let most_us = u64::try_from(most.as_micros()).unwrap();
    Duration::from_micros((mixed >> 20) % most_us)
}

/// One run, with the marks by which its processes are found.
struct Marked {
    folder: tempfile::TempDir,
    marker: String,
}

impl Marked {
    fn new(name: &str, turn: u64) -> Self {
        let marker = format!("ROLLPROOF_TEST_MARK={name}-{turn}-{}", std::process::id());
        Self { folder: tempfile::tempdir().unwrap(), marker }
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("run")
    }

    fn start(&self, mut command: Command) -> Child {
        let (name, value) = self.marker.split_once('=').unwrap();
        command.arg("--out").arg(self.out()).env(name, value);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn nothing_left(&self) {
        wait_for(&format!("all processes of {} to end", self.marker), Duration::from_secs(10), || {
            processes_with(&self.marker).is_empty() && containers(&self.out()).is_empty()
        });
    }
}

fn scenario(variant: &str) -> Command {
    let mut command = program();
    command.args(["run", "scenarios/target-exit.yaml", "--variant", variant, "--trials", "1"]);
    command
}

fn rollproof_killed() {
    each(|turn| {
        let marked = Marked::new("rollproof-killed", turn);
        let mut child = marked.start(scenario("drain"));
        std::thread::sleep(moment(turn, Duration::from_secs(6)));
        child.kill().unwrap();
        assert_ne!(finish(child).code, Some(0));
        marked.nothing_left();
        // An incomplete record never passes.
        let again = run(program().arg("report").arg(marked.out()));
        assert!(matches!(again.code, Some(2..=5)), "{:?}: {}", again.code, again.stderr);
    });
}

fn trials(ran: &Ran, out: &Path, variant_name: &str) -> Vec<Value> {
    assert!(out.join("report.json").is_file(), "{}", ran.stderr);
    variant(&report(out), variant_name)["trials_list"].as_array().unwrap().clone()
}

fn supervisor_killed() {
    each(|turn| {
        let marked = Marked::new("supervisor-killed", turn);
        let child = marked.start(scenario("drain"));
        let record = marked.out().join("record.jsonl");
        wait_for("the first trial", Duration::from_mins(1), || {
            fs::read_to_string(&record).is_ok_and(|text| text.contains("\"t\":\"trial-start\""))
        });
        std::thread::sleep(moment(turn, Duration::from_secs(3)));
        let containers = containers(&marked.out());
        let victim = containers[usize::try_from(turn).unwrap() % containers.len()];
        let supervisor = parent(victim).unwrap();
        // Killing a supervisor that is about to end would show nothing.
        assert!(lives(victim) && kill(Pid::from_raw(supervisor), Signal::SIGKILL).is_ok(), "{victim}");
        // The run would repeat the trial twice, as `a_container_that_kills_its_supervisor_never_passes` sees to the end.
        let own = i32::try_from(child.id()).unwrap();
        wait_for("the trial to end", Duration::from_mins(2), || {
            !lives(own) || fs::read_to_string(&record).is_ok_and(|text| text.contains("\"t\":\"trial-end\""))
        });
        kill(Pid::from_raw(own), Signal::SIGINT).unwrap();
        let ran = finish(child);
        marked.nothing_left();
        let trials = trials(&ran, &marked.out(), "drain");
        let reason = trials[0]["reason"].as_str().unwrap_or_default();
        assert_eq!(trials[0]["state"], "invalid", "{trials:?}");
        assert!(reason.contains("supervisor of container target"), "{reason}");
    });
}

fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The built-in server, which drains on the stop signal, with a hook.
fn hooked(folder: &Path, hook: &str) -> std::path::PathBuf {
    let manifest = include_str!("../../manifests/target.yaml");
    let hook =
        format!("args: [--on-term=drain]\n          lifecycle: {{preStop: {{exec: {{command: [sh, -c, '{hook}']}}}}}}");
    let file = folder.join("hooked.yaml");
    fs::write(&file, manifest.replace("args: [--on-term=exit]", &hook)).unwrap();
    file
}

/// A user namespace that allows no further ones, for a user who is not root in it.
fn without_namespaces() -> Command {
    let script =
        "echo 1 >/proc/sys/user/max_user_namespaces && exec unshare -U --map-user=1000 --map-group=1000 \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_rollproof")]);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn killed_from_inside() {
    each(|turn| {
        let marked = Marked::new("killed-from-inside", turn);
        let after = moment(turn, Duration::from_millis(1500));
        let file = hooked(marked.folder.path(), &format!("sleep {:.3}; kill -9 $PPID", after.as_secs_f64()));
        let mut command = without_namespaces();
        command.arg("run").arg("-f").arg(&file).args(["--rate", "50", "--trials", "1", "--allow-host-commands"]);
        let child = marked.start(command);
        let ran = finish(child);
        marked.nothing_left();
        let trials = trials(&ran, &marked.out(), "as-written");
        for trial in &trials {
            let reason = trial["reason"].as_str().unwrap_or_default();
            assert!(trial["state"] == "invalid" && reason.contains("supervisor of container target"), "{trial}");
        }
        assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    });
}

/// There the hook ends its own process group, as in a container, and the server drains.
fn unreachable_from_inside() {
    let marked = Marked::new("unreachable-from-inside", 0);
    let file = hooked(marked.folder.path(), "sleep 1; kill -9 $PPID");
    let mut command = program();
    command.arg("run").arg("-f").arg(&file).args(["--rate", "50", "--trials", "1"]);
    let ran = finish(marked.start(command));
    marked.nothing_left();
    let trials = trials(&ran, &marked.out(), "as-written");
    assert_eq!(trials[0]["state"], "counts", "{trials:?}");
    let record = fs::read_to_string(marked.out().join("record.jsonl")).unwrap();
    assert!(record.contains("FailedPreStopHook"), "the hook ended by its own signal");
}
