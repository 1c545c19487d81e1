//! Finds the real cluster that the user named, and asks it what must be known before the record is begun.

use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};

use super::existing_facts::{self, ExistingFacts};
use super::{ClusterChoice, LoadPlace};
use crate::cluster::kind::{ClusterCreation, DEFAULT_NAME, KindCluster, KindError};
use crate::cluster::kube::{ConnectedCluster, api_words, connect, connect_with, mark_as_own};
use crate::commands::cluster_view::names;
use crate::commands::ending::{CommandFailure, UserOutput};
use crate::commands::options::WhereArgs;
use crate::plan::RunPlan;
use crate::record::header::ClusterHeader;

/// A cluster that answers, and its nodes where it is kind's.
pub(in crate::commands) struct ReachedCluster {
    pub(super) client: Client,
    pub(super) kind: &'static str,
    pub(super) version: String,
    pub(super) from: LoadPlace,
    pub(super) agent_image: Option<String>,
    pub(super) keep: bool,
    pub(super) nodes: Option<(KindCluster, Vec<String>)>,
    /// How a person removes what a run left there.
    pub(super) clean: String,
    pub(super) kubeconfig: String,
    /// The workload that is there already, if the run measures one.
    pub(super) existing: Option<ExistingFacts>,
    /// The agent cannot be given the rights to watch it, so that this process does.
    pub(super) watches_here: bool,
}

impl ReachedCluster {
    pub(super) fn header(&self) -> ClusterHeader {
        ClusterHeader { kind: self.kind.to_owned(), version: self.version.clone(), private_network: None }
    }

    /// How many nodes take pods that tolerate nothing; at least one. A `DaemonSet`'s own selectors and tolerations may make
    /// its number another.
    pub(super) async fn nodes_for_pods(&self) -> Result<u32, CommandFailure> {
        let nodes = nodes(&self.client).await.map_err(CommandFailure::Machine)?;
        let open = nodes.into_iter().filter_map(|node| node.spec).filter(|spec| {
            let tainted = spec.taints.iter().flatten().any(|taint| taint.effect.starts_with("No"));
            !tainted && spec.unschedulable != Some(true)
        });
        Ok(u32::try_from(open.count()).unwrap_or(u32::MAX).max(1))
    }
}

/// The cluster's nodes, or why they could not be listed.
pub(super) async fn nodes(client: &Client) -> Result<Vec<Node>, String> {
    let listed = Api::all(client.clone()).list(&ListParams::default()).await;
    listed.map(|list| list.items).map_err(|error| format!("listing the nodes: {}", api_words(&error)))
}

pub(super) async fn reach(
    place: &WhereArgs,
    plan: &RunPlan,
    output: &dyn UserOutput,
) -> Result<ReachedCluster, CommandFailure> {
    let (connected, whose, nodes) = match place.cluster() {
        ClusterChoice::Embedded => return Err(CommandFailure::Bug("the embedded cluster is not reached".to_owned())),
        ClusterChoice::Kind(name) => kind_cluster(name.as_deref(), place, output).await?,
        ClusterChoice::Context(name) => {
            let connected = connect(name).await?;
            (connected, format!("context {name}"), None)
        }
    };
    let watches_here = super::check_rights::check(&connected.client, &whose, plan, place.load_from).await?;
    let existing = existing_facts::look(&connected.client, plan).await?;
    let clean = match place.cluster() {
        ClusterChoice::Context(name) => format!("rollproof cluster clean --context {name}"),
        ClusterChoice::Kind(Some(name)) => format!("rollproof cluster clean --name {name}"),
        ClusterChoice::Kind(None) | ClusterChoice::Embedded => "rollproof cluster clean".to_owned(),
    };
    Ok(ReachedCluster {
        client: connected.client,
        kind: if nodes.is_some() { "kind" } else { "context" },
        version: connected.version,
        from: place.load_from,
        agent_image: place.agent_image.clone(),
        keep: place.keep,
        nodes,
        clean,
        kubeconfig: connected.kubeconfig,
        existing,
        watches_here,
    })
}

/// Connects to a real cluster that is there.
pub(in crate::commands) async fn connect_to_choice(choice: &ClusterChoice) -> Result<ConnectedCluster, CommandFailure> {
    match choice {
        ClusterChoice::Embedded => Err(CommandFailure::Bug("the embedded cluster is not reached".to_owned())),
        ClusterChoice::Context(name) => Ok(connect(name).await?),
        ClusterChoice::Kind(name) => {
            let kind = KindCluster::new(name.as_deref().unwrap_or(DEFAULT_NAME));
            let clusters = KindCluster::clusters().await?;
            if clusters.iter().any(|known| known == kind.name()) {
                return connect_to(&kind).await;
            }
            Err(KindError::NoCluster { name: kind.name().to_owned(), known: names(&clusters) }.into())
        }
    }
}

/// Makes a kind cluster, which rollproof may delete again.
pub(in crate::commands) async fn create(
    kind: &KindCluster,
    creation: &ClusterCreation,
    output: &dyn UserOutput,
) -> Result<(), CommandFailure> {
    output.say(&format!("creating the kind cluster {}; this takes a minute or more", kind.name()));
    kind.create(creation).await?;
    let connected = connect_to(kind).await?;
    mark_as_own(&connected.client).await.map_err(|error| {
        CommandFailure::Machine(format!(
            "marking the kind cluster {} as rollproof's: {}",
            kind.name(),
            api_words(&error)
        ))
    })
}

/// Connects to a kind cluster that is there, whatever the user's kubeconfig holds.
pub(in crate::commands) async fn connect_to(kind: &KindCluster) -> Result<ConnectedCluster, CommandFailure> {
    let kubeconfig = kind.kubeconfig().await?;
    Ok(connect_with(&kubeconfig, &format!("the kind cluster {}", kind.name())).await?)
}

/// The kind cluster of that name. rollproof's own is made where it is missing; another must be there.
async fn kind_cluster(
    name: Option<&str>,
    place: &WhereArgs,
    output: &dyn UserOutput,
) -> Result<(ConnectedCluster, String, Option<(KindCluster, Vec<String>)>), CommandFailure> {
    let kind = KindCluster::new(name.unwrap_or(DEFAULT_NAME));
    let clusters = KindCluster::clusters().await?;
    if !clusters.iter().any(|known| known == kind.name()) {
        if name.is_some() {
            return Err(KindError::NoCluster { name: kind.name().to_owned(), known: names(&clusters) }.into());
        }
        let creation = ClusterCreation { config: place.kind_config.clone(), image: place.kind_image.clone() };
        create(&kind, &creation, output).await?;
    }
    let whose = format!("the kind cluster {}", kind.name());
    let connected = connect_to(&kind).await?;
    let nodes = kind.nodes().await?;
    Ok((connected, whose, Some((kind, nodes))))
}
