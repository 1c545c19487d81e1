//! From a plan to a record and back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{WEB, manifest_plan, plan_with};
use super::{
    GivenValues, PlanError, PlanOverrides, RunFacts, RunPlan, WorkloadChoice, build_for_manifests, from_record,
};
use crate::record::header::{ClusterHeader, Header, VariantPlace};
use crate::scenario::shipped::SHIPPED;
use crate::scenario::{ShippedFiles, load};
use crate::yaml::YamlSource;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\ndata: {user: cm9vdA==}\n";

/// The header as a record has it: written as a line and read again.
pub(super) fn recorded(plan: &RunPlan) -> Header {
    let cluster = ClusterHeader { kind: "embedded".into(), version: "1".into(), private_network: Some(true) };
    let places =
        plan.variants.iter().map(|_| VariantPlace { namespace: "n".into(), connections: 8 }).collect::<Vec<_>>();
    let header = plan.header(RunFacts {
        started: "2026-11-23T10:00:00Z".into(),
        started_unix_ns: 1,
        cluster,
        choice: "embedded".into(),
        folder: PathBuf::new(),
        places,
    });
    serde_json::from_str(&serde_json::to_string(&header).unwrap()).unwrap()
}

/// Back with the record's own seed and nothing else.
pub(super) fn back(header: &Header, given: &GivenValues) -> Result<RunPlan, PlanError> {
    from_record(
        header,
        &[],
        given,
        None,
        &PlanOverrides { seed: header.spec.settings.seed, ..PlanOverrides::default() },
    )
}

fn plan(lines: &str) -> RunPlan {
    let overrides = PlanOverrides { seed: 7, ..PlanOverrides::default() };
    plan_with(&format!("name: test\nmanifests: web.yaml\n{lines}"), "", &overrides).unwrap()
}

/// The error as a user sees it, with its help.
fn refused(result: Result<RunPlan, PlanError>) -> String {
    let Err(PlanError::Plain { message, help }) = result else { panic!("{result:?}") };
    format!("{message} / {help}")
}

fn with_secret() -> RunPlan {
    manifest_plan("web.yaml", &format!("{WEB}---\n{SECRET}"))
}

fn secrets(text: &str) -> GivenValues {
    let objects = crate::manifest::parse(&YamlSource::new("s.yaml", text)).unwrap();
    GivenValues { secrets: objects.into_iter().map(|object| object.value).collect(), ..GivenValues::default() }
}

#[test]
fn every_shipped_scenario_comes_back_as_it_was() {
    let mut seen = 0;
    for (path, _) in SHIPPED.iter().filter(|(path, _)| path.starts_with("scenarios/")) {
        let scenario = load(Path::new(path), &ShippedFiles).unwrap();
        let plan = super::build(&scenario, &ShippedFiles, None, &PlanOverrides { seed: 3, ..PlanOverrides::default() })
            .unwrap();
        assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap(), plan, "{path}");
        seen += 1;
    }
    assert!(seen > 5);
}

#[test]
fn every_kind_of_rollout_comes_back() {
    for rollout in [
        "{scale: {to: 3}}",
        "{command: {run: [helm, upgrade], back: [helm, rollback]}}",
        "{evict: {node: n1, cordon: true}}",
        "{image: {to: \"apache:next\"}}",
        "{env: {name: A}}",
        "{patch: {spec: {template: {spec: {dnsPolicy: Default}}}}, timeout: 1500ms}",
        "{none: {for: 2500ms}}",
    ] {
        let plan = plan(&format!("rollout: {rollout}\n"));
        assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap(), plan, "{rollout}");
    }
}

#[test]
fn manifests_with_an_added_service_or_a_daemon_set_come_back() {
    let deployment = WEB.split("---").next().unwrap();
    let daemon = WEB.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 2\n", "");
    for (text, pods) in [(deployment, 2), (daemon.as_str(), 4)] {
        let overrides = PlanOverrides { seed: 3, ..PlanOverrides::default() };
        let mut plan =
            build_for_manifests(&[YamlSource::new("a/b.yaml", text)], &WorkloadChoice::default(), &overrides).unwrap();
        plan.variants[0].set_pods(pods).unwrap();
        assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap(), plan);
    }
}

