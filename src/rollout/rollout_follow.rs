//! Follows a rollout through two watches until it is done, has failed, or its time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, ResourceExt};

use super::owned::belongs;
use super::rollout_progress::{ReplacedPods, RolloutCounts, RolloutProgress, progress, rollout_counts};
use super::{API_SILENCE_MAX, RolledWorkload, RolloutError, RolloutHandle};

/// How a rollout that was followed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutEnd {
    /// Complete, and no replaced or terminating pod is left.
    Done,
    /// The workload no longer exists, in a sentence.
    Gone(String),
    /// The controller gave up, in its own words.
    Failed(String),
    /// The time was over; where it stood.
    TimedOut(String),
}

/// What the two watches have shown so far.
#[derive(Default)]
struct RolloutView {
    workload: Option<DynamicObject>,
    pods: BTreeMap<String, Pod>,
    listed: BTreeMap<String, Pod>,
    pods_known: bool,
    /// A list of the workload has come whole.
    workload_known: bool,
    /// The workload is not there, or the list that would show it has not come whole yet.
    deleted: bool,
}

enum WatchedEvent {
    Workload(Box<watcher::Event<DynamicObject>>),
    Pod(Box<watcher::Event<Pod>>),
}

/// Follows until the workload is complete and none of the `replaced` pods is left, at most for `bound`.
/// `complete` is called once, when the workload itself is complete.
pub async fn wait_complete(
    handle: &RolloutHandle,
    replaced: &ReplacedPods,
    bound: Duration,
    complete: impl FnMut(),
) -> Result<RolloutEnd, RolloutError> {
    follow(handle, replaced, bound, complete, |_| {}).await
}

/// As [`wait_complete`]; `shows` is called with the state of the rollout after each change.
pub(crate) async fn follow(
    handle: &RolloutHandle,
    replaced: &ReplacedPods,
    bound: Duration,
    mut complete: impl FnMut(),
    mut shows: impl FnMut(RolloutCounts),
) -> Result<RolloutEnd, RolloutError> {
    let mut events = events(handle);
    let mut view = RolloutView::default();
    let mut told = false;
    let mut state = "no status was received".to_owned();
    let deadline = tokio::time::sleep(bound);
    tokio::pin!(deadline);
    let silence = tokio::time::sleep(API_SILENCE_MAX);
    tokio::pin!(silence);
    let mut failing: Option<watcher::Error> = None;
    loop {
        let next = tokio::select! {
            next = events.next() => next,
            () = &mut deadline => return Ok(RolloutEnd::TimedOut(state)),
            () = &mut silence, if failing.is_some() => return Err(gone(handle, failing)),
        };
        match next {
            Some(Ok(seen)) => {
                failing = None;
                view.apply(seen);
            }
            Some(Err(error)) => {
                if failing.is_none() {
                    silence.set(tokio::time::sleep(API_SILENCE_MAX));
                }
                failing = Some(error);
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            None => return Ok(RolloutEnd::TimedOut(state)),
        }
        if let Some(counts) = view.counts(&handle.workload, replaced) {
            shows(counts);
        }
        let Some(now) = view.progress(&handle.workload, replaced) else { continue };
        if matches!(now, RolloutProgress::OldPodsLeft(_) | RolloutProgress::Done) && !told {
            told = true;
            complete();
        }
        match now {
            RolloutProgress::Done => return Ok(RolloutEnd::Done),
            RolloutProgress::Failed(why) => return Ok(RolloutEnd::Failed(why)),
            RolloutProgress::Gone(why) => return Ok(RolloutEnd::Gone(why)),
            RolloutProgress::Rolling(words) => state = words,
            RolloutProgress::OldPodsLeft(left) => state = format!("{left} old pods left"),
        }
    }
}

fn events(handle: &RolloutHandle) -> BoxStream<'static, watcher::Result<WatchedEvent>> {
    let workload = &handle.workload;
    let workloads: Api<DynamicObject> =
        Api::namespaced_with(handle.client.clone(), &workload.namespace, &workload.resource());
    let pods: Api<Pod> = Api::namespaced(handle.client.clone(), &workload.namespace);
    let by_name = watcher::Config::default().fields(&format!("metadata.name={}", workload.name));
    let by_labels = watcher::Config::default().labels(&workload.selector);
    let workloads = watcher(workloads, by_name).map(|event| event.map(|event| WatchedEvent::Workload(Box::new(event))));
    let pods = watcher(pods, by_labels).map(|event| event.map(|event| WatchedEvent::Pod(Box::new(event))));
    futures_util::stream::select(workloads, pods).boxed()
}

fn gone(handle: &RolloutHandle, failing: Option<watcher::Error>) -> RolloutError {
    let why = failing.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
    RolloutError::Api { workload: handle.workload.reference(), namespace: handle.workload.namespace.clone(), why }
}

impl RolloutView {
    fn apply(&mut self, seen: WatchedEvent) {
        match seen {
            WatchedEvent::Workload(event) => match *event {
                watcher::Event::Apply(workload) | watcher::Event::InitApply(workload) => {
                    self.workload = Some(workload);
                    self.deleted = false;
                }
                watcher::Event::Delete(_) => {
                    self.workload = None;
                    self.deleted = true;
                }
                // A list that does not have it tells as much as its deletion.
                watcher::Event::Init => self.deleted = true,
                watcher::Event::InitDone => {
                    self.workload_known = true;
                    if self.deleted {
                        self.workload = None;
                    }
                }
            },
            WatchedEvent::Pod(event) => self.apply_pod(*event),
        }
    }

    fn apply_pod(&mut self, event: watcher::Event<Pod>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(pod) => {
                self.listed.insert(pod.uid().unwrap_or_default(), pod);
            }
            watcher::Event::InitDone => {
                self.pods = std::mem::take(&mut self.listed);
                self.pods_known = true;
            }
            watcher::Event::Apply(pod) => {
                self.pods.insert(pod.uid().unwrap_or_default(), pod);
            }
            watcher::Event::Delete(pod) => {
                self.pods.remove(&pod.uid().unwrap_or_default());
            }
        }
    }

    /// `None` until both watches have shown their first list.
    fn progress(&self, workload: &RolledWorkload, replaced: &ReplacedPods) -> Option<RolloutProgress> {
        if self.deleted && self.workload.is_none() && self.workload_known {
            let why = "no longer exists: somebody else deleted it or its namespace";
            return Some(RolloutProgress::Gone(format!("{} {why}", workload.reference())));
        }
        let object = self.workload.as_ref()?;
        if !self.pods_known {
            return None;
        }
        Some(progress(workload.kind, object, &self.own_pods(workload), replaced))
    }

    fn counts(&self, workload: &RolledWorkload, replaced: &ReplacedPods) -> Option<RolloutCounts> {
        let object = self.workload.as_ref().filter(|_| self.pods_known)?;
        Some(rollout_counts(workload.kind, object, &self.own_pods(workload), replaced))
    }

    fn own_pods(&self, workload: &RolledWorkload) -> Vec<Pod> {
        self.pods.values().filter(|pod| belongs(workload, pod)).cloned().collect()
    }
}
