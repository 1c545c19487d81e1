//! Plans as the rest of the program sees them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{PlanError, PlanOverrides, RunPlan, WorkloadChoice, build, build_for_manifests};
use crate::manifest::{FileReadError, FileSource};
use crate::record::Arm;
use crate::record::header::{ClusterHeader, VariantPlace};
use crate::scenario::{ShippedFiles, load};
use crate::spec::{Expect, RolloutAction};
use crate::stats::Alternative;
use crate::yaml::YamlSource;

pub(super) struct MemoryFiles(pub(super) BTreeMap<&'static str, String>);

impl FileSource for MemoryFiles {
    fn read(&self, path: &Path) -> Result<String, FileReadError> {
        let path = path.display().to_string();
        let known = self.0.get(path.as_str()).cloned();
        known.ok_or(FileReadError { path, why: "there is no such file; check the path".to_owned() })
    }
}

/// The plan of one manifest, chosen and decided as by default.
pub(crate) fn manifest_plan(name: &str, text: &str) -> RunPlan {
    let sources = [YamlSource::new(name, text)];
    build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()).unwrap()
}

pub(super) const WEB: &str = include_str!("../../manifests/apache.yaml");

/// Plans `scenario` beside `web.yaml`, which holds Apache's Deployment and Service.
pub(super) fn plan_with(scenario: &str, patch: &str, overrides: &PlanOverrides) -> Result<RunPlan, PlanError> {
    let texts = [("run.yaml", scenario), ("web.yaml", WEB), ("patch.yaml", patch)];
    let files = MemoryFiles(texts.into_iter().map(|(name, text)| (name, text.to_owned())).collect());
    build(&load(Path::new("run.yaml"), &files)?, &files, None, overrides)
}

/// The plan of a scenario with these lines beside its name and manifests.
pub(super) fn plan(scenario: &str) -> RunPlan {
    plan_with(&format!("name: test\nmanifests: web.yaml\n{scenario}"), "", &PlanOverrides::default()).unwrap()
}

