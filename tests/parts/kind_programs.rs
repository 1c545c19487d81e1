//! `rollproof cluster` with fake kind and Docker programs on `PATH`: how it calls them, and what it reports when they are
//! missing, fail or hang. No cluster is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::{finish, processes_with, program, run, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A `PATH` with one program `kind`, which writes each call to `calls` and then runs `body`, and the programs of the system that
/// it may need.
struct Fake(tempfile::TempDir);

impl Fake {
    fn kind(body: &str) -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        let path = fake.0.path().join("kind");
        let calls = fake.0.path().join("calls");
        let sh = "/bin/sh";
        fs::write(&path, format!("#!{sh}\necho \"$*\" >>{}\ncase \"$*\" in\n{body}\nesac\n", calls.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fake
    }

    fn cluster(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
        command.arg("cluster").args(arguments);
        command
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.0.path().join("calls")).unwrap_or_default()
    }
}

/// A kubeconfig of a cluster that does not answer.
const DEAD: &str = "'get kubeconfig'*) echo '{apiVersion: v1, kind: Config, current-context: a, \
    clusters: [{name: a, cluster: {server: \"http://127.0.0.1:9\"}}], \
    contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}]}';;";

#[test]
fn without_kind_the_error_says_where_it_is_to_be_had() {
    let empty = tempfile::tempdir().unwrap();
    for action in ["up", "down", "status", "clean"] {
        let ran = run(program().args(["cluster", action]).env("PATH", empty.path())).expect_code(3);
        assert!(ran.stderr.contains("https://kind.sigs.k8s.io/docs/user/quick-start/#installation"), "{}", ran.stderr);
    }
}

#[test]
fn a_docker_that_does_not_run_is_named_as_such() {
    let fake =
        Fake::kind("*) echo 'ERROR: Cannot connect to the Docker daemon at unix:///x. Is it there?' >&2; exit 1;;");
    for action in ["up", "status", "clean"] {
        run(&mut fake.cluster(&[action])).expect_code(3).says(&["Docker does not answer", "DOCKER_HOST"]);
    }
}

#[test]
fn a_failure_is_shown_with_the_command_and_its_last_words() {
    let fake = Fake::kind("*) echo 'ERROR: something odd' >&2; exit 7;;");
    let ran = run(&mut fake.cluster(&["status"])).expect_code(3);
    let ran = ran.says(&["kind get clusters", "exit status: 7", "something odd"]);
    assert!(ran.stdout.is_empty(), "no data where there is none: {}", ran.stdout);
}

#[test]
fn a_cluster_that_is_not_there_is_an_answer_to_status_and_a_mistake_when_named() {
    let fake = Fake::kind("'get clusters') echo one; echo two;;");
    let ran = run(&mut fake.cluster(&["status"])).expect_code(0);
    assert!(ran.stdout.contains("no kind cluster rollproof") && ran.stdout.contains("one, two"), "{}", ran.stdout);
    for action in ["status", "clean"] {
        run(&mut fake.cluster(&[action, "--name", "three"])).expect_code(2).says(&["`three`", "one, two"]);
    }
    let ran = run(&mut fake.cluster(&["down"])).expect_code(0);
    assert!(ran.stdout.contains("no kind cluster rollproof"), "{}", ran.stdout);
    assert!(!fake.calls().contains("delete"), "{}", fake.calls());
}

#[test]
fn a_cluster_that_cannot_be_asked_who_made_it_is_deleted_by_force_only() {
    let fake = Fake::kind(&format!("'get clusters') echo rollproof;;\n{DEAD}"));
    run(&mut fake.cluster(&["down"])).expect_code(3).says(&["the kind cluster rollproof"]);
    assert!(!fake.calls().contains("delete"), "{}", fake.calls());
    run(&mut fake.cluster(&["down", "--force"])).expect_code(0);
    assert!(fake.calls().contains("delete cluster --name rollproof"), "{}", fake.calls());
}

#[test]
fn a_cluster_is_made_as_asked_and_the_users_kubeconfig_is_left_alone() {
    let fake = Fake::kind("'get clusters') ;;\n'create cluster'*) echo 'ERROR: no such image' >&2; exit 1;;");
    let mut up = fake.cluster(&["up", "--name", "mine", "--kind-config", "k.yaml", "--kind-image", "node:1"]);
    run(&mut up).expect_code(3).says(&["creating the kind cluster mine", "no such image"]);
    let calls = fake.calls();
    let create = calls.lines().find(|call| call.starts_with("create")).unwrap();
    for part in ["--name mine", "--config k.yaml", "--image node:1", "--wait", "--kubeconfig /"] {
        assert!(create.contains(part), "{create}");
    }
    assert!(!calls.contains("delete"), "kind deletes itself what it could not finish: {calls}");
}

#[test]
fn one_that_is_there_is_not_made_again() {
    let fake = Fake::kind("'get clusters') echo rollproof;;");
    let ran = run(&mut fake.cluster(&["up"])).expect_code(0);
    assert!(ran.stdout.contains("exists already") && !fake.calls().contains("create"), "{}", ran.stdout);
}

#[test]
fn an_interrupt_while_a_cluster_is_made_leaves_nothing_of_it() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let fake = Fake::kind("'get clusters') ;;\n'create cluster'*) sleep 1000;;");
        let mut up = fake.cluster(&["up"]);
        let child =
            up.env("ROLLPROOF_TEST", marker(&fake)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the creation to begin", Duration::from_mins(1), || fake.calls().contains("create"));
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        finish(child).expect_code(130).says(&["interrupted"]);
        assert!(fake.calls().ends_with("delete cluster --name rollproof\n"), "{}", fake.calls());
        let left = processes_with(&format!("ROLLPROOF_TEST={}", marker(&fake)));
        assert!(left.is_empty(), "processes go on: {left:?}");
    }
}

fn marker(fake: &Fake) -> String {
    let path: &Path = fake.0.path();
    path.display().to_string()
}
