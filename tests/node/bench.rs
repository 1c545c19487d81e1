//! A store and a node, with helpers for the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollproof::clock::Clock;
use rollproof::cluster::embedded::namespace::MARK;
use rollproof::cluster::embedded::node::{Node, NodeAction, NodeConfig, NodeEntry};
use rollproof::cluster::embedded::store::{ChangeVerb, DeleteOptions, ObjectKind, Store, WallClock};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Longer than anything here takes.
const NEVER: Duration = Duration::from_secs(40);

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) node: Node,
    pub(crate) folder: PathBuf,
    _dir: tempfile::TempDir,
    truth: Arc<Mutex<Vec<NodeEntry>>>,
    trouble: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As root a server changes its user, and has to reach its files.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let store = Store::new(WallClock::system(), 1);
        let truth = Arc::new(Mutex::new(Vec::new()));
        let entries = Arc::clone(&truth);
        let trouble = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&trouble);
        let config = NodeConfig {
            name: "node".to_owned(),
            executable: std::env::current_exe().unwrap(),
            folder: dir.path().to_path_buf(),
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            image_folders: Vec::new(),
            shared_network: std::env::var(MARK).is_err(),
            target_truth: None,
            isolation: crate::supervise::isolation(),
            trouble: Arc::new(move |_, what| told.lock().unwrap().push(what)),
            clock: Clock::start(),
            truth: Arc::new(move |entry| entries.lock().unwrap().push(entry)),
        };
        let node = Node::start(config, store.clone());
        Self { store, node, folder: dir.path().to_path_buf(), _dir: dir, truth, trouble }
    }

    /// Creates a pod of one container `web` that runs a shell script; `more` is merged into the container and
    /// `terminationGracePeriodSeconds` set.
    pub(crate) fn shell(&self, name: &str, script: &str, grace_s: i64, more: &Value) {
        let mut container = json!({"image": "rollproof/target", "command": ["sh", "-c", script]});
        for (key, value) in more.as_object().unwrap() {
            container[key] = value.clone();
        }
        self.pod(name, container, grace_s);
    }

    pub(crate) fn pod(&self, name: &str, mut container: Value, grace_s: i64) {
        container["name"] = "web".into();
        let spec = json!({
            "nodeName": "node", "terminationGracePeriodSeconds": grace_s, "containers": [container],
        });
        let metadata = json!({"name": name, "namespace": "default", "labels": {"app": "web"}});
        self.store.create(ObjectKind::Pod, json!({"metadata": metadata, "spec": spec})).unwrap();
    }

    /// The errors that the node reported.
    pub(crate) fn trouble(&self) -> Vec<String> {
        self.trouble.lock().unwrap().clone()
    }

    pub(crate) fn delete(&self, name: &str) {
        self.store.delete(ObjectKind::Pod, "default", name, &DeleteOptions::default()).unwrap();
    }

    pub(crate) fn get(&self, name: &str) -> Value {
        self.store.get(ObjectKind::Pod, "default", name).unwrap_or_default()
    }

    /// The state of the container `web`.
    pub(crate) fn web(&self, name: &str) -> Value {
        self.get(name)["status"]["containerStatuses"][0].clone()
    }

    /// Waits until the status of the container is as wanted, however briefly, and returns it.
    pub(crate) async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (_, mut changes) = self.store.list_and_watch(ObjectKind::Pod, Some("default"));
        let wait = async {
            let mut web = self.web(name);
            if wanted(&web) {
                return web;
            }
            loop {
                for change in changes.next().await.unwrap() {
                    if change.object["metadata"]["name"] == name {
                        web = change.object["status"]["containerStatuses"][0].clone();
                        if wanted(&web) {
                            return web;
                        }
                        if change.verb == ChangeVerb::Deleted && wanted(&Value::Null) {
                            return Value::Null;
                        }
                    }
                }
            }
        };
        let done = timeout(NEVER, wait).await;
        done.unwrap_or_else(|_| {
            let logs = self.node.tail("default", name, 20);
            panic!("never {what}: {:#}\n{:?}\n{logs}", self.get(name)["status"], self.events(name))
        })
    }

    /// Deletes a pod, waits until it is gone, and returns how its container ended.
    pub(crate) async fn delete_and_wait(&self, name: &str) -> Value {
        let terminated = |web: &Value| web["state"]["terminated"].is_object();
        let (last, ()) = tokio::join!(biased; self.until(name, "terminated", terminated), async { self.delete(name) });
        self.gone(name).await;
        last["state"]["terminated"].clone()
    }

    pub(crate) async fn running(&self, name: &str) -> Value {
        self.until(name, "running", |web| web["state"]["running"].is_object()).await
    }

    pub(crate) async fn ready(&self, name: &str) -> Value {
        self.until(name, "ready", |web| web["ready"] == true).await
    }

    pub(crate) async fn gone(&self, name: &str) {
        self.until(name, "gone", Value::is_null).await;
    }

    /// Waits for a line in the pod's log.
    pub(crate) async fn says(&self, name: &str, line: &str) {
        let line = format!("web: {line}");
        for _ in 0..1_000 {
            if self.node.tail("default", name, 100).lines().any(|said| said == line) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{name} never said {line:?} but {:?}", self.node.tail("default", name, 100));
    }

    /// The reasons and messages of a pod's events.
    pub(crate) fn events(&self, name: &str) -> BTreeMap<String, String> {
        let (events, _) = self.store.list(ObjectKind::Event, Some("default"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mine = events.into_iter().filter(|event| event["involvedObject"]["name"] == name);
        mine.map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
    }

    /// What the node did to a pod, with seconds since its first entry.
    pub(crate) fn actions(&self, name: &str) -> Vec<(f64, NodeAction)> {
        let truth = self.truth.lock().unwrap();
        let mine: Vec<&NodeEntry> = truth.iter().filter(|entry| entry.pod == name).collect();
        let seconds = |entry: &NodeEntry| Duration::from_nanos(entry.at - mine[0].at).as_secs_f64();
        mine.iter().map(|entry| (seconds(entry), entry.action.clone())).collect()
    }

    /// When the node first did this, in seconds.
    pub(crate) fn when(&self, name: &str, wanted: impl Fn(&NodeAction) -> bool) -> f64 {
        let actions = self.actions(name);
        actions.iter().find(|(_, action)| wanted(action)).unwrap_or_else(|| panic!("not among {actions:?}")).0
    }

    pub(crate) async fn end(self) {
        self.node.shutdown().await;
    }
}

/// A container of an HTTP server's recipe, with a preStop hook or without. All nodes of this process assign the same
/// addresses, so each test uses its own port.
pub(crate) fn web_server(image: &str, port: u16, hook: Option<&str>) -> Value {
    let mut container = json!({
        "image": image, "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
    });
    if let Some(hook) = hook {
        container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", hook]}}});
    }
    container
}
