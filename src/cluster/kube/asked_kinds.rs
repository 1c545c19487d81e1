//! Where a cluster keeps the objects of a kind, if it has that kind.

use std::collections::BTreeMap;

use kube::Client;
use kube::api::{ApiResource, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use serde_json::Value;

use super::api_words;
use super::known_kinds::{group_version, is_known};
use crate::manifest::documents::text;

/// What a cluster says of a kind.
#[derive(Debug, Clone)]
pub(crate) enum KindPlace {
    Namespaced(ApiResource),
    /// Its objects have no namespace.
    ClusterWide,
    /// It does not have the kind, in its own words.
    Unknown {
        why: String,
    },
}

/// Asks for each kind once, and for Kubernetes' own not at all.
#[derive(Debug, Default)]
pub(crate) struct AskedKinds(BTreeMap<(String, String), KindPlace>);

impl AskedKinds {
    /// The place of an object's kind.
    pub(crate) async fn find(&mut self, client: &Client, object: &Value) -> Result<KindPlace, kube::Error> {
        let (group, version) = group_version(object);
        let kind = text(object, "/kind");
        let gvk = GroupVersionKind::gvk(group, version, kind);
        if is_known(group, kind) {
            return Ok(KindPlace::Namespaced(ApiResource::from_gvk(&gvk)));
        }
        let key = (gvk.api_version(), kind.to_owned());
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let place = match pinned_kind(client, &gvk).await {
            Ok((_, capabilities)) if capabilities.scope == Scope::Cluster => KindPlace::ClusterWide,
            Ok((resource, _)) => KindPlace::Namespaced(resource),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                KindPlace::Unknown { why: format!("it does not serve {}", gvk.api_version()) }
            }
            Err(error @ kube::Error::Discovery(_)) => KindPlace::Unknown { why: api_words(&error) },
            Err(error) => return Err(error),
        };
        self.0.insert(key, place.clone());
        Ok(place)
    }
}
