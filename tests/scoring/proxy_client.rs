//! An independent client beside a run: Go's net/http, in a Deployment that the scenario's manifests get in addition. It must not know
//! what rollproof counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Requests a second.
pub(crate) const RATE: u32 = 50;

const SOURCE: &str = "tests/kind/client/main.go";
const IMAGE: &str = "independent-client";

/// What the client says when it ends.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientCount {
    failures: Vec<ClientFailure>,
}

#[derive(Debug, Deserialize)]
struct ClientFailure {
    kind: String,
    failed_unix_ns: u64,
}

impl ClientCount {
    /// By kind, what failed between two moments of the wall clock, in nanoseconds since 1970.
    pub(crate) fn failed_in(&self, from_ns: u64, to_ns: u64) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for failure in self.failures.iter().filter(|failure| (from_ns..=to_ns).contains(&failure.failed_unix_ns)) {
            *kinds.entry(failure.kind.clone()).or_default() += 1;
        }
        kinds
    }
}

/// Writes into `folder` the manifest of a client that asks for `url`, with a recipe of its image, and compiles it.
pub(crate) fn prepare(folder: &Path, url: &str, host: Option<&str>) -> Result<PathBuf, String> {
    let recipe = folder.join("images").join(IMAGE);
    let failed = |what: &Path, error: std::io::Error| format!("writing {}: {error}", what.display());
    fs::create_dir_all(&recipe).map_err(|error| failed(&recipe, error))?;
    let dockerfile = recipe.join("Dockerfile");
    fs::write(&dockerfile, "FROM scratch\nCOPY client /client\nENTRYPOINT [\"/client\"]\n")
        .map_err(|error| failed(&dockerfile, error))?;
    let binary = recipe.join("client");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&binary).arg(SOURCE);
    go.current_dir(env!("CARGO_MANIFEST_DIR")).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod");
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
    fs::write(&path, manifest).map_err(|error| failed(&path, error))?;
    Ok(path)
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
