//! What the user may choose, as clap reads it.

use std::path::PathBuf;
use std::time::Duration;

use super::host::{ClusterChoice, LoadPlace};
use crate::cluster::kind::DEFAULT_NAME;
use crate::manifest::PortName;
use crate::scenario::values::ScenarioDuration;

/// A duration as a scenario writes it.
fn duration(text: &str) -> Result<Duration, String> {
    ScenarioDuration::parse(text).map(|time| time.0)
}

/// Where and how a run takes place.
#[derive(Debug, Clone, clap::Args)]
pub struct WhereArgs {
    /// Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of everything random: the order of trials, the endpoint of each connection, the table's jitter
    /// [default: 1, or with --from the record's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Use this machine's network instead of a private one (needs --allow-host-commands for manifests and recipes of images that
    /// are not rollproof's own)
    #[arg(long)]
    pub host_network: bool,
    /// Where to run: embedded (processes of this machine), kind, kind:NAME, or context:NAME [default: embedded; required with
    /// --from if the recorded run used a real cluster]
    #[arg(long, value_name = "CLUSTER", value_parser = str::parse::<ClusterChoice>)]
    pub cluster: Option<ClusterChoice>,
    /// Where the load comes from on a real cluster
    #[arg(long, value_enum, default_value_t, value_name = "PLACE")]
    pub load_from: LoadPlace,
    /// The agent's image, where it cannot be made from this program
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
    /// kind's own configuration, for a cluster that has to be made
    #[arg(long, value_name = "FILE")]
    pub kind_config: Option<PathBuf>,
    /// The node image, for a kind cluster that has to be made
    #[arg(long, value_name = "IMAGE")]
    pub kind_image: Option<String>,
    /// Leave the run's namespaces on a real cluster
    #[arg(long)]
    pub keep: bool,
    /// Where no private network is to be had: run the commands of these manifests and recipes on this machine all the same. With
    /// --from: run the command by which the record rolls the workload, and the recipes of images in the folders that it names
    #[arg(long)]
    pub allow_host_commands: bool,
}

impl WhereArgs {
    /// The cluster that was named, else the embedded one.
    #[must_use]
    pub fn cluster(&self) -> &ClusterChoice {
        self.cluster.as_ref().unwrap_or(&ClusterChoice::Embedded)
    }

