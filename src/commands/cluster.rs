//! `rollproof cluster`: makes and deletes kind clusters, and shows and removes what runs left on a cluster.

use std::collections::BTreeSet;

use super::cluster_view::{self, ClusterView, names};
use super::ending::{CommandFailure, UserOutput};
use super::execute::runtime;
use super::host::{ClusterChoice, connect_to, connect_to_choice, create};
use super::options::{ClusterAction, ClusterArgs, ClusterSelector};
use crate::clock::wall_unix_ns;
use crate::cluster::kind::{ClusterCreation, DEFAULT_NAME, KindCluster};
use crate::cluster::kube::{
    CleanSelection, ConnectedCluster, Leftovers, api_words, clean, connect, find_leftovers, is_own,
};

/// The text for standard output.
pub(crate) fn cluster(arguments: &ClusterArgs, output: &dyn UserOutput) -> Result<String, CommandFailure> {
    runtime()?.block_on(async {
        match &arguments.action {
            ClusterAction::Up { name, kind_config, kind_image } => {
                let creation = ClusterCreation { config: kind_config.clone(), image: kind_image.clone() };
                up(&KindCluster::new(name), &creation, output).await
            }
            ClusterAction::Down { name, force } => down(&KindCluster::new(name), *force, output).await,
            ClusterAction::Status { on } => status(on).await,
            ClusterAction::Clean { on, runs, all } => remove(on, runs, *all, output).await,
        }
    })
}

async fn up(kind: &KindCluster, creation: &ClusterCreation, output: &dyn UserOutput) -> Result<String, CommandFailure> {
    if kind.exists().await? {
        return Ok(format!("the kind cluster {} exists already", kind.name()));
    }
    create(kind, creation, output).await?;
    Ok(format!(
        "the kind cluster {name} is ready: rollproof run --cluster {} ...\n\
         for kubectl: kind export kubeconfig --name {name}",
        choice(kind),
        name = kind.name()
    ))
}

fn choice(kind: &KindCluster) -> String {
    if kind.name() == DEFAULT_NAME { "kind".to_owned() } else { format!("kind:{}", kind.name()) }
}

async fn down(kind: &KindCluster, force: bool, output: &dyn UserOutput) -> Result<String, CommandFailure> {
    if !kind.exists().await? {
        return Ok(format!("there is no kind cluster {}", kind.name()));
    }
    if !force {
        let connected = connect_to(kind).await?;
        let own = is_own(&connected.client).await;
        if !own.map_err(|error| {
            CommandFailure::Machine(format!("asking the kind cluster {}: {}", kind.name(), api_words(&error)))
        })? {
            return Err(CommandFailure::User(format!(
                "the kind cluster {} was not created by rollproof and is not deleted; add --force to delete it",
                kind.name()
            )));
        }
    }
    output.say(&format!("deleting the kind cluster {}", kind.name()));
    kind.delete().await?;
    Ok(format!("deleted the kind cluster {}", kind.name()))
}

struct NamedCluster {
    connected: ConnectedCluster,
    /// What to call it.
    whose: String,
    /// How to name it to `cluster clean`.
    option: String,
    is_kind: bool,
}

async fn reach(on: &ClusterSelector) -> Result<NamedCluster, CommandFailure> {
    if let Some(context) = &on.context {
        let connected = connect(context).await?;
        let option = format!(" --context {context}");
        return Ok(NamedCluster { connected, whose: format!("context {context}"), option, is_kind: false });
    }
    let name = on.name.as_deref().unwrap_or(DEFAULT_NAME);
    let connected = connect_to_choice(&ClusterChoice::Kind(Some(name.to_owned()))).await?;
    let option = if name == DEFAULT_NAME { String::new() } else { format!(" --name {name}") };
    Ok(NamedCluster { connected, whose: format!("the kind cluster {name}"), option, is_kind: true })
}

fn now_s() -> u64 {
    wall_unix_ns() / 1_000_000_000
}

