//! What the agent can do, one function a command.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::wire::{AgentCounters, ClockReading, EndLoad, LoadOrder, LoadState, ProbeSwitch, ReachOrder, ReachResult};
use crate::clock::Clock;
use crate::load::{self, LoadPlan, LocalPorts, Preflight, Route, RunningLoad, blocking};
use crate::observe::{ObservedWorkload, Observer};
use crate::record::WriterStatus;
use crate::record::{Entry, Sink};

/// How long one question for the load's end is held back while it has not come.
const HOLD: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

pub(super) struct AgentState {
    pub(super) clock: Clock,
    pub(super) sink: Sink,
    pub(super) client: kube::Client,
    pub(super) spooling: WriterStatus,
    pub(super) observers: Mutex<BTreeMap<String, Observer>>,
    pub(super) load: Mutex<LoadSlot>,
    /// Of every load: the NAT of the Service remembers a port beyond the trial that used it.
    pub(super) local_ports: LocalPorts,
}

/// The one load, and how it ended.
#[derive(Default)]
pub(super) struct LoadSlot {
    running: Option<RunningLoad>,
    ended: Option<LoadState>,
}

impl LoadSlot {
    /// `None` while the load runs.
    fn standing(&self) -> Option<LoadState> {
        if self.running.is_some() {
            return None;
        }
        Some(self.ended.clone().unwrap_or_else(|| LoadState::Failed("no load was started".to_owned())))
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AgentState {
    pub(super) fn mark(&self) -> ClockReading {
        ClockReading { at_ns: self.clock.now() }
    }

    pub(super) fn record(&self, entry: Entry) {
        self.sink.send(entry);
    }

    /// Starts to watch a namespace, unless it is watched already.
    pub(super) fn watch(&self, target: &ObservedWorkload) {
        lock(&self.observers)
            .entry(target.namespace.clone())
            .or_insert_with(|| Observer::start(&self.client, target, self.clock, &self.sink));
    }

    pub(super) fn probes(&self, probes: &ProbeSwitch) {
        if let Some(observer) = lock(&self.observers).get(&probes.namespace) {
            if probes.on { observer.probe_present_pods() } else { observer.stop_probes() }
        }
    }

    fn own_ports(&self, plan: LoadPlan) -> LoadPlan {
        LoadPlan { local_ports: self.local_ports.clone(), ..plan }
    }

    pub(super) async fn preflight(&self, order: LoadOrder) -> Result<Vec<Preflight>, String> {
        let (address, clock) = (order.address, self.clock);
        let plan = self.own_ports(order.plan);
        let sent = blocking(move || load::preflight(&plan, Arc::new(address), clock)).await;
        sent.map_err(|error| error.to_string())
    }

    pub(super) async fn reach(reach: ReachOrder) -> ReachResult {
        let route: Arc<dyn Route> = Arc::new(reach.address);
        ReachResult { why: load::reach(&route, reach.tries).await }
    }

    pub(super) async fn start_load(&self, order: LoadOrder) -> Result<(), String> {
        if lock(&self.load).running.is_some() {
            return Err("a load is running already".to_owned());
        }
        let (address, clock, sink): (SocketAddr, _, _) = (order.address, self.clock, self.sink.clone());
        let plan = self.own_ports(order.plan);
        let started = blocking(move || load::start(plan, Arc::new(address), clock, sink)).await;
        let running = started.map_err(|error| error.to_string())?;
        *lock(&self.load) = LoadSlot { running: Some(running), ended: None };
        Ok(())
    }

    pub(super) fn end_load(&self, end: EndLoad) {
        if let Some(running) = &lock(&self.load).running {
            if end.abort { running.abort() } else { running.stop() }
        }
    }

    /// How the load ended, or after [`HOLD`] that it still runs.
    pub(super) async fn standing(&self) -> LoadState {
        let asked = self.clock.now();
        while self.clock.now() < asked + crate::clock::saturating_ns(HOLD) {
            let ended = {
                let mut slot = lock(&self.load);
                if slot.running.as_ref().is_some_and(RunningLoad::is_finished) { slot.running.take() } else { None }
            };
            if let Some(ended) = ended {
                let standing = match blocking(move || ended.wait()).await {
                    Ok(summary) => LoadState::Ended(summary.planned()),
                    Err(error) => LoadState::Failed(error.to_string()),
                };
                lock(&self.load).ended = Some(standing);
            }
            if let Some(standing) = lock(&self.load).standing() {
                return standing;
            }
            tokio::time::sleep(POLL).await;
        }
        LoadState::Running
    }

    pub(super) fn live(&self) -> AgentCounters {
        let slot = lock(&self.load);
        let (ended, lost) = slot.running.as_ref().map_or((0, 0), |load| (load.live().ended(), load.live().lost()));
        AgentCounters { ended, lost, failure: self.spooling.failure().map(str::to_owned) }
    }
}
