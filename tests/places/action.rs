//! The GitHub Action: its scripts, run as its steps run them. What a workflow passes in stays data.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use rollproof::yaml::{YamlSource, single};
use serde_json::Value;

use crate::program::{Ran, run};
use crate::{root, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("the action passes, and leaves summary, outputs and reports", &[], passes),
        test("the action fails with the verdict's code, and the summary is there all the same", &[], fails),
        test("what an earlier run of the action left is not this run's", &[], earlier),
        test("the action passes on nothing but a report that says pass", &[], no_report),
        test("what is printed in the action is no workflow command", &[], no_command),
        test("what a workflow passes in is data", &[], hostile),
        test("the action refuses inputs that do not fit together", &[], refused),
        test("the action's cache is named by what the program is made of", &["sha256sum"], key),
        test("the action installs nothing that is there, and no version that is none", &[], install),
        test("shellcheck has nothing to say about the action's scripts", &["shellcheck"], shellcheck),
        test("action.yml takes no input into a script, and pins what it uses", &[], pinned),
    ]
}

/// What one run of `run.sh` left.
struct Step {
    ran: Ran,
    summary: String,
    outputs: String,
}

/// Runs `.github/action/run.sh` as the action does, with these inputs, in `folder`.
fn step(folder: &Path, inputs: &[(&str, &str)]) -> Step {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    if !bin.join("rollproof").exists() {
        symlink(env!("CARGO_BIN_EXE_rollproof"), bin.join("rollproof")).unwrap();
    }
    let (summary, outputs) = (folder.join("summary.md"), folder.join("outputs"));
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    // Only the environment of the step: inputs of an outer job must not leak in.
    let mut command = script("run.sh");
    command.env("PATH", path).env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &outputs);
    let ran = run(command.envs(inputs.iter().copied()));
    let read = |file: &Path| fs::read_to_string(file).unwrap_or_default();
    Step { ran, summary: read(&summary), outputs: read(&outputs) }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(root().join(".github/action").join(name)).current_dir(root());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("INPUT_") || name.starts_with("GITHUB_")) {
        command.env_remove(name);
    }
    command
}

fn passes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report of ours");
    let inputs = [
        ("INPUT_SCENARIO", "scenarios/target-exit.yaml"),
        ("INPUT_CLUSTER", "embedded"),
        ("INPUT_TRIALS", "1"),
        ("INPUT_ARGS", "--rate=100\n\n--seed\n7\n"),
        ("INPUT_DIRECTORY", out.to_str().unwrap()),
    ];
    let step = step(folder.path(), &inputs);
    step.ran.expect_code(0);
    assert!(step.summary.contains("target-exit"), "{}", step.summary);
    assert!(step.summary.contains(&fs::read_to_string(out.join("report.md")).unwrap()), "{}", step.summary);
    let expected = format!("directory={}\nverdict=pass\nexit-code=0\n", out.display());
    assert_eq!(step.outputs, expected);
    let report: Value = serde_json::from_str(&fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["seed"], 7);
}

fn fails() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let inputs = [
        ("INPUT_FILES", "manifests/target.yaml\n"),
        ("INPUT_CLUSTER", "embedded"),
        ("INPUT_DIRECTORY", out.to_str().unwrap()),
    ];
    let step = step(folder.path(), &inputs);
    step.ran.expect_code(4);
    assert!(step.outputs.ends_with("\nverdict=fail\nexit-code=4\n"), "{}", step.outputs);
    assert!(step.summary.contains("endpoint-race") || step.summary.contains("cut-at-stop"), "{}", step.summary);
}

/// A folder in which an earlier run left reports of a pass.
fn left_by_another(folder: &Path) -> std::path::PathBuf {
    let out = folder.join("report");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("report.md"), "# an older run: pass\n").unwrap();
    fs::write(out.join("report.json"), "{\n  \"verdict\": \"pass\"\n}\n").unwrap();
    fs::write(out.join("record.jsonl"), "").unwrap();
    out
}

