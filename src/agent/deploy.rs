//! Deploys the agent: its identity, its pod, and its first answer.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::Value;

use super::agent_error::AgentError;
use super::manifests::{self, AgentPodFacts};
use super::remote::{RemoteAgent, end_of};
use crate::clock::{Clock, saturating_ns};
use crate::cluster::kube::{api_words, apply, guest_labels};

/// How long the pod may take to run, its image included.
const RUNS_WITHIN: Duration = Duration::from_mins(1);
/// How long a running pod may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
const RETIRE_TRIES: u32 = 60;
const RETIRE_POLL: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(100);

/// What to bring up.
#[derive(Debug, Clone)]
pub struct AgentDeployment {
    /// The agent's own namespace, which is there.
    pub namespace: String,
    /// The image.
    pub image: String,
    /// The run's token.
    pub token: String,
    /// The run's origin on the wall clock.
    pub origin_unix_ns: u64,
    /// Which agent of the run this is, from 1.
    pub number: u32,
}

#[derive(Debug, Clone)]
pub struct DeployedAgent {
    pub remote: RemoteAgent,
    /// The node that it runs on.
    pub node: String,
}

/// Deploys the agent and waits until it answers.
pub async fn deploy(client: &Client, deployment: &AgentDeployment, clock: Clock) -> Result<DeployedAgent, AgentError> {
    let AgentDeployment { namespace, image, token, origin_unix_ns, number } = deployment;
    let name = format!("agent-{number}");
    let failed = |doing: &str| {
        let doing = format!("{doing} in namespace {namespace}");
        move |why: String| AgentError::NotDeployed { doing, why }
    };
    apply(client, namespace, &manifests::identity(namespace, token))
        .await
        .map_err(|error| failed("creating the agent's account")(error.to_string()))?;
    let facts = AgentPodFacts { name: &name, namespace, image, origin_unix_ns: *origin_unix_ns };
    let pod: Pod = serde_json::from_value(manifests::pod(facts))
        .map_err(|error| failed("creating the agent's pod")(error.to_string()))?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    pods.create(&PostParams::default(), &pod)
        .await
        .map_err(|error| failed("creating the agent's pod")(api_words(&error)))?;
    let node = runs(&pods, &name, clock).await.map_err(failed("starting the agent"))?;
    let mut remote = RemoteAgent::new(client.clone(), clock, namespace, &name, token);
    let greeted = remote.greet(ANSWERS_WITHIN).await;
    let version = greeted.map_err(failed("reaching the agent through the API server's proxy"))?;
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        let why = format!("image {image} has version {version}, expected {own}; use an image of this version");
        return Err(failed("starting the agent")(why));
    }
    Ok(DeployedAgent { remote, node })
}

/// Removes agent `number` of a run and waits until its pod is gone.
pub(crate) async fn retire(client: &Client, namespace: &str, number: u32) -> Result<(), AgentError> {
    let name = format!("agent-{number}");
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let at_once = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
    let mut last = "it still exists".to_owned();
    for _ in 0..RETIRE_TRIES {
        match pods.get_opt(&name).await {
            Ok(None) => return Ok(()),
            Ok(Some(pod)) if pod.metadata.deletion_timestamp.is_some() => {}
            Ok(Some(_)) => {
                if let Err(error) = pods.delete(&name, &at_once).await {
                    last = api_words(&error);
                }
            }
            Err(error) => last = api_words(&error),
        }
        tokio::time::sleep(RETIRE_POLL).await;
    }
    Err(AgentError::NotDeployed {
        doing: format!("removing the lost agent {name} in namespace {namespace}"),
        why: last,
    })
}

/// Gives the agent of `agent_namespace` its rights in `namespace`, which is the run's own.
pub(crate) async fn grant(client: &Client, namespace: &str, agent_namespace: &str) -> Result<(), AgentError> {
    give(client, namespace, &manifests::grants(namespace, agent_namespace, manifests::ACCOUNT, &Value::Null)).await
}

/// Gives the agent of `run` its rights in a namespace that is not the run's own, by a role and a binding that say so.
pub(crate) async fn grant_as_guest(
    client: &Client,
    namespace: &str,
    agent_namespace: &str,
    run: &str,
) -> Result<(), AgentError> {
    let name = manifests::guest_name(run);
    give(client, namespace, &manifests::grants(namespace, agent_namespace, &name, &guest_labels(run))).await
}

async fn give(client: &Client, namespace: &str, grants: &[Value]) -> Result<(), AgentError> {
    apply(client, namespace, grants).await.map(|_| ()).map_err(|error| AgentError::NotDeployed {
        doing: format!("granting the agent its rights in namespace {namespace}"),
        why: error.to_string(),
    })
}

/// Waits until the pod runs; its node.
async fn runs(pods: &Api<Pod>, name: &str, clock: Clock) -> Result<String, String> {
    let begun = clock.now();
    loop {
        let pod = match pods.get(name).await {
            Ok(pod) => pod,
            // An API server that was just away may be so again; what it refuses stays refused.
            Err(error)
                if !matches!(error, kube::Error::Api(_))
                    && clock.now().saturating_sub(begun) < saturating_ns(RUNS_WITHIN) =>
            {
                tokio::time::sleep(POLL).await;
                continue;
            }
            Err(error) => return Err(api_words(&error)),
        };
        if let Some(end) = end_of(&pod) {
            return Err(format!("pod {name} ended at once: {end}"));
        }
        let status = pod.status.clone().unwrap_or_default();
        if status.phase.as_deref() == Some("Running") {
            return Ok(pod.spec.and_then(|spec| spec.node_name).unwrap_or_default());
        }
        let stands = pending_reason(&pod);
        if stands.hopeless {
            return Err(format!("pod {name} cannot start: {}", stands.words));
        }
        if clock.now().saturating_sub(begun) > saturating_ns(RUNS_WITHIN) {
            let stood = if stands.words.is_empty() { "the reason is unknown".to_owned() } else { stands.words };
            return Err(format!("pod {name} is not running after {} s: {stood}", RUNS_WITHIN.as_secs()));
        }
        tokio::time::sleep(POLL).await;
    }
}

struct PendingReason {
    words: String,
    /// Waiting longer will not help.
    hopeless: bool,
}

/// Where a pod that does not run yet stands, in the cluster's words. Reasons are those of kubelet
/// (`pkg/kubelet/images/types.go`, `kuberuntime`).
fn pending_reason(pod: &Pod) -> PendingReason {
    const HOPELESS: [&str; 5] =
        ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"];
    let status = pod.status.clone().unwrap_or_default();
    let waiting = status.container_statuses.unwrap_or_default().into_iter().find_map(|one| one.state?.waiting);
    let unscheduled = status
        .conditions
        .unwrap_or_default()
        .into_iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let parts = match (waiting, unscheduled) {
        (Some(waiting), _) => [waiting.reason, waiting.message],
        (None, Some(condition)) => [condition.reason, condition.message],
        (None, None) => [None, None],
    };
    let hopeless = parts[0].as_deref().is_some_and(|reason| HOPELESS.contains(&reason));
    PendingReason { words: parts.into_iter().flatten().collect::<Vec<_>>().join(": "), hopeless }
}
