//! Plans of a workload that is there already, as the rest of the program sees them.

use serde_json::{Value, json};

use super::*;
use crate::manifest::DiskFiles;
use crate::scenario::model::{ScenarioLoad, ScenarioTls};
use crate::scenario::{ShippedFiles, parse};
use crate::spec::VariantSpec;
use crate::yaml::{Located, YamlPlace, YamlSource};
use std::path::Path;

fn live(change: impl FnOnce(&mut Value, &mut Value)) -> LiveTarget {
    let mut workload = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "annotations": {
            "deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "shop/web:1", "ports": [{"containerPort": 8080}]}]}}},
        "status": {"replicas": 3}});
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"clusterIP": "10.0.0.9", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    change(&mut workload, &mut service);
    let source = |name: &str, object: &Value| YamlSource::new(name, &object.to_string());
    let sources =
        vec![source("deployment/web of namespace shop", &workload), source("service/web of namespace shop", &service)];
    LiveTarget { namespace: "shop".to_owned(), sources, pods: None }
}

fn attached(live: &LiveTarget) -> Result<RunPlan, PlanError> {
    let choice = WorkloadChoice { workload: Some("deployment/web".to_owned()), ..WorkloadChoice::default() };
    build_for_existing(live, &choice, (&ScenarioLoad::default(), &ShippedFiles), None, &PlanOverrides::default())
}

fn scenario(lines: &str, live: &LiveTarget) -> Result<RunPlan, String> {
    let text = format!("name: in-place\ntarget: {{existing: {{namespace: shop, workload: deployment/web}}}}\n{lines}");
    let scenario = parse(YamlSource::new("run.yaml", &text), Path::new("")).map_err(|error| error.to_string())?;
    build(&scenario, &ShippedFiles, Some(live), &PlanOverrides::default()).map_err(|error| error.to_string())
}

#[test]
fn a_workload_is_planned_as_it_stands_without_what_the_cluster_wrote() {
    let plan = attached(&live(|_, _| ())).unwrap();
    let spec = &plan.variants[0].spec;
    assert_eq!((spec.existing().unwrap().namespace.as_str(), spec.replicas(), spec.service().port), ("shop", 3, 80));
    assert!(!spec.shipped && plan.settings.folders.is_empty());
    let text = json!(spec.manifests()).to_string();
    assert!(!text.contains("resourceVersion") && !text.contains("\"status\"") && !text.contains("revision"), "{text}");
    let notes = plan.settings.notes.join("\n");
    assert!(notes.contains("deployment/web is measured where it stands, in namespace shop"), "{notes}");
    assert!(!notes.contains("left out of the manifests"), "nothing of the user's was left out: {notes}");
}

#[test]
fn the_way_that_flags_describe_is_planned_as_that_of_a_scenario() {
    let at = |url: &str| Located { value: url.parse().unwrap(), place: YamlPlace::default() };
    let planned = |load: &ScenarioLoad| {
        let choice = WorkloadChoice { workload: Some("deployment/web".to_owned()), ..WorkloadChoice::default() };
        build_for_existing(&live(|_, _| ()), &choice, (load, &ShippedFiles), None, &PlanOverrides::default())
    };
    let plain = planned(&ScenarioLoad::default()).unwrap().variants[0].spec.load.clone();
    assert_eq!((plain.url, plain.tls), (None, None));
    let load = ScenarioLoad { url: Some(at("https://shop.example:8443/")), ..ScenarioLoad::default() };
    let spec = planned(&load).unwrap().variants[0].spec.load.clone();
    assert_eq!(spec.url.unwrap().url.to_string(), "https://shop.example:8443/");
    assert!(!spec.tls.unwrap().insecure, "https asks for TLS");
    let tls =
        ScenarioTls { insecure: Some(Located { value: true, place: YamlPlace::default() }), ..ScenarioTls::default() };
    let tls = Some(Located { value: tls, place: YamlPlace::default() });
    let spec =
        planned(&ScenarioLoad { tls: tls.clone(), ..ScenarioLoad::default() }).unwrap().variants[0].spec.load.clone();
    assert!(spec.url.is_none() && spec.tls.unwrap().insecure, "TLS to the Service itself");
    let error = planned(&ScenarioLoad { url: Some(at("http://shop.example/")), tls, ..ScenarioLoad::default() });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("--tls-insecure stands beside a --url") && !error.contains('`'), "{error}");
}

