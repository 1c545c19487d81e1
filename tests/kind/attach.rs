//! `rollproof attach` on a real cluster: workloads that stood there before, which must be the same after it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{apply, context, get, kubectl, name, namespaces, namespaces_of};
use crate::program::{Ran, finish, program, report, run, wait_for};
use crate::scenarios::on_kind;
use crate::{side_test, test};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        side_test("a_deployment_is_measured_where_it_stands_and_is_the_same_after_it", deployment),
        side_test("advice_is_tried_in_place_and_undone", advised),
        side_test("a_stateful_set_and_a_daemon_set_are_measured_where_they_stand", sets),
        side_test("an_image_is_rolled_to_and_back", image),
        side_test("a_command_rolls_and_another_undoes_it_also_at_the_end", by_command),
        side_test("what_cannot_be_attached_to_is_refused_before_anything_is_made", refused),
        side_test("a_second_run_on_a_workload_is_refused_while_the_first_lives", second),
        side_test("somebody_else_s_change_makes_the_trial_invalid_and_stays", meddled),
        side_test("what_a_colleague_changes_beside_the_run_s_image_stays_alone", meddled_beside_an_image),
        side_test("a_change_of_scale_during_a_trial_makes_it_invalid", scaled),
        side_test("a_workload_that_is_deleted_ends_the_run", deleted),
        test("killed_at_any_moment_a_clean_up_gives_the_workload_back", killed),
        side_test("a_missing_right_is_named_with_the_yaml_that_gives_it", rights),
        side_test("an_agent_that_is_cut_off_from_the_service_ends_the_run_before_its_first_trial", cut_off),
        side_test("a_namespace_with_policies_and_quotas_is_no_obstacle", policies),
    ]
}

/// The image of the built-in server as the cluster's nodes have it.
pub(crate) fn image_on_nodes() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = on_kind("scenarios/target-exit.yaml", &out);
        run(command.args(["--variant", "exit", "--keep"])).expect_one_of(&[0, 4, 5]);
        let namespace = namespaces_of(&out).remove(0);
        let deployment = get(&["deployment", "target", "-n", &namespace]);
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        let run_id = namespace.rsplit('-').next().unwrap();
        run(program().args(["cluster", "clean", run_id, "--context", &context()])).expect_code(0);
        image
    })
}

/// A namespace of a test's own with the built-in server in it.
pub(crate) struct Shop {
    pub(crate) namespace: String,
    folder: TempDir,
    runs: AtomicU32,
}

impl Drop for Shop {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// The built-in server, which exits at once on its stop signal.
fn manifests(kind: &str, image: &str) -> Value {
    let mut workload = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "labels": {"own": "label"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"own": "annotation"}},
            "spec": {"containers": [{"name": "web", "image": image, "args": ["target", "--on-term=exit"],
                "ports": [{"name": "http", "containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
                "securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 65532,
                    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}}]}}}});
    if kind != "DaemonSet" {
        workload["spec"]["replicas"] = json!(2);
    }
    if kind == "StatefulSet" {
        workload["spec"]["serviceName"] = json!("web");
    }
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}});
    json!({"apiVersion": "v1", "kind": "List", "items": [workload, service]})
}

impl Shop {
    pub(crate) fn new(kind: &str) -> Self {
        Self::with(kind, &json!({}))
    }

    /// `labels` are the namespace's.
    fn with(kind: &str, labels: &Value) -> Self {
        let shop = Self::empty(labels);
        shop.apply(&manifests(kind, image_on_nodes()));
        shop.settled(kind);
        shop
    }

