//! A pod's status from what its containers do (`pkg/kubelet/kubelet_pods.go`, `getPhase` and
//! `convertStatusToAPIStatus`, and `pkg/kubelet/status/generate.go`, v1.34). Pure.

use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TerminatedRun {
    /// 128 plus the signal's number where one ended it.
    pub(super) exit_code: i32,
    /// `Completed`, `Error`, or why it could not be started.
    pub(super) reason: String,
    /// When it was started, in whole seconds as the API writes it.
    pub(super) started_at: String,
    pub(super) finished_at: String,
    pub(super) container_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ContainerRunState {
    /// It does not run yet, or not again yet.
    Waiting {
        /// For example `ContainerCreating` or `CrashLoopBackOff`.
        reason: String,
        /// In a sentence; may be empty.
        message: String,
    },
    Running {
        started_at: String,
        container_id: String,
    },
    /// It has ended and is not started again.
    Terminated(TerminatedRun),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    /// Its image, as the manifest writes it.
    pub(super) image: String,
    pub(super) state: ContainerRunState,
    /// How the run before ended.
    pub(super) last: Option<TerminatedRun>,
    pub(super) restarts: u32,
    /// Its startup probe has succeeded, or it has none and runs.
    pub(super) started: bool,
    /// Its readiness probe's present result, or that it has none and has started.
    pub(super) ready: bool,
}

impl ContainerStatus {
    /// A container that has not been started.
    pub(super) fn new(name: &str, image: &str) -> Self {
        let state = ContainerRunState::Waiting { reason: "ContainerCreating".to_owned(), message: String::new() };
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            state,
            last: None,
            restarts: 0,
            started: false,
            ready: false,
        }
    }
}

/// The reason of an ended container (`pkg/kubelet/kuberuntime/kuberuntime_container.go`, `toKubeContainerStatus`, as
/// containerd fills it).
pub(super) fn ended_reason(exit_code: i32) -> &'static str {
    if exit_code == 0 { "Completed" } else { "Error" }
}

#[derive(Debug, Clone)]
pub(super) struct NodePodFacts {
    /// The pod's address; empty before it has one.
    pub(super) pod_ip: String,
    pub(super) host_ip: String,
    /// When the node first saw the pod.
    pub(super) start_time: String,
    pub(super) restart_policy: String,
    /// The pod is being deleted and all its containers have ended for good.
    pub(super) terminal: bool,
}

/// Writes the status into `pod`. Conditions keep their transition time while their status stays; those of others stay.
pub(super) fn write(pod: &mut Value, facts: &NodePodFacts, containers: &[ContainerStatus], now: &str) {
    let phase = phase(facts, containers);
    let generation = pod["metadata"]["generation"].clone();
    let before = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let status = &mut pod["status"];
    if !status.is_object() {
        *status = json!({});
    }
    status["phase"] = phase.into();
    status["hostIP"] = facts.host_ip.clone().into();
    status["hostIPs"] = json!([{"ip": facts.host_ip}]);
    status["startTime"] = facts.start_time.clone().into();
    if !facts.pod_ip.is_empty() {
        status["podIP"] = facts.pod_ip.clone().into();
        status["podIPs"] = json!([{"ip": facts.pod_ip}]);
    }
    status["containerStatuses"] = containers.iter().map(container_status).collect();
    status["conditions"] = conditions(before, phase, facts, containers, now);
    if !generation.is_null() {
        status["observedGeneration"] = generation;
    }
}

/// `getPhase`: pending while a container waits for its first start; a pod that always restarts is running from then on
/// until it is deleted, when the exit codes decide.
fn phase(facts: &NodePodFacts, containers: &[ContainerStatus]) -> &'static str {
    let waiting = containers.iter().any(|c| matches!(c.state, ContainerRunState::Waiting { .. }) && c.last.is_none());
    let ended: Vec<&TerminatedRun> = containers.iter().filter_map(|c| ended_for_good(&c.state)).collect();
    let over = ended.len() == containers.len() && !containers.is_empty();
    if over && (facts.terminal || facts.restart_policy != "Always") {
        return if ended.iter().all(|end| end.exit_code == 0) { "Succeeded" } else { "Failed" };
    }
    if waiting { "Pending" } else { "Running" }
}

