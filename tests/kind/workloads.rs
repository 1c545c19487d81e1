//! Rollouts of each workload kind on a real cluster: the context that `ROLLPROOF_TEST_CONTEXT` names, whose nodes must
//! have `registry.k8s.io/pause:3.10` (as every kind node does) or be able to pull it. Without the variable, each test is
//! listed as ignored. Each works in its own namespace and removes it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use libtest_mimic::Trial;
use rollproof::cluster::kube::{CORDONED_BY, apply};
use rollproof::manifest::{WorkloadKind, strategic_merge, undo};
use rollproof::rollout::{
    Eviction, EvictionAnswer, ReplacedPods, RolledWorkload, RolloutEnd, RolloutHandle, RolloutStep, StepOutcome,
    cordon, evict, own_pods, perform, pods_to_evict, resource, wait_complete,
};
use serde_json::{Value, json};

use crate::program::beside;

const CONTEXT: &str = "ROLLPROOF_TEST_CONTEXT";
/// Longer than any rollout here, even on a busy machine.
const BOUND: Duration = Duration::from_mins(2);
const IMAGE: &str = "registry.k8s.io/pause:3.10";

pub(crate) fn tests() -> Vec<Trial> {
    let missing = std::env::var_os(CONTEXT).is_none();
    let tests: [(&str, Test); 9] = [
        ("a_restart_of_a_deployment_is_complete_when_its_old_pods_are_gone", |place| {
            Box::pin(restart(place, WorkloadKind::Deployment))
        }),
        ("a_restart_of_a_stateful_set_is_complete_when_its_old_pods_are_gone", |place| {
            Box::pin(restart(place, WorkloadKind::StatefulSet))
        }),
        ("a_restart_of_a_daemon_set_is_complete_when_its_old_pods_are_gone", |place| {
            Box::pin(restart(place, WorkloadKind::DaemonSet))
        }),
        ("a_deployment_whose_old_pods_still_stop_is_not_done", |place| Box::pin(still_stopping(place))),
        ("a_workload_with_the_same_labels_is_not_waited_for", |place| Box::pin(same_labels(place))),
        ("a_patch_and_its_way_back_leave_the_template_as_it_was", |place| Box::pin(forth_and_back(place))),
        ("a_step_that_changes_nothing_is_told_from_one_that_does", |place| Box::pin(nothing_to_change(place))),
        ("an_eviction_waits_for_the_disruption_budget", |place| Box::pin(eviction(place))),
        ("a_cordoned_node_is_given_back", |place| Box::pin(cordoning(place))),
    ];
    let trials = tests.into_iter().map(|(name, test)| {
        let run = move || {
            let _turn = beside();
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?
                .block_on(placed(name, test));
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(missing)
    });
    trials.collect()
}

/// What a test does in its place.
type Test = fn(Place) -> BoxFuture;
type BoxFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A namespace of a test's own.
#[derive(Clone)]
struct Place {
    client: Client,
    namespace: String,
}

/// Runs `test` in a new namespace and removes it, also when the test fails.
async fn placed(name: &str, test: Test) {
    let context = std::env::var(CONTEXT).unwrap_or_default();
    let options = kube::config::KubeConfigOptions { context: Some(context), ..Default::default() };
    let mut config = kube::Config::from_kubeconfig(&options).await.expect("the context is known");
    // kube's default client would retry a refused eviction.
    config.default_retry = false;
    let client = Client::try_from(config).expect("a client");
    let letters = name.replace('_', "-").chars().take(40).collect::<String>();
    let namespace = format!("rp-{}-{}", letters.trim_end_matches('-'), std::process::id());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
    namespaces.create(&PostParams::default(), &object).await.expect("the namespace is made");
    let place = Place { client, namespace: namespace.clone() };
    let ended = tokio::spawn(test(place)).await;
    namespaces.delete(&namespace, &DeleteParams::background()).await.expect("the namespace is removed");
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic.into_panic());
    }
}

