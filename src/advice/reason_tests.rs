//! What is advised where the reason lies in the Service, the strategy, a budget, another container, or the server itself.

use serde_json::{Value, json};

use super::advise::Advised;
use super::stop_notes;
use super::tests::{
    SECOND, advised, at, endpoint, grace, hooked, incident, of, only, patched, race, script, trial, variant, web,
    with_grace,
};
use crate::diagnose::{Cause, Incident};
use crate::record::{Arm, Outcome, Sum, sample};
use crate::spec::{RolloutAction, VariantSpec};
use crate::timeline::{PodEdge, PodLife, Trial};

fn lost(cause: Cause, attempts: u64) -> Incident {
    Incident { attempts, ..of(cause) }
}

fn workload(variant: &mut VariantSpec) -> &mut Value {
    &mut variant.objects_mut().manifests[0]
}

/// A pod that is deleted in second 10 with a grace of 5 s, sent its signal at once and killed in second 15; `closed_ms` is when its
/// listener closed, `served_ms` when it last answered.
fn killed(closed_ms: u64, served_ms: u64) -> PodLife {
    PodLife {
        grace_s: Some(5),
        stop_signal: Some(at(10_200)),
        listener_closed: Some(at(closed_ms)),
        finished: Some(at(15_050)),
        exit_code: Some(137),
        served: Some((SECOND, served_ms * 1_000_000)),
        ..endpoint("web-old", Some(10))
    }
}

fn with_pod(pod: PodLife) -> Trial {
    Trial { pods: vec![pod], ..trial(8_000) }
}

#[test]
fn a_server_that_served_until_the_kill_did_not_react_to_its_signal() {
    let slow = with_grace(variant("shop/web", |_| {}), 5);
    let found = advised(&slow, &with_pod(killed(15_060, 14_900)), vec![of(Cause::KilledAtGraceEnd)]);
    let text = &only(&found).text;
    assert!(text.starts_with("The server did not react to its stop signal: 1 pod"), "{text}");
    assert!(text.contains("4.7 s after it") && text.contains("`exec`") && text.contains("137"), "{text}");
    assert!(found.patch.is_none() && !text.contains("terminationGracePeriodSeconds"), "{found:?}");
    // What was cut with its kill shows no other reason; what was refused, or lost before, has one of its own.
    let unknown = |first_s: u64, outcome| Incident {
        first_ns: first_s * SECOND,
        last_ns: first_s * SECOND + SECOND / 2,
        outcomes: [(outcome, 5)].into(),
        ..of(Cause::Unknown)
    };
    let cut = Outcome::ClosedBeforeByte;
    for (incident, from_the_kill) in
        [(unknown(15, cut), true), (unknown(12, cut), false), (unknown(15, Outcome::Refused), false)]
    {
        let found = advised(&slow, &with_pod(killed(15_060, 14_900)), vec![incident]);
        assert_eq!(only(&found).text.contains("`exec`"), from_the_kill, "{found:?}");
    }
    // One that closed its listener and drains needs a longer grace period.
    let found = advised(&slow, &with_pod(killed(10_300, 10_250)), vec![of(Cause::KilledAtGraceEnd)]);
    assert_eq!(grace(&patched(&slow, &found)), Some(15), "{found:?}");
    // So does one whose listener stayed open, where nothing was answered after the signal.
    let found = advised(&slow, &with_pod(killed(15_060, 10_100)), vec![of(Cause::KilledAtGraceEnd)]);
    assert!(found.patch.is_some() && only(&found).text.contains("only if the server answers"), "{found:?}");
}

