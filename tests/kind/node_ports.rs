//! The node ports of every node, under `externalTrafficPolicy` Local and Cluster. They need two nodes that take pods and load: of a kind
//! cluster with a worker, `kubectl taint nodes --all node-role.kubernetes.io/control-plane-` and `kubectl label nodes --all
//! node.kubernetes.io/exclude-from-external-load-balancers-` make the control plane the second one.

use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::alone;
use crate::cluster::{get, name, namespaces, nothing_left};
use crate::program::{AS_EXPECTED, clean, missing_on_kind, named, program, report, run, variant, wait_for};

pub(crate) fn tests() -> Vec<Trial> {
    let missing = missing_on_kind(|| (loadable().len() < 2).then_some("two nodes that take pods and load"));
    let test = |name: &str, body: fn()| {
        named(name, missing, move || {
            let _turn = alone();
            body();
        })
    };
    vec![
        test("under_local_a_node_without_a_pod_drops_and_one_with_a_pod_does_not", local),
        test("under_cluster_every_node_leads_to_every_pod", cluster),
        test("under_local_a_node_without_a_pod_is_told_before_the_first_trial", bare),
    ]
}

/// The nodes that take pods without a toleration, and that no label excludes from load.
fn loadable() -> Vec<String> {
    let nodes = get(&["nodes"]);
    let takes = |node: &&Value| {
        let excluded = &node["metadata"]["labels"]["node.kubernetes.io/exclude-from-external-load-balancers"];
        let tainted = node["spec"]["taints"].as_array().is_some_and(|taints| !taints.is_empty());
        excluded.is_null() && !tainted
    };
    let names = nodes["items"].as_array().unwrap().iter().filter(takes).map(|node| node["metadata"]["name"].as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

fn measured(out: &Path, variants: &[&str]) -> Value {
    let mut command = program();
    command.args(["run", "scenarios/node-ports.yaml", "--trials", "1", "--load-from", "host", "--cluster"]);
    command.arg(format!("kind:{}", name())).arg("--out").arg(out);
    for variant in variants {
        command.args(["--variant", variant]);
    }
    run(&mut command).expect_one_of(&AS_EXPECTED);
    nothing_left(out);
    report(out)
}

fn by_node(variant: &Value) -> Vec<(String, u64)> {
    let nodes = variant["lost_by_node"].as_object().unwrap().iter();
    nodes.map(|(node, lost)| (node.clone(), lost.as_u64().unwrap())).collect()
}

fn causes(variant: &Value) -> Vec<(&str, u64)> {
    let causes = variant["causes"].as_object().unwrap().iter();
    causes.map(|(cause, count)| (cause.as_str(), count.as_u64().unwrap())).collect()
}

fn local() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let report = measured(&out, &["local-spread", "local-one-by-one"]);
    clean(&report, "local-spread");
    let nodes: Vec<String> = by_node(variant(&report, "local-spread")).into_iter().map(|(node, _)| node).collect();
    assert_eq!(nodes, loadable(), "each of them is loaded");
    let bad = variant(&report, "local-one-by-one");
    let lost = bad["lost"].as_u64().unwrap();
    assert!(by_node(bad).iter().all(|(_, lost)| *lost > 0), "each node was without a pod once: {bad}");
    assert_eq!(by_node(bad).iter().map(|(_, lost)| lost).sum::<u64>(), lost, "the judged arms tell their connections");
    let of = |cause: &str| causes(bad).iter().find(|(name, _)| *name == cause).map_or(0, |(_, count)| *count);
    assert!(of("no-local-endpoint") * 10 >= lost * 9, "{:?}", causes(bad));
    assert_eq!(
        of("no-endpoint") + of("endpoint-race"),
        0,
        "the other node had a pod, and its own had none: {:?}",
        causes(bad)
    );
    let dropped = report["incidents"].as_array().unwrap().iter().filter(|one| one["cause"] == "no-local-endpoint");
    for incident in dropped {
        assert!(
            loadable().iter().any(|node| incident["node"] == node.as_str()) && incident["pod"].is_null(),
            "{incident}"
        );
        let evidence = incident["evidence"].to_string();
        assert!(evidence.contains(&format!("on node {}", incident["node"].as_str().unwrap())), "{evidence}");
    }
    let advice = bad["advice"].to_string();
    assert!(advice.contains("topologySpreadConstraints") && advice.contains("healthCheckNodePort"), "{advice}");
}

fn cluster() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let report = measured(&out, &["cluster-one-by-one", "cluster-exit"]);
    clean(&report, "cluster-one-by-one");
    let bad = variant(&report, "cluster-exit");
    assert!(bad["lost"].as_u64().unwrap() > 0);
    assert!(by_node(bad).iter().all(|(_, lost)| *lost > 0), "a stopped pod is met through each node: {bad}");
    assert!(causes(bad).iter().all(|(cause, _)| !cause.starts_with("no-")), "{:?}", causes(bad));
}

fn bare() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (folder.path().join("one.yaml"), folder.path().join("run"));
    let manifests = std::fs::read_to_string("manifests/node-ports.yaml").unwrap();
    std::fs::write(folder.path().join("manifests.yaml"), manifests.replace("replicas: 2", "replicas: 1")).unwrap();
    std::fs::write(&scenario, "name: one-pod\nmanifests: manifests.yaml\nload: {timeout: 2s}\n").unwrap();
    let mut command = program();
    command.arg("run").arg(&scenario).args(["--load-from", "host", "--cluster", &format!("kind:{}", name()), "--out"]);
    let ran = run(command.arg(&out));
    ran.expect_one_of(&[2, 3]).says(&["externalTrafficPolicy Local", "has no ready pod", "--load-from pod"]);
    assert!(!out.join("report.json").exists(), "no trial was run");
    wait_for("the run's namespaces to go", Duration::from_mins(2), || {
        namespaces().iter().all(|name| !name.starts_with("one-pod-"))
    });
}
