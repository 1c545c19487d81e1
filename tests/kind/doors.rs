//! Load through a URL on a real cluster: from the agent's pod, by the cluster's DNS, through a real nginx.

use std::sync::OnceLock;

use libtest_mimic::Trial;
use serde_json::json;

use crate::attach::Shop;
use crate::cluster::{context, get, name, namespaces_of, nothing_left};
use crate::program::{AS_EXPECTED, clean, missing_on_kind, named, program, report, run, variant};
use crate::scenarios::on_kind;
use crate::{alone, proxy_client, proxy_count, side_test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        side_test("a_url_through_nginx_is_measured_and_its_losses_are_not_blamed_on_routing", through_nginx),
        side_test("a_url_that_leads_elsewhere_or_nowhere_is_told", elsewhere),
        side_test("a_proxy_that_is_replaced_is_told_from_the_workload_behind_it", replaced_proxy),
        beside_go("another_client_and_the_report_agree_on_who_loses_through_a_proxy", another_client),
    ]
}

/// The recipe of nginx as the cluster's nodes have it.
fn nginx_on_nodes() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        run(on_kind("scenarios/nginx-prestop.yaml", &out).args(["--variant", "without-prestop", "--keep"]))
            .expect_one_of(&[0, 4, 5]);
        let namespace = namespaces_of(&out).remove(0);
        let deployment = get(&["deployment", "web", "-n", &namespace]);
        let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        let run_id = namespace.rsplit('-').next().unwrap();
        run(program().args(["cluster", "clean", run_id, "--context", &context()])).expect_code(0);
        image
    })
}

/// nginx in front of the shop's Service, as a Service named proxy. It asks no other server where one failed.
fn proxied() -> Shop {
    let shop = Shop::new("Deployment");
    let config = format!(
        "worker_processes 1; pid /tmp/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{\n  access_log off; client_body_temp_path /tmp/b; \
         proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;\n  upstream web {{ \
         server web.{}.svc.cluster.local:80; }}\n  server {{ listen 8080; location / {{ proxy_pass http://web; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; proxy_next_upstream off; }} }}\n}}\n",
        shop.namespace
    );
    shop.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "proxy"}, "data": {"nginx.conf": config}}));
    shop.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "proxy"}, "spec": {
        "selector": {"matchLabels": {"app": "proxy"}}, "template": {"metadata": {"labels": {"app": "proxy"}}, "spec": {
            "containers": [{"name": "nginx", "image": nginx_on_nodes(), "command": ["/usr/sbin/nginx"],
                "args": ["-c", "/etc/proxy/nginx.conf", "-g", "daemon off;"],
                "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/proxy"}]}],
            "volumes": [{"name": "config", "configMap": {"name": "proxy"}}]}}}}));
    shop.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "proxy"},
        "spec": {"selector": {"app": "proxy"}, "ports": [{"port": 80, "targetPort": 8080}]}}));
    shop.kubectl(&["rollout", "status", "deployment/proxy", "--timeout=90s"]).expect_code(0);
    shop
}

/// Runs the shop's workload once, with the load through `url`; the exit code, what was said, and where the reports are.
fn through(shop: &Shop, url: &str) -> (crate::program::Ran, std::path::PathBuf) {
    with_load(shop, &json!({"url": url}))
}

fn with_load(shop: &Shop, load: &serde_json::Value) -> (crate::program::Ran, std::path::PathBuf) {
    let text = json!({"name": "through-a-url", "service": "web", "load": load,
        "target": {"existing": {"namespace": shop.namespace, "workload": "deployment/web"}}});
    let (scenario, out) = (shop.out(), shop.out());
    std::fs::write(&scenario, text.to_string()).unwrap();
    let mut command = program();
    command.arg("run").arg(&scenario).args(["--yes", "--cluster", &format!("kind:{}", name()), "--out"]).arg(&out);
    (run(&mut command), out)
}