#[test]
fn a_shell_is_shown_where_exec_belongs() {
    let started = |script: &str| {
        let web = variant("shop/web", |container| container["command"] = json!(["/bin/sh", "-c", script]));
        let found = advised(&web, &with_pod(killed(15_060, 14_900)), vec![of(Cause::KilledAtGraceEnd)]);
        only(&found).value.clone()
    };
    let value = started("migrate; gunicorn shop:app").unwrap();
    assert_eq!(value, r#"["/bin/sh","-c","migrate; exec gunicorn shop:app"]"#);
    assert_eq!(started("migrate && exec gunicorn shop:app"), None, "it is there already");
    for not_the_server in ["gunicorn shop:app & tail -f log", "gunicorn shop:app | tee log", "gunicorn 'shop: app; x'"]
    {
        assert_eq!(started(not_the_server), None, "{not_the_server}");
    }
}

#[test]
fn a_server_that_only_sends_errors_until_the_kill_does_not_end_on_its_signal() {
    let mut sheds = with_pod(killed(15_060, 10_100));
    let mut error = sample::attempt(8, Arm::New, Outcome::Status5xx, Sum::Lost, 14 * SECOND);
    (error.status, error.pod) = (Some(503), Some("web-old".to_owned()));
    sheds.lost = vec![error];
    let found = advised(&variant("shop/web", |_| {}), &sheds, vec![of(Cause::KilledAtGraceEnd)]);
    let text = &only(&found).text;
    assert!(text.contains("did not end on its stop signal") && text.contains("with errors"), "{text}");
    assert!(!text.contains("shell") && found.patch.is_none(), "{found:?}");
}

#[test]
fn a_server_that_closed_its_listener_and_has_nothing_to_do_is_kept_by_something_else() {
    let web = with_grace(variant("shop/web", |_| {}), 30);
    let mut idle = killed(10_300, 10_100);
    (idle.grace_s, idle.finished) = (Some(30), Some(at(40_050)));
    let found = advised(&web, &Trial { pods: vec![idle], ..trial(100) }, vec![of(Cause::KilledAtGraceEnd)]);
    let text = &only(&found).text;
    assert!(text.contains("closed its listener on its stop signal") && !text.contains("exec"), "{text}");
}

#[test]
fn a_longer_grace_period_comes_with_a_graceful_stop() {
    let nginx = with_grace(
        variant("nginx", |container| container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 6}}})),
        4,
    );
    let found = advised(&nginx, &trial(6_500), vec![of(Cause::KilledAtGraceEnd)]);
    let workload = patched(&nginx, &found);
    assert_eq!((script(&workload), grace(&workload)), ("sleep 6; nginx -s quit; sleep 8", Some(19)));
    assert!(only(&found).text.contains("the stop signal would cut"), "{found:?}");
    // One that answers what is in flight on its stop signal needs the time only.
    let caddy = with_grace(variant("caddy", |_| {}), 4);
    let found = advised(&caddy, &trial(6_500), vec![of(Cause::KilledAtGraceEnd)]);
    assert_eq!(web(&patched(&caddy, &found)).get("lifecycle"), None);
}

#[test]
fn published_addresses_are_cured_in_the_service() {
    let mut published =
        variant("shop/web", |container| container["readinessProbe"] = json!({"tcpSocket": {"port": 1}}));
    published.objects_mut().manifests[1]["spec"]["publishNotReadyAddresses"] = json!(true);
    let found = advised(&published, &trial(40), vec![lost(Cause::NotReadyYet, 50), race()]);
    assert!(found.patch.is_none() && found.measured.routing_lag_s.is_none(), "{found:?}");
    for advice in &found.advice {
        assert_eq!(advice.field.as_deref(), Some("service/web spec.publishNotReadyAddresses"));
        assert!(!advice.text.contains("too early") && !advice.text.contains("sleep"), "{}", advice.text);
    }
    published.objects_mut().manifests[1]["spec"]["publishNotReadyAddresses"] = json!(false);
    let found = advised(&published, &trial(40), vec![lost(Cause::NotReadyYet, 50), race()]);
    assert!(found.advice[0].text.contains("too early"), "{found:?}");
    assert_eq!(found.advice[1].value.as_deref(), Some("sleep: {seconds: 3}"));
}

#[test]
fn a_selector_that_matches_no_new_pod_is_named_for_every_cause_of_routing() {
    let labelled = |version: &str| PodLife {
        new: true,
        labels: [("app".to_owned(), "web".to_owned()), ("version".to_owned(), version.to_owned())].into(),
        ready: Some(at(11_000)),
        deletion: Some(at(20_000)),
        ..PodLife::default()
    };
    let mut web = variant("shop/web", |_| {});
    web.objects_mut().manifests[1]["spec"]["selector"] = json!({"app": "web", "version": "1"});
    let upgraded = Trial { pods: vec![endpoint("web-old", Some(12)), labelled("2")], ..trial(40) };
    let found = advised(&web, &upgraded, vec![lost(Cause::NoEndpoint, 161), lost(Cause::EndpointRace, 6)]);
    assert!(found.patch.is_none(), "{found:?}");
    for advice in &found.advice {
        assert!(advice.text.contains("version=1") && advice.text.contains("version=2"), "{}", advice.text);
        assert!(!advice.text.contains("sleep") && !advice.text.contains("maxUnavailable"), "{}", advice.text);
    }
}

