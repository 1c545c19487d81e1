use serde_json::{Value, json};

use super::*;

/// 10:10 on the day on which the namespace was made at 9.
const NOW_S: u64 = 1_795_515_000;

fn namespace(change: impl FnOnce(&mut Value)) -> Namespace {
    let mut object = json!({"metadata": {
        "name": "web-a-1", "uid": "u1", "creationTimestamp": "2026-11-24T09:00:00Z",
        "labels": {"app.kubernetes.io/managed-by": "rollproof", "rollproof.dev/run": "1"},
        "annotations": {"rollproof.dev/heartbeat": (NOW_S - 30).to_string(), "rollproof.dev/scenario": "web"}}});
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

fn life(change: impl FnOnce(&mut Value)) -> Option<NamespaceLife> {
    leftover_of(&namespace(change), NOW_S).map(|one| one.life)
}

fn beat(text: &str) -> Option<NamespaceLife> {
    life(|object| object["metadata"]["annotations"]["rollproof.dev/heartbeat"] = json!(text))
}

#[test]
fn a_run_lives_for_two_minutes_after_its_last_heartbeat() {
    assert_eq!(beat(&(NOW_S - 30).to_string()), Some(NamespaceLife::Alive));
    assert_eq!(beat(&(NOW_S - 120).to_string()), Some(NamespaceLife::Alive), "two minutes to the second");
    assert_eq!(beat(&(NOW_S - 121).to_string()), Some(NamespaceLife::Left));
    assert_eq!(beat(&(NOW_S + 600).to_string()), Some(NamespaceLife::Alive), "by a clock that runs ahead");
}

#[test]
fn without_a_readable_heartbeat_the_time_of_making_counts() {
    for text in ["", "yesterday", "\u{1b}[2J", "-1", "99999999999999999999999"] {
        assert_eq!(beat(text), Some(NamespaceLife::Left), "{text:?}");
    }
    let fresh = |object: &mut Value| {
        object["metadata"]["annotations"] = json!({});
        object["metadata"]["creationTimestamp"] = json!("2026-11-24T10:09:00Z");
    };
    assert_eq!(life(fresh), Some(NamespaceLife::Alive), "a run that has only begun");
}

#[test]
fn what_is_being_removed_is_going_whatever_its_heartbeat_says() {
    let gone = |object: &mut Value| object["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:09:50Z");
    assert_eq!(life(gone), Some(NamespaceLife::Going));
}

#[test]
fn a_namespace_without_both_labels_is_nobody_elses_to_remove() {
    assert_eq!(life(|object| object["metadata"]["labels"] = json!({"rollproof.dev/run": "1"})), None);
    assert_eq!(
        life(|object| object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "rollproof"})),
        None
    );
    assert_eq!(life(|object| object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm")), None);
}

#[test]
fn ages_and_what_holds_it_are_told() {
    let found = leftover_of(
        &namespace(|object| {
            object["status"] = json!({"conditions": [
                {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"},
                {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all discovered"}]});
        }),
        NOW_S,
    )
    .unwrap();
    assert_eq!((found.age_s, found.silent_s), (4_200, 30));
    assert_eq!(found.scenario.as_deref(), Some("web"));
    assert_eq!(found.held_by, ["pods. has 1 resource instances"]);
}

#[test]
fn a_cordoned_node_is_its_runs_as_long_as_that_lives() {
    let node = |annotations: Value| -> Node {
        let object = json!({"metadata": {"name": "n", "annotations": annotations}, "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        serde_json::from_value(object).unwrap()
    };
    let run_namespaces = node(json!({"rollproof.dev/cordoned-by": "1"}));
    let living = leftover_of(&namespace(|_| {}), NOW_S).unwrap();
    let dead = LeftoverNamespace { life: NamespaceLife::Left, ..living.clone() };
    let alive =
        |namespaces: &[LeftoverNamespace]| seen_node(&run_namespaces, namespaces).cordon.map(|cordon| cordon.alive);
    assert_eq!(alive(&[dead]), Some(false));
    assert_eq!(alive(&[]), Some(false));
    assert_eq!(alive(&[living]), Some(true));
    let others = seen_node(&node(json!({})), &[]);
    assert_eq!((others.ready, others.schedulable, others.cordon), (true, false, None));
}

#[test]
fn only_dead_runs_are_taken_unless_asked_otherwise() {
    assert!(CleanSelection::Dead.takes("1", false) && !CleanSelection::Dead.takes("1", true));
    assert!(CleanSelection::All.takes("1", true));
    let named = CleanSelection::Runs(["1".to_owned()].into());
    assert!(named.takes("1", true) && !named.takes("2", false));
}
