//! Pods of a sample trial, as the watches and the side probe see them.

use super::super::Arm;
use super::super::entry::{
    ContainerSeen, ContainerState, EndpointSeen, EndpointsSeen, Entry, EventSeen, ListenerSeen, ListenerState, PodSeen,
    Pulse, SeenChange,
};
use super::{SampleTrial, pod_seen, pulse};

pub const NAMESPACE: &str = "rollproof-web";
const STARTED_UNIX_NS: u64 = 1_795_514_400_000_000_000;

/// A pod: moments in milliseconds from the rollout's first mark; what is `None` was not seen.
#[derive(Clone, Default)]
pub struct SamplePod {
    pub name: &'static str,
    /// What tells it from another one of its name.
    pub uid: &'static str,
    pub labels: &'static [(&'static str, &'static str)],
    pub node: Option<&'static str>,
    /// From when on it is there; an old one from before the load.
    pub seen: Option<i64>,
    pub endpoint_ready: Option<i64>,
    pub opened: Option<i64>,
    pub deleted: Option<i64>,
    pub grace_s: i64,
    pub not_ready: Option<i64>,
    pub hook_failed: Option<i64>,
    /// The container whose hook failed, where the event tells.
    pub hook_of: Option<&'static str>,
    pub closed: Option<i64>,
    /// The probe's last look, where no later one saw it closed.
    pub open_until: Option<i64>,
    /// When its container ended, and its exit code.
    pub finished: Option<(i64, i32)>,
    pub restarted: Option<i64>,
    /// From when to when its endpoint was not ready.
    pub unready: Option<(i64, i64)>,
    /// From when to when its container had ended with exit code 3, without a deletion.
    pub crashed: Option<(i64, i64)>,
    /// When another container beside the serving one was killed.
    pub sidecar_killed: Option<i64>,
    /// When another container beside the serving one ended, which had none of its hook.
    pub sidecar_ended: Option<i64>,
    /// No pod of the rolled workload, whose pods are watched: only the Service's endpoints tell of it.
    pub unwatched: bool,
    /// From when to when it answered new connections.
    pub served: Option<(i64, i64)>,
}

/// An old pod that nothing happens to.
pub const OLD: SamplePod = SamplePod {
    name: "web-old",
    uid: "",
    labels: &[],
    node: None,
    seen: Some(-2_900),
    endpoint_ready: Some(-2_900),
    opened: Some(-2_900),
    deleted: None,
    grace_s: 30,
    not_ready: None,
    hook_failed: None,
    hook_of: None,
    closed: None,
    open_until: None,
    finished: None,
    restarted: None,
    unready: None,
    crashed: None,
    sidecar_killed: None,
    sidecar_ended: None,
    unwatched: false,
    served: Some((-2_900, 8_000)),
};

/// An old pod that is deleted after a second and whose server ends at once.
pub const STOPPED: SamplePod = SamplePod {
    name: "web-stopped",
    deleted: Some(1_000),
    not_ready: Some(1_030),
    closed: Some(1_050),
    open_until: None,
    finished: Some((1_060, 0)),
    served: Some((-2_900, 900)),
    ..OLD
};

/// A new pod that listens before it is ready.
pub const NEW: SamplePod = SamplePod {
    name: "web-new",
    seen: Some(200),
    endpoint_ready: Some(900),
    opened: Some(600),
    served: Some((1_000, 8_000)),
    ..OLD
};

pub fn add(trial: &mut SampleTrial, pods: &[SamplePod]) {
    trial.pods = false;
    for pod in pods {
        if !pod.unwatched {
            life(trial, pod);
            listener(trial, pod);
        }
        answers(trial, pod);
    }
    endpoints(trial, pods);
    // As it was seen: of two pods of one name the later one is meant, once it is there.
    trial.more.sort_by_key(|entry| match entry {
        Entry::Pod(seen) => seen.at_ns,
        Entry::Endpoints(seen) => seen.at_ns,
        Entry::Event(seen) => seen.at_ns,
        Entry::Listener(seen) => seen.after_ns,
        Entry::Pulse(pulse) => pulse.at_ns,
        _ => 0,
    });
}

