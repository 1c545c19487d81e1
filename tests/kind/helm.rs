//! Releases of a chart that the real helm installed: measured, advised and cured where they stand, and the same after it.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::attach::{Shop, image_on_nodes};
use crate::cluster::{context, name};
use crate::program::{Ran, beside, missing_on_kind, named, program, report, run, variant};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chart");

pub(crate) fn tests() -> Vec<Trial> {
    let installed = run_quietly(Command::new("helm").arg("version"));
    let missing = missing_on_kind(|| (!installed).then_some("helm, which is not on PATH"));
    let test = |name: &str, body: fn()| {
        named(name, missing, move || {
            let _turn = beside();
            body();
        })
    };
    vec![
        test("a_release_is_measured_advised_and_cured_where_it_stands", deployment),
        test("a_release_with_a_stateful_set_is_measured_where_it_stands", stateful_set),
        test("two_values_of_a_release_are_compared_by_helm_itself", values),
    ]
}

fn run_quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn helm(shop: &Shop, arguments: &[&str]) -> Ran {
    let mut command = Command::new("helm");
    command.args(["--kube-context", &context(), "-n", &shop.namespace]).args(arguments);
    run(&mut command)
}

/// A namespace with a release named web in it.
fn installed(kind: &str) -> Shop {
    let shop = Shop::empty(&json!({}));
    let image = format!("image={}", image_on_nodes());
    let kind_value = format!("kind={kind}");
    helm(&shop, &["install", "web", CHART, "--set", &image, "--set", &kind_value, "--wait"]).expect_code(0);
    shop
}

fn lost(out: &Path, name: &str) -> u64 {
    variant(&report(out), name)["lost"].as_u64().unwrap()
}

fn deployment() {
    let shop = installed("Deployment");
    let before = shop.objects();
    let out = shop.out();
    let ran = run(&mut shop.attach("deployment/web", &out, &["--try-advice", "--trials", "2"]));
    ran.expect_one_of(&[4, 5]).says(&["Helm installed it (meta.helm.sh/release-name: web)"]);
    assert!(lost(&out, "as-written") > 0);
    let advised = out.join("advised");
    assert!(lost(&advised, "as-written") > 0);
    assert_eq!(lost(&advised, "as-written-advised"), 0);
    shop.settled("Deployment");
    assert_eq!(shop.objects(), before);
    shop.nothing_left();
}

fn stateful_set() {
    let shop = installed("StatefulSet");
    let before = shop.objects();
    let out = shop.out();
    run(&mut shop.attach("statefulset/web", &out, &[])).expect_code(4).says(&["Helm installed it"]);
    assert!(lost(&out, "as-written") > 0);
    assert_eq!(shop.objects(), before);
    shop.nothing_left();
}

fn values() {
    let shop = installed("Deployment");
    let before = shop.objects();
    let words = |words: &[&str]| {
        let all = ["helm", "-n", &shop.namespace];
        json!(all.iter().chain(words).collect::<Vec<_>>())
    };
    let set = json!({"run": words(&["upgrade", "web", CHART, "--reuse-values", "--set", "preStopSeconds=4"]),
        "back": words(&["rollback", "web", "1"])});
    let text = json!({"name": "values", "trials": 2, "baseline": "as-it-stands",
        "target": {"existing": {"namespace": shop.namespace, "workload": "deployment/web"}},
        "variants": {"as-it-stands": {"expect": "loss"}, "with-hook": {"set": set}}});
    let scenario = shop.out();
    std::fs::write(&scenario, text.to_string()).unwrap();
    let out = shop.out();
    let mut command = program();
    command.arg("run").arg(&scenario).args(["--yes", "--cluster", &format!("kind:{}", name()), "--out"]).arg(&out);
    run(&mut command).expect_one_of(&[0, 5]);
    assert!(lost(&out, "as-it-stands") > 0);
    assert_eq!(lost(&out, "with-hook"), 0);
    shop.settled("Deployment");
    let releases = |mut objects: std::collections::BTreeMap<String, Value>| {
        // helm's own history of the release grows by what it was told to do.
        objects.retain(|name, _| !name.contains("sh.helm.release"));
        objects
    };
    assert_eq!(releases(shop.objects()), releases(before));
    shop.nothing_left();
}
