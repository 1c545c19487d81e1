//! The cluster that a run takes place on: found before the record is begun, started with it, and left as it was.
//!
//! - `check_rights`: the rights that the driver needs
//! - `claim`: claims a workload that is there already for one run
//! - `consent`: says what is done to a workload that is there already, and asks
//! - `embedded`: the embedded cluster
//! - `existing_facts`: what must be known of a workload that is there already
//! - `fit_plan`: fits a plan to a real cluster
//! - `image_preparation`: the images of a run on a real cluster
//! - `kubeconfig_memory`: the kubeconfig of the user's own commands
//! - `live_target`: reads a workload that is there already
//! - `owner_marks`: who else sets what a workload is (pure)
//! - `reach_cluster`: finds the real cluster that the user named
//! - `real_cluster`: kind, or the cluster of a context
//! - `rights_yaml`: missing rights as the objects that give them (pure)
//! - `run_agent`: deploys, follows and replaces the agent of a run
//! - `service_address`: where the load connects to
//! - `wait_ready`: waits until a workload is at rest and answers
//! - `why_not_ready`: why a workload is not ready, from its pods and Events

mod check_rights;
mod claim;
mod consent;
mod embedded;
mod existing_facts;
mod fit_plan;
mod image_preparation;
mod kubeconfig_memory;
mod live_target;
mod owner_marks;
mod reach_cluster;
mod real_cluster;
mod rights_yaml;
mod run_agent;
mod service_address;
mod wait_ready;
mod why_not_ready;

use std::str::FromStr;
use std::time::Duration;

use super::context::RunContext;
use super::ending::{CommandFailure, UserOutput};
use super::field_check;
use super::kept_manifests::{self, AppliedVariant};
use super::options::WhereArgs;
use super::stage::RunStage;
use crate::agent::AgentError;
use crate::cluster::embedded::{EmbeddedCluster, VERSION};
use crate::cluster::kind::KindError;
use crate::plan::{RunPlan, VariantPlan};
use crate::record::entry::ClusterNote;
use crate::record::header::ClusterHeader;
use crate::record::{Entry, Sink};
use crate::trial::RunningVariant;
use reach_cluster::ReachedCluster;
use real_cluster::RealCluster;

pub(super) use consent::agreed;
pub(super) use live_target::live_target;
pub(super) use reach_cluster::{connect_to, connect_to_choice, create};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ClusterChoice {
    #[default]
    Embedded,
    /// A kind cluster, by its name; rollproof's own by default.
    Kind(Option<String>),
    Context(String),
}

impl ClusterChoice {
    /// What to do where no image of rollproof can be packed for the nodes. kind calls the context of a cluster `kind-` and its
    /// name, and on a cluster of kind the image is packed.
    fn instead_of_an_agent_image(&self) -> String {
        let Self::Context(context) = self else { return String::new() };
        match context.strip_prefix("kind-").filter(|name| !name.is_empty()) {
            Some(name) => format!("; if {context} is a kind cluster, use --cluster kind:{name}, which needs no image"),
            None => String::new(),
        }
    }
}

impl std::fmt::Display for ClusterChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Kind(None) => f.write_str("kind"),
            Self::Kind(Some(name)) => write!(f, "kind:{name}"),
            Self::Context(name) => write!(f, "context:{name}"),
        }
    }
}

impl FromStr for ClusterChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("`{text}` is no cluster; expected embedded, kind, kind:NAME or context:NAME");
        match text.split_once(':') {
            None if text == "embedded" => Ok(Self::Embedded),
            None if text == "kind" => Ok(Self::Kind(None)),
            Some(("kind", name)) if !name.is_empty() => Ok(Self::Kind(Some(name.to_owned()))),
            Some(("context", name)) if !name.is_empty() => Ok(Self::Context(name.to_owned())),
            _ => Err(expected()),
        }
    }
}

