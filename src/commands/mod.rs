//! What a person starts. The only place that sees both action and analysis; printing is the command line's.
//!
//! - `attach`: `rollproof attach`: rolls a workload where it stands
//! - `cluster`: `rollproof cluster`
//! - `cluster_view`: describes a cluster and what runs left on it; pure
//! - `context`: what the parts of a run share
//! - `demo`: `rollproof demo`
//! - `drive`: runs the trials of a run in their order
//! - `ending`: how a command ends, and its messages meanwhile
//! - `execute`: carries out a plan: cluster, record, trials, reports
//! - `field_check`: refuses fields that Kubernetes does not have
//! - `from_record_dir`: `rollproof run --from DIR`: a plan from a record
//! - `host`: the cluster that a run takes place on
//! - `inputs`: reads manifests from files, folders and standard input
//! - `kept_manifests`: what a cluster made of the manifests; pure
//! - `options`: the arguments of the commands
//! - `outputs`: the output directory and its reports
//! - `placed`: shows errors about manifests in the manifests
//! - `recipes`: recipes of images in a folder beside the manifests
//! - `repeat`: repeats trials that the harness invalidated
//! - `report`: `rollproof report DIR`
//! - `run_command`: `rollproof run`
//! - `stage`: checks before a run on the embedded cluster: rollouts, commands, images, ports
//! - `time_budget`: when a run has used its time
//! - `trial_progress`: the progress line of a trial; pure
//! - `try_advice`: `--try-advice`: adds a variant with the advised patch
//! - `until_loss`: `--until-loss`: ends a run after a loss; pure
//! - `variants`: namespace, load and watches of each variant

mod attach;
mod cluster;
mod cluster_view;
mod context;
mod demo;
mod drive;
mod ending;
mod execute;
mod field_check;
mod from_record_dir;
mod host;
mod inputs;
mod kept_manifests;
mod options;
mod outputs;
mod placed;
mod recipes;
mod repeat;
mod report;
mod run_command;
mod stage;
mod time_budget;
mod trial_progress;
mod try_advice;
mod until_loss;
mod variants;

pub(crate) use attach::attach;
pub(crate) use cluster::cluster;
pub(crate) use demo::demo;
pub(crate) use ending::{CommandFailure, FinishedCommand, RunEnding, UserOutput};
pub(crate) use from_record_dir::check_recorded_cluster;
pub(crate) use host::ClusterChoice;
pub(crate) use options::{AttachArgs, ClusterArgs, DemoArgs, ReportArgs, RunArgs, WhereArgs};
pub(crate) use report::{incident, report};
pub(crate) use run_command::run;

use crate::agent::{AgentArgs, serve};
use crate::cluster::kube::in_cluster;

/// `rollproof agent`: serves in a pod until it is told to stop.
pub(crate) fn agent(arguments: AgentArgs) -> Result<(), CommandFailure> {
    execute::runtime()?.block_on(async {
        serve(arguments, in_cluster()?).await.map_err(|error| CommandFailure::Machine(error.to_string()))
    })
}
