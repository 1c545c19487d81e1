//! Images, kinds of objects and leftovers. These tests touch only what they made.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use libtest_mimic::Trial;
use rollproof::agent::{AgentDeployment, deploy};
use rollproof::clock::Clock;
use rollproof::cluster::kind::{KindCluster, recipe};
use rollproof::cluster::kube::{ApplyError, apply, connect, connect_with};
use serde_json::{Value, json};

use crate::cluster::{context, kubectl, name};
use crate::program::{Ran, now, program, run, wait_for};
use crate::test;

/// What this program prints when it is started in a pod.
const WORD: &str = "packed and running";

/// Runs instead of the tests when this program is the main process of a pod.
#[allow(clippy::print_stdout, reason = "a pod's log is what it prints")]
pub(crate) fn speak() {
    println!("{WORD}");
}

/// Distinguishes objects of this test from those of others.
fn own(what: &str) -> String {
    format!("rptest-{what}-{}", std::process::id())
}

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_recipe_is_built_and_loaded_once_until_it_changes", recipes),
        test("an_image_of_the_users_own_is_loaded_once_until_it_changes", local_images),
        test("this_program_starts_in_a_restricted_pod", packed),
        test("leftovers_are_listed_and_cleaned_by_run", leftovers),
        test("a_nodes_cordon_is_told_and_undone", cordons),
        test("a_namespace_that_cannot_go_fails_the_clean_up_by_name", stuck),
        test("a_cluster_of_somebody_elses_is_not_deleted", not_own),
        test("custom_resources_are_found_by_what_the_cluster_says", custom_resources),
        test("a_quota_that_forbids_the_agent_is_named", quota),
        test("a_missing_context_is_answered_with_those_there_are", missing_context),
    ]
}

/// A quota as policies of shared clusters put into every namespace.
fn quota() {
    let namespace = own("quota");
    let _namespace = Object::new(&["namespace", &namespace]);
    apply_text(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    apply_text(
        &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {"pods": "0"}}}),
    );
    wait_for("the quota to be in force", Duration::from_secs(30), || {
        let shown = kubectl(&["get", "resourcequota", "none", "-n", &namespace, "-o", "jsonpath={.status.hard.pods}"]);
        shown.stdout == "0"
    });
    let deployment = AgentDeployment {
        namespace: namespace.clone(),
        image: "rollproof.invalid/agent:1".to_owned(),
        token: "token".to_owned(),
        origin_unix_ns: 0,
        number: 1,
    };
    let refused = wait(async {
        let connected = connect(&context()).await.unwrap();
        deploy(&connected.client, &deployment, Clock::start()).await.unwrap_err().to_string()
    });
    assert!(refused.contains("exceeded quota: none") && refused.contains(&namespace), "{refused}");
}

fn docker(arguments: &[&str]) -> Ran {
    run(Command::new("docker").args(arguments).stdin(Stdio::null()))
}

fn apply_text(object: &Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), object.to_string()).unwrap();
    kubectl(&["apply", "-f", file.path().to_str().unwrap()]).expect_code(0);
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

/// The messages before slow steps.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Said {
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join("\n")
    }
}

/// Takes images from Docker and the nodes when the test ends, however it ends.
struct Images(Vec<String>);

impl Drop for Images {
    fn drop(&mut self) {
        let nodes = wait(KindCluster::new(&name()).nodes()).unwrap_or_default();
        for image in &self.0 {
            docker(&["image", "rm", image]);
            for node in &nodes {
                docker(&["exec", node, "ctr", "--namespace", "k8s.io", "images", "rm", image]);
            }
        }
    }
}

/// Deletes an object when the test ends.
struct Object(Vec<String>);

impl Object {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        kubectl(&[&["delete", "--ignore-not-found", "--wait=false"], words.as_slice()].concat());
    }
}

fn recipes() {
    let image = own("web");
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("images").join(&image);
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("Dockerfile"), "FROM debian:trixie-slim\nCOPY page /page\n").unwrap();
    let (kind, said) = (KindCluster::new(&name()), Said::default());
    let say = |text: &str| said.0.lock().unwrap().push(text.to_owned());
    let mut images = Images(Vec::new());
    let mut provide = |page: &str| {
        fs::write(own.join("page"), page).unwrap();
        let recipe = recipe(&image, &[folder.path().to_owned()]).unwrap().unwrap();
        images.0.push(recipe.tag());
        let started = now();
        let tag = wait(async { kind.provide_recipe(&kind.nodes().await?, &recipe, &say).await }).unwrap();
        assert_eq!(tag, recipe.tag());
        (tag, started.elapsed())
    };
    let (first, _) = provide("one");
    assert!(said.take().contains("building"), "the first time it is built");
    let (again, took) = provide("one");
    assert_eq!((again, said.take()), (first.clone(), String::new()), "nothing changed, nothing is done");
    assert!(took < Duration::from_secs(5), "it is looked at only: {took:?}");
    let (changed, _) = provide("two");
    assert!(said.take().contains("building") && changed != first, "a changed recipe is another image");
    let nodes = wait(kind.nodes()).unwrap();
    assert!(wait(kind.has(&nodes, &changed)).unwrap() && !wait(kind.has(&nodes, "rollproof.local/none:1")).unwrap());
}

