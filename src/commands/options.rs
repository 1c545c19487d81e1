//! What the user may choose, as clap reads it.

use std::path::PathBuf;

use crate::manifest::PortName;

/// Where and how a run takes place.
#[derive(Debug, Clone, clap::Args)]
pub struct WhereArgs {
    /// Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of everything random: the order of trials, the endpoint of each connection, the table's jitter
    /// [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Use this machine's network instead of a private one (needs --allow-host-commands for manifests that are not
    /// rollproof's own)
    #[arg(long)]
    pub host_network: bool,
    /// Where no private network is to be had: run the commands of these manifests on this machine all the same
    #[arg(long)]
    pub allow_host_commands: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Where and how
    #[command(flatten)]
    pub place: WhereArgs,
}

/// Arguments of `run`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["scenario", "filename"]),
    after_help = "\
Examples:
  rollproof run scenarios/apache-prestop.yaml
  rollproof run scenarios/target-exit.yaml --trials 1 --rate 100 --out /tmp/run
  rollproof run -f deploy.yaml -f service.yaml
  helm template my-release my-chart | rollproof run -f - --workload deployment/my-release"
)]
pub struct RunArgs {
    /// The scenario file
    #[arg(value_name = "SCENARIO.yaml")]
    pub scenario: Option<PathBuf>,
    /// Manifests to roll as they are, without a scenario: GET / at 100 requests a second on new and reused connections, a
    /// restart, one trial, expected to lose nothing. A file, a folder of files, or - for standard input; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// The workload to roll, such as deployment/web, where the manifests hold several
    #[arg(long, value_name = "KIND/NAME", conflicts_with = "scenario")]
    pub workload: Option<String>,
    /// The Service that carries the load, where several select the workload's pods
    #[arg(long, value_name = "NAME", conflicts_with = "scenario")]
    pub service: Option<String>,
    /// The Service's port, by number or name, where it has several
    #[arg(long, value_name = "PORT", conflicts_with = "scenario")]
    pub port: Option<PortName>,
    /// Requests a second, all arms together, instead of the scenario's or 100
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Trials of each variant, instead of the scenario's or 1
    #[arg(long, value_name = "N")]
    pub trials: Option<u32>,
    /// Keep each attempt in the record, not only those that were not answered as expected
    #[arg(long)]
    pub record_all: bool,
    /// Where and how
    #[command(flatten)]
    pub place: WhereArgs,
}

/// Arguments of `report`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// A directory with a record.jsonl
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}
