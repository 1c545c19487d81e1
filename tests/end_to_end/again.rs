//! Running a record again, until a loss shows, and the last lines of the pods that a rollout ended.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{clean, program, report, run, variant};
use crate::{Needs, Test, beside, test};

/// The Secret that the pods of [`scenario`] take a variable from.
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: hunter2}\n";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a_record_runs_again_from_anywhere_with_the_same_outcome", Needs::Nothing, same),
        beside("a_record_with_secrets_and_credentials_needs_them_again", Needs::Nothing, hidden),
        beside("a_record_keeps_its_recipe_beside_the_manifest", Needs::Nothing, recipe),
        beside("a_record_of_a_real_cluster_runs_where_it_is_told_to", Needs::Nothing, real_cluster),
        beside("until_loss_ends_with_the_trial_in_which_it_shows", Needs::Nothing, shows),
        test("until_loss_says_what_could_still_be_lost", Needs::Nothing, does_not_show),
        beside("the_last_lines_of_pods_that_end_are_recorded", Needs::Nothing, logs),
        beside("the_last_lines_of_apache_say_why_it_stopped", Needs::Apache, logs_of_apache),
        beside("refused_variants_that_are_not_there", Needs::Nothing, unknown_variant),
        beside("refused_records_that_cannot_be_run_again", Needs::Nothing, refused),
    ]
}

/// The built-in server's manifest.
fn manifest() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/target.yaml")).unwrap()
}

/// Patches it to wait until routing has followed, and to drain.
const DRAIN: &str = "{spec: {template: {spec: {containers: [{name: target, args: [--on-term=drain], lifecycle: {preStop: {sleep: {seconds: 3}}}}]}}}}";

/// A scenario beside its manifest. Late sends are allowed, because a busy machine does not matter to these tests.
fn write(folder: &Path, manifest: &str, lines: &str) -> PathBuf {
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let path = folder.join("run.yaml");
    let head = "name: again\nmanifests: web.yaml\nmax_lag_ms: 10000\n";
    fs::write(&path, format!("{head}{lines}")).unwrap();
    path
}

/// Two variants: one that exits at once, and one that drains.
fn exit_and_drain(folder: &Path) -> PathBuf {
    let load = "load: {rate: 80, timeout: 5s, requests: [{path: /, arms: [new]}]}\n";
    let variants = format!("baseline: exit\nvariants: {{exit: {{expect: loss}}, drain: {{patch: {DRAIN}}}}}\n");
    write(folder, &manifest(), &format!("{load}{variants}"))
}

fn record(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("record.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first run is of a scenario; the second starts elsewhere, with nothing but the record.
fn same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let path = exit_and_drain(folder.path());
    run(program().arg("run").arg(&path).args(["--seed", "5", "--out"]).arg(&first)).expect_code(0);
    fs::remove_file(&path).unwrap();
    fs::remove_file(folder.path().join("web.yaml")).unwrap();
    let mut again = program();
    again.current_dir(folder.path()).args(["run", "--from", "first", "--out", "second"]);
    run(&mut again).expect_code(0).says(&["again: 2 trials of 2 variants"]);
    let planned = |out: &Path| {
        let mut header = record(out).remove(0);
        for changes in ["started", "started_unix_ns"] {
            header.as_object_mut().unwrap().remove(changes).unwrap();
        }
        header
    };
    assert_eq!(planned(&first), planned(&second));
    for out in [&first, &second] {
        let report = report(out);
        let outcomes = variant(&report, "exit")["arms"]["new"]["outcomes"].as_object().unwrap().clone();
        assert!(outcomes.contains_key("refused"), "{outcomes:?}");
        clean(&report, "drain");
    }
}

/// A scenario whose pods take a variable from a Secret, and whose requests carry a credential.
fn scenario(folder: &Path) -> PathBuf {
    let env = "          env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: key, key: token}}}]\n";
    let image = "          image: rollproof/target\n";
    let manifest = manifest();
    assert!(manifest.contains(image), "{manifest}");
    let text = manifest.replace(image, &format!("{image}{env}")) + "---\n" + SECRET;
    let load = "load: {rate: 50, timeout: 2s, requests: [{path: /, headers: {Authorization: Bearer xyzzy}}]}\n";
    write(folder, &text, &format!("{load}variants: {{a: {{expect: loss}}}}\n"))
}

fn hidden() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path());
    let first = folder.path().join("first");
    run(program().arg("run").arg(&path).arg("--out").arg(&first)).expect_one_of(&[0, 5]);
    let record = fs::read_to_string(first.join("record.jsonl")).unwrap();
    assert!(!record.contains("hunter2") && !record.contains("xyzzy"), "nothing of it is in the record");
    let secret = folder.path().join("secret.yaml");
    fs::write(&secret, SECRET).unwrap();
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, SECRET.replace("hunter2", "hunter3")).unwrap();
    let out = folder.path().join("second");
    let again = |arguments: &[&str]| {
        let mut command = program();
        command.arg("run").arg("--from").arg(&first).args(arguments).arg("--out").arg(&out);
        run(&mut command)
    };
    let (secret, wrong) = (secret.display().to_string(), wrong.display().to_string());
    let key = "key `token` of secret/key";
    let header = "Authorization: Bearer xyzzy";
    again(&["--header", header]).expect_code(2).says(&[key, "is not given", "-f FILE"]);
    again(&["-f", &wrong, "--header", header]).expect_code(2).says(&[key, "another value"]);
    again(&["-f", &secret]).expect_code(2).says(&["`authorization` is not given", "--header"]);
    again(&["-f", &secret, "--header", "Authorization: no"]).expect_code(2).says(&["`authorization`", "another value"]);
    assert!(!out.exists(), "nothing was begun");
    again(&["-f", &secret, "--header", header]).expect_one_of(&[0, 5]);
    assert!(report(&out)["variants"][0]["ok"].as_u64().unwrap() > 100);
}

