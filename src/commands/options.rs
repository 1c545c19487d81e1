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
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct WhereArgs {
    /// Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed of everything random: the order of trials, the endpoint of each connection, the table's jitter
    /// [default: 1, or with --from the record's]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Use this machine's network instead of a private one (needs --allow-host-commands for manifests and recipes of images that
    /// are not rollproof's own)
    #[arg(long)]
    pub(crate) host_network: bool,
    /// Where to run: embedded (processes of this machine), kind, kind:NAME, or context:NAME [default: embedded; required with
    /// --from if the recorded run used a real cluster]
    #[arg(long, value_name = "CLUSTER", value_parser = str::parse::<ClusterChoice>)]
    pub(crate) cluster: Option<ClusterChoice>,
    /// Where the load comes from on a real cluster
    #[arg(long, value_enum, default_value_t, value_name = "PLACE")]
    pub(crate) load_from: LoadPlace,
    /// Image of the agent, required where none can be built from this program
    #[arg(long, value_name = "IMAGE")]
    pub(crate) agent_image: Option<String>,
    /// kind configuration for a cluster that must be created
    #[arg(long, value_name = "FILE")]
    pub(crate) kind_config: Option<PathBuf>,
    /// Node image for a kind cluster that must be created
    #[arg(long, value_name = "IMAGE")]
    pub(crate) kind_image: Option<String>,
    /// Keep the run's namespaces on a real cluster after the run
    #[arg(long)]
    pub(crate) keep: bool,
    /// Do not ask before a workload that is there already is rolled
    #[arg(long)]
    pub(crate) yes: bool,
    /// Run the commands of these manifests and recipes on this machine where no private network is available. With --from: also
    /// run the record's rollout command and the recipes of images in its folders
    #[arg(long)]
    pub(crate) allow_host_commands: bool,
}

impl WhereArgs {
    /// The cluster that was named, else the embedded one.
    pub(crate) fn cluster(&self) -> &ClusterChoice {
        self.cluster.as_ref().unwrap_or(&ClusterChoice::Embedded)
    }

    /// An option that has no effect on the chosen cluster, and the cluster that it requires.
    pub(super) fn misplaced(&self) -> Option<String> {
        let cluster = self.cluster();
        let embedded = *cluster == ClusterChoice::Embedded;
        let kind = matches!(cluster, ClusterChoice::Kind(_));
        let given = [
            (self.keep && embedded, "--keep", "a real cluster", "kind"),
            (self.load_from != LoadPlace::default() && embedded, "--load-from", "a real cluster", "kind"),
            (self.agent_image.is_some() && embedded, "--agent-image", "a real cluster", "kind"),
            (self.kind_config.is_some() && !kind, "--kind-config", "a kind cluster", "kind"),
            (self.kind_image.is_some() && !kind, "--kind-image", "a kind cluster", "kind"),
            (self.host_network && !embedded, "--host-network", "the embedded cluster", "embedded"),
        ];
        let (_, flag, required, other) = given.into_iter().find(|(misplaced, ..)| *misplaced)?;
        Some(format!("{flag} requires {required}, not {cluster}; leave it out, or give --cluster {other}"))
    }
}

/// Arguments of `demo`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where and how
    #[command(flatten)]
    pub(crate) place: WhereArgs,
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
pub(crate) struct RunArgs {
    /// The scenario file
    #[arg(value_name = "SCENARIO.yaml", conflicts_with_all = ["filename", "from"])]
    pub(crate) scenario: Option<PathBuf>,
    /// Manifests to roll as they are, without a scenario: GET / at 100 requests a second on new and reused connections, a
    /// restart, one trial, expected to lose nothing. A file, a folder of files, or - for standard input; may be repeated.
    /// With --from: the Secrets and manifests with credentials, which a record holds as hashes only
    #[arg(short, long, value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,
    /// Rerun the run recorded in DIR: same manifests, load, variants, trials and seed
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// With --from: a request header of which the record holds only a hash, or @FILE with one on each line; may be repeated
    #[arg(long, value_name = "NAME: VALUE", requires = "from", conflicts_with = "scenario")]
    pub(crate) header: Vec<String>,
    /// With --from: the value of a query parameter, an environment variable or an argument of which the record holds only a hash,
    /// or @FILE with one on each line; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "from", conflicts_with = "scenario")]
    pub(crate) credential: Vec<String>,
    /// Run only this variant; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,
    /// End after the first trial that loses a request of a judged arm, at the latest after --trials of each variant
    /// [default: 20 of each]
    #[arg(long)]
    pub(crate) until_loss: bool,
    /// The workload to roll, such as deployment/web, where the manifests hold several
    #[arg(long, value_name = "KIND/NAME", conflicts_with_all = ["scenario", "from"])]
    pub(crate) workload: Option<String>,
    /// The Service that carries the load, where several select the workload's pods
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenario", "from"])]
    pub(crate) service: Option<String>,
    /// The Service's port, by number or name, where it has several
    #[arg(long, value_name = "PORT", conflicts_with_all = ["scenario", "from"])]
    pub(crate) port: Option<PortName>,
    /// Requests a second, all arms together, instead of the scenario's, the record's or 100
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// Trials of each variant, instead of the scenario's, the record's or 1
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<u32>,
    /// Time for all trials, such as 20m: blocks that do not fit by the plan's longest estimate are left out, and no further
    /// block starts once it is used up. Starting a cluster takes extra time
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) time_budget: Option<Duration>,
    /// Also roll rollproof's own server, which exits at once, in each block at the same rate; no variant passes as clean unless
    /// this server loses something
    #[arg(long)]
    pub(crate) control: bool,
    /// Roll each variant that lost requests and should not have (else the first that should) again, beside a copy with the advice
    /// applied, and report whether the advice helps and what it costs; these reports are in DIR/advised, and their verdicts count
    #[arg(long, conflicts_with = "until_loss")]
    pub(crate) try_advice: bool,
    /// Record every request, not only those that were not answered as expected
    #[arg(long)]
    pub(crate) record_all: bool,
    /// Where and how
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// Arguments of `attach`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  rollproof attach deployment/web -n shop
  rollproof attach statefulset/db -n shop --path /health --rate 50 --trials 5 --yes
  rollproof attach deployment/web -n shop --cluster context:staging --image web=shop/web:2.1
  rollproof attach deployment/web -n shop --command 'helm upgrade web ./chart -n shop --set tag=2.1' --back 'helm rollback web 7 -n shop'")]
