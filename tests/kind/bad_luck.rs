//! Failures during a run on a real cluster. Each run ends with a clear error or an inconclusive verdict that names what
//! happened; its record is kept, and nothing is left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::cluster::{Stopped, apply, context, kubectl, name, namespaces, namespaces_of, nothing_left};
use crate::program::{AS_EXPECTED, Ran, clean, finish, lost_its_selection, program, report, run, variant, wait_for};
use crate::scenarios::on_kind;
use crate::{side_test, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        side_test("interrupted_in_a_rollout_leaves_a_report_and_no_namespace", interrupted),
        test("killed_outright_and_run_again_leftovers_are_listed_and_cleaned", killed),
        test("an_api_server_that_stops_for_ten_seconds_is_survived", api_server_stops),
        side_test("an_agent_that_is_deleted_makes_its_trial_invalid_and_the_next_has_another", agent_deleted),
        side_test("a_namespace_that_is_deleted_ends_the_run_and_is_named", namespace_deleted),
        side_test("an_image_that_cannot_be_pulled_is_named", unpullable),
        side_test("an_agent_image_that_cannot_be_pulled_is_named", unpullable_agent),
        side_test("without_the_right_to_watch_the_missing_rights_are_named", no_right),
        test("a_kube_proxy_that_stands_still_is_not_blamed_on_the_workload", kube_proxy_stopped),
        test("a_service_that_selects_no_new_pod_is_not_blamed_on_the_cluster", unselected),
        test("a_kubelet_that_stands_still_ends_in_an_incomplete_rollout", kubelet_stopped),
        side_test("without_docker_the_error_says_so", no_docker),
        side_test("an_unknown_context_is_answered_with_those_there_are", unknown_context),
    ]
}

/// A running run of one variant that loses nothing.
struct Begun {
    child: Child,
    out: PathBuf,
    _folder: TempDir,
}

impl Begun {
    /// Starts it and waits until its record contains `part`.
    fn until(part: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let scenario = scenario(folder.path(), &WEB.replace("IMAGE", "rollproof/target"));
        let child = on_kind(&scenario, &out).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_line(&out, part);
        Self { child, out, _folder: folder }
    }
}

fn wait_for_line(out: &Path, part: &str) {
    let record = out.join("record.jsonl");
    wait_for(&format!("{part} in the record"), Duration::from_mins(2), || {
        fs::read_to_string(&record).is_ok_and(|text| text.contains(part))
    });
}

/// The record can be reported, but never as a pass.
fn reports_no_pass(out: &Path) {
    let again = run(program().arg("report").arg(out));
    assert!(matches!(again.code, Some(4 | 5)), "{:?}\n{}", again.code, again.stderr);
    assert_ne!(report(out)["verdict"], "pass");
}

fn agent_namespace(out: &Path) -> String {
    let run = namespaces_of(out).remove(0).rsplit('-').next().unwrap().to_owned();
    format!("rollproof-agent-{run}")
}

fn interrupted() {
    let Begun { child, out, _folder } = Begun::until("rollout-step");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    finish(child).expect_code(130);
    nothing_left(&out);
    reports_no_pass(&out);
}

fn killed() {
    let Begun { mut child, out, _folder } = Begun::until("rollout-step");
    let again = out.with_file_name("again");
    child.kill().unwrap();
    child.wait().unwrap();
    reports_no_pass(&out);
    let left = namespaces_of(&out);
    assert!(namespaces().iter().any(|name| left.contains(name)), "a kill leaves its namespaces");
    run(&mut on_kind("scenarios/control-no-rollout.yaml", &again)).expect_code(0);
    let status = run(program().args(["cluster", "status", "--context", &context()])).expect_code(0);
    assert!(status.stdout.contains(&left[0]), "{}", status.stdout);
    // By name, because other runs may use the cluster too.
    let gone = left[0].rsplit('-').next().unwrap();
    run(program().args(["cluster", "clean", gone, "--context", &context()])).expect_code(0);
    nothing_left(&out);
}

fn api_server_stops() {
    let Begun { child, out, _folder } = Begun::until("rollout-step");
    {
        let _stopped = Stopped::new("kube-apiserver");
        std::thread::sleep(Duration::from_secs(10));
    }
    let ran = finish(child);
    // Nothing but the length of the rollout changes.
    ran.expect_one_of(&[0, 4, 5]);
    nothing_left(&out);
    let report = report(&out);
    clean(&report, "as-written");
    for variant in report["variants"].as_array().unwrap() {
        assert!(variant["attempts"].as_u64().unwrap() > 0, "the lines of all trials came: {variant}");
    }
}

fn agent_deleted() {
    let Begun { child, out, _folder } = Begun::until("rollout-step");
    kubectl(&["delete", "pod", "agent-1", "-n", &agent_namespace(&out), "--grace-period=1", "--wait=false"])
        .expect_code(0);
    finish(child).expect_one_of(&AS_EXPECTED).says(&["the agent is gone", "trial 1 is invalid", "repeated"]);
    nothing_left(&out);
    let report = report(&out);
    let trials: Vec<_> =
        report["variants"].as_array().unwrap().iter().flat_map(|v| v["trials_list"].as_array().unwrap()).collect();
    let states: Vec<_> = trials.iter().map(|trial| trial["state"].as_str().unwrap()).collect();
    // A late send on a busy machine may invalidate another trial.
    assert_eq!((states[0], states.last().copied()), ("invalid", Some("counts")), "{states:?}");
}

