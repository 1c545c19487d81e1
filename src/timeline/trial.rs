//! One trial: what was gathered while it ran, and its summary.

use std::collections::{BTreeMap, BTreeSet};

use super::TimelineError;
use super::connections::Connections;
use super::counts::Counts;
use super::course::{self, Course, Thinned};
use super::distribution::Distribution;
use super::histogram_decoder::HistogramDecoder;
use super::lag::PropagationLags;
use super::lateness::Lateness;
use super::life::PodLife;
use super::neighbour::Neighbour;
use super::proxy_pod::SeenProxy;
use super::said::KubernetesSaid;
use super::tracked_pods::TrackedPods;
use super::window::{Phase, Window};
use crate::clock::Stamp;
use crate::record::entry::{Attempt, LogTail, Mark, MarkName, Pulse, Punctuality, TrialEnd, TrialStart};
use crate::record::{Arm, Outcome, Sum};

/// The length of a slice of pulses and punctuality.
const SLICE_NS: u64 = 100_000_000;

/// A trial's summary.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// How it began.
    pub start: TrialStart,
    /// How it ended; `None` if the record ended first.
    pub end: Option<TrialEnd>,
    /// What was done to roll it out, step by step, in words.
    pub steps: Vec<String>,
    /// When its rollout took place; `None` if there was none.
    pub window: Option<Window>,
    /// Attempts from the rollout's first mark on, by arm: ok ones by their planned time, others by their end.
    pub judged: BTreeMap<Arm, Counts>,
    /// Attempts before it, by arm.
    pub lead_in: BTreeMap<Arm, Counts>,
    /// Latencies of ok attempts from their planned time, in microseconds; the number is the request kind's.
    pub latency_us: BTreeMap<(Phase, Arm, u16), Distribution>,
    /// Send lags of the whole trial, in microseconds.
    pub lag_us: Distribution,
    /// How late its own sends and watches were, moment by moment.
    pub lateness: Lateness,
    /// Attempts that the load's own punctuality lines say were planned.
    pub punctual: u64,
    /// The largest send lag from the first mark on, in nanoseconds.
    pub judged_lag_max_ns: u64,
    /// The largest gap between two sends of the trial, in nanoseconds.
    pub gap_max_ns: u64,
    /// Pod-seconds used during the rollout.
    pub pod_s: Option<f64>,
    /// How long new connections were still routed to the pods that were deleted.
    pub propagation: PropagationLags,
    /// The lives of the namespace's pods.
    pub pods: Vec<PodLife>,
    /// The Service's other endpoints.
    pub neighbours: Vec<Neighbour>,
    /// The proxy that the load's URL leads through, where the scenario names it.
    pub proxy: SeenProxy,
    /// The slices in which each pod answered as expected; under the empty name those in which a new connection was answered without
    /// a name.
    pub answered_slices: BTreeMap<String, BTreeSet<Stamp>>,
    /// An answer as expected of a request to the URL named one of its pods.
    pub names_answer: bool,
    /// From when to when each pod answered as expected: the starts of its first and of its last slice.
    pub served: BTreeMap<String, (Stamp, Stamp)>,
    /// Which kinds of request each pod answered as expected.
    pub answered_kinds: BTreeSet<(String, u16)>,
    /// By pod, when the first new connection was begun that it answered as expected. Those of
    /// pods that do not name themselves stand under the empty name.
    pub first_answered_ns: BTreeMap<String, Stamp>,
    /// When new connections were begun that were answered as expected: of each slice, pod and kind the first and the last one, by pod;
    /// those of pods that do not name themselves stand under the empty name.
    pub answered_anew_ns: BTreeMap<String, BTreeSet<Stamp>>,
    /// Latencies of ok attempts over the whole trial by request kind, in microseconds.
    pub kind_latency_us: BTreeMap<u16, Distribution>,
    /// The same of those before the rollout.
    pub kind_latency_before_us: BTreeMap<u16, Distribution>,
    /// Every lost attempt, whole, in the order in which they ended.
    pub lost: Vec<Attempt>,
    /// Attempts that were raced, unsent or the harness's own trouble, whole, in the order in which they ended: all of them, or
    /// of many some that are even over the trial.
    pub others: Vec<Attempt>,
    /// What attempts came to, bin by bin.
    pub course: Course,
    /// The last lines of the containers that ended with their pods while it ran.
    pub logs: Vec<LogTail>,
    /// What Kubernetes said of its objects, in the order in which it was received.
    pub said: Vec<KubernetesSaid>,
    /// The first trouble of the harness's own that befell it, in a sentence; empty without any.
    pub trouble: String,
    /// All attempts that did not end ok and ended after the first mark, by what tells them apart.
    pub failures: BTreeMap<Failure, u64>,
    /// Lines of this trial that came after its end.
    pub late_lines: u64,
    /// Lines that the channel lost while it ran.
    pub overflowed: u64,
}

