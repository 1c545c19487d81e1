//! The scenarios and manifests that are compiled in, for runs that need no files and for telling them from others.

use std::path::{Component, Path};

use crate::manifest::{FileReadError, FileSource};

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// Path and text of every file, sorted by path.
pub(crate) const SHIPPED: &[(&str, &str)] = shipped![
    "manifests/apache-prefork.yaml",
    "manifests/apache.yaml",
    "manifests/nginx.yaml",
    "manifests/patches/apache-prestop.yaml",
    "manifests/patches/apart/native-sleep-10.yaml",
    "manifests/patches/apart/native-sleep-3.yaml",
    "manifests/patches/apart/no-first-sleep.yaml",
    "manifests/patches/apart/no-last-sleep.yaml",
    "manifests/patches/apart/no-readiness.yaml",
    "manifests/patches/apart/short-grace.yaml",
    "manifests/patches/apart/short-last-sleep.yaml",
    "manifests/patches/apart/slow-start.yaml",
    "manifests/patches/demo-apache.yaml",
    "manifests/patches/demo-target.yaml",
    "manifests/patches/nginx-prestop.yaml",
    "manifests/patches/target-drain.yaml",
    "manifests/target.yaml",
    "scenarios/apache-event-apart.yaml",
    "scenarios/apache-prefork-apart.yaml",
    "scenarios/apache-prestop.yaml",
    "scenarios/causes-servers.yaml",
    "scenarios/causes.yaml",
    "scenarios/control-identical.yaml",
    "scenarios/control-no-rollout.yaml",
    "scenarios/demo-apache.yaml",
    "scenarios/demo-target.yaml",
    "scenarios/nginx-prestop.yaml",
    "scenarios/target-exit.yaml",
];

/// The compiled-in files, by their path in the project.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShippedFiles;

impl ShippedFiles {
    /// Whether this very text is compiled in: then what it runs on the machine is known.
    pub(crate) fn holds(text: &str) -> bool {
        SHIPPED.iter().any(|(_, known)| *known == text)
    }
}

impl FileSource for ShippedFiles {
    fn read(&self, path: &Path) -> Result<String, FileReadError> {
        let wanted = plain(path);
        let known = SHIPPED.iter().find(|(known, _)| *known == wanted);
        known.map(|(_, text)| (*text).to_owned()).ok_or_else(|| FileReadError {
            path: path.display().to_string(),
            why: "no file of this name is compiled in".to_owned(),
        })
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.join("/")
}
