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
pub use target_server::run;

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The pod's name cannot be sent in a header.
    #[error(
        "reading --pod: `{name}` cannot be the value of a response header; expected visible ASCII characters, as in a \
         pod's name"
    )]
    PodName {
        /// The name.
        name: String,
    },
    /// The address is not free, or not of this machine.
    #[error(
        "listening on {address}: {source}; expected a free port on an address of this machine; choose another with \
         --listen"
    )]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The truth log cannot be opened.
    #[error("opening the truth log {path}: {source}; expected a file that can be appended to; change --truth-file")]
    Truth {
        /// The file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system gave no runtime or no signal handler.
    #[error("starting the server: {0}; expected room for a few more file descriptors; raise the limit (ulimit -n)")]
    Start(std::io::Error),
}
