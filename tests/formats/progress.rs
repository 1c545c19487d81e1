//! What a run prints while it runs, on a terminal and without one, and what `report --against` writes for two runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::Trial;

use crate::reader::missing;
use crate::test;

const PROGRAM: &str = env!("CARGO_BIN_EXE_rollproof");

pub(crate) fn tests() -> Vec<Trial> {
    let script = missing("script, of util-linux", "script", &["--version"]);
    vec![
        test("progress_on_a_terminal_and_without_one", script.as_deref(), on_a_terminal_and_without_one),
        test("progress_what_cannot_be_compared_is_refused", None, what_cannot_be_compared_is_refused),
    ]
}

/// One trial of the built-in server. However busy the machine is, the trial counts.
const SCENARIO: &str =
    "name: shown\nmax_lag_ms: 60000\ntrials: 1\nload: {rate: 50, requests: [{path: /}]}\nmanifests: ";

fn scenario(folder: &Path) -> String {
    let path = folder.join("shown.yaml");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/target.yaml");
    std::fs::write(&path, format!("{SCENARIO}{}\n", manifest.display())).unwrap();
    path.display().to_string()
}

fn arguments(scenario: &str, out: &Path) -> Vec<String> {
    ["run", scenario, "--out", &out.display().to_string()].map(str::to_owned).into()
}

/// What a command said on both streams, its exit code, and that it ended within two minutes.
fn ran(command: &mut Command) -> (Option<i32>, String) {
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_ne!(output.status.code(), Some(124), "it did not end in time: {text}");
    (output.status.code(), text)
}

fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", program]);
    command
}

fn on_a_terminal_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let scenario = scenario(folder.path());
    let line = [vec![PROGRAM.to_owned()], arguments(&scenario, &old)].concat().join(" ");
    // `script` gives it a terminal of its own.
    let (_, shown) =
        ran(bounded("script").args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("NO_COLOR", "1"));
    for words in
        ["\r\u{1b}[2K\u{1b}[?7ltrial 1 of 1 (", "/s, ", "before the rollout", " of 2 new ready, ", " old left; about "]
    {
        assert!(shown.contains(words), "{words:?} is shown: {shown:?}");
    }
    assert!(!shown.contains("\u{1b}[1;3"), "NO_COLOR is heeded: {shown:?}");
    assert_eq!(shown.matches("\u{1b}[?7l").count(), shown.matches("\u{1b}[?7h").count(), "lines wrap again");

    let (code, plain) = ran(bounded(PROGRAM).args(arguments(&scenario, &new)).env("TERM", "xterm"));
    assert!(!plain.contains(['\u{1b}', '\r']), "a pipe gets plain lines: {plain:?}");
    let ended: Vec<&str> = plain.lines().filter(|line| line.starts_with("trial 1 of 1 (")).collect();
    assert!(matches!(ended.as_slice(), [line] if line.contains(" lost of ") && line.contains(", rollout ")), "{plain}");
    assert!(shown.contains(" lost of "), "a terminal keeps the line too: {shown:?}");
    against(&old, &new, code);
}

/// Two runs compared: the files are written, and the exit code is that of the new run.
fn against(old: &Path, new: &Path, code: Option<i32>) {
    let before = std::fs::read_dir(old).unwrap().count();
    let (compared, said) = ran(bounded(PROGRAM).args(["report", "--against"]).args([old, new]));
    assert_eq!(compared, code, "{said}");
    let unwrapped = said.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(unwrapped.contains("only observed: so few trials cannot show a difference"), "{said}");
    let file = |name: &str| std::fs::read_to_string(new.join(name)).unwrap();
    assert!(file("diff.md").starts_with("# "), "{}", file("diff.md"));
    let diff: serde_json::Value = serde_json::from_str(&file("diff.json")).unwrap();
    assert_eq!(diff["variants"][0]["lost"]["conclusion"], "observed");
    assert!(file("junit.xml").contains("<testsuite ") && file("latency.hlog").contains(".during,"));
    assert_eq!(std::fs::read_dir(old).unwrap().count(), before, "the old run is only read");
    let (code, said) = ran(bounded(PROGRAM).args(["report", "--against"]).args([new, new]));
    assert!(code == Some(2) && said.contains("with itself would say nothing"), "{said}");
}

fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let there: PathBuf = folder.path().join("run");
    std::fs::create_dir(&there).unwrap();
    let nowhere = folder.path().join("nowhere");
    let (code, said) = ran(bounded(PROGRAM).args(["report", "--against"]).args([&nowhere, &there]));
    assert!(code == Some(2) && said.contains("nowhere/record.jsonl"), "{said}");
    assert_eq!(std::fs::read_dir(&there).unwrap().count(), 0, "nothing is written");
    let (code, said) = ran(bounded(PROGRAM).args(["report", "--incident", "1", "--against"]).args([&nowhere, &there]));
    assert!(code == Some(2) && said.contains("cannot be used with"), "{said}");
}