fn through_nginx() {
    let shop = proxied();
    let (ran, out) = through(&shop, &format!("http://proxy.{}.svc.cluster.local/", shop.namespace));
    ran.expect_code(4);
    let found = report(&out);
    let web = variant(&found, "as-written");
    assert!(web["lost"].as_u64() > Some(0), "{web}");
    let causes = web["causes"].as_object().unwrap();
    let blamed = causes.iter().filter(|(_, count)| count.as_u64() > Some(0)).map(|(cause, _)| cause.as_str());
    let blamed: Vec<&str> = blamed.collect();
    assert!(blamed.contains(&"proxy"), "nginx answers 502: {causes:?}");
    assert!(blamed.iter().all(|cause| ["proxy", "cut-at-stop", "unknown"].contains(cause)), "{causes:?}");
    shop.nothing_left();
}

fn elsewhere() {
    let shop = proxied();
    let dns = "http://kubernetes-does-not-know-this.invalid/";
    let (ran, out) = through(&shop, dns);
    ran.expect_code(3).says(&["kubernetes-does-not-know-this.invalid"]);
    assert_ne!(report(&out)["verdict"], "pass");
    let door = format!("http://proxy.{}.svc.cluster.local/", shop.namespace);
    let load = json!({"url": door, "proxy": "gate"});
    let (ran, _) = with_load(&shop, &load);
    ran.expect_code(2).says(&["`proxy` of variant as-written is `gate`", "has no Service of that name"]);
    shop.nothing_left();
}

/// A test that needs the cluster for itself and a Go compiler.
fn beside_go(name: &str, body: fn()) -> Trial {
    let go = std::process::Command::new("go").arg("version").output().is_ok_and(|ran| ran.status.success());
    named(name, missing_on_kind(|| (!go).then_some("go")), move || {
        let _turn = alone();
        body();
    })
}

fn replaced_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(&mut on_kind("scenarios/proxies/rolled-together.yaml", &out)).expect_one_of(&AS_EXPECTED);
    let found = report(&out);
    clean(&found, "with-stop");
    let without = variant(&found, "without-stop");
    let lost = |door: &str| {
        let doors = without["doors"].as_array().unwrap();
        doors.iter().find(|one| one["door"] == door).unwrap()["lost"].as_u64().unwrap()
    };
    assert!(lost("url") > 0 && lost("service") == 0, "{}", without["doors"]);
    let causes = without["causes"].as_object().unwrap();
    assert!(
        causes.iter().all(|(cause, count)| count == 0 || ["proxy-rollout", "unknown"].contains(&cause.as_str())),
        "{causes:?}"
    );
    assert!(causes["proxy-rollout"].as_u64() > Some(0), "{causes:?}");
    nothing_left(&out);
}

/// `HAProxy` without and with the hook of the workload behind it, and Go's client beside rollproof's load.
fn another_client() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let url = "http://proxy.$(ROLLPROOF_NAMESPACE).svc.cluster.local/slow?ms=20";
    let file = proxy_client::beside("proxies/haproxy.yaml", folder.path(), url, None).unwrap();
    run(on_kind(&file.display().to_string(), &out).arg("--keep")).expect_one_of(&AS_EXPECTED);
    let counts = proxy_count::read(&out).unwrap();
    for count in &counts {
        let said = proxy_client::end(&context(), &count.namespace).unwrap();
        let (from_ns, to_ns) = count.windows[0];
        let (failed, _) = said.lost_in(from_ns, to_ns).unwrap();
        let (lost, _) = count.doors["url"];
        assert_eq!(
            (failed > 0, lost > 0),
            (count.name == "as-written", count.name == "as-written"),
            "{count:?}, {said:?}"
        );
    }
    let namespace = &counts[0].namespace;
    let run_id = namespace.rsplit('-').next().unwrap();
    run(program().args(["cluster", "clean", run_id, "--context", &context()])).expect_code(0);
    nothing_left(&out);
}
