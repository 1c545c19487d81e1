//! What the tests of the embedded cluster share: virtual wall time, and a node that only pretends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::store::{DeleteOptions, ObjectKind, Store, WallClock, meta};

/// Nanoseconds of tokio's own time, which tests pause.
#[expect(clippy::disallowed_methods, reason = "paused tests live in tokio's time, not in the machine's")]
pub(crate) fn virtual_now() -> impl Fn() -> u64 + Clone + Send + Sync + 'static {
    let origin = tokio::time::Instant::now();
    move || crate::clock::saturating_ns(origin.elapsed())
}

/// A wall clock that follows tokio's time from the start of 2026.
pub(crate) fn virtual_wall() -> WallClock {
    let now = virtual_now();
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    WallClock::new(move || start + Duration::from_nanos(now()))
}

/// How pods behave on the pretended node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FakeNode {
    /// From scheduled to running.
    pub(crate) start: Duration,
    /// From running to ready.
    pub(crate) ready: Duration,
    /// From deletion to gone.
    pub(crate) stop: Duration,
}

impl FakeNode {
    /// Adds the node and starts it. A container whose image is `never-ready` runs and never becomes ready.
    pub(crate) fn start(self, store: &Store) {
        let node =
            json!({"metadata": {"name": "node"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        store.create(ObjectKind::Node, node).unwrap();
        self.run_on(store);
    }

    pub(crate) fn run_on(self, store: &Store) {
        tokio::spawn(self.run(store.clone()));
    }

    async fn run(self, store: Store) {
        let (mut started, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        let mut changed = store.changed();
        let mut address = 0;
        loop {
            changed.mark_unchanged();
            for pod in store.list(ObjectKind::Pod, None).0 {
                let uid = meta::uid(&pod).to_owned();
                if meta::terminating(&pod) {
                    if stopped.insert(uid) {
                        tokio::spawn(self.stop_pod(store.clone(), pod));
                    }
                } else if !meta::text(&pod, "/spec/nodeName").is_empty() && started.insert(uid) {
                    address += 1;
                    tokio::spawn(self.start_pod(store.clone(), pod, address));
                }
            }
            changed.changed().await.unwrap();
        }
    }

    async fn start_pod(self, store: Store, pod: Value, address: u32) {
        let (ns, name) = (meta::namespace(&pod), meta::name(&pod));
        let condition =
            |status: &str| json!([{"type": "Ready", "status": status, "lastTransitionTime": store.now_text()}]);
        tokio::time::sleep(self.start).await;
        // The pod may be gone by now.
        let running = condition("False");
        let _ = store.update_status(ObjectKind::Pod, ns, name, |pod| {
            pod["status"]["phase"] = json!("Running");
            pod["status"]["podIP"] = json!(format!("127.1.{}.{}", address / 250, address % 250 + 1));
            pod["status"]["conditions"] = running;
        });
        if pod["spec"]["containers"][0]["image"] != "never-ready" {
            tokio::time::sleep(self.ready).await;
            let ready = condition("True");
            let _ = store.update_status(ObjectKind::Pod, ns, name, |pod| pod["status"]["conditions"] = ready);
        }
    }

    async fn stop_pod(self, store: Store, pod: Value) {
        let grace = Duration::from_secs(pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap());
        tokio::time::sleep(self.stop.min(grace)).await;
        let _ = store.delete(ObjectKind::Pod, meta::namespace(&pod), meta::name(&pod), &DeleteOptions::grace(0));
    }
}
