//! How a pod lives: start, environment, probes, restarts, refusals.

use libtest_mimic::Trial;
use rollproof::cluster::embedded::store::ObjectKind;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::supervise::{daemon, found, looping, pid_of};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_running_pod_shows_what_the_kubelet_shows", shows_status),
        trial("the_environment_and_the_arguments_are_the_manifests", environment),
        trial("a_missing_configmap_is_named_and_waited_for", missing_config),
        trial("a_container_that_ends_is_restarted_and_then_backs_off", restarts),
        trial("a_container_that_is_never_restarted_ends_its_pod", never_restarts),
        trial("a_container_is_seen_to_run_at_the_next_relist", relist),
        trial("readiness_follows_its_probe", readiness),
        trial("a_failed_liveness_probe_restarts_the_container", liveness),
        trial("the_startup_probe_comes_first", startup),
        trial("while_a_pod_ends_readiness_goes_on_and_liveness_does_not", probes_at_deletion),
        trial("a_failed_post_start_hook_restarts_the_container", post_start),
        trial("a_container_runs_once_its_post_start_hook_is_done", post_start_first),
        trial("what_is_not_modelled_is_refused_by_name", refused),
        trial("an_image_without_recipe_says_what_to_do", no_recipe),
        trial("a_command_of_its_own_needs_no_port", own_command),
        trial("shutting_down_leaves_no_process", shutdown),
    ]
}

const UP: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";

fn exec(command: &str) -> Value {
    json!({"exec": {"command": ["sh", "-c", command]}, "periodSeconds": 1, "failureThreshold": 1})
}

async fn own_command() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"image": "nginx"}));
    assert_eq!(bench.ready("p").await["started"], json!(true));
    bench.pod("bad", json!({"image": "nginx"}), 1);
    let waiting = bench.until("bad", "refused", |web| web["state"]["waiting"]["reason"] == "ErrImagePull").await;
    assert!(waiting["state"]["waiting"]["message"].as_str().unwrap().contains("choose a port"), "{waiting}");
    bench.end().await;
}

async fn shows_status() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({}));
    let web = bench.ready("p").await;
    assert_eq!((&web["started"], &web["restartCount"]), (&json!(true), &json!(0)));
    let pod = bench.get("p");
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(pod["status"]["podIP"].as_str().unwrap().starts_with("127."));
    let conditions = pod["status"]["conditions"].as_array().unwrap();
    for kind in ["PodScheduled", "Initialized", "ContainersReady", "Ready"] {
        assert!(conditions.iter().any(|c| c["type"] == kind && c["status"] == "True"), "{kind}");
    }
    let started = web["state"]["running"]["startedAt"].as_str().unwrap();
    assert!(started.ends_with('Z') && started.len() == "2026-01-01T00:00:00Z".len(), "{started}");
    let events = bench.events("p");
    assert_eq!(events["Created"], "Created container: web");
    assert_eq!(events["Started"], "Started container web");
    bench.end().await;
}

/// The first pod is seen to run at a relist. The second starts right after that, long before the next relist.
async fn relist() {
    let bench = Bench::start();
    bench.shell("first", UP, 1, &json!({}));
    bench.running("first").await;
    bench.shell("second", UP, 1, &json!({}));
    bench.says("second", "up").await;
    assert!(bench.web("second")["state"]["running"].is_null(), "it runs, and is not yet seen to");
    bench.running("second").await;
    bench.end().await;
}

