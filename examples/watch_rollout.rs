//! Rolls a workload that runs in a cluster already and prints the record lines that the observer makes of it.
//!
//! `cargo run --example watch_rollout -- NAMESPACE KIND/NAME LABEL-SELECTOR PROBE-PORT` uses the current context of
//! the kubeconfig. It sends no load. The timing in `docs/fidelity.md` was read off its output.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "this is a program for people who look at a cluster")]

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt;
use rollproof::clock::Clock;
use rollproof::manifest::WorkloadKind;
use rollproof::observe::{ObservedWorkload, Observer, SideProbeSpec};
use rollproof::record::sink::{CAPACITY, channel};
use rollproof::rollout::{
    ReplacedPods, RolledWorkload, RolloutHandle, RolloutStep, own_pods, perform, resource, wait_complete,
};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [namespace, wanted, selector, port] = arguments.as_slice() else {
        println!("usage: watch_rollout NAMESPACE KIND/NAME LABEL-SELECTOR PROBE-PORT");
        return;
    };
    let (kind, name) = WorkloadKind::split(wanted).expect("a workload such as deployment/web");
    let client = kube::Client::try_default().await.expect("a kubeconfig with a current context");
    let clock = Clock::start();
    let (sink, source) = channel(CAPACITY);
    let target = ObservedWorkload {
        namespace: namespace.clone(),
        workload: resource(kind),
        name: name.to_owned(),
        selector: selector.clone(),
        probe: port.parse().ok().map(|port| SideProbeSpec { port, every: Duration::from_millis(20) }),
    };
    let printer = std::thread::spawn(move || {
        while let Some(entry) = source.recv() {
            println!("{}", serde_json::to_string(&entry).expect("record lines serialize"));
        }
    });
    let observer = Observer::start(&client, &target, clock, &sink);
    let workload =
        RolledWorkload { kind, namespace: namespace.clone(), name: name.to_owned(), selector: selector.clone() };
    let handle = RolloutHandle {
        client,
        workload,
        run: "watch-rollout".to_owned(),
        variables: BTreeMap::new(),
        command_log: None,
    };
    let present = own_pods(&handle).await.expect("pods can be listed");
    let replaced: ReplacedPods = present.iter().filter_map(ResourceExt::uid).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    observer.probe_present_pods();
    let stamp = u32::try_from(rollproof::clock::wall_unix_ns() / 1_000_000_000 % 1_000_000_000).expect("fits");
    println!("step at {}", clock.now());
    perform(&handle, &RolloutStep::Restart, stamp, Duration::from_secs(30)).await.expect("the restart is taken");
    let followed = wait_complete(&handle, &replaced, Duration::from_mins(2), || {
        println!("complete at {}", clock.now());
    })
    .await;
    println!("{followed:?} at {}", clock.now());
    observer.stop().await;
    drop(sink);
    printer.join().expect("the printer ends with the sinks");
}