/// The record holds the path of the recipe's folder as it was found, not as it was written.
fn recipe() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest().replace("rollproof/target", "own");
    fs::create_dir_all(folder.path().join("images/own")).unwrap();
    let script = format!("if test $1 = run; then shift; exec {} target \"$@\"; fi\n", env!("CARGO_BIN_EXE_rollproof"));
    fs::write(folder.path().join("images/own/embedded"), script).unwrap();
    write(folder.path(), &manifest, "load: {rate: 60}\nvariants: {a: {expect: loss}}\n");
    let mut first = program();
    first.current_dir(folder.path()).args(["run", "run.yaml", "--out", "first"]);
    run(&mut first).expect_one_of(&[0, 5]);
    let mut second = program();
    second.args(["run", "--allow-host-commands", "--rate", "50", "--from"]).arg(folder.path().join("first"));
    run(second.arg("--out").arg(folder.path().join("second"))).expect_one_of(&[0, 5]);
    let report = report(&folder.path().join("second"));
    assert!(report["variants"][0]["ok"].as_u64().unwrap() > 50, "{report}");
}

/// Without kind and Docker on `PATH`, the named cluster cannot be found.
fn real_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &manifest(), "load: {rate: 60}\nvariants: {a: {expect: loss}}\n");
    let first = folder.path().join("first");
    run(program().arg("run").arg(&path).arg("--out").arg(&first)).expect_one_of(&[0, 5]);
    let record = first.join("record.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    let (of, to) = (r#""choice":"embedded""#, r#""choice":"kind:prod-copy""#);
    assert!(text.contains(of), "{text}");
    fs::write(&record, text.replacen(of, to, 1)).unwrap();
    let again = |arguments: &[&str]| {
        let mut command = program();
        command.env("PATH", "/nowhere").arg("run").arg("--from").arg(&first).args(arguments);
        run(command.arg("--out").arg(folder.path().join("second")))
    };
    again(&[]).expect_code(2).says(&["cluster kind:prod-copy", "`--cluster kind:prod-copy`"]);
    again(&["--cluster", "kind:prod-copy"]).expect_code(3).says(&["kind"]);
    again(&["--cluster", "embedded"]).expect_one_of(&[0, 5]);
}

fn shows() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (exit_and_drain(folder.path()), folder.path().join("out"));
    let arguments = ["--variant", "exit", "--until-loss", "--trials", "9", "--out"];
    let ran = run(program().arg("run").arg(&path).args(arguments).arg(&out)).expect_code(0);
    ran.says(&["9 trials of 1 variant", "a loss was seen after 1 rollout: trial 1 of exit lost", "the run ends here"]);
    let first = report(&out);
    assert_eq!(first["variants"].as_array().unwrap().len(), 1);
    assert_eq!(first["variants"][0]["trials_list"].as_array().unwrap().len(), 1);
    // From the record, as the command of an incident does: variants that the run left out are not in it.
    let again = |name: &str| {
        let mut command = program();
        command.arg("run").arg("--from").arg(&out).args(["--variant", name, "--until-loss", "--out"]);
        run(command.arg(folder.path().join("again")))
    };
    again("drain").expect_code(2).says(&["there is no variant `drain`", "name one of exit"]);
    again("exit").expect_code(0).says(&["20 trials of 1 variant", "a loss was seen after 1 rollout"]);
}

fn does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (exit_and_drain(folder.path()), folder.path().join("out"));
    let arguments = ["--variant", "drain", "--until-loss", "--trials", "2", "--out"];
    let ran = run(program().arg("run").arg(&path).args(arguments).arg(&out)).expect_code(0);
    ran.says(&["no loss was seen in 2 rollouts of drain", "up to 77.6 % of its rollouts could still lose something"]);
    assert_eq!(report(&out)["variants"][0]["trials_list"].as_array().unwrap().len(), 2);
}

