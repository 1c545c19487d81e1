//! Takes the entries of a record one by one and leaves a timeline.

use std::collections::BTreeMap;

use hdrhistogram::serialization::Deserializer;

use super::TimelineError;
use super::hook::Hook;
use super::lag::Departures;
use super::lives::Lives;
use super::pods::Pods;
use super::trial::{Gathering, Trial};
use crate::clock::Stamp;
use crate::record::entry::{Entry, Overflow, RunEnd, TrialEnd, TrialStart};
use crate::record::header::Header;

/// Losses of the channel that are told so soon after a trial's start may have begun before it.
const OVERFLOW_DELAY_NS: u64 = 1_000_000_000;

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
    pods: Pods,
    departures: Departures,
    lives: Lives,
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
            lives: Lives::new(header.started_unix_ns),
            header,
            running: BTreeMap::new(),
            done: Vec::new(),
            pods: Pods::default(),
            departures: Departures::default(),
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
            Entry::Pod(pod) => {
                self.pods.see(&pod);
                self.departures.pod(&pod);
                self.lives.pod(&pod);
            }
            Entry::Endpoints(seen) => {
                self.departures.endpoints(&seen);
                self.lives.endpoints(&seen);
            }
            Entry::Listener(seen) => {
                self.departures.listener(&seen);
                self.lives.listener(&seen);
            }
            Entry::Event(event) => self.lives.event(&event),
            Entry::Gap(gap) => {
                self.departures.gap(&gap);
                self.lives.gap(&gap);
            }
            Entry::Overflow(overflow) => self.overflows.push(overflow),
            Entry::RunEnd(end) => self.end = Some(end),
            Entry::Header(_) | Entry::Workload(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, start: TrialStart) -> Result<(), TimelineError> {
        let trial = start.trial;
        if !self.header.variants.iter().any(|variant| variant.name == start.variant) {
            let known: Vec<&str> = self.header.variants.iter().map(|variant| variant.name.as_str()).collect();
            return Err(TimelineError::UnknownVariant { trial, variant: start.variant, known: known.join(", ") });
        }
        if self.running.contains_key(&trial) || self.done.iter().any(|done| done.start.trial == trial) {
            return Err(TimelineError::TrialTwice { trial });
        }
        self.pods.forget(&start.namespace, start.at_ns);
        self.departures.forget(&start.namespace, start.at_ns);
        self.lives.forget(&start.namespace, start.at_ns);
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
        let propagation = gathering.propagation(&self.departures, end.as_ref());
        let hook = self.hook(&gathering.start.variant);
        let mut trial = gathering.summarise(end, pod_s, &mut self.deserializer)?;
        trial.propagation = propagation;
        if let Some(window) = trial.window {
            trial.pods = self.lives.of_trial(&namespace, window, &hook, &trial.served);
        }
        self.done.push(trial);
        Ok(())
    }

    /// The preStop hook of a variant's workload.
    fn hook(&self, variant: &str) -> Hook {
        let Some(variant) = self.header.variants.iter().find(|known| known.name == variant) else { return Hook::None };
        let named = |manifest: &&serde_json::Value| {
            let text =
                |pointer: &str| manifest.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
            format!("{}/{}", text("/kind").to_lowercase(), text("/metadata/name")) == variant.workload.to_lowercase()
        };
        variant.manifests.iter().find(named).map_or(Hook::None, Hook::of_workload)
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
