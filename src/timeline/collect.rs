//! Takes the entries of a record one by one and leaves a timeline.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::TimelineError;
use super::histogram_decoder::HistogramDecoder;
use super::proxy_pod::SeenProxies;
use super::said::waiting_words;
use super::serving::Serving;
use super::tracked_pods::TrackedPods;
use super::trial::{Gathering, Trial};
use crate::clock::Stamp;
use crate::record::entry::{
    EndpointsSeen, Entry, HarnessTrouble, LogTail, Overflow, RunEnd, TrialEnd, TrialStart, WatchLateness,
};
use crate::record::header::Header;
use crate::servers::PreStop;
use crate::spec::{Door, LoadSpec, VariantSpec};

/// Losses of the channel that are told so soon after a trial's start may have begun before it.
const OVERFLOW_DELAY_NS: u64 = 1_000_000_000;

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
    /// What the driver noted of the cluster.
    pub cluster_notes: Vec<String>,
}

/// Gathers a timeline.
pub struct Collector {
    header: Header,
    /// When each trial began, with its number.
    begun: BTreeSet<(Stamp, u32)>,
    numbers: BTreeSet<u32>,
    running: BTreeMap<u32, Gathering>,
    /// The trials that run in each namespace: one, unless a record was changed.
    running_in: BTreeMap<String, BTreeSet<u32>>,
    done: Vec<Trial>,
    /// Their places in `done`.
    places: BTreeMap<u32, usize>,
    pods: TrackedPods,
    proxies: SeenProxies,
    overflows: Vec<Overflow>,
    end: Option<RunEnd>,
    orphans: u64,
    cluster_notes: Vec<String>,
    histograms: HistogramDecoder,
}

