//! Applies manifests as they are.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::discovery::pinned_kind;
use kube::{Api, Client};
use serde_json::{Value, json};

/// Who applies, as the API's managed fields show it.
const FIELD_MANAGER: &str = "rollproof";

/// Applies all `manifests` (server-side, forced) in `namespace`, whatever namespace they name themselves. They are sent
/// as they are, so that fields which this program does not know survive.
pub async fn apply(client: &Client, namespace: &str, manifests: &[Value]) -> Result<(), kube::Error> {
    for manifest in manifests {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("/apiVersion").rsplit_once('/').unwrap_or(("", text("/apiVersion")));
        let gvk = GroupVersionKind::gvk(group, version, text("/kind"));
        let mut object = manifest.clone();
        object["metadata"]["namespace"] = json!(namespace);
        let guessed = ApiResource::from_gvk(&gvk);
        match apply_as(client, namespace, &guessed, text("/metadata/name"), &object).await {
            // A custom resource's plural is what its author chose.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let (known, _) = pinned_kind(client, &gvk).await?;
                if known.plural == guessed.plural {
                    return Err(kube::Error::Api(status));
                }
                apply_as(client, namespace, &known, text("/metadata/name"), &object).await?;
            }
            other => other?,
        }
    }
    Ok(())
}

async fn apply_as(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
    name: &str,
    object: &Value,
) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &params, &Patch::Apply(object)).await.map(|_| ())
}

/// Creates a namespace of the run's own, labelled as such.
pub async fn create_namespace(client: &Client, name: &str, run: &str) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace")));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "rollproof", "rollproof/run": run}}});
    api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&namespace)).await.map(|_| ())
}
