//! Builds small records: trials of eleven seconds with a rollout of six, 90 attempts a second, and what is asked for.

use std::collections::BTreeMap;

use super::super::entry::{
    Attempt, EndReason, Entry, HarnessTrouble, Mark, MarkName, NodePorts, Overflow, PodSeen, Punctuality, RunEnd,
    SeenChange, TrialEnd, TrialStart,
};
use super::super::header::Header;
use super::super::{Arm, Outcome, Sum};
use super::{attempt, header_of, pod_seen, pulse, punctuality};
use crate::spec::Expect;

const SECOND: u64 = 1_000_000_000;
/// Pulses stand for half a second each, which keeps the records small.
const SLICE: u64 = SECOND / 2;
/// Ok attempts of each arm in a slice.
const PER_SLICE: [(Arm, u64); 3] = [(Arm::New, 25), (Arm::Reused, 10), (Arm::Blind, 10)];
/// The lead-in, the rollout's end and the load's end, in seconds from the load's start.
const FIRST_S: u64 = 3;
const GONE_S: u64 = 9;
const STOP_S: u64 = 11;

/// A record in the making.
#[derive(Clone)]
pub struct SampleRun {
    pub header: Header,
    pub entries: Vec<Entry>,
    trials: u32,
}

impl SampleRun {
    /// A plan of so many trials of each variant.
    pub fn new(trials: u32, variants: &[(&str, Expect)]) -> Self {
        Self { header: header_of(trials, variants), entries: Vec::new(), trials: 0 }
    }

    /// One clean variant, `web`, with one trial.
    pub fn one(change: impl FnOnce(&mut SampleTrial)) -> Self {
        Self::new(1, &[("web", Expect::Clean)]).trial(1, "web", change).finished()
    }

    /// So many blocks of a baseline that loses and a variant that loses so much.
    pub fn blocks(expect: (Expect, Expect), lost: &[(usize, usize)]) -> Self {
        let planned = u32::try_from(lost.len()).unwrap();
        let mut run = Self::new(planned, &[("without", expect.0), ("with", expect.1)]).baseline("without");
        for (block, (without, with)) in (1..).zip(lost) {
            run = run
                .trial(block, "without", |trial| trial.lost_times(*without))
                .trial(block, "with", |trial| trial.lost_times(*with));
        }
        run.finished()
    }

    pub fn baseline(mut self, name: &str) -> Self {
        self.header.spec.settings.baseline = Some(name.to_owned());
        self
    }

