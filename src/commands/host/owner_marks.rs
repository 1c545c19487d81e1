//! Who else sets what a workload is, by the marks that they leave on it. Pure.

use kube::ResourceExt;
use kube::api::DynamicObject;

/// Labels and annotations by which their owner is known, and how it is called.
const MARKS: [(&str, &str); 5] = [
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
];
/// The same by the name under which they write fields.
const MANAGERS: [(&str, &str); 3] =
    [("argocd-controller", "Argo CD"), ("kustomize-controller", "Flux"), ("helm-controller", "Flux")];

/// What is to be known of each owner before its workload is changed.
pub(super) fn owners(workload: &DynamicObject) -> Vec<String> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut add = |owner: &'static str, sign: String| {
        if found.iter().all(|(known, _)| *known != owner) {
            found.push((owner, sign));
        }
    };
    for (mark, owner) in MARKS {
        for (key, value) in workload.labels().iter().chain(workload.annotations()) {
            if key == mark {
                add(owner, format!("{key}: {}", value.escape_debug()));
            }
        }
    }
    for (manager, owner) in MANAGERS {
        if workload.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(manager)) {
            add(owner, format!("field manager {manager}"));
        }
    }
    let mut notes: Vec<String> = found.into_iter().map(|(owner, sign)| words(owner, &sign)).collect();
    notes.extend(workload.owner_references().iter().filter(|owner| owner.controller == Some(true)).map(|owner| {
        format!(
            "it belongs to {} {}, whose operator may revert what is changed in it: a trial in which it does is invalid",
            owner.kind.escape_debug(),
            owner.name.escape_debug()
        )
    }));
    notes
}

fn words(owner: &str, sign: &str) -> String {
    match owner {
        "Helm" => format!(
            "Helm installed it ({sign}); a restart or a patch is no part of the release, and the next `helm upgrade` may undo it"
        ),
        _ => format!(
            "{owner} manages it ({sign}) and may revert what is changed in it: a trial in which it does is invalid"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workload(metadata: &Value) -> DynamicObject {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn each_owner_is_named_once_with_its_sign() {
        let argo = json!({"labels": {"argocd.argoproj.io/instance": "shop"},
            "annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}});
        let notes = owners(&workload(&argo));
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("Argo CD manages it (argocd.argoproj.io/instance: shop)"), "{}", notes[0]);
        let flux = json!({"managedFields": [{"manager": "kustomize-controller", "operation": "Apply"}]});
        assert!(owners(&workload(&flux))[0].contains("Flux"), "by its fields alone");
        let helm = json!({"annotations": {"meta.helm.sh/release-name": "web"}});
        assert!(owners(&workload(&helm))[0].contains("Helm installed it"));
        let operator = json!({"ownerReferences": [{"apiVersion": "a/v1", "kind": "Shop", "name": "s", "uid": "u", "controller": true}]});
        assert!(owners(&workload(&operator))[0].contains("Shop s, whose operator"));
        assert_eq!(
            owners(&workload(&json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}}))),
            Vec::<String>::new()
        );
    }
}
