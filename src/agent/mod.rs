//! The agent: load and watches in a pod of the cluster, commanded by a driver elsewhere.
//!
//! One program on both sides. In the pod, [`serve`] runs load and observers as they run in a driver's own process, and
//! spools what they record as numbered lines. The driver deploys the pod ([`deploy`]), commands it ([`RemoteAgent`]) and
//! follows its lines ([`follow_lines`]); every way to the pod goes through the API server's proxy, and each may be cut at any
//! time without a line lost or doubled, or a command carried out twice.
//!
//! It decides nothing about what is measured: plans come from the driver, and lines are passed on as they are.
//!
//! - `agent_access`: asks the API server which rights a program has
//! - `agent_error`: errors between a driver and its agent
//! - `agent_server`: the HTTP server in the agent's pod
//! - `agent_state`: what the agent does, one function for each command
//! - `answers`: carries out each command once, however often it is sent
//! - `deploy`: creates the agent's identity and pod, and waits until it answers
//! - `follow_lines`: copies the agent's lines into the driver's record
//! - `fuzzed`: what a fuzzer gives to both sides
//! - `lines`: splits a stream of bytes into numbered lines; pure
//! - `manifests`: the agent's Kubernetes objects; pure
//! - `remote`: commands from the driver, through the API server's proxy
//! - `spool`: reads the spool from any line while it is written
//! - `strangers`: bounds the connections on which nobody has shown the token
//! - `wire`: the JSON types that driver and agent exchange

mod agent_access;
mod agent_error;
mod agent_server;
mod agent_state;
mod answers;
mod deploy;
mod follow_lines;
mod fuzzed;
mod lines;
mod manifests;
mod remote;
mod spool;
mod strangers;
mod wire;

pub(crate) use agent_access::{AgentRight, missing as missing_rights};
pub use agent_error::AgentError;
pub use agent_server::{AgentArgs, serve};
pub use deploy::{AgentDeployment, deploy};
pub(crate) use deploy::{grant, grant_as_guest, retire};
pub use follow_lines::Follower;
pub(crate) use fuzzed::{read_messages, take_lines};
pub(crate) use manifests::{NAMESPACE_LABELS, rights as agent_rights};
pub use remote::RemoteAgent;