fn local_images() {
    let image = format!("{}:1", own("mine"));
    let (kind, said) = (KindCluster::new(&name()), Said::default());
    let say = |text: &str| said.0.lock().unwrap().push(text.to_owned());
    let nodes = wait(kind.nodes()).unwrap();
    let provide = || wait(kind.provide_local(&nodes, &image, &say)).unwrap();
    assert_eq!(provide(), None, "what Docker does not have is left to the nodes");
    let mut images = Images(vec![image.clone()]);
    let build = |page: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("page"), page).unwrap();
        fs::write(folder.path().join("Dockerfile"), "FROM debian:trixie-slim\nCOPY page /page\n").unwrap();
        docker(&["build", "--quiet", "--tag", &image, folder.path().to_str().unwrap()]).expect_code(0);
    };
    build("one");
    let first = provide().unwrap();
    images.0.push(first.clone());
    assert!(said.take().contains(&image));
    assert_eq!((provide().unwrap(), said.take()), (first.clone(), String::new()), "it did not change");
    build("two");
    let second = provide().unwrap();
    images.0.push(second.clone());
    assert!(second != first && said.take().contains(&image), "the same name, another image");
    assert!(wait(kind.has(&nodes, &second)).unwrap());
}

fn packed() {
    let (kind, said) = (KindCluster::new(&name()), Said::default());
    let say = |text: &str| said.0.lock().unwrap().push(text.to_owned());
    let nodes = wait(kind.nodes()).unwrap();
    let image = wait(kind.provide_program(&nodes, &say)).unwrap();
    let _images = Images(vec![image.clone()]);
    said.take();
    assert_eq!(wait(kind.provide_program(&nodes, &say)).unwrap(), image);
    assert_eq!(said.take(), "", "the second time it is there");
    let namespace = own("packed");
    apply_text(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}));
    let _namespace = Object::new(&["namespace", &namespace]);
    wait_for("the namespace's account", Duration::from_secs(30), || {
        kubectl(&["get", "serviceaccount", "default", "-n", &namespace]).code == Some(0)
    });
    apply_text(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "speaker", "namespace": namespace},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "speaker", "image": image, "imagePullPolicy": "Never", "args": ["speak"],
            "securityContext": {"runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}}]}}));
    wait_for("the pod to end", Duration::from_mins(1), || {
        kubectl(&["get", "pod", "speaker", "-n", &namespace, "-o", "jsonpath={.status.phase}"]).stdout == "Succeeded"
    });
    assert_eq!(kubectl(&["logs", "speaker", "-n", &namespace]).stdout.trim(), WORD);
}

/// A namespace as a run makes it, last alive so long ago.
fn namespace_of(run: &str, silent_s: u64, extra: &Value) -> (String, Object) {
    let name = format!("web-{run}");
    let beat = rollproof::clock::wall_unix_ns() / 1_000_000_000 - silent_s;
    apply_text(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name,
        "labels": {"app.kubernetes.io/managed-by": "rollproof", "rollproof.dev/run": run},
        "annotations": {"rollproof.dev/heartbeat": beat.to_string(), "rollproof.dev/scenario": "we\u{1b}[2Jb"}},
        "spec": extra}));
    let object = Object::new(&["namespace", &name]);
    (name, object)
}

fn rollproof(arguments: &[&str]) -> Ran {
    run(program().arg("cluster").args(arguments))
}

fn leftovers() {
    let (dead, living) = (own("dead"), own("living"));
    let (dead_namespace, _one) = namespace_of(&dead, 600, &json!({}));
    let (living_namespace, _two) = namespace_of(&living, 0, &json!({}));
    for on in [["--name", &name()], ["--context", &context()]] {
        let status = rollproof(&[&["status"], on.as_slice()].concat()).expect_code(0).stdout;
        let line = |name: &str| status.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
        assert!(line(&dead_namespace).contains("left over") && line(&dead_namespace).contains("10 min"), "{status}");
        assert!(line(&living_namespace).contains("alive"), "{status}");
        assert!(status.contains("node ") && status.contains("ready") && status.contains("cluster clean"), "{status}");
        assert!(!status.contains('\u{1b}'), "an annotation does not steer the terminal");
    }
    rollproof(&["clean", "no-such-run", "--name", &name()]).expect_code(2).says(&["no-such-run", &dead]);
    let cleaned = rollproof(&["clean", &dead, "--name", &name()]).expect_code(0);
    assert!(cleaned.stdout.contains(&format!("removed namespace {dead_namespace}")), "{}", cleaned.stdout);
    assert_ne!(kubectl(&["get", "namespace", &dead_namespace]).code, Some(0), "it is gone when the command ends");
    kubectl(&["get", "namespace", &living_namespace]).expect_code(0);
    rollproof(&["clean", &living, "--name", &name()]).expect_code(0);
    assert_ne!(kubectl(&["get", "namespace", &living_namespace]).code, Some(0), "named, it goes although it lives");
}

