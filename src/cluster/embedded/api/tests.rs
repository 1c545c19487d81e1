//! The API as a real `kube::Client` sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Pod, Secret, Service};
use kube::api::{
    Api as KubeApi, DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent,
    WatchParams,
};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

use super::EmbeddedApi;
use crate::cluster::embedded::store::{ObjectKind, Store, WallClock};

fn cluster() -> (Store, kube::Client) {
    let store = Store::new(WallClock::new(|| "2026-01-02T03:04:05Z".parse().unwrap()), 1);
    let client = EmbeddedApi::new(store.clone(), None).client();
    (store, client)
}

fn typed<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]}]},
            },
        },
    })
}

fn config(name: &str, labels: &Value) -> ConfigMap {
    typed(json!({"metadata": {"name": name, "labels": labels}}))
}

/// The code and reason of an API error.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("expected an API error, got {other:?}"),
    }
}

#[tokio::test]
async fn objects_are_created_read_replaced_and_deleted() {
    let (_, client) = cluster();
    let maps: KubeApi<ConfigMap> = KubeApi::default_namespaced(client);
    let made = maps.create(&PostParams::default(), &config("a", &json!({}))).await.unwrap();
    assert!(made.metadata.uid.is_some());
    let (code, reason, message) = refused(maps.create(&PostParams::default(), &config("a", &json!({}))).await);
    assert_eq!((code, reason.as_str(), message.as_str()), (409, "AlreadyExists", "configmaps \"a\" already exists"));
    let mut changed = made.clone();
    changed.data = Some(BTreeMap::from([("k".to_owned(), "v".to_owned())]));
    let stored = maps.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_eq!(stored.data, changed.data);
    let (code, reason, _) = refused(maps.replace("a", &PostParams::default(), &made).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"), "an older version must not overwrite a newer one");
    let status = maps.delete("a", &DeleteParams::default()).await.unwrap().right().unwrap();
    assert!(status.is_success());
    let (code, reason, message) = refused(maps.get("a").await);
    assert_eq!((code, reason.as_str(), message.as_str()), (404, "NotFound", "configmaps \"a\" not found"));
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn unknown_fields_are_refused_with_their_path_and_what_was_meant() {
    let (store, client) = cluster();
    let api: KubeApi<kube::api::DynamicObject> =
        KubeApi::default_namespaced_with(client, &kube::api::ApiResource::erase::<Deployment>(&()));
    let mut object = deployment("web");
    object["spec"]["strategi"] = json!({"type": "Recreate"});
    object["spec"]["template"]["spec"]["fromTheFuture"] = json!({"a": [1]});
    let applied = api.patch("web", &PatchParams::apply("t"), &Patch::Apply(&object)).await;
    let (code, reason, message) = refused(applied);
    assert_eq!((code, reason.as_str()), (400, "BadRequest"));
    assert!(message.contains("unknown field spec.strategi: did you mean `strategy`?"), "{message}");
    assert!(message.contains("unknown field spec.template.spec.fromTheFuture"), "{message}");
    assert!(store.get(ObjectKind::Deployment, "default", "web").is_err());
    api.patch("web", &PatchParams::apply("t"), &Patch::Apply(&deployment("web"))).await.expect("the good twin");
    let patch = Patch::Merge(json!({"spec": {"minreadySeconds": 1}}));
    let (_, _, message) = refused(api.patch("web", &PatchParams::default(), &patch).await);
    assert!(message.contains("did you mean `minReadySeconds`?"), "{message}");
}

#[tokio::test]
async fn invalid_objects_are_refused_with_the_field() {
    let (_, client) = cluster();
    let cases: [(&str, Value, u16, &str); 8] = [
        ("/spec/selector/matchLabels/app", json!("other"), 422, "spec.template.metadata.labels"),
        ("/spec/template/spec/containers", json!([]), 422, "spec.template.spec.containers"),
        ("/spec/replicas", json!(-1), 422, "spec.replicas"),
        ("/spec/replicas", json!("3"), 400, "cannot be decoded"),
        ("/spec/strategy", json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}), 422, "may not be 0 when"),
        ("/spec/strategy", json!({"type": "Recreate", "rollingUpdate": {}}), 422, "Recreate"),
        ("/spec/template/spec/terminationGracePeriodSeconds", json!(-1), 422, "terminationGracePeriodSeconds"),
        ("/spec/template/spec/containers/0/readinessProbe", json!({"periodSeconds": 1}), 422, "handler"),
    ];
    for (pointer, value, code, part) in cases {
        let mut object = deployment("web");
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        let request = http::Request::post("/apis/apps/v1/namespaces/default/deployments")
            .body(object.to_string().into_bytes())
            .unwrap();
        let (got, _, message) = refused(client.request::<Value>(request).await);
        assert_eq!(got, code, "{pointer}: {message}");
        assert!(message.contains(part), "{pointer}: {message}");
    }
    let deployments: KubeApi<Deployment> = KubeApi::default_namespaced(client);
    deployments.create(&PostParams::default(), &typed(deployment("web"))).await.expect("the good twin");
    let moved =
        json!({"spec": {"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}});
    let (code, _, message) = refused(deployments.patch("web", &PatchParams::default(), &Patch::Merge(moved)).await);
    assert_eq!(code, 422);
    assert!(message.contains("immutable"), "{message}");
}

#[tokio::test]
async fn apply_creates_then_merges_then_removes_what_is_no_longer_applied() {
    let (store, client) = cluster();
    let deployments: KubeApi<Deployment> = KubeApi::default_namespaced(client);
    let params = PatchParams::apply("rollproof");
    let mut object = deployment("web");
    object["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 3}}});
    let made = deployments.patch("web", &params, &Patch::Apply(&object)).await.unwrap();
    assert_eq!(made.spec.as_ref().unwrap().replicas, Some(1), "defaults are filled in");
    let again = deployments.patch("web", &params, &Patch::Apply(&object)).await.unwrap();
    assert_eq!(made.metadata.resource_version, again.metadata.resource_version, "applying the same changes nothing");
    let scale = json!({"spec": {"replicas": 3}});
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(scale)).await.unwrap();
    object["spec"]["template"]["spec"]["containers"][0].as_object_mut().unwrap().remove("lifecycle");
    deployments.patch("web", &params, &Patch::Apply(&object)).await.unwrap();
    let stored = store.get(ObjectKind::Deployment, "default", "web").unwrap();
    assert!(stored["spec"]["template"]["spec"]["containers"][0].get("lifecycle").is_none());
    assert_eq!(stored["spec"]["replicas"], 3, "a field that this manager never applied stays");
    assert_eq!(stored["metadata"]["generation"], 3);
}

#[tokio::test]
async fn strategic_merges_lists_by_key_where_merge_replaces_them() {
    let (_, client) = cluster();
    let deployments: KubeApi<Deployment> = KubeApi::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &typed(deployment("web"))).await.unwrap();
    let env = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}}}});
    let names = |d: &Deployment| -> Vec<String> {
        let containers = &d.spec.as_ref().unwrap().template.spec.as_ref().unwrap().containers;
        containers[0].env.iter().flatten().map(|env| env.name.clone()).collect()
    };
    let merged = deployments.patch("web", &PatchParams::default(), &Patch::Strategic(&env)).await.unwrap();
    assert_eq!(names(&merged).len(), 2);
    // A JSON merge replaces the list, and so loses the image.
    let (code, _, message) = refused(deployments.patch("web", &PatchParams::default(), &Patch::Merge(&env)).await);
    assert!(code == 422 && message.contains("image"), "{message}");
    let request = http::Request::patch("/apis/apps/v1/namespaces/default/deployments/web")
        .header("content-type", "application/json-patch+json")
        .body(b"[]".to_vec())
        .unwrap();
    assert_eq!(refused(client.request::<Value>(request).await).0, 415);
    let (code, _, _) = refused(deployments.patch("none", &PatchParams::default(), &Patch::Strategic(&env)).await);
    assert_eq!(code, 404);
}

