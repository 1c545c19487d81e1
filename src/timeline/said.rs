//! What Kubernetes itself said of a trial's objects: Events that explain.

use crate::clock::Stamp;
use crate::record::entry::EventSeen;

/// Words of a namespace that are kept.
const MOST: usize = 1_000;
/// A rollout that stands still is explained by so many of them.
const MOST_WAITING: usize = 2;

/// Why a pod does not run.
const WAITING: [&str; 8] = [
    "FailedScheduling",
    "FailedCreate",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "Failed",
    "BackOff",
    "Unhealthy",
];

/// An Event that warns, or that says of a `PodDisruptionBudget` that it selects nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSaid {
    /// When it was received first.
    pub at_ns: Stamp,
    /// What it is about, for example `Pod/web-5d9c-x`.
    pub about: String,
    /// The container that it is about, where it is about one.
    pub container: Option<String>,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

impl KubernetesSaid {
    /// The pod that it is about.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.about.strip_prefix("Pod/")
    }

    fn repeats(&self, other: &Self) -> bool {
        (&self.about, &self.container, &self.reason, &self.message)
            == (&other.about, &other.container, &other.reason, &other.message)
    }
}

/// Keeps an Event that explains something, once.
pub(super) fn keep(all: &mut Vec<KubernetesSaid>, event: &EventSeen) {
    if event.kind != "Warning" && event.reason != "NoPods" {
        return;
    }
    let said = KubernetesSaid {
        at_ns: event.at_ns,
        about: event.about.clone(),
        container: event.container.clone(),
        reason: event.reason.clone(),
        message: event.message.clone(),
    };
    // What is said again of a pod of a later trial has another name in it; of other objects it holds on.
    if all.len() < MOST && !all.iter().any(|known| known.repeats(&said)) {
        all.push(said);
    }
}

/// What a rollout that did not complete was waiting for, as far as Kubernetes said; `None` if it said nothing.
pub(super) fn waiting_words(all: &[KubernetesSaid]) -> Option<String> {
    let mut shown: Vec<&KubernetesSaid> = Vec::new();
    for reason in WAITING {
        // The last word on each object is what holds.
        let latest = all.iter().rev().find(|said| said.reason == reason);
        shown.extend(latest.filter(|_| shown.len() < MOST_WAITING));
    }
    let words = shown.iter().map(|said| format!("{} of {}: {}", said.reason, said.about, said.message));
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join("; "))
}
