//! Words for what is on a cluster. Pure.

use crate::cluster::kube::{CleanReport, LeftoverNamespace, Leftovers, NamespaceLife, SeenNode};

/// How many names a sentence holds before it counts the rest.
const NAMES_MAX: usize = 20;

#[derive(Debug)]
pub(super) struct ClusterView<'a> {
    pub(super) whose: &'a str,
    pub(super) version: &'a str,
    /// Whether rollproof made it; unknown where that was not asked.
    pub(super) own: Option<bool>,
    pub(super) found: &'a Leftovers,
    pub(super) clean: &'a str,
}

pub(super) fn status(view: &ClusterView<'_>) -> String {
    let made = match view.own {
        Some(true) => ", made by rollproof",
        Some(false) => ", not made by rollproof",
        None => "",
    };
    let mut lines = vec![format!("{}: Kubernetes {}{made}", view.whose, view.version)];
    lines.extend(view.found.nodes.iter().map(node));
    lines.extend(view.found.nodes_unseen.iter().map(|why| format!("  nodes: not shown ({why})")));
    lines.extend(view.found.namespaces.iter().map(namespace));
    let run_lives =
        |run: &str| view.found.namespaces.iter().any(|one| one.run == run && one.life == NamespaceLife::Alive);
    let left_guests: Vec<String> = view
        .found
        .guests
        .iter()
        .filter(|one| !run_lives(&one.run))
        .map(|one| format!("  {} in namespace {} (run {}): left over", one.object, one.namespace, one.run))
        .collect();
    let guests = !left_guests.is_empty();
    lines.extend(left_guests);
    lines.extend(view.found.guests_unseen.iter().map(|why| format!("  roles of runs: not shown ({why})")));
    if view.found.namespaces.is_empty() {
        lines.push("  namespaces of runs: none".to_owned());
    }
    let namespaces = view.found.namespaces.iter().any(|one| one.life == NamespaceLife::Left);
    let cordons = view.found.nodes.iter().any(|node| node.cordon.as_ref().is_some_and(|cordon| !cordon.alive));
    if namespaces || cordons || guests {
        lines.push(format!("remove what is left over with `{}`", view.clean));
    }
    lines.join("\n")
}

fn node(node: &SeenNode) -> String {
    let ready = if node.ready { "ready" } else { "not ready" };
    let cordoned = match (&node.cordon, node.schedulable) {
        (Some(cordon), _) if cordon.alive => format!(", cordoned by run {}, which is alive", cordon.by),
        (Some(cordon), _) => format!(", cordoned by run {}: left over", cordon.by),
        (None, false) => ", cordoned, not by a run".to_owned(),
        (None, true) => String::new(),
    };
    format!("  node {}: {ready}{cordoned}", node.node)
}

fn namespace(one: &LeftoverNamespace) -> String {
    let of = match (&one.measures, &one.scenario) {
        (Some(workload), _) => format!(" on {workload}"),
        (None, Some(scenario)) => format!(" of {scenario}"),
        (None, None) => String::new(),
    };
    let state = match one.life {
        NamespaceLife::Alive => format!("its run is alive ({} ago)", age(one.silent_s)),
        NamespaceLife::Left => format!("left over: its run was last alive {} ago", age(one.silent_s)),
        NamespaceLife::Going => format!("is being removed{}", held(one)),
    };
    format!("  namespace {} (run {}{of}, made {} ago): {state}", one.namespace, one.run, age(one.age_s))
}

fn held(one: &LeftoverNamespace) -> String {
    if one.held_by.is_empty() { String::new() } else { format!(" ({})", one.held_by.join("; ")) }
}

/// What a clean-up did, as a result; what it could not do, if there is anything.
pub(super) fn cleaned(whose: &str, cleaned: &CleanReport) -> (String, Option<String>) {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(cleaned.removed.iter().map(|one| format!("removed namespace {} (run {})", one.namespace, one.run)));
    lines.extend(cleaned.undone.iter().cloned());
    lines.extend(
        cleaned
            .guests_removed
            .iter()
            .map(|one| format!("removed {} in namespace {} (run {})", one.object, one.namespace, one.run)),
    );
    lines.extend(cleaned.uncordoned.iter().map(|node| format!("uncordoned node {node}")));
    if lines.is_empty() {
        lines.push(format!("{whose}: nothing was removed"));
    }
    let mut failed: Vec<String> = Vec::new();
    failed.extend(
        cleaned
            .remaining
            .iter()
            .map(|one| format!("namespace {} is still there after {} s{}", one.namespace, cleaned.waited_s, held(one))),
    );
    failed.extend(cleaned.not_undone.iter().map(|(namespace, why)| {
        format!("the change that the run of namespace {namespace} made could not be undone, so that it stays: {why}")
    }));
    failed.extend(
        cleaned
            .guests_left
            .iter()
            .map(|(one, why)| format!("{} in namespace {} is still there: {why}", one.object, one.namespace)),
    );
    failed
        .extend(cleaned.still_cordoned.iter().map(|(node, why)| format!("node {node} could not be uncordoned: {why}")));
    let failed = (!failed.is_empty()).then(|| format!("cleaning {whose}: {}", failed.join("; ")));
    (lines.join("\n"), failed)
}