fn shipped(name: &str) -> RunPlan {
    let scenario = load(Path::new(&format!("scenarios/{name}.yaml")), &ShippedFiles).unwrap();
    build(&scenario, &ShippedFiles, None, &PlanOverrides { seed: 1, ..PlanOverrides::default() }).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn what_a_scenario_leaves_out_has_its_default() {
    let plan = plan("");
    assert_eq!(
        (plan.settings.scenario.as_str(), plan.settings.trials, plan.baseline(), plan.settings.side_probe),
        ("test", 1, None, true)
    );
    assert_eq!(plan.settings.max_lag, Duration::from_millis(100));
    let [only] = plan.variants.as_slice() else { panic!("one variant") };
    assert_eq!(
        (only.spec.name.as_str(), only.spec.expect, only.spec.lost_at_most, only.spec.strict),
        ("as-written", Expect::Clean, 0, false)
    );
    assert_eq!((only.workload.replicas, only.workload.surge), (2, 1));
    assert_eq!(
        (only.spec.service().name.as_str(), only.spec.service().port, only.spec.service().target_port),
        ("web", 80, 80)
    );
    assert_eq!(
        (&only.spec.rollout.action, only.spec.rollout.timeout),
        (&RolloutAction::Restart, Duration::from_mins(5))
    );
    assert!(close(only.spec.load.rate, 100.0) && only.spec.load.timeout == Duration::from_secs(10));
    assert_eq!((only.spec.load.connections, only.spec.load.pod_header.as_str()), (None, "x-pod"));
    assert_eq!(only.spec.load.judged, [Arm::New, Arm::Reused]);
    let [get] = only.spec.load.requests.as_slice() else { panic!("one request") };
    assert_eq!((get.method.as_str(), get.path.as_str(), get.share), ("GET", "/", 1.0));
    assert_eq!(get.arms, [(Arm::New, 0.5), (Arm::Reused, 0.5)]);
}

#[test]
fn every_key_reaches_the_plan() {
    let plan = plan(
        "port: http\ntrials: 3\nmax_lag_ms: 50\nprobe: off\nembedded: {base: 50ms, min_sync_period: 2s}\nload:\n  rate: 50\n  timeout: 500ms\n  connections: 7\n  pod_header: X-Server\n  judge: [blind]\n  requests:\n  - {path: /a, method: POST, body: hi, headers: {X-A: b, host: web.example}, status: [200, 404], arms: {blind: 3, new: 1}}\nrollout: {timeout: 30s, none: {for: 5s}}\nvariants:\n  b: {lost_at_most: 2, strict: true}\n  a:\n",
    );
    assert!(!plan.settings.side_probe);
    assert_eq!((plan.settings.max_lag, plan.settings.trials), (Duration::from_millis(50), 3));
    assert_eq!(
        (plan.settings.cluster.routing.base, plan.settings.cluster.routing.min_sync_period),
        (Duration::from_millis(50), Duration::from_secs(2))
    );
    assert_eq!(plan.variants.iter().map(|v| v.spec.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let first = &plan.variants[0];
    assert_eq!(
        (first.spec.lost_at_most, first.spec.strict, first.spec.rollout.timeout),
        (2, true, Duration::from_secs(30))
    );
    assert_eq!(first.spec.rollout.action, RolloutAction::None { duration: Duration::from_secs(5) });
    assert_eq!((first.spec.load.connections, first.spec.load.pod_header.as_str()), (Some(7), "x-server"));
    assert_eq!(
        (first.spec.load.timeout, first.spec.load.judged.as_slice()),
        (Duration::from_millis(500), &[Arm::Blind][..])
    );
    let request = &first.spec.load.requests[0];
    assert_eq!(
        (request.method.as_str(), request.body.as_str(), request.statuses.as_slice()),
        ("POST", "hi", &[200, 404][..])
    );
    assert_eq!(request.arms, [(Arm::New, 0.25), (Arm::Blind, 0.75)]);
    assert_eq!(request.header_map()["host"], "web.example");
}

#[test]
fn shares_add_to_one_and_the_open_ones_divide_the_rest() {
    let requests = "load:\n  rate: 200\n  requests:\n  - {path: /a, share: 10%}\n  - {path: /b}\n  - {path: /c, arms: [new]}\n  - {path: /d, share: 0.3}\n";
    let load = &plan(requests).variants[0].spec.load;
    let shares = load.requests.iter().map(|request| request.share).collect::<Vec<_>>();
    assert!(shares.iter().zip([0.1, 0.3, 0.3, 0.3]).all(|(a, b)| close(*a, b)), "{shares:?}");
    assert!(close(load.rate_of(Arm::New), 200.0 * (0.05 + 0.15 + 0.3 + 0.15)));
    assert!(close(load.rate_of(Arm::New) + load.rate_of(Arm::Reused), 200.0));
}

#[test]
fn a_variant_s_load_and_rollout_stand_over_the_scenario_s() {
    let plan = plan(
        "load: {rate: 50, timeout: 2s}\nrollout: {restart: {}, timeout: 1m}\nvariants:\n  a: {}\n  b: {load: {rate: 10}, rollout: {env: {}}}\n  c: {rollout: {timeout: 2m}}\n",
    );
    let [a, b, c] = plan.variants.as_slice() else { panic!("three variants") };
    assert!(close(a.spec.load.rate, 50.0) && close(b.spec.load.rate, 10.0));
    assert_eq!(b.spec.load.timeout, Duration::from_secs(2));
    assert_eq!(
        b.spec.rollout.action,
        RolloutAction::Env { container: "apache".into(), name: "ROLLPROOF_TRIAL".into() }
    );
    assert_eq!((b.spec.rollout.timeout, c.spec.rollout.timeout), (Duration::from_mins(1), Duration::from_mins(2)));
    assert_eq!((&a.spec.rollout.action, &c.spec.rollout.action), (&RolloutAction::Restart, &RolloutAction::Restart));
}

#[test]
fn the_command_line_stands_over_the_scenario() {
    let scenario =
        "name: test\nmanifests: web.yaml\ntrials: 2\nload: {rate: 50}\nvariants: {a: {}, b: {load: {rate: 10}}}\n";
    let overrides = PlanOverrides { rate: Some(20.0), trials: Some(4), seed: 9 };
    let plan = plan_with(scenario, "", &overrides).unwrap();
    assert!(plan.variants.iter().all(|variant| close(variant.spec.load.rate, 20.0)));
    assert_eq!((plan.settings.trials, plan.order.len(), plan.settings.seed), (4, 8, 9));
    let message = |overrides| plan_with(scenario, "", &overrides).unwrap_err().to_string();
    let seed = PlanOverrides::default();
    assert!(message(PlanOverrides { rate: Some(0.0), ..seed }).contains("the rate is 0, expected"));
    assert!(message(PlanOverrides { trials: Some(0), ..seed }).contains("the number of trials is 0, expected"));
}

#[test]
fn patches_reach_the_object_that_they_name() {
    let scenario = "name: test\nmanifests: web.yaml\nvariants:\n  a: {patch: patch.yaml}\n  b: {patch: [{spec: {replicas: 4}}, patch.yaml]}\n  c: {}\n";
    let patch =
        "kind: Service\nmetadata: {name: web}\nspec: {sessionAffinity: ClientIP}\n---\nspec: {minReadySeconds: 5}\n";
    let plan = plan_with(scenario, patch, &PlanOverrides::default()).unwrap();
    let [a, b, c] = plan.variants.as_slice() else { panic!("three variants") };
    assert_eq!(a.spec.manifests()[0]["spec"]["minReadySeconds"], 5);
    assert_eq!(a.spec.manifests()[1]["spec"]["sessionAffinity"], "ClientIP");
    assert_eq!((a.workload.replicas, b.workload.replicas), (2, 4));
    assert_eq!(c.spec.manifests()[0]["spec"].get("minReadySeconds"), None);
    assert!(!a.spec.shipped);
}

#[test]
fn an_image_alternates_between_the_manifest_s_and_another() {
    let plan = plan("rollout: {image: {to: \"apache:next\"}}\n");
    let image = RolloutAction::Image { container: "apache".into(), from: "apache".into(), to: "apache:next".into() };
    assert_eq!(plan.variants[0].spec.rollout.action, image);
    assert!(!plan.variants[0].spec.shipped, "another image is not known, although the manifest is");
}

#[test]
fn manifests_alone_make_a_plan() {
    let deployment = WEB.split("---").next().unwrap();
    let overrides = PlanOverrides { seed: 3, ..PlanOverrides::default() };
    let sources = [YamlSource::new("dir/web.yaml", deployment)];
    let plan = build_for_manifests(&sources, &WorkloadChoice::default(), &overrides).unwrap();
    let [only] = plan.variants.as_slice() else { panic!("one variant") };
    assert_eq!((plan.settings.scenario.as_str(), plan.settings.trials, only.spec.expect), ("web", 1, Expect::Clean));
    assert_eq!(only.spec.manifests().len(), 2);
    assert_eq!(only.spec.manifests()[1]["spec"]["selector"], json!({"app": "web"}));
    assert_eq!(plan.settings.folders, [Path::new("dir")]);
    assert!(plan.settings.notes[0].contains("one named web is added for port 80"), "{:?}", plan.settings.notes);
    let choice = WorkloadChoice { workload: Some("deployment/api".into()), ..WorkloadChoice::default() };
    let message = build_for_manifests(&sources, &choice, &overrides).unwrap_err().to_string();
    assert_eq!(message, "choosing the workload: deployment/api is not in the manifests, which hold deployment/web");
}

#[test]
fn a_run_is_named_after_its_workload_in_letters_that_namespaces_and_folders_take() {
    let name = |workload: &str| {
        let text = WEB.replacen("name: web", &format!("name: \"{workload}\""), 1);
        manifest_plan("a.yaml", &text).settings.scenario
    };
    assert_eq!(name("shop"), "shop");
    assert_eq!(name("shop.v1"), "shop-v1");
    assert_eq!(name("../../etc/x"), "etc-x");
    assert_eq!(name("..."), "run");
    assert_eq!(name(&format!("{}.b", "a".repeat(39))), "a".repeat(39));
}

#[test]
fn what_is_shipped_plans_and_is_known_as_such() {
    let names = [
        "apache-event-apart",
        "apache-prefork-apart",
        "apache-prestop",
        "causes-servers",
        "control-identical",
        "control-no-rollout",
        "nginx-prestop",
        "target-exit",
    ];
    for name in names {
        let plan = shipped(name);
        assert_eq!(plan.settings.scenario, name);
        assert!(plan.variants.iter().all(|variant| variant.spec.shipped), "{name}");
    }
    let apache = shipped("apache-prestop");
    let hook = "/spec/template/spec/containers/0/lifecycle/preStop/exec/command";
    let command = |index: usize| apache.variants[index].spec.manifests()[0].pointer(hook).cloned();
    assert_eq!(command(0), None);
    assert_eq!(command(1), Some(json!(["sh", "-c", "sleep 3; apachectl -k graceful-stop; sleep 30"])));
    assert_eq!(
        apache.variants[1].spec.manifests()[0].pointer("/spec/template/spec/terminationGracePeriodSeconds"),
        Some(&json!(40))
    );
    let expectations = apache.variants.iter().map(|variant| variant.spec.expect).collect::<Vec<_>>();
    assert_eq!(expectations, [Expect::Loss, Expect::Clean]);
}

#[test]
fn the_alternative_follows_from_what_is_expected() {
    let plan = shipped("apache-prestop");
    assert_eq!((plan.alternative(0), plan.alternative(1)), (None, Some(Alternative::Less)));
    assert_eq!(shipped("control-identical").alternative(1), Some(Alternative::TwoSided));
    assert_eq!(shipped("control-no-rollout").alternative(0), None);
    let reverse = self::plan("baseline: a\nvariants: {a: {}, b: {expect: loss}}\n");
    assert_eq!(reverse.alternative(1), Some(Alternative::Greater));
}

#[test]
fn the_summary_says_what_the_plan_can_show() {
    let summaries =
        ["apache-prestop", "control-no-rollout", "control-identical"].map(|name| shipped(name).summary().to_string());
    insta::assert_snapshot!(summaries.join("\n"));
    let few = plan(
        "baseline: a\ntrials: 2\nvariants: {a: {expect: loss}, b: {load: {requests: [{path: /, arms: [reused]}]}}}\n",
    );
    let text = few.summary().to_string();
    assert!(text.contains("2 blocks cannot reach 0.05, 5 can"), "{text}");
    assert!(text.contains("b: expected clean; ") && text.contains("shows no listener gap"), "{text}");
}

#[test]
fn the_header_holds_the_plan_without_secrets() {
    let scenario = "name: test\nmanifests: [web.yaml, patch.yaml]\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n";
    let plan = plan_with(scenario, secret, &PlanOverrides { seed: 5, ..PlanOverrides::default() }).unwrap();
    let cluster = ClusterHeader { kind: "embedded".into(), version: "1".into(), private_network: Some(true) };
    let place = VariantPlace { namespace: "rollproof-as-written".into(), connections: 8 };
    let header = plan.header(super::RunFacts {
        started: "2026-11-23T10:00:00Z".into(),
        started_unix_ns: 1,
        cluster,
        choice: "embedded".into(),
        folder: std::path::PathBuf::new(),
        places: vec![place.clone()],
    });
    let settings = &header.spec.settings;
    assert_eq!((settings.scenario.as_str(), settings.seed, settings.max_lag_ms()), ("test", 5, 100));
    assert_eq!(header.places, [place]);
    let variant = &header.spec.variants[0];
    assert_eq!(
        (variant.workload(), variant.rollout.action.describe().as_str(), variant.surge()),
        ("deployment/web", "restart", 1)
    );
    let text = serde_json::to_string(&header).unwrap();
    assert!(!text.contains("hunter2") && text.contains("sha256:"), "{text}");
    assert_eq!(plan.variants[0].spec.manifests()[2]["stringData"]["password"], "hunter2", "what is applied is whole");
}

#[test]
fn every_kind_of_rollout_reaches_the_plan() {
    let of = |rollout: &str| plan(&format!("rollout: {rollout}\n")).variants.remove(0);
    assert_eq!(of("{scale: {to: 3}}").spec.rollout.action, RolloutAction::Scale { from: 2, to: 3 });
    let run = vec!["helm".to_owned(), "upgrade".to_owned()];
    assert_eq!(
        of("{command: [helm, upgrade]}").spec.rollout.action,
        RolloutAction::Command { run: run.clone(), back: None }
    );
    let back = Some(vec!["helm".to_owned(), "rollback".to_owned()]);
    assert_eq!(
        of("{command: {run: [helm, upgrade], back: [helm, rollback]}}").spec.rollout.action,
        RolloutAction::Command { run, back }
    );
    assert_eq!(of("{evict: {}}").spec.rollout.action, RolloutAction::Evict { node: None, cordon: false });
    let named = of("{evict: {node: n1.example, cordon: true}}").spec.rollout.action;
    assert_eq!(named, RolloutAction::Evict { node: Some("n1.example".into()), cordon: true });
    let inline = of(
        "{patch: {kind: Deployment, metadata: {name: web, labels: {a: b}}, spec: {template: {spec: {dnsPolicy: Default}}}}}",
    );
    let patch = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {"dnsPolicy": "Default"}}}});
    assert_eq!(inline.spec.rollout.action, RolloutAction::Patch { patch });
    assert_eq!(inline.patched().unwrap().pointer("/spec/template/spec/dnsPolicy"), Some(&json!("Default")));
    assert!(!inline.spec.shipped && !of("{command: [a]}").spec.shipped && of("{scale: {to: 3}}").spec.shipped);
}

