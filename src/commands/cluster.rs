//! `rollproof cluster`: makes and deletes kind clusters, and shows and removes what runs left on a cluster.

use kube::Client;

use super::ending::{Failure, Talk};
use super::host::{connect_failure, connect_to, create};
use super::options::{ClusterAction, ClusterArgs, On};
use crate::cluster::kind::{Creation, DEFAULT_NAME, Kind, KindError};
use crate::cluster::kube::{connect, is_own, namespaces, words};
use crate::rollout::cordon;

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn machine(error: KindError) -> Failure {
    Failure::Machine(error.to_string())
}

/// Does what was asked; the text for standard output.
pub fn cluster(arguments: &ClusterArgs, talk: &dyn Talk) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Machine(format!("starting the runtime: {error}")))?;
    runtime.block_on(async {
        match &arguments.action {
            ClusterAction::Up { name, kind_config, kind_image } => {
                let creation = Creation { config: kind_config.clone(), image: kind_image.clone() };
                up(&Kind::new(name), &creation, talk).await
            }
            ClusterAction::Down { name, force } => down(&Kind::new(name), *force, talk).await,
            ClusterAction::Status { on } => status(on).await,
            ClusterAction::Clean { on, all } => clean(on, *all, talk).await,
        }
    })
}

async fn up(kind: &Kind, creation: &Creation, talk: &dyn Talk) -> Result<String, Failure> {
    if kind.exists().await.map_err(machine)? {
        return Ok(format!("the kind cluster {} is there already", kind.name()));
    }
    talk.say(&format!("making the kind cluster {}; this takes a minute or more", kind.name()));
    create(kind, creation).await?;
    Ok(format!("the kind cluster {} is ready: rollproof run --cluster {} ...", kind.name(), choice(kind)))
}

fn choice(kind: &Kind) -> String {
    if kind.name() == DEFAULT_NAME { "kind".to_owned() } else { format!("kind:{}", kind.name()) }
}

async fn down(kind: &Kind, force: bool, talk: &dyn Talk) -> Result<String, Failure> {
    if !kind.exists().await.map_err(machine)? {
        return Ok(format!("there is no kind cluster {}", kind.name()));
    }
    if !force {
        let connected = connect_to(kind).await?;
        let own = is_own(&connected.client).await;
        if !own
            .map_err(|error| Failure::Machine(format!("asking the kind cluster {}: {}", kind.name(), words(&error))))?
        {
            return Err(Failure::User(format!(
                "the kind cluster {} was not made by rollproof, and is not deleted; if you mean it, add --force",
                kind.name()
            )));
        }
    }
    talk.say(&format!("deleting the kind cluster {}", kind.name()));
    kind.delete().await.map_err(machine)?;
    Ok(format!("the kind cluster {} is gone", kind.name()))
}

/// The cluster that `on` names, and how to call it.
async fn reach(on: &On) -> Result<(Client, String), Failure> {
    if let Some(context) = &on.context {
        let connected = connect(context).await.map_err(connect_failure)?;
        return Ok((connected.client, format!("context {context}")));
    }
    let kind = Kind::new(&on.name);
    let clusters = Kind::clusters().await.map_err(machine)?;
    if !clusters.contains(&on.name) {
        let known = if clusters.is_empty() { "none".to_owned() } else { clusters.join(", ") };
        return Err(Failure::User(KindError::NoCluster { name: on.name.clone(), known }.to_string()));
    }
    Ok((connect_to(&kind).await?.client, format!("the kind cluster {}", on.name)))
}

async fn status(on: &On) -> Result<String, Failure> {
    let (client, whose) = reach(on).await?;
    let found = list(&client, &whose).await?;
    let mut lines = vec![match found.len() {
        0 => format!("{whose}: nothing of rollproof is on it"),
        1 => format!("{whose}: 1 namespace of rollproof"),
        count => format!("{whose}: {count} namespaces of rollproof"),
    }];
    for own in found {
        let state = match (own.terminating, own.is_left_over(), own.silent_s) {
            (true, ..) => "is being removed".to_owned(),
            (_, false, _) => "its run is alive".to_owned(),
            (_, true, Some(silent_s)) => format!("left over: its run was last alive {silent_s} s ago"),
            (_, true, None) => "left over".to_owned(),
        };
        lines.push(format!("  {} (run {}): {state}", own.name, own.run));
    }
    let cordoned = cordon::leftovers(&client).await;
    for left in cordoned.map_err(|error| Failure::Machine(format!("asking {whose}: {error}")))? {
        lines.push(format!("  node {}: cordoned by run {}", left.node, left.run));
    }
    Ok(lines.join("\n"))
}

async fn list(client: &Client, whose: &str) -> Result<Vec<namespaces::Own>, Failure> {
    namespaces::list(client).await.map_err(|error| Failure::Machine(format!("asking {whose}: {}", words(&error))))
}

async fn clean(on: &On, all: bool, talk: &dyn Talk) -> Result<String, Failure> {
    let (client, whose) = reach(on).await?;
    let found = list(&client, &whose).await?;
    let (left, alive): (Vec<_>, Vec<_>) = found.into_iter().partition(|own| all || own.is_left_over());
    if !alive.is_empty() {
        let names: Vec<String> = alive.iter().map(|own| own.name.clone()).collect();
        talk.say(&format!("not touched, because their runs are alive: {}; --all removes them too", names.join(", ")));
    }
    let runs: Vec<String> = alive.iter().map(|own| own.run.clone()).collect();
    let mut done = release(&client, &whose, &runs).await?;
    let names: Vec<String> = left.into_iter().map(|own| own.name).collect();
    if !names.is_empty() {
        talk.say(&format!("removing {}", names.join(", ")));
        if let Some(left) = namespaces::remove(&client, &names).await {
            return Err(Failure::Machine(left));
        }
        done.push(format!("removed {}", names.join(", ")));
    }
    Ok(if done.is_empty() { format!("{whose}: nothing to remove") } else { format!("{whose}: {}", done.join("; ")) })
}

/// Gives back the nodes that runs have cordoned, but for those of `alive` ones.
async fn release(client: &Client, whose: &str, alive: &[String]) -> Result<Vec<String>, Failure> {
    let failed = |error: cordon::CordonError| Failure::Machine(format!("asking {whose}: {error}"));
    let mut done = Vec::new();
    for left in cordon::leftovers(client).await.map_err(failed)? {
        if !alive.contains(&left.run) {
            cordon::release(client, &left.node).await.map_err(failed)?;
            done.push(format!("node {} takes pods again", left.node));
        }
    }
    Ok(done)
}
