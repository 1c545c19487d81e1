//! Failures while the program runs: interruptions, a kill, a full disk, no namespaces, pods that never start.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{containers, finish, processes_with, program, report, run, variant, wait_for};
use crate::{Needs, Test, beside, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        beside("interrupted_in_the_load_leaves_a_report_and_no_child", Needs::Nothing, || interrupted("load-started")),
        beside("interrupted_in_the_rollout_leaves_a_report_and_no_child", Needs::Nothing, || {
            interrupted("rollout-step");
        }),
        beside("interrupted_before_the_first_trial", Needs::Nothing, || interrupted("\"t\":\"header\"")),
        beside("killed_outright_leaves_no_child_and_a_readable_record", Needs::Nothing, killed),
        beside("a_full_disk_ends_the_run_with_a_readable_record", Needs::Nothing, full_disk),
        test("without_namespaces_the_demo_runs_and_says_so", Needs::Nothing, no_namespaces),
        beside("without_namespaces_manifests_of_the_users_own_are_refused", Needs::Nothing, no_namespaces_own_manifest),
        beside("a_pod_that_never_gets_ready_shows_its_last_log_lines", Needs::Nothing, never_ready),
        beside("a_rollout_that_never_completes_ends_with_a_report", Needs::Nothing, never_completes),
        beside("a_missing_server_is_named_with_its_package", Needs::Nothing, missing_server),
    ]
}

fn start(out: &Path, marker: &str) -> Child {
    let (name, value) = marker.split_once('=').unwrap();
    program()
        .args(["run", "scenarios/target-exit.yaml", "--trials", "1", "--out"])
        .arg(out)
        .env(name, value)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for_line(out: &Path, part: &str) {
    let record = out.join("record.jsonl");
    wait_for(&format!("{part} in the record"), Duration::from_mins(1), || {
        fs::read_to_string(&record).is_ok_and(|text| text.contains(part))
    });
}

fn no_child_left(marker: &str, out: &Path) {
    wait_for("all children to end", Duration::from_secs(10), || {
        processes_with(marker).is_empty() && containers(out).is_empty()
    });
}

fn interrupted(at: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let marker = format!("ROLLPROOF_TEST_MARK=interrupted-{at}-{}", std::process::id());
    let child = start(&out, &marker);
    wait_for_line(&out, at);
    assert!(!processes_with(&marker).is_empty(), "the marker finds the program");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    finish(child).expect_code(130);
    no_child_left(&marker, &out);
    let report = report(&out);
    assert_ne!(report["verdict"], "pass");
    let again = run(program().arg("report").arg(&out));
    assert!(matches!(again.code, Some(4 | 5)), "{}", again.stderr);
}

fn killed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let marker = format!("ROLLPROOF_TEST_MARK=killed-{}", std::process::id());
    let mut child = start(&out, &marker);
    wait_for_line(&out, "rollout-step");
    assert!(containers(&out).len() >= 2, "the truth file finds the containers");
    child.kill().unwrap();
    child.wait().unwrap();
    no_child_left(&marker, &out);
    let again = run(program().arg("report").arg(&out));
    assert!(matches!(again.code, Some(4 | 5)), "a cut record never passes: {:?}\n{}", again.code, again.stderr);
    assert_ne!(report(&out)["verdict"], "pass");
}

fn full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let kept = folder.path().join("kept");
    fs::create_dir(&small).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=96k tmpfs {small} && {program} run scenarios/target-exit.yaml --trials 1 --out {small}/run; \
         code=$?; cp {small}/run/record.jsonl {kept}; exit $code",
        small = small.display(),
        kept = kept.display(),
        program = env!("CARGO_BIN_EXE_rollproof"),
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut command).expect_code(3).says(&["record.jsonl", "No space left"]);
    let rescued = folder.path().join("rescued");
    fs::create_dir(&rescued).unwrap();
    fs::copy(&kept, rescued.join("record.jsonl")).unwrap();
    let again = run(program().arg("report").arg(&rescued));
    assert!(matches!(again.code, Some(4 | 5)), "{}", again.stderr);
}

