//! `rollproof run SCENARIO`, `-f FILE` and `--from DIR`: reads and plans, then hands over.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use super::context::RunMode;
use super::ending::{CommandFailure, FinishedCommand, UserOutput};
use super::execute::execute;
use super::from_record_dir::plan_from;
use super::host::{ClusterChoice, live_target};
use super::inputs::{self, Stdin};
use super::options::{RunArgs, WhereArgs};
use super::outputs;
use super::recipes;
use super::try_advice;
use super::until_loss::MOST_TRIALS;
use super::variants::idle_s;
use crate::clock::Clock;
use crate::cluster::embedded::namespace::EnteredNetwork;
use crate::cluster::embedded::store::ObjectKind;
use crate::manifest::{DiskFiles, FileSource, is_cluster_scoped, is_foreign_hook};
use crate::plan::{PlanOverrides, RunPlan, WorkloadChoice, build, build_for_manifests};
use crate::report::TerminalStyle;
use crate::scenario;
use crate::yaml::YamlSource;

/// The seed where the user gave none: the same run again, unless one asks for another.
pub(super) const DEFAULT_SEED: u64 = 1;

pub(crate) fn run(
    arguments: &RunArgs,
    network: EnteredNetwork,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    let overrides = PlanOverrides {
        rate: arguments.rate,
        trials: arguments.trials.or(arguments.until_loss.then_some(MOST_TRIALS)),
        seed: arguments.place.seed.unwrap_or(DEFAULT_SEED),
    };
    let mut plan = match (&arguments.scenario, &arguments.from) {
        (Some(path), _) => plan(path, &DiskFiles, Some(&arguments.place), &overrides).inspect_err(|_| {
            if is_manifest(path) {
                output.say(&format!(
                    "note: {0} holds Kubernetes manifests; to roll them without a scenario: rollproof run -f {0}",
                    path.display()
                ));
            }
        })?,
        (None, Some(directory)) => plan_from(directory, arguments, &sources(arguments)?, &overrides)?,
        (None, None) => plan_manifests(arguments, &overrides)?,
    };
    plan.keep_variants(&arguments.variant)?;
    if arguments.control {
        plan.add_control()?;
    }
    if let Some(budget) = arguments.time_budget {
        plan.fit(budget)?;
    }
    let mode = RunMode {
        asks: !arguments.place.yes,
        record_all: arguments.record_all,
        until_loss: arguments.until_loss,
        try_advice: arguments.try_advice,
    };
    launch(plan, &arguments.place, mode, network, style, output)
}

/// Reads and plans the scenario at `path`. A workload that it names as existing is read from the cluster at `place`.
pub(super) fn plan(
    path: &Path,
    files: &dyn FileSource,
    place: Option<&WhereArgs>,
    overrides: &PlanOverrides,
) -> Result<RunPlan, CommandFailure> {
    let scenario = scenario::load(path, files)?;
    let Some(target) = &scenario.file.target else { return Ok(build(&scenario, files, None, overrides)?) };
    let named = &target.value.existing;
    let cluster = place.map_or(&ClusterChoice::Embedded, WhereArgs::cluster);
    let service = scenario.file.service.as_ref().map(|service| service.value.as_str());
    let live = live_target(cluster, &named.namespace.value, &named.workload.value, service)?;
    Ok(build(&scenario, files, Some(&live), overrides)?)
}

/// Whether the file has what every manifest has and no scenario: a guess for a hint.
fn is_manifest(path: &Path) -> bool {
    let has = |text: &str, key: &str| text.lines().any(|line| line.starts_with(key));
    DiskFiles.read(path).is_ok_and(|text| has(&text, "apiVersion:") && has(&text, "kind:"))
}

fn sources(arguments: &RunArgs) -> Result<Vec<YamlSource>, CommandFailure> {
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    Ok(inputs::read(&arguments.filename, &mut Stdin { text: &mut stdin.lock(), terminal })?)
}

fn plan_manifests(arguments: &RunArgs, overrides: &PlanOverrides) -> Result<RunPlan, CommandFailure> {
    let sources = sources(arguments)?;
    let choice = WorkloadChoice {
        workload: arguments.workload.clone(),
        service: arguments.service.clone(),
        port: arguments.port.clone(),
    };
    Ok(build_for_manifests(&sources, &choice, overrides)?)
}

/// Checks what can be checked before anything is begun, says the plan, and runs it.
pub(super) fn launch(
    mut plan: RunPlan,
    place: &WhereArgs,
    mode: RunMode,
    network: EnteredNetwork,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    if let Some(misplaced) = place.misplaced() {
        return Err(CommandFailure::User(misplaced));
    }
    // Before a cluster is looked for, or made.
    if let Some(out) = &place.out {
        outputs::is_free(out)?;
        for index in 0..plan.variants.len() {
            outputs::is_free(&out.join(try_advice::folder(index)))?;
        }
    }
    plan.set_aside("not applied, because Helm neither installs nor upgrades with it", is_foreign_hook);
    let stage = match place.cluster() {
        ClusterChoice::Embedded => {
            plan.set_aside("not applied, because the embedded cluster has no such objects in a namespace", |object| {
                ObjectKind::of(object).is_none_or(|kind| !kind.info().namespaced)
            });
            let recipes = recipes::in_folders(&plan, place.cluster());
            let stage = super::stage::check(&plan, &recipes, place, network)?;
            recipes::keep_folders_of(&mut plan, &recipes);
            Some(stage)
        }
        ClusterChoice::Kind(_) | ClusterChoice::Context(_) => {
            plan.set_aside("not applied, because a run makes nothing outside its own namespaces", is_cluster_scoped);
            let recipes = recipes::in_folders(&plan, place.cluster());
            recipes::keep_folders_of(&mut plan, &recipes);
            None
        }
    };
    if let Some(reason) = stage.as_ref().and_then(|stage| stage.host_network.as_ref()) {
        output.say(&format!("note: {reason}"));
    }
    output.say(plan.summary().to_string().trim_end());
    for variant in &plan.variants {
        if let Some(idle_s) = idle_s(variant) {
            let name = &variant.spec.name;
            output.say(&format!("  {name}: a kept-alive connection is idle for {idle_s:.2} s between requests"));
        }
    }
    if mode.try_advice {
        output.say(&try_advice::note(&plan));
    }
    let begun = Clock::start();
    let finished = execute(&plan, stage.as_ref(), place, mode, style, output)?;
    if !mode.try_advice {
        return Ok(finished);
    }
    let left = || plan.time_budget.map(|budget| budget.saturating_sub(Duration::from_nanos(begun.now())));
    Ok(try_advice::try_all(&plan, finished, left, style, output, |advised, directory| {
        let place = WhereArgs { out: Some(directory), ..place.clone() };
        // What was agreed to covers it.
        execute(advised, stage.as_ref(), &place, RunMode { asks: false, ..mode }, style, output)
    }))
}