#[tokio::test]
async fn status_and_scale_change_only_their_part() {
    let (store, client) = cluster();
    let deployments: KubeApi<Deployment> = KubeApi::default_namespaced(client);
    deployments.create(&PostParams::default(), &typed(deployment("web"))).await.unwrap();
    let patch = json!({"spec": {"replicas": 9}, "status": {"replicas": 1}});
    deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(json!({"status": {"replicas": 7}}))).await.unwrap();
    let stored = store.get(ObjectKind::Deployment, "default", "web").unwrap();
    assert_eq!((&stored["spec"]["replicas"], &stored["status"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(stored["metadata"]["generation"], 1);
    let scale = deployments.get_scale("web").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(1));
    let patch = Patch::Merge(json!({"spec": {"replicas": 4}}));
    deployments.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(store.get(ObjectKind::Deployment, "default", "web").unwrap()["spec"]["replicas"], 4);
    let patch = Patch::Merge(json!({"spec": {"replicas": -4}}));
    assert_eq!(refused(deployments.patch_scale("web", &PatchParams::default(), &patch).await).0, 422);
}

#[tokio::test]
async fn selectors_choose_what_lists_and_collection_deletions_mean() {
    let (store, client) = cluster();
    let maps: KubeApi<ConfigMap> = KubeApi::default_namespaced(client.clone());
    for (name, app) in [("a", "web"), ("b", "web"), ("c", "api")] {
        maps.create(&PostParams::default(), &config(name, &json!({"app": app}))).await.unwrap();
    }
    let names = |list: kube::api::ObjectList<ConfigMap>| -> Vec<String> {
        list.items.into_iter().filter_map(|map| map.metadata.name).collect()
    };
    let web = maps.list(&ListParams::default().labels("app=web")).await.unwrap();
    assert!(web.metadata.resource_version.is_some());
    assert_eq!(names(web), ["a", "b"]);
    assert_eq!(names(maps.list(&ListParams::default().fields("metadata.name=c")).await.unwrap()), ["c"]);
    let everywhere: KubeApi<ConfigMap> = KubeApi::all(client);
    assert_eq!(everywhere.list(&ListParams::default()).await.unwrap().items.len(), 3);
    assert_eq!(refused(maps.list(&ListParams::default().fields("data.x=1")).await).0, 400);
    assert_eq!(refused(maps.list(&ListParams::default().labels("app in web")).await).0, 400);
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("app=web")).await.unwrap();
    assert_eq!(store.list(ObjectKind::ConfigMap, None).0.len(), 1);
}