    /// A namespace with nothing in it.
    pub(crate) fn empty(labels: &Value) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("shop-{}-{number}", std::process::id());
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        apply(&object.to_string());
        Self { namespace, folder: tempfile::tempdir().unwrap(), runs: AtomicU32::new(0) }
    }

    pub(crate) fn apply(&self, object: &Value) {
        let file = self.folder.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.kubectl(&["apply", "-f", file.to_str().unwrap()]).expect_code(0);
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Ran {
        kubectl(&[arguments, &["-n", &self.namespace]].concat())
    }

    pub(crate) fn settled(&self, kind: &str) {
        let reference = format!("{}/web", kind.to_lowercase());
        self.kubectl(&["rollout", "status", &reference, "--timeout=90s"]).expect_code(0);
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join(format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)))
    }

    /// `attach`, asked nothing.
    pub(crate) fn attach(&self, workload: &str, out: &Path, more: &[&str]) -> Command {
        let mut command = program();
        command.args([
            "attach",
            workload,
            "-n",
            &self.namespace,
            "--yes",
            "--cluster",
            &format!("kind:{}", name()),
            "--out",
        ]);
        command.arg(out).args(more);
        command
    }

    /// Every object of the namespace that somebody wrote, as it was written: without what controllers make and the API server counts.
    pub(crate) fn objects(&self) -> BTreeMap<String, Value> {
        const KINDS: &str = "deployments,statefulsets,daemonsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,\
                             poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,resourcequotas,limitranges,ingresses";
        let listed = get(&[KINDS, "-n", &self.namespace]);
        let items = listed["items"].as_array().unwrap().iter().cloned();
        items.map(|object| (format!("{}/{}", object["kind"], object["metadata"]["name"]), written(object))).collect()
    }

    fn replica_sets(&self) -> usize {
        get(&["replicasets", "-n", &self.namespace])["items"].as_array().unwrap().len()
    }

    /// Nothing of any run is in the namespace, nor a namespace that a run on its workload made.
    pub(crate) fn nothing_left(&self) {
        let measured = format!("/web of namespace {}", self.namespace);
        wait_for("the run's namespace to go", Duration::from_mins(2), || {
            let list = get(&["namespaces", "-l", "app.kubernetes.io/managed-by=rollproof"]);
            let mut items = list["items"].as_array().unwrap().iter();
            items.all(|one| {
                let claimed = &one["metadata"]["annotations"]["rollproof.dev/measures"];
                !claimed.as_str().is_some_and(|claimed| claimed.ends_with(&measured))
            })
        });
        let guests =
            get(&["roles,rolebindings", "-l", "app.kubernetes.io/managed-by=rollproof", "-n", &self.namespace]);
        assert_eq!(guests["items"], json!([]));
    }
}

/// What of an object is its writer's. The mark of a restart is what `kubectl rollout restart` leaves too.
fn written(mut object: Value) -> Value {
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["managedFields", "resourceVersion", "generation"] {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("deployment.kubernetes.io/revision");
        annotations.remove("deprecated.daemonset.template.generation");
    }
    let template = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = template
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(RESTARTED_AT);
        // kubectl leaves the map too.
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    object
}

fn deployment() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let out = shop.out();
    let ran = run(&mut shop.attach("deployment/web", &out, &["--trials", "2"]));
    let ran =
        ran.expect_code(4).says(&["all of its 2 pods are replaced by a restart, 2 times", "GET /", "every 20 ms"]);
    assert!(ran.stderr.contains("role and its binding"), "{}", ran.stderr);
    let found = report(&out);
    let states: Vec<&Value> =
        found["variants"][0]["trials_list"].as_array().unwrap().iter().map(|trial| &trial["reason"]).collect();
    assert!(found["variants"][0]["trials_with_loss"].as_u64() > Some(0), "{states:?}");
    assert!(
        found["variants"][0]["causes"]["cut-at-stop"].as_u64() > Some(0)
            || found["variants"][0]["causes"]["endpoint-race"].as_u64() > Some(0),
        "{}",
        found["variants"][0]["causes"]
    );
    assert_eq!(shop.objects(), before);
    shop.nothing_left();
    assert_eq!(shop.replica_sets(), 2, "two restarts make one revision");
    // Again, as the record has it, and asked nobody.
    let again = shop.out();
    let mut command = program();
    command
        .args(["run", "--from"])
        .arg(&out)
        .args(["--cluster", &format!("kind:{}", name()), "--trials", "1", "--out"])
        .arg(&again);
    run(&mut command).expect_code(2).says(&["--yes"]);
    run(command.arg("--yes")).expect_code(4);
    assert_eq!((shop.objects(), shop.replica_sets()), (before, 2));
    shop.nothing_left();
}

