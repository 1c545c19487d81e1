//! The scenarios and the demo, one trial a variant: expectations, not p-values.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{AS_EXPECTED, clean, program, report, run, variant};
use crate::{Needs, Test, beside, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("demo_shows_loss_in_one_variant_and_none_in_the_other", Needs::Nothing, demo),
        test("scenario_apache_prestop", Needs::Apache, || {
            scenario("apache-prestop", &[("without-prestop", true), ("with-prestop", false)]);
        }),
        test("scenario_nginx_prestop", Needs::Nginx, || {
            scenario("nginx-prestop", &[("without-prestop", true), ("with-prestop", false)]);
        }),
        test("scenario_target_exit", Needs::Nothing, || scenario("target-exit", &[("exit", true), ("drain", false)])),
        test("established_connections_outlive_the_removal_of_their_endpoint", Needs::Nothing, established),
        test("scenario_control_no_rollout", Needs::Nothing, || scenario("control-no-rollout", &[])),
        test("a_control_shows_that_a_loss_would_be_seen_and_a_budget_leaves_blocks_out", Needs::Nothing, controlled),
        beside("a_run_whose_time_is_used_up_begins_no_further_block", Needs::Nothing, out_of_time),
        test("scenario_control_identical", Needs::Nothing, || scenario("control-identical", &[])),
    ]
}

fn demo() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let ran = run(program().arg("demo").arg("--out").arg(&out)).expect_one_of(&AS_EXPECTED);
    assert!(ran.stderr.contains("0.05"), "the plan says that three blocks cannot reach 0.05:\n{}", ran.stderr);
    let report = report(&out);
    assert_eq!(report["variants"].as_array().unwrap().len(), 2);
    assert!(variant(&report, "without-prestop")["lost"].as_u64().unwrap() > 0);
    clean(&report, "with-prestop");
    assert_eq!(report["comparison"][0]["conclusion"], "observed", "three blocks cannot reach 0.05");
    check_files(&out, &report);
    check_schema(&report);
    report_again_is(&out, &AS_EXPECTED);
}

/// Runs a shipped scenario with one trial a variant. Of the named variants, `true` must lose and `false` must not.
fn scenario(name: &str, expected: &[(&str, bool)]) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join(name);
    let file = format!("scenarios/{name}.yaml");
    let ran = run(program().args(["run", &file, "--trials", "1", "--out"]).arg(&out));
    let ran = ran.expect_one_of(&AS_EXPECTED);
    let report = report(&out);
    assert_eq!(report["verdict"], if ran.code == Some(0) { "pass" } else { "fail" }, "{}", ran.stdout);
    for (name, loses) in expected {
        if *loses {
            assert!(variant(&report, name)["lost"].as_u64().unwrap() > 0, "variant {name}\n{}", ran.stdout);
        } else {
            clean(&report, name);
        }
    }
    for comparison in report["comparison"].as_array().unwrap() {
        assert_ne!(comparison["conclusion"], "shown", "one block can show nothing");
    }
    check_schema(&report);
}

/// A server that drains, with the control, in as many blocks as fit into a minute.
fn controlled() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let lines = "trials: 900\nvariants:\n  drain: {patch: MANIFESTS/patches/target-drain.yaml}\n";
    let file = alone(folder.path(), lines);
    let flags = ["--control", "--time-budget", "1m", "--out"];
    let ran = run(program().arg("run").arg(&file).args(flags).arg(&out)).expect_one_of(&AS_EXPECTED);
    let report = report(&out);
    assert!(ran.stderr.contains("of 900 blocks fit into --time-budget of 60 s"), "{}", ran.stderr);
    assert_eq!(report["control_seen"], true, "{}", ran.stdout);
    assert!(variant(&report, "control")["lost"].as_u64().unwrap() > 0);
    clean(&report, "drain");
    let planned = variant(&report, "drain")["trials_planned"].as_u64().unwrap();
    assert!((1..20).contains(&planned), "{planned}");
    assert_eq!(variant(&report, "control")["trials"], variant(&report, "drain")["trials"]);
    assert_eq!(report["comparison"].as_array().unwrap().len(), 0);
    check_schema(&report);
}

/// A scenario of the built-in server. Late sends are allowed, so a busy machine invalidates no trial.
fn alone(folder: &Path, lines: &str) -> std::path::PathBuf {
    let file = folder.join("alone.yaml");
    let text = format!("name: alone\nmanifests: MANIFESTS/target.yaml\nmax_lag_ms: 10000\n{lines}");
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").display().to_string();
    fs::write(&file, text.replace("MANIFESTS", &manifests)).unwrap();
    file
}

