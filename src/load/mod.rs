//! The load: requests sent at planned times, each of which ends in exactly one outcome.
//!
//! It is an open loop: a slow answer never delays the next request, and latency counts from the plan. One OS thread
//! carries everything, paced by one timer of the kernel; JSON and disk are elsewhere, and the histograms of the pulses
//! are made on a second thread. The exact arms (`new`, `reused`, `blind`) drive `hyper::client::conn` over sockets whose
//! bytes are counted, because ordinary clients repeat a request on a dead connection in silence; `pooled` is such an
//! ordinary client, to show what an application would have seen.
//!
//! The load knows nothing of clusters, rollouts or watches. Where a connection goes is its [`Route`]'s decision, or a URL's.
//!
//! - `arms`: what carries the requests of each arm
//! - `carry`: carries one request over a connection, and `new`'s requests from dial to close
//! - `classify`: from counters, stages and error numbers to the one outcome; pure
//! - `descriptor_limit`: the limit of open files
//! - `dial`: makes connections
//! - `door_ways`: how the Service and the URL are reached
//! - `encode`: encodes histograms of slices, on a thread of its own
//! - `engine`: the thread that paces, plans and hands out requests, and drains at the end
//! - `exchange`: one request and its response over one connection
//! - `kept`: the kept-alive arms
//! - `load_collector`: counts and slices of ended requests
//! - `load_schedule`: when each request is planned, its kind and its arm; pure
//! - `load_stream`: what HTTP is spoken over: a counting socket, or TLS over one
//! - `load_summary`: counters of a running load, and the summary of an ended one
//! - `node_route`: the way to the node ports of several nodes
//! - `pending_attempt`: one request from its plan to its outcome
//! - `plan`: the plan of one trial's load, and its checks
//! - `pooled`: the arm of an ordinary client, reqwest
//! - `ports`: which local port a connection may take; pure
//! - `preflight`: one request of each kind before the load
//! - `proxy_tries`: whether an answer says that a proxy tried more than once; pure
//! - `reach_target`: whether connections are routed anywhere at all
//! - `rotation`: the local ports of this process's loads
//! - `rotation_tests`: loads over their own local ports, against servers that close in different ways
//! - `sizing`: how many kept-alive connections a load needs; pure
//! - `socket`: a socket that counts bytes and stamps them
//! - `tcp_info`: what the kernel knows of a connection
//! - `tcp_info_tests`: each way in which a server ends a kept-alive connection
//! - `timer`: the kernel timer that paces the load
//! - `tls_client`: TLS of a load: whom it trusts, and the handshake
//! - `tls_socket`: TLS over a counting socket
//! - `tls_verifiers`: which certificates are taken where the usual rules do not say it
//! - `tls_words`: why TLS failed, in words; pure
//! - `url_route`: the way to a URL, whose name is resolved in the background
//! - `words`: what a library says of an error

mod arms;
mod carry;
mod classify;
mod descriptor_limit;
mod dial;
mod door_ways;
mod encode;
mod engine;
mod exchange;
mod kept;
mod load_collector;
mod load_schedule;
mod load_stream;
mod load_summary;
mod node_route;
mod pending_attempt;
mod plan;
mod pooled;
mod ports;
mod preflight;
mod proxy_tries;
mod reach_target;
mod rotation;
#[cfg(test)]
mod rotation_tests;
pub(crate) mod sizing;
mod socket;
mod tcp_info;
#[cfg(test)]
mod tcp_info_tests;
mod timer;
mod tls_client;
mod tls_socket;
mod tls_verifiers;
mod tls_words;
mod url_route;
mod words;

pub(crate) use descriptor_limit::raise_descriptors;
pub(crate) use engine::blocking;
pub use engine::{RunningLoad, saturate, start};
pub use load_summary::{ArmSummary, LagSummary, LoadCounters, LoadSummary};
pub use node_route::NodeRoute;
pub use plan::{LoadError, LoadPlan, Route};
pub use preflight::{Preflight, preflight};
pub(crate) use reach_target::{connect_once, reach};
pub use rotation::{LocalPorts, PortRotation};
pub(crate) use tls_client::secure_unverified;