#[test]
fn a_rollout_s_patch_may_stand_in_a_file_and_stands_on_the_variant_s_own() {
    let scenario = "name: test\nmanifests: web.yaml\nrollout: {patch: patch.yaml}\nvariants: {a: {}, b: {patch: {spec: {replicas: 4}}}}\n";
    let patch = "spec: {template: {metadata: {labels: {new: label}}}}\n";
    let plan = plan_with(scenario, patch, &PlanOverrides::default()).unwrap();
    let patched = plan.variants[1].patched().unwrap();
    assert_eq!(
        (&patched["spec"]["replicas"], &patched["spec"]["template"]["metadata"]["labels"]["new"]),
        (&json!(4), &json!("label"))
    );
}

#[test]
fn the_pods_of_a_scale_are_those_of_its_larger_side() {
    let surge = |to: u32| plan(&format!("rollout: {{scale: {{to: {to}}}}}\n")).variants[0].spec.surge();
    assert_eq!((surge(5), surge(1)), (3, 0));
}

#[test]
fn a_daemon_set_is_planned_with_one_pod_until_they_are_counted() {
    let daemon = WEB.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 2\n", "");
    let overrides = PlanOverrides::default();
    let mut plan = manifest_plan("web.yaml", &daemon);
    assert!(
        plan.settings.notes.iter().any(|note| note.contains("daemonset/web has one pod for each node")),
        "{:?}",
        plan.settings.notes
    );
    let variant = &mut plan.variants[0];
    assert_eq!(variant.workload.replicas, 1);
    variant.set_pods(3).unwrap();
    assert_eq!((variant.workload.replicas, variant.spec.surge()), (3, 0));
    let scaled = YamlSource::new("web.yaml", &daemon);
    let files = MemoryFiles(
        [
            ("run.yaml", "name: t\nmanifests: web.yaml\nrollout: {scale: {to: 3}}\n".to_owned()),
            ("web.yaml", scaled.text().to_owned()),
        ]
        .into(),
    );
    let error = build(&load(Path::new("run.yaml"), &files).unwrap(), &files, None, &overrides).unwrap_err().to_string();
    assert!(error.contains("daemonset/web has one pod for each node, so that it cannot be scaled"), "{error}");
}

#[test]
fn an_exported_manifest_is_planned_without_what_a_cluster_set() {
    let exported = WEB.replacen("metadata:\n  name: web", "metadata:\n  name: web\n  uid: a-b\n  finalizers: [a/b]", 1);
    assert_ne!(exported, WEB);
    let plan = manifest_plan("web.yaml", &exported);
    let noted = plan.settings.notes.iter().any(|note| note.contains("finalizers, uid of deployment/web"));
    assert!(noted, "{:?}", plan.settings.notes);
    assert_eq!(plan.variants[0].spec.manifests(), manifest_plan("web.yaml", WEB).variants[0].spec.manifests());
}

#[test]
fn a_version_that_is_not_served_is_an_error_and_not_a_missing_workload() {
    let old = YamlSource::new("web.yaml", &WEB.replace("apiVersion: apps/v1", "apiVersion: extensions/v1beta1"));
    let planned = build_for_manifests(&[old], &WorkloadChoice::default(), &PlanOverrides::default());
    let error = planned.unwrap_err().to_string();
    assert!(error.contains("deployment/web is of extensions/v1beta1") && error.contains("1.16"), "{error}");
}
