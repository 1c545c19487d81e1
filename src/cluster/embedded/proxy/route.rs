//! One Service port as those see it who connect to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::routing_table::{RoutingTable, ServicePort};
use super::service_proxy::NowFn;
use crate::cluster::embedded::cluster_truth::{BackendPick, ClusterTruth, TruthLine};
use crate::load::Route;
use crate::rng::Rng;

pub(super) type CurrentTable = Arc<RwLock<Arc<RoutingTable>>>;

/// A Service port. Clones share the sequence of choices.
#[derive(Clone)]
pub(crate) struct ServiceRoute {
    pub(super) port: ServicePort,
    pub(super) table: CurrentTable,
    pub(super) rng: Arc<Mutex<Rng>>,
    pub(super) reject: SocketAddr,
    pub(super) truth: ClusterTruth,
    pub(super) now: NowFn,
}

impl std::fmt::Debug for ServiceRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ServiceRoute").field(&self.port).finish()
    }
}

impl Route for ServiceRoute {
    /// The address of the next connection: uniform among the backends, as kube-proxy's iptables rules are; without
    /// any, an address on which nothing listens, so that the kernel refuses.
    fn next(&self) -> SocketAddr {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        let backends = table.backends(&self.port);
        let chosen = self.rng.lock().unwrap_or_else(PoisonError::into_inner).below(backends.len());
        let backend = backends.get(chosen);
        let to = backend.map_or(self.reject, |backend| backend.address);
        if self.truth.is_on() {
            let (namespace, service, port) = self.port.clone();
            self.truth.send(TruthLine::Pick(BackendPick {
                at_ns: (self.now)(),
                namespace,
                service,
                port,
                to,
                pod: backend.map(|backend| backend.pod.clone()),
                terminating: backend.is_some_and(|backend| backend.terminating),
            }));
        }
        to
    }
}
