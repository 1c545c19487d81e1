//! The `kind` program: clusters, nodes, and images on nodes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::try_join_all;

use super::kind_error::KindError;
use super::program::run;

/// How long a question may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a cluster may take to come up, a node image to be pulled included.
const CREATION: Duration = Duration::from_mins(10);
/// How long an image may take to be built or loaded.
const IMAGE: Duration = Duration::from_mins(10);

/// A kind cluster, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCluster {
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterCreation {
    /// kind's own configuration file.
    pub config: Option<PathBuf>,
    pub image: Option<String>,
}

impl KindCluster {
    /// The cluster of that name, which may not be there.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of all kind clusters.
    pub async fn clusters() -> Result<Vec<String>, KindError> {
        // kind says "No kind clusters found." on standard error.
        let listed = run("listing the kind clusters", "kind", &["get", "clusters"], ANSWER).await?;
        Ok(listed.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Whether it is there.
    pub async fn exists(&self) -> Result<bool, KindError> {
        Ok(Self::clusters().await?.contains(&self.name))
    }

    /// Makes it and waits until its control plane is ready. The user's kubeconfig is left as it is: kind would make the
    /// new cluster the current context, and the next command of the user's own would go there.
    ///
    /// kind deletes what it could not finish. Where it was ended first, by an interrupt or because it took too long, that
    /// is made up for.
    pub async fn create(&self, creation: &ClusterCreation) -> Result<(), KindError> {
        let making = self.make(creation);
        let made = tokio::select! {
            made = making => made,
            () = interrupted() => Err(KindError::Interrupted { name: self.name.clone() }),
        };
        if let Err(KindError::Interrupted { .. } | KindError::TooLong { .. }) = made {
            // What is being reported already is what matters.
            let _ = self.delete().await;
        }
        made
    }

    async fn make(&self, creation: &ClusterCreation) -> Result<(), KindError> {
        let folder = tempfile::tempdir().map_err(|why| KindError::File {
            doing: "creating a folder for kind's kubeconfig",
            path: std::env::temp_dir(),
            why: why.to_string(),
        })?;
        let kubeconfig = folder.path().join("kubeconfig");
        let kubeconfig = kubeconfig.to_string_lossy();
        let mut arguments =
            vec!["create", "cluster", "--name", &self.name, "--wait", "180s", "--kubeconfig", &kubeconfig];
        let config = creation.config.as_deref().map(Path::to_string_lossy);
        if let Some(config) = &config {
            arguments.extend(["--config", config]);
        }
        if let Some(image) = &creation.image {
            arguments.extend(["--image", image]);
        }
        run(&format!("creating the kind cluster {}", self.name), "kind", &arguments, CREATION).await.map(|_| ())
    }

    /// Deletes it.
    pub async fn delete(&self) -> Result<(), KindError> {
        let doing = format!("deleting the kind cluster {}", self.name);
        run(&doing, "kind", &["delete", "cluster", "--name", &self.name], CREATION).await.map(|_| ())
    }

    /// A kubeconfig that reaches it, whatever the user's own holds.
    pub async fn kubeconfig(&self) -> Result<String, KindError> {
        let doing = format!("reading the kubeconfig of the kind cluster {}", self.name);
        run(&doing, "kind", &["get", "kubeconfig", "--name", &self.name], ANSWER).await
    }

    /// The names of its nodes' containers.
    pub async fn nodes(&self) -> Result<Vec<String>, KindError> {
        let doing = format!("listing the nodes of the kind cluster {}", self.name);
        let listed = run(&doing, "kind", &["get", "nodes", "--name", &self.name], ANSWER).await?;
        // A load balancer in front of several control planes is no node that runs pods.
        let nodes = listed.split_whitespace().filter(|node| !node.ends_with("-external-load-balancer"));
        Ok(nodes.map(str::to_owned).collect())
    }

    /// Whether every node has an image of exactly this name. The nodes are asked at the same time, and themselves: the API
    /// knows of fifty images a node, and of new ones only after a while.
    pub async fn has(&self, nodes: &[String], image: &str) -> Result<bool, KindError> {
        let each = nodes.iter().map(|node| async move {
            let arguments = ["exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet"];
            let listed = run(&format!("listing the images of node {node}"), "docker", &arguments, ANSWER).await?;
            Ok(listed.lines().any(|line| line.trim() == image))
        });
        Ok(try_join_all(each).await?.into_iter().all(|has| has))
    }

    /// The machine's name of a node (`uname -m`).
    pub(super) async fn machine(&self, node: &str) -> Result<String, KindError> {
        let doing = format!("asking node {node} for its architecture");
        Ok(run(&doing, "docker", &["exec", node, "uname", "-m"], ANSWER).await?.trim().to_owned())
    }

    pub(crate) async fn load_archive(&self, archive: &Path) -> Result<(), KindError> {
        let path = archive.to_string_lossy();
        let doing = format!("loading images into the kind cluster {}", self.name);
        run(&doing, "kind", &["load", "image-archive", "--name", &self.name, &path], IMAGE).await.map(|_| ())
    }

    pub(crate) async fn load_image(&self, image: &str) -> Result<(), KindError> {
        let doing = format!("loading image {image} into the kind cluster {}", self.name);
        run(&doing, "kind", &["load", "docker-image", "--name", &self.name, image], IMAGE).await.map(|_| ())
    }
}

pub(super) async fn docker_runs() -> Result<(), KindError> {
    run("querying Docker", "docker", &["version", "--format", "{{.Server.Version}}"], ANSWER).await.map(|_| ())
}

/// The identity of `image` in the local Docker, which changes with its content; `None` if it is not there.
pub(super) async fn docker_identity(image: &str) -> Result<Option<String>, KindError> {
    match run("looking for an image", "docker", &["image", "inspect", "--format", "{{.Id}}", image], ANSWER).await {
        Ok(identity) => Ok(Some(identity.trim().to_owned())),
        Err(KindError::Failed { said, .. }) if said.to_lowercase().contains("no such image") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives `image` another name in the local Docker.
pub(super) async fn docker_tag(image: &str, name: &str) -> Result<(), KindError> {
    run(&format!("tagging image {image}"), "docker", &["tag", image, name], ANSWER).await.map(|_| ())
}

/// Takes a name from the local Docker; the image stays under its others.
pub(super) async fn docker_untag(name: &str) -> Result<(), KindError> {
    run(&format!("untagging image {name}"), "docker", &["image", "rm", "--no-prune", name], ANSWER).await.map(|_| ())
}

/// Waits until the user interrupts this program, or somebody asks it to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

pub(super) async fn docker_build(folder: &Path, image: &str) -> Result<(), KindError> {
    let path = folder.to_string_lossy();
    let doing = format!("building the image of {path}");
    run(&doing, "docker", &["build", "--quiet", "--tag", image, &path], IMAGE).await.map(|_| ())
}