async fn seen(reached: &NamedCluster) -> Result<Leftovers, CommandFailure> {
    find_leftovers(&reached.connected.client, now_s()).await.map_err(|error| failed(reached, &error))
}

fn failed(reached: &NamedCluster, error: &kube::Error) -> CommandFailure {
    CommandFailure::Machine(format!("asking {}: {}", reached.whose, api_words(error)))
}

async fn status(on: &ClusterSelector) -> Result<String, CommandFailure> {
    let mut others = Vec::new();
    if on.context.is_none() {
        let shown = on.name.as_deref().unwrap_or(DEFAULT_NAME);
        let clusters = KindCluster::clusters().await?;
        // Nobody named it: that it is not there is an answer, and no mistake.
        if on.name.is_none() && !clusters.iter().any(|known| known == shown) {
            return Ok(format!(
                "there is no kind cluster {shown}, which `rollproof cluster up` makes; kind clusters: {}",
                names(&clusters)
            ));
        }
        others = clusters.into_iter().filter(|known| known != shown).collect();
    }
    let reached = reach(on).await?;
    let found = seen(&reached).await?;
    let own = if reached.is_kind {
        Some(is_own(&reached.connected.client).await.map_err(|error| failed(&reached, &error))?)
    } else {
        None
    };
    let clean = format!("rollproof cluster clean{}", reached.option);
    let (whose, version) = (reached.whose.as_str(), reached.connected.version.as_str());
    let mut text = cluster_view::status(&ClusterView { whose, version, own, found: &found, clean: &clean });
    if !others.is_empty() {
        text = format!("{text}\nother kind clusters: {}", names(&others));
    }
    Ok(text)
}

async fn remove(
    on: &ClusterSelector,
    runs: &[String],
    all: bool,
    output: &dyn UserOutput,
) -> Result<String, CommandFailure> {
    let reached = reach(on).await?;
    let which = match (all, runs.is_empty()) {
        (true, _) => CleanSelection::All,
        (false, true) => CleanSelection::Dead,
        (false, false) => CleanSelection::Runs(known_runs(runs, &seen(&reached).await?, &reached.whose)?),
    };
    output.progress(&format!("cleaning {}", reached.whose));
    let cleaned = clean(&reached.connected.client, &which, now_s()).await.map_err(|error| failed(&reached, &error))?;
    if let Some(alive) = cluster_view::left_alone(&cleaned).filter(|_| which == CleanSelection::Dead) {
        output.say(&alive);
    }
    if let Some(why) = &cleaned.nodes_unseen {
        output.say(&format!("note: cannot tell whether runs cordoned nodes: {why}"));
    }
    if let Some(why) = &cleaned.guests_unseen {
        output.say(&format!("note: cannot tell whether runs left roles in other namespaces: {why}"));
    }
    match cluster_view::cleaned(&reached.whose, &cleaned) {
        (done, None) => Ok(done),
        (done, Some(failed)) => {
            output.say(&done);
            Err(CommandFailure::Machine(failed))
        }
    }
}

/// The named runs; one that is not there is a mistake.
fn known_runs(runs: &[String], found: &Leftovers, whose: &str) -> Result<BTreeSet<String>, CommandFailure> {
    let cordons = found.nodes.iter().filter_map(|node| node.cordon.as_ref().map(|cordon| cordon.by.as_str()));
    let guests = found.guests.iter().map(|one| one.run.as_str());
    let there: BTreeSet<&str> =
        found.namespaces.iter().map(|one| one.run.as_str()).chain(cordons).chain(guests).collect();
    if let Some(run) = runs.iter().find(|run| !there.contains(run.as_str())) {
        let there: Vec<&str> = there.into_iter().collect();
        return Err(CommandFailure::User(format!(
            "nothing of run {run} is on {whose}; runs that have something there: {}",
            names(&there)
        )));
    }
    Ok(runs.iter().cloned().collect())
}