/// A workload that is not ready by then is spoken of.
const SAID_AFTER: Duration = Duration::from_secs(15);
/// Lines of each container's output that are shown when it does not get ready.
const LOG_LINES: usize = 10;

/// Where the load comes from, on a cluster with a network of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LoadPlace {
    /// From a pod, to the Service's `ClusterIP`
    #[default]
    Pod,
    /// From this machine, to a `NodePort`
    Host,
}

/// Why the first trial could not begin.
#[derive(Debug)]
pub(super) enum NotReady {
    /// The machine or the cluster.
    Machine(String),
    /// What the user wrote.
    User(String),
    Stopped,
}

impl From<AgentError> for NotReady {
    fn from(error: AgentError) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<KindError> for NotReady {
    fn from(error: KindError) -> Self {
        Self::Machine(error.to_string())
    }
}

/// A cluster that was found and can be asked.
pub(super) enum FoundCluster {
    Embedded { private_network: bool },
    Real(Box<ReachedCluster>),
}

pub(super) enum RunCluster {
    Embedded(Box<EmbeddedCluster>),
    Real(Box<RealCluster>),
}

pub(super) async fn find(
    place: &WhereArgs,
    plan: &RunPlan,
    stage: Option<&RunStage>,
    output: &dyn UserOutput,
) -> Result<FoundCluster, CommandFailure> {
    if let Some(stage) = stage {
        return Ok(FoundCluster::Embedded { private_network: stage.host_network.is_none() });
    }
    let reached = reach_cluster::reach(place, plan, output).await?;
    match field_check::unknown(plan) {
        Some(unknown) if field_check::is_newer(&reached.version) => output.say(&format!("note: {unknown}")),
        Some(unknown) => return Err(unknown),
        None => {}
    }
    Ok(FoundCluster::Real(Box::new(reached)))
}

/// The plan as the cluster that was found can take it; `None` where it can as it is.
pub(super) async fn fitted(
    found: &FoundCluster,
    plan: &RunPlan,
    output: &dyn UserOutput,
) -> Result<Option<RunPlan>, CommandFailure> {
    match found {
        FoundCluster::Embedded { .. } => Ok(None),
        FoundCluster::Real(reached) => fit_plan::fit(reached, plan, output).await.map(Some),
    }
}

/// Says and records what the cluster did not keep of the manifests.
fn note_what_was_kept(run: &RunContext<'_>, sink: &Sink, applied: &[AppliedVariant]) {
    for note in kept_manifests::notes(applied) {
        run.output.say(&format!("note: {note}"));
        sink.send(Entry::ClusterNote(ClusterNote { at_ns: run.clock.now(), note }));
    }
}

impl FoundCluster {
    pub(super) fn header(&self) -> ClusterHeader {
        match self {
            Self::Embedded { private_network } => ClusterHeader {
                kind: "embedded".to_owned(),
                version: VERSION.to_owned(),
                private_network: Some(*private_network),
            },
            Self::Real(reached) => reached.header(),
        }
    }
}

impl RunCluster {
    /// Starts what a run needs before its variants.
    pub(super) async fn start(found: FoundCluster, run: &RunContext<'_>, sink: &Sink) -> Result<Self, NotReady> {
        match found {
            FoundCluster::Embedded { .. } => {
                embedded::start(run, sink).map(Box::new).map(Self::Embedded).map_err(NotReady::Machine)
            }
            FoundCluster::Real(reached) => {
                Ok(Self::Real(Box::new(Box::pin(RealCluster::start(*reached, run, sink)).await?)))
            }
        }
    }

    /// Applies all variants and waits until each is at rest and answers.
    pub(super) async fn variants(
        &mut self,
        run: &RunContext<'_>,
        sink: &Sink,
    ) -> Result<Vec<RunningVariant>, NotReady> {
        let variants = match self {
            Self::Embedded(cluster) => embedded::variants(cluster, run, sink).await?,
            Self::Real(real) => real.variants(run, sink).await?,
        };
        run.output.progress("waiting for the variants to be ready");
        let ready = run.plan.variants.iter().zip(&variants).map(|(planned, variant)| self.ready(run, planned, variant));
        futures_util::future::try_join_all(ready).await?;
        Ok(variants)
    }