async fn environment() {
    let bench = Bench::start();
    let map = json!({"metadata": {"name": "settings", "namespace": "default"}, "data": {"COLOR": "green"}});
    bench.store.create(ObjectKind::ConfigMap, map).unwrap();
    let more = json!({
        "command": ["sh", "-c"],
        "args": ["echo $(COLOR) $POD $$(COLOR) $0 $IP; exec sleep 300", "$(POD)"],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "env": [
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
    });
    bench.shell("p", "", 1, &more);
    bench.running("p").await;
    let address = bench.get("p")["status"]["podIP"].as_str().unwrap().to_owned();
    // The shell itself sees `$(COLOR)` and runs a command of that name, which says nothing on standard output.
    bench.says("p", &format!("green p p {address}")).await;
    bench.end().await;
}

async fn missing_config() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"envFrom": [{"configMapRef": {"name": "late"}}]}));
    let waiting = |web: &Value| web["state"]["waiting"]["reason"] == "CreateContainerConfigError";
    let web = bench.until("p", "waiting for its settings", waiting).await;
    assert!(web["state"]["waiting"]["message"].as_str().unwrap().contains("configmap \"late\" not found"));
    assert_eq!(bench.get("p")["status"]["phase"], "Pending");
    let map = json!({"metadata": {"name": "late", "namespace": "default"}, "data": {}});
    bench.store.create(ObjectKind::ConfigMap, map).unwrap();
    bench.running("p").await;
    bench.end().await;
}

async fn restarts() {
    let bench = Bench::start();
    bench.shell("p", "exit 3", 1, &json!({}));
    let waiting = |web: &Value| web["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    let web = bench.until("p", "backing off", waiting).await;
    // The first restart is at once, the next one waits 10 s.
    assert_eq!((&web["restartCount"], &web["ready"]), (&json!(1), &json!(false)));
    assert_eq!(web["lastState"]["terminated"]["exitCode"], 3);
    assert!(web["state"]["waiting"]["message"].as_str().unwrap().starts_with("back-off 10s"));
    assert_eq!(bench.get("p")["status"]["phase"], "Running");
    assert_eq!(bench.events("p")["BackOff"], "Back-off restarting failed container web in pod p");
    bench.delete("p");
    bench.gone("p").await;
    bench.end().await;
}

async fn never_restarts() {
    let bench = Bench::start();
    let container = json!({"name": "web", "image": "rollproof/target", "command": ["sh", "-c", "exit 0"]});
    let spec = json!({"nodeName": "node", "restartPolicy": "Never", "containers": [container]});
    let pod = json!({"metadata": {"name": "p", "namespace": "default"}, "spec": spec});
    bench.store.create(ObjectKind::Pod, pod).unwrap();
    bench.until("p", "over", |web| web["state"]["terminated"]["exitCode"] == 0).await;
    assert_eq!(bench.get("p")["status"]["phase"], "Succeeded");
    bench.end().await;
}

async fn readiness() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"readinessProbe": exec("test -e good")}));
    let web = bench.running("p").await;
    assert_eq!(web["ready"], false);
    let folder = bench.folder.join("pods/default/p/web");
    bench.until("p", "started", |web| web["started"] == true).await;
    std::fs::write(folder.join("good"), "").unwrap();
    bench.ready("p").await;
    std::fs::remove_file(folder.join("good")).unwrap();
    let web = bench.until("p", "not ready", |web| web["ready"] == false).await;
    assert_eq!(web["restartCount"], 0);
    assert!(bench.events("p")["Unhealthy"].starts_with("Readiness probe failed:"));
    bench.end().await;
}

async fn liveness() {
    let bench = Bench::start();
    let script = format!("touch good; {UP}");
    bench.shell("p", &script, 5, &json!({"livenessProbe": exec("test -e good")}));
    bench.says("p", "up").await;
    std::fs::remove_file(bench.folder.join("pods/default/p/web/good")).unwrap();
    let again = |web: &Value| web["restartCount"] == 1 && web["state"]["running"].is_object();
    let web = bench.until("p", "running again", again).await;
    assert_eq!(web["lastState"]["terminated"]["exitCode"], 0);
    assert_eq!(bench.events("p")["Killing"], "Container web failed liveness probe, will be restarted");
    bench.end().await;
}

