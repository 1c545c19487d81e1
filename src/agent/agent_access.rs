//! Which rights a program has, as the API server itself answers it (`SelfSubjectAccessReview`, authorization.k8s.io/v1).

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct AgentRight {
    /// For example `watch`.
    pub(crate) verb: String,
    /// The API group, empty for the core.
    pub(crate) group: String,
    /// The plural, with a subresource behind a slash.
    pub(crate) resource: String,
    /// The namespace; empty for all, or for what has none.
    pub(crate) namespace: String,
}

impl AgentRight {
    /// `verb` on `resource` in `namespace`.
    pub(crate) fn new(verb: &str, group: &str, resource: &str, namespace: &str) -> Self {
        let [verb, group, resource, namespace] = [verb, group, resource, namespace].map(str::to_owned);
        Self { verb, group, resource, namespace }
    }
}

impl std::fmt::Display for AgentRight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        write!(f, "{} {}{group}", self.verb, self.resource)?;
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in namespace {}", self.namespace) }
    }
}

/// Those of `rights` that the client's user does not have.
pub(crate) async fn missing(client: &Client, rights: &[AgentRight]) -> Result<Vec<AgentRight>, kube::Error> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let asked = rights.iter().map(|right| {
        let api = api.clone();
        async move {
            let (resource, subresource) = match right.resource.split_once('/') {
                Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
                None => (right.resource.as_str(), None),
            };
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(ResourceAttributes {
                        verb: Some(right.verb.clone()),
                        group: Some(right.group.clone()),
                        resource: Some(resource.to_owned()),
                        subresource,
                        namespace: Some(right.namespace.clone()).filter(|namespace| !namespace.is_empty()),
                        ..ResourceAttributes::default()
                    }),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let answer = api.create(&PostParams::default(), &review).await?;
            Ok::<_, kube::Error>((!answer.status.is_some_and(|status| status.allowed)).then(|| right.clone()))
        }
    });
    Ok(futures_util::future::try_join_all(asked).await?.into_iter().flatten().collect())
}