fn advised() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let out = shop.out();
    let ran = run(&mut shop.attach("deployment/web", &out, &["--try-advice", "--trials", "2"]));
    ran.expect_one_of(&[4, 5]).says(&["what is changed is undone at the end", "as-written-advised, with a patch"]);
    let tried = report(&out.join("advised"));
    let lost = |name: &str| {
        let variants = tried["variants"].as_array().unwrap();
        variants.iter().find(|variant| variant["name"] == name).unwrap()["lost"].as_u64().unwrap()
    };
    assert!(lost("as-written") > 0, "{tried}");
    assert_eq!(lost("as-written-advised"), 0, "{tried}");
    shop.settled("Deployment");
    assert_eq!(shop.objects(), before);
    shop.nothing_left();
}

fn sets() {
    for kind in ["StatefulSet", "DaemonSet"] {
        let shop = Shop::new(kind);
        let before = shop.objects();
        let out = shop.out();
        run(&mut shop.attach(&format!("{}/web", kind.to_lowercase()), &out, &["--side-probe", "off"])).expect_code(4);
        assert!(report(&out)["variants"][0]["lost"].as_u64() > Some(0));
        assert_eq!(shop.objects(), before, "{kind}");
        shop.nothing_left();
    }
}

/// The same image by another name, on the node.
fn other_image() -> String {
    let other = image_on_nodes().replacen(':', "-other:", 1);
    let tag = format!("ctr -n k8s.io images tag --force {} {other}", image_on_nodes());
    crate::cluster::on_node(&crate::cluster::control_plane(), &tag).expect_code(0);
    other
}

fn image() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let other = other_image();
    let out = shop.out();
    run(&mut shop.attach("deployment/web", &out, &["--image", &format!("web={other}")])).expect_code(4);
    shop.settled("Deployment");
    assert_eq!(shop.objects(), before);
    shop.nothing_left();
}

fn by_command() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let kubectl = |what: &str| format!("kubectl -n {} set env deployment/web {what}", shop.namespace);
    let (roll, back) = (kubectl("ROLLED=yes"), kubectl("ROLLED-"));
    let out = shop.out();
    let ran = run(&mut shop.attach("deployment/web", &out, &["--trials", "2", "--command", &roll, "--back", &back]));
    ran.expect_code(4)
        .says(&["set env deployment/web ROLLED=yes` runs on this machine, 2 times, and `", "ROLLED-` after each"]);
    assert!(report(&out)["variants"][0]["lost"].as_u64() > Some(0));
    shop.settled("Deployment");
    assert_eq!(shop.objects(), before);
    // Without a way back, what it makes stays, and that was said.
    let out = shop.out();
    let ran = run(&mut shop.attach("deployment/web", &out, &["--command", &roll]));
    ran.expect_code(4).says(&["what it makes stays, because nothing undoes it"]);
    assert_ne!(shop.objects(), before);
    let refused = shop.out();
    run(&mut shop.attach("deployment/web", &refused, &["--command", &roll, "--try-advice"]))
        .expect_code(2)
        .says(&["--try-advice"]);
    shop.nothing_left();
}