#[test]
fn a_namespace_is_given_no_service() {
    let error = attached(&live(|_, service| service["kind"] = json!("Secret"))).unwrap_err().to_string();
    assert!(error.contains("no Service of its namespace selects the pods of deployment/web"), "{error}");
}

#[test]
fn a_variant_changes_the_spec_of_the_workload_and_nothing_else() {
    let there = live(|_, _| ());
    let grace = "{spec: {template: {spec: {terminationGracePeriodSeconds: 5}}}}";
    let plan = scenario(&format!("variants: {{a: {{}}, b: {{patch: {grace}}}}}\n"), &there).unwrap();
    let patches = |variant: &VariantSpec| variant.existing().unwrap().patches.len();
    assert_eq!((patches(&plan.variants[0].spec), patches(&plan.variants[1].spec)), (0, 1));
    assert_eq!(
        plan.variants[1].workload_manifest().pointer("/spec/template/spec/terminationGracePeriodSeconds"),
        Some(&json!(5))
    );
    for (patch, says) in [
        ("{metadata: {labels: {a: b}}, spec: {replicas: 4}}", "more than the spec"),
        ("{kind: Service, metadata: {name: web}, spec: {type: NodePort}}", "more than the spec"),
    ] {
        let refused = scenario(&format!("variants: {{a: {{patch: {patch}}}}}\n"), &there).unwrap_err();
        assert!(refused.contains(says), "{patch}: {refused}");
    }
    let refused = scenario("rollout: {env: {}}\n", &there).unwrap_err();
    assert!(refused.contains("a new revision of deployment/web in each trial"), "{refused}");
}

#[test]
fn commands_that_make_a_variant_have_a_way_back() {
    let there = live(|_, _| ());
    let set = |set: &str| scenario(&format!("variants: {{a: {{}}, b: {{set: {set}}}}}\n"), &there);
    let plan = set("{run: [helm, upgrade, web], back: [helm, rollback, web]}").unwrap();
    let found = plan.variants[1].spec.existing().unwrap().set.clone().unwrap();
    assert_eq!((found.run[1].as_str(), found.back[1].as_str()), ("upgrade", "rollback"));
    assert!(set("[helm, upgrade, web]").unwrap_err().contains("no `back`"));
    assert!(set("{run: [], back: [a]}").is_err());
    let both =
        scenario("variants: {a: {set: {run: [a], back: [b]}, patch: {spec: {replicas: 4}}}}\n", &there).unwrap_err();
    assert!(both.contains("beside `set`"), "{both}");
    let copies = "name: a\nmanifests: manifests/target.yaml\nvariants: {a: {set: {run: [a], back: [b]}}}\n";
    let copies = parse(YamlSource::new("run.yaml", copies), Path::new("")).unwrap();
    let refused = build(&copies, &DiskFiles, None, &PlanOverrides::default()).unwrap_err().to_string();
    assert!(refused.contains("this scenario applies manifests"), "{refused}");
}

#[test]
fn a_record_is_run_again_on_the_workload_as_it_stands_then() {
    let there = live(|_, _| ());
    let plan = scenario("variants: {a: {}, b: {patch: {spec: {minReadySeconds: 4}}}}\n", &there).unwrap();
    let facts = RunFacts {
        started: String::new(),
        started_unix_ns: 0,
        cluster: crate::record::header::ClusterHeader {
            kind: "kind".into(),
            version: String::new(),
            private_network: None,
        },
        choice: "kind".into(),
        folder: std::path::PathBuf::new(),
        places: Vec::new(),
    };
    let header = plan.header(facts);
    let now = live(|workload, _| workload["spec"]["replicas"] = json!(5));
    let again =
        |live: Option<&LiveTarget>| from_record(&header, &[], &GivenValues::default(), live, &PlanOverrides::default());
    let planned = again(Some(&now)).unwrap();
    assert_eq!((planned.variants[0].workload.replicas, planned.variants[1].workload.replicas), (5, 5));
    assert_eq!(planned.variants[1].workload_manifest()["spec"]["minReadySeconds"], json!(4));
    let refused = again(None).unwrap_err().to_string();
    assert!(refused.contains("deployment/web of namespace shop was not read"), "{refused}");
}
