use proptest::prelude::*;
use serde_json::{Value, json};

use super::store_state::HISTORY;
use super::*;

fn store() -> Store {
    Store::new(WallClock::new(|| "2026-01-02T03:04:05.678Z".parse().unwrap()), 1)
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": "node", "unknownField": [1, null]}})
}

fn owned(name: &str, owner: &Value) -> Value {
    let mut object = pod(name);
    object["metadata"]["ownerReferences"] = json!([{"uid": owner["metadata"]["uid"], "controller": true}]);
    object
}

#[test]
fn creation_fills_what_the_api_server_fills_and_keeps_unknown_fields() {
    let store = store();
    let made = store.create(ObjectKind::Pod, pod("a")).unwrap();
    assert_eq!(made["spec"]["unknownField"], json!([1, null]));
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-01-02T03:04:05Z");
    assert_eq!((made["kind"].as_str(), made["apiVersion"].as_str()), (Some("Pod"), Some("v1")));
    assert_eq!(meta::uid(&made).len(), 36);
    assert!(meta::version(&made) > 0);
    assert_eq!(store.create(ObjectKind::Pod, pod("a")).unwrap_err().reason(), "AlreadyExists");
}

#[test]
fn generated_names_differ_and_a_nameless_object_is_invalid() {
    let store = store();
    let object = json!({"metadata": {"generateName": "web-", "namespace": "default"}});
    let (a, b) =
        (store.create(ObjectKind::Pod, object.clone()).unwrap(), store.create(ObjectKind::Pod, object).unwrap());
    assert!(meta::name(&a).starts_with("web-") && meta::name(&a).len() == 9);
    assert_ne!(meta::name(&a), meta::name(&b));
    assert_ne!(meta::uid(&a), meta::uid(&b));
    assert_eq!(store.create(ObjectKind::Pod, json!({"metadata": {"namespace": "default"}})).unwrap_err().code(), 422);
    let elsewhere = store.create(ObjectKind::Pod, json!({"metadata": {"name": "a", "namespace": "nowhere"}}));
    assert_eq!(elsewhere.unwrap_err().to_string(), "namespaces \"nowhere\" not found");
}

