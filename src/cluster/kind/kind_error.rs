//! What can go wrong with kind, Docker and images.

use std::path::PathBuf;

/// Why a kind cluster or an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// A program is not installed.
    #[error("{program} was not found on the PATH, and a kind cluster needs it; install it: {hint}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Where it is to be had.
        hint: &'static str,
    },
    /// Docker does not answer.
    #[error(
        "{doing}: Docker does not answer; is it running, may this user reach it, and is DOCKER_HOST right? It was said: {said}"
    )]
    DockerDown {
        /// What was being done.
        doing: String,
        /// Its client's words.
        said: String,
    },
    /// The user interrupted the making of a cluster, which was deleted again.
    #[error("interrupted while making the kind cluster {name}; what was there of it is deleted")]
    Interrupted {
        /// The cluster.
        name: String,
    },
    /// A program failed.
    #[error("{doing}: `{command}` ended with {status}: {said}")]
    Failed {
        /// What was being done.
        doing: String,
        /// The command.
        command: String,
        /// Its exit code, or signal.
        status: String,
        /// The end of what it printed.
        said: String,
    },
    /// A program took too long and was ended.
    #[error("{doing}: `{command}` was not done within {within_s} s and was ended; it had said: {said}")]
    TooLong {
        /// What was being done.
        doing: String,
        /// The command.
        command: String,
        /// How long it was given.
        within_s: u64,
        /// The end of what it printed.
        said: String,
    },
    /// An image was built, and the local Docker does not have it.
    #[error(
        "`docker build` made image {image}, and the local Docker does not have it: the builder in use keeps its images to \
         itself; choose one that does not, for example with `docker buildx use default`"
    )]
    NotKept {
        /// The image.
        image: String,
    },
    /// A file could not be read or written.
    #[error("{doing}: {path}: {why}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        why: String,
    },
    /// There is no such cluster.
    #[error(
        "there is no kind cluster named `{name}`; there are: {known}; make one with `rollproof cluster up --name {name}`"
    )]
    NoCluster {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The executable cannot be put into an image here.
    #[error(
        "the agent's image cannot be made from this program: {why}; build one with a Dockerfile of three lines \
         (FROM debian:stable-slim, COPY rollproof /rollproof, ENTRYPOINT [\"/rollproof\"]) from a rollproof of the nodes' \
         architecture, push or load it, and name it with --agent-image"
    )]
    NotPackable {
        /// Why.
        why: String,
    },
}
