//! One run at two doors: nginx without a hook behind its Service, and a URL at which another server answers all the while. What is lost is
//! the Service's alone.

use std::fs;

use serde_json::Value;

use crate::program::{AS_EXPECTED, program, report, run};
use crate::{Needs, Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("with_both_doors_what_is_lost_at_one_is_told_of_that_one", Needs::Nginx, told_by_door)]
}

const GATE: &str = "127.77.0.1:18081";

fn told_by_door() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let recipe = include_str!("../../images/nginx/embedded");
    let (listen, named) = ("listen $ROLLPROOF_POD_IP:$ROLLPROOF_PORT", "add_header X-Pod \"$HOSTNAME\" always");
    assert!(recipe.contains(listen) && recipe.contains(named));
    write("images/nginx/embedded", recipe);
    // It says of each answer that it asked two pods.
    let retried = "add_header X-Upstream \"10.0.0.1:80, 10.0.0.2:80\" always";
    write("images/gate/embedded", &recipe.replace(listen, &format!("listen {GATE}")).replace(named, retried));
    let manifest = include_str!("../../manifests/nginx.yaml");
    let gate = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gate}\nspec:\n  selector: {matchLabels: {app: gate}}\n  \
                template:\n    metadata: {labels: {app: gate}}\n    spec:\n      containers:\n        - {name: gate, image: gate, ports: \
                [{containerPort: 80}]}\n";
    write("nginx.yaml", &format!("{manifest}{gate}"));
    write(
        "run.yaml",
        &format!(
            "name: doors\nmanifests: nginx.yaml\nworkload: deployment/web\nmax_lag_ms: 1000\nload:\n  rate: 200\n  \
             url: http://{GATE}/\n  door: both\n  retry_header: X-Upstream\nvariants: {{bare: {{expect: loss}}}}\n"
        ),
    );
    let out = folder.path().join("out");
    let mut command = program();
    command.arg("run").arg(folder.path().join("run.yaml")).arg("--allow-host-commands").arg("--out").arg(&out);
    let ran = run(&mut command).expect_one_of(&AS_EXPECTED);
    let shown = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["lost at the Service, 0 of", "not seen through the URL", "that a retry of the proxy hid"] {
        assert!(shown.contains(words), "{words}: {}", ran.stdout);
    }
    let report = report(&out);
    let variant = &report["variants"][0];
    let [service, url] = [0, 1].map(|door| &variant["doors"][door]);
    let of = |door: &Value, what: &str| door[what].as_u64().unwrap();
    assert!(of(service, "lost") > 0 && of(url, "lost") == 0, "{variant}");
    assert_eq!(of(service, "lost"), of(service, "lost_here_only"));
    assert_eq!(
        of(url, "ok"),
        of(variant, "hidden_by_proxy"),
        "each answer at the URL says so, and none of the Service's"
    );
    assert!(of(service, "attempts").abs_diff(of(url, "attempts")) <= of(url, "attempts") / 20, "{variant}");
    assert!(report["incidents"].as_array().unwrap().iter().all(|incident| incident["door"] == "service"), "{report}");
}
