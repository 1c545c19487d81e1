//! The arguments, as clap reads them.

use std::path::PathBuf;

use crate::agent::AgentArgs;
use crate::commands::{AttachArgs, ClusterArgs, DemoArgs, ReportArgs, RunArgs};
use crate::target::TargetArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0    pass
  1    a bug in rollproof
  2    what you wrote or named: input that does not parse or fit, an image without recipe, a patch that matches
       nothing, a record of a newer version, an output directory that cannot be written
  3    the machine or the cluster: a missing server, a port in use, not ready before the first trial, disk full
  4    the verdict is fail
  5    inconclusive: nothing was shown either way
  130  interrupted
When several hold, the first of 130, 1, 4, 3, 5 counts.";

const COMPLETIONS: &str = "\
Examples:
  rollproof completions bash >~/.local/share/bash-completion/completions/rollproof
  rollproof completions zsh >~/.zfunc/_rollproof         (with ~/.zfunc in $fpath)
  rollproof completions fish >~/.config/fish/completions/rollproof.fish";

const MAN: &str = "\
Examples:
  rollproof man | man -l -
  rollproof man ~/.local/share/man/man1";

/// Puts constant load on a Service while a rolling update runs, and says which requests were lost.
#[derive(Debug, clap::Parser)]
#[command(name = "rollproof", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CliCommand {
    /// Show a lossy and a clean rollout on this machine, in 40 seconds
    Demo(DemoArgs),
    /// Roll each variant of a scenario under load, or manifests as they are (-f), and judge them
    Run(Box<RunArgs>),
    /// Roll a workload where it stands in a cluster, under load, and judge it; asks first
    Attach(Box<AttachArgs>),
    /// Analyse and render a record again
    Report(ReportArgs),
    /// Create or delete a kind cluster; show or remove what runs left on a cluster
    Cluster(ClusterArgs),
    /// Print the JSON Schema of report.json, of diff.json or of a scenario file
    Schema {
        /// Which schema
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Print the script that completes commands and options in a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the program's manual page, or write the pages of all commands to a folder
    #[command(after_help = MAN)]
    Man {
        /// Write one file for each command there, such as /usr/local/share/man/man1
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// The built-in HTTP server, whose start and stop behaviour is chosen by flags (image: rollproof/target)
    Target(TargetArgs),
    /// Carries load and watches in a pod of the cluster
    #[command(hide = true)]
    Agent(AgentArgs),
}

/// What `schema` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaOf {
    /// report.json
    Report,
    /// diff.json, which `report --against` writes
    Diff,
    /// A scenario file
    Scenario,
}