fn refused() {
    let shop = Shop::new("Deployment");
    let before = (shop.objects(), namespaces());
    let refuse = |workload: &str, more: &[&str], says: &[&str]| {
        let out = shop.out();
        run(&mut shop.attach(workload, &out, more)).expect_code(2).says(says);
        assert!(!out.exists(), "{workload}");
    };
    refuse("deployment/none", &[], &["has no deployment/none", "deployments web"]);
    refuse("web", &[], &["expected KIND/NAME"]);
    refuse("job/web", &[], &["expected KIND/NAME"]);
    refuse("deployment/web", &["--service", "none"], &["none"]);
    refuse("deployment/web", &["--port", "9"], &["9"]);
    refuse("deployment/web", &["--path", "no-slash"], &["--path"]);
    refuse("deployment/web", &["--status", "99"], &["--status"]);
    refuse("deployment/web", &["--keep"], &["--keep"]);
    refuse("deployment/web", &["--image", "none=x"], &["no container `none`"]);
    let mut unasked = program();
    unasked.args(["attach", "deployment/web", "-n", &shop.namespace, "--cluster", &format!("kind:{}", name())]);
    run(&mut unasked).expect_code(2).says(&["nothing was done", "--yes"]);
    run(program().args(["attach", "deployment/web", "--cluster", "embedded"])).expect_code(2).says(&["real cluster"]);
    assert_eq!((shop.objects(), namespaces()), before);

    shop.kubectl(&["rollout", "pause", "deployment/web"]).expect_code(0);
    refuse("deployment/web", &[], &["is paused", "kubectl rollout resume deployment/web"]);
    shop.kubectl(&["rollout", "resume", "deployment/web"]).expect_code(0);
    for (patch, says) in [
        (json!({"spec": {"selector": {"app": "other"}}}), "no Service"),
        (json!({"spec": {"selector": null}}), "no Service"),
    ] {
        shop.kubectl(&["patch", "service", "web", "--type=merge", "-p", &patch.to_string()]).expect_code(0);
        let out = shop.out();
        let ran = run(&mut shop.attach("deployment/web", &out, &[])).expect_code(2);
        assert!(ran.stderr.contains(says) || ran.stderr.contains("service/web"), "{}", ran.stderr);
    }
    let headless = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "headless"},
        "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    shop.apply(&headless);
    refuse("deployment/web", &[], &["headless"]);
    let external = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "external"},
        "spec": {"type": "ExternalName", "externalName": "example.invalid"}});
    shop.apply(&external);
    refuse("deployment/web", &["--service", "external"], &["external"]);
    // The user's revisions fill the history: a restart would prune one.
    let service = json!({"spec": {"selector": {"app": "web"}}});
    shop.kubectl(&["patch", "service", "web", "--type=merge", "-p", &service.to_string()]).expect_code(0);
    for value in ["1", "2"] {
        shop.kubectl(&["set", "env", "deployment/web", &format!("N={value}")]).expect_code(0);
        shop.settled("Deployment");
    }
    let limit = json!({"spec": {"revisionHistoryLimit": 2}});
    shop.kubectl(&["patch", "deployment", "web", "--type=merge", "-p", &limit.to_string()]).expect_code(0);
    refuse("deployment/web", &["--service", "web"], &["revisionHistoryLimit", "(revision 1)"]);
}

/// A run that has begun to roll out.
struct Rolling {
    child: Child,
    out: PathBuf,
}

impl Rolling {
    fn begin(shop: &Shop, more: &[&str]) -> Self {
        let out = shop.out();
        let mut command = shop.attach("deployment/web", &out, more);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, out }
    }

    fn until(self, part: &str) -> Self {
        let record = self.out.join("record.jsonl");
        wait_for(&format!("{part} in the record"), Duration::from_mins(2), || {
            std::fs::read_to_string(&record).is_ok_and(|text| text.contains(part))
        });
        self
    }
}

fn second() {
    let shop = Shop::new("Deployment");
    let first = Rolling::begin(&shop, &["--trials", "3"]).until("\"trial-start\"");
    let out = shop.out();
    run(&mut shop.attach("deployment/web", &out, &[]))
        .expect_one_of(&[2, 3])
        .says(&["is measuring deployment/web of namespace"]);
    kill(Pid::from_raw(i32::try_from(first.child.id()).unwrap()), Signal::SIGINT).unwrap();
    finish(first.child).expect_code(130);
    shop.nothing_left();
}

