//! How a pod ends: hook, stop signal, grace, SIGKILL (`pkg/kubelet/kuberuntime/kuberuntime_container.go`,
//! `killContainer` and `executePreStopHook`, v1.34; the documentation's page "Pod Lifecycle", "Termination of Pods").

use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::cluster::embedded::node::NodeAction;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::supervise::{daemon, found, looping, parent, pid_of};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_stop_signal_comes_after_the_hook", signal_after_hook),
        trial("without_a_hook_the_stop_signal_comes_at_once", signal_at_once),
        trial("the_hooks_time_counts_against_the_grace", hook_counts),
        trial("a_hook_that_uses_up_the_grace_leaves_two_seconds", two_seconds_more),
        trial("a_failing_hook_does_not_stop_the_termination", failing_hook),
        trial("a_hook_dies_with_the_container", hook_dies),
        trial("a_sleep_hook_is_waited_for", sleep_hook),
        trial("a_shell_that_does_not_catch_term_is_killed_at_the_end_of_the_grace", killed_at_grace_end),
        trial("the_containers_stop_signal_wins_over_the_images", own_stop_signal),
        trial("a_daemon_of_the_container_does_not_outlive_it", no_daemon_left),
        trial("a_killed_supervisor_is_told_as_the_nodes_own_trouble", supervisor_killed),
        trial("a_pod_removed_by_force_is_still_stopped_in_order", forced),
    ]
}

/// Catches TERM and ends with code 0.
const POLITE: &str = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done";
/// Catches nothing: as PID 1 it does not get TERM.
const DEAF: &str = "echo up; while :; do sleep 0.05; done";

fn hook(script: &str) -> Value {
    json!({"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", script]}}}})
}

async fn up(bench: &Bench, script: &str, grace_s: i64, more: &Value) {
    bench.shell("p", script, grace_s, more);
    bench.running("p").await;
    bench.says("p", "up").await;
}

fn signalled(action: &NodeAction) -> bool {
    matches!(action, NodeAction::StopSignal { .. })
}

fn hook_started(action: &NodeAction) -> bool {
    matches!(action, NodeAction::HookStarted { .. })
}

async fn signal_after_hook() {
    let bench = Bench::start();
    up(&bench, POLITE, 30, &hook("sleep 1")).await;
    let last = bench.delete_and_wait("p").await;
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(0), &json!("Completed")));
    let order: Vec<NodeAction> = bench.actions("p").into_iter().skip(1).map(|(_, action)| action).collect();
    let expected = [
        NodeAction::HookStarted { hook: "preStop" },
        NodeAction::HookEnded { hook: "preStop", success: true },
        NodeAction::StopSignal { signal: 15, delivered: true },
        NodeAction::ContainerFinished { exit_code: 0 },
    ];
    assert_eq!(order, expected);
    assert!(bench.when("p", signalled) - bench.when("p", hook_started) >= 0.9);
    let events = bench.events("p");
    assert_eq!(events["Killing"], "Stopping container web");
    assert!(!events.contains_key("FailedPreStopHook"));
    bench.end().await;
}

async fn signal_at_once() {
    let bench = Bench::start();
    up(&bench, POLITE, 30, &json!({})).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 0);
    let order: Vec<NodeAction> = bench.actions("p").into_iter().skip(1).map(|(_, action)| action).collect();
    assert_eq!(
        order,
        [NodeAction::StopSignal { signal: 15, delivered: true }, NodeAction::ContainerFinished { exit_code: 0 }]
    );
    bench.end().await;
}

async fn hook_counts() {
    let bench = Bench::start();
    up(&bench, DEAF, 6, &hook("sleep 2.5")).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 137);
    // Two whole seconds of the six are used up: four are left after the hook.
    let left = bench.when("p", |action| *action == NodeAction::Killed) - bench.when("p", signalled);
    assert!((3.5..5.5).contains(&left), "{left} s");
    bench.end().await;
}

async fn two_seconds_more() {
    let bench = Bench::start();
    up(&bench, DEAF, 1, &hook("sleep 60")).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 137);
    let hook = bench.when("p", signalled) - bench.when("p", hook_started);
    let left = bench.when("p", |action| *action == NodeAction::Killed) - bench.when("p", signalled);
    assert!((0.8..1.8).contains(&hook), "the hook was waited for {hook} s");
    assert!((1.8..3.5).contains(&left), "{left} s");
    // It was not stopped when its time was over, but died with its container.
    bench.when("p", |action| *action == NodeAction::HookEnded { hook: "preStop", success: false });
    assert_eq!(bench.events("p")["FailedPreStopHook"], "PreStopHook failed");
    bench.end().await;
}