fn life(trial: &mut SampleTrial, pod: &SamplePod) {
    let base = |at: i64, trial: &SampleTrial| PodSeen {
        change: SeenChange::Changed,
        labels: pod.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ip: Some("127.0.0.9".to_owned()),
        node: pod.node.map(str::to_owned),
        containers: vec![container(ContainerState::Running, None, None)],
        ..pod_seen(trial.at(at), NAMESPACE, pod.name, &format!("uid-{}{}", pod.name, pod.uid))
    };
    let mut entries = Vec::new();
    if let Some(at) = pod.seen {
        entries.push(PodSeen { change: SeenChange::Seen, ..base(at, trial) });
    }
    if let Some(at) = pod.restarted {
        let again = ContainerSeen { restarts: 1, ..container(ContainerState::Running, None, None) };
        entries.push(PodSeen { containers: vec![again], ..base(at, trial) });
    }
    if let Some((at, again)) = pod.crashed {
        let ended = container(ContainerState::Terminated, Some(3), Some(wall(trial.at(at))));
        let waiting = container(ContainerState::Waiting, None, None);
        let running = ContainerSeen { restarts: 1, ..container(ContainerState::Running, None, None) };
        let states = [(at, ended), (at + 1, waiting), (again, running)];
        entries.extend(states.map(|(at, state)| PodSeen { containers: vec![state], ..base(at, trial) }));
    }
    if let Some(at) = pod.deleted {
        let until = wall(trial.at(at) + u64::try_from(pod.grace_s).unwrap() * 1_000_000_000);
        let deleted =
            PodSeen { deletion_timestamp: Some(until), deletion_grace_s: Some(pod.grace_s), ..base(at, trial) };
        entries.push(deleted.clone());
        let sidecar = |state, code, at| ContainerSeen { name: "sidecar".to_owned(), ..container(state, code, at) };
        let early = pod.sidecar_ended.map(|at| sidecar(ContainerState::Terminated, Some(0), Some(wall(trial.at(at)))));
        if let (Some(early), Some(at)) = (&early, pod.sidecar_ended) {
            let containers = vec![container(ContainerState::Running, None, None), early.clone()];
            entries.push(PodSeen { at_ns: trial.at(at + 400), containers, ..deleted.clone() });
        }
        if let Some((at, code)) = pod.finished {
            // kubelet looks for ended containers once a second.
            let ended = container(ContainerState::Terminated, Some(code), Some(wall(trial.at(at))));
            let at_ns = trial.at(at + 400);
            let mut containers = vec![ended];
            containers.extend(early);
            containers.extend(pod.sidecar_killed.map(|_| sidecar(ContainerState::Running, None, None)));
            entries.push(PodSeen { at_ns, containers: containers.clone(), ..deleted.clone() });
            let mut gone_ns = at_ns + 1;
            if let Some(killed) = pod.sidecar_killed {
                containers[1] = sidecar(ContainerState::Terminated, Some(137), Some(wall(trial.at(killed))));
                gone_ns = trial.at(killed + 400);
            }
            entries.push(PodSeen { at_ns: gone_ns, change: SeenChange::Gone, containers, ..deleted });
        }
    }
    trial.more.extend(entries.into_iter().map(Entry::Pod));
    if let Some(at) = pod.hook_failed {
        trial.more.push(Entry::Event(EventSeen {
            container: pod.hook_of.map(str::to_owned),
            at_ns: trial.at(at),
            namespace: NAMESPACE.to_owned(),
            about: format!("Pod/{}", pod.name),
            reason: "FailedPreStopHook".to_owned(),
            message: "PreStopHook failed".to_owned(),
            kind: "Warning".to_owned(),
            count: 1,
            last: None,
        }));
    }
}

fn container(state: ContainerState, exit_code: Option<i32>, finished: Option<String>) -> ContainerSeen {
    ContainerSeen {
        name: "web".to_owned(),
        ready: state == ContainerState::Running,
        restarts: 0,
        state,
        reason: None,
        message: None,
        exit_code,
        started: None,
        finished,
    }
}

