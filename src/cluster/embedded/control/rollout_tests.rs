//! Whole rollouts in virtual time, as a client sees them, with a node that only pretends.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{Api as KubeApi, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cluster::embedded::api::EmbeddedApi;
use crate::cluster::embedded::store::{DeleteOptions, ObjectKind, Store, meta};
use crate::cluster::embedded::testing::{FakeNode, virtual_wall};

const NODE: FakeNode =
    FakeNode { start: Duration::from_secs(1), ready: Duration::from_secs(4), stop: Duration::from_secs(7) };

struct ControllerWorld {
    store: Store,
    deployments: KubeApi<Deployment>,
    sets: KubeApi<ReplicaSet>,
    _stop: DropGuard,
}

impl ControllerWorld {
    fn start() -> Self {
        let store = Store::new(virtual_wall(), 3);
        let client = EmbeddedApi::new(store.clone(), None).client();
        let stop = CancellationToken::new();
        tokio::spawn(super::run(store.clone(), stop.clone()));
        NODE.start(&store);
        Self {
            deployments: KubeApi::default_namespaced(client.clone()),
            sets: KubeApi::default_namespaced(client),
            store,
            _stop: stop.drop_guard(),
        }
    }

    async fn apply(&self, spec: Value) {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        self.deployments.patch("web", &PatchParams::apply("test"), &Patch::Apply(&object)).await.unwrap();
    }

    async fn patch(&self, patch: Value) {
        self.deployments.patch("web", &PatchParams::default(), &Patch::Strategic(&patch)).await.unwrap();
    }

    async fn image(&self, image: &str) {
        self.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})).await;
    }

    fn deployment(&self) -> Value {
        self.store.get(ObjectKind::Deployment, "default", "web").unwrap()
    }

    /// The rule of `kubectl rollout status`.
    fn complete(&self) -> bool {
        let deployment = self.deployment();
        let status = |field: &str| deployment["status"][field].as_i64().unwrap_or(0);
        let replicas = deployment["spec"]["replicas"].as_i64().unwrap();
        deployment["metadata"]["generation"] == deployment["status"]["observedGeneration"]
            && [status("updatedReplicas"), status("replicas"), status("availableReplicas")] == [replicas; 3]
    }

    fn condition(&self, kind: &str) -> (String, String) {
        let deployment = self.deployment();
        let condition = meta::condition(&deployment, kind).cloned().unwrap_or_default();
        (meta::text(&condition, "/status").to_owned(), meta::text(&condition, "/reason").to_owned())
    }

    fn pods(&self) -> Vec<ShownPod> {
        let (pods, _) = self.store.list(ObjectKind::Pod, Some("default"));
        pods.iter()
            .map(|pod| ShownPod {
                image: meta::text(pod, "/spec/containers/0/image").to_owned(),
                terminating: meta::terminating(pod),
                ready: meta::condition_true(pod, "Ready"),
            })
            .collect()
    }

    /// Waits for a state, and looks at every state on the way.
    async fn until(&self, what: &str, mut look: impl FnMut(&Self), holds: impl Fn(&Self) -> bool) {
        let mut changed = self.store.changed();
        let reached = async {
            loop {
                changed.mark_unchanged();
                look(self);
                if holds(self) {
                    return;
                }
                changed.changed().await.unwrap();
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(50), reached).await;
        assert!(ended.is_ok(), "{what} was not reached: {:#}\n{:?}", self.deployment()["status"], self.pods());
    }

    async fn until_complete(&self) {
        self.until("completion", |_| {}, Self::complete).await;
    }

    async fn until_settled(&self) {
        let settled = |world: &Self| world.complete() && world.pods().iter().all(|pod| !pod.terminating);
        self.until("rest", |_| {}, settled).await;
    }

    async fn events(&self, reason: &str) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut events = self.store.list(ObjectKind::Event, None).0;
        events.sort_by_key(meta::version);
        let wanted = events.iter().filter(|event| event["reason"] == reason);
        wanted.map(|event| meta::text(event, "/message").to_owned()).collect()
    }
}

#[derive(Debug)]
struct ShownPod {
    image: String,
    terminating: bool,
    ready: bool,
}

