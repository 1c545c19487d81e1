//! The one request with which a rollout begins.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Handle;

/// What a rollout does to the pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roll {
    /// A new annotation, as `kubectl rollout restart` does it.
    Restart,
    /// An environment variable of a container gets a new value.
    Env {
        /// The container.
        container: String,
        /// The variable.
        name: String,
    },
    /// A container gets an image.
    Image {
        /// The container.
        container: String,
        /// The image.
        image: String,
    },
}

/// The API did not take a rollout's step.
#[derive(Debug, thiserror::Error)]
#[error("rolling deployment/{name} in namespace {namespace} ({what}): {}", api_words(source))]
pub struct StepError {
    name: String,
    namespace: String,
    what: String,
    source: Box<kube::Error>,
}

/// What the API said, in its own words: the library's would repeat them as a dump of the whole answer.
#[must_use]
pub fn api_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        other => other.to_string(),
    }
}

impl Roll {
    /// In a few words, for the record and for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Restart => "restart".to_owned(),
            Self::Env { container, name } => format!("env {name} of container {container}"),
            Self::Image { container, image } => format!("image {image} of container {container}"),
        }
    }

    /// The strategic merge patch that makes `trial`'s rollout.
    #[must_use]
    pub fn patch(&self, trial: u32) -> Value {
        let trial = trial.to_string();
        match self {
            Self::Restart => json!({"spec": {"template": {"metadata": {"annotations": {"rollproof/trial": trial}}}}}),
            Self::Env { container, name } => json!({"spec": {"template": {"spec": {"containers":
                [{"name": container, "env": [{"name": name, "value": trial}]}]}}}}),
            Self::Image { container, image } => json!({"spec": {"template": {"spec": {"containers":
                [{"name": container, "image": image}]}}}}),
        }
    }
}

/// Sends the step of `trial`. Never repeated: a step that was answered with an error has failed.
pub async fn perform(handle: &Handle, roll: &Roll, trial: u32) -> Result<(), StepError> {
    let workload = &handle.workload;
    let api: Api<Deployment> = Api::namespaced(handle.client.clone(), &workload.namespace);
    let params = PatchParams { field_manager: Some("rollproof".to_owned()), ..PatchParams::default() };
    api.patch(&workload.name, &params, &Patch::Strategic(roll.patch(trial))).await.map(|_| ()).map_err(|source| {
        StepError {
            name: workload.name.clone(),
            namespace: workload.namespace.clone(),
            what: roll.describe(),
            source: Box::new(source),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_differ_so_that_each_one_rolls() {
        for roll in [Roll::Restart, Roll::Env { container: "web".into(), name: "N".into() }] {
            assert_ne!(roll.patch(1), roll.patch(2));
        }
    }
}
