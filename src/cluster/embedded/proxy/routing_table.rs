//! The routing table: for each Service port the backends that new connections go to, as kube-proxy chooses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::embedded::control::SERVICE_NAME;
use crate::cluster::embedded::store::meta;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    /// The pod's name; empty if the slice names none.
    pub(crate) pod: String,
    /// It is terminating, and used because nothing else is left.
    pub(crate) terminating: bool,
}

/// Namespace, Service and port.
pub(super) type ServicePort = (String, String, u16);

/// The backends of each Service port that new connections may go to. A Service port without backends refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoutingTable {
    rows: BTreeMap<ServicePort, Vec<Backend>>,
}

impl RoutingTable {
    /// The table for these Services and `EndpointSlice`s. Of each Service port the ready endpoints; if there are none,
    /// those that are serving and terminating (`pkg/proxy/topology.go`, `CategorizeEndpoints`; KEP-1669).
    pub(crate) fn of(services: &[Arc<Value>], slices: &[Arc<Value>]) -> Self {
        let mut rows = BTreeMap::new();
        for service in services {
            let (ns, name) = (meta::namespace(service), meta::name(service));
            let own = slices
                .iter()
                .filter(|slice| meta::namespace(slice) == ns && meta::label(slice, SERVICE_NAME) == Some(name));
            let own: Vec<&Value> = own.map(|slice| &**slice).collect();
            for port in meta::list(service, "/spec/ports") {
                let number = meta::number(port, "/port").and_then(|number| u16::try_from(number).ok());
                if let Some(number) = number {
                    rows.insert((ns.to_owned(), name.to_owned(), number), backends(&own, meta::text(port, "/name")));
                }
            }
        }
        Self { rows }
    }

    /// The backends of a Service port; empty if it is unknown or has none.
    pub(super) fn backends(&self, port: &ServicePort) -> &[Backend] {
        self.rows.get(port).map_or(&[], Vec::as_slice)
    }

    /// Every Service port with its backends, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&ServicePort, &[Backend])> {
        self.rows.iter().map(|(port, backends)| (port, backends.as_slice()))
    }
}

fn backends(slices: &[&Value], port_name: &str) -> Vec<Backend> {
    let all: Vec<(Backend, bool, bool)> = slices.iter().flat_map(|slice| in_slice(slice, port_name)).collect();
    let chosen = |wanted: fn(&(Backend, bool, bool)) -> bool| -> Vec<Backend> {
        all.iter().filter(|endpoint| wanted(endpoint)).map(|endpoint| endpoint.0.clone()).collect()
    };
    let ready = chosen(|(_, ready, _)| *ready);
    if ready.is_empty() { chosen(|(backend, _, serving)| *serving && backend.terminating) } else { ready }
}

/// A slice's endpoints on a port, each with ready and serving.
fn in_slice<'a>(slice: &'a Value, port_name: &str) -> impl Iterator<Item = (Backend, bool, bool)> + use<'a> {
    let port = meta::list(slice, "/ports").iter().find(|port| meta::text(port, "/name") == port_name);
    let port = port.and_then(|port| u16::try_from(meta::number(port, "/port")?).ok());
    port.into_iter().flat_map(move |port| {
        meta::list(slice, "/endpoints").iter().filter_map(move |endpoint| {
            let address: IpAddr = meta::text(endpoint, "/addresses/0").parse().ok()?;
            // Absent conditions have these meanings in `discovery/v1`: ready, serving as ready, not terminating.
            let flag = |name: &str| endpoint["conditions"][name].as_bool();
            let ready = flag("ready").unwrap_or(true);
            let backend = Backend {
                address: SocketAddr::new(address, port),
                pod: meta::text(endpoint, "/targetRef/name").to_owned(),
                terminating: flag("terminating").unwrap_or(false),
            };
            Some((backend, ready, flag("serving").unwrap_or(ready)))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(endpoints: &[(&str, bool, bool, bool)]) -> RoutingTable {
        let service =
            json!({"metadata": {"name": "web", "namespace": "a"}, "spec": {"ports": [{"name": "h", "port": 80}]}});
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(ip, ready, serving, terminating)| {
                json!({"addresses": [ip], "targetRef": {"name": ip},
                    "conditions": {"ready": ready, "serving": serving, "terminating": terminating}})
            })
            .collect();
        let slice = json!({"metadata": {"namespace": "a", "labels": {SERVICE_NAME: "web"}},
            "ports": [{"name": "h", "port": 8080}], "endpoints": endpoints});
        RoutingTable::of(&[Arc::new(service)], &[Arc::new(slice)])
    }

    fn chosen(endpoints: &[(&str, bool, bool, bool)]) -> Vec<String> {
        let table = table(endpoints);
        let port = ("a".to_owned(), "web".to_owned(), 80);
        table.backends(&port).iter().map(|backend| backend.address.to_string()).collect()
    }

    #[test]
    fn ready_endpoints_come_before_terminating_ones_and_those_before_none() {
        let ready = ("127.1.0.1", true, true, false);
        let leaving = ("127.1.0.2", false, true, true);
        let leaving_unready = ("127.1.0.3", false, false, true);
        let starting = ("127.1.0.4", false, false, false);
        assert_eq!(chosen(&[ready, leaving, starting]), ["127.1.0.1:8080"]);
        assert_eq!(chosen(&[leaving, leaving_unready, starting]), ["127.1.0.2:8080"]);
        assert_eq!(chosen(&[leaving_unready, starting]), Vec::<String>::new());
        assert_eq!(chosen(&[]), Vec::<String>::new());
    }

    #[test]
    fn other_ports_services_and_namespaces_have_no_backends() {
        let table = table(&[("127.1.0.1", true, true, false)]);
        for (ns, name, port) in [("a", "web", 81), ("a", "api", 80), ("b", "web", 80)] {
            assert!(table.backends(&(ns.to_owned(), name.to_owned(), port)).is_empty());
        }
        assert_eq!(table.backends(&("a".to_owned(), "web".to_owned(), 80))[0].pod, "127.1.0.1");
    }
}
