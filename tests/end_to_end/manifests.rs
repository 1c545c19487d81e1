//! `run -f`: manifests without a scenario, from files, folders and a pipe.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::{Ran, finish, program, report, run};
use crate::{Needs, Test, beside, test};

const HELM: &str = include_str!("../fixtures/helm.yaml");
const KUSTOMIZE: &str = include_str!("../fixtures/kustomize.yaml");

/// (name, standard input, arguments, parts of the error)
const REFUSED: &[(&str, &str, &[&str], &[&str])] = &[
    ("a_manifest_file_that_is_not_there", "", &["-f", "no-such.yaml"], &["no-such.yaml", "no such file"]),
    ("an_empty_pipe", "", &["-f", "-"], &["standard input", "empty"]),
    ("standard_input_twice", HELM, &["-f", "-", "-f", "-"], &["standard input", "more than once"]),
    ("nonsense_from_a_pipe", "{]", &["-f", "-"], &["standard input"]),
    ("an_error_page_from_a_pipe", "Error: chart not found\n", &["-f", "-"], &["standard input", "apiVersion"]),
    ("only_comments_from_a_pipe", "# NOTES:\n---\n", &["-f", "-"], &["no Deployment", "hold nothing"]),
    (
        "a_choice_of_workloads",
        KUSTOMIZE,
        &["-f", "-"],
        &["deployment/shop (standard input line", "deployment/shop-worker (", "--workload"],
    ),
    (
        "a_choice_of_ports",
        KUSTOMIZE,
        &["-f", "-", "--workload", "deployment/shop"],
        &["80 (http)", "9090 (metrics)", "--port"],
    ),
    ("a_port_that_is_none", HELM, &["-f", "-", "--port", "70000"], &["70000", "1 to 65535"]),
    ("a_service_of_other_pods", HELM, &["-f", "-", "--service", "other"], &["service/other", "service/demo-shop"]),
    (
        "a_scenario_with_manifests",
        HELM,
        &["scenarios/target-exit.yaml", "-f", "-"],
        &["SCENARIO", "cannot be used with"],
    ),
    ("neither_scenario_nor_manifests", "", &[], &["SCENARIO", "--filename"]),
    ("a_choice_without_manifests", "", &["scenarios/target-exit.yaml", "--port", "80"], &["--port"]),
    ("a_manifest_as_scenario", "", &["manifests/target.yaml"], &["rollproof run -f manifests/target.yaml"]),
    ("a_folder_without_manifests", "", &["-f", "src"], &["src", ".yaml"]),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = REFUSED
        .iter()
        .map(|(name, text, arguments, parts)| {
            beside(&format!("refused_{name}"), Needs::Nothing, move || refused(text, arguments, parts))
        })
        .collect();
    tests.push(test("manifests_of_helm_from_a_pipe_are_clean", Needs::Nothing, helm));
    tests.push(test("manifests_of_kustomize_in_a_folder_lose", Needs::Nothing, kustomize));
    tests.push(test("a_recipe_stands_beside_the_manifest_or_in_the_current_folder", Needs::Nothing, recipe));
    tests
}

fn piped(command: &mut Command, text: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program does not read its input if an argument is wrong, so the pipe may break.
    let _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    finish(child)
}

fn refused(text: &str, arguments: &[&str], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = piped(program().arg("run").args(arguments).arg("--out").arg(&out), text).expect_code(2).says(parts);
    assert!(ran.stdout.is_empty(), "errors are talk, not data: {}", ran.stdout);
    assert!(!out.exists(), "nothing was begun");
}

/// The pods drain, so nothing is lost. Objects that the embedded cluster does not support are named and not applied.
fn helm() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = piped(program().args(["run", "-f", "-", "--out"]).arg(&out), HELM).expect_code(0).says(&[
        "1 trial of 1 variant",
        "as-written: expected clean",
        "neither installs nor upgrades with it: pod/demo-shop-test-connection",
        "ingress/demo-shop",
        "horizontalpodautoscaler/demo-shop",
        "job/demo-shop-migrate",
        "customresourcedefinition/monitors.metrics.example.org",
    ]);
    assert!(!ran.stderr.contains("serviceaccount/"), "what the cluster has is applied:\n{}", ran.stderr);
    let report = report(&out);
    assert_eq!((report["scenario"].as_str(), report["verdict"].as_str()), (Some("demo-shop"), Some("pass")));
    let variant = &report["variants"][0];
    assert!(variant["arms"]["new"]["judged"] == true && variant["arms"]["reused"]["judged"] == true);
    assert!(variant["attempts"].as_u64().unwrap() > 300, "{variant}");
    let record = fs::read_to_string(out.join("record.jsonl")).unwrap();
    assert!(record.lines().next().unwrap().contains("\"Ingress\""), "the record holds the manifests whole");
}

/// The twin: its pods exit at once.
fn kustomize() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.yaml"), KUSTOMIZE).unwrap();
    fs::write(folder.path().join("README"), "not a manifest").unwrap();
    let out = folder.path().join("out");
    let arguments = ["--workload", "deploy/shop", "--port", "http", "--rate", "200"];
    let ran = run(program().args(["run", "-f"]).arg(folder.path()).args(arguments).arg("--out").arg(&out));
    ran.expect_code(4).says(&["namespace/shop"]);
    let report = report(&out);
    assert_eq!(report["verdict"], "fail");
    assert!(report["variants"][0]["lost"].as_u64().unwrap() > 0);
}

fn recipe() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = HELM.replace("rollproof/target:1.16.0", "own");
    fs::write(folder.path().join("deploy.yaml"), &manifest).unwrap();
    let out = folder.path().join("out");
    // The error names the places that were searched.
    let beside = folder.path().join("images/own/embedded").display().to_string();
    let mut from_file = program();
    from_file.args(["run", "-f"]).arg(folder.path().join("deploy.yaml")).arg("--out").arg(&out);
    run(&mut from_file).expect_code(2).says(&[&beside]);
    let mut from_pipe = program();
    from_pipe.current_dir(folder.path()).args(["run", "-f", "-", "--out"]).arg(&out);
    piped(&mut from_pipe, &manifest).expect_code(2).says(&["looked for images/own/embedded"]);
    fs::create_dir_all(folder.path().join("images/own")).unwrap();
    let script = format!("if test $1 = run; then shift; exec {} target \"$@\"; fi\n", env!("CARGO_BIN_EXE_rollproof"));
    fs::write(folder.path().join("images/own/embedded"), script).unwrap();
    piped(&mut from_pipe, &manifest).expect_code(0);
}