async fn startup() {
    let bench = Bench::start();
    let mut patient = exec("test -e begun");
    patient["failureThreshold"] = 100.into();
    bench.shell("p", UP, 1, &json!({"startupProbe": patient, "livenessProbe": exec("test -e begun")}));
    let web = bench.running("p").await;
    assert_eq!((&web["started"], &web["ready"]), (&json!(false), &json!(false)));
    bench.says("p", "up").await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    // The liveness probe, which would fail, has not been tried.
    assert_eq!(bench.web("p")["restartCount"], 0);
    std::fs::write(bench.folder.join("pods/default/p/web/begun"), "").unwrap();
    let web = bench.ready("p").await;
    assert_eq!((&web["started"], &web["restartCount"]), (&json!(true), &json!(0)));
    bench.end().await;
}

// pkg/kubelet/prober/worker.go, doProbe, v1.34.
async fn probes_at_deletion() {
    let bench = Bench::start();
    let more = json!({
        "livenessProbe": exec("test -e good"), "readinessProbe": exec("test -e good"),
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "rm good; sleep 4"]}}},
    });
    bench.shell("p", &format!("touch good; {UP}"), 20, &more);
    bench.ready("p").await;
    bench.delete("p");
    let web = bench.until("p", "not ready", |web| web["ready"] == false).await;
    assert!(web["state"]["running"].is_object(), "{web}");
    assert_eq!(bench.get("p")["metadata"]["deletionGracePeriodSeconds"], 20);
    let web = bench.until("p", "terminated", |web| web["state"]["terminated"].is_object()).await;
    assert_eq!((&web["restartCount"], &web["state"]["terminated"]["exitCode"]), (&json!(0), &json!(0)));
    assert_eq!(bench.events("p")["Killing"], "Stopping container web");
    bench.end().await;
}

async fn post_start() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"lifecycle": {"postStart": {"exec": {"command": ["false"]}}}}));
    let web = bench.until("p", "restarted", |web| web["restartCount"] == 1).await;
    assert_eq!(web["ready"], false);
    assert_eq!(bench.events("p")["FailedPostStartHook"], "PostStartHook failed");
    bench.end().await;
}

async fn post_start_first() {
    let bench = Bench::start();
    let wait = json!({"exec": {"command": ["sh", "-c", "until test -e go; do sleep 0.05; done"]}});
    bench.shell("p", UP, 1, &json!({"lifecycle": {"postStart": wait}}));
    bench.says("p", "up").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(bench.web("p")["state"]["waiting"].is_object());
    std::fs::write(bench.folder.join("pods/default/p/web/go"), "").unwrap();
    bench.ready("p").await;
    bench.end().await;
}

async fn refused() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"readinessProbe": {"grpc": {"port": 1}}}));
    let web = bench.until("p", "refused", |web| web["state"]["waiting"]["message"].is_string()).await;
    let message = web["state"]["waiting"]["message"].as_str().unwrap();
    assert!(message.contains("readinessProbe by grpc") && message.contains("remove it"), "{message}");
    bench.delete("p");
    bench.gone("p").await;
    bench.end().await;
}

async fn no_recipe() {
    let bench = Bench::start();
    bench.shell("p", UP, 1, &json!({"image": "nginx:1.29"}));
    let web = bench.until("p", "refused", |web| web["state"]["waiting"]["reason"] == "ErrImagePull").await;
    let message = web["state"]["waiting"]["message"].as_str().unwrap();
    assert!(message.contains("nginx:1.29") && message.contains("images/NAME"), "{message}");
    bench.end().await;
}

async fn shutdown() {
    let bench = Bench::start();
    let marks = tempfile::tempdir().unwrap();
    let (main, left) = (marks.path().join("main"), marks.path().join("left"));
    let script = format!("{}; trap '' TERM; exec {}", daemon(&left), looping(&main));
    bench.shell("p", &script, 30, &json!({}));
    pid_of(&main).await;
    pid_of(&left).await;
    bench.end().await;
    assert_eq!((found(&main), found(&left)), (None, None));
}
