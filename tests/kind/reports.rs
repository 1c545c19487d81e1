//! What people reported, rebuilt small, on the real cluster: one trial of each variant.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::cluster::nothing_left;
use crate::program::{Ran, clean, report, run, variant};
use crate::scenarios::on_kind;
use crate::test;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("what_the_cluster_adds_drops_or_does_not_know_is_named", exported),
        test("a_service_that_publishes_pods_before_they_are_ready_is_the_fault", published),
        test("a_service_that_selects_the_old_release_ends_with_it", old_release),
    ]
}

fn deployment(args: &[&str], hook_s: u32) -> Value {
    let container = json!({
        "name": "target",
        "image": "rollproof/target",
        "args": args,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"sleep": {"seconds": hook_s}}},
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gateway"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "gateway"}},
            "template": {
                "metadata": {"labels": {"app": "gateway", "release": "one"}},
                "spec": {"os": {"name": "linux"}, "containers": [container]},
            },
        },
    })
}

fn service(spec: &Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "gateway"},
        "spec": {"selector": {"app": "gateway"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    });
    for (key, value) in spec.as_object().unwrap() {
        service["spec"][key] = value.clone();
    }
    service
}

/// Runs these variants on these objects; the output and the report.
fn rolled(folder: &Path, objects: &[Value], variants: &Value, code: i32) -> (Ran, Value) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    fs::write(folder.join("manifests.yaml"), list.to_string()).unwrap();
    let scenario = json!({
        "name": "reported",
        "manifests": "manifests.yaml",
        "load": {"rate": 60, "timeout": "5s", "requests": [{"path": "/", "arms": ["new"]}]},
        "max_lag_ms": 2000,
        "variants": variants,
    });
    let file = folder.join("scenario.yaml");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = folder.join("out");
    let ran = run(&mut on_kind(file.to_str().unwrap(), &out)).expect_code(code);
    nothing_left(&out);
    (ran, report(&out))
}

/// What `kubectl get -o yaml` adds, a kind that the cluster does not have, and a field behind a gate that is off.
fn exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = deployment(&["--on-term=drain"], 3);
    for (key, value) in [
        ("uid", json!("1b4e28ba-2fa1-11d2-883f-0016d3cca427")),
        ("resourceVersion", json!("812")),
        ("managedFields", json!([{"manager": "kubectl", "operation": "Update"}])),
        ("finalizers", json!(["example.com/kept"])),
        ("ownerReferences", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "1"}])),
    ] {
        deployment["metadata"][key] = value;
    }
    deployment["status"] = json!({"replicas": 2});
    let service = service(&json!({"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"]}));
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "gateway"},
        "spec": {"selector": {"matchLabels": {"app": "gateway"}}, "endpoints": [{"port": "http"}]},
    });
    let signal = json!([{"name": "target", "lifecycle": {"stopSignal": "SIGQUIT"}}]);
    let variants = json!({
        "plain": {"expect": "clean"},
        "signalled": {"expect": "clean", "patch": {"spec": {"template": {"spec": {"containers": signal}}}}},
    });
    let (ran, report) = rolled(folder.path(), &[deployment, service, monitor], &variants, 0);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for part in [
        "resourceVersion",
        "finalizers",
        "clusterIP",
        "servicemonitor/gateway",
        "stopSignal",
        "are those of variant plain",
    ] {
        assert!(said.contains(part), "{part} is not named: {said}");
    }
    clean(&report, "plain");
    clean(&report, "signalled");
}

fn published() {
    let folder = tempfile::tempdir().unwrap();
    let objects = |published: bool| {
        [
            deployment(&["--on-term=drain", "--start-delay=4s"], 4),
            service(&json!({"publishNotReadyAddresses": published})),
        ]
    };
    let (_, found) = rolled(folder.path(), &objects(true), &json!({"as-reported": {"expect": "loss"}}), 0);
    let reported = variant(&found, "as-reported");
    assert!(reported["causes"]["not-ready-yet"].as_u64().unwrap() > 0, "{}", reported["causes"]);
    let advice = reported["advice"].to_string();
    assert!(advice.contains("publishNotReadyAddresses"), "{advice}");
    assert!(!advice.contains("passes too early"), "the probe is right: {advice}");
    let folder = tempfile::tempdir().unwrap();
    let (_, found) = rolled(folder.path(), &objects(false), &json!({"cured": {"expect": "clean"}}), 0);
    clean(&found, "cured");
}

fn old_release() {
    let folder = tempfile::tempdir().unwrap();
    let selector = json!({"selector": {"app": "gateway", "release": "one"}});
    let labels = json!({"spec": {"template": {"metadata": {"labels": {"release": "two"}}}}});
    let variants = json!({"upgrade": {"expect": "loss", "rollout": {"patch": labels, "timeout": "90s"}}});
    let (_, found) = rolled(folder.path(), &[deployment(&["--on-term=drain"], 3), service(&selector)], &variants, 0);
    let upgrade = variant(&found, "upgrade");
    // A request may have been on its way to an old pod as that stopped.
    let (lost, of_cause) = (upgrade["lost"].as_u64().unwrap(), upgrade["causes"]["no-endpoint"].as_u64().unwrap());
    assert!(lost > 0 && of_cause * 20 >= lost * 19, "{of_cause} of {lost}: {}", upgrade["causes"]);
    assert!(
        found["incidents"].to_string().contains("none is an endpoint of service/gateway"),
        "{}",
        found["incidents"]
    );
}
