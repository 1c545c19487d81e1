//! What a person starts. The only place that sees both action and analysis; printing is the command line's.

mod agent;
mod beyond;
mod budget;
mod cluster;
mod context;
mod demo;
mod drive;
mod ending;
mod execute;
mod from;
mod host;
mod inputs;
mod options;
mod outputs;
mod progress;
mod recipes;
mod repeat;
mod report;
mod run;
mod stage;
mod try_advice;
mod until_loss;
mod variants;

pub use agent::agent;
pub use cluster::cluster;
pub use demo::demo;
pub use ending::{CommandFailure, FinishedCommand, RunEnding, UserOutput};
pub use from::check_recorded_cluster;
pub use host::{ClusterChoice, LoadPlace};
pub use options::{ClusterArgs, DemoArgs, ReportArgs, RunArgs, WhereArgs};
pub use report::{incident, report};
pub use run::run;
