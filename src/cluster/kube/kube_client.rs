//! A client whose every request is bounded, and which repeats none: a request that the client itself sends again would
//! make the control plane look slower than it is, and a rollout begin when nobody saw it.

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::timeout::TimeoutLayer;

use super::api_words;
use crate::redact::{clipped, without_quoted};

/// To a server that is there, a connection is made at once.
const CONNECT: Duration = Duration::from_secs(5);
/// From a request to the head of its answer, a watch's included.
const HEAD: Duration = Duration::from_secs(30);
/// The longest silence inside an answer. A watch is ended by the server after 290 s (kube's watcher asks for that), so a
/// shorter time would cut watches of quiet namespaces and leave gaps in the record.
const SILENCE: Duration = Duration::from_mins(5);

/// A longer message about a kubeconfig is cut.
const LONGEST: usize = 500;

/// A cluster that answered.
#[derive(Clone)]
pub struct ConnectedCluster {
    pub client: Client,
    /// The server's version, for example `v1.34.4`.
    pub version: String,
    /// A kubeconfig, in JSON, whose current context is this cluster: what a program of the user's is given, so that it
    /// cannot reach another by mistake. It holds credentials.
    pub kubeconfig: String,
}

impl std::fmt::Debug for ConnectedCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectedCluster").field("version", &self.version).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("reading the kubeconfig: {0}; set KUBECONFIG, or create one with your cluster's own tool")]
    Kubeconfig(String),
    #[error("the kubeconfig has no context `{context}`; it has: {known}")]
    NoContext { context: String, known: String },
    #[error("connecting to the cluster of {whose}: {why}; check that it runs and that this user may reach it")]
    Unreachable { whose: String, why: String },
}

/// Connects to the cluster of a context in the user's kubeconfig.
pub async fn connect(context: &str) -> Result<ConnectedCluster, ConnectError> {
    let config = Kubeconfig::read().map_err(|error| unreadable(&error))?;
    has_context(&config, context)?;
    from(config, Some(context), &format!("context {context}")).await
}

/// The kubeconfig's current context, as kubectl takes it where none is named.
pub(crate) fn current_context() -> Result<String, ConnectError> {
    let config = Kubeconfig::read().map_err(|error| unreadable(&error))?;
    let current = config.current_context.clone().filter(|name| !name.is_empty());
    let context = current.ok_or_else(|| {
        ConnectError::Kubeconfig("it has no current context; name one with --cluster context:NAME".to_owned())
    })?;
    has_context(&config, &context)?;
    Ok(context)
}

/// The namespace that a context names; `None` if it names none, or if there is no such context.
pub(crate) fn namespace_of(context: &str) -> Option<String> {
    let config = Kubeconfig::read().ok()?;
    let named = config.contexts.into_iter().find(|known| known.name == context)?;
    named.context?.namespace.filter(|namespace| !namespace.is_empty())
}

fn has_context(config: &Kubeconfig, context: &str) -> Result<(), ConnectError> {
    if config.contexts.iter().any(|known| known.name == context) {
        return Ok(());
    }
    let known: Vec<&str> = config.contexts.iter().map(|known| known.name.as_str()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(ConnectError::NoContext { context: context.to_owned(), known })
}

/// Connects to the cluster of `kubeconfig`, a text, by its current context. `whose` names it in errors.
pub async fn connect_with(kubeconfig: &str, whose: &str) -> Result<ConnectedCluster, ConnectError> {
    let config = Kubeconfig::from_yaml(kubeconfig).map_err(|error| unreadable(&error))?;
    from(config, None, whose).await
}

async fn from(config: Kubeconfig, context: Option<&str>, whose: &str) -> Result<ConnectedCluster, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let own = only(config.clone(), context);
    let kubeconfig = serde_json::to_string(&own).map_err(|error| ConnectError::Kubeconfig(error.to_string()))?;
    let config = Config::from_custom_kubeconfig(config, &options).await.map_err(|error| unreadable(&error))?;
    let unreachable = |why: String| ConnectError::Unreachable { whose: whose.to_owned(), why };
    let client = bounded(config, HEAD).map_err(unreachable)?;
    let version = client.apiserver_version().await.map_err(|error| unreachable(api_words(&error)))?.git_version;
    Ok(ConnectedCluster { client, version, kubeconfig })
}

/// Why a kubeconfig cannot be used, without what is in it: all of it may be a credential. The parser's words quote a line.
fn unreadable(error: &KubeconfigError) -> ConnectError {
    let said = error.to_string();
    let first = said.lines().next().unwrap_or_default();
    ConnectError::Kubeconfig(clipped(&without_quoted(first), LONGEST))
}

