//! How each door is reached: its route, and TLS where it has any.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::spec::{Door, LoadSpec, UrlDoor};

use super::plan::{LoadError, Route};
use super::tls_client::TlsClient;

/// The way to one door.
pub(super) struct DoorWay {
    pub(super) route: Arc<dyn Route>,
    /// `None` for plain text.
    pub(super) tls: Option<TlsClient>,
    /// The shortest connect time so far, in nanoseconds.
    least_connect_ns: AtomicU64,
}

/// The ways of a load.
pub(super) struct DoorWays {
    service: DoorWay,
    url: Option<DoorWay>,
}

/// The routes of a load.
#[derive(Clone)]
pub(super) struct DoorRoutes {
    service: Arc<dyn Route>,
    url: Option<Arc<dyn Route>>,
}

impl DoorRoutes {
    /// `service` leads to the Service, and `to_url` finds the way to the URL, if the load has one.
    pub(super) fn new(
        spec: &LoadSpec,
        service: Arc<dyn Route>,
        to_url: impl FnOnce(&UrlDoor) -> Result<Arc<dyn Route>, LoadError>,
    ) -> Result<Self, LoadError> {
        Ok(Self { service, url: spec.url.as_ref().map(to_url).transpose()? })
    }
}

impl DoorWays {
    pub(super) fn new(spec: &LoadSpec, routes: DoorRoutes) -> Result<Self, LoadError> {
        let way = |door, route| -> Result<DoorWay, LoadError> {
            let tls = spec.tls_at(door).map(TlsClient::new).transpose()?;
            Ok(DoorWay { route, tls, least_connect_ns: AtomicU64::new(u64::MAX) })
        };
        let url = routes.url.map(|route| way(Door::Url, route)).transpose()?;
        Ok(Self { service: way(Door::Service, routes.service)?, url })
    }

    /// The way to `door`. A plan that passed its check has a URL where a request goes to one.
    pub(super) fn at(&self, door: Door) -> &DoorWay {
        match door {
            Door::Service => &self.service,
            Door::Url => self.url.as_ref().unwrap_or(&self.service),
        }
    }
}

impl DoorWay {
    /// A connection took so long to connect.
    pub(super) fn connected_in(&self, ns: u64) {
        self.least_connect_ns.fetch_min(ns, Relaxed);
    }

    /// The shortest connect time so far, in nanoseconds; there has been a connection.
    pub(super) fn least_connect_ns(&self) -> u64 {
        self.least_connect_ns.load(Relaxed)
    }
}
