//! nginx that terminates TLS in its pods: what it loses at its stop is what it loses without TLS, and a handshake that cannot succeed
//! ends the run before the first trial.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{AS_EXPECTED, Ran, program, report, run};
use crate::{Needs, Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("tls_that_pods_terminate_carries_the_load", Needs::Nginx, carried),
        test("a_certificate_for_another_name_ends_the_run_before_the_first_trial", Needs::Nginx, wrong_name),
        test("a_probe_without_tls_at_a_port_with_tls_never_succeeds", Needs::Nginx, plain_probe),
        test("a_url_whose_name_does_not_resolve_ends_the_run_before_the_first_trial", Needs::Nginx, no_name),
    ]
}

/// A folder with the shipped nginx, whose recipe and manifest speak TLS, and a CA. Its readiness is asked for by this scheme.
fn folder(scheme: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", &ca.self_signed(&ca_key).unwrap().pem());
    let certificate = CertificateParams::new(vec!["web".to_owned()]).unwrap();
    write("web.pem", &certificate.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap().pem());
    write("web.key", &key.serialize_pem());
    let listen = "listen $ROLLPROOF_POD_IP:$ROLLPROOF_PORT";
    let recipe = include_str!("../../images/nginx/embedded");
    assert!(recipe.contains(listen));
    let at = folder.path().display();
    let secured =
        format!("{listen} ssl;\n        ssl_certificate {at}/web.pem;\n        ssl_certificate_key {at}/web.key");
    fs::create_dir_all(folder.path().join("images/nginx")).unwrap();
    write("images/nginx/embedded", &recipe.replace(listen, &secured));
    let probe = "httpGet: {path: /, port: http}";
    let manifest = include_str!("../../manifests/nginx.yaml");
    assert!(manifest.contains(probe) && manifest.contains("port: 80,"));
    write(
        "nginx.yaml",
        &manifest
            .replace(probe, &format!("httpGet: {{path: /, port: http, scheme: {scheme}}}"))
            .replace("port: 80,", "port: 443,"),
    );
    folder
}

/// The run of a load with this way to the server, and its report.
fn ran(door: &str) -> (Ran, Value) {
    let (ran, report, _) = probed(door, "HTTPS");
    (ran, report)
}

/// The same with a readiness probe of this scheme, and what was recorded.
fn probed(door: &str, scheme: &str) -> (Ran, Value, String) {
    let folder = folder(scheme);
    let scenario = format!(
        "name: tls\nmanifests: nginx.yaml\nload:\n  rate: 100\n  {door}\n  requests: [{{path: /, arms: [new, reused, blind, pooled]}}]\n\
         variants: {{bare: {{expect: loss}}}}\n"
    );
    fs::write(folder.path().join("run.yaml"), scenario).unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command.arg("run").arg(folder.path().join("run.yaml")).arg("--allow-host-commands").arg("--out").arg(&out);
    let ran = run(&mut command);
    let record = fs::read_to_string(out.join("record.jsonl")).unwrap();
    (ran, report(&out), record)
}

fn carried() {
    let (ran, report) = ran("tls: {ca: ca.pem}");
    ran.expect_one_of(&AS_EXPECTED);
    let variant = &report["variants"][0];
    assert!(variant["lost"].as_u64().unwrap() > 0, "{variant}");
    for arm in ["new", "reused", "blind", "pooled"] {
        let outcomes = &variant["arms"][arm]["outcomes"];
        assert!(outcomes["ok"].as_u64().unwrap() > 20, "{arm}: {outcomes}");
        assert!(outcomes.get("tls-failed").is_none(), "{arm}: {outcomes}");
    }
    assert!(variant["causes"]["endpoint-race"].as_u64().unwrap() > 0, "{}", variant["causes"]);
}

/// nginx answers such a request with status 400. The twin, with `scheme: HTTPS`, is in every other test here.
fn plain_probe() {
    let (ran, report, record) = probed("tls: {ca: ca.pem}", "HTTP");
    assert_ne!(ran.code, Some(0));
    ran.says(&["deployment/web was not ready before the first trial"]);
    assert!(record.contains("Readiness probe failed: HTTP probe failed with statuscode: 400"));
    assert_eq!(report["variants"][0]["trials_list"].as_array().unwrap().len(), 0, "{report}");
}

fn ends_early(door: &str, parts: &[&str]) {
    let (ran, report) = ran(door);
    assert_ne!(ran.code, Some(0));
    ran.says(parts);
    assert_eq!(report["variants"][0]["trials_list"].as_array().unwrap().len(), 0, "{report}");
}

fn wrong_name() {
    ends_early(
        "tls: {ca: ca.pem, server_name: shop.example}",
        &["tls-failed", "the server's certificate is for web, expected one for shop.example", "server_name"],
    );
}

fn no_name() {
    ends_early("url: \"https://shop.invalid/\"", &["the name `shop.invalid` does not resolve", "`resolve: ADDRESS`"]);
}
