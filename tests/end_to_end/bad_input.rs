//! Wrong input: each gives one clear error and exit code 2, and nothing is started or overwritten.

use std::fs;
use std::path::Path;

use crate::program::{program, run};
use crate::{Needs, Test, beside};

const MANIFEST: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: rollproof/target, ports: [{containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

const SCENARIO: &str = "\
name: own
manifests: [web.yaml]
workload: deployment/web
service: web
load:
  rate: 50
  timeout: 2s
  requests:
    - {path: /, arms: [new, reused]}
rollout: {restart: {}}
trials: 1
variants:
  only: {expect: clean}
";

/// (name, text of the scenario, its replacement, parts of the error)
const CASES: &[(&str, &str, &str, &[&str])] = &[
    ("yaml_that_does_not_parse", "rollout: {restart: {}}", "rollout: {restart: {}", &["own.yaml", "line"]),
    ("an_unknown_key", "trials: 1", "trails: 1", &["trails", "trials", "own.yaml"]),
    ("an_unknown_key_inside_load", "  timeout: 2s", "  timeuot: 2s", &["timeuot", "timeout"]),
    ("a_workload_that_is_not_there", "deployment/web", "deployment/wbe", &["wbe", "deployment/web"]),
    ("a_service_that_is_not_there", "service: web", "service: wbe", &["wbe", "web"]),
    ("a_missing_manifest", "[web.yaml]", "[missing.yaml]", &["missing.yaml"]),
    ("rate_0", "rate: 50", "rate: 0", &["rate", "0"]),
    ("a_negative_rate", "rate: 50", "rate: -5", &["rate", "-5"]),
    ("an_absurd_rate", "rate: 50", "rate: 1e12", &["rate"]),
    ("no_judged_arm", "arms: [new, reused]", "arms: [pooled]", &["judge", "pooled"]),
    ("an_unknown_arm", "arms: [new, reused]", "arms: [mew]", &["mew", "new"]),
    ("trials_0", "trials: 1", "trials: 0", &["trials"]),
    ("a_baseline_that_is_no_variant", "trials: 1", "trials: 1\nbaseline: other", &["other", "only"]),
    ("a_hostile_name", "name: own", "name: ../../etc/x", &["name"]),
    (
        "a_patch_that_matches_nothing",
        "{expect: clean}",
        "{expect: clean, patch: patch.yaml}",
        &["patch.yaml", "deployment/other"],
    ),
    (
        "a_url_with_a_password",
        "  timeout: 2s",
        "  url: https://me:x@shop.example/",
        &["a user or a password", "own.yaml"],
    ),
    ("a_url_with_a_path", "  timeout: 2s", "  url: https://shop.example/cart", &["paths belong to the requests"]),
    ("a_url_of_another_scheme", "  timeout: 2s", "  url: ftp://shop.example/", &["ftp", "http or https"]),
    ("tls_beside_a_plain_url", "  timeout: 2s", "  url: http://a/\n  tls: {}", &["`tls`", "https://"]),
    ("an_address_without_a_url", "  timeout: 2s", "  resolve: 192.0.2.1", &["`resolve`", "`url`"]),
    ("a_ca_that_is_none", "  timeout: 2s", "  tls: {ca: web.yaml}", &["web.yaml", "0 certificates", "PEM"]),
    ("a_rollout_of_another_release", "{restart: {}}", "{scale: {replicas: 3}}", &["scale"]),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = CASES
        .iter()
        .map(|(name, from, to, parts)| {
            beside(&format!("refused_{name}"), Needs::Nothing, move || refused(from, to, parts))
        })
        .collect();
    tests.push(beside("refused_an_image_without_recipe", Needs::Nothing, image_without_recipe));
    tests.push(beside("refused_an_output_directory_that_cannot_be_written", Needs::Nothing, unwritable));
    tests.push(beside("refused_a_record_that_is_there_already", Needs::Nothing, record_there));
    tests.push(beside("refused_an_option_that_means_nothing_on_the_cluster", Needs::Nothing, misplaced));
    tests.push(beside(
        "flags_of_attach_are_told_by_their_names_before_a_cluster_is_asked",
        Needs::Nothing,
        flags_of_attach,
    ));
    tests.push(beside("refused_a_record_of_a_newer_format", Needs::Nothing, newer_record));
    tests.push(beside("refused_a_directory_without_record", Needs::Nothing, no_record));
    tests.push(beside("refused_a_time_budget_below_one_block", Needs::Nothing, || {
        refused_with(&["--time-budget", "2s"], SCENARIO, &["one block takes up to", "--time-budget is 2 s"]);
    }));
    tests.push(beside("refused_a_time_budget_without_unit", Needs::Nothing, || {
        refused_with(&["--time-budget", "20"], SCENARIO, &["`20` is not a duration", "20", "10s"]);
    }));
    tests.push(beside("refused_a_control_beside_a_variant_of_its_name", Needs::Nothing, || {
        let scenario = SCENARIO.replace("  only:", "  control:");
        refused_with(&["--control"], &scenario, &["a variant named control", "another name"]);
    }));
    tests
}

fn write(folder: &Path, scenario: &str, manifest: &str) -> std::path::PathBuf {
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other}\nspec: {replicas: 3}\n";
    fs::write(folder.join("patch.yaml"), patch).unwrap();
    let file = folder.join("own.yaml");
    fs::write(&file, scenario).unwrap();
    file
}

fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(SCENARIO.contains(from), "the case changes something");
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &SCENARIO.replace(from, to), MANIFEST);
    let out = folder.path().join("out");
    let ran = run(program().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(2).says(parts);
    assert!(ran.stdout.is_empty(), "errors are talk, not data: {}", ran.stdout);
    assert!(!out.exists(), "nothing was begun");
}