fn evicted(replicas: u32, budget: Option<Value>) -> (VariantSpec, Advised) {
    let mut web = variant("shop/web", |_| {});
    web.rollout.action = RolloutAction::Evict { node: None, cordon: false };
    web.objects_mut().replicas = replicas;
    workload(&mut web)["spec"]["replicas"] = json!(replicas);
    workload(&mut web)["spec"]["strategy"] = json!({"type": "Recreate"});
    workload(&mut web)["spec"]["template"]["metadata"] = json!({"labels": {"app": "web"}});
    web.objects_mut().manifests.extend(budget);
    let found = advised(&web, &trial(40), vec![of(Cause::NoEndpoint)]);
    assert!(!only(&found).text.contains("RollingUpdate"), "a strategy does not rule an eviction: {found:?}");
    (web, found)
}

fn budget(spec: &Value) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "keep"}, "spec": spec})
}

#[test]
fn an_eviction_needs_two_replicas_and_a_budget() {
    let (_, found) = evicted(1, None);
    let value = only(&found).value.as_deref().unwrap();
    assert_eq!(only(&found).field.as_deref(), Some("PodDisruptionBudget"));
    assert!(value.contains(r#""app":"web""#) && value.contains("replicas: 2"), "{value}");
    assert!(found.patch.is_none(), "replicas alone would still lose");
    let (_, found) =
        evicted(2, Some(budget(&json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "shop"}}}))));
    let text = &only(&found).text;
    assert!(text.contains("keep selects none of these pods") && text.contains("shop"), "{text}");
    assert_eq!(only(&found).field.as_deref(), Some("poddisruptionbudget/keep spec.selector"));
    let expression = json!([{"key": "app", "operator": "In", "values": ["web"]}]);
    let guards = budget(&json!({"minAvailable": "50%", "selector": {"matchExpressions": expression}}));
    let (_, found) = evicted(2, Some(guards.clone()));
    assert!(only(&found).field.is_none() && only(&found).text.contains("keeps one of the pods"), "{found:?}");
    let (web, found) = evicted(1, Some(guards));
    assert_eq!(found.patch.as_ref().unwrap()["spec"], json!({"replicas": 2}), "{web:?}");
    let (_, found) = evicted(2, Some(budget(&json!({"maxUnavailable": "100%", "selector": {}}))));
    assert!(only(&found).text.contains("all pods be evicted"), "{found:?}");
}

#[test]
fn a_host_port_excludes_a_surge() {
    let on_host = |kind: &str, strategy: &Value| {
        let mut web = variant("shop/web", |container| container["ports"][0]["hostPort"] = json!(8080));
        workload(&mut web)["kind"] = json!(kind);
        web.objects_mut().workload = format!("{}/web", kind.to_lowercase());
        workload(&mut web)["spec"]["strategy"] = strategy.clone();
        let found = advised(&web, &trial(40), vec![of(Cause::NoEndpoint)]);
        assert!(only(&found).text.contains("ost port 8080"), "{found:?}");
        (web, found)
    };
    let (_, found) = on_host("DaemonSet", &Value::Null);
    assert!(found.patch.is_none() && only(&found).field.is_none(), "{found:?}");
    let (web, found) = on_host("Deployment", &json!({"type": "Recreate"}));
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}});
    assert_eq!(patched(&web, &found)["spec"]["strategy"], rolling);
    let mut young = web;
    workload(&mut young)["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": 1}});
    let found = advised(&young, &trial(40), vec![incident(Cause::Overload, PodEdge::EndpointReady, 900.0)]);
    assert_eq!(only(&found).field.as_deref(), Some("spec.minReadySeconds"), "and no maxUnavailable 0");
}

