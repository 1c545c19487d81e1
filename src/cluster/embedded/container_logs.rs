//! Where the node keeps the output of its containers: one file each, below one folder.
//!
//! The node writes them and the API serves them; neither knows of the other.

use std::fs;
use std::path::{Path, PathBuf};

const ENDING: &str = ".log";

#[derive(Debug, Clone)]
pub(super) struct ContainerLogs {
    folder: PathBuf,
}

impl ContainerLogs {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("logs") }
    }

    pub(super) fn container(&self, ns: &str, pod: &str, container: &str) -> PathBuf {
        self.pod(ns, pod).join(format!("{container}{ENDING}"))
    }

    /// The containers of a pod that have a log, sorted.
    pub(super) fn containers(&self, ns: &str, pod: &str) -> Vec<String> {
        if !(is_name(ns) && is_name(pod)) {
            return Vec::new();
        }
        let Ok(entries) = fs::read_dir(self.pod(ns, pod)) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(ENDING).map(str::to_owned)).collect();
        names.sort();
        names
    }

    pub(super) fn forget(&self, ns: &str, pod: &str) {
        let _ = fs::remove_dir_all(self.pod(ns, pod));
    }

    fn pod(&self, ns: &str, pod: &str) -> PathBuf {
        self.folder.join(ns).join(pod)
    }
}

/// Whether it names an object, and not a way to somewhere else.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && text != "." && text != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_those_that_have_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let logs = ContainerLogs::new(folder.path());
        assert!(logs.containers("shop", "web").is_empty());
        for container in ["web", "proxy"] {
            let path = logs.container("shop", "web", container);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            fs::write(path.with_extension("log.1"), "older").unwrap();
        }
        assert_eq!(logs.containers("shop", "web"), ["proxy", "web"]);
        assert!(logs.containers("shop/..", "web").is_empty() && logs.containers("..", "logs").is_empty());
        logs.forget("shop", "web");
        assert!(logs.containers("shop", "web").is_empty());
    }
}
