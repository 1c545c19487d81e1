//! Puts the table on the clock.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use super::route::ServiceRoute;
use super::sync::SyncRule;
use super::table::{Table, of_slices};
use crate::clock::Clock;
use crate::cluster::embedded::store::{Kind, Store};
use crate::cluster::embedded::truth::{Truth, TruthEntry};
use crate::rng::Rng;

/// How the table follows.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// From a change of slices until a sync is due.
    pub base: Duration,
    /// The least time between two syncs.
    pub min_sync_period: Duration,
    /// The seed of the jitter and of every choice of an endpoint.
    pub seed: u64,
    /// The run's clock.
    pub clock: Clock,
    /// Where choices and syncs are logged.
    pub truth: Truth,
}

/// The table and those who read it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) table: Mutex<Table>,
    pub(super) clock: Clock,
    pub(super) reject: SocketAddr,
}

/// The routing table of all Services.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    config: ProxyConfig,
    /// Bound and never listening, so that the kernel refuses and nobody else can listen there.
    _reject: TcpSocket,
}

impl Proxy {
    /// An empty table.
    ///
    /// # Errors
    /// The address at which connections are refused cannot be bound.
    pub fn new(config: ProxyConfig) -> io::Result<Self> {
        let reject = TcpSocket::new_v4()?;
        reject.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let shared = Shared { table: Mutex::new(Table::new()), clock: config.clock, reject: reject.local_addr()? };
        Ok(Self { shared: Arc::new(shared), config, _reject: reject })
    }

    /// The way to one Service's port, by the port's name (empty where it has none).
    #[must_use]
    pub fn route(&self, namespace: &str, service: &str, port_name: &str) -> ServiceRoute {
        ServiceRoute {
            shared: Arc::clone(&self.shared),
            port: (namespace.to_owned(), service.to_owned(), port_name.to_owned()),
            rng: Mutex::new(Rng::stream(self.config.seed, &format!("endpoint of {namespace}/{service}"))),
            truth: self.config.truth.clone(),
        }
    }

    /// Follows the store's `EndpointSlice`s until `stop`.
    pub fn follow(&self, store: Store, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        follow(Arc::clone(&self.shared), self.config.clone(), store, stop)
    }
}

async fn follow(shared: Arc<Shared>, config: ProxyConfig, store: Store, stop: CancellationToken) {
    let mut rule = SyncRule::new(config.base, config.min_sync_period, Rng::stream(config.seed, "proxy jitter"));
    let mut changed = store.changed();
    let mut seen = wanted(&store);
    rule.changed(shared.clock.now());
    loop {
        let now = shared.clock.now();
        let nap = rule.due().map(|due| Duration::from_nanos(due.saturating_sub(now)));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(nap.unwrap_or_default()), if nap.is_some() => {
                let table = wanted(&store);
                config.truth.log(TruthEntry::synced(shared.clock.now(), describe(&table)));
                seen.clone_from(&table);
                *shared.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
                rule.synced(shared.clock.now());
            }
            // The sender lives in the store, which is held here, so this never fails.
            _ = changed.changed() => {
                let table = wanted(&store);
                if table != seen {
                    seen = table;
                    rule.changed(shared.clock.now());
                }
            }
        }
    }
}

fn wanted(store: &Store) -> Table {
    let (slices, _) = store.list(Kind::EndpointSlice, None);
    of_slices(slices.iter())
}

/// Service by service: the pods that new connections may get.
fn describe(table: &Table) -> Vec<String> {
    let names = |endpoints: &[super::table::Endpoint]| {
        endpoints.iter().map(|endpoint| endpoint.pod.as_str()).collect::<Vec<_>>().join(" ")
    };
    table
        .iter()
        .map(|((namespace, service, port), endpoints)| {
            format!(
                "{namespace}/{service}:{port} ready [{}] fallback [{}]",
                names(&endpoints.ready),
                names(&endpoints.fallback)
            )
        })
        .collect()
}