fn namespace_deleted() {
    let Begun { child, out, _folder } = Begun::until("load-started");
    for namespace in namespaces_of(&out) {
        kubectl(&["delete", "namespace", &namespace, "--wait=false"]).expect_code(0);
    }
    let ran = finish(child).expect_code(3);
    assert!(ran.stderr.contains("deployment/web no longer exists"), "{}", ran.stderr);
    let namespace = namespaces_of(&out).remove(0);
    assert!(ran.stderr.contains("namespace") && ran.stderr.contains(&namespace[..10]), "{}", ran.stderr);
    nothing_left(&out);
    reports_no_pass(&out);
}

/// A scenario of one variant with `manifest` beside it.
fn scenario(folder: &Path, manifest: &str) -> String {
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let scenario = folder.join("scenario.yaml");
    fs::write(&scenario, "name: odd\nmanifests: web.yaml\nload: {rate: 20}\nrollout: {restart: {}, timeout: 30s}\n")
        .unwrap();
    scenario.to_str().unwrap().to_owned()
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: IMAGE
          args: [--on-term=drain]
          lifecycle: {preStop: {sleep: {seconds: 3}}}
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
";

fn unpullable() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario(folder.path(), &WEB.replace("IMAGE", "rollproof.invalid/nowhere/nothing:1"));
    let out = folder.path().join("run");
    let ran = run(&mut on_kind(&scenario, &out)).expect_code(3);
    assert!(ran.stderr.contains("rollproof.invalid/nowhere/nothing:1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ImagePull"), "{}", ran.stderr);
    nothing_left(&out);
}

fn unpullable_agent() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = on_kind("scenarios/target-exit.yaml", &out);
    let ran = run(command.args(["--agent-image", "rollproof.invalid/nowhere/agent:1"])).expect_code(3);
    assert!(ran.stderr.contains("agent-1 cannot start"), "{}", ran.stderr);
    nothing_left(&out);
}

/// A user with all the rights that a run needs, except to watch pods.
fn no_right() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    apply(
        "
apiVersion: v1
kind: ServiceAccount
metadata: {name: rollproof-test-blind, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rollproof-test-blind}
rules:
  - {apiGroups: ['*'], resources: ['*'], verbs: [get, list, create, patch, delete, deletecollection]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: rollproof-test-blind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rollproof-test-blind}
subjects: [{kind: ServiceAccount, name: rollproof-test-blind, namespace: default}]
",
    );
    let token = kubectl(&["create", "token", "rollproof-test-blind", "--duration=10m"]).expect_code(0).stdout;
    let config = kubectl(&["config", "view", "--minify", "--raw", "-o", "json"]).expect_code(0).stdout;
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    let file = folder.path().join("config");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = program();
    command
        .args(["run", "scenarios/target-exit.yaml", "--cluster", &format!("context:{}", context()), "--out"])
        .arg(&out);
    let ran = run(command.args(["--agent-image", "unused:1"]).env("KUBECONFIG", &file));
    kubectl(&["delete", "clusterrolebinding,clusterrole", "rollproof-test-blind"]);
    kubectl(&["delete", "serviceaccount", "rollproof-test-blind"]);
    let ran: Ran = ran.expect_code(3);
    assert!(ran.stderr.contains("watch pods") && ran.stderr.contains(&context()), "{}", ran.stderr);
    assert!(!ran.stderr.contains("list pods"), "only what is missing: {}", ran.stderr);
}

fn kube_proxy_stopped() {
    let Begun { child, out, _folder } = Begun::until("load-started");
    let ran = {
        let _stopped = Stopped::new("kube-proxy");
        finish(child)
    };
    ran.expect_code(5);
    let report = report(&out);
    let trial = &variant(&report, "as-written")["trials_list"][0];
    assert_eq!(trial["state"], "invalid");
    assert!(trial["reason"].as_str().unwrap().contains("kube-proxy"), "{trial}");
    nothing_left(&out);
}

/// The bad twin of a stopped kube-proxy: here too, new connections get no answer, because the kernel limits how many refusals a rule
/// sends.
fn unselected() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let scenario = "tests/fixtures/selector/run.yaml";
    let on = format!("kind:{}", name());
    run(program().args(["run", scenario, "--trials", "2", "--cluster", &on, "--out"]).arg(&out)).expect_code(4);
    nothing_left(&out);
    lost_its_selection(&out);
}

fn kubelet_stopped() {
    let Begun { child, out, _folder } = Begun::until("load-started");
    let ran = {
        let stopped = Stopped::new("kubelet");
        wait_for_line(&out, "\"t\":\"trial-end\"");
        // What stands still cannot stop its pods either; it goes on before the namespaces are to go.
        drop(stopped);
        finish(child)
    };
    let ran = ran.expect_code(5);
    assert!(ran.unwrapped().contains("not complete after 30 s"), "{}", ran.stdout);
    nothing_left(&out);
    reports_no_pass(&out);
}

fn no_docker() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = on_kind("scenarios/target-exit.yaml", &out);
    let ran = run(command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock")).expect_code(3);
    assert!(ran.stderr.to_lowercase().contains("docker"), "{}", ran.stderr);
    let mut command = on_kind("scenarios/target-exit.yaml", &out);
    let ran = run(command.env("PATH", "/nonexistent")).expect_code(3);
    assert!(ran.stderr.contains("kind") && ran.stderr.contains("https://kind.sigs.k8s.io"), "{}", ran.stderr);
    let _ = name();
}

fn unknown_context() {
    let ran = run(program().args(["run", "scenarios/target-exit.yaml", "--cluster", "context:no-such"])).expect_code(2);
    assert!(ran.stderr.contains("no-such") && ran.stderr.contains(&context()), "{}", ran.stderr);
}