    /// Waits until the variant is at rest and answers.
    async fn ready(
        &self,
        run: &RunContext<'_>,
        planned: &VariantPlan,
        variant: &RunningVariant,
    ) -> Result<(), NotReady> {
        let mut waiting = std::pin::pin!(wait_ready::complete(variant));
        let complete = if let Ok(complete) = tokio::time::timeout(SAID_AFTER, &mut waiting).await {
            complete?
        } else {
            let mut why = self.why_not_ready(&variant.handle.workload.namespace).await;
            run.secrets.hide_in(&mut why);
            let why = if why.trim().is_empty() { String::new() } else { format!("\n{}", why.trim_end()) };
            let workload = &planned.workload.reference;
            run.output.say(&format!("variant {}: {workload} is not ready yet; waiting{why}", planned.spec.name));
            waiting.await?
        };
        if let Err(stood) = complete {
            let mut why = self.why_not_ready(&variant.handle.workload.namespace).await;
            run.secrets.hide_in(&mut why);
            return Err(NotReady::Machine(format!(
                "variant {}: {} was not ready before the first trial ({stood})\n{why}",
                planned.spec.name, planned.workload.reference
            )));
        }
        wait_ready::answers(run, planned, variant).await
    }

    async fn why_not_ready(&self, namespace: &str) -> String {
        match self {
            Self::Embedded(cluster) => cluster.why_not_ready(namespace, LOG_LINES),
            Self::Real(real) => why_not_ready::why_not_ready(&real.client, namespace).await,
        }
    }

    /// Waits until the record has all lines of `trial`.
    pub(super) async fn recorded(&self, trial: u32) -> Result<(), AgentError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Real(real) => real.recorded(trial).await,
        }
    }

    /// After the harness had trouble of its own: makes what carries the load anew, for the trials to come.
    pub(super) async fn recover(
        &mut self,
        run: &RunContext<'_>,
        sink: &Sink,
        variants: &mut [RunningVariant],
    ) -> Result<(), NotReady> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Real(real) => real.replace_agent(run, sink, variants).await,
        }
    }

    /// Leaves the cluster as it was; what could not be removed, in a sentence. An error is a workload of the user's that is left changed.
    pub(super) async fn end(self) -> Result<Option<String>, String> {
        match self {
            Self::Embedded(cluster) => {
                cluster.shutdown().await;
                Ok(None)
            }
            Self::Real(real) => real.end().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_of_kind_is_told_how_kind_is_named() {
        let said = |cluster: &str| cluster.parse::<ClusterChoice>().unwrap().instead_of_an_agent_image();
        assert!(said("context:kind-two").contains("use --cluster kind:two"), "{}", said("context:kind-two"));
        for other in ["context:shop", "context:kind-", "context:my-kind-two", "kind:two", "embedded"] {
            assert_eq!(said(other), "", "{other}");
        }
    }

    #[test]
    fn clusters_are_named_in_four_ways() {
        let read = |text: &str| text.parse::<ClusterChoice>();
        assert_eq!(read("embedded"), Ok(ClusterChoice::Embedded));
        assert_eq!(read("kind"), Ok(ClusterChoice::Kind(None)));
        assert_eq!(read("kind:a"), Ok(ClusterChoice::Kind(Some("a".to_owned()))));
        assert_eq!(read("context:c:d"), Ok(ClusterChoice::Context("c:d".to_owned())));
        for bad in ["", "kind:", "context", "context:", "minikube", "Kind"] {
            assert!(read(bad).unwrap_err().contains("context:NAME"), "{bad}");
        }
        for text in ["embedded", "kind", "kind:a", "context:c:d"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
    }
}
