//! From a container's manifest to what is executed: folder, environment, image, command.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::NodeConfig;
use super::env::{EnvSource, environment};
use super::node_error::NodeError;
use crate::cluster::embedded::ContainerLogs;
use crate::cluster::embedded::images::{self, ContainerPlace, Image, PreparedImage};
use crate::cluster::embedded::store::{ObjectKind, Store, meta};
use crate::cluster::embedded::supervise::{self, MAIN, ProcessSpawn};
use crate::manifest::expand;

/// The variable that tells a recipe its port.
const PORT: &str = "ROLLPROOF_PORT";

#[derive(Debug, Clone)]
pub(super) struct ContainerLaunch {
    /// Its main process; hooks and exec probes take its environment and folder.
    pub(super) main: ProcessSpawn,
    pub(super) stop_signal: i32,
}

/// Where a container of a pod keeps its files.
#[derive(Debug, Clone)]
pub(super) struct ContainerFiles {
    /// Its private folder, recreated at each start.
    pub(super) folder: PathBuf,
    /// Its log, kept after the pod.
    pub(super) log: PathBuf,
}

impl ContainerFiles {
    pub(super) fn of(node: &Path, ns: &str, name: &str, container: &str) -> Self {
        let folder = node.join("pods").join(ns).join(name).join(container);
        Self { folder, log: ContainerLogs::new(node).container(ns, name, container) }
    }
}

/// Prepares `container` of `pod`, whose status has its address.
pub(super) async fn launch(
    config: &NodeConfig,
    store: &Store,
    pod: &Value,
    container: &Value,
    files: &ContainerFiles,
) -> Result<ContainerLaunch, NodeError> {
    fresh_folder(&files.folder)?;
    if let Some(logs) = files.log.parent() {
        folder(logs)?;
    }
    let image_name = meta::text(container, "/image");
    let image = images::resolve(image_name, &config.image_folders)?;
    let env = own_environment(config, store, pod, container, &image, files)?;
    let place = ContainerPlace { folder: files.folder.clone(), executable: config.executable.clone(), env };
    let prepared = match images::prepare(image_name, &image, &place).await {
        // A recipe prepares a server for its port. What runs a command of its own and has no port is no such server.
        Err(_) if !container["command"].is_null() && !place.env.contains_key(PORT) => {
            PreparedImage { entrypoint: Vec::new(), env: place.env }
        }
        prepared => prepared?,
    };
    let words = |field: &str| -> Vec<String> {
        let words = container[field].as_array().into_iter().flatten();
        words.map(|word| expand(word.as_str().unwrap_or_default(), &prepared.env)).collect()
    };
    // A command replaces the image's entrypoint, args only what follows it.
    let command = words("command");
    let mut argv = if command.is_empty() { prepared.entrypoint.clone() } else { command };
    argv.extend(words("args"));
    let cwd = Some(meta::text(container, "/workingDir")).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cwd = Some(cwd.unwrap_or_else(|| files.folder.clone()));
    let main = ProcessSpawn { id: MAIN, argv, env: prepared.env, cwd, log: Some(files.log.clone()) };
    let named = container["lifecycle"]["stopSignal"].as_str().and_then(supervise::number);
    Ok(ContainerLaunch { main, stop_signal: named.unwrap_or_else(|| image.stop_signal()) })
}

/// The ports on which a pod's containers will listen as far as the manifests say, for the search of a free address.
pub(super) fn ports(store: &Store, pod: &Value) -> Vec<u16> {
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    containers.iter().filter_map(|container| port(store, pod, container).ok()).collect()
}

fn port(store: &Store, pod: &Value, container: &Value) -> Result<u16, NodeError> {
    let (services, _) = store.list_shared(ObjectKind::Service, Some(meta::namespace(pod)));
    let labels = &pod["metadata"]["labels"];
    let selecting: Vec<&Value> =
        services.iter().map(AsRef::as_ref).filter(|service| selects(&service["spec"]["selector"], labels)).collect();
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(images::port(container, containers, &selecting)?)
}

/// Whether a Service's selector picks these labels; an empty one picks nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    let Some(selector) = selector.as_object().filter(|selector| !selector.is_empty()) else { return false };
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn own_environment(
    config: &NodeConfig,
    store: &Store,
    pod: &Value,
    container: &Value,
    image: &Image,
    files: &ContainerFiles,
) -> Result<BTreeMap<String, String>, NodeError> {
    let folder = files.folder.display().to_string();
    let mut base = BTreeMap::new();
    for (name, value) in [
        ("PATH", config.path.as_str()),
        ("HOSTNAME", meta::name(pod)),
        ("HOME", &folder),
        ("ROLLPROOF_POD_DIR", &folder),
        ("ROLLPROOF_POD_IP", meta::text(pod, "/status/podIP")),
        ("ROLLPROOF_POD_NAME", meta::name(pod)),
    ] {
        base.insert(name.to_owned(), value.to_owned());
    }
    match port(store, pod, container) {
        Ok(port) => drop(base.insert(PORT.to_owned(), port.to_string())),
        // What runs a command of its own knows its port itself, if it has one.
        Err(error) if container["command"].is_null() => return Err(error),
        Err(_) => {}
    }
    if let (Image::BuiltIn, Some(truth)) = (image, &config.target_truth) {
        base.insert("ROLLPROOF_TRUTH_FILE".to_owned(), truth.display().to_string());
    }
    let objects = NamespaceObjects { store, ns: meta::namespace(pod) };
    let fail = |problem| NodeError::Environment { container: meta::text(container, "/name").to_owned(), problem };
    environment(pod, container, &base, &objects).map_err(fail)
}

struct NamespaceObjects<'a> {
    store: &'a Store,
    ns: &'a str,
}

impl EnvSource for NamespaceObjects<'_> {
    fn config_map(&self, name: &str) -> Option<Value> {
        self.store.get(ObjectKind::ConfigMap, self.ns, name).ok()
    }

    fn secret(&self, name: &str) -> Option<Value> {
        self.store.get(ObjectKind::Secret, self.ns, name).ok()
    }
}

/// A container starts with an empty file system, also when it is restarted.
fn fresh_folder(path: &Path) -> Result<(), NodeError> {
    let _ = fs::remove_dir_all(path);
    folder(path)
}

/// Folders can be walked through but not listed by others: as root a server changes its user before it reads files.
fn folder(path: &Path) -> Result<(), NodeError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(path);
    made.map_err(|e| NodeError::Folder { folder: path.to_path_buf(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_picks_pods_that_carry_all_its_labels() {
        let labels = json!({"app": "web", "tier": "front"});
        assert!(selects(&json!({"app": "web"}), &labels));
        assert!(!selects(&json!({"app": "web", "tier": "back"}), &labels));
        assert!(!selects(&json!({}), &labels));
        assert!(!selects(&Value::Null, &labels));
    }
}