/// A user namespace that allows no further ones, as in a container without privileges.
pub(crate) fn without_namespaces(arguments: &str) -> std::process::Command {
    let script =
        format!("echo 0 >/proc/sys/user/max_user_namespaces && exec {} {arguments}", env!("CARGO_BIN_EXE_rollproof"));
    let mut command = std::process::Command::new("unshare");
    command.args(["-Ur", "sh", "-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1");
    command
}

fn no_namespaces() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = format!("run scenarios/target-exit.yaml --trials 1 --out {}", out.display());
    run(&mut without_namespaces(&arguments)).expect_code(0).says(&["namespace"]);
    let report = report(&out);
    assert!(variant(&report, "exit")["lost"].as_u64().unwrap() > 0);
    assert_eq!(variant(&report, "drain")["lost"], 0);
}

fn own_manifests(folder: &Path, container: &str) -> std::path::PathBuf {
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 1\n  progressDeadlineSeconds: 4\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers:\n        - name: web\n{container}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  \
         selector: {{app: web}}\n  ports: [{{port: 80, targetPort: 8080}}]\n"
    );
    fs::write(folder.join("web.yaml"), manifest).unwrap();
    let scenario = "name: own\nmanifests: [web.yaml]\nworkload: deployment/web\nservice: web\nload:\n  rate: 50\n  timeout: 2s\n  \
                    requests: [{path: /, arms: [new]}]\nrollout: {env: {container: web, name: BREAK}}\ntrials: 1\n\
                    variants:\n  only: {expect: clean}\n";
    let file = folder.join("own.yaml");
    fs::write(&file, scenario).unwrap();
    file
}

fn no_namespaces_own_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let file = own_manifests(folder.path(), "          image: rollproof/target");
    run(&mut without_namespaces(&format!("run {} --out {}/out", file.display(), folder.path().display())))
        .expect_code(2)
        .says(&["--allow-host-commands"]);
}

fn never_ready() {
    let folder = tempfile::tempdir().unwrap();
    let container = "          image: rollproof/target\n          command: [\"sh\", \"-c\", \"echo one last word; sleep 60\"]\n          \
                     readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}";
    let file = own_manifests(folder.path(), container);
    run(program().arg("run").arg(&file).arg("--out").arg(folder.path().join("out")))
        .expect_code(3)
        .says(&["deployment/web", "one last word"]);
}

/// The first pods serve; after the rollout has set BREAK, the new ones never become ready.
fn never_completes() {
    let folder = tempfile::tempdir().unwrap();
    let program_path = env!("CARGO_BIN_EXE_rollproof");
    let container = format!(
        "          image: rollproof/target\n          command: [\"sh\", \"-c\", \"[ -z \\\"$BREAK\\\" ] || exec sleep 600; exec {program_path} target\"]\n          \
         env: [{{name: BREAK, value: \"\"}}]\n          readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}"
    );
    let file = own_manifests(folder.path(), &container);
    let out = folder.path().join("out");
    run(program().arg("run").arg(&file).arg("--out").arg(&out)).expect_code(5);
    let report = report(&out);
    assert_eq!(report["verdict"], "inconclusive");
    assert_eq!(variant(&report, "only")["trials_list"][0]["complete"], false);
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(markdown.contains("has timed out progressing"), "{markdown}");
}

fn missing_server() {
    let folder = tempfile::tempdir().unwrap();
    // Where Apache is installed, a mount hides it from this run alone.
    let script = format!(
        "if [ -e /usr/sbin/apache2 ]; then mount --bind /dev/null /usr/sbin/apache2; fi; \
         exec {} run scenarios/apache-prestop.yaml --trials 1 --out {}/out",
        env!("CARGO_BIN_EXE_rollproof"),
        folder.path().display()
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-Urm", "sh", "-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut command).expect_code(3).says(&["Apache", "install the package apache2"]);
}
