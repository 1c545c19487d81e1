//! Runs one worker on the clock: a first tick at once, then one each period, and triggers between them.

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::probe_attempt::{ProbeTarget, attempt};
use super::probe_spec::ContainerProbe;
use super::probe_worker::{ProbeStep, ProbeView, ProbeWorker};

/// What a worker's task asks of its container, and tells it.
pub(crate) trait ProbeHost: Sync {
    fn view(&self) -> ProbeView;
    /// What an attempt acts on; nothing if the container does not run.
    fn target(&self) -> Option<ProbeTarget>;
    /// Rings when the container is seen started and not ready (`prober_manager.go`, `UpdatePodStatus`): readiness is
    /// then tried without waiting for the period.
    fn trigger(&self) -> &Notify;
    fn failed(&self, probe: &ContainerProbe, message: &str);
    /// The verdict about a run of the container, after it changed.
    fn verdict(&self, probe: &ContainerProbe, run: u64, verdict: Option<bool>);
}

/// Probes until the pod is over, or, for startup and liveness, until it is deleted.
pub(crate) async fn run(probe: ContainerProbe, host: &impl ProbeHost) {
    let mut worker = ProbeWorker::new(probe.clone());
    let mut ticks = interval(probe.period);
    // As Go's ticker: a tick missed during an attempt comes at once, later ones keep their beat.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let is_readiness = probe.kind == super::ProbeKind::Readiness;
    let mut told = (0, None);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = host.trigger().notified(), if is_readiness => {}
        }
        let step = worker.tick(&host.view());
        if step == ProbeStep::Try
            && let Some(target) = host.target()
            && let Some(result) = attempt(&probe, &target).await
        {
            if let Err(message) = &result {
                host.failed(&probe, message);
            }
            worker.result(result.is_ok());
        }
        let now = (worker.run(), worker.verdict());
        if now != told {
            told = now;
            host.verdict(&probe, now.0, now.1);
        }
        if step == ProbeStep::Stop {
            return;
        }
    }
}
