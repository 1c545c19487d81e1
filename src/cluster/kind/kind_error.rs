//! What can go wrong with kind, Docker and images.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum KindError {
    #[error("{program} was not found on the PATH, and a kind cluster needs it; install it: {hint}")]
    Missing { program: &'static str, hint: &'static str },
    #[error(
        "{doing}: Docker does not answer; is it running, may this user reach it, and is DOCKER_HOST right? It was said: {said}"
    )]
    DockerDown { doing: String, said: String },
    #[error("interrupted while making the kind cluster {name}; what was there of it is deleted")]
    Interrupted { name: String },
    #[error("{doing}: `{command}` ended with {status}: {said}")]
    Failed { doing: String, command: String, status: String, said: String },
    #[error("{doing}: `{command}` was not done within {within_s} s and was ended; it had said: {said}")]
    TooLong { doing: String, command: String, within_s: u64, said: String },
    #[error(
        "`docker build` made image {image}, and the local Docker does not have it: the builder in use keeps its images to \
         itself; choose one that does not, for example with `docker buildx use default`"
    )]
    NotKept { image: String },
    #[error("{doing}: {path}: {why}")]
    File { doing: &'static str, path: PathBuf, why: String },
    #[error(
        "there is no kind cluster named `{name}`; there are: {known}; make one with `rollproof cluster up --name {name}`"
    )]
    NoCluster { name: String, known: String },
    #[error(
        "the agent's image cannot be made from this program: {why}; build one with a Dockerfile of three lines \
         (FROM debian:stable-slim, COPY rollproof /rollproof, ENTRYPOINT [\"/rollproof\"]) from a rollproof of the nodes' \
         architecture, push or load it, and name it with --agent-image"
    )]
    NotPackable { why: String },
}
