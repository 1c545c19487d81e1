//! The agent's process: a single-purpose server in a pod.

use crate::agent::{AgentArgs, serve};
use crate::cluster::kube::in_cluster;

/// Serves until it is told to stop.
///
/// # Errors
/// In a sentence.
pub fn agent(arguments: AgentArgs) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("starting the runtime: {error}"))?;
    runtime.block_on(async {
        let client = in_cluster().map_err(|error| error.to_string())?;
        serve(arguments, client).await.map_err(|error| error.to_string())
    })
}