impl Collector {
    /// Begins with the header.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self {
            pods: TrackedPods::new(header.started_unix_ns),
            proxies: SeenProxies::default(),
            header,
            begun: BTreeSet::new(),
            numbers: BTreeSet::new(),
            running: BTreeMap::new(),
            running_in: BTreeMap::new(),
            done: Vec::new(),
            places: BTreeMap::new(),
            overflows: Vec::new(),
            end: None,
            orphans: 0,
            cluster_notes: Vec::new(),
            histograms: HistogramDecoder::default(),
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
            Entry::Endpoints(seen) if self.is_of_a_proxy(&seen) => {
                self.proxies.endpoints(seen.service.as_deref().unwrap_or_default(), &seen);
            }
            // Another Service's endpoints say nothing of where the load was routed.
            Entry::Endpoints(seen) if self.is_of_another_service(&seen) => {}
            Entry::Endpoints(seen) => self.pods.endpoints(&seen),
            Entry::Listener(seen) => self.pods.listener(&seen),
            Entry::Event(event) => self.pods.event(&event),
            Entry::Gap(gap) => {
                self.proxies.gap(&gap);
                self.pods.gap(gap);
            }
            Entry::WatchLateness(seen) => self.watched_late(&seen),
            Entry::Log(log) => self.keep_log(log),
            Entry::Overflow(overflow) => self.overflows.push(overflow),
            Entry::HarnessTrouble(trouble) => self.befell(trouble),
            Entry::ClusterNote(seen) => self.cluster_notes.push(seen.note),
            Entry::RunEnd(end) => self.end = Some(end),
            Entry::Header(_) | Entry::Workload(_) => {}
        }
        Ok(())
    }

    fn is_of_a_proxy(&self, seen: &EndpointsSeen) -> bool {
        let here = self.header.variants_in(&seen.namespace);
        let mut proxies = here.filter_map(|variant| variant.load.url.as_ref()?.proxy.as_ref());
        proxies.any(|proxy| Some(proxy) == seen.service.as_ref()) && self.is_of_another_service(seen)
    }

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
        if !self.numbers.insert(trial) {
            return Err(TimelineError::TrialTwice { trial });
        }
        self.begun.insert((start.at_ns, trial));
        self.pods.forget(&start.namespace, start.at_ns);
        self.proxies.forget(&start.namespace, start.at_ns);
        self.running_in.entry(start.namespace.clone()).or_default().insert(trial);
        let unrouted = self.load(&start.variant).map(LoadSpec::unrouted).unwrap_or_default();
        self.running.insert(trial, Gathering::new(start, unrouted));
        Ok(())
    }

    fn finish_trial(&mut self, end: TrialEnd) -> Result<(), TimelineError> {
        let Some(gathering) = self.running.remove(&end.trial) else {
            self.stray(end.trial);
            return Ok(());
        };
        if let Some(running) = self.running_in.get_mut(&gathering.start.namespace) {
            running.remove(&end.trial);
        }
        self.summarise(gathering, Some(end))
    }

    fn summarise(&mut self, gathering: Gathering, end: Option<TrialEnd>) -> Result<(), TimelineError> {
        let namespace = gathering.start.namespace.clone();
        let pod_s = |from: Stamp, to: Stamp| self.pods.used_s(&namespace, from, to);
        let propagation = gathering.propagation(&self.pods, end.as_ref());
        let (serving, hook) = self.serving(&gathering.start.variant);
        let mut trial = gathering.summarise(end, pod_s, &mut self.histograms)?;
        trial.propagation = propagation;
        trial.said = self.pods.said(&namespace);
        if let Some(end) = trial.end.as_mut().filter(|end| !end.complete && !end.reason.is_empty())
            && let Some(why) = waiting_words(&trial.said)
        {
            end.reason = format!("{}; {why}", end.reason);
        }
        if let Some(window) = trial.window {
            trial.pods = self.pods.lives(&namespace, window, (&serving, &hook), &trial.served);
            trial.names_answer = self.load(&trial.start.variant).is_some_and(|load| names_answer(&trial, load));
            self.give_hooks(&mut trial);
            trial.forget_shared_names();
            let proxy = self
                .header
                .variant(&trial.start.variant)
                .and_then(|variant| variant.load.url.as_ref()?.proxy.as_deref());
            trial.proxy = self.proxies.of(&namespace, proxy);
            trial.neighbours = self.pods.neighbours(&namespace, &std::mem::take(&mut trial.answered_slices));
        }
        self.places.insert(trial.start.trial, self.done.len());
        self.done.push(trial);
        Ok(())
    }

    /// Trouble is told when it happens, so it is that of the trial that runs in its namespace.
    fn befell(&mut self, trouble: HarnessTrouble) {
        if let Some(trial) = self.running_in(&trouble.namespace).filter(|trial| trial.trouble.is_empty()) {
            trial.trouble = trouble.what;
        }
    }

    /// Watches that ran late, in the namespace of the trial that runs.
    fn watched_late(&mut self, seen: &WatchLateness) {
        if let Some(own) = self.running_in(&seen.namespace) {
            own.lateness.add(seen.at_ns, seen.until_ns, seen.late_ns);
        }
    }

    /// A log belongs to the trial that runs in its namespace; between two, nothing is measured.
    fn keep_log(&mut self, log: LogTail) {
        if let Some(trial) = self.running_in(&log.namespace).filter(|trial| trial.logs.len() < MOST_LOGS) {
            trial.logs.push(log);
        }
    }

    fn running_in(&mut self, namespace: &str) -> Option<&mut Gathering> {
        let trial = self.running_in.get(namespace)?.first()?;
        self.running.get_mut(trial)
    }

    fn load(&self, variant: &str) -> Option<&LoadSpec> {
        self.header.variant(variant).map(|variant| &variant.load)
    }

    /// The name of the container of a variant's workload that serves, and its preStop hook.
    fn serving(&self, variant: &str) -> (String, PreStop) {
        let serving = self.header.variant(variant).and_then(Serving::of);
        serving.map(|serving| (serving.name().to_owned(), PreStop::of_container(serving.container))).unwrap_or_default()
    }

    /// The hooks of the containers that do not serve.
    fn give_hooks(&self, trial: &mut Trial) {
        let manifest = self.header.variant(&trial.start.variant).and_then(VariantSpec::workload_manifest);
        let containers = manifest.and_then(|found| found.pointer("/spec/template/spec/containers")?.as_array());
        let Some(containers) = containers else { return };
        for other in trial.pods.iter_mut().flat_map(|pod| &mut pod.others) {
            let own = containers.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(&other.name));
            other.hook = own.map(PreStop::of_container).unwrap_or_default();
        }
    }

    fn of_trial(&mut self, trial: u32, take: impl FnOnce(&mut Gathering)) {
        match self.running.get_mut(&trial) {
            Some(gathering) => take(gathering),
            None => self.stray(trial),
        }
    }

    /// A line of a trial that is not running.
    fn stray(&mut self, trial: u32) {
        match self.places.get(&trial).and_then(|place| self.done.get_mut(*place)) {
            Some(done) => done.late_lines += 1,
            None => self.orphans += 1,
        }
    }

    /// Takes out a trial that has ended, as the record has it so far, and drops the trials that ended before it: memory stays that of
    /// one trial when a run is followed trial by trial. `None` if its end has not come.
    pub fn take_ended(&mut self, trial: u32) -> Option<Trial> {
        let place = *self.places.get(&trial)?;
        let mut found = self.done.swap_remove(place);
        self.done.clear();
        self.places.clear();
        found.overflowed = self.overflowed().get(&trial).copied().unwrap_or(0);
        Some(found)
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
        let overflowed = self.overflowed();
        for trial in &mut self.done {
            trial.overflowed = overflowed.get(&trial.start.trial).copied().unwrap_or(0);
        }
        Ok(Timeline {
            header: self.header,
            trials: self.done,
            end: self.end,
            cut,
            orphans: self.orphans,
            cluster_notes: self.cluster_notes,
        })
    }

    /// How many lines the channel lost while each trial ran. A loss counts against the trial that ran when it was told, and against
    /// the one before it if that is not long ago. Which lines were lost is not known, so the place in the record tells nothing.
    fn overflowed(&self) -> BTreeMap<u32, u64> {
        let mut lost: BTreeMap<u32, u64> = BTreeMap::new();
        for Overflow { at_ns, lines } in &self.overflows {
            let mut latest = self.begun.range(..=(*at_ns, u32::MAX)).rev();
            // Lost before the first trial began: its beginning may be what was lost.
            let Some((begun_ns, trial)) = latest.next().or(self.begun.first()) else { continue };
            let before = latest.next().filter(|_| at_ns.saturating_sub(*begun_ns) < OVERFLOW_DELAY_NS);
            for trial in std::iter::once(*trial).chain(before.map(|(_, before)| *before)) {
                let known = lost.entry(trial).or_default();
                *known = known.saturating_add(*lines);
            }
        }
        lost
    }
}

