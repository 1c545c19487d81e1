//! The side probe: connects to a pod's own address every 20 ms, and so brackets the moment its listener closed.
//!
//! It speaks no HTTP and sends nothing: a connection is made and closed.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::clock::{Clock, Stamp};
use crate::record::entry::{Change, Listener, ListenerSeen, PodSeen};
use crate::record::{Entry, Sink};

const PERIOD: Duration = Duration::from_millis(20);
/// Longer than any round trip inside a cluster; a pod that is gone without a refusal answers nothing at all.
const PATIENCE: Duration = Duration::from_millis(500);

/// The probes of one namespace's pods.
#[derive(Debug)]
pub(super) struct SideProbes {
    namespace: String,
    port: Option<u16>,
    clock: Clock,
    sink: Sink,
    present: BTreeMap<String, (String, IpAddr)>,
    running: BTreeMap<String, JoinHandle<()>>,
}

impl SideProbes {
    pub(super) fn new(namespace: String, port: Option<u16>, clock: Clock, sink: Sink) -> Self {
        Self { namespace, port, clock, sink, present: BTreeMap::new(), running: BTreeMap::new() }
    }

    /// Takes note of a pod. A pod that is gone is probed no more: its address may soon be another's.
    pub(super) fn saw(&mut self, pod: &PodSeen) {
        let address = pod.ip.as_deref().and_then(|ip| ip.parse().ok());
        match (pod.change, address) {
            (Change::Gone, _) => {
                self.present.remove(&pod.uid);
                if let Some(probe) = self.running.remove(&pod.uid) {
                    probe.abort();
                }
            }
            (_, Some(address)) => {
                self.present.insert(pod.uid.clone(), (pod.name.clone(), address));
            }
            _ => {}
        }
    }

    pub(super) fn start_all(&mut self) {
        let Some(port) = self.port else { return };
        for (uid, (pod, address)) in &self.present {
            if self.running.contains_key(uid) {
                continue;
            }
            let probe = probe(
                SocketAddr::new(*address, port),
                self.namespace.clone(),
                pod.clone(),
                self.clock,
                self.sink.clone(),
            );
            self.running.insert(uid.clone(), tokio::spawn(probe));
        }
    }

    pub(super) fn stop_all(&mut self) {
        for probe in std::mem::take(&mut self.running).into_values() {
            probe.abort();
        }
    }
}

impl Drop for SideProbes {
    fn drop(&mut self) {
        self.stop_all();
    }
}

async fn probe(address: SocketAddr, namespace: String, pod: String, clock: Clock, sink: Sink) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last: Option<(Stamp, Listener)> = None;
    loop {
        ticks.tick().await;
        let asked = clock.now();
        let Some(state) = look(address).await else { continue };
        let answered = clock.now();
        if last.is_none_or(|(_, before)| before != state) {
            let before_ns = last.map_or(asked, |(at, _)| at);
            sink.send(Entry::Listener(ListenerSeen {
                before_ns,
                after_ns: answered,
                namespace: namespace.clone(),
                pod: pod.clone(),
                state,
            }));
        }
        // The earlier state is known to have held when the question was asked, not when the answer came.
        last = Some((asked, state));
    }
}

/// `None` where this machine itself could not ask: that tells nothing of the pod.
async fn look(address: SocketAddr) -> Option<Listener> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_connection)) => Some(Listener::Open),
        Err(_) => Some(Listener::Silent),
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused => Some(Listener::Refused),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::TimedOut => Some(Listener::Silent),
            _ => None,
        },
    }
}