/// What tells attempts that did not end ok apart, beyond their moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The arm.
    pub arm: Arm,
    /// Index of the request kind in the header's load plan.
    pub request: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Which of the five sums it fell into.
    pub sum: Sum,
    /// It is known that its connection had carried a request before.
    pub reused: bool,
}

/// An attempt that did not end ok, as small as can be.
#[derive(Debug, Clone, Copy)]
struct Ended {
    end_ns: Stamp,
    what: Failure,
}

/// A trial that is being read.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub(super) start: TrialStart,
    /// The kinds of request whose connections the Service does not route, where others' are.
    pub(super) unrouted: BTreeSet<u16>,
    pub(super) marks: Vec<Mark>,
    pub(super) logs: Vec<LogTail>,
    pub(super) trouble: String,
    ended: Vec<Ended>,
    lost: Vec<Attempt>,
    others: Thinned,
    pulses: Vec<Pulse>,
    punctuality: Vec<Punctuality>,
    pub(super) lateness: Lateness,
    connections: Connections,
}

impl Gathering {
    pub(super) fn new(start: TrialStart, unrouted: BTreeSet<u16>) -> Self {
        Self { start, unrouted, ..Self::default() }
    }

    pub(super) fn attempt(&mut self, attempt: Attempt) {
        // Ok attempts are in the pulses; their own lines, where they were asked for, are for people.
        if attempt.sum == Sum::Ok {
            return;
        }
        if !self.unrouted.contains(&attempt.request) {
            self.connections.attempt(&attempt);
        }
        let Attempt { end_ns, arm, request, outcome, sum, .. } = attempt;
        self.ended.push(Ended { end_ns, what: Failure { arm, request, outcome, sum, reused: attempt.reused() } });
        if sum == Sum::Lost {
            self.lost.push(attempt);
        } else {
            self.others.push(attempt);
        }
    }

    pub(super) fn pulse(&mut self, pulse: Pulse) {
        if !self.unrouted.contains(&pulse.request) {
            self.connections.pulse(&pulse);
        }
        self.pulses.push(pulse);
    }

    pub(super) fn punctuality(&mut self, slice: Punctuality) {
        self.punctuality.push(slice);
    }

    /// The lags of the pods that were deleted in this trial.
    pub(super) fn propagation(&self, pods: &TrackedPods, end: Option<&TrialEnd>) -> PropagationLags {
        let Some(window) = Window::of(&self.marks) else { return PropagationLags::default() };
        let end_ns = end.map_or(Stamp::MAX, |end| end.at_ns);
        pods.lags(&self.start.namespace, window, end_ns, &self.connections)
    }