#[tokio::test]
async fn events_are_found_by_what_they_are_about() {
    let (_, client) = cluster();
    let events: KubeApi<Event> = KubeApi::default_namespaced(client);
    for (name, about) in [("e1", "web-1"), ("e2", "web-2")] {
        let event =
            json!({"metadata": {"name": name}, "involvedObject": {"kind": "Pod", "name": about}, "reason": "Killing"});
        events.create(&PostParams::default(), &typed(event)).await.unwrap();
    }
    let about = ListParams::default().fields("involvedObject.kind=Pod,involvedObject.name=web-2");
    let found = events.list(&about).await.unwrap().items;
    assert_eq!(found.iter().filter_map(|e| e.metadata.name.as_deref()).collect::<Vec<_>>(), ["e2"]);
}

#[tokio::test]
async fn pods_are_deleted_with_grace_precondition_and_eviction() {
    let (store, client) = cluster();
    let pods: KubeApi<Pod> = KubeApi::default_namespaced(client);
    let pod = |name: &str| -> Pod {
        typed(
            json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}}),
        )
    };
    for name in ["a", "b", "kept"] {
        pods.create(&PostParams::default(), &pod(name)).await.unwrap();
    }
    let wrong = Preconditions { uid: Some("other".into()), ..Preconditions::default() };
    assert_eq!(refused(pods.delete("a", &DeleteParams::default().preconditions(wrong)).await).0, 409);
    let marked = pods.delete("a", &DeleteParams::default().grace_period(7)).await.unwrap().left().unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(7));
    pods.delete("a", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("a").await.unwrap().is_none());
    pods.evict("b", &EvictParams::default()).await.unwrap();
    assert!(pods.get("b").await.unwrap().metadata.deletion_timestamp.is_some());
    let budget = json!({"metadata": {"name": "p", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "kept"}}, "minAvailable": 1}});
    store.create(ObjectKind::PodDisruptionBudget, budget).unwrap();
    store.update_status(ObjectKind::Pod, "default", "kept", |pod| pod["status"] = json!({"phase": "Running"})).unwrap();
    assert_eq!(refused(pods.evict("kept", &EvictParams::default()).await).0, 429);
}

