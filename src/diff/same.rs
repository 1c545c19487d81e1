//! What two runs must have in common to be compared, and what else differs between them.

use std::collections::BTreeSet;

use crate::record::again::Again;
use crate::record::header::{Header, VariantHeader};
use crate::report::one_line;

/// Differences that are listed.
const MOST: usize = 20;

/// The variants that are compared, by name: all but the control, which tells of the harness.
pub(super) fn variants(header: &Header) -> impl Iterator<Item = &VariantHeader> {
    header.variants.iter().filter(|variant| header.control.as_ref() != Some(&variant.name))
}

/// What keeps the runs from being compared; empty if nothing does.
pub(super) fn mismatches(old: &Header, new: &Header) -> Vec<String> {
    let mut found = Vec::new();
    told(&mut found, "the scenario's name", &old.scenario, &new.scenario);
    let names = |header: &Header| variants(header).map(|variant| variant.name.clone()).collect::<BTreeSet<String>>();
    let (of_old, of_new) = (names(old), names(new));
    let list = |names: Vec<&String>| names.iter().map(|name| one_line(name)).collect::<Vec<String>>().join(", ");
    let (only_old, only_new) = (of_old.difference(&of_new).collect(), of_new.difference(&of_old).collect());
    let missing = |names: Vec<&String>, which: &str| {
        (!names.is_empty()).then(|| format!("only the {which} run has variant {}", list(names)))
    };
    found.extend(missing(only_old, "old"));
    found.extend(missing(only_new, "new"));
    for (before, after) in both(old, new) {
        load(&mut found, before, after);
        let name = one_line(&before.name);
        told(&mut found, &format!("the rollout of {name}"), &before.rollout, &after.rollout);
        in_full(&mut found, old, new, before, after);
    }
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    found.extend((more > 0).then(|| format!("and {more} more")));
    found
}

/// Each variant that both have.
fn both<'a>(old: &'a Header, new: &'a Header) -> impl Iterator<Item = (&'a VariantHeader, &'a VariantHeader)> {
    variants(old).filter_map(|before| Some((before, variants(new).find(|after| after.name == before.name)?)))
}

fn load(found: &mut Vec<String>, before: &VariantHeader, after: &VariantHeader) {
    let name = one_line(&before.name);
    let (old, new) = (&before.load, &after.load);
    told(found, &format!("requests a second of {name}"), &old.rate, &new.rate);
    told(found, &format!("the timeout of {name} in milliseconds"), &old.timeout_ms, &new.timeout_ms);
    told(found, &format!("the pod header of {name}"), &old.pod_header, &new.pod_header);
    let arms = |arms: &[crate::record::Arm]| arms.iter().map(|arm| arm.name()).collect::<Vec<_>>().join(", ");
    told(found, &format!("the judged arms of {name}"), &arms(&old.judged), &arms(&new.judged));
    if old.requests != new.requests {
        let kinds = |header: &VariantHeader| {
            let all = header.load.requests.iter().map(|kind| format!("{} {}", kind.method, kind.path));
            all.collect::<Vec<String>>().join(", ")
        };
        let (old, new) = (kinds(before), kinds(after));
        found.push(if old == new {
            format!("the shares or arms of the requests of {name} differ")
        } else {
            format!("the requests of {name} were {} and are {}", one_line(&old), one_line(&new))
        });
    }
}

/// What only the part for running again tells: headers, bodies and expected statuses, and what exactly a patch or a command does.
fn in_full(found: &mut Vec<String>, old: &Header, new: &Header, before: &VariantHeader, after: &VariantHeader) {
    let again = |header: &'_ Header, variant: &VariantHeader| {
        header.again.as_ref().and_then(|again| again.variants.get(&variant.name)).cloned()
    };
    let (Some(of_old), Some(of_new)) = (again(old, before), again(new, after)) else { return };
    let name = one_line(&before.name);
    if before.load.requests == after.load.requests && of_old.requests != of_new.requests {
        found.push(format!("the headers, bodies or expected statuses of the requests of {name} differ"));
    }
    if before.rollout == after.rollout && of_old.rollout != of_new.rollout {
        found.push(format!("the rollout of {name}, a {}, does not do the same", one_line(&before.rollout)));
    }
}

fn told<T: PartialEq + std::fmt::Display>(found: &mut Vec<String>, what: &str, old: &T, new: &T) {
    if old != new {
        found.push(format!("{what} was {} and is {}", one_line(&old.to_string()), one_line(&new.to_string())));
    }
}

/// What else differs: a difference of machines is not a difference of code.
pub(super) fn notes(old: &Header, new: &Header) -> Vec<String> {
    let mut found = Vec::new();
    if old.started_unix_ns > new.started_unix_ns {
        found.push(format!(
            "the old run began later ({}) than the new one ({}): are the directories the right way round?",
            one_line(&old.started),
            one_line(&new.started)
        ));
    }
    told(&mut found, "the number of planned trials", &old.trials, &new.trials);
    told(&mut found, "rollproof's version", &old.rollproof, &new.rollproof);
    told(&mut found, "the kind of cluster", &old.cluster.kind, &new.cluster.kind);
    told(&mut found, "the cluster's version", &old.cluster.version, &new.cluster.version);
    let network = |header: &Header| match header.cluster.private_network {
        Some(true) => "a private one",
        Some(false) => "the machine's own",
        None => "the cluster's",
    };
    told(&mut found, "the network", &network(old), &network(new));
    if let (Some(before), Some(after)) = (&old.again, &new.again) {
        settings(&mut found, before, after);
    }
    told(&mut found, "the seed, and so the order of the variants,", &old.seed, &new.seed);
    told(&mut found, "the lateness of a send that spoils a trial, in milliseconds,", &old.max_lag_ms, &new.max_lag_ms);
    for (before, after) in both(old, new) {
        let name = one_line(&before.name);
        told(&mut found, &format!("the number of replicas of {name}"), &before.replicas, &after.replicas);
        told(&mut found, &format!("the surge of {name}"), &before.surge, &after.surge);
        let connections = format!("the number of kept-alive connections of {name}");
        told(&mut found, &connections, &before.load.connections, &after.load.connections);
        told(&mut found, &format!("what {name} may lose"), &before.lost_at_most, &after.lost_at_most);
        told(&mut found, &format!("whether raced attempts count as lost of {name}"), &before.strict, &after.strict);
        if before.expect != after.expect {
            found.push(format!("what is expected of {name} differs"));
        }
        if before.manifests != after.manifests {
            found.push(format!("the manifests of {name} differ"));
        }
    }
    found
}

fn settings(found: &mut Vec<String>, before: &Again, after: &Again) {
    told(found, "the cluster's name", &before.cluster, &after.cluster);
    let lag = |again: &Again| (again.base_ns, again.min_sync_period_ns);
    if lag(before) != lag(after) {
        found.push("the embedded cluster's routing lag differs".to_owned());
    }
    if before.probe != after.probe {
        found.push("the side probe watched the listeners of one run only".to_owned());
    }
}
