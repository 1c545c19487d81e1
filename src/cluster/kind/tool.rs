//! The `kind` program: clusters, nodes, and images on nodes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::KindError;
use super::program::run;

/// How long a question may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a cluster may take to come up, a node image to be pulled included.
const CREATION: Duration = Duration::from_mins(10);
/// How long an image may take to be built or loaded.
const IMAGE: Duration = Duration::from_mins(10);

/// A kind cluster, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    name: String,
}

/// How a missing cluster is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Creation {
    /// kind's own configuration file.
    pub config: Option<PathBuf>,
    /// The node image.
    pub image: Option<String>,
}

impl Kind {
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

    /// Makes it and waits until its control plane is ready.
    pub async fn create(&self, creation: &Creation) -> Result<(), KindError> {
        let mut arguments = vec!["create", "cluster", "--name", &self.name, "--wait", "180s"];
        let config = creation.config.as_deref().map(Path::to_string_lossy);
        if let Some(config) = &config {
            arguments.extend(["--config", config]);
        }
        if let Some(image) = &creation.image {
            arguments.extend(["--image", image]);
        }
        run(&format!("making the kind cluster {}", self.name), "kind", &arguments, CREATION).await.map(|_| ())
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

    /// Whether every node has an image of exactly this name.
    pub async fn has(&self, nodes: &[String], image: &str) -> Result<bool, KindError> {
        for node in nodes {
            let arguments = ["exec", node, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet"];
            let listed = run(&format!("listing the images of node {node}"), "docker", &arguments, ANSWER).await?;
            if !listed.lines().any(|line| line.trim() == image) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Loads an archive of images into all nodes.
    pub async fn load_archive(&self, archive: &Path) -> Result<(), KindError> {
        let path = archive.to_string_lossy();
        let doing = format!("loading images into the kind cluster {}", self.name);
        run(&doing, "kind", &["load", "image-archive", "--name", &self.name, &path], IMAGE).await.map(|_| ())
    }

    /// Loads an image of the local Docker into all nodes that do not have it.
    pub async fn load_image(&self, image: &str) -> Result<(), KindError> {
        let doing = format!("loading image {image} into the kind cluster {}", self.name);
        run(&doing, "kind", &["load", "docker-image", "--name", &self.name, image], IMAGE).await.map(|_| ())
    }
}

/// Asks Docker whether it runs.
pub(super) async fn docker_runs() -> Result<(), KindError> {
    run("asking Docker", "docker", &["version", "--format", "{{.Server.Version}}"], ANSWER).await.map(|_| ())
}

/// Whether the local Docker has `image`.
pub(super) async fn docker_has(image: &str) -> Result<bool, KindError> {
    match run("looking for an image", "docker", &["image", "inspect", "--format", "{{.Id}}", image], ANSWER).await {
        Ok(_) => Ok(true),
        Err(KindError::Failed { said, .. }) if said.to_lowercase().contains("no such image") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Builds the image of `folder`.
pub(super) async fn docker_build(folder: &Path, image: &str) -> Result<(), KindError> {
    let path = folder.to_string_lossy();
    let doing = format!("building the image of {path}");
    run(&doing, "docker", &["build", "--quiet", "--tag", image, &path], IMAGE).await.map(|_| ())
}