    pub fn plan(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// A trial in which all is well but for what `change` does.
    pub fn trial(mut self, block: u32, variant: &str, change: impl FnOnce(&mut SampleTrial)) -> Self {
        self.trials += 1;
        let mut trial = SampleTrial::new(self.trials, block, variant);
        change(&mut trial);
        self.entries.extend(trial.entries());
        self
    }

    pub fn push(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub fn ended(self, reason: EndReason, detail: &str) -> Self {
        let at_ns = start_ns(self.trials + 1);
        self.push(Entry::RunEnd(RunEnd { at_ns, reason, detail: detail.to_owned() }))
    }

    pub fn finished(self) -> Self {
        self.ended(EndReason::Finished, "")
    }

    pub fn bytes(&self) -> Vec<u8> {
        let header = Entry::Header(Box::new(self.header.clone()));
        let mut bytes = Vec::new();
        for entry in std::iter::once(&header).chain(&self.entries) {
            serde_json::to_writer(&mut bytes, entry).unwrap();
            bytes.push(b'\n');
        }
        bytes
    }
}

/// When the load of a trial starts.
fn start_ns(trial: u32) -> u64 {
    u64::from(trial) * 20 * SECOND
}

/// A trial in the making.
#[allow(clippy::struct_excessive_bools, reason = "each is one way in which a record lacks something")]
pub struct SampleTrial {
    number: u32,
    block: u32,
    variant: String,
    pub node_ports: Option<NodePorts>,
    others: Vec<Attempt>,
    /// Entries before the trial's end, as they are.
    pub more: Vec<Entry>,
    /// The largest send lag of the slice that begins this many seconds after the first mark, in milliseconds.
    pub lag: Option<(i64, u64)>,
    /// Why the rollout did not complete.
    pub stalled: Option<&'static str>,
    /// Whether it was rolled out at all.
    pub rolled: bool,
    /// Whether the trial's end is recorded.
    pub ends: bool,
    /// Attempts of the arm `new` that were planned and are not recorded.
    pub missing: u64,
    /// The lines on the first slice's punctuality are missing.
    pub unpunctual: bool,
    /// Times a slice's ok attempts of each arm.
    pub ok: u64,
    /// Whether the usual four pods are recorded.
    pub pods: bool,
    /// Ok attempts of the arm `new` in `more`.
    pub extra_ok: u64,
}

impl SampleTrial {
    fn new(number: u32, block: u32, variant: &str) -> Self {
        Self {
            number,
            block,
            variant: variant.to_owned(),
            node_ports: None,
            others: Vec::new(),
            more: Vec::new(),
            lag: None,
            stalled: None,
            rolled: true,
            ends: true,
            missing: 0,
            unpunctual: false,
            ok: 1,
            pods: true,
            extra_ok: 0,
        }
    }

    pub const fn number(&self) -> u32 {
        self.number
    }

    /// A moment, in milliseconds from the rollout's first mark.
    pub fn at(&self, ms: i64) -> u64 {
        (start_ns(self.number) + FIRST_S * SECOND).saturating_add_signed(ms * 1_000_000)
    }

    /// Attempts that did not end ok, planned at a moment given in milliseconds from the rollout's first mark.
    pub fn other(&mut self, arm: Arm, outcome: Outcome, sum: Sum, ms: i64) -> &mut Self {
        let planned_ns = self.at(ms);
        let id = self.others.len() as u64;
        self.others.push(Attempt { trial: self.number, ..attempt(id, arm, outcome, sum, planned_ns) });
        self
    }

    /// The attempt that was added last.
    pub fn last(&mut self) -> &mut Attempt {
        self.others.last_mut().unwrap()
    }

    /// A judged loss during the rollout.
    pub fn lost(&mut self) -> &mut Self {
        self.other(Arm::New, Outcome::Refused, Sum::Lost, 1_000)
    }

    /// So many of them, a little apart.
    pub fn lost_times(&mut self, times: usize) {
        for ms in (1_000..).step_by(37).take(times) {
            self.other(Arm::New, Outcome::Refused, Sum::Lost, ms);
        }
    }

    fn entries(self) -> Vec<Entry> {
        let begin = start_ns(self.number);
        let mut entries = vec![Entry::TrialStart(TrialStart {
            at_ns: begin,
            trial: self.number,
            block: self.block,
            variant: self.variant.clone(),
            namespace: format!("rollproof-{}", self.variant),
            node_ports: self.node_ports.clone(),
        })];
        entries.push(self.mark(MarkName::LoadStarted, 0));
        if self.pods {
            entries.extend(self.pods());
        }
        // As in a run: what happened first is not always recorded first.
        entries.extend(self.others.iter().cloned().map(Entry::Attempt));
        entries.extend((0..STOP_S * 2).flat_map(|slice| self.slice(begin + slice * SLICE)));
        if self.rolled {
            entries.push(self.mark(MarkName::RolloutStep, FIRST_S));
        }
        if self.rolled && self.stalled.is_none() {
            entries.push(self.mark(MarkName::RolloutComplete, GONE_S - 1));
            entries.push(self.mark(MarkName::OldPodsGone, GONE_S));
        }
        entries.push(self.mark(MarkName::LoadStopped, STOP_S));
        entries.extend(self.more.iter().cloned());
        if self.ends {
            entries.push(Entry::TrialEnd(TrialEnd {
                at_ns: begin + STOP_S * SECOND + SECOND / 10,
                trial: self.number,
                complete: self.rolled && self.stalled.is_none(),
                reason: self.stalled.unwrap_or_default().to_owned(),
                reset: false,
                trouble: String::new(),
                planned: self.planned(),
            }));
        }
        entries
    }

    /// What was planned in a slice: what did not end ok is all in the first.
    fn planned_in(&self, at_ns: u64) -> u64 {
        let answered: u64 = PER_SLICE.iter().map(|(_, count)| count * self.ok).sum();
        let first = at_ns == start_ns(self.number);
        answered + if first { self.others.len() as u64 + self.missing + self.extra_ok } else { 0 }
    }

    fn planned(&self) -> BTreeMap<Arm, u64> {
        let mut planned: BTreeMap<Arm, u64> =
            PER_SLICE.into_iter().map(|(arm, count)| (arm, count * self.ok * STOP_S * 2)).collect();
        for attempt in &self.others {
            *planned.entry(attempt.arm).or_default() += 1;
        }
        *planned.entry(Arm::New).or_default() += self.missing + self.extra_ok;
        planned
    }

    /// A mark around a moment in seconds from the load's start: the cautious side of its bracket is that second.
    fn mark(&self, name: MarkName, s: u64) -> Entry {
        let at = start_ns(self.number) + s * SECOND;
        let first = name == MarkName::RolloutStep;
        let (before_ns, after_ns) = if first { (at, at + 1_000_000) } else { (at - at.min(1_000_000), at) };
        Entry::Mark(Mark { trial: self.number, name, before_ns, after_ns, detail: String::new() })
    }

    /// Two old pods and, two seconds after the first mark, two new ones; the old ones are gone at the end.
    fn pods(&self) -> Vec<Entry> {
        let begin = start_ns(self.number);
        let namespace = format!("rollproof-{}", self.variant);
        let seen = |s: u64, uid: String, change| {
            Entry::Pod(PodSeen { change, ..pod_seen(begin + s * SECOND, &namespace, &format!("web-{uid}"), &uid) })
        };
        (0..2)
            .flat_map(|i| {
                let uid = |age| format!("{}-{age}-{i}", self.number);
                [
                    seen(0, uid("old"), SeenChange::Seen),
                    seen(FIRST_S + 2, uid("new"), SeenChange::Seen),
                    seen(GONE_S, uid("old"), SeenChange::Gone),
                    seen(STOP_S, uid("new"), SeenChange::Gone),
                ]
            })
            .collect()
    }

    fn slice(&self, at_ns: u64) -> Vec<Entry> {
        let rolling = (self.at(0)..self.at(6_000)).contains(&at_ns);
        let latency = if rolling { 2_000 } else { 1_000 };
        let mut entries: Vec<Entry> = PER_SLICE
            .into_iter()
            .filter(|_| self.ok > 0)
            .map(|(arm, count)| Entry::Pulse(pulse(self.number, at_ns, arm, count * self.ok, latency)))
            .collect();
        let lag_ms = self.lag.filter(|(s, _)| self.at(s * 1_000) == at_ns).map_or(0, |(_, ms)| ms);
        entries.push(Entry::Punctuality(Punctuality {
            lag_max_ns: (lag_ms * 1_000_000).max(50_000),
            ..punctuality(self.number, at_ns, self.planned_in(at_ns))
        }));
        if self.unpunctual && at_ns == start_ns(self.number) {
            entries.pop();
        }
        entries
    }

    pub fn overflow(&mut self, lines: u64) {
        let at_ns = self.at(2_000);
        self.more.push(Entry::Overflow(Overflow { at_ns, lines }));
    }

    /// The harness has trouble of its own in the trial's namespace, or in another.
    pub fn harness_trouble(&mut self, namespace: Option<&str>) {
        let namespace = namespace.map_or_else(|| format!("rollproof-{}", self.variant), ToOwned::to_owned);
        let what = "the supervisor of container web in pod web-1 was killed".to_owned();
        self.more.push(Entry::HarnessTrouble(HarnessTrouble { at_ns: self.at(2_000), namespace, what }));
    }
}