#[test]
fn an_update_without_a_difference_is_no_change_and_only_a_new_spec_counts_as_a_generation() {
    let store = store();
    let object = json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 1}});
    let first = store.create(ObjectKind::Deployment, object).unwrap();
    let same = store.update(ObjectKind::Deployment, "default", "web", |d| d["spec"]["replicas"] = json!(1)).unwrap();
    assert_eq!(same, first);
    let status = store.update_status(ObjectKind::Deployment, "default", "web", |d| {
        d["status"] = json!({"replicas": 1});
        d["spec"]["replicas"] = json!(9);
    });
    let status = status.unwrap();
    assert_eq!((&status["metadata"]["generation"], &status["spec"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(status["status"]["replicas"], 1);
    let spec = store.update(ObjectKind::Deployment, "default", "web", |d| d["spec"]["replicas"] = json!(2)).unwrap();
    assert_eq!(spec["metadata"]["generation"], 2);
    let forged = store.update(ObjectKind::Deployment, "default", "web", |d| d["metadata"]["uid"] = json!("x")).unwrap();
    assert_eq!(forged, spec);
}

#[test]
fn a_scheduled_pod_is_marked_for_its_grace_and_goes_with_the_second_deletion() {
    let store = store();
    store.create(ObjectKind::Pod, pod("a")).unwrap();
    let marked = store.delete(ObjectKind::Pod, "default", "a", &DeleteOptions::default()).unwrap();
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-02T03:04:35Z");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    let longer = store.delete(ObjectKind::Pod, "default", "a", &DeleteOptions::grace(60)).unwrap();
    assert_eq!(longer, marked, "a second deletion never lengthens the grace");
    let shorter = store.delete(ObjectKind::Pod, "default", "a", &DeleteOptions::grace(10)).unwrap();
    assert_eq!(shorter["metadata"]["deletionTimestamp"], "2026-01-02T03:04:15Z");
    store.delete(ObjectKind::Pod, "default", "a", &DeleteOptions::grace(0)).unwrap();
    assert_eq!(store.get(ObjectKind::Pod, "default", "a").unwrap_err().code(), 404);
}

#[test]
fn pods_without_a_node_or_past_their_end_go_at_once() {
    let store = store();
    store.create(ObjectKind::Pod, json!({"metadata": {"name": "pending", "namespace": "default"}})).unwrap();
    let mut done = pod("done");
    done["status"]["phase"] = json!("Succeeded");
    store.create(ObjectKind::Pod, done).unwrap();
    for name in ["pending", "done"] {
        store.delete(ObjectKind::Pod, "default", name, &DeleteOptions::default()).unwrap();
    }
    assert!(store.list(ObjectKind::Pod, None).0.is_empty());
}

#[test]
fn a_deletion_with_the_wrong_uid_is_a_conflict() {
    let store = store();
    store.create(ObjectKind::Pod, pod("a")).unwrap();
    let options = DeleteOptions { uid: Some("other".into()), ..DeleteOptions::default() };
    assert_eq!(store.delete(ObjectKind::Pod, "default", "a", &options).unwrap_err().code(), 409);
}

#[test]
fn owned_objects_go_with_their_owner_unless_orphaned() {
    for orphan in [false, true] {
        let store = store();
        let set =
            store.create(ObjectKind::ReplicaSet, json!({"metadata": {"name": "web", "namespace": "default"}})).unwrap();
        store.create(ObjectKind::Pod, owned("a", &set)).unwrap();
        store.create(ObjectKind::Pod, pod("stranger")).unwrap();
        let options = DeleteOptions { orphan, ..DeleteOptions::default() };
        store.delete(ObjectKind::ReplicaSet, "default", "web", &options).unwrap();
        assert_eq!(meta::terminating(&store.get(ObjectKind::Pod, "default", "a").unwrap()), !orphan);
        assert!(!meta::terminating(&store.get(ObjectKind::Pod, "default", "stranger").unwrap()));
    }
}

#[test]
fn a_namespace_goes_with_its_last_pod_and_takes_nothing_new_meanwhile() {
    let store = store();
    store.create(ObjectKind::Pod, pod("a")).unwrap();
    store.create(ObjectKind::Service, json!({"metadata": {"name": "web", "namespace": "default"}})).unwrap();
    store.delete(ObjectKind::Namespace, "", "default", &DeleteOptions::default()).unwrap();
    assert_eq!(store.get(ObjectKind::Service, "default", "web").unwrap_err().code(), 404);
    assert_eq!(store.get(ObjectKind::Namespace, "", "default").unwrap()["status"]["phase"], "Terminating");
    assert_eq!(store.create(ObjectKind::Pod, pod("b")).unwrap_err().code(), 403);
    store.delete(ObjectKind::Pod, "default", "a", &DeleteOptions::grace(0)).unwrap();
    assert_eq!(store.get(ObjectKind::Namespace, "", "default").unwrap_err().code(), 404);
}

#[test]
fn a_watch_from_before_the_history_or_from_the_future_is_refused() {
    let store = store();
    store.create(ObjectKind::ConfigMap, json!({"metadata": {"name": "a", "namespace": "default"}})).unwrap();
    let (_, start) = store.list(ObjectKind::ConfigMap, None);
    let mut slow = store.watch(ObjectKind::ConfigMap, None, start).unwrap();
    for n in 0..=HISTORY {
        store.update(ObjectKind::ConfigMap, "default", "a", |map| map["data"]["n"] = json!(n.to_string())).unwrap();
    }
    assert_eq!(store.watch(ObjectKind::ConfigMap, None, start).unwrap_err().code(), 410);
    assert_eq!(slow.take().unwrap_err().code(), 410);
    assert!(store.watch(ObjectKind::ConfigMap, None, start + 2).is_ok());
    assert_eq!(store.watch(ObjectKind::ConfigMap, None, u64::MAX).unwrap_err().code(), 504);
}

#[tokio::test]
async fn a_waiting_watch_wakes_for_its_own_kind_and_namespace_only() {
    let store = store();
    store.create(ObjectKind::Namespace, json!({"metadata": {"name": "other"}})).unwrap();
    let (_, mut watch) = store.list_and_watch(ObjectKind::Pod, Some("default"));
    let next = tokio::spawn(async move { watch.next().await.unwrap() });
    tokio::task::yield_now().await;
    store.create(ObjectKind::Pod, json!({"metadata": {"name": "x", "namespace": "other"}})).unwrap();
    store.create(ObjectKind::Service, json!({"metadata": {"name": "x", "namespace": "default"}})).unwrap();
    tokio::task::yield_now().await;
    assert!(!next.is_finished());
    store.create(ObjectKind::Pod, pod("a")).unwrap();
    let changes = next.await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].verb, meta::name(&changes[0].object)), (ChangeVerb::Added, "a"));
}