/// A workload of pods that stop for `stop_s` seconds after they were deleted.
fn manifest(kind: WorkloadKind, name: &str, stop_s: u32) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind.name(), "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": IMAGE}]}}}});
    if stop_s > 0 {
        object["spec"]["template"]["spec"]["containers"][0]["lifecycle"] =
            json!({"preStop": {"sleep": {"seconds": stop_s}}});
    }
    match kind {
        WorkloadKind::Deployment => {
            object["spec"]["replicas"] = json!(2);
            object["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}});
        }
        WorkloadKind::StatefulSet => {
            object["spec"]["replicas"] = json!(2);
            object["spec"]["serviceName"] = json!("web");
        }
        WorkloadKind::DaemonSet => {}
    }
    object
}

impl Place {
    fn handle(&self, kind: WorkloadKind, name: &str) -> RolloutHandle {
        let namespace = self.namespace.clone();
        let workload = RolledWorkload {
            kind,
            namespace: namespace.clone(),
            name: name.to_owned(),
            selector: "app=web".to_owned(),
        };
        RolloutHandle {
            client: self.client.clone(),
            workload,
            run: namespace,
            variables: BTreeMap::new(),
            command_log: None,
        }
    }

    async fn apply(&self, manifests: &[Value]) {
        apply(&self.client, &self.namespace, manifests).await.expect("the manifests are applied");
    }

    /// A workload that runs and is at rest.
    async fn rolled_out(&self, kind: WorkloadKind, name: &str, manifest: &Value) -> RolloutHandle {
        self.apply(std::slice::from_ref(manifest)).await;
        let handle = self.handle(kind, name);
        done(&handle, &ReplacedPods::new()).await;
        handle
    }

    async fn pods(&self) -> Vec<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        pods.list(&ListParams::default()).await.unwrap().items
    }
}

async fn done(handle: &RolloutHandle, replaced: &ReplacedPods) {
    let followed = wait_complete(handle, replaced, BOUND, || {}).await.unwrap();
    assert_eq!(followed, RolloutEnd::Done, "{handle:?}");
}

async fn uids(handle: &RolloutHandle) -> ReplacedPods {
    own_pods(handle).await.unwrap().iter().filter_map(ResourceExt::uid).collect()
}

async fn step(handle: &RolloutHandle, roll: &RolloutStep) -> StepOutcome {
    perform(handle, roll, 1, BOUND).await.unwrap()
}

async fn restart(place: Place, kind: WorkloadKind) {
    let handle = place.rolled_out(kind, "web", &manifest(kind, "web", 2)).await;
    let old = uids(&handle).await;
    assert!(!old.is_empty());
    assert_eq!(step(&handle, &RolloutStep::Restart).await, StepOutcome::Changed);
    let mut completions = 0;
    let followed = wait_complete(&handle, &old, BOUND, || completions += 1).await.unwrap();
    assert_eq!((followed, completions), (RolloutEnd::Done, 1));
    let pods = place.pods().await;
    let new = uids(&handle).await;
    assert!(new.is_disjoint(&old), "no old pod is left: {new:?} and {old:?}");
    assert_eq!((pods.len(), new.len()), (old.len(), old.len()), "as many as before, and no other");
    assert!(pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_none()));
}

async fn still_stopping(place: Place) {
    let kind = WorkloadKind::Deployment;
    let handle = place.rolled_out(kind, "web", &manifest(kind, "web", 20)).await;
    let old = uids(&handle).await;
    step(&handle, &RolloutStep::Restart).await;
    // The Deployment itself is complete long before that.
    let mut complete = false;
    let followed = wait_complete(&handle, &old, Duration::from_secs(12), || complete = true).await.unwrap();
    assert_eq!((followed, complete), (RolloutEnd::TimedOut("2 old pods left".to_owned()), true));
    done(&handle, &old).await;
}

async fn same_labels(place: Place) {
    let mut other = manifest(WorkloadKind::StatefulSet, "other", 0);
    other["spec"]["replicas"] = json!(1);
    let other = place.rolled_out(WorkloadKind::StatefulSet, "other", &other).await;
    let kind = WorkloadKind::Deployment;
    let handle = place.rolled_out(kind, "web", &manifest(kind, "web", 0)).await;
    let (old, foreign) = (uids(&handle).await, uids(&other).await);
    assert_eq!((old.len(), foreign.len(), place.pods().await.len()), (2, 1, 3));
    step(&handle, &RolloutStep::Restart).await;
    done(&handle, &old).await;
    assert_eq!(uids(&other).await, foreign, "it was left alone");
}

