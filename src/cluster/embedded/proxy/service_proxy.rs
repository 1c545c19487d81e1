//! Follows the store and puts new tables into effect when the rule says so.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::route::{CurrentTable, ServiceRoute};
use super::routing_table::RoutingTable;
use super::rule::{SyncRule, SyncSchedule};
use crate::clock::Stamp;
use crate::cluster::embedded::cluster_truth::{ClusterTruth, ServiceRow, TableSynced, TruthLine};
use crate::cluster::embedded::store::{ObjectKind, Store};
use crate::rng::Rng;

/// The present moment in nanoseconds since the run's origin.
pub(crate) type NowFn = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// Without a change the driver looks again after this; nothing depends on it.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProxyLag {
    pub(crate) rule: SyncRule,
    pub(crate) seed: u64,
}

/// The Service routing of one cluster. Clones share it.
#[derive(Clone)]
pub(crate) struct ServiceProxy {
    table: CurrentTable,
    reject: SocketAddr,
    truth: ClusterTruth,
    now: NowFn,
    lag: ProxyLag,
}

impl std::fmt::Debug for ServiceProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceProxy").field("reject", &self.reject).field("lag", &self.lag).finish_non_exhaustive()
    }
}

impl ServiceProxy {
    /// A proxy with an empty table. `reject` is an address on which nothing listens.
    pub(crate) fn new(lag: ProxyLag, reject: SocketAddr, truth: ClusterTruth, now: NowFn) -> Self {
        Self { table: Arc::default(), reject, truth, now, lag }
    }

    /// The way to a Service port. It need not exist yet.
    pub(crate) fn route(&self, namespace: &str, service: &str, port: u16) -> ServiceRoute {
        let rng = Rng::stream(self.lag.seed, &format!("route/{namespace}/{service}/{port}"));
        ServiceRoute {
            port: (namespace.to_owned(), service.to_owned(), port),
            table: Arc::clone(&self.table),
            rng: Arc::new(Mutex::new(rng)),
            reject: self.reject,
            truth: self.truth.clone(),
            now: Arc::clone(&self.now),
        }
    }

    /// Follows `store` until `stop`.
    pub(crate) async fn run(self, store: Store, stop: CancellationToken) {
        let mut syncing = SyncSchedule::new(self.lag.rule, self.lag.seed);
        let mut seen = RoutingTable::default();
        let mut changed = store.changed();
        loop {
            changed.mark_unchanged();
            let table = RoutingTable::of(
                &store.list_shared(ObjectKind::Service, None).0,
                &store.list_shared(ObjectKind::EndpointSlice, None).0,
            );
            if table != seen {
                seen = table.clone();
                syncing.changed((self.now)(), table);
            }
            if let Some(table) = syncing.sync((self.now)()) {
                self.put(table);
            }
            let wait =
                syncing.due().map_or(LONGEST_SLEEP, |due| Duration::from_nanos(due.saturating_sub((self.now)())));
            tokio::select! {
                () = stop.cancelled() => return,
                // The sender lives in the store, which is held here, so this never fails.
                _ = changed.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn put(&self, table: RoutingTable) {
        let services = table.rows().map(|((namespace, service, port), backends)| ServiceRow {
            namespace: namespace.clone(),
            service: service.clone(),
            port: *port,
            pods: backends.iter().map(|backend| backend.pod.clone()).collect(),
        });
        let line = TruthLine::Table(TableSynced { at_ns: (self.now)(), services: services.collect() });
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        self.truth.send(line);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::cluster::embedded::control::SERVICE_NAME;
    use crate::cluster::embedded::testing::{virtual_now, virtual_wall};
    use crate::load::Route;

    const REJECT: &str = "127.9.9.9:9";

    fn world() -> (Store, ServiceProxy, CancellationToken) {
        let store = Store::new(virtual_wall(), 1);
        let service = json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}});
        store.create(ObjectKind::Service, service).unwrap();
        let slice = json!({"metadata": {"name": "web-1", "namespace": "default", "labels": {SERVICE_NAME: "web"}},
            "ports": [{"name": "", "port": 8080}], "endpoints": []});
        store.create(ObjectKind::EndpointSlice, slice).unwrap();
        let lag = ProxyLag { rule: SyncRule::default(), seed: 1 };
        let proxy = ServiceProxy::new(lag, REJECT.parse().unwrap(), ClusterTruth::off(), Arc::new(virtual_now()));
        let stop = CancellationToken::new();
        tokio::spawn(proxy.clone().run(store.clone(), stop.clone()));
        (store, proxy, stop)
    }

    fn endpoints(store: &Store, ips: &[&str]) {
        let endpoints: Vec<_> = ips
            .iter()
            .map(|ip| json!({"addresses": [ip], "conditions": {"ready": true, "serving": true, "terminating": false}}))
            .collect();
        store
            .update(ObjectKind::EndpointSlice, "default", "web-1", |slice| slice["endpoints"] = json!(endpoints))
            .unwrap();
    }

    async fn wait(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_takes_effect_only_after_the_lag() {
        let (store, proxy, _stop) = world();
        let route = proxy.route("default", "web", 80);
        wait(5_000).await;
        assert_eq!(route.next().to_string(), REJECT, "a Service without endpoints refuses");
        endpoints(&store, &["127.1.0.1"]);
        wait(40).await;
        assert_eq!(route.next().to_string(), REJECT, "not yet");
        wait(200).await;
        assert_eq!(route.next().to_string(), "127.1.0.1:8080");
        // The slot of this second is taken, so the next change waits for its end.
        endpoints(&store, &["127.1.0.2"]);
        wait(600).await;
        assert_eq!(route.next().to_string(), "127.1.0.1:8080", "still the old one");
        wait(600).await;
        assert_eq!(route.next().to_string(), "127.1.0.2:8080");
        assert_eq!(proxy.route("default", "other", 80).next().to_string(), REJECT);
    }

    #[tokio::test(start_paused = true)]
    async fn choices_are_uniform_and_repeat_with_the_seed() {
        let (store, proxy, _stop) = world();
        endpoints(&store, &["127.1.0.1", "127.1.0.2", "127.1.0.3"]);
        wait(5_000).await;
        let draw = || {
            let route = proxy.route("default", "web", 80);
            (0..3_000).map(|_| route.next()).collect::<Vec<_>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        let mut counts = BTreeMap::new();
        for address in first {
            *counts.entry(address).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 3);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_proxy_keeps_its_last_table() {
        let (store, proxy, stop) = world();
        endpoints(&store, &["127.1.0.1"]);
        wait(5_000).await;
        stop.cancel();
        wait(1).await;
        endpoints(&store, &[]);
        wait(5_000).await;
        assert_eq!(proxy.route("default", "web", 80).next().to_string(), "127.1.0.1:8080");
    }
}
