//! `rollproof run SCENARIO`: reads and plans, then hands over.

use std::path::Path;

use super::ending::{Failure, Finished, Talk};
use super::execute::execute;
use super::options::{RunArgs, WhereArgs};
use crate::cluster::embedded::namespace::Network;
use crate::manifest::{Disk, Files};
use crate::plan::{Overrides, RunPlan, build};
use crate::scenario;

/// The seed where the user gave none: the same run again, unless one asks for another.
const DEFAULT_SEED: u64 = 1;

/// Runs a scenario.
pub fn run(arguments: &RunArgs, network: Network, talk: &dyn Talk) -> Result<Finished, Failure> {
    let overrides = Overrides {
        rate: arguments.rate,
        trials: arguments.trials,
        seed: arguments.place.seed.unwrap_or(DEFAULT_SEED),
    };
    let plan = plan(&arguments.scenario, &Disk, &overrides)?;
    launch(&plan, &arguments.place, arguments.record_all, network, talk)
}

/// Reads and plans the scenario at `path`.
pub(super) fn plan(path: &Path, files: &dyn Files, overrides: &Overrides) -> Result<RunPlan, Failure> {
    let scenario = scenario::load(path, files).map_err(|error| Failure::Input(Box::new(error)))?;
    build(&scenario, files, overrides).map_err(|error| Failure::Input(Box::new(error)))
}

/// Checks what can be checked before anything is begun, says the plan, and runs it.
pub(super) fn launch(
    plan: &RunPlan,
    place: &WhereArgs,
    record_all: bool,
    network: Network,
    talk: &dyn Talk,
) -> Result<Finished, Failure> {
    let stage = super::stage::check(plan, place, network)?;
    if let Some(reason) = &stage.host_network {
        talk.say(&format!("note: {reason}"));
    }
    talk.say(plan.summary().to_string().trim_end());
    execute(plan, stage, place, record_all, talk)
}
