//! `/version` and discovery, so that clients which ask before they act are answered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::embedded::store::ObjectKind;

/// The version that the API reports, after the Kubernetes that it was compared with.
pub(crate) const VERSION: &str = "v1.34.4+rollproof";

/// The body for a discovery path; `None` if it is not one.
pub(super) fn answer(path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["version"] => Some(version()),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        ["apis", group] => groups().into_iter().find(|found| found["name"] == *group),
        ["api", "v1"] => resources("", "v1"),
        ["apis", group, version] => resources(group, version),
        _ => None,
    }
}

fn version() -> Value {
    let mut parts = VERSION.trim_start_matches('v').split('.');
    json!({
        "major": parts.next(), "minor": parts.next(), "gitVersion": VERSION,
        "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn groups() -> Vec<Value> {
    let named = ObjectKind::ALL.into_iter().map(ObjectKind::info).filter(|info| !info.group.is_empty());
    let versions: BTreeMap<&str, &str> = named.map(|info| (info.group, info.version)).collect();
    versions
        .into_iter()
        .map(|(group, version)| {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": [version], "preferredVersion": version})
        })
        .collect()
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    let verbs = json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]);
    for info in ObjectKind::ALL.into_iter().map(ObjectKind::info) {
        if (info.group, info.version) != (group, version) {
            continue;
        }
        let singular = info.kind.to_lowercase();
        resources.push(json!({
            "name": info.plural, "singularName": singular, "namespaced": info.namespaced, "kind": info.kind,
            "verbs": verbs,
        }));
        if info.has_status {
            resources.push(json!({
                "name": format!("{}/status", info.plural), "singularName": "", "namespaced": info.namespaced,
                "kind": info.kind, "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_has_its_parts() {
        let version = answer("/version").unwrap();
        assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("34")));
        assert_eq!(version["gitVersion"], VERSION);
    }
}