/// Whether an answer to a request to the URL named one of the trial's pods.
fn names_answer(trial: &Trial, load: &LoadSpec) -> bool {
    let at_url = trial.answered_kinds.iter().filter(|(_, kind)| load.door(*kind) == Door::Url);
    let named: BTreeSet<&str> = at_url.map(|(name, _)| name.as_str()).collect();
    trial.pods.iter().any(|pod| named.contains(pod.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn start(trial: u32, namespace: &str) -> Entry {
        let (variant, namespace) = ("web".to_owned(), namespace.to_owned());
        Entry::TrialStart(TrialStart { at_ns: u64::from(trial), trial, block: 1, variant, namespace, node_ports: None })
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
    fn a_trial_that_is_taken_out_is_the_one_that_a_timeline_of_the_same_entries_has() {
        let lost = |at_ns, lines| Entry::Overflow(Overflow { at_ns, lines });
        let begins = |trial: u32, at_ns| match start(trial, "a") {
            Entry::TrialStart(start) => Entry::TrialStart(TrialStart { at_ns, ..start }),
            other => other,
        };
        // The third loss is told a second after the second trial's start, the fourth soon after it: that is the first trial's too.
        let second = 10 * OVERFLOW_DELAY_NS;
        let entries = [
            vec![lost(1, 1), begins(1, 10), lost(20, 2), end(1), sample::lost(0)],
            vec![begins(2, second), lost(second + OVERFLOW_DELAY_NS, 4), lost(second + 5, 8), end(2)],
            vec![begins(3, 2 * second)],
        ];
        let (mut followed, mut so_far) = (Collector::new(sample::header()), Vec::new());
        for (trial, of_trial) in (1..).zip(entries) {
            so_far.extend(of_trial.clone());
            let mut anew = Collector::new(sample::header());
            for entry in of_trial {
                followed.push(entry).unwrap();
            }
            for entry in &so_far {
                anew.push(Entry::clone(entry)).unwrap();
            }
            let trials = anew.finish(false).unwrap().trials;
            let expected = trials.into_iter().find(|one| one.start.trial == trial && one.end.is_some());
            let found = followed.take_ended(trial);
            assert_eq!(found.is_some(), trial < 3, "the third has not ended");
            let told = |one: &Trial| (one.start.clone(), one.end.clone(), one.overflowed, one.late_lines);
            assert_eq!(found.as_ref().map(told), expected.as_ref().map(told));
            assert!(followed.done.is_empty(), "nothing of ended trials is kept");
        }
        assert!(matches!(followed.push(begins(1, 3 * second)), Err(TimelineError::TrialTwice { trial: 1 })));
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
