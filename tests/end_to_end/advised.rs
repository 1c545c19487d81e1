//! Advice that is tried at once, and the page of one incident.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{program, report, run, variant};
use crate::{Needs, Test, beside, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("tried_advice_cures_what_it_is_about", Needs::Nothing, cures),
        beside("without_a_loss_there_is_no_advice_to_try", Needs::Nothing, nothing_lost),
        beside("refused_incidents_that_are_not_there", Needs::Nothing, no_incident),
    ]
}

/// The shipped manifest of the built-in server, which exits at once on the stop signal.
fn scenario(folder: &Path, variants: &str) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/target.yaml");
    fs::copy(shipped, folder.join("web.yaml")).unwrap();
    let path = folder.join("run.yaml");
    let head = "name: advised\nmanifests: web.yaml\nmax_lag_ms: 10000\n";
    let load = "load: {rate: 80, timeout: 5s, requests: [{path: /, arms: [new, reused]}, {path: '/slow?ms=400', arms: [new], share: 20%}]}\n";
    fs::write(&path, format!("{head}{load}variants: {variants}\n")).unwrap();
    path
}

fn cures() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let path = scenario(folder.path(), "{exit: {expect: loss}}");
    let ran = run(program().arg("run").arg(&path).arg("--try-advice").arg("--out").arg(&out)).expect_code(0);
    for words in [
        "Why exit lost requests",
        "Fix (advice-exit.json; --try-advice tries it)",
        "exit-advised lost 0 in 1 rollout",
        "the advice cured it",
    ] {
        assert!(ran.unwrapped().contains(words), "{words}: {}", ran.stdout);
    }
    let first = report(&out);
    assert!(variant(&first, "exit")["advice_patch"].is_object(), "{first}");
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("advice-exit.json")).unwrap()).unwrap();
    assert_eq!(written, variant(&first, "exit")["advice_patch"]);
    let tried = report(&out.join("advised"));
    assert!(variant(&tried, "exit")["lost"].as_u64().unwrap() > 0, "{tried}");
    assert_eq!(variant(&tried, "exit-advised")["lost"], 0, "{tried}");

    let incidents = first["incidents"].as_array().unwrap();
    let id = incidents[0]["id"].to_string();
    let page = run(program().arg("report").arg(&out).args(["--incident", &id])).expect_code(0);
    for words in
        ["incident 1 in trial 1 of exit", "evidence, for its first attempt", "deletion", "run --from", "--until-loss"]
    {
        assert!(page.stdout.contains(words), "{words}: {}", page.stdout);
    }
}

fn nothing_lost() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let path = scenario(folder.path(), "{still: {rollout: {none: {for: 2s}}}}");
    let ran = run(program().arg("run").arg(&path).arg("--try-advice").arg("--out").arg(&out)).expect_code(0);
    ran.says(&["--try-advice: nothing was lost, so there is nothing to advise"]);
    assert!(!out.join("advised").exists());
    let page = run(program().arg("report").arg(&out).args(["--incident", "1"])).expect_code(2);
    page.says(&["the record has no incident: nothing was lost"]);
}

fn no_incident() {
    run(program().args(["report", "/nowhere", "--incident", "1"])).expect_code(2).says(&["/nowhere"]);
    run(program().args(["report", "/nowhere", "--incident", "x"])).expect_code(2).says(&["--incident"]);
}
