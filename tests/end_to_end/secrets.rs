//! Credentials are planted in everything that a user puts in, each with a mark, and looked for in everything that comes out.

use std::fs;
use std::path::Path;

use crate::program::{Ran, program, run};
use crate::{Needs, Test, beside};

/// No other text of the program or of the tests holds it.
const MARK: &str = "zq7marked";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        beside("planted_credentials_are_in_no_output_of_a_run", Needs::Nothing, measured),
        beside("planted_credentials_are_in_no_output_of_a_run_that_fails", Needs::Nothing, failing),
        beside("planted_credentials_are_in_no_error", Needs::Nothing, refused),
    ]
}

/// A Deployment with a credential in every place that has one. `ready` makes it get ready.
fn manifest(ready: bool) -> String {
    let (probe, deadline) = if ready { ("/", 60) } else { ("/status?code=503", 4) };
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: key}}
stringData: {{plain: {MARK}-string-data}}
data: {{encoded: enE3bWFya2VkLWRhdGE=}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: target}}
spec:
  replicas: 2
  progressDeadlineSeconds: {deadline}
  selector: {{matchLabels: {{app: target}}}}
  template:
    metadata: {{labels: {{app: target}}}}
    spec:
      containers:
      - name: target
        image: rollproof/target
        args: [--on-term=exit]
        env:
        - {{name: DB_PASSWORD, value: {MARK}-variable}}
        - {{name: PLAIN, valueFrom: {{secretKeyRef: {{name: key, key: plain}}}}}}
        ports: [{{containerPort: 8080}}]
        readinessProbe:
          periodSeconds: 1
          httpGet: {{path: \"{probe}\", port: 8080, httpHeaders: [{{name: X-JWT, value: {MARK}-probe}}]}}
      - name: talker
        image: rollproof/target
        command: [sh, -c, 'echo \"logged $PLAIN and $DECODED\"; exec sleep 1000', --token={MARK}-argument]
        env:
        - {{name: PLAIN, valueFrom: {{secretKeyRef: {{name: key, key: plain}}}}}}
        - {{name: DECODED, valueFrom: {{secretKeyRef: {{name: key, key: encoded}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: target}}
spec: {{selector: {{app: target}}, ports: [{{port: 80, targetPort: 8080}}]}}
"
    )
}

fn scenario(folder: &Path, manifest: &str, lines: &str) -> std::path::PathBuf {
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let path = folder.join("run.yaml");
    let requests = format!(
        "  requests:\n  - path: \"/slow?ms=1&access_token={MARK}-query\"\n    arms: [new, reused]\n    headers:\n      \
         Authorization: Bearer {MARK}-header\n      Ocp-Apim-Subscription-Key: {MARK}-key\n  - path: /\n    method: POST\n    \
         arms: [new]\n    body: \"password={MARK}-body\"\n"
    );
    fs::write(
        &path,
        format!(
            "name: planted\nmanifests: web.yaml\nmax_lag_ms: 10000\nload:\n  rate: 60\n  timeout: 3s\n{requests}{lines}"
        ),
    )
    .unwrap();
    path
}

/// Fails if anything that the program wrote, or printed, holds a planted credential.
fn nothing_shown(ran: &Ran, out: &Path) {
    for (what, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        assert!(!text.contains(MARK), "{what}:\n{text}");
    }
    if !out.exists() {
        return;
    }
    for entry in fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let line = text.lines().find(|line| line.contains(MARK)).unwrap_or_default();
            assert!(!text.contains(MARK), "{}: {}", path.display(), line.chars().take(2_000).collect::<String>());
        }
    }
}

fn measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &manifest(true), "variants: {a: {expect: loss}}\n");
    let out = folder.path().join("out");
    let ran = run(program().arg("run").arg(&path).arg("--out").arg(&out)).expect_one_of(&[0, 4, 5]);
    nothing_shown(&ran, &out);
    let record = fs::read_to_string(out.join("record.jsonl")).unwrap();
    assert!(record.contains("access_token=sha256:") && record.contains("\"logged sha256:"), "hashes are there instead");
    let report = run(program().arg("report").arg(&out));
    nothing_shown(&report, &out);
}

