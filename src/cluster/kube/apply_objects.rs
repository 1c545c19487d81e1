//! Applies manifests as they are.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::api_words;
use super::asked_kinds::{AskedKinds, KindPlace};
use super::known_kinds::reference;
use super::labels::FIELD_MANAGER;
use crate::manifest::documents::text;
use crate::manifest::is_cluster_scoped;

/// Why manifests could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Some stand for the whole cluster. Nothing was applied.
    #[error(
        "{}: not namespaced; a run creates objects only in its own namespaces; remove this from the manifests and apply \
         it to the cluster yourself",
        .objects.join(", ")
    )]
    ClusterScoped {
        /// `kind/name` of each.
        objects: Vec<String>,
    },
    /// The cluster does not know the kind. Nothing was applied.
    #[error(
        "{object}: the cluster has no kind {kind} in {api_version} ({why}); install its CustomResourceDefinition, or remove the object"
    )]
    UnknownKind {
        /// `kind/name`.
        object: String,
        /// Its kind.
        kind: String,
        /// Its API version.
        api_version: String,
        /// The cluster's words.
        why: String,
    },
    /// The API refused one. Those before it in the manifests were applied.
    #[error("{object}: {}", api_words(.source))]
    Refused {
        /// `kind/name`.
        object: String,
        /// Its answer.
        source: kube::Error,
    },
}

impl ApplyError {
    /// The objects that this is about, each as `kind/name` with a field of it; an empty field is the object itself.
    pub(crate) fn fields(&self) -> Vec<(String, &str)> {
        match self {
            Self::ClusterScoped { objects } => objects.iter().map(|object| (object.clone(), "kind")).collect(),
            Self::UnknownKind { object, .. } => vec![(object.clone(), "apiVersion")],
            Self::Refused { object, source: kube::Error::Api(status) } => {
                let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
                let fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
                let fields = if fields.is_empty() { vec![""] } else { fields };
                fields.into_iter().map(|field| (object.clone(), field)).collect()
            }
            Self::Refused { object, .. } => vec![(object.clone(), "")],
        }
    }
}

/// Applies all `manifests` (server-side, forced) in `namespace`, whatever namespace they name themselves, and returns
/// what the cluster made of each. They are sent as they are, so that fields which this program does not know survive.
///
/// The path of a kind is guessed for Kubernetes' own kinds, and asked for others: the plural of a custom resource can be
/// any word. Nothing is applied before all kinds are known to belong to a namespace.
pub async fn apply(client: &Client, namespace: &str, manifests: &[Value]) -> Result<Vec<Value>, ApplyError> {
    let objects: Vec<String> = manifests.iter().filter(|one| is_cluster_scoped(one)).map(reference).collect();
    if !objects.is_empty() {
        return Err(ApplyError::ClusterScoped { objects });
    }
    let resources = resources(client, manifests).await?;
    let mut kept = Vec::with_capacity(manifests.len());
    for (manifest, resource) in manifests.iter().zip(&resources) {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
        let mut object = manifest.clone();
        object["metadata"]["namespace"] = json!(namespace);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let refused = |source| ApplyError::Refused { object: reference(manifest), source };
        let answer = api.patch(text(manifest, "/metadata/name"), &params, &Patch::Apply(&object)).await;
        let answer = answer.map_err(refused)?;
        kept.push(serde_json::to_value(answer).map_err(kube::Error::SerdeError).map_err(refused)?);
    }
    Ok(kept)
}

async fn resources(client: &Client, manifests: &[Value]) -> Result<Vec<ApiResource>, ApplyError> {
    let mut asked = AskedKinds::default();
    let mut found = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let kind = asked.find(client, manifest).await;
        found.push(match kind.map_err(|source| ApplyError::Refused { object: reference(manifest), source })? {
            KindPlace::Namespaced(resource) => resource,
            KindPlace::ClusterWide => return Err(ApplyError::ClusterScoped { objects: vec![reference(manifest)] }),
            KindPlace::Unknown { why } => return Err(unknown_kind(manifest, &why)),
        });
    }
    Ok(found)
}

pub(crate) fn unknown_kind(manifest: &Value, why: &str) -> ApplyError {
    ApplyError::UnknownKind {
        object: reference(manifest),
        kind: text(manifest, "/kind").to_owned(),
        api_version: text(manifest, "/apiVersion").to_owned(),
        why: why.to_owned(),
    }
}

pub(crate) async fn create_namespace(client: &Client, name: &str, run: &str) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace")));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "rollproof", "rollproof/run": run}}});
    api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&namespace)).await.map(|_| ())
}
