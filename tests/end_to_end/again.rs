//! Running a record again, until a loss shows, and the last lines of the pods that a rollout ended.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::program::{AS_EXPECTED, clean, program, report, run, variant};
use crate::{Needs, test};

/// The Secret that the pods of [`scenario`] take a variable from.
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: hunter2}\n";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_record_runs_again_from_anywhere_with_the_same_outcome", Needs::Nothing, same),
        test("a_record_with_secrets_and_credentials_needs_them_again", Needs::Nothing, hidden),
        test("a_record_keeps_its_recipe_beside_the_manifest", Needs::Nothing, recipe),
        test("until_loss_ends_with_the_trial_in_which_it_shows", Needs::Nothing, shows),
        test("until_loss_says_what_could_still_be_lost", Needs::Nothing, does_not_show),
        test("refused_variants_that_are_not_there", Needs::Nothing, unknown_variant),
        test("refused_records_that_cannot_be_run_again", Needs::Nothing, refused),
    ]
}

fn manifest() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/target.yaml")).unwrap()
}

fn header(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("record.jsonl")).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// The first run is of a scenario; the second starts elsewhere, with nothing but the record.
fn same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let arguments = ["run", "scenarios/target-exit.yaml", "--trials", "1", "--seed", "5", "--out"];
    run(program().args(arguments).arg(&first)).expect_one_of(&AS_EXPECTED);
    let mut again = program();
    again.current_dir(folder.path()).args(["run", "--from", "first", "--out", "second"]);
    run(&mut again).expect_one_of(&AS_EXPECTED).says(&["target-exit: 2 trials of 2 variants"]);
    let (mut one, mut two) = (header(&first), header(&second));
    for part in [&mut one, &mut two] {
        for changes in ["started", "started_unix_ns"] {
            part.as_object_mut().unwrap().remove(changes).unwrap();
        }
    }
    assert_eq!(one, two, "the same was planned");
    for out in [&first, &second] {
        let report = report(out);
        assert!(variant(&report, "exit")["lost"].as_u64().unwrap() > 0);
        clean(&report, "drain");
    }
    let outcomes = |out: &Path| {
        let report = report(out);
        let kinds = variant(&report, "exit")["arms"]["new"]["outcomes"].as_object().unwrap().clone();
        kinds.keys().cloned().collect::<Vec<_>>()
    };
    let both = (outcomes(&first), outcomes(&second));
    assert!(both.0.contains(&"refused".to_owned()) && both.1.contains(&"refused".to_owned()), "{both:?}");
}

/// A scenario whose pods take a variable from a Secret, and whose requests bear a credential.
fn scenario(folder: &Path) -> PathBuf {
    let env = "          env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: key, key: token}}}]\n";
    let image = "          image: rollproof/target\n";
    let manifest = manifest();
    assert!(manifest.contains(image), "{manifest}");
    let text = manifest.replace(image, &format!("{image}{env}")) + "---\n" + SECRET;
    fs::write(folder.join("web.yaml"), text).unwrap();
    let path = folder.join("run.yaml");
    let load = "load: {rate: 50, timeout: 2s, requests: [{path: /, headers: {Authorization: Bearer xyzzy}}]}\n";
    fs::write(&path, format!("name: hidden\nmanifests: web.yaml\n{load}variants: {{a: {{expect: loss}}}}\n")).unwrap();
    path
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

/// The recipe's folder is remembered as it was found, not as it was written.
fn recipe() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest().replace("rollproof/target", "own");
    fs::create_dir_all(folder.path().join("images/own")).unwrap();
    let script = format!("if test $1 = run; then shift; exec {} target \"$@\"; fi\n", env!("CARGO_BIN_EXE_rollproof"));
    fs::write(folder.path().join("images/own/embedded"), script).unwrap();
    fs::write(folder.path().join("web.yaml"), manifest).unwrap();
    let mut first = program();
    first.current_dir(folder.path()).args(["run", "-f", "web.yaml", "--out", "first"]);
    run(&mut first).expect_one_of(&AS_EXPECTED);
    let mut second = program();
    second.args(["run", "--rate", "60", "--from"]).arg(folder.path().join("first"));
    run(second.arg("--out").arg(folder.path().join("second"))).expect_one_of(&AS_EXPECTED);
    let report = report(&folder.path().join("second"));
    assert!(report["variants"][0]["ok"].as_u64().unwrap() > 50, "{report}");
}

fn shows() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["run", "scenarios/target-exit.yaml", "--variant", "exit", "--until-loss", "--trials", "9", "--out"];
    let ran = run(program().args(arguments).arg(&out)).expect_code(0);
    let ran = ran.says(&["a loss has shown after 1 rollout: trial 1 of exit lost", "the run ends here"]);
    assert!(ran.stderr.contains("9 trials of 1 variant"), "{}", ran.stderr);
    let report = report(&out);
    assert_eq!(report["variants"].as_array().unwrap().len(), 1);
    assert_eq!(report["variants"][0]["trials_list"].as_array().unwrap().len(), 1);
}

fn does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command.args(["run", "scenarios/target-exit.yaml", "--variant", "drain", "--until-loss", "--trials", "2"]);
    let ran = run(command.args(["--rate", "60", "--out"]).arg(&out)).expect_code(0);
    ran.says(&["no loss has shown in 2 rollouts of drain", "up to 77.6 % of its rollouts could lose something"]);
    assert_eq!(report(&out)["variants"][0]["trials_list"].as_array().unwrap().len(), 2);
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
    run(program().args(["run", "scenarios/target-exit.yaml", "--header", "a: b"])).expect_code(2).says(&["--from"]);
    let old = r#"{"t":"header","format":1,"rollproof":"0.0.9","scenario":"old","seed":1,"started":"","started_unix_ns":0,"cluster":{"kind":"embedded","version":"1"},"trials":1,"max_lag_ms":100,"variants":[]}"#;
    for (name, text, parts) in [
        ("old", old.to_owned(), ["rollproof 0.0.9", "cannot be run again"]),
        ("newer", "{\"t\":\"header\",\"format\":999}".to_owned(), ["999", "newer"]),
        (
            "context",
            old.replacen('{', r#"{"again":{"cluster":"context:shop","base_ns":1,"min_sync_period_ns":1,"probe":true,"folders":[],"variants":{}},"#, 1),
            ["context shop", "--cluster context:shop"],
        ),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("record.jsonl"), text + "\n").unwrap();
        run(&mut from(name)).expect_code(2).says(&parts);
    }
}
