//! The agent: load and watches in a pod of the cluster, commanded by a driver elsewhere.
//!
//! One program on both sides. In the pod, [`serve`] runs load and observers as they run in a driver's own process, and
//! spools what they record as numbered lines. The driver deploys the pod ([`deploy`]), commands it ([`RemoteAgent`]) and
//! follows its lines ([`follow`]); every way to the pod goes through the API server's proxy, and each may be cut at any
//! time without a line lost or doubled, or a command carried out twice.
//!
//! It decides nothing about what is measured: plans come from the driver, and lines are passed on as they are.

mod act;
mod answers;
mod deploy;
mod error;
mod follow;
mod lines;
mod manifests;
mod order;
mod remote;
mod rights;
mod serve;
mod spool;
mod wire;

pub use deploy::{AgentDeployment, DeployedAgent, deploy, grant, retire};
pub use error::AgentError;
pub use follow::{FollowProgress, Follower};
pub use lines::LineSplitter;
pub use manifests::{NAMESPACE_LABELS, rights as agent_rights};
pub use remote::RemoteAgent;
pub use rights::{AgentRight, missing as missing_rights};
pub use serve::{AgentArgs, ServeError, serve};
pub use wire::AgentCounters;