async fn failing_hook() {
    for script in ["exit 1", "no-such-command"] {
        let bench = Bench::start();
        up(&bench, POLITE, 30, &hook(script)).await;
        assert_eq!(bench.delete_and_wait("p").await["exitCode"], 0);
        assert_eq!(bench.events("p")["FailedPreStopHook"], "PreStopHook failed");
        bench.when("p", |action| *action == NodeAction::StopSignal { signal: 15, delivered: true });
        bench.end().await;
    }
}

async fn hook_dies() {
    let bench = Bench::start();
    // In a command `$$` is one `$`; in a hook it is not touched.
    let script = format!("echo $$$$ > pid; {POLITE}");
    up(&bench, &script, 60, &hook("kill $(cat pid); sleep 60")).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 0);
    let actions = bench.actions("p");
    let hook = bench.when("p", |action| *action == NodeAction::HookEnded { hook: "preStop", success: false });
    assert!(hook - bench.when("p", hook_started) < 10.0);
    // The system ends the hook with the container: where its end is noticed first, the stop signal meets a container that is ending.
    let finished = bench.when("p", |action| matches!(action, NodeAction::ContainerFinished { .. }));
    let early = |(at, action): &(f64, NodeAction)| signalled(action) && *at < finished - 0.1;
    assert!(!actions.iter().any(early), "{actions:?}");
    assert_eq!(bench.events("p")["FailedPreStopHook"], "PreStopHook failed");
    bench.end().await;
}

async fn sleep_hook() {
    let bench = Bench::start();
    up(&bench, POLITE, 30, &json!({"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}})).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 0);
    assert!(bench.when("p", signalled) - bench.when("p", hook_started) >= 0.9);
    bench.end().await;
}

async fn killed_at_grace_end() {
    let bench = Bench::start();
    up(&bench, DEAF, 3, &json!({})).await;
    let last = bench.delete_and_wait("p").await;
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(137), &json!("Error")));
    bench.when("p", |action| *action == NodeAction::StopSignal { signal: 15, delivered: false });
    let grace = bench.when("p", |action| *action == NodeAction::Killed) - bench.when("p", signalled);
    assert!((2.8..4.5).contains(&grace), "{grace} s");
    bench.end().await;
}

async fn own_stop_signal() {
    let bench = Bench::start();
    let script = "trap 'exit 3' USR1; echo up; while :; do sleep 0.05; done";
    up(&bench, script, 30, &json!({"lifecycle": {"stopSignal": "SIGUSR1"}})).await;
    assert_eq!(bench.delete_and_wait("p").await["exitCode"], 3);
    bench.end().await;
}

async fn no_daemon_left() {
    let bench = Bench::start();
    let file = bench.folder.join("daemon");
    let script = format!("{}; until test -e {}; do sleep 0.02; done; {POLITE}", daemon(&file), file.display());
    up(&bench, &script, 30, &json!({})).await;
    assert!(found(&file).is_some());
    bench.delete_and_wait("p").await;
    assert_eq!(found(&file), None);
    assert!(bench.trouble().is_empty(), "an ordinary end is nobody's trouble: {:?}", bench.trouble());
    bench.end().await;
}

async fn supervisor_killed() {
    let bench = Bench::start();
    let file = bench.folder.join("main");
    let (other, mark) = (bench.folder.join("other"), file.display());
    bench.shell("other", &looping(&other), 1, &json!({}));
    bench.shell("p", &format!("{}; rm {mark}", looping(&file)), 1, &json!({}));
    bench.running("other").await;
    let supervisor = parent(parent(pid_of(&file).await).unwrap()).unwrap();
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    let web = bench.until("p", "restarted", |web| web["restartCount"] == 1).await;
    assert_eq!(web["lastState"]["terminated"]["exitCode"], 137);
    let trouble = bench.trouble();
    assert!(trouble.len() == 1 && trouble[0].contains("container web in pod p was killed"), "{trouble:?}");
    assert!(found(&other).is_some());
    bench.end().await;
}

async fn forced() {
    use rollproof::cluster::embedded::store::{DeleteOptions, ObjectKind};
    let bench = Bench::start();
    up(&bench, POLITE, 30, &json!({})).await;
    bench.store.delete(ObjectKind::Pod, "default", "p", &DeleteOptions::grace(0)).unwrap();
    for _ in 0..500 {
        if bench.actions("p").iter().any(|(_, action)| matches!(action, NodeAction::ContainerFinished { .. })) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    bench.when("p", |action| *action == NodeAction::ContainerFinished { exit_code: 0 });
    bench.end().await;
}
