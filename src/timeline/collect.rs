//! Takes the entries of a record one by one and leaves a timeline.

use std::collections::BTreeMap;

use hdrhistogram::serialization::Deserializer;

use super::TimelineError;
use super::serving::Serving;
use super::tracked_pods::TrackedPods;
use super::trial::{Gathering, Trial};
use crate::clock::Stamp;
use crate::record::entry::{EndpointsSeen, Entry, HarnessTrouble, LogTail, Overflow, RunEnd, TrialEnd, TrialStart};
use crate::record::header::Header;
use crate::servers::PreStop;

/// Losses of the channel that are told so soon after a trial's start may have begun before it.
const OVERFLOW_DELAY_NS: u64 = 1_000_000_000;

/// Logs of a trial that are kept.
const MOST_LOGS: usize = 1_000;

/// A record in order.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// What was planned.
    pub header: Header,
    /// The trials, in the order in which they began.
    pub trials: Vec<Trial>,
    /// How the run ended; `None` if the record ended first.
    pub end: Option<RunEnd>,
    /// The record's last line was cut.
    pub cut: bool,
    /// Lines of trials whose beginning the record does not have.
    pub orphans: u64,
}

/// Gathers a timeline.
pub struct Collector {
    header: Header,
    running: BTreeMap<u32, Gathering>,
    done: Vec<Trial>,
    pods: TrackedPods,
    overflows: Vec<Overflow>,
    end: Option<RunEnd>,
    orphans: u64,
    deserializer: Deserializer,
}

impl Collector {
    /// Begins with the header.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self {
            pods: TrackedPods::new(header.started_unix_ns),
            header,
            running: BTreeMap::new(),
            done: Vec::new(),
            overflows: Vec::new(),
            end: None,
            orphans: 0,
            deserializer: Deserializer::new(),
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The entry does not fit those before it.
    pub fn push(&mut self, entry: Entry) -> Result<(), TimelineError> {
        match entry {
            Entry::TrialStart(start) => return self.begin(start),
            Entry::TrialEnd(end) => return self.finish_trial(end),
            Entry::Mark(mark) => self.of_trial(mark.trial, |trial| trial.marks.push(mark)),
            Entry::Attempt(attempt) => self.of_trial(attempt.trial, |trial| trial.attempt(attempt)),
            Entry::Pulse(pulse) => self.of_trial(pulse.trial, |trial| trial.pulse(pulse)),
            Entry::Punctuality(slice) => self.of_trial(slice.trial, |trial| trial.punctuality(slice)),
            Entry::Pod(pod) => self.pods.pod(&pod),
            // Another Service's endpoints say nothing of where the load was led.
            Entry::Endpoints(seen) if self.is_of_another_service(&seen) => {}
            Entry::Endpoints(seen) => self.pods.endpoints(&seen),
            Entry::Listener(seen) => self.pods.listener(&seen),
            Entry::Event(event) => self.pods.event(&event),
            Entry::Gap(gap) => self.pods.gap(gap),
            Entry::Log(log) => self.keep_log(log),
            Entry::Overflow(overflow) => self.overflows.push(overflow),
            Entry::HarnessTrouble(trouble) => self.befell(trouble),
            Entry::RunEnd(end) => self.end = Some(end),
            Entry::Header(_) | Entry::Workload(_) => {}
        }
        Ok(())
    }

    /// Whether a slice is known to be of another Service than the load's.
    fn is_of_another_service(&self, seen: &EndpointsSeen) -> bool {
        let Some(service) = &seen.service else { return false };
        self.header.variant_in(&seen.namespace).is_some_and(|variant| variant.service().name != *service)
    }

    fn begin(&mut self, start: TrialStart) -> Result<(), TimelineError> {
        let trial = start.trial;
        if !self.header.spec.variants.iter().any(|variant| variant.name == start.variant) {
            let known: Vec<&str> = self.header.spec.variants.iter().map(|variant| variant.name.as_str()).collect();
            return Err(TimelineError::UnknownVariant { trial, variant: start.variant, known: known.join(", ") });
        }
        if self.running.contains_key(&trial) || self.done.iter().any(|done| done.start.trial == trial) {
            return Err(TimelineError::TrialTwice { trial });
        }
        self.pods.forget(&start.namespace, start.at_ns);
        self.running.insert(trial, Gathering::new(start));
        Ok(())
    }

    fn finish_trial(&mut self, end: TrialEnd) -> Result<(), TimelineError> {
        let Some(gathering) = self.running.remove(&end.trial) else {
            self.stray(end.trial);
            return Ok(());
        };
        self.summarise(gathering, Some(end))
    }