    /// What was given that means nothing on the chosen cluster, in words: whoever gives it expects it to do something.
    #[must_use]
    pub(super) fn misplaced(&self) -> Option<String> {
        let cluster = self.cluster();
        let embedded = *cluster == ClusterChoice::Embedded;
        let made = matches!(cluster, ClusterChoice::Kind(_));
        let given = [
            (self.keep && embedded, "--keep", "which leaves no namespace behind", "--cluster kind"),
            (
                self.load_from != LoadPlace::default() && embedded,
                "--load-from",
                "whose load is this process",
                "--cluster kind",
            ),
            (self.agent_image.is_some() && embedded, "--agent-image", "which has no agent", "--cluster kind"),
            (self.kind_config.is_some() && !made, "--kind-config", "which kind does not make", "--cluster kind"),
            (self.kind_image.is_some() && !made, "--kind-image", "which kind does not make", "--cluster kind"),
            (
                self.host_network && !embedded,
                "--host-network",
                "whose pods are not on this machine's network",
                "--cluster embedded",
            ),
        ];
        let (_, flag, why, other) = given.into_iter().find(|(misplaced, ..)| *misplaced)?;
        Some(format!("{flag} means nothing on cluster {cluster}, {why}; leave it out, or give {other}"))
    }
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
    group = clap::ArgGroup::new("what").required(true).multiple(true).args(["scenario", "filename", "from"]),
    after_help = "\
Examples:
  rollproof run scenarios/apache-prestop.yaml
  rollproof run scenarios/target-exit.yaml --trials 1 --rate 100 --out /tmp/run
  rollproof run scenarios/apache-prestop.yaml --trials 20 --time-budget 20m
  rollproof run -f deploy.yaml -f service.yaml --control
  helm template my-release my-chart | rollproof run -f - --workload deployment/my-release
  rollproof run --from reports/apache-prestop-TIME --variant without-prestop --until-loss"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RunArgs {
    /// The scenario file
    #[arg(value_name = "SCENARIO.yaml", conflicts_with_all = ["filename", "from"])]
    pub scenario: Option<PathBuf>,
    /// Manifests to roll as they are, without a scenario: GET / at 100 requests a second on new and reused connections, a
    /// restart, one trial, expected to lose nothing. A file, a folder of files, or - for standard input; may be repeated.
    /// With --from: the Secrets, which a record holds as hashes only
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// Run again what the record in DIR tells of: the same manifests, load, variants, trials and seed
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// With --from: a request header whose value the record holds as a hash only, or @FILE with one in each line; may be
    /// repeated
    #[arg(long, value_name = "NAME: VALUE", requires = "from", conflicts_with = "scenario")]
    pub header: Vec<String>,
    /// Only this variant; may be repeated
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// End after the trial in which a request of a judged arm was lost, at the latest after --trials of each variant
    /// [default: 20 of each]
    #[arg(long)]
    pub until_loss: bool,
    /// The workload to roll, such as deployment/web, where the manifests hold several
    #[arg(long, value_name = "KIND/NAME", conflicts_with_all = ["scenario", "from"])]
    pub workload: Option<String>,
    /// The Service that carries the load, where several select the workload's pods
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenario", "from"])]
    pub service: Option<String>,
    /// The Service's port, by number or name, where it has several
    #[arg(long, value_name = "PORT", conflicts_with_all = ["scenario", "from"])]
    pub port: Option<PortName>,
    /// Requests a second, all arms together, instead of the scenario's, the record's or 100
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Trials of each variant, instead of the scenario's, the record's or 1
    #[arg(long, value_name = "N")]
    pub trials: Option<u32>,
    /// Time for all trials, such as 20m: blocks that do not fit by the plan's longest estimate are left out, and when it is
    /// used up no further block is begun. A cluster's own start comes on top
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub time_budget: Option<Duration>,
    /// Also roll rollproof's own server, which exits at once, in each block and under the same rate; unless it is seen to
    /// lose something, no variant passes as clean
    #[arg(long)]
    pub control: bool,
    /// If something is lost, roll that variant again beside the same with its advice applied, and say whether it is cured and
    /// what it costs; the reports of that are in DIR/advised
    #[arg(long, conflicts_with = "until_loss")]
    pub try_advice: bool,
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
    /// Show this incident instead: its attempts, its pod's life and last log lines, and the command that runs it again
    #[arg(long, value_name = "N")]
    pub incident: Option<u32>,
    /// Compare with an earlier run of the same scenario, and write diff.json and diff.md beside DIR's reports; the exit code stays
    /// that of DIR's own verdict
    #[arg(long, value_name = "OLD_DIR", conflicts_with = "incident")]
    pub against: Option<PathBuf>,
}

/// Arguments of `cluster`.
#[derive(Debug, Clone, clap::Args)]
pub struct ClusterArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ClusterAction,
}

/// What `cluster` does.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ClusterAction {
    /// Make a kind cluster, unless it is there
    Up {
        /// Its name
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// kind's own configuration
        #[arg(long, value_name = "FILE")]
        kind_config: Option<PathBuf>,
        /// The node image
        #[arg(long, value_name = "IMAGE")]
        kind_image: Option<String>,
    },
    /// Delete a kind cluster that rollproof made
    Down {
        /// Its name
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// Also if somebody else made it
        #[arg(long)]
        force: bool,
    },
    /// Show what runs have on a cluster, or left there
    Status {
        /// Which cluster
        #[command(flatten)]
        on: ClusterSelector,
    },
    /// Remove what runs left on a cluster
    Clean {
        /// Which cluster
        #[command(flatten)]
        on: ClusterSelector,
        /// Only these runs, alive or not [default: all that are not alive any more]
        #[arg(value_name = "RUN")]
        runs: Vec<String>,
        /// Also what belongs to runs that are alive
        #[arg(long, conflicts_with = "runs")]
        all: bool,
    },
}

/// A cluster that is there.
#[derive(Debug, Clone, clap::Args)]
pub struct ClusterSelector {
    /// A kind cluster's name [default: rollproof]
    #[arg(long)]
    pub name: Option<String>,
    /// Any cluster's context
    #[arg(long, conflicts_with = "name")]
    pub context: Option<String>,
}