/// The most pods that count and the fewest available ones that a rollout showed.
async fn extremes(replicas: u64, surge: Value, unavailable: Value) -> (usize, usize) {
    let world = ControllerWorld::start();
    let strategy =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
    world.apply(json!({"replicas": replicas, "strategy": strategy})).await;
    world.until_settled().await;
    world.image("web:2").await;
    let (mut most, mut fewest) = (0, usize::MAX);
    let look = |world: &ControllerWorld| {
        let pods = world.pods();
        most = most.max(pods.iter().filter(|pod| !pod.terminating).count());
        fewest = fewest.min(pods.iter().filter(|pod| !pod.terminating && pod.ready).count());
    };
    let settled = |world: &ControllerWorld| world.complete() && world.pods().iter().all(|pod| pod.image == "web:2");
    world.until("the new image everywhere", look, settled).await;
    (most, fewest)
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_uses_its_surge_and_keeps_its_availability() {
    for (replicas, surge, unavailable, expected) in [
        (4, json!("25%"), json!("25%"), (5, 3)),
        (3, json!("25%"), json!("25%"), (4, 3)),
        (1, json!("25%"), json!("25%"), (2, 1)),
        (10, json!("25%"), json!("25%"), (13, 8)),
        (3, json!(0), json!(1), (3, 2)),
        (3, json!(0), json!("10%"), (3, 2)),
        (2, json!("100%"), json!(0), (4, 2)),
        (2, json!(0), json!("100%"), (2, 0)),
    ] {
        let found = extremes(replicas, surge.clone(), unavailable.clone()).await;
        assert_eq!(found, expected, "{replicas} replicas, surge {surge}, unavailable {unavailable}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_ends_with_the_status_conditions_and_events_of_kubernetes() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 2})).await;
    world.until("the first pod", |_| {}, |w| !w.pods().is_empty()).await;
    assert_eq!(world.condition("Available"), ("False".into(), "MinimumReplicasUnavailable".into()));
    assert_eq!(world.deployment()["status"]["unavailableReplicas"], 2);
    world.until_settled().await;
    world
        .patch(
            json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}),
        )
        .await;
    world.until("the second set", |_| {}, |w| w.condition("Progressing").1 == "ReplicaSetUpdated").await;
    world.until_settled().await;
    assert_eq!(world.condition("Available"), ("True".into(), "MinimumReplicasAvailable".into()));
    assert_eq!(world.condition("Progressing"), ("True".into(), "NewReplicaSetAvailable".into()));
    let deployment = world.deployment();
    let mut status = deployment["status"].clone();
    status.as_object_mut().unwrap().remove("conditions");
    assert_eq!(
        status,
        json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2})
    );
    assert_eq!(meta::annotation(&deployment, "deployment.kubernetes.io/revision"), Some("2"));
    let mut sets = world.sets.list(&ListParams::default()).await.unwrap().items;
    sets.sort_by_key(|set| set.spec.as_ref().unwrap().replicas);
    let replicas: Vec<_> = sets.iter().map(|set| set.spec.as_ref().unwrap().replicas).collect();
    assert_eq!(replicas, [Some(0), Some(2)]);
    let [old, new] = [&sets[0], &sets[1]].map(|set| set.metadata.name.as_deref().unwrap());
    assert_eq!(
        world.events("ScalingReplicaSet").await,
        [
            format!("Scaled up replica set {old} from 0 to 2"),
            format!("Scaled up replica set {new} from 0 to 1"),
            format!("Scaled down replica set {old} from 2 to 1"),
            format!("Scaled up replica set {new} from 1 to 2"),
            format!("Scaled down replica set {old} from 1 to 0"),
        ]
    );
    assert_eq!(world.events("SuccessfulCreate").await.len(), 4);
    assert_eq!(world.events("SuccessfulDelete").await.len(), 2);
    assert_eq!(world.events("Scheduled").await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn recreate_waits_until_the_last_old_pod_is_gone() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 3, "strategy": {"type": "Recreate"}})).await;
    world.until_settled().await;
    world.image("web:2").await;
    let look = |world: &ControllerWorld| {
        let pods = world.pods();
        let new = pods.iter().filter(|pod| pod.image == "web:2").count();
        assert!(new == 0 || new == pods.len(), "old and new pods at once: {pods:?}");
    };
    let renewed = |world: &ControllerWorld| world.complete() && world.pods().iter().all(|pod| pod.image == "web:2");
    world.until("the new image everywhere", look, renewed).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_does_not_progress_is_said_to_have_exceeded_its_deadline() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 2, "progressDeadlineSeconds": 60})).await;
    world.until_settled().await;
    let before = world.store.now();
    world.image("never-ready").await;
    let exceeded = ("False".to_owned(), "ProgressDeadlineExceeded".to_owned());
    world.until("the deadline", |_| {}, |w| w.condition("Progressing") == exceeded).await;
    let waited = world.store.now().duration_since(before).as_secs();
    assert!((60..70).contains(&waited), "{waited} s");
    assert!(!world.complete());
    assert_eq!(world.pods().iter().filter(|pod| pod.image == "web:1" && pod.ready).count(), 2, "the old pods serve on");
    // The cure is a new template; the stuck pod goes first.
    world.image("web:3").await;
    world.until_settled().await;
    assert_eq!(world.condition("Progressing"), ("True".into(), "NewReplicaSetAvailable".into()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_rollout_that_progresses_does_not_exceed_its_deadline() {
    let world = ControllerWorld::start();
    // Twelve pods one after another take longer than the deadline, each alone does not.
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    world.apply(json!({"replicas": 12, "progressDeadlineSeconds": 20, "strategy": strategy})).await;
    world.until_settled().await;
    world.image("web:2").await;
    let look = |world: &ControllerWorld| assert_ne!(world.condition("Progressing").1, "ProgressDeadlineExceeded");
    let renewed = |world: &ControllerWorld| world.complete() && world.pods().iter().all(|pod| pod.image == "web:2");
    world.until("the new image everywhere", look, renewed).await;
}

#[tokio::test(start_paused = true)]
async fn a_template_that_changes_in_mid_rollout_starts_a_third_set() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 4})).await;
    world.until_settled().await;
    world.image("web:2").await;
    world.until("half way", |_| {}, |w| w.pods().iter().filter(|p| p.image == "web:2" && p.ready).count() >= 2).await;
    world.image("web:3").await;
    let look = |world: &ControllerWorld| {
        let pods = world.pods();
        assert!(pods.iter().filter(|pod| !pod.terminating).count() <= 5, "{pods:?}");
        assert!(pods.iter().filter(|pod| !pod.terminating && pod.ready).count() >= 3, "{pods:?}");
    };
    let renewed = |world: &ControllerWorld| world.complete() && world.pods().iter().all(|pod| pod.image == "web:3");
    world.until("the third image everywhere", look, renewed).await;
    assert_eq!(world.store.list(ObjectKind::ReplicaSet, None).0.len(), 3);
    assert_eq!(meta::annotation(&world.deployment(), "deployment.kubernetes.io/revision"), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn going_back_uses_the_old_set_under_a_new_revision() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 2})).await;
    world.until_settled().await;
    world.image("web:2").await;
    world.until_settled().await;
    world.image("web:1").await;
    world
        .until("the first image everywhere", |_| {}, |w| w.complete() && w.pods().iter().all(|p| p.image == "web:1"))
        .await;
    let sets = world.store.list(ObjectKind::ReplicaSet, None).0;
    assert_eq!(sets.len(), 2);
    let revision = |set: &Value| meta::annotation(set, "deployment.kubernetes.io/revision").unwrap().to_owned();
    let mut revisions: Vec<_> = sets.iter().map(|set| (set["spec"]["replicas"].as_i64(), revision(set))).collect();
    revisions.sort();
    assert_eq!(revisions, [(Some(0), "2".to_owned()), (Some(2), "3".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn unhealthy_old_pods_are_the_first_to_go() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 3})).await;
    world.until_settled().await;
    world.image("never-ready").await;
    world.until("a stuck pod", |_| {}, |w| w.pods().iter().any(|p| p.image == "never-ready")).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.image("web:3").await;
    world
        .until(
            "the stuck pod's end",
            |w| {
                let old = w.pods().iter().filter(|pod| pod.image == "web:1" && !pod.terminating).count();
                assert_eq!(old, 3, "no healthy pod goes before the unhealthy one");
            },
            |w| w.pods().iter().all(|pod| pod.image != "never-ready" || pod.terminating),
        )
        .await;
    world.until_settled().await;
}