/// The last log lines of a shell that gets the stop signal, and of Apache, which stops at once.
fn logs() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "trap 'echo told to stop; sleep 1; printf \"by\\033[31me\"; kill $child; exit 0' TERM; \
         for n in $(seq 30); do echo line $n; done; {} target --on-term=exit & child=$!; while :; do wait; done",
        env!("CARGO_BIN_EXE_rollproof")
    );
    let command = format!("          command: [sh, -c, {}]\n", serde_json::to_string(&script).unwrap());
    let manifest = manifest().replace("          args: [--on-term=exit]\n", &command);
    let load = "load: {rate: 50, timeout: 2s, requests: [{path: /, arms: [new]}]}\n";
    let path = write(folder.path(), &manifest, &format!("{load}variants: {{a: {{expect: loss}}}}\n"));
    let out = folder.path().join("out");
    run(program().arg("run").arg(&path).arg("--out").arg(&out)).expect_one_of(&[0, 5]);
    let record = record(&out);
    let tails: Vec<&Value> = record.iter().filter(|line| line["t"] == "log").collect();
    assert_eq!(tails.len(), 2, "one for each old pod: {tails:#?}");
    for tail in tails {
        let lines: Vec<&str> = tail["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!((lines.len(), tail["earlier"].as_bool()), (20, Some(true)), "{tail}");
        assert_eq!(lines[18..], ["told to stop", "by\u{fffd}[31me"], "{tail}");
        let gone = |line: &&Value| line["t"] == "pod" && line["name"] == tail["pod"] && line["change"] == "gone";
        assert!(record.iter().any(|line| gone(&line)), "it is an old pod: {tail}");
    }
    assert!(!record.iter().any(|line| line["t"] == "gap"), "every log could be read");
}

fn logs_of_apache() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command.args(["run", "scenarios/apache-prestop.yaml", "--variant", "without-prestop", "--trials", "1"]);
    run(command.args(["--rate", "50", "--out"]).arg(&out)).expect_one_of(&[0, 5]);
    let record = record(&out);
    let tails: Vec<&Value> = record.iter().filter(|line| line["t"] == "log").collect();
    assert!(!tails.is_empty());
    let stopped = |tail: &&Value| tail["lines"].to_string().contains("SIGTERM");
    assert!(tails.iter().all(stopped), "Apache says what it was told: {tails:#?}");
}

fn unknown_variant() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["run", "scenarios/target-exit.yaml", "--variant", "exit", "--variant", "drian", "--out"];
    run(program().args(arguments).arg(&out))
        .expect_code(2)
        .says(&["there is no variant `drian`", "name one of exit, drain"]);
    assert!(!out.exists(), "nothing was begun");
}

fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = |name: &str| {
        let mut command = program();
        command.current_dir(folder.path()).args(["run", "--from", name]);
        command
    };
    run(&mut from("none")).expect_code(2).says(&["none/record.jsonl"]);
    run(&mut from("host")).expect_code(2).says(&["--load-from host"]);
    run(from("none").args(["-f", "a.yaml", "s.yaml"])).expect_code(2).says(&["SCENARIO", "cannot be used with"]);
    run(from("none").args(["--workload", "deployment/a"])).expect_code(2).says(&["--workload", "cannot be used with"]);
    run(from("none").args(["--header", "a"])).expect_code(2).says(&["none/record.jsonl"]);
    run(program().args(["run", "-f", "none.yaml", "--header", "a: b"])).expect_code(2).says(&["--from <DIR>"]);
    run(program().args(["run", "none.yaml", "--header", "a: b"]))
        .expect_code(2)
        .says(&["--header", "cannot be used with"]);
    let old = r#"{"t":"header","format":1,"rollproof":"0.0.9","scenario":"old"}"#;
    let on = |cluster: &str| {
        format!(
            r#"{{"t":"header","format":2,"rollproof":"0.1.0","started":"","started_unix_ns":0,"cluster":{{"kind":"x","version":"1"}},"places":[],"spec":{{"scenario":"s","seed":1,"trials":1,"max_lag_ns":1,"side_probe":true,"cluster":{{"choice":"{cluster}","routing":{{"base_ns":1,"min_sync_period_ns":1}}}},"folders":[],"variants":[]}}}}"#
        )
    };
    for (name, text, parts) in [
        ("old", old.to_owned(), ["format 1, written by rollproof 0.0.9", "run its scenario again"]),
        ("newer", "{\"t\":\"header\",\"format\":999,\"rollproof\":\"9\"}".to_owned(), ["format 999", "a newer one"]),
        ("context", on("context:shop"), ["context:shop", "`--cluster context:shop`"]),
        ("kind", on("kind:prod-copy"), ["kind:prod-copy", "`--cluster kind:prod-copy`"]),
        ("default-kind", on("kind"), ["cluster kind,", "`--cluster kind`"]),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("record.jsonl"), text + "\n").unwrap();
        run(&mut from(name)).expect_code(2).says(&parts);
    }
}