    fn summarise(&mut self, gathering: Gathering, end: Option<TrialEnd>) -> Result<(), TimelineError> {
        let namespace = gathering.start.namespace.clone();
        let pod_s = |from: Stamp, to: Stamp| self.pods.used_s(&namespace, from, to);
        let propagation = gathering.propagation(&self.pods, end.as_ref());
        let (serving, hook) = self.serving(&gathering.start.variant);
        let mut trial = gathering.summarise(end, pod_s, &mut self.deserializer)?;
        trial.propagation = propagation;
        if let Some(window) = trial.window {
            trial.pods = self.pods.lives(&namespace, window, (&serving, &hook), &trial.served);
            trial.forget_shared_names();
        }
        self.done.push(trial);
        Ok(())
    }

    /// Trouble is told when it happens, so it is that of the trial that runs in its namespace.
    fn befell(&mut self, trouble: HarnessTrouble) {
        let own = self.running.values_mut().find(|trial| trial.start.namespace == trouble.namespace);
        if let Some(trial) = own.filter(|trial| trial.trouble.is_empty()) {
            trial.trouble = trouble.what;
        }
    }

    /// A log belongs to the trial that runs in its namespace; between two, nothing is measured.
    fn keep_log(&mut self, log: LogTail) {
        let own = self.running.values_mut().find(|trial| trial.start.namespace == log.namespace);
        if let Some(trial) = own.filter(|trial| trial.logs.len() < MOST_LOGS) {
            trial.logs.push(log);
        }
    }

    /// The name of the container of a variant's workload that serves, and its preStop hook.
    fn serving(&self, variant: &str) -> (String, PreStop) {
        let serving = self.header.variant(variant).and_then(Serving::of);
        serving.map(|serving| (serving.name().to_owned(), PreStop::of_container(serving.container))).unwrap_or_default()
    }

    fn of_trial(&mut self, trial: u32, take: impl FnOnce(&mut Gathering)) {
        match self.running.get_mut(&trial) {
            Some(gathering) => take(gathering),
            None => self.stray(trial),
        }
    }

    /// A line of a trial that is not running.
    fn stray(&mut self, trial: u32) {
        match self.done.iter_mut().find(|done| done.start.trial == trial) {
            Some(done) => done.late_lines += 1,
            None => self.orphans += 1,
        }
    }

    /// The timeline. `cut` is what the reader says of the record's last line.
    ///
    /// # Errors
    /// A trial that was still running does not fit.
    pub fn finish(mut self, cut: bool) -> Result<Timeline, TimelineError> {
        for gathering in std::mem::take(&mut self.running).into_values() {
            self.summarise(gathering, None)?;
        }
        self.done.sort_by_key(|trial| (trial.start.at_ns, trial.start.trial));
        for overflow in &self.overflows {
            blame(&mut self.done, overflow);
        }
        Ok(Timeline { header: self.header, trials: self.done, end: self.end, cut, orphans: self.orphans })
    }
}

/// Counts a loss of the channel against the trial that ran when it was told, and against the one before it if that is
/// not long ago. Which lines were lost is not known, so the place in the record tells nothing.
fn blame(trials: &mut [Trial], overflow: &Overflow) {
    let begun = trials.partition_point(|trial| trial.start.at_ns <= overflow.at_ns);
    let Some(last) = begun.checked_sub(1) else {
        // Lost before the first trial began: its beginning may be what was lost.
        if let Some(first) = trials.first_mut() {
            first.overflowed += overflow.lines;
        }
        return;
    };
    trials[last].overflowed += overflow.lines;
    if last > 0 && overflow.at_ns - trials[last].start.at_ns < OVERFLOW_DELAY_NS {
        trials[last - 1].overflowed += overflow.lines;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn start(trial: u32, namespace: &str) -> Entry {
        let (variant, namespace) = ("web".to_owned(), namespace.to_owned());
        Entry::TrialStart(TrialStart { at_ns: u64::from(trial), trial, block: 1, variant, namespace })
    }

    fn end(trial: u32) -> Entry {
        Entry::TrialEnd(TrialEnd {
            at_ns: u64::from(trial) + 1,
            trial,
            complete: true,
            reason: String::new(),
            reset: false,
            trouble: String::new(),
            planned: BTreeMap::new(),
        })
    }

    fn log(namespace: &str, pod: &str) -> Entry {
        Entry::Log(LogTail {
            at_ns: 1,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: "c".to_owned(),
            lines: vec!["bye".to_owned()],
            earlier: false,
            shortened: 0,
        })
    }

    #[test]
    fn logs_belong_to_the_trial_that_runs_in_their_namespace() {
        let mut collector = Collector::new(sample::header());
        let entries = [
            log("a", "before"),
            start(1, "a"),
            log("b", "elsewhere"),
            log("a", "first"),
            end(1),
            log("a", "between"),
            start(2, "a"),
            log("a", "second"),
        ];
        for entry in entries {
            collector.push(entry).unwrap();
        }
        let trials = collector.finish(false).unwrap().trials;
        let pods: Vec<Vec<&str>> =
            trials.iter().map(|trial| trial.logs.iter().map(|log| log.pod.as_str()).collect()).collect();
        assert_eq!(pods, [["first"], ["second"]]);
        assert!(trials.iter().all(|trial| trial.late_lines == 0));
    }
}
