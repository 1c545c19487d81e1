//! Watches what the cluster does to the workload, and records it with receipt stamps beside server times.
//!
//! - `convert`: from Kubernetes objects to the record's lines
//! - `log_ring`: the last lines of a stream of bytes
//! - `object_watch`: one watch, with its gaps
//! - `pod_log_tail`: the last log lines of pods that end
//! - `side_probe`: connects to pods, to see when their listeners close
//! - `watch_lateness`: how late the watches' own tasks run
//!
//! It must not know the load or the rollout, and it decides nothing: what it sees goes into the record.

mod convert;
mod log_ring;
mod object_watch;
mod pod_log_tail;
mod side_probe;
mod watch_lateness;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::record::Sink;
use crate::record::entry::GapSource;
use side_probe::SideProbes;

/// What is observed in one namespace. It may travel: load and watches are not always where the run is driven from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedWorkload {
    /// The namespace.
    pub namespace: String,
    /// The workload's API resource, for example `apps/v1 deployments`.
    pub workload: ApiResource,
    /// The workload's name.
    pub name: String,
    /// The label selector of the workload's pods, as the API wants it.
    pub selector: String,
    /// The side probe; `None` turns it off.
    pub probe: Option<SideProbeSpec>,
}

/// Where the side probe connects to, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideProbeSpec {
    /// The pods' port.
    pub port: u16,
    /// From one connection to the next.
    pub every: Duration,
}

/// Running watches of one namespace. Dropping it ends them.
#[derive(Debug)]
pub struct Observer {
    tasks: JoinSet<()>,
    probes: Arc<Mutex<SideProbes>>,
}

impl Observer {
    /// Starts watching pods, `EndpointSlice`s, Events and the workload.
    #[must_use]
    pub fn start(client: &Client, target: &ObservedWorkload, clock: Clock, sink: &Sink) -> Self {
        Self::start_beside(client, target, clock, Duration::ZERO, sink)
    }

    /// The same beside a load in another process, whose clock `clock` may be `ahead` of.
    pub(crate) fn start_beside(
        client: &Client,
        target: &ObservedWorkload,
        clock: Clock,
        ahead: Duration,
        sink: &Sink,
    ) -> Self {
        let namespace = target.namespace.as_str();
        let probes = Arc::new(Mutex::new(SideProbes::new(namespace.to_owned(), target.probe, clock, sink.clone())));
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_lateness::record(namespace.to_owned(), clock, ahead, sink.clone()));
        let to = object_watch::WatchRecorder { clock, sink: sink.clone(), namespace: namespace.to_owned() };

        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let pod_probes = Arc::clone(&probes);
        let logs = Mutex::new(pod_log_tail::PodLogs::new(client, to.clone()));
        tasks.spawn(object_watch::follow(
            GapSource::Pods,
            pods,
            Some(target.selector.clone()),
            to.clone(),
            move |at, change, pod| {
                let seen = convert::pod(at, change, pod);
                pod_probes.lock().unwrap_or_else(PoisonError::into_inner).saw(&seen);
                logs.lock().unwrap_or_else(PoisonError::into_inner).saw(&seen);
                crate::record::Entry::Pod(seen)
            },
        ));

        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
        tasks.spawn(object_watch::follow(GapSource::EndpointSlices, slices, None, to.clone(), |at, change, slice| {
            crate::record::Entry::Endpoints(convert::endpoints(at, change, slice))
        }));

        let events: Api<Event> = Api::namespaced(client.clone(), namespace);
        tasks.spawn(object_watch::follow(GapSource::Events, events, None, to.clone(), |at, _, event| {
            crate::record::Entry::Event(convert::event(at, event))
        }));

        let workload: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &target.workload);
        let kind = target.workload.kind.to_lowercase();
        tasks.spawn(object_watch::follow_named(
            GapSource::Workload,
            workload,
            &target.name,
            to,
            move |at, _, object| crate::record::Entry::Workload(convert::workload(at, &kind, object)),
        ));
        Self { tasks, probes }
    }

    /// Begins to probe the listeners of all pods that are there now, until each is gone.
    pub fn probe_present_pods(&self) {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).start_all();
    }

    /// Ends all probes, for example between two trials.
    pub(crate) fn stop_probes(&self) {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).stop_all();
    }

    /// Ends the watches.
    pub async fn stop(mut self) {
        self.stop_probes();
        self.tasks.shutdown().await;
    }
}