/// The states of all trials, with why.
fn states(out: &Path) -> Vec<(String, String)> {
    let report = report(out);
    let trials = report["variants"][0]["trials_list"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    trials.map(|trial| (text(&trial["state"]), text(&trial["reason"]))).collect()
}

fn meddled() {
    let shop = Shop::new("Deployment");
    let Rolling { child, out } = Rolling::begin(&shop, &["--trials", "2"]).until("rollout-step");
    shop.kubectl(&["set", "env", "deployment/web", "SOMEBODY=else"]).expect_code(0);
    let ran = finish(child);
    let ran = ran.expect_code(3).says(&["was changed by somebody else, and stays as it is"]);
    let (state, why) = states(&out).remove(0);
    assert_eq!(state, "invalid", "{why}\n{}", ran.stderr);
    assert!(why.contains("spec.template.spec.containers[0].env") && why.contains("kubectl-set"), "{why}");
    let left = &get(&["deployment", "web", "-n", &shop.namespace])["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(left, &json!([{"name": "SOMEBODY", "value": "else"}]));
    shop.nothing_left();
}

fn meddled_beside_an_image() {
    let shop = Shop::new("Deployment");
    let other = other_image();
    let Rolling { child, .. } = Rolling::begin(&shop, &["--trials", "2", "--image", &other]).until("rollout-step");
    shop.kubectl(&["set", "env", "deployment/web", "SOMEBODY=else"]).expect_code(0);
    finish(child).expect_code(3).says(&["and that stays; nothing of the run's own is left in it"]);
    let container =
        get(&["deployment", "web", "-n", &shop.namespace])["spec"]["template"]["spec"]["containers"][0].clone();
    assert_eq!(container["env"], json!([{"name": "SOMEBODY", "value": "else"}]));
    assert_eq!(container["image"], image_on_nodes(), "the run's image is gone");
    shop.nothing_left();
}

fn scaled() {
    let shop = Shop::new("Deployment");
    let Rolling { child, out } = Rolling::begin(&shop, &["--trials", "1"]).until("rollout-step");
    shop.kubectl(&["scale", "deployment/web", "--replicas=3"]).expect_code(0);
    finish(child).expect_one_of(&[0, 4, 5]);
    let (state, why) = states(&out).remove(0);
    assert_eq!(state, "invalid", "{why}");
    assert!(why.contains("spec.replicas went from 2 to 3"), "{why}");
    let left = &get(&["deployment", "web", "-n", &shop.namespace])["spec"]["replicas"];
    assert_eq!(left, &json!(3), "an autoscaler's number stays");
    shop.nothing_left();
}

fn deleted() {
    let shop = Shop::new("Deployment");
    let Rolling { child, out } = Rolling::begin(&shop, &["--trials", "1"]).until("rollout-step");
    shop.kubectl(&["delete", "deployment", "web"]).expect_code(0);
    finish(child).expect_one_of(&[3, 5]);
    let (state, why) = states(&out).remove(0);
    assert_ne!(state, "counts", "{why}");
    shop.nothing_left();
}

/// The driver is killed at moments that are spread over the whole of a run which changes the workload. `ROLLPROOF_TEST_MOMENTS` says at
/// how many.
fn killed() {
    let moments: u32 = std::env::var("ROLLPROOF_TEST_MOMENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(4);
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let scenario = shop.folder.path().join("in-place.yaml");
    let text = json!({"name": "in-place", "trials": 1, "baseline": "as-it-stands",
        "target": {"existing": {"namespace": shop.namespace, "workload": "deployment/web"}},
        "variants": {"as-it-stands": {"expect": "loss"}, "with-sleep": {"patch":
            {"spec": {"template": {"spec": {"containers": [{"name": "web", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}]}}}}}}});
    std::fs::write(&scenario, text.to_string()).unwrap();
    let mut changed = 0;
    for moment in 0..moments {
        let out = shop.out();
        let mut command = on_kind(scenario.to_str().unwrap(), &out);
        let mut child = command.arg("--yes").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // From before the claim to the undoing: spread evenly, but not in step with anything.
        std::thread::sleep(Duration::from_millis(700 + u64::from(moment) * 29_000 / u64::from(moments)));
        child.kill().unwrap();
        child.wait().unwrap();
        changed += u32::from(shop.objects() != before);
        run(program().args(["cluster", "clean", "--all", "--context", &context()])).expect_code(0);
        shop.settled("Deployment");
        assert_eq!(shop.objects(), before, "moment {moment}");
        shop.nothing_left();
    }
    assert!(changed * 2 >= moments, "of {moments} moments, {changed} found the workload or its namespace changed");
}

/// A context of a service account with `rules` in the shop's namespace and `cluster_rules` elsewhere, as a kubeconfig.
fn kubeconfig_of(shop: &Shop, rules: &Value, cluster_rules: &Value) -> PathBuf {
    let namespace = &shop.namespace;
    let subject = json!([{"kind": "ServiceAccount", "name": "limited", "namespace": namespace}]);
    let group = "rbac.authorization.k8s.io";
    let role = |kind: &str, rules: &Value| json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": format!("limited-{namespace}")}, "rules": rules});
    let binding = |kind: &str, of: &str| {
        json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": format!("limited-{namespace}")},
            "roleRef": {"apiGroup": group, "kind": of, "name": format!("limited-{namespace}")}, "subjects": subject})
    };
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "limited"}}),
        role("Role", rules),
        binding("RoleBinding", "Role"),
        role("ClusterRole", cluster_rules),
        binding("ClusterRoleBinding", "ClusterRole"),
    ] {
        shop.apply(&object);
    }
    let token = shop.kubectl(&["create", "token", "limited"]).expect_code(0).stdout.trim().to_owned();
    let view = kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).expect_code(0).stdout;
    let mut config: Value = serde_json::from_str(&view).unwrap();
    config["users"][0]["user"] = json!({"token": token});
    let path = shop.folder.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn rights() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let reading = json!([{"apiGroups": ["", "apps", "discovery.k8s.io", "policy"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]);
    let config = kubeconfig_of(&shop, &reading, &json!([]));
    let attach = |config: &Path| {
        let mut command = program();
        command.env("KUBECONFIG", config);
        command.args(["attach", "deployment/web", "-n", &shop.namespace, "--yes", "--agent-image", image_on_nodes()]);
        command.args(["--cluster", &format!("context:{}", context()), "--out"]).arg(shop.out());
        run(&mut command)
    };
    let ran = attach(&config).expect_code(3).says(&[
        "patch deployments.apps in namespace",
        "create namespaces",
        "kind: ClusterRole",
    ]);
    // What it says is applied, and nothing is missing any more.
    let yaml: Vec<&str> =
        ran.stderr.lines().skip_while(|line| !line.trim().starts_with("{apiVersion: v1, kind: List")).collect();
    let yaml = yaml.join("\n");
    let user = format!("{{kind: ServiceAccount, name: limited, namespace: {}}}", shop.namespace);
    let yaml = yaml.replace("{apiGroup: rbac.authorization.k8s.io, kind: User, name: USER}", &user);
    apply(&yaml);
    let now = shop.objects();
    // It may not give the agent its rights.
    attach(&config).expect_code(4).says(&["deployment/web is watched from this machine"]);
    assert_eq!(shop.objects(), now);
    kubectl(&["delete", "clusterrole,clusterrolebinding", "rollproof-user", &format!("limited-{}", shop.namespace)]);
    assert!(before.len() < now.len());
    shop.nothing_left();
}

/// The node drops what other pods send to the workload's; kubelet's probes come from the node itself, so that the pods stay ready.
struct CutOff(Vec<String>);

impl CutOff {
    fn from(shop: &Shop) -> Self {
        let pods = get(&["pods", "-l", "app=web", "-n", &shop.namespace]);
        let addresses = pods["items"].as_array().unwrap().iter().map(|pod| pod["status"]["podIP"].as_str().unwrap());
        let cut = Self(addresses.map(str::to_owned).collect());
        cut.rules("-I");
        cut
    }

    fn rules(&self, what: &str) {
        let node = crate::cluster::control_plane();
        for address in &self.0 {
            crate::cluster::on_node(&node, &format!("iptables {what} FORWARD -d {address} -j DROP"));
        }
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        self.rules("-D");
    }
}

fn cut_off() {
    let shop = Shop::new("Deployment");
    let before = shop.objects();
    let _cut = CutOff::from(&shop);
    let out = shop.out();
    run(&mut shop.attach("deployment/web", &out, &[]))
        .expect_code(3)
        .says(&["was not answered as expected", "connect-timeout"]);
    assert_ne!(report(&out)["verdict"], "pass");
    assert_eq!((shop.objects(), shop.replica_sets()), (before, 1), "nothing was rolled");
    shop.nothing_left();
}

fn policies() {
    let shop = Shop::with("Deployment", &json!({"pod-security.kubernetes.io/enforce": "restricted"}));
    shop.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "3"}}}));
    shop.apply(&json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"memory": "16Mi"}}]}}));
    let before = shop.objects();
    let out = shop.out();
    run(&mut shop.attach("deployment/web", &out, &[])).expect_code(4);
    let quota = |mut objects: BTreeMap<String, Value>| {
        objects.retain(|name, _| !name.contains("ResourceQuota"));
        objects
    };
    assert_eq!(quota(shop.objects()), quota(before));
    shop.nothing_left();
}
