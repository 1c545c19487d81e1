//! The last lines that a pod's containers wrote before they ended: the log goes with the pod.
//!
//! A pod's log is followed from its deletion on, so that nothing is read while a rollout leaves the pod alone. What cannot be
//! read is a gap in the record and never makes the trial invalid.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::AsyncReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::log_ring::{KEPT, LogRing};
use super::object_watch::WatchRecorder;
use crate::clock::Stamp;
use crate::record::Entry;
use crate::record::entry::{GapSource, LogTail, ObservationGap, PodSeen, SeenChange};

/// Logs of one namespace that are followed at once. Each is a connection to a real cluster's API server.
const FOLLOWED_MAX: usize = 64;
/// How long a log may still end after its pod is gone.
const AFTER_GONE: Duration = Duration::from_secs(2);
/// A cut stream is opened again: its beginning is the last lines again, so that nothing is missing.
const TRIES: u32 = 20;
const RETRY: Duration = Duration::from_millis(250);

/// The logs of one namespace's pods that are ending. Dropping it ends the reading.
#[derive(Debug)]
pub(super) struct PodLogs {
    api: Api<Pod>,
    to: WatchRecorder,
    /// By the pod's uid: cancelled once it is gone.
    ending: BTreeMap<String, CancellationToken>,
    tasks: JoinSet<()>,
}

impl PodLogs {
    pub(super) fn new(client: &Client, to: WatchRecorder) -> Self {
        let api = Api::namespaced(client.clone(), &to.namespace);
        Self { api, to, ending: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Takes note of a pod, inside a runtime.
    pub(super) fn saw(&mut self, pod: &PodSeen) {
        while self.tasks.try_join_next().is_some() {}
        if pod.change == SeenChange::Gone {
            if let Some(gone) = self.ending.remove(&pod.uid) {
                gone.cancel();
            }
            return;
        }
        if pod.deletion_timestamp.is_none() || self.ending.contains_key(&pod.uid) {
            return;
        }
        let gone = CancellationToken::new();
        self.ending.insert(pod.uid.clone(), gone.clone());
        for container in &pod.containers {
            let log = ContainerLog {
                api: self.api.clone(),
                to: self.to.clone(),
                pod: pod.name.clone(),
                container: container.name.clone(),
            };
            if self.tasks.len() < FOLLOWED_MAX {
                self.tasks.spawn(log.follow(gone.clone(), pod.at_ns));
            } else {
                log.gap(pod.at_ns, &format!("{FOLLOWED_MAX} logs are being read already"));
            }
        }
    }
}

struct ContainerLog {
    api: Api<Pod>,
    to: WatchRecorder,
    pod: String,
    container: String,
}

impl ContainerLog {
    /// Reads to the end and records the last lines.
    async fn follow(self, gone: CancellationToken, from_ns: Stamp) {
        let mut why = String::new();
        let mut last = None;
        for _ in 0..TRIES {
            let mut ring = LogRing::default();
            let mut opened = false;
            let over = async {
                gone.cancelled().await;
                tokio::time::sleep(AFTER_GONE).await;
            };
            let read = tokio::select! {
                read = self.read(&mut ring, &mut opened) => read,
                () = over => Err("it did not end with its pod".to_owned()),
            };
            let ended = read.is_ok();
            why = read.err().unwrap_or(why);
            if opened {
                last = Some(ring);
            }
            if ended || gone.is_cancelled() {
                break;
            }
            tokio::time::sleep(RETRY).await;
        }
        match last {
            Some(ring) => self.record(ring),
            None => self.gap(from_ns, &why),
        }
    }

    async fn read(&self, ring: &mut LogRing, opened: &mut bool) -> Result<(), String> {
        let wanted = LogParams {
            container: Some(self.container.clone()),
            follow: true,
            // One more than is kept, to know whether there were more.
            tail_lines: Some(i64::try_from(KEPT + 1).unwrap_or(i64::MAX)),
            ..LogParams::default()
        };
        let stream = self.api.log_stream(&self.pod, &wanted).await.map_err(|error| error.to_string())?;
        let mut stream = Box::pin(stream);
        *opened = true;
        let mut buffer = [0; 4 * 1024];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return Ok(()),
                Ok(length) => ring.push(&buffer[..length]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn record(self, ring: LogRing) {
        let tail = ring.finish();
        self.to.sink.send(Entry::Log(LogTail {
            at_ns: self.to.clock.now(),
            namespace: self.to.namespace,
            pod: self.pod,
            container: self.container,
            lines: tail.lines,
            earlier: tail.earlier,
            shortened: tail.shortened,
        }));
    }

    fn gap(self, from_ns: Stamp, why: &str) {
        self.to.sink.send(Entry::Gap(ObservationGap {
            source: GapSource::Log,
            namespace: self.to.namespace,
            from_ns,
            to_ns: self.to.clock.now(),
            why: format!("reading the log of container {} of pod {}: {why}", self.container, self.pod),
        }));
    }
}