/// Its pods need longer to become ready than the plan can know, so the first of two blocks uses the time of both.
fn out_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let slow = "{spec: {template: {spec: {containers: [{name: target, args: [--ready-delay=8s]}]}}}}";
    let lines = format!("trials: 2\nvariants:\n  slow: {{lost_at_most: 1000, patch: {slow}}}\n");
    let file = alone(folder.path(), &lines);
    let ran = run(program().arg("run").arg(&file).args(["--time-budget", "18s", "--out"]).arg(&out)).expect_code(5);
    let ran = ran.says(&["the time budget of 18 s was used up after block 1"]);
    let report = report(&out);
    let notes = report["notes"].to_string();
    assert!(notes.contains("used up after block 1"), "{notes}\n{}", ran.stdout);
    assert_eq!(report["ending"], "finished");
    let trials = variant(&report, "slow")["trials_list"].as_array().unwrap();
    assert!(trials.iter().all(|trial| trial["block"] == 1), "{trials:?}");
    report_again_is(&out, &[5]);
}

/// From the cluster's own log: when the routing table dropped a pod. From the record: which requests reached it afterwards.
fn established() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["run", "scenarios/target-exit.yaml", "--trials", "1", "--record-all", "--out"];
    run(program().args(arguments).arg(&out)).expect_one_of(&AS_EXPECTED);
    let lines = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(out.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (record, truth) = (lines("record.jsonl"), lines("truth.jsonl"));
    let namespace = "target-exit-drain";
    let deleted = record
        .iter()
        .find(|line| line["t"] == "pod" && line["namespace"] == namespace && line["deletion_timestamp"].is_string())
        .unwrap();
    let (pod, deleted_ns) = (deleted["name"].as_str().unwrap(), deleted["at_ns"].as_u64().unwrap());
    let routed = |table: &Value| {
        let rows = table["services"].as_array().unwrap().iter().filter(|row| row["namespace"] == namespace);
        rows.flat_map(|row| row["pods"].as_array().unwrap()).any(|known| known.as_str().unwrap().contains(pod))
    };
    let tables = truth.iter().filter(|line| line["t"] == "table" && line["at_ns"].as_u64().unwrap() > deleted_ns);
    let removed_ns = tables.into_iter().find(|table| !routed(table)).unwrap()["at_ns"].as_u64().unwrap();
    let picks = truth.iter().filter(|line| line["t"] == "pick" && line["pod"] == pod);
    let late = picks.filter(|pick| pick["at_ns"].as_u64().unwrap() > removed_ns).count();
    assert_eq!(late, 0, "no new connection reaches the pod once the table has let go of it");
    let served = record.iter().filter(|line| line["t"] == "attempt" && line["pod"] == pod && line["outcome"] == "ok");
    let after: Vec<&Value> = served.filter(|line| line["started_ns"].as_u64().unwrap() > removed_ns).collect();
    assert!(after.iter().any(|line| line["arm"] == "reused"), "kept-alive connections go on being served by it");
    assert!(after.iter().all(|line| line["arm"] != "new"));
}

fn check_files(out: &Path, report: &Value) {
    for file in ["record.jsonl", "report.json", "report.md"] {
        assert!(fs::metadata(out.join(file)).unwrap().len() > 100, "{file}");
    }
    for variant in report["variants"].as_array().unwrap() {
        let sum: u64 =
            ["ok", "lost", "raced", "unsent", "harness"].iter().map(|key| variant[*key].as_u64().unwrap()).sum();
        assert_eq!(sum, variant["attempts"].as_u64().unwrap(), "attempts = ok + lost + raced + unsent + harness");
        assert!(variant["attempts"].as_u64().unwrap() > 500);
    }
}

fn check_schema(report: &Value) {
    let schema = run(program().args(["schema", "report"])).expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

fn report_again_is(out: &Path, codes: &[i32]) {
    let before = fs::read(out.join("report.json")).unwrap();
    fs::remove_file(out.join("report.json")).unwrap();
    run(program().arg("report").arg(out)).expect_one_of(codes);
    assert_eq!(fs::read(out.join("report.json")).unwrap(), before, "report DIR repeats report.json byte for byte");
}