#[tokio::test(start_paused = true)]
async fn min_ready_seconds_hold_the_rollout_back() {
    let mut took = Vec::new();
    for min_ready_s in [0, 20] {
        let world = ControllerWorld::start();
        world.apply(json!({"replicas": 2, "minReadySeconds": min_ready_s})).await;
        world.until_complete().await;
        let before = world.store.now();
        world.image("web:2").await;
        world
            .until(
                "the new image everywhere",
                |_| {},
                |w| w.complete() && w.pods().iter().all(|p| p.image == "web:2" || p.terminating),
            )
            .await;
        took.push(world.store.now().duration_since(before).as_secs());
    }
    assert!((10..15).contains(&took[0]), "{took:?}");
    assert!((50..56).contains(&took[1]), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn scaling_works_at_rest_in_mid_rollout_and_to_nothing() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 4})).await;
    world.until_settled().await;
    world.patch(json!({"spec": {"replicas": 6}})).await;
    world.until_settled().await;
    assert_eq!(world.pods().len(), 6);
    assert_eq!(world.store.list(ObjectKind::ReplicaSet, None).0.len(), 1, "scaling makes no new template");
    world.image("web:2").await;
    world.until("half way", |_| {}, |w| w.pods().iter().filter(|p| p.image == "web:2" && p.ready).count() >= 2).await;
    let count_old = || world.pods().iter().filter(|pod| pod.image == "web:1" && !pod.terminating).count();
    let before = count_old();
    world.patch(json!({"spec": {"replicas": 10}})).await;
    world.until("both to grow", |_| {}, |w| w.pods().iter().filter(|p| !p.terminating).count() == 13).await;
    assert!(before > 0 && count_old() > before, "old and new grow in proportion, {before} to {}", count_old());
    world.until_settled().await;
    world.patch(json!({"spec": {"replicas": 0}})).await;
    world.until("nothing", |_| {}, |w| w.complete() && w.pods().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_scales_but_does_not_roll() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 2})).await;
    world.until_settled().await;
    world.patch(json!({"spec": {"paused": true, "replicas": 3}})).await;
    world.image("web:2").await;
    world.until("the third pod", |_| {}, |w| w.pods().iter().filter(|pod| pod.ready).count() == 3).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(world.pods().iter().all(|pod| pod.image == "web:1"));
    assert_eq!(world.condition("Progressing"), ("Unknown".into(), "DeploymentPaused".into()));
    world.patch(json!({"spec": {"paused": false}})).await;
    world
        .until("the new image everywhere", |_| {}, |w| w.complete() && w.pods().iter().all(|p| p.image == "web:2"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn old_sets_are_kept_up_to_the_history_limit() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 1, "revisionHistoryLimit": 2})).await;
    for image in ["web:2", "web:3", "web:4", "web:5"] {
        world.until_settled().await;
        world.image(image).await;
    }
    world
        .until("the last image everywhere", |_| {}, |w| w.complete() && w.pods().iter().all(|p| p.image == "web:5"))
        .await;
    world.until("two old sets", |_| {}, |w| w.store.list(ObjectKind::ReplicaSet, None).0.len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_deleted_is_replaced_and_its_endpoint_goes_through_its_states() {
    let world = ControllerWorld::start();
    world.apply(json!({"replicas": 1})).await;
    let service = json!({"metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}]}});
    world.store.create(ObjectKind::Service, service).unwrap();
    world.until_settled().await;
    let pod = world.store.list(ObjectKind::Pod, None).0.remove(0);
    world.store.delete(ObjectKind::Pod, "default", meta::name(&pod), &DeleteOptions::default()).unwrap();
    let mut states = Vec::new();
    let look = |world: &ControllerWorld| {
        let slices = world.store.list(ObjectKind::EndpointSlice, None).0;
        let own = slices
            .iter()
            .flat_map(|slice| meta::list(slice, "/endpoints"))
            .find(|endpoint| endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]);
        let state = own.map(|endpoint| endpoint["conditions"].clone());
        if states.last() != Some(&state) {
            states.push(state);
        }
    };
    world.until("the replacement", look, |w| w.complete() && w.pods().len() == 1 && !w.pods()[0].terminating).await;
    assert_eq!(
        states,
        [
            Some(json!({"ready": true, "serving": true, "terminating": false})),
            Some(json!({"ready": false, "serving": true, "terminating": true})),
            None,
        ]
    );
}
