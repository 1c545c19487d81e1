//! When a probe is tried and what its results mean (`pkg/kubelet/prober/worker.go`, `doProbe`, v1.34). Pure: one call
//! for each tick or trigger, one for each result.

use super::probe_spec::{ContainerProbe, ProbeKind};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ContainerProgress {
    /// It does not run, or its postStart hook does.
    #[default]
    Down,
    /// It runs, and its startup probe has not succeeded yet.
    Starting,
    /// It runs, and its startup probe has succeeded, or it has none.
    Started,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProbeView {
    /// Which run of the container this is, from 1; 0 before the first.
    pub(crate) run: u64,
    pub(crate) progress: ContainerProgress,
    /// Whole seconds since the container's start, which itself is cut to the second.
    pub(crate) running_s: u64,
    pub(crate) deleted: bool,
    /// No container of the pod will be started again.
    pub(crate) over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeStep {
    /// Nothing until the next tick.
    Wait,
    /// Try, and tell [`ProbeWorker::result`].
    Try,
    /// This probe is done with.
    Stop,
}

#[derive(Debug, Clone)]
pub(crate) struct ProbeWorker {
    probe: ContainerProbe,
    run: u64,
    on_hold: bool,
    last: Option<bool>,
    in_a_row: u32,
    verdict: Option<bool>,
}

impl ProbeWorker {
    pub(crate) fn new(probe: ContainerProbe) -> Self {
        Self { probe, run: 0, on_hold: false, last: None, in_a_row: 0, verdict: None }
    }

    /// The probe's present verdict: of readiness it begins false, of liveness true, of startup unknown.
    pub(crate) fn verdict(&self) -> Option<bool> {
        self.verdict
    }

    /// The run of the container that the verdict is about.
    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    /// A tick, or a trigger between ticks.
    pub(crate) fn tick(&mut self, view: &ProbeView) -> ProbeStep {
        if view.over {
            return ProbeStep::Stop;
        }
        if view.run == 0 {
            return ProbeStep::Wait;
        }
        if view.run != self.run {
            self.run = view.run;
            self.on_hold = false;
            self.verdict = match self.probe.kind {
                ProbeKind::Startup => None,
                ProbeKind::Liveness => Some(true),
                ProbeKind::Readiness => Some(false),
            };
        }
        if self.on_hold {
            return ProbeStep::Wait;
        }
        if view.progress == ContainerProgress::Down {
            self.verdict = Some(false);
            return ProbeStep::Wait;
        }
        let restarts = matches!(self.probe.kind, ProbeKind::Startup | ProbeKind::Liveness);
        if view.deleted && restarts {
            self.verdict = Some(true);
            return ProbeStep::Stop;
        }
        // Startup is tried until the container has started, the others from then on.
        let turn = (view.progress == ContainerProgress::Starting) == (self.probe.kind == ProbeKind::Startup);
        if turn && view.running_s >= self.probe.initial_delay_s { ProbeStep::Try } else { ProbeStep::Wait }
    }

    pub(crate) fn result(&mut self, success: bool) {
        if self.last == Some(success) {
            self.in_a_row += 1;
        } else {
            self.last = Some(success);
            self.in_a_row = 1;
        }
        let threshold = if success { self.probe.success_threshold } else { self.probe.failure_threshold };
        if self.in_a_row < threshold {
            return;
        }
        self.verdict = Some(success);
        if !success && self.probe.kind != ProbeKind::Readiness {
            // The container will be restarted: nothing until there is a new one.
            self.on_hold = true;
            self.in_a_row = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::probe_spec::ProbeAction;
    use super::*;

    fn probe(kind: ProbeKind) -> ContainerProbe {
        ContainerProbe {
            kind,
            action: ProbeAction::Exec(vec!["true".to_owned()]),
            initial_delay_s: 0,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
            grace_s: None,
        }
    }

    fn running() -> ProbeView {
        ProbeView { run: 1, progress: ContainerProgress::Started, ..ProbeView::default() }
    }

    /// Ticks once for each result and gives the verdicts.
    fn verdicts(probe: ContainerProbe, view: &ProbeView, results: &[bool]) -> Vec<Option<bool>> {
        let mut worker = ProbeWorker::new(probe);
        results
            .iter()
            .map(|success| {
                assert_eq!(worker.tick(view), ProbeStep::Try);
                worker.result(*success);
                worker.verdict()
            })
            .collect()
    }

    #[test]
    fn readiness_begins_false_liveness_true_and_startup_unknown() {
        for (kind, progress, expected) in [
            (ProbeKind::Readiness, ContainerProgress::Started, Some(false)),
            (ProbeKind::Liveness, ContainerProgress::Started, Some(true)),
            (ProbeKind::Startup, ContainerProgress::Starting, None),
        ] {
            let mut worker = ProbeWorker::new(probe(kind));
            assert_eq!(worker.tick(&ProbeView::default()), ProbeStep::Wait);
            assert_eq!(worker.tick(&ProbeView { progress, ..running() }), ProbeStep::Try);
            assert_eq!(worker.verdict(), expected, "{kind:?}");
        }
    }

    #[test]
    fn thresholds_count_results_in_a_row() {
        let (yes, no) = (Some(true), Some(false));
        let mut twice = probe(ProbeKind::Readiness);
        twice.success_threshold = 2;
        assert_eq!(verdicts(twice, &running(), &[true, false, true, true]), [no, no, no, yes]);
        let results = [true, false, false, true, false, false, false];
        assert_eq!(verdicts(probe(ProbeKind::Readiness), &running(), &results), [yes, yes, yes, yes, yes, yes, no]);
    }

    #[test]
    fn the_initial_delay_counts_from_the_containers_start() {
        let mut late = probe(ProbeKind::Readiness);
        late.initial_delay_s = 3;
        let mut worker = ProbeWorker::new(late);
        assert_eq!(worker.tick(&ProbeView { running_s: 2, ..running() }), ProbeStep::Wait);
        assert_eq!(worker.tick(&ProbeView { running_s: 3, ..running() }), ProbeStep::Try);
    }

    #[test]
    fn the_others_wait_for_startup_and_startup_ends_with_its_success() {
        let starting = ProbeView { progress: ContainerProgress::Starting, ..running() };
        for kind in [ProbeKind::Readiness, ProbeKind::Liveness] {
            assert_eq!(ProbeWorker::new(probe(kind)).tick(&starting), ProbeStep::Wait);
            assert_eq!(ProbeWorker::new(probe(kind)).tick(&running()), ProbeStep::Try);
        }
        assert_eq!(ProbeWorker::new(probe(ProbeKind::Startup)).tick(&starting), ProbeStep::Try);
        assert_eq!(ProbeWorker::new(probe(ProbeKind::Startup)).tick(&running()), ProbeStep::Wait);
    }

    #[test]
    fn at_deletion_liveness_and_startup_stop_and_readiness_goes_on() {
        let deleted = ProbeView { deleted: true, ..running() };
        let mut liveness = ProbeWorker::new(probe(ProbeKind::Liveness));
        assert_eq!(liveness.tick(&deleted), ProbeStep::Stop);
        assert_eq!(liveness.verdict(), Some(true));
        assert_eq!(
            ProbeWorker::new(probe(ProbeKind::Startup))
                .tick(&ProbeView { progress: ContainerProgress::Starting, ..deleted.clone() }),
            ProbeStep::Stop
        );
        assert_eq!(ProbeWorker::new(probe(ProbeKind::Readiness)).tick(&deleted), ProbeStep::Try);
        assert_eq!(
            ProbeWorker::new(probe(ProbeKind::Readiness)).tick(&ProbeView { over: true, ..deleted }),
            ProbeStep::Stop
        );
    }

    #[test]
    fn after_a_failed_liveness_probe_nothing_is_tried_until_the_container_is_new() {
        let mut once = probe(ProbeKind::Liveness);
        once.failure_threshold = 1;
        let mut worker = ProbeWorker::new(once);
        assert_eq!(worker.tick(&running()), ProbeStep::Try);
        worker.result(false);
        assert_eq!(worker.verdict(), Some(false));
        assert_eq!(worker.tick(&running()), ProbeStep::Wait);
        let anew = ProbeView { run: 2, ..running() };
        assert_eq!(worker.tick(&anew), ProbeStep::Try);
        assert_eq!((worker.verdict(), worker.run()), (Some(true), 2));
    }

    #[test]
    fn a_container_that_does_not_run_is_not_ready() {
        let mut worker = ProbeWorker::new(probe(ProbeKind::Readiness));
        assert_eq!(worker.tick(&running()), ProbeStep::Try);
        worker.result(true);
        assert_eq!(worker.tick(&ProbeView { progress: ContainerProgress::Down, ..running() }), ProbeStep::Wait);
        assert_eq!(worker.verdict(), Some(false));
    }
}