pub(crate) struct AttachArgs {
    /// The workload as it stands in the cluster: deployment/NAME, statefulset/NAME or daemonset/NAME
    #[arg(value_name = "KIND/NAME")]
    pub(crate) workload: String,
    /// Its namespace [default: that of the context, else default]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// The Service that carries the load, where several select the workload's pods
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// The Service's port, by number or name, where it has several
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<PortName>,
    /// The path that is asked for, by GET
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub(crate) path: String,
    /// The status that is expected; may be repeated [default: any 2xx or 3xx]
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<u16>,
    /// The way to it
    #[command(flatten)]
    pub(crate) door: DoorArgs,
    /// Requests a second, all arms together [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// Trials, each of which rolls the workload once [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<u32>,
    /// Roll to this image, and back after the trial, instead of a restart; CONTAINER= may be left out where there is one
    #[arg(long, value_name = "[CONTAINER=]IMAGE", conflicts_with = "command")]
    pub(crate) image: Option<String>,
    /// Roll by this command, which sh runs, instead of a restart
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// What undoes the command, unmeasured
    #[arg(long, value_name = "COMMAND", requires = "command")]
    pub(crate) back: Option<String>,
    /// How often the side probe connects to each old pod during a rollout, such as 200ms, or off; the times of the pods' ends are known
    /// as exactly
    #[arg(long, value_name = "off|TIME", value_parser = side_probe, default_value = "20ms")]
    pub(crate) side_probe: SideProbeChoice,
    /// End after the first trial that loses a request of a judged arm, at the latest after --trials [default: 20]
    #[arg(long)]
    pub(crate) until_loss: bool,
    /// Roll the workload again, as it stands and with the advice applied in turns, and report whether it helps; then undo it
    #[arg(long, conflicts_with = "until_loss")]
    pub(crate) try_advice: bool,
    /// Record every request, not only those that were not answered as expected
    #[arg(long)]
    pub(crate) record_all: bool,
    /// Where and how
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// The way to a workload that is there already.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DoorArgs {
    /// Send the requests to this URL in place of the Service: scheme, host and port; the path is that of --path
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The address that the URL's name is taken to have, or another name that has it, as with curl
    #[arg(long, value_name = "ADDRESS", requires = "url")]
    pub(crate) resolve: Option<String>,
    /// Use TLS, and trust the CAs in this PEM file in place of the platform's
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Use TLS, with this name or address that the server's certificate must be for [default: that of the URL or of the Service]
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Use TLS, and take any certificate
    #[arg(long)]
    pub(crate) tls_insecure: bool,
}

/// How often the side probe connects; `None` turns it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SideProbeChoice(pub(crate) Option<Duration>);

fn side_probe(text: &str) -> Result<SideProbeChoice, String> {
    if text == "off" {
        return Ok(SideProbeChoice(None));
    }
    let every = duration(text)?;
    if (Duration::from_millis(10)..=Duration::from_secs(10)).contains(&every) {
        return Ok(SideProbeChoice(Some(every)));
    }
    Err("expected off, or 10ms to 10s".to_owned())
}

/// Arguments of `report`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReportArgs {
    /// A directory with a record.jsonl
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Show this incident instead: its attempts, its pod's life and last log lines, and the command that reruns it
    #[arg(long, value_name = "N")]
    pub(crate) incident: Option<u32>,
    /// Compare with an earlier run of the same scenario, and write diff.json and diff.md beside DIR's reports; the exit code stays
    /// that of DIR's own verdict
    #[arg(long, value_name = "OLD_DIR", conflicts_with = "incident")]
    pub(crate) against: Option<PathBuf>,
}

/// Arguments of `cluster`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ClusterArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: ClusterAction,
}

/// What `cluster` does.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum ClusterAction {
    /// Create a kind cluster, unless it exists
    Up {
        /// Its name
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// kind configuration
        #[arg(long, value_name = "FILE")]
        kind_config: Option<PathBuf>,
        /// Node image
        #[arg(long, value_name = "IMAGE")]
        kind_image: Option<String>,
    },
    /// Delete a kind cluster that rollproof created
    Down {
        /// Its name
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
        /// Also delete a cluster that rollproof did not create
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
pub(crate) struct ClusterSelector {
    /// A kind cluster's name [default: rollproof]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Any cluster's context
    #[arg(long, conflicts_with = "name")]
    pub(crate) context: Option<String>,
}