/// What a clean-up does not touch, if there is anything.
pub(super) fn left_alone(cleaned: &CleanReport) -> Option<String> {
    let alive: Vec<&str> = cleaned
        .left_alone
        .iter()
        .filter(|one| one.life == NamespaceLife::Alive)
        .map(|one| one.namespace.as_str())
        .collect();
    (!alive.is_empty())
        .then(|| format!("not touched, because their runs are alive: {}; --all removes them too", names(&alive)))
}

/// `names`, of which not more are shown than somebody reads; `none` where there is none.
pub(super) fn names(names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A time that somebody reads at a glance.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        u64::MAX => "an unknown time".to_owned(),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kube::NodeCordon;

    fn one(name: &str, life: NamespaceLife) -> LeftoverNamespace {
        LeftoverNamespace {
            namespace: name.to_owned(),
            uid: Some(name.to_owned()),
            run: "1f".to_owned(),
            scenario: Some("web".to_owned()),
            measures: None,
            made_s: None,
            age_s: 300,
            silent_s: 180,
            life,
            held_by: vec!["pods. has 1 resource instances".to_owned()],
        }
    }

    fn text(found: &Leftovers) -> String {
        status(&ClusterView {
            whose: "context c",
            version: "v1.34.4",
            own: None,
            found,
            clean: "rollproof cluster clean",
        })
    }

    #[test]
    fn a_cluster_without_leftovers_names_nothing_to_remove() {
        let nodes = vec![SeenNode { node: "n".to_owned(), ready: true, schedulable: true, cordon: None }];
        let found = Leftovers { nodes, ..Leftovers::default() };
        assert_eq!(text(&found), "context c: Kubernetes v1.34.4\n  node n: ready\n  namespaces of runs: none");
        let alive =
            Leftovers { namespaces: vec![one("a", NamespaceLife::Alive), one("b", NamespaceLife::Going)], ..found };
        assert!(!text(&alive).contains("cluster clean"), "{}", text(&alive));
        assert!(text(&alive).contains("b (run 1f of web, made 5 min ago): is being removed (pods. has 1"));
    }

    #[test]
    fn leftovers_are_named_with_what_removes_them() {
        let found = Leftovers { namespaces: vec![one("a", NamespaceLife::Left)], ..Leftovers::default() };
        let text_of = text(&found);
        assert!(
            text_of
                .contains("namespace a (run 1f of web, made 5 min ago): left over: its run was last alive 3 min ago")
        );
        assert!(text_of.ends_with("`rollproof cluster clean`"), "{text_of}");
        let cordon = Some(NodeCordon { by: "2e".to_owned(), alive: false });
        let nodes = vec![SeenNode { node: "n".to_owned(), ready: false, schedulable: false, cordon }];
        let text_of = text(&Leftovers { nodes, ..Leftovers::default() });
        assert!(text_of.contains("node n: not ready, cordoned by run 2e: left over"), "{text_of}");
        assert!(text_of.ends_with("`rollproof cluster clean`"), "{text_of}");
    }

    #[test]
    fn what_is_still_there_fails_the_clean_up_with_the_clusters_reason() {
        let all = CleanReport { removed: vec![one("a", NamespaceLife::Left)], waited_s: 60, ..CleanReport::default() };
        assert_eq!(cleaned("it", &all), ("removed namespace a (run 1f)".to_owned(), None));
        let some = CleanReport { remaining: vec![one("b", NamespaceLife::Left)], ..all };
        let failed = cleaned("it", &some).1.unwrap();
        assert!(failed.contains("namespace b is still there after 60 s (pods. has 1 resource"), "{failed}");
        assert_eq!(cleaned("it", &CleanReport::default()).0, "it: nothing was removed");
    }

    #[test]
    fn ages_are_short_and_long_lists_are_counted() {
        let ages: Vec<String> = [0, 119, 120, 7_199, 7_200, 172_800, u64::MAX].into_iter().map(age).collect();
        assert_eq!(ages, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d", "an unknown time"]);
        assert_eq!(names(&["a"; 22]).matches('a').count(), 20 + " and ".matches('a').count());
        assert!(names(&["x"; 22]).ends_with("and 2 more"));
    }
}