fn refused_with(flags: &[&str], scenario: &str, parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), scenario, MANIFEST);
    let out = folder.path().join("out");
    run(program().arg("run").arg(&file).args(flags).arg("--out").arg(&out)).expect_code(2).says(parts);
    assert!(!out.exists(), "nothing was begun");
}

fn image_without_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), SCENARIO, &MANIFEST.replace("rollproof/target", "nosuch"));
    run(program().arg("run").arg(&file).arg("--out").arg(folder.path().join("out")))
        .expect_code(2)
        .says(&["nosuch", "images/nosuch"]);
}

fn unwritable() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), SCENARIO, MANIFEST);
    // Nobody, not even root, can write into a file as into a directory.
    run(program().arg("run").arg(&file).arg("--out").arg(file.join("out"))).expect_code(2).says(&["out"]);
}

fn record_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), SCENARIO, MANIFEST);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("record.jsonl"), "precious\n").unwrap();
    run(program().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(2).says(&["record.jsonl"]);
    assert_eq!(fs::read_to_string(out.join("record.jsonl")).unwrap(), "precious\n", "nothing is lost");
    // The directory of `--try-advice` is checked before the first trial, not after the last one.
    let tried = folder.path().join("tried");
    fs::create_dir_all(tried.join("advised")).unwrap();
    fs::write(tried.join("advised/record.jsonl"), "precious\n").unwrap();
    run(program().arg("run").arg(&file).args(["--try-advice", "--out"]).arg(&tried))
        .expect_code(2)
        .says(&["advised/record.jsonl"]);
    run(program().arg("run").arg(&file).args(["--cluster", "context:none", "--out"]).arg(&out))
        .expect_code(2)
        .says(&["record.jsonl"]);
}

/// The check comes before the search for a cluster: none of these clusters exists.
fn misplaced() {
    for (flags, flag) in [
        (&["--keep"][..], "--keep"),
        (&["--load-from", "host"], "--load-from"),
        (&["--agent-image", "a:1"], "--agent-image"),
        (&["--kind-image", "a:1"], "--kind-image"),
        (&["--cluster", "context:none", "--kind-config", "a.yaml"], "--kind-config"),
        (&["--cluster", "kind:none", "--host-network"], "--host-network"),
    ] {
        refused_with(flags, SCENARIO, &[flag, "requires", "leave it out"]);
    }
}

/// None of these comes as far as a cluster, but the last.
fn flags_of_attach() {
    let url = ["--url", "https://shop.example/"];
    for (flags, told) in [
        (&["--url", "ftp://shop.example/"][..], &["--url: the URL's scheme is `ftp`, expected http or https"][..]),
        (&["--url", "https://ann:hunter2@shop.example/"], &["--url: the URL holds a user or a password"]),
        (&["--url", "https://shop.example/cart"], &["--url: the URL has a path"]),
        (&["--url", "https://shop.example:65536/"], &["--url: the URL's port is `65536`"]),
        (&["--resolve", "192.0.2.1"], &["--url <URL>"]),
        (&[url[0], url[1], "--resolve", "http://nowhere/"], &["--resolve: the address is `http://nowhere/`"]),
        (
            &["--url", "http://shop.example/", "--tls-insecure"],
            &["--tls-insecure stands beside a --url that begins with http://", "or remove --tls-insecure"],
        ),
        (&["--tls-ca", "nowhere.pem"], &["--tls-ca: ", "nowhere.pem", "PEM file"]),
        (&["--tls-ca", "Cargo.toml"], &["--tls-ca names Cargo.toml, which holds 0 certificates"]),
        (
            &["--tls-insecure", "--tls-ca", "a.pem"],
            &["--tls-insecure takes any certificate, so that --tls-ca decides nothing"],
        ),
        (&["--tls-server-name", "a b"], &["--tls-server-name is `a b`, expected a DNS name"]),
        (
            &[url[0], url[1], "--resolve", "192.0.2.1", "--tls-insecure", "--tls-server-name", "shop.example"],
            &["none-of-this-name"],
        ),
    ] {
        let mut command = program();
        command.args(["attach", "deployment/web", "--cluster", "context:none-of-this-name"]).args(flags);
        let ran = run(&mut command).says(told);
        assert!(ran.code != Some(0) && !ran.stderr.contains("hunter2"), "{flags:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("none-of-this-name"), told == ["none-of-this-name"], "{}", ran.stderr);
    }
}

fn newer_record() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("record.jsonl"), "{\"t\":\"header\",\"format\":999}\n").unwrap();
    run(program().arg("report").arg(folder.path())).expect_code(2).says(&["999", "newer"]);
}

fn no_record() {
    let folder = tempfile::tempdir().unwrap();
    run(program().arg("report").arg(folder.path())).expect_code(2).says(&["record.jsonl"]);
}