async fn template(handle: &RolloutHandle) -> (Value, Value) {
    let workload = &handle.workload;
    let api: Api<DynamicObject> =
        Api::namespaced_with(handle.client.clone(), &workload.namespace, &resource(workload.kind));
    let spec = api.get(&workload.name).await.unwrap().data["spec"].take();
    (spec["template"].clone(), spec)
}

async fn forth_and_back(place: Place) {
    let kind = WorkloadKind::Deployment;
    let original = manifest(kind, "web", 1);
    let handle = place.rolled_out(kind, "web", &original).await;
    let before = template(&handle).await;
    let patch = json!({"spec": {
        "strategy": {"type": "Recreate", "rollingUpdate": null}, "minReadySeconds": 1,
        "template": {
            "metadata": {"annotations": {"added": "yes"}, "labels": {"version": "2"}},
            "spec": {"terminationGracePeriodSeconds": 3, "volumes": [{"name": "v", "emptyDir": {}}],
                "securityContext": {"runAsUser": 65535},
                "containers": [{"name": "web", "lifecycle": null, "env": [{"name": "A", "value": "b"}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}}}});
    // Applying the manifest again keeps fields of another field manager, so it does not undo the patch.
    step(&handle, &RolloutStep::Patch(json!({"spec": {"template": {"spec": {"dnsPolicy": "Default"}}}}))).await;
    place.apply(std::slice::from_ref(&original)).await;
    assert_ne!(template(&handle).await.0, before.0);
    step(&handle, &RolloutStep::Patch(json!({"spec": {"template": {"spec": {"dnsPolicy": null}}}}))).await;
    let mut patched = original.clone();
    assert!(strategic_merge(&mut patched, &patch).unwrap());
    let old = uids(&handle).await;
    assert_eq!(step(&handle, &RolloutStep::Patch(undo(&patched, &original))).await, StepOutcome::Changed);
    done(&handle, &old).await;
    // As if the patched manifest had been the first.
    let mut twin = patched.clone();
    twin["metadata"]["name"] = json!("twin");
    twin["spec"]["replicas"] = json!(0);
    place.apply(&[twin]).await;
    assert_eq!(template(&handle).await.0, template(&place.handle(kind, "twin")).await.0);
    let middle = uids(&handle).await;
    step(&handle, &RolloutStep::Patch(undo(&original, &patched))).await;
    done(&handle, &ReplacedPods::new()).await;
    let after = template(&handle).await;
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1, "the whole spec");
    assert!(uids(&handle).await.is_disjoint(&middle));
    let sets: Api<ReplicaSet> = Api::namespaced(place.client.clone(), &place.namespace);
    let sets = sets.list(&ListParams::default()).await.unwrap().items;
    let first = sets.iter().min_by_key(|set| set.metadata.creation_timestamp.as_ref().map(|time| time.0)).unwrap();
    let replicas = first.spec.as_ref().and_then(|spec| spec.replicas);
    assert_eq!(replicas, Some(2), "the controller knows the template again");
}

async fn nothing_to_change(place: Place) {
    let kind = WorkloadKind::Deployment;
    let handle = place.rolled_out(kind, "web", &manifest(kind, "web", 0)).await;
    let grace = |grace: u32| {
        RolloutStep::Patch(json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": grace}}}}))
    };
    assert_eq!(step(&handle, &grace(30)).await, StepOutcome::Nothing, "30 is the default");
    assert_eq!(step(&handle, &grace(5)).await, StepOutcome::Changed);
    done(&handle, &ReplacedPods::new()).await;
    assert_eq!(step(&handle, &RolloutStep::Scale { to: 3 }).await, StepOutcome::Changed);
    done(&handle, &ReplacedPods::new()).await;
    assert_eq!(uids(&handle).await.len(), 3);
    step(&handle, &RolloutStep::Scale { to: 1 }).await;
    done(&handle, &ReplacedPods::new()).await;
    assert_eq!(place.pods().await.len(), 1, "those that were removed are gone");
    let refused =
        perform(&handle, &RolloutStep::Patch(json!({"spec": {"selector": {"matchLabels": {"app": "api"}}}})), 1, BOUND)
            .await
            .unwrap_err()
            .to_string();
    assert!(refused.starts_with("rolling deployment/web in namespace rp-"), "{refused}");
}

async fn eviction(place: Place) {
    let kind = WorkloadKind::Deployment;
    let budget = |most: u32| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"maxUnavailable": most, "selector": {"matchLabels": {"app": "web"}}}})
    };
    place.apply(&[budget(1)]).await;
    let handle = place.rolled_out(kind, "web", &manifest(kind, "web", 1)).await;
    let nodes = own_pods(&handle).await.unwrap().into_iter().filter_map(|pod| pod.spec?.node_name).collect::<Vec<_>>();
    let chosen = pods_to_evict(&handle, &Eviction { node: None, cordon: false }).await.unwrap();
    assert!(nodes.contains(&chosen.node));
    let mut refusals = 0;
    for pod in &chosen.pods {
        loop {
            match evict(&handle, pod).await.unwrap() {
                EvictionAnswer::Evicted => break,
                EvictionAnswer::Gone => panic!("{pod:?} is gone"),
                EvictionAnswer::Refused { after, why } => {
                    assert!(why.contains("disruption budget"), "{why}");
                    refusals += 1;
                    tokio::time::sleep(after).await;
                }
            }
        }
    }
    assert!(chosen.pods.len() < 2 || refusals > 0, "the second had to wait for the first one's replacement");
    let evicted: ReplacedPods = chosen.pods.iter().map(|pod| pod.uid.clone()).collect();
    done(&handle, &evicted).await;
    let left = uids(&handle).await;
    assert_eq!(left.len(), 2);
    assert!(left.is_disjoint(&evicted));
    assert_eq!(evict(&handle, &chosen.pods[0]).await.unwrap(), EvictionAnswer::Gone);
    // A budget that allows no eviction.
    place.apply(&[budget(0)]).await;
    let chosen = pods_to_evict(&handle, &Eviction { node: Some(chosen.node), cordon: false }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(matches!(evict(&handle, &chosen.pods[0]).await.unwrap(), EvictionAnswer::Refused { .. }));
    let nowhere = Eviction { node: Some("no-such-node".to_owned()), cordon: false };
    let error = pods_to_evict(&handle, &nowhere).await.unwrap_err().to_string();
    assert!(error.contains("no pod of deployment/web runs on node no-such-node"), "{error}");
}