/// One write on a small world of pods.
#[derive(Debug, Clone)]
enum StoreWrite {
    Create(u8),
    Touch(u8, u8),
    Mark(u8),
    Remove(u8),
}

fn write() -> impl Strategy<Value = StoreWrite> {
    let name = 0u8..4;
    prop_oneof![
        name.clone().prop_map(StoreWrite::Create),
        (name.clone(), 0u8..3).prop_map(|(name, value)| StoreWrite::Touch(name, value)),
        name.clone().prop_map(StoreWrite::Mark),
        name.prop_map(StoreWrite::Remove),
    ]
}

fn apply(store: &Store, write: &StoreWrite) {
    // Writes that do not fit the present state fail, and must then leave no trace.
    let name = |n: u8| format!("p{n}");
    let _ = match write {
        StoreWrite::Create(n) => store.create(ObjectKind::Pod, pod(&name(*n))),
        StoreWrite::Touch(n, value) => {
            store.update(ObjectKind::Pod, "default", &name(*n), |p| p["data"] = json!(value))
        }
        StoreWrite::Mark(n) => store.delete(ObjectKind::Pod, "default", &name(*n), &DeleteOptions::default()),
        StoreWrite::Remove(n) => store.delete(ObjectKind::Pod, "default", &name(*n), &DeleteOptions::grace(0)),
    };
}

proptest! {
    /// Whoever lists at any moment and replays what a watch from there shows has the store's present state; and each
    /// later change is shown exactly once, in order.
    #[test]
    fn a_replay_from_any_version_gives_the_present(writes in prop::collection::vec(write(), 0..60)) {
        let store = store();
        let mut lists = vec![store.list(ObjectKind::Pod, None)];
        for write in &writes {
            apply(&store, write);
            lists.push(store.list(ObjectKind::Pod, None));
        }
        let (now, version) = store.list(ObjectKind::Pod, None);
        for (objects, since) in lists {
            let mut seen: std::collections::BTreeMap<String, Value> =
                objects.into_iter().map(|pod| (meta::name(&pod).to_owned(), pod)).collect();
            let mut watch = store.watch(ObjectKind::Pod, None, since).unwrap();
            let changes = watch.take().unwrap();
            prop_assert_eq!(changes.iter().map(|c| c.version).collect::<Vec<_>>(), (since + 1..=version).collect::<Vec<_>>());
            for change in changes {
                let name = meta::name(&change.object).to_owned();
                let before = match change.verb {
                    ChangeVerb::Deleted => seen.remove(&name),
                    ChangeVerb::Added | ChangeVerb::Modified => seen.insert(name, (*change.object).clone()),
                };
                prop_assert_eq!(before.as_ref(), change.previous.as_deref());
            }
            prop_assert_eq!(seen.into_values().collect::<Vec<_>>(), now.clone());
            prop_assert!(watch.take().unwrap().is_empty());
        }
    }
}
