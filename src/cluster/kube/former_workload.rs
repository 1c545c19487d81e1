//! Keeps what a workload was before a run in the run's own namespace, and brings it back.
//!
//! In a Secret, because a pod template may hold credentials. An annotation of the workload would stay behind: the Deployment controller
//! copies annotations to the `ReplicaSet`s and takes none away (`SetNewReplicaSetAnnotations` in
//! `pkg/controller/deployment/util/deployment_util.go`, v1.34).

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::api_words;
use super::former_spec::{FormerSpec, SpecOrigin};
use super::known_kinds::resource;
use super::labels::FIELD_MANAGER;
use crate::manifest::WorkloadKind;

const SECRET: &str = "rollproof-former";
const KEY: &str = "former.json";

/// What came of bringing a workload back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BroughtBack {
    /// It stood as it was.
    AsItWas,
    Undone,
    /// It is gone, or another of its name stands there.
    Gone,
    /// Somebody else changed it; who, if that can be told. It stays as it is.
    Strange(String),
}

impl BroughtBack {
    /// What was done, in a sentence; `None` if nothing had to be.
    pub(crate) fn words(&self, former: &FormerSpec) -> Option<String> {
        let workload = format!("{} in namespace {}", former.workload, former.namespace);
        match self {
            Self::AsItWas => None,
            Self::Undone => Some(format!("undid the run's change of {workload}")),
            Self::Gone => Some(format!("{workload} is gone, so that nothing of it was undone")),
            Self::Strange(by) => {
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.escape_debug()) };
                Some(format!("{workload} was changed{by} during the run and stays as it is"))
            }
        }
    }
}

/// Keeps `former` in `namespace`, before anything is changed.
pub(crate) async fn keep(client: &Client, namespace: &str, former: &FormerSpec) -> Result<(), kube::Error> {
    let text = serde_json::to_vec(former).map_err(kube::Error::SerdeError)?;
    let secret = Secret { data: Some([(KEY.to_owned(), ByteString(text))].into()), ..Secret::default() };
    let mut object = serde_json::to_value(secret).map_err(kube::Error::SerdeError)?;
    object["metadata"] = json!({"name": SECRET, "namespace": namespace});
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    api.patch(SECRET, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await.map(|_| ())
}

/// What a run keeps in `namespace`; `None` if it changes nothing.
pub(crate) async fn kept(client: &Client, namespace: &str) -> Result<Option<FormerSpec>, String> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = api.get_opt(SECRET).await.map_err(|error| api_words(&error))?;
    let Some(text) = secret.and_then(|secret| secret.data?.remove(KEY)) else { return Ok(None) };
    serde_json::from_slice(&text.0).map(Some).map_err(|_| format!("the secret {SECRET} does not read"))
}

/// Makes the workload what it was before the run, unless somebody else has changed it since.
pub(crate) async fn bring_back(client: &Client, former: &FormerSpec) -> Result<BroughtBack, String> {
    let Some((kind, name)) = WorkloadKind::split(&former.workload) else {
        return Err(format!("`{}` is no workload", former.workload.escape_debug()));
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &former.namespace, &resource(kind));
    let words = |error: kube::Error| api_words(&error);
    let Some(live) = api.get_opt(name).await.map_err(words)? else { return Ok(BroughtBack::Gone) };
    if live.uid().as_deref() != Some(&former.uid) {
        return Ok(BroughtBack::Gone);
    }
    let spec = live.data.get("spec").unwrap_or(&Value::Null);
    match former.origin(spec) {
        SpecOrigin::Former => return Ok(BroughtBack::AsItWas),
        SpecOrigin::Strange => return Ok(BroughtBack::Strange(last_writer(&live))),
        SpecOrigin::Own => {}
    }
    // What a namespace's Secret says is not believed of a workload that no run has written to: others may write Secrets.
    if !live.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER)) {
        return Ok(BroughtBack::Strange(last_writer(&live)));
    }
    let mut patch = former.way_back(spec);
    // Only if nobody changed it since it was read.
    patch["metadata"] = json!({"resourceVersion": live.resource_version()});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(name, &params, &Patch::Merge(patch)).await.map_err(words)?;
    Ok(BroughtBack::Undone)
}

/// Who wrote the object's spec last, beside this program; empty if that cannot be told.
pub(crate) fn last_writer(object: &DynamicObject) -> String {
    let managers = object.managed_fields().iter().filter(|entry| {
        entry.subresource.as_deref().unwrap_or_default() != "status" && entry.manager.as_deref() != Some(FIELD_MANAGER)
    });
    let last = managers.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.clone()).unwrap_or_default()
}