#[test]
fn a_daemon_set_or_a_stateful_set_gets_its_change_in_the_patch_too() {
    let of_kind = |kind: &str, replicas: u32| {
        let mut web = variant("shop/web", |_| {});
        workload(&mut web)["kind"] = json!(kind);
        web.objects_mut().workload = format!("{}/web", kind.to_lowercase());
        (web.objects_mut().replicas, web.objects_mut().surge) = (replicas, 0);
        workload(&mut web)["spec"]["replicas"] = json!(replicas);
        let found = advised(&web, &trial(40), vec![of(Cause::NoEndpoint)]);
        found.patch.map(|patch| patch["spec"].clone())
    };
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    assert_eq!(of_kind("DaemonSet", 1), Some(json!({"updateStrategy": rolling})));
    assert_eq!(of_kind("StatefulSet", 1), Some(json!({"replicas": 2})));
    assert_eq!(of_kind("StatefulSet", 2), None);
}

#[test]
fn pods_that_keep_data_are_not_multiplied() {
    let changed = |change: fn(&mut Value)| {
        let mut variant = variant("postgres", |_| {});
        variant.objects_mut().replicas = 1;
        workload(&mut variant)["spec"]["replicas"] = json!(1);
        change(workload(&mut variant));
        let kind = workload(&mut variant)["kind"].as_str().unwrap_or_default().to_lowercase();
        variant.objects_mut().workload = format!("{kind}/web");
        advised(&variant, &trial(100), vec![lost(Cause::NoEndpoint, 9)])
    };
    let stateful = |workload: &mut Value| workload["kind"] = json!("StatefulSet");
    assert!(changed(stateful).patch.is_some());
    let claims = changed(|workload| {
        workload["kind"] = json!("StatefulSet");
        workload["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}}]);
    });
    assert!(claims.patch.is_none() && only(&claims).text.contains("keeps data"), "{claims:?}");
    let claimed = changed(|workload| {
        workload["spec"]["strategy"] = json!({"type": "Recreate"});
        workload["spec"]["template"]["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    });
    assert!(claimed.patch.is_none() && only(&claimed).text.contains("claimed volume"), "{claimed:?}");
}

#[test]
fn a_cause_of_few_losses_decides_nothing_of_the_patch() {
    let web = variant("shop/web", |_| {});
    let few = |cause, attempts| {
        let rare = Incident { attempts, ..race() };
        advised(&web, &trial(40), vec![rare, lost(cause, 98)])
    };
    let found = few(Cause::KeepaliveRace, 2);
    assert_eq!((found.advice[0].cause, found.patch.is_some()), (Cause::KeepaliveRace, false), "{found:?}");
    assert!(found.advice[1].field.is_some(), "it is advised on all the same: {found:?}");
    assert!(few(Cause::KeepaliveRace, 20).patch.is_some());
    // An outage hides what else is lost, so that its patch holds the cure of that too.
    let mut single = variant("shop/web", |_| {});
    single.objects_mut().replicas = 1;
    workload(&mut single)["spec"]["replicas"] = json!(1);
    let found = advised(&single, &trial(40), vec![Incident { attempts: 2, ..race() }, lost(Cause::NoEndpoint, 98)]);
    let spec = &patched(&single, &found)["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(web_of(spec)["lifecycle"]["preStop"], json!({"sleep": {"seconds": 3}}));
}

fn web_of(spec: &Value) -> &Value {
    &spec["template"]["spec"]["containers"][1]
}

#[test]
fn containers_beside_the_serving_one_wait_too() {
    let beside = |serving: Value| {
        let mut web = variant("shop/web", |container| container["lifecycle"] = serving);
        let containers = workload(&mut web)["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
        containers.push(json!({"name": "php", "image": "shop/php"}));
        web
    };
    let php = |found: &Advised| {
        let containers = found.patch.as_ref().unwrap()["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        containers.iter().find(|one| one["name"] == "php").unwrap()["lifecycle"]["preStop"].clone()
    };
    let found = advised(&beside(Value::Null), &trial(40), vec![race()]);
    assert!(only(&found).text.contains("php"), "{found:?}");
    assert_eq!(php(&found), json!({"sleep": {"seconds": 3}}));
    let hooked_only = beside(json!({"preStop": {"sleep": {"seconds": 4}}}));
    let found = advised(&hooked_only, &trial(40), vec![of(Cause::ServerError)]);
    assert_eq!(only(&found).field.as_deref(), Some("spec.template.spec.containers[2].lifecycle.preStop"));
    assert_eq!(php(&found), json!({"sleep": {"seconds": 4}}));
}

#[test]
fn what_is_enough_is_named_where_the_hook_has_no_parts() {
    let cut = |web: &VariantSpec| only(&advised(web, &trial(5_900), vec![of(Cause::CutAtStop)])).text.clone();
    let text = cut(&variant("shop/web", |_| {}));
    assert!(text.contains("3 s are enough") && !text.contains("first part"), "{text}");
    let text = cut(&hooked("shop/web", "sleep 4"));
    assert!(!text.contains("enough"), "the hook waits already, and it was not enough: {text}");
    let waits = variant("shop/web", |one| one["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 4}}}));
    let text = cut(&waits);
    assert!(text.contains("after the 4 s") && !text.contains("are enough"), "{text}");
}

#[test]
fn what_a_pass_hides_is_noted() {
    let notes =
        |variant: &VariantSpec, pods: Vec<PodLife>| stop_notes(variant, &[&Trial { pods, ..trial(40) }], Some(61.0));
    let web = with_grace(variant("shop/web", |_| {}), 5);
    let killed_one = notes(&web, vec![killed(15_060, 14_900)]);
    let [note] = &killed_one[..] else { panic!("{killed_one:?}") };
    for words in ["1 of 1 stopped pods were killed", "137", "did not react", "61.0 s"] {
        assert!(note.contains(words), "{words}: {note}");
    }
    let drained = notes(&web, vec![killed(10_300, 10_250)]);
    assert!(drained[0].contains("killed") && !drained[0].contains("react"), "{drained:?}");
    let ended = |ms: u64| PodLife { finished: Some(at(ms)), exit_code: Some(0), ..killed(10_300, 10_250) };
    assert_eq!(notes(&web, vec![ended(11_000)]), Vec::<String>::new(), "it ended in time");
    assert!(notes(&web, vec![ended(15_100)])[0].contains("the whole grace period of 5 s"));
    let long = with_grace(hooked("shop/web", "sleep 35"), 30);
    assert!(notes(&long, Vec::new())[0].contains("a hook of 35 s under a grace period of 30 s"));
    assert_eq!(notes(&with_grace(hooked("shop/web", "sleep 25"), 30), Vec::new()), Vec::<String>::new());
}

#[test]
fn haproxy_and_gunicorn_are_stopped_in_their_own_ways() {
    let cut = |image: &str, script: &str| {
        let web = hooked(image, script);
        let found = advised(&web, &trial(5_900), vec![of(Cause::CutAtStop)]);
        web_of(&patched(&web, &found)["spec"])["lifecycle"]["preStop"].clone()
    };
    let haproxy = cut("haproxy:3.2", "sleep 4");
    assert_eq!(haproxy["exec"]["command"][2], "sleep 4; kill -USR1 1; sleep 7");
    // SIGQUIT cuts gunicorn's requests, and SIGTERM follows by itself.
    assert_eq!(cut("tiangolo/uvicorn-gunicorn", "sleep 4; kill -QUIT 1"), json!({"sleep": {"seconds": 11}}));
}

#[test]
fn a_built_in_server_that_drains_and_waits_is_told_neither_again() {
    let drains = |seconds: u64| {
        variant("rollproof/target", |container| {
            container["args"] = json!(["--on-term=drain", "--port=1"]);
            container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": seconds}}});
        })
    };
    let found = advised(&drains(4), &trial(20), vec![of(Cause::CutAtStop)]);
    let text = &only(&found).text;
    assert!(found.patch.is_none() && only(&found).field.is_none(), "{found:?}");
    assert!(!text.contains("on-term") && text.contains("its hook waits 4 s") && !text.contains("0.0 s"), "{text}");
    let short = drains(1);
    let found = advised(&short, &trial(20), vec![race(), of(Cause::CutAtStop)]);
    assert_eq!(web_of(&patched(&short, &found)["spec"])["lifecycle"]["preStop"], json!({"sleep": {"seconds": 3}}));
}
