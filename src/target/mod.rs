//! `rollproof target`: the built-in HTTP server, whose start and stop behaviour is chosen by flags.
//!
//! - `connection`: what the open connections are doing
//! - `duration`: durations as flags
//! - `respond`: what is answered to which request
//! - `target_args`: the flags
//! - `target_server`: start, listening, answering, stop
//! - `target_truth`: the server's own log of what it did
//!
//! It is the container `rollproof/target` of both clusters and the server that tests can make lose requests on
//! purpose. It must not know scenarios, records or clusters: everything comes from its flags and its environment.

mod connection;
mod duration;
mod respond;
mod target_args;
mod target_server;
pub mod target_truth;

pub(crate) use target_args::TargetArgs;
pub(crate) use target_server::run;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(
        "reading --pod: `{name}` cannot be the value of a response header; expected visible ASCII characters, as in a \
         pod's name"
    )]
    PodName { name: String },
    #[error(
        "listening on {address}: {source}; expected a free port on an address of this machine; choose another with \
         --listen"
    )]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("opening the truth log {path}: {source}; expected a file that can be appended to; change --truth-file")]
    Truth { path: String, source: std::io::Error },
    #[error("starting the server: {0}; expected room for a few more file descriptors; raise the limit (ulimit -n)")]
    Start(std::io::Error),
}