/// The kubeconfig with nothing in it but one context, its cluster and its user.
fn only(mut config: Kubeconfig, context: Option<&str>) -> Kubeconfig {
    let name = context.map(str::to_owned).or_else(|| config.current_context.clone()).unwrap_or_default();
    config.contexts.retain(|known| known.name == name);
    let named = config.contexts.first().and_then(|known| known.context.clone());
    config.clusters.retain(|known| named.as_ref().is_some_and(|context| context.cluster == known.name));
    config.auth_infos.retain(|known| named.as_ref().is_some_and(|context| context.user.as_ref() == Some(&known.name)));
    config.current_context = Some(name);
    config
}

/// The client of a program in a pod, with its service account.
pub(crate) fn in_cluster() -> Result<Client, ConnectError> {
    let unreachable = |why: String| ConnectError::Unreachable { whose: "this pod's service account".to_owned(), why };
    let config = Config::incluster().map_err(|error| unreachable(error.to_string()))?;
    bounded(config, HEAD).map_err(unreachable)
}

/// `head` is what an answer's head may take.
fn bounded(mut config: Config, head: Duration) -> Result<Client, String> {
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(head);
    config.read_timeout = Some(SILENCE);
    // Else the time that a pooled connection rested counts against the next answer's silence: a watch would be cut early.
    config.reset_reader_on_write = true;
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(|error| api_words(&error))?;
    Ok(builder.with_layer(&TimeoutLayer::new(head)).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_given_one_cluster_and_its_credentials_only() {
        let yaml = "apiVersion: v1\nkind: Config\ncurrent-context: b\n\
            clusters: [{name: a, cluster: {server: 'https://a'}}, {name: b, cluster: {server: 'https://b'}}]\n\
            contexts: [{name: a, context: {cluster: a, user: ua}}, {name: b, context: {cluster: b, user: ub}}]\n\
            users: [{name: ua, user: {token: secret-a}}, {name: ub, user: {token: secret-b}}]\n";
        let config = Kubeconfig::from_yaml(yaml).unwrap();
        let own = serde_json::to_string(&only(config.clone(), Some("a"))).unwrap();
        assert!(own.contains("https://a") && !own.contains("ub") && !own.contains("https://b"), "{own}");
        let current = serde_json::to_string(&only(config, None)).unwrap();
        assert!(current.contains("https://b") && !current.contains("ua"), "{current}");
    }

    fn kubeconfig(url: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: a, cluster: {{server: '{url}'}}}}]\n\
             contexts: [{{name: a, context: {{cluster: a, user: a}}}}, {{name: b, context: {{cluster: a, user: a}}}}]\n\
             users: [{{name: a, user: {{}}}}]\n"
        )
    }

    #[tokio::test]
    async fn a_kubeconfig_that_cannot_be_used_is_not_quoted() {
        let sound = kubeconfig("http://127.0.0.1:9");
        for (from, to) in [
            ("user: {}", "user: marked-token"),
            ("user: {}", "user: {token: [marked-token]}"),
            ("user: {}", "user: {token: marked-token"),
            ("user: {}", "user: {client-key-data: marked-token}"),
            (
                "user: {}",
                "user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, 'echo marked-token; exit 1']}}",
            ),
        ] {
            let changed = sound.replacen(from, to, 1);
            assert_ne!(changed, sound);
            let error = connect_with(&changed, "the test's cluster").await.unwrap_err();
            let said = error.to_string();
            assert!(!said.contains("marked"), "{to}: {said}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_by_whose_it_is() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = connect_with(&kubeconfig(&url), "the test's cluster").await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("the test's cluster"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_is_given_up_and_not_asked_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::new(url.parse().unwrap());
        let client = bounded(config, Duration::from_millis(200)).unwrap();
        let asked = tokio::spawn(async move { client.apiserver_version().await.map(|_| ()) });
        // Held open: the connection is fine, only nothing comes.
        let _first = listener.accept().await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it is given up").unwrap();
        assert!(answer.is_err());
        let again = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await;
        assert!(again.is_err(), "a request was repeated");
    }

    #[test]
    fn a_missing_context_is_answered_with_those_there_are() {
        let config = Kubeconfig::from_yaml(&kubeconfig("http://127.0.0.1:9")).unwrap();
        assert!(has_context(&config, "b").is_ok());
        let error = has_context(&config, "c").unwrap_err().to_string();
        assert!(error.contains("`c`") && error.contains("a, b"), "{error}");
        let empty = Kubeconfig::from_yaml("apiVersion: v1\nkind: Config\n").unwrap();
        assert!(has_context(&empty, "c").unwrap_err().to_string().contains("none"));
    }
}