fn ended_for_good(state: &ContainerRunState) -> Option<&TerminatedRun> {
    match state {
        ContainerRunState::Terminated(ended) => Some(ended),
        _ => None,
    }
}

fn container_status(container: &ContainerStatus) -> Value {
    let state = match &container.state {
        ContainerRunState::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
        ContainerRunState::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
        ContainerRunState::Running { started_at, .. } => json!({"running": {"startedAt": started_at}}),
        ContainerRunState::Terminated(ended) => json!({"terminated": terminated(ended)}),
    };
    let last = container.last.as_ref().map_or(json!({}), |ended| json!({"terminated": terminated(ended)}));
    let id = match &container.state {
        ContainerRunState::Running { container_id, .. } => container_id.as_str(),
        ContainerRunState::Terminated(ended) => ended.container_id.as_str(),
        ContainerRunState::Waiting { .. } => container.last.as_ref().map_or("", |ended| ended.container_id.as_str()),
    };
    let mut status = json!({
        "name": container.name, "image": container.image, "imageID": "", "state": state, "lastState": last,
        "restartCount": container.restarts, "started": container.started, "ready": container.ready,
    });
    if !id.is_empty() {
        status["containerID"] = id.into();
    }
    status
}

fn terminated(ended: &TerminatedRun) -> Value {
    json!({
        "exitCode": ended.exit_code, "reason": ended.reason, "startedAt": ended.started_at,
        "finishedAt": ended.finished_at, "containerID": ended.container_id,
    })
}

