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
use crate::record::entry::{LoadedNode, Mark, MarkName, NodePorts};
use crate::record::{Arm, Entry, Sink};

/// How often this process's load is asked whether it has ended.
const FINISH_POLL: Duration = Duration::from_millis(10);

/// Where a variant's load and watches live.
pub(crate) enum LoadSite {
    Local(LocalSite),
    Agent(Box<AgentSite>),
}

pub(crate) struct LocalSite {
    pub(crate) clock: Clock,
    pub(crate) sink: Sink,
    /// How the Service is reached.
    pub(crate) route: Arc<dyn Route>,
    /// The node ports that the route leads to, if it leads to any.
    pub(crate) node_ports: Option<NodePorts>,
    /// The watches, which run from the variant's creation to the end of the run.
    pub(crate) observer: Arc<Observer>,
}

#[derive(Debug)]
pub(crate) struct AgentSite {
    /// The way to it.
    pub(crate) remote: RemoteAgent,
    /// Its lines, on their way into the record.
    pub(crate) follower: Arc<Follower>,
    pub(crate) namespace: String,
    pub(crate) address: SocketAddr,
    /// The watches, where the agent may not watch the namespace and this process does.
    pub(crate) watches: Option<Arc<Observer>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Agent(#[from] AgentError),
}

pub(crate) enum SiteLoad {
    Local(RunningLoad),
    Agent { remote: RemoteAgent, follower: Arc<Follower> },
}

impl std::fmt::Debug for LoadSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(local) => f.debug_tuple("Local").field(&local.clock).finish(),
            Self::Agent(agent) => f.debug_tuple("Agent").field(agent).finish(),
        }
    }
}

impl LoadSite {
    pub(crate) fn node_ports(&self) -> Option<&NodePorts> {
        match self {
            Self::Local(local) => local.node_ports.as_ref(),
            Self::Agent(_) => None,
        }
    }

    /// A moment on the load's clock.
    pub(crate) async fn now(&self) -> Result<Stamp, SiteError> {
        Ok(match self {
            Self::Local(local) => local.clock.now(),
            Self::Agent(agent) => agent.remote.mark().await?,
        })
    }

