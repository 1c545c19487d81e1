//! The control plane: store, API, controllers and routing, started and stopped together. The node is started beside
//! it on the same store.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ContainerLogs;
use super::api::EmbeddedApi;
use super::cluster_truth::ClusterTruth;
use super::control;
use super::proxy::{ProxyLag, ServiceProxy, ServiceRoute, SyncRule};
use super::store::{ApiError, ObjectKind, Store, WallClock};
use crate::clock::Clock;

#[derive(Debug, Clone)]
pub(super) struct ControlPlaneConfig {
    /// The seed of names, uids, jitter and choices.
    pub(crate) seed: u64,
    /// The run's clock, for the truth log and the routing's lag.
    pub(crate) clock: Clock,
    /// The name of the one node, as `spec.nodeName` of pods has it.
    pub(crate) node_name: String,
    /// How the routing table lags behind the `EndpointSlice`s.
    pub(crate) sync: SyncRule,
    /// An address on which nothing listens: where connections go when a Service has no endpoint.
    pub(crate) reject: SocketAddr,
    /// Where the node keeps its containers' output; `None` if it keeps none.
    pub(crate) logs: Option<ContainerLogs>,
    /// Where picks and tables are written down.
    pub(crate) truth: ClusterTruth,
}

#[derive(Debug)]
pub(super) struct ControlPlane {
    api: EmbeddedApi,
    store: Store,
    proxy: ServiceProxy,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ControlPlane {
    /// Starts controllers and routing on the current tokio runtime, and registers the node as ready.
    pub(super) fn start(config: ControlPlaneConfig) -> Result<Self, ApiError> {
        let store = Store::new(WallClock::system(), config.seed);
        let since = store.now_text();
        let node = json!({
            "metadata": {"name": config.node_name, "labels": {"kubernetes.io/hostname": config.node_name}},
            "status": {"conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the embedded node is ready",
                "lastHeartbeatTime": since, "lastTransitionTime": since,
            }]},
        });
        store.create(ObjectKind::Node, node)?;
        let clock = config.clock;
        let lag = ProxyLag { rule: config.sync, seed: config.seed };
        let proxy = ServiceProxy::new(lag, config.reject, config.truth, Arc::new(move || clock.now()));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(control::run(store.clone(), stop.clone()));
        tasks.spawn(proxy.clone().run(store.clone(), stop.clone()));
        Ok(Self { api: EmbeddedApi::new(store.clone(), config.logs), store, proxy, stop, tasks })
    }

    /// A client of this cluster, whose default namespace is `default`.
    pub(super) fn client(&self) -> kube::Client {
        self.api.client()
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// The way to a Service port; an address is chosen for each connection. The Service need not exist yet.
    pub(super) fn route(&self, namespace: &str, service: &str, port: u16) -> ServiceRoute {
        self.proxy.route(namespace, service, port)
    }

    /// Stops controllers and routing and waits for them. The node is to be stopped before.
    pub(super) async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Tasks must not outlive a cluster that was not shut down in order.
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::{Namespace, Service};
    use kube::api::{Api as KubeApi, DeleteParams, Patch, PatchParams};

    use super::*;
    use crate::cluster::embedded::store::meta;
    use crate::cluster::embedded::testing::FakeNode;
    use crate::load::Route;

    const REJECT: &str = "127.9.9.9:9";

    /// Polls until `holds`, for at most ten seconds.
    async fn until(what: &str, holds: impl Fn() -> bool) {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} was not reached in time");
    }

    async fn apply(client: &kube::Client) {
        let params = PatchParams::apply("test");
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        KubeApi::<Namespace>::all(client.clone()).patch("shop", &params, &Patch::Apply(namespace)).await.unwrap();
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}]}]}},
        }});
        let deployments: KubeApi<Deployment> = KubeApi::namespaced(client.clone(), "shop");
        deployments.patch("web", &params, &Patch::Apply(deployment)).await.unwrap();
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}});
        let services: KubeApi<Service> = KubeApi::namespaced(client.clone(), "shop");
        services.patch("web", &params, &Patch::Apply(service)).await.unwrap();
    }

    #[tokio::test]
    async fn manifests_become_a_route_and_a_deleted_namespace_takes_it_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.jsonl");
        let (truth, writer) = ClusterTruth::create(&path).unwrap();
        let cluster = ControlPlane::start(ControlPlaneConfig {
            seed: 1,
            clock: Clock::start(),
            node_name: "embedded".to_owned(),
            sync: SyncRule { base_ns: 1_000_000, min_sync_period_ns: 1_000_000 },
            reject: REJECT.parse().unwrap(),
            logs: None,
            truth,
        })
        .unwrap();
        let moment = Duration::from_millis(1);
        FakeNode { start: moment, ready: moment, stop: moment }.run_on(cluster.store());
        let client = cluster.client();
        let route = cluster.route("shop", "web", 80);
        apply(&client).await;
        until("a route", || route.next().port() == 8080).await;
        let pods = || cluster.store().list(ObjectKind::Pod, Some("shop")).0;
        until("two pods", || pods().iter().filter(|pod| meta::condition_true(pod, "Ready")).count() == 2).await;
        let namespaces: KubeApi<Namespace> = KubeApi::all(client.clone());
        namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
        until("nothing left", || cluster.store().get(ObjectKind::Namespace, "", "shop").is_err() && pods().is_empty())
            .await;
        until("refusal", || route.next().to_string() == REJECT).await;
        drop(route);
        cluster.shutdown().await;
        writer.finish(&path).unwrap();
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(log.contains("\"t\":\"table\"") && log.contains(":8080\",\"pod\":\"web-"), "{log}");
    }
}