/// The kubelet's conditions. The scheduler's `PodScheduled` is kept, or set where nobody did.
fn conditions(
    before: Vec<Value>,
    phase: &str,
    facts: &NodePodFacts,
    containers: &[ContainerStatus],
    now: &str,
) -> Value {
    let unready: Vec<&str> = containers.iter().filter(|c| !c.ready).map(|c| c.name.as_str()).collect();
    let (reason, message) = match phase {
        "Succeeded" => ("PodCompleted", String::new()),
        "Failed" => ("PodFailed", String::new()),
        _ => ("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    };
    let ready = unready.is_empty() && matches!(phase, "Pending" | "Running");
    let explained = |yes: bool| if yes { (true, "", String::new()) } else { (false, reason, message.clone()) };
    let mut all = before;
    for (kind, (status, reason, message)) in [
        ("PodReadyToStartContainers", (!facts.pod_ip.is_empty() && !facts.terminal, "", String::new())),
        ("Initialized", (true, "", String::new())),
        ("Ready", explained(ready)),
        ("ContainersReady", explained(ready)),
        ("PodScheduled", (true, "", String::new())),
    ] {
        set_condition(&mut all, kind, status, reason, &message, now);
    }
    Value::Array(all)
}

fn set_condition(all: &mut Vec<Value>, kind: &str, status: bool, reason: &str, message: &str, now: &str) {
    let status = if status { "True" } else { "False" };
    let old = all.iter().position(|condition| condition["type"] == kind);
    let since = old
        .map(|at| &all[at])
        .filter(|condition| condition["status"] == status)
        .and_then(|condition| condition["lastTransitionTime"].as_str())
        .unwrap_or(now);
    let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if !reason.is_empty() {
        condition["reason"] = reason.into();
    }
    if !message.is_empty() {
        condition["message"] = message.into();
    }
    match old {
        Some(at) => all[at] = condition,
        None => all.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(restart_policy: &str, terminal: bool) -> NodePodFacts {
        NodePodFacts {
            pod_ip: "127.1.1.2".to_owned(),
            host_ip: "127.1.1.1".to_owned(),
            start_time: "2026-01-01T00:00:00Z".to_owned(),
            restart_policy: restart_policy.to_owned(),
            terminal,
        }
    }

    fn running(name: &str, ready: bool) -> ContainerStatus {
        let state = ContainerRunState::Running {
            started_at: "2026-01-01T00:00:01Z".to_owned(),
            container_id: "x://1".to_owned(),
        };
        ContainerStatus { state, started: true, ready, ..ContainerStatus::new(name, "i") }
    }

    fn ended(exit_code: i32) -> TerminatedRun {
        TerminatedRun {
            exit_code,
            reason: ended_reason(exit_code).to_owned(),
            started_at: "2026-01-01T00:00:01Z".to_owned(),
            finished_at: "2026-01-01T00:00:02Z".to_owned(),
            container_id: "x://1".to_owned(),
        }
    }

    fn over(exit_code: i32) -> ContainerStatus {
        ContainerStatus { state: ContainerRunState::Terminated(ended(exit_code)), ..ContainerStatus::new("a", "i") }
    }

    fn condition<'a>(pod: &'a Value, kind: &str) -> &'a Value {
        pod["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap()
    }

    #[test]
    fn phases_follow_the_kubelets_table() {
        let crashing = ContainerStatus { last: Some(ended(1)), ..ContainerStatus::new("a", "i") };
        for (policy, terminal, containers, expected) in [
            ("Always", false, vec![ContainerStatus::new("a", "i")], "Pending"),
            ("Always", false, vec![running("a", false)], "Running"),
            ("Always", false, vec![running("a", true), ContainerStatus::new("b", "i")], "Pending"),
            ("Always", false, vec![crashing], "Running"),
            ("Always", false, vec![over(0)], "Running"),
            ("Always", true, vec![over(0)], "Succeeded"),
            ("Always", true, vec![over(0), over(137)], "Failed"),
            ("Never", false, vec![over(0)], "Succeeded"),
            ("Never", false, vec![over(3)], "Failed"),
        ] {
            assert_eq!(phase(&facts(policy, terminal), &containers), expected, "{policy} {terminal} {containers:?}");
        }
    }

    #[test]
    fn a_pod_is_ready_when_all_its_containers_are() {
        let mut pod = json!({"metadata": {"name": "p"}});
        write(&mut pod, &facts("Always", false), &[running("a", true), running("b", false)], "2026-01-01T00:00:02Z");
        let ready = condition(&pod, "Ready");
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("ContainersNotReady")));
        assert_eq!(ready["message"], "containers with unready status: [b]");
        write(&mut pod, &facts("Always", false), &[running("a", true), running("b", true)], "2026-01-01T00:00:03Z");
        assert_eq!(condition(&pod, "Ready")["status"], "True");
        assert_eq!(condition(&pod, "Ready")["lastTransitionTime"], "2026-01-01T00:00:03Z");
        assert_eq!(condition(&pod, "Initialized")["lastTransitionTime"], "2026-01-01T00:00:02Z");
        assert_eq!(pod["status"]["podIP"], "127.1.1.2");
    }

    #[test]
    fn an_ended_pod_is_not_ready_and_says_why() {
        let mut pod = json!({"metadata": {"name": "p"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"},
            {"type": "Theirs", "status": "True"},
        ]}});
        write(&mut pod, &facts("Always", true), &[over(137)], "2026-01-01T00:00:03Z");
        assert_eq!(condition(&pod, "Ready")["reason"], "PodFailed");
        assert_eq!(condition(&pod, "PodScheduled")["lastTransitionTime"], "2025-01-01T00:00:00Z");
        assert_eq!(condition(&pod, "Theirs")["status"], "True");
        let state = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!((&state["exitCode"], &state["reason"]), (&json!(137), &json!("Error")));
    }
}