#[tokio::test]
async fn services_get_an_address_that_they_keep_and_secrets_are_encoded() {
    let (_, client) = cluster();
    let services: KubeApi<Service> = KubeApi::default_namespaced(client.clone());
    let service = |name: &str| -> Service {
        typed(json!({"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}))
    };
    let address = |service: &Service| service.spec.as_ref().unwrap().cluster_ip.clone().unwrap();
    let a = services.create(&PostParams::default(), &service("a")).await.unwrap();
    let b = services.create(&PostParams::default(), &service("b")).await.unwrap();
    assert!(address(&a).starts_with("10.96.") && address(&a) != address(&b));
    let replaced = services.replace("a", &PostParams::default(), &service("a")).await.unwrap();
    assert_eq!(address(&replaced), address(&a));
    let secrets: KubeApi<Secret> = KubeApi::default_namespaced(client);
    let secret = typed(json!({"metadata": {"name": "s"}, "stringData": {"k": "v"}}));
    let stored: Secret = secrets.create(&PostParams::default(), &secret).await.unwrap();
    assert_eq!(stored.data.unwrap()["k"].0, b"v");
    assert!(stored.string_data.is_none());
}

#[tokio::test]
async fn what_is_not_there_is_a_typed_error() {
    let (_, client) = cluster();
    for (method, path, body, code) in [
        ("GET", "/apis/batch/v1/namespaces/default/jobs", "", 404),
        ("PUT", "/api/v1/namespaces/default/configmaps", "{}", 405),
        ("POST", "/api/v1/configmaps", "{}", 405),
        ("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", "{}", 400),
        ("POST", "/api/v1/namespaces/default/configmaps", "{", 400),
        ("POST", "/api/v1/namespaces/default/configmaps", "[]", 400),
        ("POST", "/api/v1/namespaces/default/configmaps", "{\"metadata\":7}", 400),
        ("POST", "/api/v1/namespaces/default/configmaps", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}", 400),
        ("POST", "/api/v1/namespaces/default/configmaps", "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}", 400),
        ("POST", "/api/v1/namespaces/gone/configmaps", "{\"metadata\":{\"name\":\"a\"}}", 404),
        ("POST", "/api/v1/namespaces/default/configmaps", "{\"metadata\":{\"name\":\"A_b\"}}", 422),
        ("GET", "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=99999", "", 504),
        ("GET", "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=x", "", 400),
    ] {
        let request = http::Request::builder().method(method).uri(path).body(body.as_bytes().to_vec()).unwrap();
        let (got, _, message) = refused(client.request::<Value>(request).await);
        assert_eq!(got, code, "{method} {path} {body}: {message}");
    }
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    assert!(client.list_core_api_resources("v1").await.unwrap().resources.iter().any(|r| r.name == "pods"));
    assert!(client.list_api_groups().await.unwrap().groups.iter().any(|g| g.name == "apps"));
}

#[tokio::test]
async fn a_namespace_can_be_made_and_removed() {
    let (_, client) = cluster();
    let namespaces: KubeApi<Namespace> = KubeApi::all(client);
    namespaces.create(&PostParams::default(), &typed(json!({"metadata": {"name": "run-1"}}))).await.unwrap();
    namespaces.delete("run-1", &DeleteParams::default()).await.unwrap();
    assert!(namespaces.get_opt("run-1").await.unwrap().is_none());
}

/// Both ways in which kube's watcher learns the initial state.
#[tokio::test(start_paused = true)]
async fn kubes_watcher_sees_initial_objects_then_changes_through_a_selector() {
    for streaming in [false, true] {
        let (store, client) = cluster();
        let maps: KubeApi<ConfigMap> = KubeApi::default_namespaced(client);
        maps.create(&PostParams::default(), &config("a", &json!({"app": "web"}))).await.unwrap();
        maps.create(&PostParams::default(), &config("x", &json!({"app": "api"}))).await.unwrap();
        let mut settings = watcher::Config::default().labels("app=web");
        if streaming {
            settings = settings.streaming_lists();
        }
        let mut events = Box::pin(watcher(maps, settings));
        let mut log = Vec::new();
        while let Ok(event) = tokio::time::timeout(Duration::from_secs(700), events.next()).await {
            match event.unwrap().unwrap() {
                watcher::Event::Init => log.push("init".to_owned()),
                watcher::Event::InitApply(map) => log.push(format!("init-apply {}", map.metadata.name.unwrap())),
                watcher::Event::InitDone => {
                    log.push("init-done".to_owned());
                    store
                        .update(ObjectKind::ConfigMap, "default", "x", |m| {
                            m["metadata"]["labels"]["app"] = json!("web");
                        })
                        .unwrap();
                }
                watcher::Event::Apply(map) => {
                    log.push(format!("apply {}", map.metadata.name.unwrap()));
                    store
                        .update(ObjectKind::ConfigMap, "default", "x", |m| {
                            m["metadata"]["labels"]["app"] = json!("api");
                        })
                        .unwrap();
                }
                watcher::Event::Delete(map) => log.push(format!("delete {}", map.metadata.name.unwrap())),
            }
        }
        assert_eq!(log, ["init", "init-apply a", "init-done", "apply x", "delete x"], "streaming: {streaming}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_outlives_timeouts_and_history() {
    let (store, client) = cluster();
    let maps: KubeApi<ConfigMap> = KubeApi::default_namespaced(client);
    maps.create(&PostParams::default(), &config("a", &json!({}))).await.unwrap();
    let mut seen = Box::pin(watcher(maps, watcher::Config::default()).applied_objects());
    seen.try_next().await.unwrap();
    // Ten minutes of silence here and a busy cluster elsewhere: only bookmarks keep this watch young enough.
    store.create(ObjectKind::Secret, json!({"metadata": {"name": "busy", "namespace": "default"}})).unwrap();
    for round in 0..10 {
        for n in 0..1_500 {
            store.update(ObjectKind::Secret, "default", "busy", |s| s["n"] = json!([round, n])).unwrap();
        }
        assert!(tokio::time::timeout(Duration::from_secs(61), seen.try_next()).await.is_err());
    }
    store.update(ObjectKind::ConfigMap, "default", "a", |map| map["data"] = json!({"k": "v"})).unwrap();
    let map = seen.try_next().await.unwrap().unwrap();
    assert_eq!(map.data.unwrap()["k"], "v");
}

#[tokio::test(start_paused = true)]
async fn raw_watches_get_bookmarks_an_end_and_410() {
    let (store, client) = cluster();
    let maps: KubeApi<ConfigMap> = KubeApi::default_namespaced(client);
    maps.create(&PostParams::default(), &config("a", &json!({}))).await.unwrap();
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let params = WatchParams::default().timeout(150);
    let events: Vec<_> = maps.watch(&params, &version).await.unwrap().try_collect().await.unwrap();
    assert_eq!(events.len(), 3, "two on the way and one at the end");
    assert!(events.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))));
    for n in 0..9_000 {
        store.update(ObjectKind::ConfigMap, "default", "a", |map| map["data"]["n"] = json!(n.to_string())).unwrap();
    }
    assert_eq!(refused(maps.watch(&params, &version).await.map(|_| ())).0, 410);
}
