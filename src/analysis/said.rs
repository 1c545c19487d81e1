//! Notes on what Kubernetes said of a variant's pods: crashes, kills, and Events that explain. They hold whether something was lost or not.

use std::collections::{BTreeMap, BTreeSet};

use crate::timeline::{KubernetesSaid, PodLife, Trial};
use crate::verdict::plural;

/// Notes of one variant.
const MOST_NOTES: usize = 4;
/// Letters of a message that are shown.
const MESSAGE_MAX: usize = 300;
/// What SIGKILL leaves: 128 and its number.
const KILLED: i32 = 137;
/// kubelet kills a container so long after its grace is over at most, and tells its end to a second.
const LATE_NS: u64 = 3_500_000_000;

/// Reasons that explain a rollout. That a probe failed while a server starts is no news.
const EXPLAINING: [&str; 12] = [
    "NoPods",
    "FailedScheduling",
    "FailedPreStopHook",
    "FailedPostStartHook",
    "FailedCreate",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "FailedKillPod",
    "Evicted",
    "OOMKilling",
    "Failed",
];

/// The notes on one variant's trials.
pub(super) fn notes(variant: &str, trials: &[&Trial]) -> Vec<String> {
    let mut notes: Vec<String> = crashed(trials).into_iter().chain(killed(trials)).chain(events(trials)).collect();
    notes.truncate(MOST_NOTES);
    notes.into_iter().map(|note| format!("{variant}: {note}")).collect()
}

/// A container's name, its exit code, and the reason that this was given.
type ContainerEnd<'a> = (&'a str, Option<i32>, &'a str);

/// Containers that ended without their pod's deletion while a trial went on, by their end.
fn crashed(trials: &[&Trial]) -> Vec<String> {
    let mut found: BTreeMap<ContainerEnd<'_>, BTreeMap<&str, (&str, i32)>> = BTreeMap::new();
    for trial in trials {
        for pod in &trial.pods {
            for crash in pod.crashes.iter().filter(|crash| crash.at.high_ns >= trial.start.at_ns) {
                let why =
                    crash.reason.as_deref().filter(|why| !matches!(*why, "Error" | "Completed")).unwrap_or_default();
                let of = found.entry((&crash.name, crash.exit_code, why)).or_default();
                of.insert(&pod.uid, (&pod.name, crash.restarts));
            }
        }
    }
    let told = found.into_iter().map(|((container, code, why), pods)| {
        let one = pods.values().map(|(name, _)| *name).min().unwrap_or_default();
        let more = match pods.len() {
            0 | 1 => String::new(),
            several => format!(" and of {}", plural(several as u64 - 1, "more pod")),
        };
        let why = if why.is_empty() { String::new() } else { format!(", {why}") };
        let code = code.map_or_else(String::new, |code| format!(" (exit code {code}{why})"));
        let restarts: u64 = pods.values().filter_map(|(_, restarts)| u64::try_from(*restarts).ok()).sum();
        let restarts = plural(restarts, "restart");
        format!(
            "container {container} of {one}{more} ended without the pod's deletion{code}; {restarts}: its log tells why"
        )
    });
    told.collect()
}

/// How deleted pods' containers were killed.
fn killed(trials: &[&Trial]) -> Vec<String> {
    let deleted = || trials.iter().flat_map(|trial| &trial.pods).filter(|pod| pod.deletion.is_some());
    let mut serving: BTreeMap<(bool, &str), u64> = BTreeMap::new();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for pod in deleted() {
        if pod.exit_code == Some(KILLED) {
            *serving.entry((at_grace_end(pod), pod.reason.as_deref().unwrap_or_default())).or_default() += 1;
        }
        for other in pod.others.iter().filter(|other| other.exit_code == Some(KILLED)) {
            *others.entry(&other.name).or_default() += 1;
        }
    }
    let all = deleted().count();
    let of_serving = serving.into_iter().map(|((at_end, reason), count)| {
        let when = if at_end { ", at the end of the grace period" } else { "" };
        let why = if reason == "OOMKilled" { ", OOMKilled" } else { "" };
        format!("of {}, {count} ended by SIGKILL (exit code {KILLED}{why}){when}", plural(all as u64, "deleted pod"))
    });
    let of_others = others.into_iter().map(|(name, count)| {
        format!("container {name} of {} ended by SIGKILL (exit code {KILLED})", plural(count, "deleted pod"))
    });
    of_serving.chain(of_others).collect()
}

fn at_grace_end(pod: &PodLife) -> bool {
    let Some((end, finished)) = pod.grace_end().zip(pod.finished) else { return false };
    finished.high_ns >= end.low_ns && finished.low_ns <= end.high_ns.saturating_add(LATE_NS)
}

