//! Independent programs that read our files, each bounded in time.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is missing to run this; `None` if nothing is.
pub(crate) fn missing(what: &str, program: &str, arguments: &[&str]) -> Option<String> {
    let ran = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    (!ran.is_ok_and(|output| output.status.success())).then(|| what.to_owned())
}

/// Runs a reader for at most half a minute: whether it succeeded, and what it printed.
pub(crate) fn run(program: &str, arguments: &[&str], stdin: &str) -> (bool, String) {
    let mut child = Command::new("timeout")
        .args(["30", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

/// A file in a folder of its own, as the tools take files.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A file of this folder.
pub(crate) fn beside(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name).display().to_string()
}
