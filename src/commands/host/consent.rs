//! Says what a run does to a workload that is there already, and asks before anything of it is done.

use std::fmt::Write as _;

use super::existing_facts::ExistingFacts;
use super::reach_cluster::ReachedCluster;
use super::{FoundCluster, LoadPlace};
use crate::commands::context::RunMode;
use crate::commands::ending::{CommandFailure, UserOutput};
use crate::plan::{RunPlan, VariantPlan};
use crate::redact::{hide_in_path, hide_in_words, short_hash};
use crate::spec::{Arm, Door, RolloutAction};

/// Asks, where the run measures a workload that is there already and the user has not agreed yet.
pub(in crate::commands) fn agreed(
    found: &FoundCluster,
    plan: &RunPlan,
    mode: RunMode,
    output: &dyn UserOutput,
) -> Result<(), CommandFailure> {
    let FoundCluster::Real(reached) = found else { return Ok(()) };
    let Some(facts) = &reached.existing else { return Ok(()) };
    output.say(words(plan, facts, reached).trim_end());
    if !mode.asks {
        return Ok(());
    }
    if mode.try_advice {
        output.say(
            "  then, with --try-advice: as many trials again of it as it stands and with the advised patch, in turns, which make up to 2 further \
             revisions; the patch is undone at the end",
        );
    }
    match output.ask("Go on?") {
        Some(true) => Ok(()),
        Some(false) => Err(CommandFailure::User("nothing was done".to_owned())),
        None => Err(CommandFailure::User(
            "nothing was done: standard input is no terminal, so that nobody can be asked; add --yes to go on unasked"
                .to_owned(),
        )),
    }
}

/// All that the run does to the cluster, line by line.
fn words(plan: &RunPlan, facts: &ExistingFacts, reached: &ReachedCluster) -> String {
    let (version, from) = (&reached.version, reached.from);
    let watches_here = reached.watches_here || from == LoadPlace::Host;
    let former = &facts.former;
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    let existing: Vec<&VariantPlan> = plan.variants.iter().filter(|one| one.spec.existing().is_some()).collect();
    for variant in &existing {
        line(rollouts(plan, variant));
    }
    if existing.len() > 1 {
        line("between trials of different variants it is changed and rolled once more, without load".to_owned());
    }
    if let Some(variant) = existing.first() {
        line(load(variant, from));
    }
    line(match plan.settings.side_probe {
        _ if watches_here => "side probe: off, because pods are not reached from this machine".to_owned(),
        true => format!(
            "side probe: a connection to each pod that is replaced every {} ms while it ends, without a request",
            plan.settings.side_probe_every.as_millis()
        ),
        false => "side probe: off".to_owned(),
    });
    let pod = match from {
        LoadPlace::Pod => " with a pod that carries the load",
        LoadPlace::Host => "",
    };
    line(format!("made for the run and removed after it: namespace {}{pod}", former.claim_name()));
    if !watches_here {
        line(format!(
            "the same in namespace {}: a role and its binding, by which that pod may read pods and their logs, services, endpoint slices, \
             events and workloads there",
            former.namespace
        ));
    }
    if facts.changes {
        line("what is changed is undone at the end; after a crash `rollproof cluster clean` undoes it".to_owned());
    }
    if plan.variants.iter().any(|variant| variant.spec.rollout.action == RolloutAction::Restart) {
        line("left behind: the annotation of `kubectl rollout restart`".to_owned());
    }
    line(match facts.new_revisions {
        Some(1) => "in its history: at most 1 new revision, whatever the number of trials".to_owned(),
        Some(count) => format!("in its history: at most {count} new revisions, whatever the number of trials"),
        None => "in its history: as many new revisions as the commands make".to_owned(),
    });
    for note in &facts.notes {
        line(format!("note: {note}"));
    }
    format!("{} in namespace {}, Kubernetes {version}:\n{text}", former.workload, former.namespace)
}

fn rollouts(plan: &RunPlan, variant: &VariantPlan) -> String {
    let count = plan.settings.trials;
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let what = match &variant.spec.rollout.action {
        RolloutAction::Restart => {
            format!("all of its {} pods are replaced by a restart, {times}", variant.spec.replicas())
        }
        RolloutAction::Command { run, back: Some(back) } => {
            format!("`{}` runs on this machine, {times}, and `{}` after each", shown(run), shown(back))
        }
        RolloutAction::Command { run, back: None } => {
            format!("`{}` runs on this machine, {times}; what it makes stays, because nothing undoes it", shown(run))
        }
        other => format!("rolled by {}, {times}", other.describe()),
    };
    if plan.variants.len() == 1 { what } else { format!("variant {}, {}: {what}", variant.spec.name, made(variant)) }
}

/// How the workload becomes the variant.
fn made(variant: &VariantPlan) -> String {
    let existing = variant.spec.existing();
    if let Some(set) = existing.and_then(|existing| existing.set.as_ref()) {
        return format!("made by `{}`, undone by `{}`", shown(&set.run), shown(&set.back));
    }
    match existing.map_or(0, |existing| existing.patches.len()) {
        0 => "as it stands".to_owned(),
        1 => "with a patch".to_owned(),
        more => format!("with {more} patches"),
    }
}

/// A command without its credentials.
fn shown(words: &[String]) -> String {
    hide_in_words(words, &mut short_hash).join(" ")
}

fn load(variant: &VariantPlan, from: LoadPlace) -> String {
    let spec = &variant.spec;
    let mut kinds: Vec<String> = spec
        .load
        .requests
        .iter()
        .map(|request| format!("{} {}", request.method, hide_in_path(request.path.as_str(), &mut short_hash)))
        .collect();
    kinds.dedup();
    let arms: Vec<&str> = Arm::ALL.into_iter().filter(|arm| spec.load.rate_of(*arm) > 0.0).map(Arm::name).collect();
    let place = match from {
        LoadPlace::Pod => "a pod of the run's own",
        LoadPlace::Host => "this machine",
    };
    let doors: Vec<String> = spec
        .load
        .doors()
        .map(|door| match (door, &spec.load.url) {
            (Door::Url, Some(door)) => door.url.to_string(),
            _ => format!("service {}:{}", spec.service().name, spec.service().port),
        })
        .collect();
    format!(
        "load: {} requests a second to {}, from {place}: {} (connections: {})",
        spec.load.rate,
        doors.join(" and "),
        kinds.join(", "),
        arms.join(", ")
    )
}
