//! `rollproof demo`: a compiled-in scenario, with Apache where it is installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::RunMode;
use super::ending::{CommandFailure, FinishedCommand, UserOutput};
use super::options::DemoArgs;
use super::run_command::{launch, plan};
use crate::cluster::embedded::namespace::EnteredNetwork;
use crate::plan::PlanOverrides;
use crate::report::TerminalStyle;
use crate::scenario::ShippedFiles;

const LEAD_IN: Duration = Duration::from_secs(1);
const TAIL: Duration = Duration::from_millis(1_250);

/// Shows a lossy and a clean rollout.
pub(crate) fn demo(
    arguments: &DemoArgs,
    network: EnteredNetwork,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    let scenario = if apache_is_installed(&std::env::var_os("PATH").unwrap_or_default()) {
        "scenarios/demo-apache.yaml"
    } else {
        output.say("Apache is not installed here, so the demo rolls the built-in server (apt-get install apache2).");
        "scenarios/demo-target.yaml"
    };
    let overrides = PlanOverrides { seed: arguments.place.seed.unwrap_or(1), ..PlanOverrides::default() };
    let mut plan = plan(Path::new(scenario), &ShippedFiles, None, &overrides)?;
    // Its manifests stand in no folder, whatever the folder that it is started in holds.
    plan.settings.folders.clear();
    // Its trials are many and short: what a usual run waits before and after a rollout would be half of the demo. Every connection
    // carries several requests before the rollout, and the load outlasts routing's longest lag after it.
    plan.settings.lead_in = LEAD_IN;
    plan.settings.tail = TAIL;
    launch(plan, &arguments.place, RunMode::default(), network, style, output)
}

/// Looked for where the recipe looks: on the PATH, and where Debian puts what only root has on its PATH.
fn apache_is_installed(path: &std::ffi::OsStr) -> bool {
    std::env::split_paths(path).chain([PathBuf::from("/usr/sbin")]).any(|folder| folder.join("apache2").is_file())
}