/// What Events said, once for each kind of object and reason.
fn events(trials: &[&Trial]) -> Vec<String> {
    let mut found: BTreeMap<(usize, &str), (BTreeSet<&str>, &KubernetesSaid)> = BTreeMap::new();
    for (trial, said) in trials.iter().flat_map(|trial| trial.said.iter().map(move |said| (trial, said))) {
        let Some(rank) = EXPLAINING.iter().position(|reason| *reason == said.reason) else { continue };
        if said.reason == "FailedPreStopHook" && died_with_its_server(trial, said) {
            continue;
        }
        let kind = said.about.split('/').next().unwrap_or_default();
        found.entry((rank, kind)).or_insert_with(|| (BTreeSet::new(), said)).0.insert(&said.about);
    }
    let told = found.into_values().map(|(about, said)| {
        let one = about.first().copied().unwrap_or_default();
        let more = match about.len() {
            0 | 1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let message: String = said.message.chars().take(MESSAGE_MAX).collect();
        format!("Kubernetes said {} of {one}{more}: {message}", said.reason)
    });
    told.collect()
}

/// A hook is reported as failed too where a graceful stop ended its server first.
fn died_with_its_server(trial: &Trial, said: &KubernetesSaid) -> bool {
    let pod = trial.pods.iter().find(|pod| said.pod() == Some(&pod.name));
    let of_other = |pod: &PodLife| pod.others.iter().any(|other| said.container.as_ref() == Some(&other.name));
    pod.is_some_and(|pod| !pod.hook_broke() && !pod.hook_used_grace_up() && !of_other(pod))
}

#[cfg(test)]
mod tests {
    use crate::analysis::ReportDoc;
    use crate::record::entry::{Entry, EventSeen};
    use crate::record::sample::pods::{self, NAMESPACE, NEW, OLD, STOPPED, SamplePod};
    use crate::record::sample::{SampleRun, SampleTrial};
    use crate::spec::Expect;

    fn report(pods: &[SamplePod], change: impl FnOnce(&mut SampleTrial)) -> ReportDoc {
        let trial = |trial: &mut SampleTrial| {
            pods::add(trial, pods);
            change(trial);
        };
        SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", trial).finished().report()
    }

    fn event(trial: &mut SampleTrial, ms: i64, about: &str, reason: &str, message: &str) {
        let kind = if reason == "NoPods" { "Normal" } else { "Warning" };
        trial.more.push(Entry::Event(EventSeen {
            at_ns: trial.at(ms),
            namespace: NAMESPACE.to_owned(),
            about: about.to_owned(),
            container: None,
            reason: reason.to_owned(),
            message: message.to_owned(),
            kind: kind.to_owned(),
            count: 1,
            last: None,
        }));
    }

    fn noted(report: &ReportDoc, words: &str) -> bool {
        report.notes.iter().any(|note| note.starts_with("web: ") && note.contains(words))
    }

    #[test]
    fn a_kill_is_noted_though_nothing_was_lost() {
        let ended = |finished| SamplePod { grace_s: 8, closed: Some(9_050), finished: Some(finished), ..STOPPED };
        let killed = report(&[OLD, ended((9_060, 137)), NEW], |_| {});
        let words = "of 1 deleted pod, 1 ended by SIGKILL (exit code 137), at the end of the grace period";
        assert!(killed.variants[0].lost == 0 && noted(&killed, words), "{:?}", killed.notes);
        let early = report(&[OLD, ended((3_060, 137)), NEW], |_| {});
        assert!(noted(&early, "SIGKILL") && !noted(&early, "at the end of the grace period"), "{:?}", early.notes);
        let done = report(&[OLD, ended((9_060, 0)), NEW], |_| {});
        assert!(!noted(&done, "SIGKILL"), "{:?}", done.notes);
    }

    #[test]
    fn events_that_explain_are_noted_once() {
        let found = report(&[OLD, STOPPED, NEW], |trial| {
            event(trial, 300, "Pod/web-new", "FailedScheduling", "didn't have free ports");
            event(trial, 900, "Pod/web-new", "FailedScheduling", "didn't have free ports");
            event(trial, 950, "Pod/web-two", "FailedScheduling", "didn't have free ports");
            event(trial, -2_000, "PodDisruptionBudget/web", "NoPods", "No matching pods found");
            event(trial, 400, "Pod/web-new", "Unhealthy", "connection refused");
        });
        let scheduling: Vec<&String> = found.notes.iter().filter(|note| note.contains("FailedScheduling")).collect();
        let [one] = scheduling.as_slice() else { panic!("{:?}", found.notes) };
        assert!(one.contains("Pod/web-new and 1 more: didn't have free ports"), "{one}");
        assert!(noted(&found, "NoPods of PodDisruptionBudget/web: No matching pods found"), "{:?}", found.notes);
        assert!(!noted(&found, "Unhealthy"), "{:?}", found.notes);
    }

    #[test]
    fn a_rollout_that_stands_still_says_what_kubernetes_said() {
        let stalled = |said: bool| {
            report(&[OLD, NEW], |trial| {
                trial.stalled = Some("the rollout was not complete after 40 s: 0 of 1 nodes updated");
                if said {
                    event(trial, 300, "Pod/web-new", "FailedScheduling", "didn't have free ports");
                }
            })
        };
        let found = stalled(true);
        let whole = format!("{} {:?}", found.reason, found.variants[0].reason);
        assert!(
            whole.contains("0 of 1 nodes updated; FailedScheduling of Pod/web-new: didn't have free ports"),
            "{whole}"
        );
        assert!(!stalled(false).reason.contains("FailedScheduling"));
    }

    #[test]
    fn a_hook_that_died_with_its_server_is_no_news() {
        let hooked = |pod: SamplePod| {
            let container = serde_json::json!({"name": "web", "image": "apache", "lifecycle": {"preStop": {"exec":
                {"command": ["sh", "-c", "sleep 3; apachectl -k graceful-stop; sleep 30"]}}}});
            let workload = serde_json::json!({"kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [container]}}}});
            let trial = |trial: &mut SampleTrial| pods::add(trial, &[OLD, pod, NEW]);
            SampleRun::new(1, &[("web", Expect::Clean)])
                .plan(|header| header.spec.variants[0].objects_mut().manifests = vec![workload])
                .trial(1, "web", trial)
                .finished()
                .report()
        };
        let failed = SamplePod { hook_failed: Some(1_020), grace_s: 40, ..STOPPED };
        assert!(noted(&hooked(failed.clone()), "FailedPreStopHook"));
        let done = SamplePod { closed: Some(4_020), finished: Some((4_900, 0)), hook_failed: Some(5_100), ..failed };
        assert!(!noted(&hooked(done), "FailedPreStopHook"));
    }
}
