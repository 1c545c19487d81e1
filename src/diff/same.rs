//! What two runs must have in common to be compared, and what else differs between them.

use std::collections::BTreeSet;

use crate::analysis::asked;
use crate::record::header::Header;
use crate::report::one_line;
use crate::spec::{Arm, Door, LoadSpec, RunSettings, VariantSpec};

const MOST: usize = 20;

/// The variants that are compared, by name: all but the control, which tells of the harness.
pub(super) fn variants(header: &Header) -> impl Iterator<Item = &VariantSpec> {
    header.spec.variants.iter().filter(|variant| header.spec.settings.control.as_ref() != Some(&variant.name))
}

/// What keeps the runs from being compared; empty if nothing does.
pub(super) fn mismatches(old: &Header, new: &Header) -> Vec<String> {
    let mut found = Vec::new();
    told(&mut found, "the scenario's name", &old.spec.settings.scenario, &new.spec.settings.scenario);
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
        rollout(&mut found, before, after);
    }
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    found.extend((more > 0).then(|| format!("and {more} more")));
    found
}

fn both<'a>(old: &'a Header, new: &'a Header) -> impl Iterator<Item = (&'a VariantSpec, &'a VariantSpec)> {
    variants(old).filter_map(|before| Some((before, variants(new).find(|after| after.name == before.name)?)))
}

fn load(found: &mut Vec<String>, before: &VariantSpec, after: &VariantSpec) {
    let name = one_line(&before.name);
    let (old, new) = (&before.load, &after.load);
    told(found, &format!("requests a second of {name}"), &old.rate, &new.rate);
    told(found, &format!("the timeout of {name} in milliseconds"), &old.timeout.as_millis(), &new.timeout.as_millis());
    told(found, &format!("the pod header of {name}"), &old.pod_header, &new.pod_header);
    let door = |load: &LoadSpec| {
        let doors = load.doors().map(|door| match (door, &load.url) {
            (Door::Url, Some(door)) => door.url.to_string(),
            _ => "its Service".to_owned(),
        });
        doors.collect::<Vec<_>>().join(" and ")
    };
    told(found, &format!("where requests of {name} go"), &door(old), &door(new));
    let retries = |load: &LoadSpec| load.retry_header.as_ref().map_or("none".to_owned(), ToString::to_string);
    told(found, &format!("the header that tells retries of {name}"), &retries(old), &retries(new));
    let tls = |load: &LoadSpec| if load.tls.is_some() { "on" } else { "off" };
    told(found, &format!("TLS of {name}"), &tls(old), &tls(new));
    let arms = |arms: &[Arm]| arms.iter().map(|arm| arm.name()).collect::<Vec<_>>().join(", ");
    told(found, &format!("the judged arms of {name}"), &arms(&old.judged), &arms(&new.judged));
    if old.requests == new.requests {
        return;
    }
    let kinds = |load: &LoadSpec| load.requests.iter().map(|kind| asked(load, kind)).collect::<Vec<_>>().join(", ");
    let carried =
        |load: &LoadSpec| load.requests.iter().map(|kind| (kind.share, kind.arms.clone())).collect::<Vec<_>>();
    found.push(if kinds(old) != kinds(new) {
        format!("the requests of {name} were {} and are {}", one_line(&kinds(old)), one_line(&kinds(new)))
    } else if carried(old) != carried(new) {
        format!("the shares or arms of the requests of {name} differ")
    } else {
        format!("the headers, bodies or expected statuses of the requests of {name} differ")
    });
}

/// Descriptions leave out what exactly a patch or a command does.
fn rollout(found: &mut Vec<String>, before: &VariantSpec, after: &VariantSpec) {
    let name = one_line(&before.name);
    let (old, new) = (before.rollout.action.describe(), after.rollout.action.describe());
    told(found, &format!("the rollout of {name}"), &old, &new);
    if old == new && before.rollout.action != after.rollout.action {
        found.push(format!("the rollout of {name}, a {}, does not do the same", one_line(&old)));
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
    told(&mut found, "the number of planned trials", &old.spec.settings.trials, &new.spec.settings.trials);
    told(&mut found, "rollproof's version", &old.rollproof, &new.rollproof);
    told(&mut found, "the kind of cluster", &old.cluster.kind, &new.cluster.kind);
    told(&mut found, "the cluster's version", &old.cluster.version, &new.cluster.version);
    let network = |header: &Header| match header.cluster.private_network {
        Some(true) => "a private one",
        Some(false) => "the machine's own",
        None => "the cluster's",
    };
    told(&mut found, "the network", &network(old), &network(new));
    cluster(&mut found, &old.spec.settings, &new.spec.settings);
    told(&mut found, "the seed, and so the order of the variants,", &old.spec.settings.seed, &new.spec.settings.seed);
    told(
        &mut found,
        "the lateness of a send that spoils a trial, in milliseconds,",
        &old.spec.settings.max_lag_ms(),
        &new.spec.settings.max_lag_ms(),
    );
    for (before, after) in both(old, new) {
        let name = one_line(&before.name);
        told(&mut found, &format!("the number of replicas of {name}"), &before.replicas(), &after.replicas());
        told(&mut found, &format!("the surge of {name}"), &before.surge(), &after.surge());
        let connections = format!("the number of kept-alive connections of {name}");
        told(&mut found, &connections, &connections_of(old, &before.name), &connections_of(new, &after.name));
        told(&mut found, &format!("what {name} may lose"), &before.lost_at_most, &after.lost_at_most);
        told(&mut found, &format!("whether raced attempts count as lost of {name}"), &before.strict, &after.strict);
        if before.expect != after.expect {
            found.push(format!("what is expected of {name} differs"));
        }
        if before.manifests() != after.manifests() {
            found.push(format!("the manifests of {name} differ"));
        }
    }
    found
}

fn connections_of(header: &Header, variant: &str) -> u32 {
    let at = header.spec.variants.iter().position(|known| known.name == variant);
    at.and_then(|at| header.places.get(at)).map_or(0, |place| place.connections)
}

fn cluster(found: &mut Vec<String>, before: &RunSettings, after: &RunSettings) {
    told(found, "the cluster's name", &before.cluster.choice, &after.cluster.choice);
    if before.cluster.routing != after.cluster.routing {
        found.push("the embedded cluster's routing lag differs".to_owned());
    }
    if before.side_probe != after.side_probe {
        found.push("the side probe watched the listeners of one run only".to_owned());
    }
}