    /// The summary, but for the propagation lags. `pod_s` gives the pod-seconds used between two moments.
    pub(super) fn summarise(
        self,
        end: Option<TrialEnd>,
        pod_s: impl FnOnce(Stamp, Stamp) -> Option<f64>,
        with: &mut HistogramDecoder,
    ) -> Result<Trial, TimelineError> {
        let window = Window::of(&self.marks);
        let origin_ns = window.map_or(self.start.at_ns, |window| window.first_ns);
        let moments = self.ended.iter().map(|ended| ended.end_ns);
        let moments = moments.chain(self.pulses.iter().map(|pulse| pulse.at_ns));
        let mut course = course::Builder::new(origin_ns, moments);
        let mut trial = Trial {
            pod_s: window.and_then(|window| pod_s(window.first_ns, window.gone_ns?)),
            start: self.start,
            end,
            window,
            steps: steps(&self.marks),
            lateness: self.lateness,
            lost: self.lost,
            others: self.others.finish(),
            logs: self.logs,
            trouble: self.trouble,
            ..Trial::default()
        };
        // A failure belongs to the moment at which it happened: what was in flight as the rollout began and was cut by it
        // is the rollout's loss, and does not make the lead-in dirty.
        for Ended { end_ns, what } in &self.ended {
            trial.counts(*end_ns, what.arm).add(what.sum, what.outcome, 1);
            course.ended(*end_ns, what.sum);
            if trial.phase(*end_ns) != Phase::Before {
                *trial.failures.entry(*what).or_default() += 1;
            }
        }
        for pulse in &self.pulses {
            let routed = !self.unrouted.contains(&pulse.request);
            course.pulse(pulse, &trial.add_pulse(pulse, routed, with)?);
        }
        for slice in &self.punctuality {
            trial.add_punctuality(slice, with)?;
        }
        trial.course = course.finish();
        trial.lost.sort_by_key(|attempt| (attempt.end_ns, attempt.id));
        Ok(trial)
    }
}

impl Trial {
    /// The phase of a moment; before all phases if there was no rollout.
    fn phase(&self, at: Stamp) -> Phase {
        self.window.map_or(Phase::Before, |window| window.phase(at))
    }

    fn counts(&mut self, at: Stamp, arm: Arm) -> &mut Counts {
        let counts = if self.phase(at) == Phase::Before { &mut self.lead_in } else { &mut self.judged };
        counts.entry(arm).or_default()
    }

    /// A slice belongs to the phase in which it starts: ok attempts are placed to a tenth of a second, others exactly.
    /// Gives the pulse's latencies.
    fn add_pulse(
        &mut self,
        pulse: &Pulse,
        routed: bool,
        with: &mut HistogramDecoder,
    ) -> Result<Distribution, TimelineError> {
        self.counts(pulse.at_ns, pulse.arm).add_ok(pulse.ok, pulse.retried);
        if pulse.ok > 0 {
            self.note_served(pulse, routed);
        }
        let mut latencies = Distribution::default();
        latencies.add_encoded(&pulse.latency_us, with).map_err(|reason| TimelineError::Histogram {
            what: "a pulse",
            trial: pulse.trial,
            reason,
        })?;
        self.latency_us.entry((self.phase(pulse.at_ns), pulse.arm, pulse.request)).or_default().merge(&latencies);
        self.kind_latency_us.entry(pulse.request).or_default().merge(&latencies);
        if self.phase(pulse.at_ns) == Phase::Before {
            self.kind_latency_before_us.entry(pulse.request).or_default().merge(&latencies);
        }
        Ok(latencies)
    }

    /// `routed`: its connections tell where the Service leads.
    fn note_served(&mut self, pulse: &Pulse, routed: bool) {
        let anew = routed && pulse.arm.connects_anew();
        if anew {
            let at_ns = pulse.first_connect_ns.or(pulse.last_connect_ns).unwrap_or(pulse.at_ns);
            let first = self.first_answered_ns.entry(pulse.pod.clone().unwrap_or_default()).or_insert(at_ns);
            *first = at_ns.min(*first);
            let anew = self.answered_anew_ns.entry(pulse.pod.clone().unwrap_or_default()).or_default();
            anew.extend([at_ns, pulse.last_connect_ns.unwrap_or(at_ns).max(at_ns)]);
        }
        if pulse.pod.is_some() || anew {
            self.answered_slices.entry(pulse.pod.clone().unwrap_or_default()).or_default().insert(pulse.at_ns);
        }
        if let Some(pod) = &pulse.pod {
            self.answered_kinds.insert((pod.clone(), pulse.request));
            let served = self.served.entry(pod.clone()).or_insert((pulse.at_ns, pulse.at_ns));
            *served = (served.0.min(pulse.at_ns), served.1.max(pulse.at_ns));
        }
    }