/// A server's time: whole seconds.
fn wall(at_ns: u64) -> String {
    let s = i64::try_from((STARTED_UNIX_NS + at_ns) / 1_000_000_000).unwrap();
    jiff::Timestamp::from_second(s).unwrap().to_string()
}

fn listener(trial: &mut SampleTrial, pod: &SamplePod) {
    let seen = |trial: &SampleTrial, at: i64, state| {
        Entry::Listener(ListenerSeen {
            before_ns: trial.at(at - 20),
            after_ns: trial.at(at),
            namespace: NAMESPACE.to_owned(),
            pod: pod.name.to_owned(),
            state,
        })
    };
    if let Some(at) = pod.opened {
        if pod.seen.is_some_and(|seen| at > seen) {
            let shut = seen(trial, at - 100, ListenerState::Refused);
            trial.more.push(shut);
        }
        let open = seen(trial, at, ListenerState::Open);
        trial.more.push(open);
    }
    if let Some(at) = pod.open_until {
        let open = seen(trial, at, ListenerState::Open);
        trial.more.push(open);
    }
    if let Some(at) = pod.closed {
        let shut = seen(trial, at, ListenerState::Refused);
        trial.more.push(shut);
    }
}

/// One slice at each end of the time in which it answered.
fn answers(trial: &mut SampleTrial, pod: &SamplePod) {
    let Some((from, to)) = pod.served else { return };
    for at in [from, to] {
        let at_ns = trial.at(at);
        let pulse = pulse(trial.number(), at_ns, Arm::New, 1, 1_000);
        trial.more.push(Entry::Pulse(Pulse { pod: Some(pod.name.to_owned()), last_connect_ns: Some(at_ns), ..pulse }));
        trial.extra_ok += 1;
    }
}

/// A slice of another Service, to which all pods are ready.
pub fn elsewhere(trial: &SampleTrial, pods: &[SamplePod]) -> Entry {
    let endpoint = |pod: &SamplePod| EndpointSeen {
        pod: Some(pod.name.to_owned()),
        address: "127.0.0.9".to_owned(),
        node: None,
        ready: true,
        serving: true,
        terminating: false,
    };
    Entry::Endpoints(EndpointsSeen {
        at_ns: trial.at(0),
        change: SeenChange::Seen,
        namespace: NAMESPACE.to_owned(),
        name: "metrics-1".to_owned(),
        service: Some("metrics".to_owned()),
        endpoints: pods.iter().map(endpoint).collect(),
    })
}

/// The Service's slice, each time that it changes.
fn endpoints(trial: &mut SampleTrial, pods: &[SamplePod]) {
    let gone = |pod: &SamplePod| pod.finished.map(|(at, _)| at + 410);
    let mut moments: Vec<i64> = pods
        .iter()
        .flat_map(|pod| {
            let (unready, again) = pod.unready.unzip();
            [pod.endpoint_ready, pod.not_ready, gone(pod), unready, again]
        })
        .flatten()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    for at in moments {
        let there =
            pods.iter().filter(|pod| pod.seen.is_some_and(|seen| seen <= at) && gone(pod).is_none_or(|gone| at < gone));
        let endpoint = |pod: &SamplePod| {
            let listed = pod.endpoint_ready.is_some_and(|ready| ready <= at);
            let out = pod.not_ready.is_some_and(|out| out <= at);
            let lapsed = pod.unready.is_some_and(|(from, until)| (from..until).contains(&at));
            EndpointSeen {
                pod: Some(pod.name.to_owned()),
                address: "127.0.0.9".to_owned(),
                node: pod.node.map(str::to_owned),
                ready: listed && !out && !lapsed,
                serving: listed && !lapsed,
                terminating: out,
            }
        };
        let seen = EndpointsSeen {
            at_ns: trial.at(at),
            change: SeenChange::Changed,
            namespace: NAMESPACE.to_owned(),
            name: "web-1".to_owned(),
            service: Some("web".to_owned()),
            endpoints: there.map(endpoint).collect(),
        };
        trial.more.push(Entry::Endpoints(seen));
    }
}