    /// Puts `entry` into the record, behind what was recorded so far.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), SiteError> {
        match self {
            Self::Local(local) => local.sink.send(entry),
            Self::Agent(agent) => agent.remote.record(&entry).await?,
        }
        Ok(())
    }

    /// Records a step that began at `before_ns` and has just ended.
    pub(crate) async fn mark(
        &self,
        trial: u32,
        name: MarkName,
        before_ns: Stamp,
        detail: &str,
    ) -> Result<(), SiteError> {
        let after_ns = self.now().await?;
        self.record(Entry::Mark(Mark { trial, name, before_ns, after_ns, detail: detail.to_owned() })).await
    }

    /// Begins to probe the listeners of the pods that are there now.
    pub(crate) async fn probe_present_pods(&self) -> Result<(), SiteError> {
        match self {
            Self::Local(local) => local.observer.probe_present_pods(),
            Self::Agent(agent) => agent.remote.probes(&agent.namespace, true).await?,
        }
        Ok(())
    }

    pub(crate) async fn stop_probes(&self) -> Result<(), SiteError> {
        match self {
            Self::Local(local) => local.observer.stop_probes(),
            Self::Agent(agent) => agent.remote.probes(&agent.namespace, false).await?,
        }
        Ok(())
    }

    /// One request of each kind of `plan`.
    pub(crate) async fn preflight(&self, plan: &LoadPlan) -> Result<Vec<Preflight>, SiteError> {
        match self {
            Self::Local(local) => {
                let (plan, route, clock) = (plan.clone(), Arc::clone(&local.route), local.clock);
                Ok(blocking(move || load::preflight(&plan, route, clock)).await?)
            }
            Self::Agent(agent) => Ok(agent.remote.preflight(plan, agent.address).await?),
        }
    }

    /// Makes `tries` connections and closes them; why the first one without an answer failed.
    pub(crate) async fn reach(&self, tries: usize) -> Result<Option<String>, SiteError> {
        Ok(match self {
            Self::Local(local) => load::reach(&local.route, tries).await,
            Self::Agent(agent) => agent.remote.reach(agent.address, tries).await?,
        })
    }

    /// The nodes whose ports give some of `tries` connections no answer, each with why.
    pub(crate) async fn silent_nodes(&self, tries: usize) -> Vec<(LoadedNode, String)> {
        self.nodes_that(|address| async move {
            let route: Arc<dyn Route> = Arc::new(address);
            load::reach(&route, tries).await
        })
        .await
    }

    /// The nodes whose ports take no connection, each with why. A refusal is none: until a node's rules follow its first pod, they refuse.
    pub(crate) async fn closed_nodes(&self) -> Vec<(LoadedNode, String)> {
        self.nodes_that(load::connect_once).await
    }

    /// The nodes of whose ports `fails` tells why, all asked at once.
    async fn nodes_that<F: Future<Output = Option<String>>>(
        &self,
        fails: impl Fn(SocketAddr) -> F,
    ) -> Vec<(LoadedNode, String)> {
        let nodes = self.node_ports().map(|ports| ports.nodes.clone()).unwrap_or_default();
        let asked = nodes.into_iter().map(|node| {
            let failed = fails(node.address);
            async move { failed.await.map(|why| (node, why)) }
        });
        futures_util::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// Makes a connection to a pod's own address and closes it; why it failed if it got no answer.
    pub(super) async fn reach_pod(&self, address: SocketAddr) -> Result<Option<String>, SiteError> {
        Ok(match self {
            Self::Local(_) => {
                let route: Arc<dyn Route> = Arc::new(address);
                load::reach(&route, 1).await
            }
            Self::Agent(agent) => agent.remote.reach(address, 1).await?,
        })
    }

    pub(crate) async fn start_load(&self, plan: LoadPlan) -> Result<SiteLoad, SiteError> {
        match self {
            Self::Local(local) => {
                let (route, clock, sink) = (Arc::clone(&local.route), local.clock, local.sink.clone());
                Ok(SiteLoad::Local(blocking(move || load::start(plan, route, clock, sink)).await?))
            }
            Self::Agent(agent) => {
                agent.remote.start_load(&plan, agent.address).await?;
                Ok(SiteLoad::Agent { remote: agent.remote.clone(), follower: Arc::clone(&agent.follower) })
            }
        }
    }

    /// Ends the watches that are in this process; those of an agent end with it.
    pub(crate) async fn close(self) {
        let observer = match self {
            Self::Local(local) => Some(local.observer),
            Self::Agent(agent) => agent.watches,
        };
        // Variants of one namespace share it: the last one ends it.
        if let Some(observer) = observer.and_then(Arc::into_inner) {
            observer.stop().await;
        }
    }
}

impl SiteLoad {
    /// Attempts that have ended, and those among them that were lost.
    pub(crate) fn live(&self) -> (u64, u64) {
        match self {
            Self::Local(running) => (running.live().ended(), running.live().lost()),
            Self::Agent { follower, .. } => {
                let live = follower.now().live;
                (live.ended, live.lost)
            }
        }
    }

    pub(crate) async fn stop(&self) -> Result<(), SiteError> {
        match self {
            Self::Local(running) => running.stop(),
            Self::Agent { remote, .. } => remote.end_load(false).await?,
        }
        Ok(())
    }

    pub(crate) async fn abort(&self) -> Result<(), SiteError> {
        match self {
            Self::Local(running) => running.abort(),
            Self::Agent { remote, .. } => remote.end_load(true).await?,
        }
        Ok(())
    }

    /// Waits until every attempt has ended. Goes on where it was when it is called again.
    pub(crate) async fn finished(&self) -> Result<(), SiteError> {
        match self {
            Self::Local(running) => {
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
    pub(crate) async fn planned(self) -> Result<BTreeMap<Arm, u64>, SiteError> {
        Ok(match self {
            Self::Local(running) => blocking(move || running.wait()).await?.planned(),
            Self::Agent { remote, .. } => remote.await_load().await?,
        })
    }
}