fn earlier() {
    let folder = tempfile::tempdir().unwrap();
    let out = left_by_another(folder.path());
    // A link that leads nowhere is another's, too.
    symlink("/nowhere/at-all", folder.path().join("report-2")).unwrap();
    let directory = format!("{}/", out.display());
    let broken =
        [("INPUT_SCENARIO", "no-such-file.yaml"), ("INPUT_CLUSTER", "embedded"), ("INPUT_DIRECTORY", &directory)];
    let step = step(folder.path(), &broken);
    step.ran.expect_code(2);
    assert!(!step.summary.contains("an older run") && step.summary.contains("exit code 2"), "{}", step.summary);
    assert_eq!(step.outputs, format!("directory={}-3\nverdict=none\nexit-code=2\n", out.display()));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3, "the older run is left as it was");
}

fn no_report() {
    let folder = tempfile::tempdir().unwrap();
    for argument in ["--help", "-h", "--cluster=embedded\n--help"] {
        let out = folder.path().join("out");
        let inputs = [
            ("INPUT_SCENARIO", "scenarios/target-exit.yaml"),
            ("INPUT_CLUSTER", if argument.contains("--cluster") { "" } else { "embedded" }),
            ("INPUT_ARGS", argument),
            ("INPUT_DIRECTORY", out.to_str().unwrap()),
        ];
        let step = step(folder.path(), &inputs);
        step.ran.expect_code(2);
        assert!(!step.outputs.contains("verdict=pass"), "{argument:?}: {}", step.outputs);
        fs::remove_file(folder.path().join("outputs")).unwrap();
    }
}

fn no_command() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = [
        ("INPUT_SCENARIO", "no-such-file.yaml"),
        ("INPUT_CLUSTER", "embedded\n::error::forged by the cluster"),
        ("INPUT_ARGS", "--seed\n1\\n::error::forged by an argument"),
        ("GITHUB_ACTIONS", "true"),
    ];
    let step = step(folder.path(), &inputs);
    let said = step.ran.expect_code(2).stdout;
    let mut lines = said.lines();
    let token = lines.next().and_then(|line| line.strip_prefix("::stop-commands::")).unwrap().to_owned();
    assert!(token.len() == 32 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    let commands: Vec<&str> = lines.filter(|line| line.starts_with("::")).collect();
    assert_eq!(commands, [format!("::{token}::")], "commands are followed again, and none was in between: {said}");
}

/// None of these may be run, split, or read as an option.
fn hostile() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let mark = mark.to_str().unwrap();
    let attacks = [
        format!("$(touch {mark})"),
        format!("`touch {mark}`"),
        format!("x; touch {mark}"),
        format!("'; touch {mark}; '"),
        format!("\"; touch {mark}; \""),
        format!("END_OF_FILES\ntouch {mark}"),
        format!("a b\nEND_OF_ARGUMENTS\n$(touch {mark})"),
        "--help".to_owned(),
        "*".to_owned(),
    ];
    for attack in &attacks {
        for input in ["INPUT_SCENARIO", "INPUT_FILES", "INPUT_TRIALS", "INPUT_CLUSTER"] {
            let mut inputs = vec![(input, attack.as_str())];
            if input == "INPUT_TRIALS" || input == "INPUT_CLUSTER" {
                inputs.push(("INPUT_SCENARIO", "scenarios/no-such-file.yaml"));
            }
            let out = folder.path().join("out");
            inputs.push(("INPUT_DIRECTORY", out.to_str().unwrap()));
            if input != "INPUT_CLUSTER" {
                inputs.push(("INPUT_CLUSTER", "embedded"));
            }
            let step = step(folder.path(), &inputs);
            step.ran.expect_code(2);
            assert!(!Path::new(mark).exists(), "{input}={attack:?} ran a command");
            assert!(step.summary.contains("exit code 2"), "{input}={attack:?}: {}", step.summary);
        }
    }
    let out = format!("$(touch {mark})");
    let inputs =
        [("INPUT_SCENARIO", "scenarios/no-such-file.yaml"), ("INPUT_DIRECTORY", &out), ("INPUT_CLUSTER", "embedded")];
    let step = step(folder.path(), &inputs);
    step.ran.expect_code(2);
    assert!(step.outputs.ends_with(&format!("directory={out}\nverdict=none\nexit-code=2\n")), "{}", step.outputs);
    assert!(!Path::new(mark).exists());
}

fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[], "neither `scenario` nor `files`"),
        (&[("INPUT_SCENARIO", "a.yaml"), ("INPUT_FILES", "b.yaml")], "both given"),
        (&[("INPUT_SCENARIO", "a.yaml"), ("INPUT_DIRECTORY", "a\nverdict=pass")], "more than one line"),
        (&[("INPUT_SCENARIO", "a.yaml"), ("INPUT_DIRECTORY", "a\rverdict=pass")], "a control character"),
        (&[("INPUT_SCENARIO", "a.yaml"), ("INPUT_DIRECTORY", "--keep")], "begins with a dash"),
    ];
    for (inputs, why) in cases {
        let step = step(folder.path(), inputs);
        step.ran.expect_code(2).says(&[why]);
        assert_eq!(step.outputs, "", "no output may be forged: {inputs:?}");
    }
}

fn key() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path();
    for (file, text) in [("Cargo.toml", "a"), ("Cargo.lock", "b"), ("src/main.rs", "c"), ("images/x", "d")] {
        fs::create_dir_all(source.join(file).parent().unwrap()).unwrap();
        fs::write(source.join(file), text).unwrap();
    }
    for folder in ["manifests", "scenarios"] {
        fs::create_dir_all(source.join(folder)).unwrap();
    }
    let name = |version: &str| {
        let mut command = script("key.sh");
        let ran = run(command.env("ROLLPROOF_SOURCE", source).env("INPUT_VERSION", version)).expect_code(0);
        assert!(ran.stdout.starts_with("key=rollproof-Linux-") && ran.stdout.lines().count() == 1, "{}", ran.stdout);
        ran.stdout
    };
    let first = name("");
    assert_eq!(first, name(""));
    assert_ne!(first, name("0.1.0"));
    fs::write(source.join("src/main.rs"), "changed").unwrap();
    assert_ne!(first, name(""));
}

fn install() {
    let folder = tempfile::tempdir().unwrap();
    let paths = folder.path().join("path");
    let start = |version: &str| {
        let mut command = script("install.sh");
        command.env("ROLLPROOF_ROOT", folder.path()).env("GITHUB_PATH", &paths).env("INPUT_VERSION", version);
        run(command.env("ROLLPROOF_SOURCE", "/nonexistent"))
    };
    start("1; touch x").expect_code(2).says(&["is not a version"]);
    start("--git=https://example.com").expect_code(2).says(&["is not a version"]);
    fs::create_dir(folder.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_rollproof"), folder.path().join("bin/rollproof")).unwrap();
    let ran = start("").expect_code(0);
    assert!(ran.stdout.contains("rollproof is already installed: rollproof "), "{}", ran.stdout);
    assert_eq!(fs::read_to_string(paths).unwrap(), format!("{}/bin\n", folder.path().display()));
}

fn shellcheck() {
    let mut command = Command::new("shellcheck");
    for entry in fs::read_dir(root().join(".github/action")).unwrap() {
        command.arg(entry.unwrap().path());
    }
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
}

/// A `${{ }}` inside a script would become text of the script before the shell reads it.
fn pinned() {
    for file in ["action.yml", ".github/workflows/rollout.yml"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let document = single::<Value>(&YamlSource::new(file, &text)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut steps = Vec::new();
        collect(&document, &mut steps);
        assert!(!steps.is_empty(), "{file} has no steps");
        for step in steps {
            let script = step["run"].as_str().unwrap_or_default();
            assert!(!script.contains("${{"), "{file}: a script takes an expression: {script}");
            let uses = step["uses"].as_str().unwrap_or("./");
            let commit = uses.split_once('@').map_or("", |(_, commit)| commit);
            let pinned = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(uses.starts_with("./") || pinned, "{file}: {uses} is not pinned by its commit");
        }
    }
}

fn collect<'a>(value: &'a Value, steps: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("run") || fields.contains_key("uses") {
                steps.push(value);
            }
            fields.values().for_each(|value| collect(value, steps));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, steps)),
        _ => {}
    }
}
