//! `kubectl rollproof`: kubectl starts a program named `kubectl-rollproof` on `PATH`.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;

use crate::program::{program, run};
use crate::test;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("started as kubectl's plugin, help and errors say what was typed", &[], speaks_as_plugin),
        test("started under its own name, nothing speaks of kubectl", &[], speaks_as_itself),
        test("a plugin runs, also where it starts itself again", &[], a_plugin_runs),
        test("kubectl finds the plugin and runs it", &["kubectl"], kubectl_runs_it),
    ]
}

/// The program, started as kubectl starts it.
fn plugin() -> Command {
    let mut command = program();
    command.arg0("/usr/local/bin/kubectl-rollproof");
    command
}

fn speaks_as_plugin() {
    let help = run(plugin().args(["run", "--help"])).expect_code(0).stdout;
    assert!(help.contains("Usage: kubectl rollproof run"), "{help}");
    assert!(help.contains("\n  kubectl rollproof run -f deploy.yaml"), "{help}");
    let all = run(plugin().arg("--help")).expect_code(0).stdout;
    assert!(all.contains("Usage: kubectl rollproof <COMMAND>"), "{all}");
    run(plugin().args(["run", "--no-such-option"])).expect_code(2).says(&["Usage: kubectl rollproof run"]);
    run(plugin().args(["run", "manifests/target.yaml"]))
        .expect_code(2)
        .says(&["kubectl rollproof run -f manifests/target.yaml"]);
}

fn speaks_as_itself() {
    let ran = run(program().args(["run", "manifests/target.yaml"])).expect_code(2);
    assert!(ran.stderr.contains("rollproof run -f manifests/target.yaml"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("kubectl"), "{}", ran.stderr);
}

fn a_plugin_runs() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["run", "-f", "manifests/target.yaml", "--rate", "60", "--out"];
    let ran = run(plugin().args(words).arg(folder.path().join("run"))).expect_code(4);
    assert!(ran.stdout.contains("\nFAIL   "), "the target exits at once: {}", ran.stdout);
}

fn kubectl_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_rollproof"), folder.path().join("kubectl-rollproof")).unwrap();
    let kubectl = |words: &[&str]| {
        let mut path = folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("kubectl");
        command.args(words).env("PATH", path).env("HOME", folder.path()).stdin(Stdio::null());
        run(&mut command)
    };
    let version = kubectl(&["rollproof", "--version"]).expect_code(0).stdout;
    assert_eq!(version.trim(), concat!("rollproof ", env!("CARGO_PKG_VERSION")));
    let listed = kubectl(&["plugin", "list"]).stdout;
    assert!(listed.lines().any(|line| Path::new(line.trim()).ends_with("kubectl-rollproof")), "{listed}");
    let help = kubectl(&["rollproof", "report", "--help"]).expect_code(0).stdout;
    assert!(help.contains("Usage: kubectl rollproof report"), "{help}");
}