#[test]
fn what_was_set_aside_for_one_cluster_is_there_again_for_another() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n";
    let sources = [YamlSource::new("a.yaml", ingress), YamlSource::new("web.yaml", WEB)];
    let mut plan = build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()).unwrap();
    let whole = plan.variants[0].spec.manifests().len();
    plan.set_aside("not applied", |object| object["kind"] == "Ingress");
    let again = back(&recorded(&plan), &GivenValues::default()).unwrap();
    assert_eq!((again.variants[0].spec.manifests().len(), again.variants[0].ignored.len()), (whole, 0));
    assert_eq!(again.settings.notes, plan.settings.notes, "what this cluster is not given is found out anew");
    assert!(again.aside.is_empty());
}

#[test]
fn the_command_line_stands_over_the_record() {
    let plan = plan("trials: 2\nbaseline: a\nvariants: {a: {}, b: {}, c: {}}\n");
    let overrides = PlanOverrides { rate: Some(20.0), trials: Some(4), seed: 9 };
    let again = from_record(&recorded(&plan), &[], &GivenValues::default(), None, &overrides).unwrap();
    assert_eq!((again.settings.trials, again.order.len(), again.settings.seed), (4, 12, 9));
    assert!(again.variants.iter().all(|variant| (variant.spec.load.rate - 20.0).abs() < 1e-9));
}

#[test]
fn variants_that_are_left_out_take_the_baseline_and_their_notes_with_them() {
    let hook = "[{name: apache, lifecycle: {preStop: {exec: {command: [apachectl, -k, stop]}}}}]";
    let cutting = format!("{{spec: {{replicas: 3, template: {{spec: {{containers: {hook}}}}}}}}}");
    let plan = plan(&format!("trials: 2\nbaseline: a\nvariants: {{a: {{}}, b: {{patch: {cutting}}}, c: {{}}}}\n"));
    assert!(plan.settings.notes.iter().any(|note| note.starts_with("variant b: ")), "{:?}", plan.settings.notes);
    let keep = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut kept = plan.clone();
        kept.keep_variants(&names).map(|()| kept)
    };
    let names = |plan: &RunPlan| plan.variants.iter().map(|variant| variant.spec.name.clone()).collect::<Vec<_>>();
    let kept = keep(&["c", "a", "c"]).unwrap();
    assert_eq!((names(&kept), kept.baseline(), kept.order.len()), (vec!["a".into(), "c".into()], Some(0), 4));
    assert!(!kept.settings.notes.iter().any(|note| note.starts_with("variant b: ")), "{:?}", kept.settings.notes);
    let alone = keep(&["c"]).unwrap();
    assert_eq!((names(&alone), alone.baseline()), (vec!["c".to_owned()], None));
    assert!(alone.settings.notes.iter().any(|note| note.starts_with("one variant alone")));
    assert_eq!(refused(keep(&["d"])), "there is no variant `d` / name one of a, b, c");
    assert_eq!(keep(&[]).unwrap(), plan);
}

#[test]
fn secrets_must_be_given_again_and_be_the_same() {
    let plan = with_secret();
    let header = recorded(&plan);
    assert!(!serde_json::to_string(&header).unwrap().contains("hunter2"));
    assert_eq!(back(&header, &secrets(SECRET)).unwrap().variants, plan.variants);
    let data = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {password: aHVudGVyMg==}\nstringData: {user: root}\n";
    assert_eq!(back(&header, &secrets(data)).unwrap().variants, plan.variants, "written the other way");
    let missing = refused(back(&header, &GivenValues::default()));
    assert!(missing.contains("key `password` of secret/db is not given"), "{missing}");
    assert!(missing.contains("key `user` of secret/db is not given") && missing.contains("-f FILE"), "{missing}");
    let other = refused(back(&header, &secrets(&SECRET.replace("hunter2", "hunter3"))));
    assert!(other.contains("key `password` of secret/db is given with another value"), "{other}");
    assert!(!other.contains("`user`") && !other.contains("hunter"), "{other}");
    let elsewhere = refused(back(&header, &secrets(&SECRET.replace("name: db", "name: other"))));
    assert!(elsewhere.contains("secret/db is not given"), "{elsewhere}");
    let needless = refused(back(&recorded(&self::plan("")), &secrets(SECRET)));
    assert!(needless.contains("nothing would use them"), "{needless}");
}

