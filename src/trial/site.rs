//! Where a variant's load and watches live: in this process, or in the cluster's agent. The steps of a trial are the same
//! for both, and every stamp is taken where the load is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::{AgentError, Follower, RemoteAgent};
use crate::clock::{Clock, Stamp};
use crate::load::{self, LoadError, LoadPlan, Preflight, Route, RunningLoad, blocking};
use crate::observe::Observer;
use crate::record::entry::{Mark, MarkName};
use crate::record::{Arm, Entry, Sink};

/// How often this process's load is asked whether it has ended.
const FINISH_POLL: Duration = Duration::from_millis(10);

/// Where a variant's load and watches live.
pub enum LoadSite {
    /// In this process.
    Here(LocalSite),
    /// In a pod of the cluster.
    Agent(AgentSite),
}

/// In this process.
pub struct LocalSite {
    /// The run's clock.
    pub clock: Clock,
    /// The record.
    pub sink: Sink,
    /// How the Service is reached.
    pub route: Arc<dyn Route>,
    /// The watches, which run from the variant's creation to the end of the run.
    pub observer: Observer,
}

/// In the agent.
#[derive(Debug)]
pub struct AgentSite {
    /// The way to it.
    pub remote: RemoteAgent,
    /// Its lines, on their way into the record.
    pub follower: Arc<Follower>,
    /// The variant's namespace.
    pub namespace: String,
    /// The Service's address.
    pub address: SocketAddr,
}

/// What can go wrong where the load is.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The load could not start.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The agent could not do it.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// A load under way.
pub enum SiteLoad {
    /// In this process.
    Here(RunningLoad),
    /// In the agent.
    Agent {
        /// The way to it.
        remote: RemoteAgent,
        /// Its counters.
        follower: Arc<Follower>,
    },
}

impl std::fmt::Debug for LoadSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(here) => f.debug_tuple("Here").field(&here.clock).finish(),
            Self::Agent(seat) => f.debug_tuple("Agent").field(seat).finish(),
        }
    }
}

impl LoadSite {
    /// A moment on the load's clock.
    pub async fn now(&self) -> Result<Stamp, SiteError> {
        Ok(match self {
            Self::Here(here) => here.clock.now(),
            Self::Agent(seat) => seat.remote.mark().await?,
        })
    }

    /// Puts `entry` into the record, behind what was recorded so far.
    pub async fn record(&self, entry: Entry) -> Result<(), SiteError> {
        match self {
            Self::Here(here) => here.sink.send(entry),
            Self::Agent(seat) => seat.remote.record(&entry).await?,
        }
        Ok(())
    }

    /// Records a step that began at `before_ns` and has just ended.
    pub async fn mark(&self, trial: u32, name: MarkName, before_ns: Stamp, detail: &str) -> Result<(), SiteError> {
        let after_ns = self.now().await?;
        self.record(Entry::Mark(Mark { trial, name, before_ns, after_ns, detail: detail.to_owned() })).await
    }

    /// Begins to probe the listeners of the pods that are there now.
    pub async fn probe_present_pods(&self) -> Result<(), SiteError> {
        match self {
            Self::Here(here) => here.observer.probe_present_pods(),
            Self::Agent(seat) => seat.remote.probes(&seat.namespace, true).await?,
        }
        Ok(())
    }

    /// Ends all probes.
    pub async fn stop_probes(&self) -> Result<(), SiteError> {
        match self {
            Self::Here(here) => here.observer.stop_probes(),
            Self::Agent(seat) => seat.remote.probes(&seat.namespace, false).await?,
        }
        Ok(())
    }

    /// One request of each kind of `plan`.
    pub async fn preflight(&self, plan: &LoadPlan) -> Result<Vec<Preflight>, SiteError> {
        match self {
            Self::Here(here) => {
                let (plan, route, clock) = (plan.clone(), Arc::clone(&here.route), here.clock);
                Ok(blocking(move || load::preflight(&plan, route, clock)).await?)
            }
            Self::Agent(seat) => Ok(seat.remote.preflight(plan, seat.address).await?),
        }
    }

    /// Makes so many connections and closes them; how the first that came nowhere ended.
    pub async fn reach(&self, tries: usize) -> Result<Option<String>, SiteError> {
        Ok(match self {
            Self::Here(here) => load::reach(&here.route, tries).await,
            Self::Agent(seat) => seat.remote.reach(seat.address, tries).await?,
        })
    }

    /// Makes a connection to a pod's own address and closes it; how it ended if it came nowhere.
    pub(super) async fn reach_pod(&self, address: SocketAddr) -> Result<Option<String>, SiteError> {
        Ok(match self {
            Self::Here(_) => {
                let route: Arc<dyn Route> = Arc::new(address);
                load::reach(&route, 1).await
            }
            Self::Agent(seat) => seat.remote.reach(address, 1).await?,
        })
    }

    /// Starts the load of `plan`.
    pub async fn start_load(&self, plan: LoadPlan) -> Result<SiteLoad, SiteError> {
        match self {
            Self::Here(here) => {
                let (route, clock, sink) = (Arc::clone(&here.route), here.clock, here.sink.clone());
                Ok(SiteLoad::Here(blocking(move || load::start(plan, route, clock, sink)).await?))
            }
            Self::Agent(seat) => {
                seat.remote.start_load(&plan, seat.address).await?;
                Ok(SiteLoad::Agent { remote: seat.remote.clone(), follower: Arc::clone(&seat.follower) })
            }
        }
    }

    /// Ends the watches that are in this process; those of an agent end with it.
    pub async fn close(self) {
        if let Self::Here(here) = self {
            here.observer.stop().await;
        }
    }
}

impl SiteLoad {
    /// Attempts that have ended, and those among them that were lost.
    #[must_use]
    pub fn live(&self) -> (u64, u64) {
        match self {
            Self::Here(running) => (running.live().ended(), running.live().lost()),
            Self::Agent { follower, .. } => {
                let live = follower.now().live;
                (live.ended, live.lost)
            }
        }
    }

    /// Plans no further attempts.
    pub async fn stop(&self) -> Result<(), SiteError> {
        match self {
            Self::Here(running) => running.stop(),
            Self::Agent { remote, .. } => remote.end_load(false).await?,
        }
        Ok(())
    }

    /// Ends at once.
    pub async fn abort(&self) -> Result<(), SiteError> {
        match self {
            Self::Here(running) => running.abort(),
            Self::Agent { remote, .. } => remote.end_load(true).await?,
        }
        Ok(())
    }

    /// Waits until every attempt has ended. Goes on where it was when it is called again.
    pub async fn finished(&self) -> Result<(), SiteError> {
        match self {
            Self::Here(running) => {
                while !running.is_finished() {
                    tokio::time::sleep(FINISH_POLL).await;
                }
            }
            Self::Agent { remote, .. } => {
                remote.await_load().await?;
            }
        }
        Ok(())
    }

    /// The attempts planned by each arm of a load that is finished.
    pub async fn planned(self) -> Result<BTreeMap<Arm, u64>, SiteError> {
        Ok(match self {
            Self::Here(running) => blocking(move || running.wait()).await?.planned(),
            Self::Agent { remote, .. } => remote.await_load().await?,
        })
    }
}