async fn cordoning(place: Place) {
    let (client, run) = (&place.client, place.namespace.as_str());
    let nodes: Api<Node> = Api::all(client.clone());
    let name = nodes.list(&ListParams::default()).await.unwrap().items[0].name_any();
    let cordoned = async || {
        let node = nodes.get(&name).await.unwrap();
        (node.spec.clone().unwrap().unschedulable.unwrap_or(false), node.annotations().get(CORDONED_BY).cloned())
    };
    assert_eq!(cordoned().await, (false, None), "the cluster's nodes must be free for this test");
    cordon::cordon(client, &name, run).await.unwrap();
    let marked = cordoned().await;
    let again = cordon::cordon(client, &name, "another").await;
    let of_another = cordon::uncordon(client, "another").await;
    let left = cordon::leftovers(client).await;
    let given = cordon::uncordon(client, run).await;
    // Undo everything before any assertion can fail.
    let after = cordoned().await;
    assert_eq!(after, (false, None));
    assert_eq!(marked, (true, Some(run.to_owned())));
    assert!(again.unwrap_err().to_string().contains("it is already cordoned"));
    assert_eq!(of_another.unwrap(), Vec::<String>::new());
    let mine = cordon::CordonedNode { node: name.clone(), run: run.to_owned() };
    assert!(left.unwrap().contains(&mine));
    assert_eq!(given.unwrap(), [name]);
    assert_eq!(cordon::uncordon(client, run).await.unwrap(), Vec::<String>::new(), "once is enough");
    assert!(cordon::release(client, "no-such-node").await.is_ok(), "a node that is gone needs nothing");
}
