//! Keeps what a workload was before a run in the run's own namespace, and brings it back.
//!
//! In a Secret, because a pod template may hold credentials. An annotation of the workload would stay behind: the Deployment controller
//! copies annotations to the `ReplicaSet`s and takes none away (`SetNewReplicaSetAnnotations` in
//! `pkg/controller/deployment/util/deployment_util.go`, v1.34).

use std::time::Duration;

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
    /// Somebody else changed it too; who, if that can be told. What still was as the run had set it is undone; these fields are neither
    /// as before nor as the run set them.
    Strange {
        by: String,
        left: Vec<String>,
    },
}

impl BroughtBack {
    /// What was done, in a sentence; `None` if nothing had to be.
    pub(crate) fn words(&self, former: &FormerSpec) -> Option<String> {
        let workload = format!("{} in namespace {}", former.workload, former.namespace);
        match self {
            Self::AsItWas => None,
            Self::Undone => Some(format!("undid the run's change of {workload}")),
            Self::Gone => Some(format!("{workload} is gone, so that nothing of it was undone")),
            Self::Strange { by, left } => {
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.escape_debug()) };
                let left = if left.is_empty() { String::new() } else { format!("; look at {}", left.join(", ")) };
                Some(format!(
                    "{workload} was changed{by} during the run, and that stays; nothing of the run's own is left in it{left}"
                ))
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

/// How often a workload is read again whose status changed between the reading and the patch, and how long after.
pub(crate) const CONFLICT_TRIES: u32 = 20;
pub(crate) const CONFLICT_RETRY: Duration = Duration::from_millis(100);

/// Sends a merge patch of an object, if it is still as it was `read`; else the API answers 409.
pub(crate) async fn patch_if_unchanged(
    api: &Api<DynamicObject>,
    mut patch: Value,
    read: &DynamicObject,
) -> Result<DynamicObject, kube::Error> {
    patch["metadata"] = json!({"resourceVersion": read.resource_version()});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(&read.name_any(), &params, &Patch::Merge(patch)).await
}

/// Makes the workload what it was before the run. Where somebody else has changed it since, only what still is as the run set it is undone.
/// `since_s` is when the run began by the cluster's clock, in seconds since 1970: a workload that no run has written to since is not
/// touched, because others may write such Secrets.
pub(crate) async fn bring_back(client: &Client, former: &FormerSpec, since_s: i64) -> Result<BroughtBack, String> {
    let Some((kind, name)) = WorkloadKind::split(&former.workload) else {
        return Err(format!("`{}` is no workload", former.workload.escape_debug()));
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &former.namespace, &resource(kind));
    for _ in 0..CONFLICT_TRIES {
        let Some(live) = api.get_opt(name).await.map_err(|error| api_words(&error))? else {
            return Ok(BroughtBack::Gone);
        };
        if live.uid().as_deref() != Some(&former.uid) {
            return Ok(BroughtBack::Gone);
        }
        let spec = live.data.get("spec").unwrap_or(&Value::Null);
        let (patch, brought) = match former.origin(spec) {
            SpecOrigin::Former => return Ok(BroughtBack::AsItWas),
            _ if !written_since(&live, since_s) => {
                return Ok(BroughtBack::Strange { by: last_writer(&live), left: Vec::new() });
            }
            SpecOrigin::Own => (former.way_back(spec), BroughtBack::Undone),
            SpecOrigin::Strange => {
                let (wanted, left) = former.undone_around(spec);
                let brought = BroughtBack::Strange { by: last_writer(&live), left };
                if wanted == *spec {
                    return Ok(brought);
                }
                (FormerSpec::way(&wanted, spec), brought)
            }
        };
        match patch_if_unchanged(&api, patch, &live).await {
            Ok(answer) => {
                let now = answer.data.get("spec").unwrap_or(&Value::Null);
                if brought == BroughtBack::Undone && former.origin(now) != SpecOrigin::Former {
                    return Err("the cluster made something else of it".to_owned());
                }
                return Ok(brought);
            }
            Err(kube::Error::Api(status)) if status.code == 409 => tokio::time::sleep(CONFLICT_RETRY).await,
            Err(error) => return Err(api_words(&error)),
        }
    }
    Err("it changed again and again".to_owned())
}

/// Whether a run has written to the object since.
fn written_since(object: &DynamicObject, since_s: i64) -> bool {
    object.managed_fields().iter().any(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.time.as_ref().is_some_and(|time| time.0.as_second() >= since_s)
    })
}

/// Who wrote the object's spec last, beside this program; empty if that cannot be told.
pub(crate) fn last_writer(object: &DynamicObject) -> String {
    let managers = object.managed_fields().iter().filter(|entry| {
        entry.subresource.as_deref().unwrap_or_default() != "status" && entry.manager.as_deref() != Some(FIELD_MANAGER)
    });
    let last = managers.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.clone()).unwrap_or_default()
}
