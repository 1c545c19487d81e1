//! The side probe: connects to a pod's own address again and again, and so brackets the moment its listener closed. A pod that comes
//! while it runs is probed until its listener is open for the first time.
//!
//! It speaks no HTTP and sends nothing: a connection is made and closed.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::SideProbeSpec;
use crate::clock::{Clock, Stamp};
use crate::record::entry::{ListenerSeen, ListenerState, PodSeen, SeenChange};
use crate::record::{Entry, Sink};

/// Longer than any round trip inside a cluster; a pod that is gone without a refusal answers nothing at all.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct SideProbes {
    namespace: String,
    spec: Option<SideProbeSpec>,
    clock: Clock,
    sink: Sink,
    present: BTreeMap<String, (String, IpAddr)>,
    running: BTreeMap<String, ListenerProbe>,
    /// Pods that come are probed too.
    active: bool,
}

/// What a probe saw last: the state, and when it was asked for.
type LastListener = Arc<Mutex<Option<(Stamp, ListenerState)>>>;

#[derive(Debug)]
struct ListenerProbe {
    pod: String,
    last: LastListener,
    task: JoinHandle<()>,
}

impl SideProbes {
    pub(super) fn new(namespace: String, spec: Option<SideProbeSpec>, clock: Clock, sink: Sink) -> Self {
        Self { namespace, spec, clock, sink, present: BTreeMap::new(), running: BTreeMap::new(), active: false }
    }

    /// Takes note of a pod. A pod that is gone is probed no more: its address may soon be another's. If its listener was
    /// open to the last, that is recorded: no later change tells until when it was.
    pub(super) fn saw(&mut self, pod: &PodSeen) {
        let address = pod.ip.as_deref().and_then(|ip| ip.parse().ok());
        match (pod.change, address) {
            (SeenChange::Gone, _) => {
                self.present.remove(&pod.uid);
                if let Some(probe) = self.running.remove(&pod.uid) {
                    probe.task.abort();
                    let last = *probe.last.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some((at_ns, state @ ListenerState::Open)) = last {
                        self.record_last(probe.pod, at_ns, state);
                    }
                }
            }
            (_, Some(address)) => {
                self.present.insert(pod.uid.clone(), (pod.name.clone(), address));
                if self.active {
                    self.probe(&pod.uid, &pod.name, address, ProbeUntil::Open);
                }
            }
            _ => {}
        }
    }

    fn record_last(&self, pod: String, at_ns: Stamp, state: ListenerState) {
        let namespace = self.namespace.clone();
        self.sink.send(Entry::Listener(ListenerSeen { before_ns: at_ns, after_ns: at_ns, namespace, pod, state }));
    }

    pub(super) fn start_all(&mut self) {
        for (uid, (pod, address)) in self.present.clone() {
            self.probe(&uid, &pod, address, ProbeUntil::Gone);
        }
        self.active = true;
    }

    fn probe(&mut self, uid: &str, pod: &str, address: IpAddr, until: ProbeUntil) {
        let Some(SideProbeSpec { port, every }) = self.spec else { return };
        if self.running.contains_key(uid) {
            return;
        }
        let last = LastListener::default();
        let probe = probe(
            SocketAddr::new(address, port),
            every,
            until,
            ListenerSeen {
                before_ns: 0,
                after_ns: 0,
                namespace: self.namespace.clone(),
                pod: pod.to_owned(),
                state: ListenerState::Silent,
            },
            self.clock,
            self.sink.clone(),
            Arc::clone(&last),
        );
        self.running.insert(uid.to_owned(), ListenerProbe { pod: pod.to_owned(), last, task: tokio::spawn(probe) });
    }

    pub(super) fn stop_all(&mut self) {
        self.active = false;
        for probe in std::mem::take(&mut self.running).into_values() {
            probe.task.abort();
        }
    }
}

impl Drop for SideProbes {
    fn drop(&mut self) {
        self.stop_all();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbeUntil {
    /// Its listener is open for the first time.
    Open,
    /// Somebody ends the probe.
    Gone,
}

/// Records each change of what a listener answers, as `of` with its times and state.
async fn probe(
    address: SocketAddr,
    every: Duration,
    until: ProbeUntil,
    of: ListenerSeen,
    clock: Clock,
    sink: Sink,
    last: LastListener,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let asked = clock.now();
        let Some(state) = look(address).await else { continue };
        let answered = clock.now();
        // The earlier state is known to have held when the question was asked, not when the answer came.
        let earlier = last.lock().unwrap_or_else(PoisonError::into_inner).replace((asked, state));
        if earlier.is_none_or(|(_, before)| before != state) {
            let before_ns = earlier.map_or(asked, |(at, _)| at);
            sink.send(Entry::Listener(ListenerSeen { before_ns, after_ns: answered, state, ..of.clone() }));
        }
        if until == ProbeUntil::Open && state == ListenerState::Open {
            // Nothing is known of it any more: its end is not to be told from a state that nobody looked at.
            *last.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return;
        }
    }
}

/// `None` where this machine itself could not ask: that tells nothing of the pod.
async fn look(address: SocketAddr) -> Option<ListenerState> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_connection)) => Some(ListenerState::Open),
        Err(_) => Some(ListenerState::Silent),
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused => Some(ListenerState::Refused),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::TimedOut => {
                Some(ListenerState::Silent)
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::record::SinkReceiver;
    use crate::record::sink::channel;

    const PERIOD: Duration = Duration::from_millis(20);

    fn pod(change: SeenChange) -> PodSeen {
        PodSeen {
            at_ns: 0,
            change,
            namespace: "ns".to_owned(),
            name: "web-1".to_owned(),
            uid: "1".to_owned(),
            owner: None,
            labels: BTreeMap::new(),
            ip: Some("127.0.0.1".to_owned()),
            node: None,
            phase: "Running".to_owned(),
            ready: true,
            created: None,
            deletion_timestamp: None,
            deletion_grace_s: None,
            containers: Vec::new(),
        }
    }

    fn lines(source: &SinkReceiver) -> Vec<ListenerSeen> {
        let entries = std::iter::from_fn(|| source.recv_within(Duration::ZERO).ok().flatten());
        entries.map(|entry| if let Entry::Listener(seen) = entry { seen } else { panic!("{entry:?}") }).collect()
    }

    /// What is recorded of a pod that is probed for a while and is then gone.
    async fn probed(listener: Option<TcpListener>, port: u16) -> Vec<ListenerSeen> {
        let (sink, source) = channel(64);
        let mut probes =
            SideProbes::new("ns".to_owned(), Some(SideProbeSpec { port, every: PERIOD }), Clock::start(), sink);
        probes.saw(&pod(SeenChange::Seen));
        probes.start_all();
        tokio::time::sleep(PERIOD * 10).await;
        probes.saw(&pod(SeenChange::Gone));
        drop(listener);
        tokio::time::sleep(PERIOD * 3).await;
        lines(&source)
    }

    #[tokio::test]
    async fn a_listener_that_was_open_to_the_last_is_known_to_have_been() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = probed(Some(listener), port).await;
        assert!(matches!(seen.as_slice(), [first, last] if first.after_ns < last.before_ns), "{seen:?}");
        assert!(seen.iter().all(|line| line.state == ListenerState::Open && line.pod == "web-1"), "{seen:?}");
    }

    #[tokio::test]
    async fn one_that_had_closed_is_told_once() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let seen = probed(None, port).await;
        assert!(matches!(seen.as_slice(), [only] if only.state == ListenerState::Refused), "{seen:?}");
    }
}
