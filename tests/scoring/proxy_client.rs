//! An independent client beside a run: Go's net/http, in a Deployment that the scenario's manifests get in addition. It must not know
//! what rollproof counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Requests a second.
const RATE: u32 = 50;

const SOURCE: &str = "tests/kind/client/main.go";
const IMAGE: &str = "independent-client";
const SECOND_NS: u64 = 1_000_000_000;

/// What the client says when it ends.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ClientCount {
    /// By the second of the wall clock.
    sent_in: BTreeMap<u64, u64>,
    failures: Vec<ClientFailure>,
}

#[derive(Debug, Deserialize)]
struct ClientFailure {
    failed_unix_ns: u64,
}

impl ClientCount {
    /// What failed, and about how many were sent, between two moments of the wall clock, in nanoseconds since 1970. An error if it paused.
    pub(crate) fn lost_in(&self, from_ns: u64, to_ns: u64) -> Result<(u64, u64), String> {
        let (first_s, last_s) = (from_ns / SECOND_NS, to_ns / SECOND_NS);
        if let Some(pause_s) = (first_s..=last_s).find(|second| !self.sent_in.contains_key(second)) {
            return Err(format!("the client sent nothing in second {} of {}", pause_s - first_s, last_s - first_s));
        }
        // Of the first and the last second only a part.
        let sent = self.sent_in.range(first_s + 1..=last_s).map(|(_, sent)| sent).sum();
        let failed = self.failures.iter().filter(|failure| (from_ns..=to_ns).contains(&failure.failed_unix_ns));
        Ok((failed.count() as u64, sent))
    }
}

/// Writes into `folder` a copy of a shipped scenario that has the client among its manifests; the client asks for `url`, as `host` where
/// that is not the URL's own.
pub(crate) fn beside(scenario: &str, folder: &Path, url: &str, host: Option<&str>) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("scenarios").join(scenario);
    let text = fs::read_to_string(&path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    let client = prepare(folder, url, host)?;
    let placed = text.replace("../../manifests", &root.join("manifests").display().to_string());
    let joined = placed.replacen("manifests: [", &format!("manifests: [{}, ", client.display()), 1);
    if placed == text || joined == placed {
        return Err(format!("{} has no list of manifests of ../../manifests", path.display()));
    }
    let file = folder.join("scenario.yaml");
    write(&file, &joined)?;
    Ok(file)
}

/// The manifest of the client, with a recipe of its image, compiled.
fn prepare(folder: &Path, url: &str, host: Option<&str>) -> Result<PathBuf, String> {
    let recipe = folder.join("images").join(IMAGE);
    fs::create_dir_all(&recipe).map_err(|error| format!("making {}: {error}", recipe.display()))?;
    write(&recipe.join("Dockerfile"), "FROM scratch\nCOPY client /client\nENTRYPOINT [\"/client\"]\n")?;
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(recipe.join("client")).arg(SOURCE);
    go.current_dir(env!("CARGO_MANIFEST_DIR")).env("CGO_ENABLED", "0");
    let status = go.status().map_err(|error| format!("running go: {error}"))?;
    if !status.success() {
        return Err(format!("go did not build {SOURCE}"));
    }
    let host = host.map(|name| format!(", \"-host={name}\"")).unwrap_or_default();
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: client}}\nspec:\n  selector: {{matchLabels: {{app: client}}}}\n  \
         template:\n    metadata: {{labels: {{app: client}}}}\n    spec:\n      containers:\n        - name: client\n          \
         image: {IMAGE}\n          args: [\"-url={url}\", \"-rate={RATE}\", \"-duration=2h\", \"-timeout=10s\"{host}]\n"
    );
    let path = folder.join("client.yaml");
    write(&path, &manifest)?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))
}

/// Ends the client of a namespace and takes its count.
pub(crate) fn end(context: &str, namespace: &str) -> Result<ClientCount, String> {
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new("kubectl");
        command.args(["--context", context, "--namespace", namespace]).args(arguments);
        command
    };
    let failed = |error: std::io::Error| format!("running kubectl: {error}");
    let logs = kubectl(&["logs", "--follow", "deployment/client"]).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let ended = kubectl(&["scale", "deployment/client", "--replicas=0"]).output().map_err(failed)?;
    let said = logs.wait_with_output().map_err(failed)?;
    if !ended.status.success() {
        return Err(format!("ending the client: {}", String::from_utf8_lossy(&ended.stderr).trim()));
    }
    serde_json::from_slice(&said.stdout).map_err(|error| format!("what the client said cannot be read: {error}"))
}
