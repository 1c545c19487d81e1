//! `rollproof run SCENARIO`: reads and plans, then hands over.

use std::path::Path;

use super::ending::{Failure, Finished, Talk};
use super::execute::execute;
use super::host::ClusterChoice;
use super::options::{RunArgs, WhereArgs};
use super::variants::idle_s;
use crate::cluster::embedded::namespace::Network;
use crate::manifest::{Disk, Files, offset_ports};
use crate::plan::{Overrides, RunPlan, build};
use crate::scenario;

/// The seed where the user gave none: the same run again, unless one asks for another.
const DEFAULT_SEED: u64 = 1;

/// Runs a scenario.
pub fn run(arguments: &RunArgs, network: Network, colour: bool, talk: &dyn Talk) -> Result<Finished, Failure> {
    let overrides = Overrides {
        rate: arguments.rate,
        trials: arguments.trials,
        seed: arguments.place.seed.unwrap_or(DEFAULT_SEED),
    };
    let plan = plan(&arguments.scenario, &Disk, &overrides)?;
    launch(&plan, &arguments.place, arguments.record_all, network, colour, talk)
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
    colour: bool,
    talk: &dyn Talk,
) -> Result<Finished, Failure> {
    let stage = match place.cluster {
        ClusterChoice::Embedded => Some(super::stage::check(plan, place, network)?),
        ClusterChoice::Kind(_) | ClusterChoice::Context(_) => None,
    };
    if let Some(reason) = stage.as_ref().and_then(|stage| stage.host_network.as_ref()) {
        talk.say(&format!("note: {reason}"));
    }
    talk.say(plan.summary().to_string().trim_end());
    for variant in &plan.variants {
        if let Some(idle_s) = idle_s(variant) {
            talk.say(&format!("  {}: a kept-alive connection rests {idle_s:.2} s between uses", variant.name));
        }
    }
    let moved = stage.as_ref().and_then(|stage| stage.port_offset).map(|offset| move_ports(plan, offset));
    execute(moved.as_ref().unwrap_or(plan), stage.as_ref(), place, record_all, colour, talk)
}

/// The plan with every port that its pods listen on moved by `offset`.
fn move_ports(plan: &RunPlan, offset: u16) -> RunPlan {
    let mut plan = plan.clone();
    for variant in &mut plan.variants {
        variant.manifests = offset_ports(&variant.manifests, offset);
        variant.service.target_port = variant.service.target_port.saturating_add(offset);
    }
    plan
}