    fn add_punctuality(&mut self, slice: &Punctuality, with: &mut HistogramDecoder) -> Result<(), TimelineError> {
        self.lag_us.add_encoded(&slice.lag_us, with).map_err(|reason| TimelineError::Histogram {
            what: "a punctuality line",
            trial: slice.trial,
            reason,
        })?;
        self.gap_max_ns = self.gap_max_ns.max(slice.gap_max_ns);
        self.punctual = self.punctual.saturating_add(slice.planned);
        self.lateness.add_send(slice.at_ns, slice.lag_max_ns);
        let Some(window) = self.window else { return Ok(()) };
        // A slice that touches the rollout counts as in it: its late send may have been.
        if slice.at_ns.saturating_add(SLICE_NS) > window.first_ns {
            self.judged_lag_max_ns = self.judged_lag_max_ns.max(slice.lag_max_ns);
        }
        Ok(())
    }

    /// The pods that it replaced, and those that it made.
    #[must_use]
    pub fn replaced(&self) -> (Vec<&PodLife>, Vec<&PodLife>) {
        let (new, old): (Vec<&PodLife>, Vec<&PodLife>) = self.pods.iter().partition(|pod| pod.new);
        (old.into_iter().filter(|pod| pod.deletion.is_some() || pod.gone.is_some()).collect(), new)
    }

    /// Whether two of its pods had this name, one after the other, as those of a `StatefulSet` have.
    #[must_use]
    pub fn shares_name(&self, name: &str) -> bool {
        self.pods.iter().filter(|pod| pod.name == name).count() > 1
    }

    /// The names that two or more of its pods had.
    #[must_use]
    pub fn shared_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.pods.iter().map(|pod| pod.name.as_str()).filter(|name| !names.insert(*name)).collect()
    }

    /// Whose answer it was, a name that two pods had does not tell: it is said of neither.
    pub(super) fn forget_shared_names(&mut self) {
        let shared: BTreeSet<String> = self.shared_names().into_iter().map(str::to_owned).collect();
        for pod in self.pods.iter_mut().filter(|pod| shared.contains(&pod.name)) {
            pod.served = None;
        }
        self.served.retain(|name, _| !shared.contains(name));
        self.first_answered_ns.retain(|name, _| !shared.contains(name));
        self.answered_kinds.retain(|(name, _)| !shared.contains(name));
    }

    /// Latencies of these arms' ok attempts in a phase, in microseconds.
    #[must_use]
    pub fn latencies(&self, phase: Phase, arms: &[Arm]) -> Distribution {
        self.latencies_of(phase, arms, |_| true)
    }

    /// The same of one request kind.
    #[must_use]
    pub fn kind_latencies(&self, phase: Phase, arms: &[Arm], request: u16) -> Distribution {
        self.latencies_of(phase, arms, |kind| kind == request)
    }

    fn latencies_of(&self, phase: Phase, arms: &[Arm], is_meant: impl Fn(u16) -> bool) -> Distribution {
        let mut all = Distribution::default();
        let meant =
            self.latency_us.iter().filter(|((of, arm, kind), _)| *of == phase && arms.contains(arm) && is_meant(*kind));
        meant.for_each(|(_, latencies)| all.merge(latencies));
        all
    }

    /// Attempts of an arm over the whole trial, as the record has them.
    #[must_use]
    pub fn recorded(&self, arm: Arm) -> u64 {
        [&self.lead_in, &self.judged].into_iter().filter_map(|part| part.get(&arm)).map(Counts::attempts).sum()
    }

    /// What these arms' attempts from the first mark on came to.
    #[must_use]
    pub fn judged_counts(&self, arms: &[Arm]) -> Counts {
        sum_of(&self.judged, arms)
    }

    /// What these arms' attempts before the first mark came to.
    #[must_use]
    pub fn lead_in_counts(&self, arms: &[Arm]) -> Counts {
        sum_of(&self.lead_in, arms)
    }
}

fn steps(marks: &[Mark]) -> Vec<String> {
    let steps = marks.iter().filter(|mark| mark.name == MarkName::RolloutStep && !mark.detail.is_empty());
    steps.map(|mark| mark.detail.clone()).collect()
}

fn sum_of(parts: &BTreeMap<Arm, Counts>, arms: &[Arm]) -> Counts {
    let mut sum = Counts::default();
    for (_, counts) in parts.iter().filter(|(arm, _)| arms.contains(arm)) {
        sum.merge(counts);
    }
    sum
}