/// Sets only the annotation, because other tests may schedule pods on the node.
fn cordons() {
    let run = own("cordon");
    let node = wait(KindCluster::new(&name()).nodes()).unwrap().remove(0);
    kubectl(&["annotate", "node", &node, &format!("rollproof.dev/cordoned-by={run}")]).expect_code(0);
    let status = rollproof(&["status", "--context", &context()]).expect_code(0).stdout;
    let cleaned = rollproof(&["clean", &run, "--context", &context()]);
    let after = kubectl(&["get", "node", &node, "-o", "json"]);
    kubectl(&["annotate", "node", &node, "rollproof.dev/cordoned-by-"]);
    assert!(status.contains(&format!("cordoned by run {run}: left over")), "{status}");
    assert!(cleaned.expect_code(0).stdout.contains(&format!("uncordoned node {node}")));
    assert!(!after.stdout.contains("cordoned-by") && !after.stdout.contains("unschedulable"), "{}", after.stdout);
}

fn stuck() {
    let run = own("stuck");
    let (namespace, _object) = namespace_of(&run, 600, &json!({}));
    let finalizer = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stays", "namespace": namespace,
        "finalizers": ["example.com/never"]}});
    apply_text(&finalizer);
    let cleaned = rollproof(&["clean", &run, "--context", &context()]);
    kubectl(&[
        "patch",
        "configmap",
        "stays",
        "-n",
        &namespace,
        "--type=merge",
        "-p",
        "{\"metadata\":{\"finalizers\":null}}",
    ]);
    cleaned.expect_code(3).says(&[&namespace, "still there after 60 s", "example.com/never"]);
}

fn not_own() {
    let marked = kubectl(&["get", "configmap", "rollproof-cluster", "-n", "kube-system"]).code == Some(0);
    assert!(!marked, "this test would delete a cluster that rollproof made");
    rollproof(&["down", "--name", &name()]).expect_code(2).says(&["not created by rollproof", "--force"]);
    assert!(wait(KindCluster::clusters()).unwrap().contains(&name()), "it is still there");
}

fn custom_resources() {
    let group = format!("{}.rollproof.dev", own("g"));
    let define = |kind: &str, plural: &str, scope: &str| {
        let name = format!("{plural}.{group}");
        apply_text(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name}, "spec": {"group": group, "scope": scope,
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}));
        Object::new(&["crd", &name])
    };
    // The plural cannot be guessed from the kind.
    let _crds = [define("Odd", "strange", "Namespaced"), define("Wide", "wides", "Cluster")];
    let namespace = own("crd");
    kubectl(&["create", "namespace", &namespace]).expect_code(0);
    let _namespace = Object::new(&["namespace", &namespace]);
    let object = |kind: &str| json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "a"}});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "first"}});
    let has = |what: &[&str]| kubectl(&[&["get", "-n", &namespace], what].concat()).code == Some(0);
    let client = || async { connect(&context()).await.unwrap().client };
    let apply = |manifests: Vec<Value>| wait(async { apply(&client().await, &namespace, &manifests).await });
    for (bad, says) in [(object("Wide"), "wide/a"), (object("Unheard"), "Unheard")] {
        let error = apply(vec![map.clone(), bad]).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!has(&["configmap", "first"]), "nothing was applied");
    }
    let node = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}});
    assert!(matches!(apply(vec![map.clone(), node]), Err(ApplyError::ClusterScoped { .. })));
    wait_for("the new kind to be served", Duration::from_secs(30), || apply(vec![map.clone(), object("Odd")]).is_ok());
    assert!(has(&["configmap", "first"]) && has(&[&format!("strange.{group}"), "a"]));
}

fn missing_context() {
    let error = wait(connect("no-such-context")).unwrap_err().to_string();
    assert!(error.contains("no-such-context") && error.contains(&context()), "{error}");
    let kubeconfig = wait(KindCluster::new(&name()).kubeconfig()).unwrap();
    let connected = wait(connect_with(&kubeconfig, "the cluster")).unwrap();
    assert!(connected.version.starts_with('v'), "{connected:?}");
}
