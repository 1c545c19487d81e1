//! The kinds of rollout on the embedded cluster, and those that it refuses by name.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{lost_its_selection, program, run};
use crate::{Needs, Test, beside, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        beside("rollouts_by_scale_patch_and_eviction_roll_in_each_trial", Needs::Nothing, each_kind),
        beside("an_eviction_that_the_budget_forbids_is_inconclusive", Needs::Nothing, forbidden),
        beside("a_patch_that_only_says_what_is_so_by_default_is_inconclusive", Needs::Nothing, by_default),
        test("a_service_that_selects_no_new_pod_fails_and_its_selector_is_named", Needs::Nothing, unselected),
        beside("what_the_embedded_cluster_cannot_roll_is_refused_by_name", Needs::Nothing, refused),
    ]
}

fn manifest() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/target.yaml")).unwrap()
}

/// A server that drains, and the scenario's own lines, in a folder of their own.
fn scenario(folder: &Path, manifest: &str, lines: &str) -> std::path::PathBuf {
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let path = folder.join("run.yaml");
    fs::write(&path, format!("name: kinds\nmanifests: web.yaml\nload: {{rate: 50, timeout: 2s}}\n{lines}")).unwrap();
    path
}

fn lines(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("record.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let variants = "trials: 2\nvariants:\n\
        \x20 by-scale: {rollout: {scale: {to: 1}}, lost_at_most: 1000}\n\
        \x20 by-patch: {rollout: {patch: {spec: {template: {spec: {terminationGracePeriodSeconds: 7}}}}}, lost_at_most: 1000}\n\
        \x20 by-eviction: {rollout: {evict: {}}, lost_at_most: 1000}\n";
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: target}\n\
        spec: {minAvailable: 1, selector: {matchLabels: {app: target}}}\n";
    let path = scenario(folder.path(), &(manifest() + budget), variants);
    let out = folder.path().join("out");
    let ran = run(program().arg("run").arg(&path).arg("--out").arg(&out));
    let record = lines(&out);
    let ends = record.iter().filter(|line| line["t"] == "trial-end").collect::<Vec<_>>();
    // If the change of the last trial had not been undone, this trial would find nothing to change.
    assert!(ends.len() >= 6, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ends.iter().all(|end| end["complete"] == true), "{ends:#?}\n{}", ran.stderr);
    assert!(ends.iter().all(|end| end["reset"] != true), "every way back was taken: {ends:#?}");
    let namespace_of = |trial: &Value| {
        let start = record.iter().find(|line| line["t"] == "trial-start" && line["trial"] == *trial).unwrap();
        start["variant"].as_str().unwrap().to_owned()
    };
    let details = record.iter().filter(|line| line["t"] == "mark" && line["name"] == "rollout-step");
    let of = |variant: &str| {
        let own = details.clone().filter(|mark| namespace_of(&mark["trial"]) == variant);
        own.map(|mark| mark["detail"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(of("by-scale").iter().all(|detail| detail == "scale to 1"));
    assert!(of("by-patch").iter().all(|detail| detail == "patch"));
    let evictions = of("by-eviction");
    assert!(evictions.len() >= 4, "two pods in each of two trials: {evictions:?}");
    assert!(evictions.iter().all(|detail| detail.starts_with("evicted pod target-")), "{evictions:?}");
    assert!(
        evictions.iter().any(|detail| !detail.contains("refused 0 times")),
        "the budget lets the second go only after the first one's replacement: {evictions:?}"
    );
}

fn unselected() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command.args(["run", "tests/fixtures/selector/run.yaml", "--trials", "2", "--out"]).arg(&out);
    let ran = run(&mut command).expect_code(4);
    assert!(ran.unwrapped().contains("service/web spec.selector: {app: web}"), "{}", ran.stdout);
    lost_its_selection(&out);
}

fn forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: target}\n\
        spec: {maxUnavailable: 0, selector: {matchLabels: {app: target}}}\n";
    let path = scenario(folder.path(), &(manifest() + budget), "rollout: {evict: {}, timeout: 3s}\n");
    let out = folder.path().join("out");
    run(program().arg("run").arg(&path).arg("--out").arg(&out)).expect_code(5);
    let record = lines(&out);
    let end = record.iter().find(|line| line["t"] == "trial-end").unwrap();
    let reason = end["reason"].as_str().unwrap();
    assert!(reason.starts_with("the eviction was not complete after 3 s: the eviction of pod target-"), "{reason}");
    assert!(reason.contains("disruption budget"), "{reason}");
}

fn by_default() {
    let folder = tempfile::tempdir().unwrap();
    let lines_ = "rollout: {patch: {spec: {template: {spec: {terminationGracePeriodSeconds: 30}}}}}\n";
    let path = scenario(folder.path(), &manifest(), lines_);
    let out = folder.path().join("out");
    run(program().arg("run").arg(&path).arg("--out").arg(&out)).expect_code(5);
    let record = lines(&out);
    let end = record.iter().find(|line| line["t"] == "trial-end").unwrap();
    let reason = end["reason"].as_str().unwrap();
    assert!(reason.contains("changed nothing in deployment/target, so no pod is replaced"), "{reason}");
}

fn refused() {
    let folder = tempfile::tempdir().unwrap();
    let command = scenario(folder.path(), &manifest(), "rollout: {command: [helm, upgrade, web]}\n");
    run(program().arg("run").arg(&command))
        .expect_code(2)
        .says(&["its rollout is a command", "run it with --cluster kind"]);
    let cordon = scenario(folder.path(), &manifest(), "rollout: {evict: {cordon: true}}\n");
    run(program().arg("run").arg(&cordon)).expect_code(2).says(&["cordons a node", "--cluster kind"]);
    let set = manifest().replace("kind: Deployment", "kind: StatefulSet");
    let set = scenario(folder.path(), &set, "");
    run(program().arg("run").arg(&set))
        .expect_code(2)
        .says(&["statefulset/target is a StatefulSet, and the embedded cluster rolls Deployments only"]);
}
