//! The roles and their bindings that runs make in namespaces that are not their own.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::labels::{MANAGED_BY, MANAGER, RUN_LABEL};

/// A role or a binding of a run, in a namespace that is not the run's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GuestObject {
    pub(crate) namespace: String,
    /// `role` or `rolebinding`, and the name.
    pub(crate) object: String,
    pub(crate) run: String,
}

/// All that runs have made so, or why it cannot be told.
pub(super) async fn find(client: &Client) -> Result<Vec<GuestObject>, kube::Error> {
    let mut found = listed::<RoleBinding>(client, "rolebinding").await?;
    found.extend(listed::<Role>(client, "role").await?);
    found.sort();
    Ok(found)
}

async fn listed<K>(client: &Client, kind: &str) -> Result<Vec<GuestObject>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let of_runs = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{RUN_LABEL}"));
    let all = Api::<K>::all(client.clone()).list(&of_runs).await?;
    let guest = |object: K| {
        Some(GuestObject {
            namespace: object.namespace()?,
            object: format!("{kind}/{}", object.name_any()),
            run: object.labels().get(RUN_LABEL)?.clone(),
        })
    };
    Ok(all.items.into_iter().filter_map(guest).collect())
}

/// Removes one; it may be gone already.
pub(super) async fn remove(client: &Client, guest: &GuestObject) -> Result<(), kube::Error> {
    let params = DeleteParams::default();
    let deleted = match guest.object.split_once('/') {
        Some(("role", name)) => {
            Api::<Role>::namespaced(client.clone(), &guest.namespace).delete(name, &params).await.map(|_| ())
        }
        Some((_, name)) => {
            Api::<RoleBinding>::namespaced(client.clone(), &guest.namespace).delete(name, &params).await.map(|_| ())
        }
        None => Ok(()),
    };
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

/// Removes what `run` made in `namespace`.
pub(crate) async fn leave(client: &Client, namespace: &str, run: &str) -> Result<(), kube::Error> {
    let of_run = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{RUN_LABEL}={run}"));
    let delete = DeleteParams::default();
    Api::<RoleBinding>::namespaced(client.clone(), namespace).delete_collection(&delete, &of_run).await?;
    Api::<Role>::namespaced(client.clone(), namespace).delete_collection(&delete, &of_run).await.map(|_| ())
}
