//! The way to one Service: an endpoint for each new connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::driver::Shared;
use super::table::ServicePort;
use crate::cluster::embedded::truth::{Choice, Truth, TruthEntry};
use crate::load::Route;
use crate::rng::Rng;

/// The way to one Service's port.
#[derive(Debug)]
pub struct ServiceRoute {
    pub(super) shared: Arc<Shared>,
    pub(super) port: ServicePort,
    pub(super) rng: Mutex<Rng>,
    pub(super) truth: Truth,
}

impl Route for ServiceRoute {
    /// An endpoint of the table as it stands now; where there is none, an address at which the kernel refuses.
    fn next(&self) -> SocketAddr {
        let chosen = {
            let table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            table.get(&self.port).and_then(|endpoints| endpoints.pick(&mut rng)).cloned()
        };
        let address = chosen.as_ref().map_or(self.shared.reject, |endpoint| endpoint.address);
        self.truth.log(TruthEntry::Chosen(Choice {
            at_ns: self.shared.clock.now(),
            namespace: self.port.0.clone(),
            service: self.port.1.clone(),
            pod: chosen.map(|endpoint| endpoint.pod),
            address,
        }));
        address
    }
}
