//! The agent of a run: deployed, followed, and replaced when it is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;

use super::NotReady;
use crate::agent::{
    AgentDeployment, AgentError, Follower, RemoteAgent, agent_rights, deploy, grant, grant_as_guest, retire,
};
use crate::clock::Clock;
use crate::observe::Observer;
use crate::record::Sink;
use crate::trial::AgentSite;

/// Lines come four times a second; this is far beyond any delay that is not a fault.
const LINES_WITHIN: Duration = Duration::from_mins(1);
/// Agents of one run: one, and two more where it is lost.
const MOST: u32 = 3;

pub(super) struct RunAgent {
    pub(super) namespace: String,
    image: String,
    token: String,
    origin_unix_ns: u64,
    clock: Clock,
    number: u32,
    life: Option<AgentLife>,
}

/// One agent that answers, with the follower of its lines.
#[derive(Clone)]
pub(super) struct AgentLife {
    pub(super) remote: RemoteAgent,
    follower: Arc<Follower>,
}

impl AgentLife {
    /// Where this agent's load connects to, for a workload in `namespace`.
    pub(super) fn site(&self, namespace: &str, address: SocketAddr, watches: Option<Arc<Observer>>) -> AgentSite {
        AgentSite {
            remote: self.remote.clone(),
            follower: Arc::clone(&self.follower),
            namespace: namespace.to_owned(),
            address,
            watches,
        }
    }
}

impl RunAgent {
    pub(super) fn new(namespace: String, image: String, token: String, origin_unix_ns: u64, clock: Clock) -> Self {
        Self { namespace, image, token, origin_unix_ns, clock, number: 0, life: None }
    }

    /// The first agent, or one in place of a lost one.
    pub(super) async fn start(&mut self, client: &Client, sink: &Sink) -> Result<AgentLife, NotReady> {
        if self.number == MOST {
            return Err(NotReady::Machine(format!("the agent was lost {MOST} times; the cluster cannot keep it")));
        }
        // A lost agent may still carry its load: it must be gone before the next trial is loaded by another.
        if self.number > 0 {
            retire(client, &self.namespace, self.number).await?;
        }
        self.number += 1;
        self.life = None;
        let deployment = AgentDeployment {
            namespace: self.namespace.clone(),
            image: self.image.clone(),
            token: self.token.clone(),
            origin_unix_ns: self.origin_unix_ns,
            number: self.number,
        };
        let deployed = deploy(client, &deployment, self.clock).await?;
        let follower = Arc::new(Follower::start(deployed.remote.clone(), sink.clone()));
        let life = AgentLife { remote: deployed.remote, follower };
        self.life = Some(life.clone());
        Ok(life)
    }

    pub(super) fn life(&self) -> Option<&AgentLife> {
        self.life.as_ref()
    }

    pub(super) async fn grant(&self, client: &Client, namespace: &str) -> Result<(), NotReady> {
        Ok(grant(client, namespace, &self.namespace).await?)
    }

    /// Its rights in a namespace that is not the run's own.
    pub(super) async fn grant_as_guest(&self, client: &Client, namespace: &str, run: &str) -> Result<(), NotReady> {
        Ok(grant_as_guest(client, namespace, &self.namespace, run).await?)
    }

    /// Waits until the record has the lines of `trial`.
    pub(super) async fn recorded(&self, trial: u32) -> Result<(), AgentError> {
        match &self.life {
            Some(life) => life.follower.until_trial_end(trial, LINES_WITHIN).await,
            None => Ok(()),
        }
    }

    /// Ends the follower, so that its part in the record is closed.
    pub(super) async fn close(&mut self) {
        if let Some(follower) = self.life.take().and_then(|life| Arc::into_inner(life.follower)) {
            follower.stop().await;
        }
    }
}

/// Names the rights that the agent lacks in `namespace`. A binding takes a moment until it is in force.
pub(super) async fn check_rights(life: &AgentLife, namespace: &str) -> Result<(), NotReady> {
    const WITHIN: u32 = 20;
    for last in (0..WITHIN).rev() {
        let missing = life.remote.missing_rights(&agent_rights(namespace)).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if last == 0 {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return Err(NotReady::Machine(format!("the agent may not {}", missing.join(", nor "))));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}