/// A workload that never gets ready: its pods' logs are on the terminal.
fn failing() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &manifest(false), "variants: {a: {expect: loss}}\n");
    let out = folder.path().join("out");
    let ran = run(program().arg("run").arg(&path).arg("--out").arg(&out));
    assert!(ran.code.is_some_and(|code| code != 0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("logged sha256:"),
        "the pods' words are there, without the credentials: {}",
        ran.stderr
    );
    nothing_shown(&ran, &out);
    // A request that is not answered as expected is named.
    let text = fs::read_to_string(&path).unwrap().replace("/slow?ms=1&", "/status?code=500&");
    fs::write(&path, text).unwrap();
    fs::write(folder.path().join("web.yaml"), manifest(true)).unwrap();
    let out = folder.path().join("second");
    let ran =
        run(program().arg("run").arg(&path).arg("--out").arg(&out)).says(&["/status?code=500&access_token=sha256:"]);
    assert!(ran.code.is_some_and(|code| code != 0), "{}", ran.stderr);
    nothing_shown(&ran, &out);
}

/// Each mistake stands beside a credential.
fn refused() {
    let sound = manifest(true);
    for (from, to) in [
        ("stringData: {plain", "stringData: {plain: x, plain"),
        ("data: {encoded: ", "data: {encoded: ["),
        ("        - {name: DB_PASSWORD, value", "        - {name: DB_PASSWORD, vlaue"),
        ("        - {name: DB_PASSWORD, value: ", "        - {name: DB_PASSWORD, value: 5, x: "),
        ("  replicas: 2", "  replicas: lots"),
        ("  replicas: 2", "  replicas: 0"),
        ("command: [sh", "command: [[sh]"),
    ] {
        let changed = sound.replacen(from, to, 1);
        assert_ne!(sound, changed, "{from}");
        let folder = tempfile::tempdir().unwrap();
        let path = scenario(folder.path(), &changed, "");
        let out = folder.path().join("out");
        let ran = run(program().arg("run").arg(&path).arg("--out").arg(&out)).expect_code(2);
        nothing_shown(&ran, &out);
        assert!(ran.stderr.contains("web.yaml line "), "{to}: {}", ran.stderr);
    }
    for lines in [
        "colour: blue\n",
        "rollout: {command: [helm, --password, zq7marked], restart: {}}\n",
        "rollout: {command: {run: [helm, --password, zq7marked], bakc: [x]}}\n",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = scenario(folder.path(), &sound, lines);
        let ran = run(program().arg("run").arg(&path)).expect_code(2);
        nothing_shown(&ran, &folder.path().join("out"));
    }
    let environ = format!("TOKEN={MARK}: x");
    for foreign in ["/proc/self/environ", "/etc/shadow"] {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            format!("name: a\nmanifests: {foreign}\n"),
            format!("name: a\nmanifests: web.yaml\nvariants: {{a: {{patch: {foreign}}}}}\n"),
        ] {
            fs::write(folder.path().join("web.yaml"), &sound).unwrap();
            fs::write(folder.path().join("run.yaml"), text).unwrap();
            let ran = run(program().env("TOKEN_OF_A_TEST", &environ).arg("run").arg(folder.path().join("run.yaml")));
            let ran = ran.expect_code(2);
            assert!(!ran.stderr.contains(MARK) && !ran.stderr.contains("root:"), "{}", ran.stderr);
        }
        let ran = run(program().env("TOKEN_OF_A_TEST", &environ).args(["run", foreign])).expect_code(2);
        assert!(!ran.stderr.contains(MARK) && !ran.stderr.contains("root:"), "{}", ran.stderr);
        let ran = run(program().env("TOKEN_OF_A_TEST", &environ).args(["run", "-f", foreign])).expect_code(2);
        assert!(!ran.stderr.contains(MARK) && !ran.stderr.contains("root:"), "{}", ran.stderr);
    }
}
