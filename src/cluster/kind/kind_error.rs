//! What can go wrong with kind, Docker and images.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum KindError {
    #[error("{program} is not on the PATH; a kind cluster needs it; install it: {hint}")]
    Missing { program: &'static str, hint: &'static str },
    #[error("{doing}: Docker does not answer ({said}); check that it runs, that this user may use it, and DOCKER_HOST")]
    DockerDown { doing: String, said: String },
    #[error("interrupted while creating the kind cluster {name}; the incomplete cluster is deleted")]
    Interrupted { name: String },
    #[error("{doing}: `{command}` ended with {status}: {said}")]
    Failed { doing: String, command: String, status: String, said: String },
    #[error("{doing}: `{command}` did not finish within {within_s} s and was killed; its last output: {said}")]
    TooLong { doing: String, command: String, within_s: u64, said: String },
    #[error(
        "`docker build` built image {image}, but the local Docker does not have it, because the builder in use does not \
         load its images into Docker; select one that does, for example with `docker buildx use default`"
    )]
    NotKept { image: String },
    #[error("{doing}: {path}: {why}")]
    File { doing: &'static str, path: PathBuf, why: String },
    #[error(
        "kind cluster `{name}` does not exist; existing clusters: {known}; create it with `rollproof cluster up --name {name}`"
    )]
    NoCluster { name: String, known: String },
    #[error(
        "cannot build the agent's image from this program: {why}; build one with a Dockerfile of three lines \
         (FROM debian:stable-slim, COPY rollproof /rollproof, ENTRYPOINT [\"/rollproof\"]) from a rollproof of the nodes' \
         architecture, push or load it, and pass it with --agent-image"
    )]
    NotPackable { why: String },
}
