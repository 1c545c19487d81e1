//! Scenarios on the real cluster, one trial of each variant: expectations, not p-values.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::cluster::{context, get, name, nothing_left};
use crate::program::{AS_EXPECTED, clean, program, report, run, variant};
use crate::test;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("the_built_in_server_loses_only_where_it_exits_and_nothing_is_carried_over", target_exit),
        test("apache_without_prestop_loses_and_with_it_does_not", apache),
        test("the_load_can_come_from_this_machine", from_host),
        test("two_runs_at_once_do_not_meet", two_at_once),
        test("kept_namespaces_stay_and_are_cleaned_by_name", kept),
    ]
}

/// `run SCENARIO --cluster kind:NAME --trials 1 --out OUT`.
pub(crate) fn on_kind(scenario: &str, out: &Path) -> Command {
    let mut command = program();
    command.args(["run", scenario, "--trials", "1", "--cluster", &format!("kind:{}", name()), "--out"]).arg(out);
    command
}

/// Checks what every run leaves: files, a record that gives the same report again, and no namespace.
fn is_whole(out: &Path) -> Value {
    nothing_left(out);
    let first = fs::read(out.join("report.json")).unwrap();
    run(program().arg("report").arg(out)).expect_one_of(&AS_EXPECTED);
    assert_eq!(fs::read(out.join("report.json")).unwrap(), first, "a report redone is the same");
    let report = report(out);
    assert_eq!(report["cluster"]["kind"], "kind");
    for variant in report["variants"].as_array().unwrap() {
        let sums = ["ok", "lost", "raced", "unsent", "harness"].map(|sum| variant[sum].as_u64().unwrap());
        assert_eq!(variant["attempts"].as_u64().unwrap(), sums.iter().sum::<u64>(), "{variant}");
    }
    report
}

/// Twice in a row, because the first run's requests time out on removed pods and leave entries in the node's connection
/// tracking: a second run that met them would lose requests in its lead-in.
fn target_exit() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["first", "second"] {
        let out = folder.path().join(name);
        run(&mut on_kind("scenarios/target-exit.yaml", &out)).expect_one_of(&AS_EXPECTED);
        let report = is_whole(&out);
        assert!(variant(&report, "exit")["lost"].as_u64().unwrap() > 0);
        clean(&report, "drain");
        for variant in report["variants"].as_array().unwrap() {
            let dirty = |trial: &&Value| trial["state"] == "dirty";
            assert_eq!(variant["trials_list"].as_array().unwrap().iter().find(dirty), None, "carried over");
        }
    }
}

fn apache() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(&mut on_kind("scenarios/apache-prestop.yaml", &out)).expect_one_of(&AS_EXPECTED);
    let report = is_whole(&out);
    assert!(variant(&report, "without-prestop")["lost"].as_u64().unwrap() > 0);
    clean(&report, "with-prestop");
    let text = fs::read_to_string(out.join("record.jsonl")).unwrap();
    for part in ["\"t\":\"pod\"", "\"t\":\"endpoints\"", "\"t\":\"event\"", "\"t\":\"listener\"", "\"t\":\"workload\""]
    {
        assert!(text.contains(part), "the record has no {part}");
    }
}

fn from_host() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(on_kind("scenarios/target-exit.yaml", &out).args(["--load-from", "host"])).expect_one_of(&AS_EXPECTED);
    let report = is_whole(&out);
    assert!(variant(&report, "exit")["lost"].as_u64().unwrap() > 0);
    clean(&report, "drain");
}

fn two_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let outs = ["one", "two"].map(|name| folder.path().join(name));
    let running = outs.each_ref().map(|out| {
        let mut command = on_kind("scenarios/target-exit.yaml", out);
        command.args(["--rate", "50"]);
        std::thread::spawn(move || run(&mut command))
    });
    for (ran, out) in running.into_iter().zip(&outs) {
        // Two runs in parallel on a small machine may send late, and say so.
        ran.join().unwrap().expect_one_of(&[0, 4, 5]);
        nothing_left(out);
        clean(&report(out), "drain");
    }
}

fn kept() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(on_kind("scenarios/control-no-rollout.yaml", &out).arg("--keep")).expect_code(0).says(&["kept"]);
    let namespace = crate::cluster::namespaces_of(&out).remove(0);
    let found = get(&["namespace", &namespace]);
    assert_eq!(found["metadata"]["labels"]["app.kubernetes.io/managed-by"], "rollproof");
    let status = run(program().args(["cluster", "status", "--context", &context()])).expect_code(0);
    assert!(status.stdout.contains(&namespace), "{}", status.stdout);
    // By name, because other runs may use the cluster too.
    let kept = namespace.rsplit('-').next().unwrap();
    run(program().args(["cluster", "clean", kept, "--context", &context()])).expect_code(0);
    nothing_left(&out);
}
