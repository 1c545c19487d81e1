//! Reading objects and choosing workload, Service and port, as users see it.

use super::WorkloadKind;
use super::documents::{ManifestObject, check_together, parse};
use super::service::{PortName, service};
use super::workload::workload;
use crate::yaml::YamlSource;

fn objects(text: &str) -> Vec<ManifestObject> {
    let objects = parse(&YamlSource::new("web.yaml", text)).unwrap();
    check_together(&objects).unwrap();
    objects
}

fn refused(text: &str) -> String {
    let source = YamlSource::new("web.yaml", text);
    parse(&source).and_then(|objects| check_together(&objects)).unwrap_err().to_string()
}

fn deployment(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n  template:\n    metadata: {{labels: {{app: {name}, tier: front}}}}\n    spec:\n      containers:\n      - {{name: web, image: apache, ports: [{{containerPort: 8080, name: http}}]}}\n"
    )
}

fn service_text(name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

#[test]
fn lists_are_taken_apart() {
    let items = "items:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
    let found = objects(&format!("apiVersion: v1\nkind: List\n{items}"));
    assert_eq!(found.iter().map(ManifestObject::reference).collect::<Vec<_>>(), ["configmap/a", "secret/b"]);
    let typed = objects("apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- {metadata: {name: web}}\n");
    assert!(typed[0].is("Deployment", "apps"));
    assert_eq!(objects("apiVersion: v1\nkind: List\nitems: []\n"), []);
}

#[test]
fn what_is_no_object_is_refused_with_its_line() {
    assert_eq!(
        refused("- a\n"),
        "reading web.yaml line 1: this document is not a mapping, expected a Kubernetes object"
    );
    assert_eq!(
        refused("---\nkind: Service\n"),
        "reading web.yaml line 2: this document has no `apiVersion`, expected a Kubernetes object"
    );
    assert_eq!(
        refused("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n"),
        "reading web.yaml line 3: this Pod has no `metadata.name`"
    );
    assert_eq!(
        refused(&(service_text("web", "") + &service_text("web", ""))),
        "reading web.yaml line 9: service/web is defined twice, first in web.yaml line 4"
    );
}

#[test]
fn the_workload_is_the_named_one_or_the_only_one() {
    let one = objects(&deployment("web", "replicas: 3"));
    for wanted in [None, Some("deployment/web"), Some("deploy/web"), Some("Deployment/web")] {
        let found = workload(&one, wanted).unwrap();
        assert_eq!((found.reference.as_str(), found.replicas), ("deployment/web", 3));
    }
    let two = objects(&(deployment("web", "replicas: 3") + &deployment("api", "replicas: 1")));
    assert_eq!(workload(&two, Some("deployment/api")).unwrap().name, "api");
    assert_eq!(
        workload(&two, None).unwrap_err().to_string(),
        "choosing the workload: the manifests hold several: deployment/web (web.yaml line 4), deployment/api (web.yaml line 15); say which with `workload:` or --workload"
    );
    assert_eq!(
        workload(&two, Some("deployment/wep")).unwrap_err().to_string(),
        "choosing the workload: deployment/wep is not in the manifests, which hold deployment/web, deployment/api"
    );
    assert_eq!(
        workload(&one, Some("job/web")).unwrap_err().to_string(),
        "choosing the workload: `job/web` is not a workload that can be rolled, expected deployment/NAME, statefulset/NAME or daemonset/NAME; the manifests hold deployment/web"
    );
    assert_eq!(
        workload(&one, Some("sts/web")).unwrap_err().to_string(),
        "choosing the workload: statefulset/web is not in the manifests, which hold deployment/web"
    );
    assert!(workload(&[], None).unwrap_err().to_string().ends_with("they hold nothing"));
}

#[test]
fn stateful_sets_and_daemon_sets_are_workloads_too() {
    let stateful = deployment("db", "replicas: 3").replace("kind: Deployment", "kind: StatefulSet");
    let daemon = deployment("agent", "minReadySeconds: 1").replace("kind: Deployment", "kind: DaemonSet");
    let both = objects(&(stateful.clone() + &daemon));
    let found = |wanted| {
        let found = workload(&both, Some(wanted)).unwrap();
        (found.kind, found.reference, found.replicas, found.surge, found.unavailable)
    };
    assert_eq!(found("sts/db"), (WorkloadKind::StatefulSet, "statefulset/db".to_owned(), 3, 0, 1));
    assert_eq!(found("ds/agent"), (WorkloadKind::DaemonSet, "daemonset/agent".to_owned(), 1, 0, 1));
    assert!(
        workload(&both, None)
            .unwrap_err()
            .to_string()
            .contains("several: statefulset/db (web.yaml line 4), daemonset/agent (web.yaml")
    );
    assert_eq!(workload(&objects(&stateful), None).unwrap().reference, "statefulset/db");
    let foreign = objects(&daemon.replace("apps/v1", "apps.example/v1"));
    assert!(workload(&foreign, None).unwrap_err().to_string().contains("hold no Deployment, StatefulSet or DaemonSet"));
}

#[test]
fn the_pods_of_a_daemon_set_are_filled_in_once_they_are_counted() {
    let text = deployment("agent", "updateStrategy: {rollingUpdate: {maxSurge: 50%, maxUnavailable: 0}}");
    let found = objects(&text.replace("kind: Deployment", "kind: DaemonSet"));
    let before = workload(&found, None).unwrap();
    let counted = before.with_pods(&found[0].value, 5).unwrap();
    assert_eq!((before.replicas, counted.replicas, counted.surge, counted.unavailable), (1, 5, 3, 0));
}

#[test]
fn the_selector_is_the_workload_s_own() {
    let selector = |spec: &str| workload(&objects(&deployment("web", spec)), None).unwrap().selector;
    assert_eq!(selector("selector: {matchLabels: {app: web}}"), "app=web");
    assert_eq!(selector("replicas: 1"), "app=web,tier=front", "without one, the template's labels");
    let expressions = "[{key: a, operator: In, values: [b, c]}, {key: d, operator: NotIn, values: [e]}, {key: f, operator: Exists}, {key: g, operator: DoesNotExist}]";
    assert_eq!(
        selector(&format!("selector: {{matchLabels: {{app: web}}, matchExpressions: {expressions}}}")),
        "app=web,a in (b,c),d notin (e),f,!g"
    );
}

#[test]
fn surge_and_unavailable_are_those_of_each_set_s_controller() {
    for (kind, pods, strategy, expected) in [
        ("StatefulSet", 4, "{type: RollingUpdate}", (0, 1)),
        ("StatefulSet", 4, "{rollingUpdate: {partition: 0}}", (0, 1)),
        ("StatefulSet", 4, "{rollingUpdate: {maxUnavailable: 30%}}", (0, 2)),
        ("StatefulSet", 4, "{rollingUpdate: {maxUnavailable: 0%}}", (0, 1)),
        ("DaemonSet", 4, "{type: RollingUpdate}", (0, 1)),
        ("DaemonSet", 4, "{rollingUpdate: {maxUnavailable: 30%}}", (0, 2)),
        ("DaemonSet", 4, "{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}", (1, 0)),
    ] {
        let text = deployment("web", &format!("updateStrategy: {strategy}")).replace("Deployment", kind);
        let found = objects(&text);
        let counted = workload(&found, None).unwrap().with_pods(&found[0].value, pods).unwrap();
        assert_eq!((counted.surge, counted.unavailable), expected, "{kind} {strategy}");
    }
}

#[test]
fn a_set_that_would_not_roll_every_pod_is_refused() {
    for (kind, strategy, why) in [
        (
            "StatefulSet",
            "{type: OnDelete}",
            "updateStrategy.type is OnDelete, so that a changed template replaces no pod",
        ),
        ("DaemonSet", "{type: OnDelete}", "updateStrategy.type is OnDelete"),
        ("StatefulSet", "{rollingUpdate: {partition: 1}}", "partition is 1, so that a rollout leaves pods as they are"),
        ("StatefulSet", "{type: Recreate}", "updateStrategy.type is `Recreate`, expected RollingUpdate"),
        ("DaemonSet", "{rollingUpdate: {maxSurge: some}}", "maxSurge is \"some\", expected a number of pods"),
    ] {
        let text = deployment("web", &format!("updateStrategy: {strategy}")).replace("Deployment", kind);
        let message = workload(&objects(&text), None).unwrap_err().to_string();
        assert!(message.starts_with(&format!("reading {}/web: ", kind.to_lowercase())), "{message}");
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn surge_and_unavailable_are_those_of_the_deployment_controller() {
    // replicas, strategy, surge, unavailable
    let cases = [
        (1, "", 1, 0),
        (2, "", 1, 0),
        (4, "", 1, 1),
        (5, "", 2, 1),
        (10, "", 3, 2),
        (10, "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}", 0, 1),
        (10, "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 5%}}", 0, 1),
        (3, "strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 50%}}", 2, 1),
        (3, "strategy: {rollingUpdate: {maxSurge: 100%}}", 3, 0),
        (3, "strategy: {type: Recreate}", 0, 3),
    ];
    for (replicas, strategy, surge, unavailable) in cases {
        let spec = format!("replicas: {replicas}\n  {strategy}");
        let found = workload(&objects(&deployment("web", &spec)), None).unwrap();
        assert_eq!((found.surge, found.unavailable), (surge, unavailable), "{replicas} {strategy}");
    }
}

#[test]
fn a_workload_that_cannot_roll_is_refused() {
    let message = |spec: &str| workload(&objects(&deployment("web", spec)), None).unwrap_err().to_string();
    assert_eq!(message("replicas: 0"), "reading deployment/web: spec.replicas is 0, expected 1 to 1000 pods to roll");
    assert!(message("replicas: -1").contains("-1"));
    assert!(message("replicas: 1\n  paused: true").contains("spec.paused is true"));
    assert!(message("replicas: 1\n  strategy: {type: Rolling}").contains("expected RollingUpdate or Recreate"));
    assert!(message("replicas: 1\n  strategy: {rollingUpdate: {maxSurge: lots}}").contains("maxSurge is \"lots\""));
}

#[test]
fn the_service_is_the_named_one_or_the_only_one_that_selects() {
    let other = service_text("other", "selector: {app: other}, ports: [{port: 80}]");
    let web = service_text("web", "selector: {app: web}, ports: [{port: 80, targetPort: http}]");
    let found = objects(&(deployment("web", "replicas: 1") + &other + &web));
    let rolled = workload(&found, None).unwrap();
    for wanted in [None, Some("web"), Some("service/web")] {
        let chosen = service(&found, &rolled, wanted, None).unwrap();
        assert_eq!((chosen.spec.name.as_str(), chosen.spec.port, chosen.spec.target_port), ("web", 80, 8080));
        assert_eq!(chosen.added, None);
    }
    let message = |name| service(&found, &rolled, Some(name), None).unwrap_err().to_string();
    assert!(message("other").contains("its selector {\"app\":\"other\"} does not match the pods of deployment/web"));
    assert_eq!(
        message("nothere"),
        "choosing the service: service/nothere is not in the manifests, which hold deployment/web, service/other, service/web"
    );
    let twice = objects(&(deployment("web", "replicas: 1") + &web + &web.replace("name: web", "name: web2")));
    let rolled = workload(&twice, None).unwrap();
    assert!(
        service(&twice, &rolled, None, None)
            .unwrap_err()
            .to_string()
            .contains("service/web (web.yaml line 15), service/web2 (web.yaml line 20); say which")
    );
}

#[test]
fn the_port_is_the_named_one_or_the_only_one() {
    let ports =
        "ports: [{port: 80, name: http, targetPort: http}, {port: 9090, name: admin}, {port: 53, protocol: UDP}]";
    let found = objects(
        &(deployment("web", "replicas: 1") + &service_text("web", &format!("selector: {{tier: front}}, {ports}"))),
    );
    let rolled = workload(&found, None).unwrap();
    let port = |wanted: Option<PortName>| service(&found, &rolled, None, wanted.as_ref());
    let both = |wanted| port(Some(wanted)).map(|chosen| (chosen.spec.port, chosen.spec.target_port)).unwrap();
    assert_eq!(both(PortName::Name("http".into())), (80, 8080));
    assert_eq!(both(PortName::Number(9090)), (9090, 9090));
    assert_eq!(
        port(None).unwrap_err().to_string(),
        "choosing the port of service/web: there is a choice; say which with `port:` or --port; it has TCP port 80 (http), 9090 (admin)"
    );
    assert!(port(Some(PortName::Number(53))).unwrap_err().to_string().contains("it has no port `53`"));
}

#[test]
fn a_service_without_an_address_or_with_a_stray_target_is_refused() {
    let message = |spec: &str| {
        let found = objects(&(deployment("web", "replicas: 1") + &service_text("web", spec)));
        service(&found, &workload(&found, None).unwrap(), None, None).unwrap_err().to_string()
    };
    assert!(message("selector: {app: web}, clusterIP: None, ports: [{port: 80}]").contains("headless"));
    assert!(message("selector: {app: web}, ports: [{port: 80, targetPort: htpp}]").contains("targetPort `htpp`"));
    assert!(message("selector: {app: web}, ports: []").contains("it has no TCP port"));
}

#[test]
fn a_service_is_added_for_a_single_port_only() {
    let found = objects(&deployment("web", "replicas: 1"));
    let chosen = service(&found, &workload(&found, None).unwrap(), None, None).unwrap();
    assert_eq!((chosen.spec.name.as_str(), chosen.spec.port, chosen.spec.target_port), ("web", 8080, 8080));
    let added = chosen.added.unwrap();
    assert_eq!(added["spec"]["selector"], serde_json::json!({"app": "web", "tier": "front"}));
    let two = deployment("web", "replicas: 1").replace("name: http}]", "name: http}, {containerPort: 9090}]");
    let found = objects(&two);
    let message = service(&found, &workload(&found, None).unwrap(), None, None).unwrap_err().to_string();
    assert!(message.contains("its containers have 2 ports"), "{message}");
}

#[test]
fn a_service_without_an_address_is_no_choice() {
    let both = |more: &str| {
        let web = service_text("web", "selector: {app: web}, ports: [{port: 80}]");
        objects(&(deployment("web", "replicas: 1") + &web + more))
    };
    let headless = service_text("inside", "selector: {app: web}, clusterIP: None, ports: [{port: 80}]");
    let name = service_text("outside", "selector: {app: web}, type: ExternalName, externalName: a.example");
    let found = both(&(headless.clone() + &name));
    let rolled = workload(&found, None).unwrap();
    assert_eq!(service(&found, &rolled, None, None).unwrap().spec.name, "web");
    let several = both(&(headless.clone() + &service_text("second", "selector: {app: web}, ports: [{port: 81}]")));
    let error = service(&several, &rolled, None, None).unwrap_err().to_string();
    assert!(error.contains("service/second (web.yaml line 25) (service/inside has no address of its own"), "{error}");
    let none = objects(&(deployment("web", "replicas: 1") + &headless + &name));
    let error = service(&none, &rolled, None, None).unwrap_err().to_string();
    assert!(
        error.contains("service/inside (web.yaml line 15), service/outside") && error.contains("headless"),
        "{error}"
    );
}