#[test]
fn credentials_in_request_headers_must_be_given_again() {
    let request = |value: &str| {
        format!("load: {{requests: [{{path: /, headers: {{Authorization: {value}, X-Api-Key: k, accept: a/b}}}}]}}\n")
    };
    let plan = plan(&request("hunter2"));
    let header = recorded(&plan);
    let text = serde_json::to_string(&header).unwrap();
    assert!(!text.contains("hunter2") && text.contains("a/b"), "{text}");
    let given = |fields: &[(&'static str, &'static str)]| GivenValues {
        headers: fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect(),
        ..GivenValues::default()
    };
    let both = given(&[("authorization", "old"), ("authorization", "hunter2"), ("x-api-key", "k")]);
    assert_eq!(back(&header, &both).unwrap(), plan);
    let one = refused(back(&header, &given(&[("authorization", "other")])));
    assert!(one.contains("`authorization` is given with another value; `x-api-key` is not given"), "{one}");
    assert!(one.contains("--header"), "{one}");
    let needless = refused(back(&recorded(&self::plan("")), &both));
    assert!(needless.contains("leave --header out"), "{needless}");
}

#[test]
fn kubectl_s_copy_of_an_object_does_not_come_back() {
    let mut plan = plan("");
    let whole = plan.clone();
    plan.variants[0].spec.objects_mut().manifests[0]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"});
    let again = back(&recorded(&plan), &GivenValues::default()).unwrap();
    assert_eq!(again.variants[0].spec.manifests()[0]["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(again.variants[0].workload, whole.variants[0].workload);
}

#[test]
fn a_changed_record_is_refused_and_its_word_is_not_taken() {
    let mut header = recorded(&plan(""));
    // What a usual run has is left out of its record.
    (header.spec.settings.lead_in, header.spec.settings.tail) = (Duration::from_secs(1), Duration::from_secs(1));
    let sound = serde_json::to_value(header).unwrap();
    let changed = |pointer: &str, to: Value| {
        let mut value = sound.clone();
        *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} in {sound}")) = to;
        back(&serde_json::from_value(value).unwrap(), &GivenValues::default())
    };
    for (pointer, to, part) in [
        ("/spec/scenario", json!("../../etc"), "the name is"),
        ("/spec/trials", json!(0), "the number of trials is 0"),
        ("/spec/max_lag_ns", json!(u64::MAX), "expected 1 to 60000 milliseconds"),
        ("/spec/max_lag_ns", json!(0), "expected 1 to 60000 milliseconds"),
        ("/spec/cluster/routing/base_ns", json!(u64::MAX), "at most 24h"),
        ("/spec/lead_in_ns", json!(u64::MAX), "at most 24h"),
        ("/spec/tail_ns", json!(u64::MAX), "at most 24h"),
        ("/spec/variants/0/name", json!("a b"), "the name is"),
        ("/spec/variants/0/target/deployed/service/name", json!("other"), "no service/other"),
        ("/spec/variants/0/load/rate", json!(0.0), "the rate is 0"),
        ("/spec/variants/0/load/judged", json!([]), "no judged arm"),
        ("/spec/variants/0/load/requests", json!([]), "or no request"),
        ("/spec/variants/0/load/requests/0/share", json!(7.0), "not between 0 and 1"),
        ("/spec/variants/0/load/timeout_ns", json!(u64::MAX), "expected 1ms to 10m"),
        ("/spec/variants/0/rollout/timeout_ns", json!(u64::MAX), "expected 1s to 1h"),
        ("/spec/variants", json!([]), "there are 0 variants"),
    ] {
        let message = refused(changed(pointer, to));
        assert!(message.contains(part) && message.contains("was changed"), "{pointer}: {message}");
    }
    for (pointer, to, part) in [
        ("/spec/variants/0/load/requests/0/path", json!("a b"), "a b"),
        ("/spec/variants/0/load/requests/0/method", json!("G T"), "G T"),
        ("/spec/variants/0/load/pod_header", json!("x y"), "x y"),
    ] {
        let mut value = sound.clone();
        *value.pointer_mut(pointer).unwrap() = to;
        let error = serde_json::from_value::<Header>(value).unwrap_err().to_string();
        assert!(error.contains(part), "{pointer}: {error}");
    }
    let mut value = sound.clone();
    value["spec"]["variants"][0]["target"]["deployed"]["manifests"][0]["spec"]["template"]["spec"]["containers"][0]["args"] =
        json!(["evil"]);
    let plan = back(&serde_json::from_value(value).unwrap(), &GivenValues::default()).unwrap();
    assert!(!plan.variants[0].spec.shipped, "its commands are not rollproof's own, whatever the record says");
    assert!(back(&recorded(&self::plan("")), &GivenValues::default()).unwrap().variants[0].spec.shipped);
}

#[test]
fn a_record_may_ask_for_nothing_that_a_scenario_may_not() {
    let lines = "baseline: a\nvariants: {a: {}, b: {}}\nload: {requests: [{path: /, headers: {x-a: b}, method: POST, body: c}]}\n";
    let sound = serde_json::to_value(recorded(&plan(lines))).unwrap();
    back(&serde_json::from_value(sound.clone()).unwrap(), &GivenValues::default()).unwrap();
    let request = "/spec/variants/0/load/requests/0";
    let header = |name: &str, value: &str| json!([{"name": name, "value": value}]);
    let variant = &sound["spec"]["variants"][0];
    let many: Vec<Value> = (0..301)
        .map(|number| {
            let mut copy = variant.clone();
            copy["name"] = json!(format!("v{number}"));
            copy
        })
        .collect();
    let arms = json!([["new", 0.5], ["new", 0.5]]);
    let action = "/spec/variants/0/rollout/action";
    for (pointer, to, part) in [
        (format!("{request}/method"), json!("CONNECT"), "the method is `CONNECT`"),
        (format!("{request}/method"), json!("GET"), "has a body"),
        (format!("{request}/headers"), header("content-length", "5"), "content-length is set by the load itself"),
        (
            format!("{request}/headers"),
            header("Transfer-Encoding", "chunked"),
            "transfer-encoding is set by the load itself",
        ),
        (format!("{request}/headers"), header("x-a", "\u{fc}"), "expected visible ASCII"),
        (format!("{request}/headers"), json!([header("x-a", "b")[0], header("X-A", "c")[0]]), "x-a appears twice"),
        (format!("{request}/headers"), json!(vec![header("x-a", "b")[0].clone(); 65]), "x-a appears twice"),
        (format!("{request}/statuses"), json!([700]), "the status is 700"),
        (format!("{request}/arms"), arms, "an arm is named twice"),
        (format!("{request}/body"), json!("c".repeat(1024 * 1024 + 1)), "the body has"),
        (
            "/spec/variants/0/load/requests".to_owned(),
            json!(vec![sound.pointer(request).unwrap().clone(); 101]),
            "101 kinds",
        ),
        ("/spec/variants/0/load/connections".to_owned(), json!(0), "`connections` is 0"),
        ("/spec/variants/0/load/rate".to_owned(), json!(1e-300), "the rate is 1e-300"),
        ("/spec/variants".to_owned(), json!(many), "there are 301 variants"),
        ("/spec/variants".to_owned(), json!([variant, variant]), "the variant a appears twice"),
        ("/spec/baseline".to_owned(), json!("other"), "`other` is not one of the variants"),
        (action.to_owned(), json!({"command": {"run": [], "back": null}}), "names no program"),
        (action.to_owned(), json!({"evict": {"node": "../x", "cordon": false}}), "the node is `../x`"),
        (action.to_owned(), json!({"scale": {"from": 2, "to": 0}}), "`to` is 0"),
        (action.to_owned(), json!({"env": {"container": "web", "name": "1 x"}}), "the variable is `1 x`"),
        (action.to_owned(), json!({"image": {"container": "web", "from": "a", "to": ""}}), "the image is"),
        (action.to_owned(), json!({"none": {"duration_ns": 5}}), "expected at least 1s"),
        (action.to_owned(), json!({"none": {"duration_ns": u64::MAX}}), "at most 24h"),
    ] {
        let mut value = sound.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        value.pointer_mut(parent).unwrap()[key] = to;
        let message = refused(back(&serde_json::from_value(value).unwrap(), &GivenValues::default()));
        assert!(message.contains(part) && message.contains("was changed"), "{pointer}: {message}");
    }
}

#[test]
fn credentials_of_queries_variables_and_commands_must_be_given_again() {
    let manifest = WEB.replacen(
        "- name: apache",
        "- name: apache\n          env: [{name: DB_PASSWORD, value: marked-env}]\n          args: [--token=marked-arg]",
        1,
    );
    assert!(manifest.contains("marked-env") && manifest.contains("marked-arg"));
    let lines = "load: {requests: [{path: \"/a?token=marked-query&n=1\"}, {path: /b, method: POST, body: password=marked-body}]}\n\
                 rollout: {command: {run: [helm, --password, marked-run], back: [helm, --password=marked-back]}}\n";
    let mut plan = plan(lines);
    let own = manifest_plan("web.yaml", &manifest);
    plan.variants[0].spec.objects_mut().manifests = own.variants[0].spec.manifests().to_vec();
    let header = recorded(&plan);
    let text = serde_json::to_string(&header).unwrap();
    assert!(!text.contains("marked") && text.contains("n=1") && text.contains("/a?token=sha256:"), "{text}");
    let marked = ["env", "arg", "query", "body", "run", "back"].map(|part| format!("marked-{part}"));
    let given = |values: &[String]| {
        let mut given = GivenValues::default();
        for value in values {
            given.others.add(if value == "marked-body" { "password=marked-body" } else { value });
        }
        given
    };
    let again = back(&header, &given(&marked)).unwrap();
    assert_eq!(again.variants[0].spec.manifests(), plan.variants[0].spec.manifests());
    assert_eq!(again.variants[0].spec.load, plan.variants[0].spec.load);
    assert_eq!(again.variants[0].spec.rollout, plan.variants[0].spec.rollout);
    for (left_out, named) in [
        (0, "deployment/web"),
        (1, "deployment/web"),
        (2, "GET /a"),
        (3, "POST /b"),
        (4, "the rollout"),
        (5, "the rollout"),
    ] {
        let mut rest = marked.to_vec();
        rest.remove(left_out);
        let said = refused(back(&header, &given(&rest)));
        assert!(said.contains(named) && said.contains("--credential") && !said.contains("marked"), "{said}");
    }
}

/// One kind of request with numbers that no test chose.
fn requests() -> impl Strategy<Value = String> {
    let arms = prop::collection::btree_map(prop::sample::select(vec!["reused", "blind", "pooled"]), 1_u32..50, 0..3);
    let status = prop::option::of(200_u16..600);
    ("[a-z]{1,8}", arms, 1_u32..50, status, "[ -~&&[^\"\\\\]]{0,12}").prop_map(|(path, arms, new, status, value)| {
        let arms = arms.iter().map(|(arm, weight)| format!(", {arm}: {weight}")).collect::<Vec<_>>().concat();
        let status = status.map_or_else(String::new, |status| format!(", status: {status}"));
        format!("{{path: \"/{path}?a=b\", arms: {{new: {new}{arms}}}{status}, headers: {{x-a: \"{value}\"}}}}")
    })
}

/// The lines of a scenario that no test chose.
fn scenarios() -> impl Strategy<Value = String> {
    let load = (0.01_f64..1e5, 1_u64..600_000, prop::collection::vec(requests(), 1..6));
    let times = (1_u64..5_000, 1_u64..5_000, 1_u64..1_000, 1_u64..3_000_000);
    (load, times, 1_u32..9, any::<bool>(), prop::option::of(1_u32..50), 0_u64..9).prop_map(
        |((rate, timeout, requests), (base, period, lag, rollout), trials, flag, connections, most)| {
            let connections = connections.map_or_else(String::new, |count| format!("  connections: {count}\n"));
            let requests = requests.iter().map(|request| format!("  - {request}\n")).collect::<Vec<_>>().concat();
            let rollout = rollout.max(1_000);
            format!(
                "trials: {trials}\nprobe: {flag}\nmax_lag_ms: {lag}\n\
                 embedded: {{base: {base}ms, min_sync_period: {period}ms}}\n\
                 rollout: {{restart: {{}}, timeout: {rollout}ms}}\n\
                 load:\n  rate: {rate}\n  timeout: {timeout}ms\n{connections}  requests:\n{requests}\
                 baseline: b\nvariants:\n  a: {{lost_at_most: {most}, strict: {flag}}}\n  b: {{expect: loss, patch: {{spec: {{replicas: 5}}}}}}\n"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_plan_comes_back_as_it_was(lines in scenarios()) {
        let plan = plan(&lines);
        prop_assert_eq!(back(&recorded(&plan), &GivenValues::default()).unwrap(), plan);
    }
}
