//! What is advised for hand-made losses. Each patch is applied to the manifest, as a user would.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::advise::Advised;
use super::{Advice, advise};
use crate::diagnose::{Cause, Diagnosis, Evidence, Explained, Incident};
use crate::manifest::strategic_merge;
use crate::record::entry::TrialStart;
use crate::record::{Arm, Outcome, Sum, sample};
use crate::spec::{Door, Expect, RequestSpec, VariantSpec};
use crate::timeline::{Basis, Distribution, Edge, HistogramDecoder, Phase, PodEdge, PodLag, PodLife, Trial};

pub(super) const SECOND: u64 = 1_000_000_000;

/// A variant whose workload has this image, and whatever else `change` does to the serving container.
pub(super) fn variant(image: &str, change: impl FnOnce(&mut Value)) -> VariantSpec {
    let mut container = json!({"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]});
    change(&mut container);
    let mut variant = sample::variant("web", Expect::Clean);
    let side = json!({"name": "side", "image": "side", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}});
    variant.objects_mut().manifests = vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [side, container]}}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80, "targetPort": "http"}]}}),
    ];
    variant
}

pub(super) fn hooked(image: &str, script: &str) -> VariantSpec {
    variant(image, |container| {
        container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", script]}}});
    })
}

pub(super) fn with_grace(mut variant: VariantSpec, seconds: u64) -> VariantSpec {
    variant.objects_mut().manifests[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(seconds);
    variant
}

/// A trial whose slowest answer took so many milliseconds.
pub(super) fn trial(slowest_ms: u64) -> Trial {
    let mut latencies = Distribution::default();
    latencies.add_encoded(&sample::encoded(slowest_ms * 1_000, 1), &mut HistogramDecoder::default()).unwrap();
    Trial {
        start: TrialStart {
            at_ns: 0,
            trial: 1,
            block: 1,
            variant: "web".to_owned(),
            namespace: "rollproof-web".to_owned(),
            node_ports: None,
        },
        latency_us: BTreeMap::from([((Phase::During, Arm::New, 0), latencies)]),
        ..Trial::default()
    }
}

/// Five losses over 300 ms, the first of them `gap_ms` after this edge.
pub(super) fn incident(cause: Cause, edge: PodEdge, gap_ms: f64) -> Incident {
    Incident {
        id: 1,
        trial: 1,
        variant: "web".to_owned(),
        arm: Arm::New,
        door: Door::Service,
        cause,
        pod: Some("web-old".to_owned()),
        node: None,
        first_ns: 10 * SECOND,
        last_ns: 10 * SECOND + SECOND * 3 / 10,
        last_begun_ns: 10 * SECOND + SECOND * 3 / 10,
        attempts: 5,
        outcomes: BTreeMap::new(),
        evidence: vec![Evidence {
            edge: Some(edge),
            words: edge.name().to_owned(),
            pod: Some("web-old".to_owned()),
            basis: "observed".to_owned(),
            gap_ms: Some(gap_ms),
        }],
        missing: String::new(),
    }
}

/// New connections still reached a pod 1.3 s after its deletion.
pub(super) fn race() -> Incident {
    incident(Cause::EndpointRace, PodEdge::Deletion, 1_000.0)
}

/// Five losses that no pod's edge explains.
pub(super) fn too_few_pods() -> Incident {
    let few = Evidence {
        edge: None,
        words: "1 of 2 pods were there to serve".to_owned(),
        pod: None,
        basis: "observed".to_owned(),
        gap_ms: None,
    };
    Incident { evidence: vec![few], ..of(Cause::Overload) }
}

pub(super) fn of(cause: Cause) -> Incident {
    incident(cause, PodEdge::StopSignal, 5.0)
}

pub(super) fn advised(variant: &VariantSpec, trial: &Trial, incidents: Vec<Incident>) -> Advised {
    advise(variant, &[trial], &Diagnosis { incidents, attempts: Vec::new() })
}

/// The workload with the patch applied; it must apply, and name what it is for.
pub(super) fn patched(variant: &VariantSpec, advised: &Advised) -> Value {
    let patch = advised.patch.as_ref().expect("a patch");
    for key in ["apiVersion", "kind", "metadata"] {
        assert_eq!(patch[key], variant.manifests()[0][key]);
    }
    let mut workload = variant.manifests()[0].clone();
    assert!(strategic_merge(&mut workload, patch).unwrap());
    let containers = workload["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert_eq!((containers.len(), &containers[0]["lifecycle"]), (2, &json!({"preStop": {"sleep": {"seconds": 1}}})));
    workload
}

pub(super) fn web(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]["containers"][1]
}

pub(super) fn script(workload: &Value) -> &str {
    web(workload)["lifecycle"]["preStop"]["exec"]["command"][2].as_str().unwrap_or_default()
}

pub(super) fn grace(workload: &Value) -> Option<u64> {
    workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64()
}

pub(super) fn only(advised: &Advised) -> &Advice {
    assert_eq!(advised.advice.len(), 1, "{advised:?}");
    &advised.advice[0]
}

#[test]
fn an_endpoint_race_is_cured_by_a_wait_of_what_was_measured() {
    let variant = variant("shop/web:1", |_| {});
    let found = advised(&variant, &trial(40), vec![race()]);
    let advice = only(&found);
    assert_eq!((advice.cause, advice.attempts), (Cause::EndpointRace, 5));
    assert_eq!(advice.field.as_deref(), Some("spec.template.spec.containers[1].lifecycle.preStop"));
    assert_eq!(advice.value.as_deref(), Some("sleep: {seconds: 3}"));
    assert!(
        advice.text.contains("1.3 s after its deletion") && advice.text.contains("at least 3 s"),
        "{}",
        advice.text
    );
    let workload = patched(&variant, &found);
    assert_eq!(web(&workload)["lifecycle"], json!({"preStop": {"sleep": {"seconds": 3}}}));
    assert_eq!(grace(&workload), None, "30 s are enough");
}

#[test]
fn pods_that_were_still_answered_tell_the_lag_too() {
    let mut slow = trial(40);
    let lag = |after_deletion_ns| PodLag { pod: "a".to_owned(), after_deletion_ns, after_not_ready_ns: None };
    slow.propagation.pods = vec![lag(4_200_000_000), lag(-1)];
    let found = advised(&variant("shop/web", |_| {}), &slow, vec![race()]);
    assert_eq!(only(&found).value.as_deref(), Some("sleep: {seconds: 6}"));
}

#[test]
fn a_readiness_probe_asks_the_loads_own_port_for_what_any_probe_takes() {
    let mut served = variant("shop/web", |_| {});
    served.objects_mut().manifests[1]["spec"]["ports"] =
        json!([{"name": "metrics", "port": 9090}, {"name": "web", "port": 80, "targetPort": "http"}]);
    let diagnosis = Diagnosis { incidents: vec![of(Cause::NotReadyYet)], attempts: Vec::new() };
    let probe = |change: &dyn Fn(&mut RequestSpec)| {
        let mut asked = served.clone();
        change(&mut asked.load.requests[0]);
        let found = advise(&asked, &[&trial(40)], &diagnosis);
        web(&patched(&asked, &found))["readinessProbe"].clone()
    };
    assert_eq!(probe(&|_| {})["httpGet"]["port"], "http");
    let missing = |request: &mut RequestSpec| request.statuses = vec![404];
    assert_eq!(probe(&missing)["tcpSocket"]["port"], "http", "a probe does not take a 404 for ready");
    let with_host =
        |request: &mut RequestSpec| *request = request.clone().with_header(http::header::HOST, "shop.example");
    assert_eq!(probe(&with_host)["tcpSocket"]["port"], "http", "a probe sends no header of the load's");
    let mut slow = trial(2_000);
    slow.kind_latency_us = slow.latency_us.values().map(|all| (0, all.clone())).collect();
    let found = advise(&served, &[&slow], &diagnosis);
    assert_eq!(web(&patched(&served, &found))["readinessProbe"]["tcpSocket"]["port"], "http", "a probe waits a second");
}

#[test]
fn a_hook_that_drains_needs_no_grace_beyond_its_own_time() {
    let variant = with_grace(hooked("httpd", "apachectl -k graceful-stop; sleep 30"), 40);
    let found = advised(&variant, &trial(6_000), vec![race()]);
    assert_eq!(script(&patched(&variant, &found)), "sleep 3; apachectl -k graceful-stop; sleep 30");
    assert_eq!(grace(&patched(&variant, &found)), Some(40), "40 s hold the 33 s of the hook");
}

#[test]
fn routing_is_measured_only_after_a_deletion() {
    let mut own = trial(40);
    let lag = |after_deletion_ns| PodLag { pod: "a".to_owned(), after_deletion_ns, after_not_ready_ns: None };
    own.propagation.pods = vec![lag(-77_000_000)];
    let web = variant("shop/web", |_| {});
    let found = advised(&web, &own, vec![of(Cause::CutAtStop)]);
    assert_eq!(found.measured.routing_lag_s, None, "no connection came after the deletion");
}

/// A pod whose endpoint is ready from second 1 until `left_s`, and which is deleted then.
pub(super) fn endpoint(name: &str, left_s: Option<u64>) -> PodLife {
    let left = left_s.map(|at_s| at(at_s * 1_000));
    PodLife {
        name: name.to_owned(),
        endpoint_ready: Some(at(1_000)),
        deletion: left,
        endpoint_not_ready: left,
        ..PodLife::default()
    }
}

pub(super) fn at(ms: u64) -> Edge {
    Edge { low_ns: ms * 1_000_000, high_ns: ms * 1_000_000, basis: Basis::Observed }
}

#[test]
fn a_pod_that_got_connections_because_no_other_was_ready_tells_no_lag() {
    let measured = |pods: Vec<PodLife>| {
        let mut one = trial(40);
        one.pods = pods;
        let lag = PodLag { pod: "a".to_owned(), after_deletion_ns: 4_100_000_000, after_not_ready_ns: None };
        one.propagation.pods = vec![lag];
        advised(&variant("shop/web", |_| {}), &one, vec![of(Cause::CutAtStop)]).measured.routing_lag_s
    };
    assert_eq!(measured(vec![endpoint("a", Some(10)), endpoint("b", None)]), Some(4.1));
    assert_eq!(measured(vec![endpoint("a", Some(10))]), None, "there was nobody else");
    assert_eq!(measured(vec![endpoint("a", Some(10)), endpoint("b", Some(12))]), None, "the other one left too");
    assert_eq!(measured(vec![endpoint("a", Some(10)), endpoint("b", Some(15))]), Some(4.1));
}

#[test]
fn the_slowest_request_is_an_ordinary_one() {
    let mut waited = trial(9_900);
    waited.latency_us.extend(trial(700).latency_us.into_values().map(|all| ((Phase::Before, Arm::New, 0), all)));
    let found = |trial: &Trial| {
        advised(&variant("httpd", |_| {}), trial, vec![of(Cause::CutAtStop)]).measured.slowest_request_s.unwrap()
    };
    assert!((found(&waited) - 0.7).abs() < 0.01, "{}", found(&waited));
    // A rare kind, of which no answer came before the rollout.
    waited.kind_latency_us = trial(6_000).latency_us.into_values().map(|all| (0, all)).collect();
    assert!((found(&waited) - 6.0).abs() < 0.01, "{}", found(&waited));
}

#[test]
fn the_age_of_a_cut_request_is_counted_from_its_connection() {
    let mut cut = trial(20);
    let mut attempt = sample::attempt(8, Arm::New, Outcome::BodyReset, Sum::Lost, 4 * SECOND);
    (attempt.connected_ns, attempt.end_ns) = (Some(9 * SECOND), 10 * SECOND);
    cut.lost = vec![attempt];
    let explained = Explained {
        trial: 1,
        id: 8,
        arm: Arm::New,
        door: Door::Service,
        end_ns: 10 * SECOND,
        cause: Cause::CutAtStop,
        incident: 1,
    };
    let diagnosis = Diagnosis { incidents: vec![of(Cause::CutAtStop)], attempts: vec![explained] };
    let found = advise(&variant("httpd", |_| {}), &[&cut], &diagnosis);
    assert_eq!(found.measured.slowest_request_s, Some(1.0));
}

#[test]
fn of_several_pods_the_one_deleted_last_counts() {
    let mut two = trial(40);
    let deleted = |at_ns| PodLife {
        deletion: Some(Edge { low_ns: at_ns, high_ns: at_ns, basis: Basis::Observed }),
        ..PodLife::default()
    };
    two.pods = vec![deleted(5 * SECOND), deleted(10 * SECOND), deleted(20 * SECOND)];
    let unnamed = Incident { pod: None, ..incident(Cause::EndpointRace, PodEdge::Deletion, 5_000.0) };
    let found = advised(&variant("shop/web", |_| {}), &two, vec![unnamed]);
    assert_eq!(found.measured.routing_lag_s, Some(0.3));
}

#[test]
fn a_connect_that_timed_out_was_led_to_its_pod_when_it_began() {
    // The last of them failed 6.3 s after the deletion, having waited for five.
    let waited = Incident {
        last_begun_ns: 5 * SECOND + SECOND * 3 / 10,
        ..incident(Cause::EndpointRace, PodEdge::Deletion, 6_000.0)
    };
    let found = advised(&variant("shop/web", |_| {}), &trial(40), vec![waited]);
    assert_eq!(found.measured.routing_lag_s.map(f64::round), Some(1.0), "{found:?}");
}

#[test]
fn a_known_server_gets_its_graceful_stop_between_two_waits() {
    for (image, command) in [("httpd:2.4", "apachectl -k graceful-stop"), ("nginx:1.27", "nginx -s quit")] {
        let variant = variant(image, |_| {});
        let found = advised(&variant, &trial(29_500), vec![race(), of(Cause::CutAtStop)]);
        assert_eq!(
            found.advice.iter().map(|one| one.cause).collect::<Vec<_>>(),
            [Cause::EndpointRace, Cause::CutAtStop]
        );
        let text = &found.advice[1].text;
        assert!(text.contains(command) && text.contains("29.5 s") && text.contains("39 s, including 5 s"), "{text}");
        let workload = patched(&variant, &found);
        assert_eq!(script(&workload), format!("sleep 3; {command}; sleep 31"));
        assert_eq!(grace(&workload), Some(39));
    }
}

#[test]
fn an_unknown_server_is_stopped_when_nothing_is_in_flight() {
    let variant = variant("shop/web", |_| {});
    let found = advised(&variant, &trial(5_900), vec![race(), of(Cause::CutAtStop)]);
    let workload = patched(&variant, &found);
    assert_eq!(web(&workload)["lifecycle"]["preStop"], json!({"sleep": {"seconds": 10}}));
    assert!(found.advice[1].text.contains("not known here"), "{}", found.advice[1].text);
    let long = advised(&with_grace(variant.clone(), 12), &trial(5_900), vec![race(), of(Cause::CutAtStop)]);
    assert_eq!(grace(&patched(&variant, &long)), Some(15));
}

#[test]
fn the_built_in_server_is_told_to_drain() {
    let variant = variant("rollproof/target", |container| container["args"] = json!(["--port=1", "--on-term", "exit"]));
    let found = advised(&variant, &trial(5_900), vec![race(), of(Cause::CutAtStop)]);
    let workload = patched(&variant, &found);
    assert_eq!(web(&workload)["args"], json!(["--port=1", "--on-term=drain"]));
    assert_eq!(web(&workload)["lifecycle"]["preStop"], json!({"sleep": {"seconds": 3}}));
}

#[test]
fn a_drain_that_was_not_awaited_gets_its_wait_and_keeps_the_rest() {
    let short = hooked("httpd", "sleep 4; apachectl -k graceful-stop");
    let found = advised(&short, &trial(5_900), vec![of(Cause::DrainNotAwaited)]);
    assert_eq!(script(&patched(&short, &found)), "sleep 4; apachectl -k graceful-stop; sleep 7");
    let own = hooked("shop/web", "sleep 1; nginx -s quit; sleep 2");
    let found = advised(&own, &trial(5_900), vec![race(), of(Cause::DrainNotAwaited)]);
    assert_eq!(script(&patched(&own, &found)), "sleep 3; nginx -s quit; sleep 2; sleep 5");
    assert!(found.advice[0].text.contains("needs `sh`"), "{}", found.advice[0].text);
}

#[test]
fn a_hook_that_stops_the_server_at_once_is_replaced_by_what_drains_it() {
    let cut = |image: &str, script: &str| {
        let variant = hooked(image, script);
        let found = advised(&variant, &trial(5_900), vec![of(Cause::CutAtStop)]);
        (web(&patched(&variant, &found))["lifecycle"]["preStop"].clone(), only(&found).text.clone())
    };
    let (nginx, _) = cut("nginx", "sleep 4; kill -TERM 1; sleep 30");
    assert_eq!(nginx["exec"]["command"][2], "sleep 4; nginx -s quit; sleep 7");
    let (caddy, text) = cut("caddy:2", "sleep 4; kill -QUIT 1");
    assert_eq!(caddy, json!({"sleep": {"seconds": 11}}));
    assert!(text.contains("Caddy answers what is in flight on SIGTERM") && text.contains("grace_period"), "{text}");
    // What else the hook does is kept.
    let (kept, text) = cut("nginx", "sleep 4; deregister; kill -TERM 1");
    assert_eq!(kept["exec"]["command"][2], "sleep 4; deregister; kill -TERM 1; sleep 7");
    assert!(text.contains("without letting it answer"), "{text}");
    // Of a server that is not known, nobody can tell.
    let (kept, text) = cut("shop/web", "sleep 4; kill -QUIT 1");
    assert_eq!(kept["exec"]["command"][2], "sleep 4; kill -QUIT 1; sleep 7");
    assert!(text.contains("is its own matter"), "{text}");
}

#[test]
fn a_hook_that_cannot_be_read_is_left_alone_and_that_is_said() {
    for script in ["drain || sleep 5", "exec drain", "drain &", "drain; exit 0"] {
        let variant = hooked("shop/web", script);
        let found = advised(&variant, &trial(5_900), vec![race()]);
        assert_eq!((found.patch.as_ref(), only(&found).field.as_ref()), (None, None), "{script}");
        assert!(only(&found).text.contains("wait 3 s before"), "{}", only(&found).text);
    }
    let http = variant("shop/web", |container| {
        container["lifecycle"] = json!({"preStop": {"httpGet": {"path": "/stop", "port": 80}}});
    });
    let found = advised(&http, &trial(5_900), vec![race()]);
    assert!(found.patch.is_none() && only(&found).text.contains("httpGet"), "{found:?}");
}

#[test]
fn a_hook_that_waits_as_long_already_is_not_changed() {
    let sleeps = |seconds: u64| {
        variant("shop/web", |container| container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": seconds}}}))
    };
    let found = advised(&sleeps(9), &trial(40), vec![race()]);
    assert!(found.patch.is_none() && only(&found).text.contains("as long already"), "{found:?}");
    let short = sleeps(1);
    let found = advised(&short, &trial(40), vec![race()]);
    assert_eq!(web(&patched(&short, &found))["lifecycle"]["preStop"], json!({"sleep": {"seconds": 3}}));
}

#[test]
fn a_grace_period_is_raised_to_what_was_in_flight() {
    let variant = with_grace(hooked("httpd", "sleep 3; apachectl -k graceful-stop; sleep 30"), 10);
    let mut cut = trial(2_000);
    let mut attempt = sample::attempt(8, Arm::New, Outcome::BodyReset, Sum::Lost, 4 * SECOND);
    attempt.end_ns = 13 * SECOND;
    cut.lost = vec![attempt];
    let explained = Explained {
        trial: 1,
        id: 8,
        arm: Arm::New,
        door: Door::Service,
        end_ns: 13 * SECOND,
        cause: Cause::KilledAtGraceEnd,
        incident: 1,
    };
    let diagnosis = Diagnosis { incidents: vec![of(Cause::KilledAtGraceEnd)], attempts: vec![explained] };
    let found = advise(&variant, &[&cut], &diagnosis);
    assert_eq!((found.measured.slowest_request_s, found.measured.slowest_was_cut), (Some(9.0), true));
    let advice = only(&found);
    assert_eq!(advice.field.as_deref(), Some("spec.template.spec.terminationGracePeriodSeconds"));
    assert_eq!(advice.value.as_deref(), Some("38"));
    assert!(advice.text.contains("had taken 9.0 s"), "{}", advice.text);
    assert_eq!(grace(&patched(&variant, &found)), Some(38));
}

#[test]
fn a_server_that_ignores_its_signal_is_not_given_more_time() {
    let unknown = variant("shop/web", |_| {});
    let found = advised(&unknown, &trial(500), vec![of(Cause::KilledAtGraceEnd)]);
    assert!(found.patch.is_none() && only(&found).text.contains("does not end on its stop signal"), "{found:?}");
    let apache = variant("httpd", |_| {});
    let found = advised(&apache, &trial(500), vec![of(Cause::KilledAtGraceEnd)]);
    assert_eq!(script(&patched(&apache, &found)), "sleep 3; apachectl -k graceful-stop; sleep 2");
    assert!(only(&found).text.contains("could not measure"), "the first wait: {}", only(&found).text);
}

#[test]
fn a_hook_that_failed_is_replaced_by_one_that_needs_no_program() {
    let variant = hooked("shop/web", "sleep 8");
    let found = advised(&variant, &trial(40), vec![of(Cause::PrestopFailed)]);
    assert!(only(&found).text.contains("preStop `sleep 8` failed"), "{}", only(&found).text);
    let workload = patched(&variant, &found);
    assert_eq!(web(&workload)["lifecycle"]["preStop"], json!({"sleep": {"seconds": 8}}), "and no exec beside it");
}

#[test]
fn pods_that_are_asked_by_nobody_get_a_probe_of_the_commonest_request() {
    let mut bare = variant("shop/web", |_| {});
    let mut kinds = vec![bare.load.requests[0].clone(); 3];
    (kinds[0].path, kinds[0].share) = ("/rare".parse().unwrap(), 0.1);
    (kinds[1].path, kinds[1].share) = ("/shop?x=1".parse().unwrap(), 0.3);
    (kinds[2].method, kinds[2].share) = (http::Method::POST, 0.6);
    bare.load.requests = kinds;
    let found = advised(&bare, &trial(40), vec![of(Cause::NotReadyYet)]);
    let probe = json!({"httpGet": {"path": "/shop?x=1", "port": "http"}, "periodSeconds": 1});
    assert_eq!(web(&patched(&bare, &found))["readinessProbe"], probe);
    assert_eq!(only(&found).field.as_deref(), Some("spec.template.spec.containers[1].readinessProbe"));
    bare.load.requests.truncate(0);
    let found = advised(&bare, &trial(40), vec![of(Cause::NotReadyYet)]);
    assert_eq!(web(&patched(&bare, &found))["readinessProbe"]["tcpSocket"], json!({"port": "http"}));
    let probed = variant("shop/web", |container| container["readinessProbe"] = json!({"tcpSocket": {"port": 8080}}));
    let found = advised(&probed, &trial(40), vec![of(Cause::NotReadyYet)]);
    assert!(
        found.patch.is_none() && only(&found).text.contains("too early"),
        "its own probe is not replaced: {found:?}"
    );
}

#[test]
fn a_service_without_pods_gets_a_rollout_that_leaves_one() {
    let mut single = variant("shop/web", |_| {});
    single.objects_mut().manifests[0]["spec"]["replicas"] = json!(1);
    single.objects_mut().manifests[0]["spec"]["strategy"] = json!({"type": "Recreate"});
    (single.objects_mut().replicas, single.objects_mut().surge) = (1, 0);
    let found = advised(&single, &trial(40), vec![of(Cause::NoEndpoint)]);
    let workload = patched(&single, &found);
    assert_eq!(workload["spec"]["replicas"], 2);
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    assert_eq!(workload["spec"]["strategy"], rolling);
    let mut set = variant("shop/web", |_| {});
    set.objects_mut().manifests[0]["kind"] = json!("StatefulSet");
    set.objects_mut().workload = "statefulset/web".to_owned();
    let found = advised(&set, &trial(40), vec![of(Cause::NoEndpoint)]);
    assert!(found.patch.is_none() && only(&found).text.contains("StatefulSet"), "{found:?}");
}

#[test]
fn nothing_is_proposed_that_the_workload_has_already() {
    // 25 % of two pods is none that may be missing, and one more.
    let both = variant("shop/web", |_| {});
    let found = advised(&both, &trial(40), vec![of(Cause::NoEndpoint)]);
    assert!(found.patch.is_none() && only(&found).field.is_none(), "{found:?}");
    assert!(only(&found).text.contains("its strategy is not the reason"), "{found:?}");
    let mut single = variant("shop/web", |_| {});
    single.objects_mut().manifests[0]["spec"]["replicas"] = json!(1);
    single.objects_mut().replicas = 1;
    let found = advised(&single, &trial(40), vec![of(Cause::NoEndpoint)]);
    assert_eq!(only(&found).field.as_deref(), Some("spec.replicas"));
    assert_eq!(found.patch.unwrap()["spec"], json!({"replicas": 2}));
    let found = advised(&both, &trial(40), vec![too_few_pods()]);
    assert!(found.patch.is_none() && only(&found).field.is_none(), "{found:?}");
}

#[test]
fn the_advice_of_the_most_lost_requests_comes_first() {
    let variant = variant("httpd", |_| {});
    let many = Incident { attempts: 50, ..of(Cause::NoEndpoint) };
    let found = advised(&variant, &trial(40), vec![race(), many]);
    let causes: Vec<Cause> = found.advice.iter().map(|one| one.cause).collect();
    assert_eq!(causes, [Cause::NoEndpoint, Cause::EndpointRace]);
}

#[test]
fn young_pods_that_are_slow_count_later() {
    let mut variant = variant("shop/web", |_| {});
    variant.objects_mut().manifests[0]["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": 1}});
    let found = advised(&variant, &trial(40), vec![incident(Cause::Overload, PodEdge::EndpointReady, 2_400.0)]);
    let workload = patched(&variant, &found);
    assert_eq!(workload["spec"]["minReadySeconds"], 4);
    assert_eq!(workload["spec"]["strategy"]["rollingUpdate"], json!({"maxUnavailable": 0}));
    let few = advised(&variant, &trial(40), vec![too_few_pods()]);
    assert_eq!(patched(&variant, &few)["spec"].get("minReadySeconds"), None);
}

#[test]
fn what_no_field_cures_gets_a_sentence_and_no_patch() {
    for cause in [Cause::KeepaliveRace, Cause::Proxy, Cause::ServerError, Cause::StaleConntrack, Cause::Unknown] {
        let found = advised(&variant("httpd", |_| {}), &trial(40), vec![of(cause)]);
        assert!(found.patch.is_none() && only(&found).field.is_none(), "{found:?}");
        assert!(only(&found).text.ends_with('.'), "{found:?}");
    }
}

#[test]
fn only_judged_arms_in_counting_trials_are_advised_on() {
    let variant = variant("httpd", |_| {});
    let blind = Incident { arm: Arm::Blind, ..race() };
    let elsewhere = Incident { trial: 2, ..race() };
    let found = advised(&variant, &trial(40), vec![blind, elsewhere]);
    assert!(found.advice.is_empty() && found.patch.is_none(), "{found:?}");
}

#[test]
fn without_the_manifest_there_is_no_field() {
    let mut bare = variant("httpd", |_| {});
    bare.objects_mut().manifests.clear();
    let found = advised(&bare, &trial(40), vec![race()]);
    assert!(found.patch.is_none() && only(&found).text.contains("deployment/web"), "{found:?}");
}
