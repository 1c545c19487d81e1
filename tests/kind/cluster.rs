//! The cluster under test, as seen and disturbed from outside.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Ran, kind_cluster, run, wait_for};

pub(crate) fn name() -> String {
    kind_cluster().unwrap()
}

pub(crate) fn context() -> String {
    format!("kind-{}", name())
}

/// `kubectl` on the cluster; its output.
pub(crate) fn kubectl(arguments: &[&str]) -> Ran {
    run(Command::new("kubectl")
        .args(["--context", &context(), "--request-timeout=20s"])
        .args(arguments)
        .stdin(Stdio::null()))
}

/// Applies a text.
pub(crate) fn apply(text: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    kubectl(&["apply", "-f", file.path().to_str().unwrap()]).expect_code(0);
}

pub(crate) fn get(arguments: &[&str]) -> Value {
    let ran = kubectl(&[&["get", "-o", "json"], arguments].concat()).expect_code(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The names of the namespaces that rollproof made and that are not being removed.
pub(crate) fn namespaces() -> Vec<String> {
    let list = get(&["namespaces", "-l", "app.kubernetes.io/managed-by=rollproof"]);
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The namespaces of one run, by the run's directory.
pub(crate) fn namespaces_of(out: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(out.join("record.jsonl")).unwrap_or_default();
    let Some(header) = text.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok()) else {
        return Vec::new();
    };
    let places = header["places"].as_array().unwrap().iter();
    places.map(|place| place["namespace"].as_str().unwrap().to_owned()).collect()
}

/// Waits until none of the namespaces of a run is left.
pub(crate) fn nothing_left(out: &std::path::Path) {
    let own = namespaces_of(out);
    assert!(!own.is_empty(), "the record names its namespaces");
    // The names of all of its namespaces, also the agent's, end with the run's identity.
    let run = own[0].rsplit('-').next().unwrap().to_owned();
    wait_for("the run's namespaces to go", Duration::from_mins(2), || {
        namespaces().iter().all(|name| !name.ends_with(&run))
    });
}

/// A command on a node.
pub(crate) fn on_node(node: &str, script: &str) -> Ran {
    run(Command::new("docker").args(["exec", node, "sh", "-c", script]).stdin(Stdio::null()))
}

pub(crate) fn control_plane() -> String {
    format!("{}-control-plane", name())
}

/// Stops a program on a node until this is dropped.
pub(crate) struct Stopped {
    node: String,
    program: &'static str,
}

impl Stopped {
    pub(crate) fn new(program: &'static str) -> Self {
        let node = control_plane();
        on_node(&node, &format!("kill -STOP $(pidof {program})")).expect_code(0);
        Self { node, program }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let Self { node, program } = self;
        on_node(node, &format!("kill -CONT $(pidof {program})"));
    }
}
