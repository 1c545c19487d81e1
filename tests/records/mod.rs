//! Builds small records: trials of eleven seconds with a rollout of six, 90 attempts a second, and what is asked for.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use rollproof::analysis::{self, Analysis, AnalysisError, ReportDoc};
use rollproof::record::entry::{
    Attempt, AttemptStage, ConnectionUse, EndReason, Entry, HarnessTrouble, Mark, MarkName, Overflow, PodSeen, Pulse,
    Punctuality, RunEnd, SeenChange, TrialEnd, TrialStart,
};
use rollproof::record::header::{ClusterHeader, Header, VariantPlace};
use rollproof::record::{Arm, FORMAT, Outcome, Reader, Sum};
use rollproof::spec::{DeployedTarget, Expect, LoadSpec, RequestSpec, RunSettings, RunSpec, ServiceSpec, VariantSpec};

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
pub(crate) struct Run {
    pub(crate) header: Header,
    pub(crate) entries: Vec<Entry>,
    trials: u32,
}

impl Run {
    /// A plan of so many trials of each variant.
    pub(crate) fn new(trials: u32, variants: &[(&str, Expect)]) -> Self {
        let header = Header {
            format: FORMAT,
            rollproof: "0.1.0".to_owned(),
            started: "2026-11-23T10:00:00Z".to_owned(),
            started_unix_ns: 1_795_514_400 * SECOND,
            cluster: ClusterHeader {
                kind: "embedded".to_owned(),
                version: "v1.34".to_owned(),
                private_network: Some(true),
            },
            places: variants
                .iter()
                .map(|(name, _)| VariantPlace { namespace: format!("rollproof-{name}"), connections: 8 })
                .collect(),
            spec: RunSpec {
                settings: RunSettings::new("sample", 1, trials),
                variants: variants.iter().map(|(name, expect)| variant(name, *expect)).collect(),
            },
        };
        Self { header, entries: Vec::new(), trials: 0 }
    }

    pub(crate) fn baseline(mut self, name: &str) -> Self {
        self.header.spec.settings.baseline = Some(name.to_owned());
        self
    }

    pub(crate) fn plan(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// A trial in which all is well but for what `change` does.
    pub(crate) fn trial(mut self, block: u32, variant: &str, change: impl FnOnce(&mut Trial)) -> Self {
        self.trials += 1;
        let mut trial = Trial::new(self.trials, block, variant);
        change(&mut trial);
        self.entries.extend(trial.entries());
        self
    }

    pub(crate) fn push(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub(crate) fn ended(self, reason: EndReason, detail: &str) -> Self {
        let at_ns = start_ns(self.trials + 1);
        self.push(Entry::RunEnd(RunEnd { at_ns, reason, detail: detail.to_owned() }))
    }

    pub(crate) fn finished(self) -> Self {
        self.ended(EndReason::Finished, "")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let header = Entry::Header(Box::new(self.header.clone()));
        let mut bytes = Vec::new();
        for entry in std::iter::once(&header).chain(&self.entries) {
            serde_json::to_writer(&mut bytes, entry).unwrap();
            bytes.push(b'\n');
        }
        bytes
    }

    pub(crate) fn analysis(&self) -> Analysis {
        analysis::of_record(Reader::new(self.bytes().as_slice()).unwrap()).unwrap()
    }

    pub(crate) fn report(&self) -> ReportDoc {
        self.analysis().report
    }
}

/// The report of a record's bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<ReportDoc, AnalysisError> {
    Ok(analysis::of_record(Reader::new(bytes)?)?.report)
}

fn variant(name: &str, expect: Expect) -> VariantSpec {
    let request = RequestSpec::get("/".parse().unwrap(), vec![(Arm::New, 0.6), (Arm::Reused, 0.2), (Arm::Blind, 0.2)]);
    let load = LoadSpec::new(90.0, Duration::from_secs(10), vec![request]);
    let target = DeployedTarget {
        manifests: Vec::new(),
        workload: "deployment/web".to_owned(),
        replicas: 2,
        surge: 1,
        service: ServiceSpec::new("web", 80, 8080),
    };
    VariantSpec::new(name, expect, target, LoadSpec { judged: vec![Arm::New, Arm::Reused], ..load })
}

/// When the load of a trial starts.
fn start_ns(trial: u32) -> u64 {
    u64::from(trial) * 20 * SECOND
}

/// A trial in the making.
pub(crate) struct Trial {
    number: u32,
    block: u32,
    variant: String,
    others: Vec<Attempt>,
    /// Entries before the trial's end, as they are.
    pub(crate) more: Vec<Entry>,
    /// The largest send lag of the slice that begins this many seconds after the first mark, in milliseconds.
    pub(crate) lag: Option<(i64, u64)>,
    /// Why the rollout did not complete.
    pub(crate) stalled: Option<&'static str>,
    /// Whether it was rolled out at all.
    pub(crate) rolled: bool,
    /// Whether the trial's end is recorded.
    pub(crate) ends: bool,
    /// Attempts of the arm `new` that were planned and are not recorded.
    pub(crate) missing: u64,
    /// Times a slice's ok attempts of each arm.
    pub(crate) ok: u64,
    /// Whether the usual four pods are recorded.
    pub(crate) pods: bool,
    /// Ok attempts of the arm `new` in `more`.
    pub(crate) extra_ok: u64,
}

impl Trial {
    fn new(number: u32, block: u32, variant: &str) -> Self {
        Self {
            number,
            block,
            variant: variant.to_owned(),
            others: Vec::new(),
            more: Vec::new(),
            lag: None,
            stalled: None,
            rolled: true,
            ends: true,
            missing: 0,
            ok: 1,
            pods: true,
            extra_ok: 0,
        }
    }

    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// A moment, in milliseconds from the rollout's first mark.
    pub(crate) fn at(&self, ms: i64) -> u64 {
        (start_ns(self.number) + FIRST_S * SECOND).saturating_add_signed(ms * 1_000_000)
    }

    /// Attempts that did not end ok, planned at a moment given in milliseconds from the rollout's first mark.
    pub(crate) fn other(&mut self, arm: Arm, outcome: Outcome, sum: Sum, ms: i64) -> &mut Self {
        let planned_ns = self.at(ms);
        self.others.push(Attempt {
            trial: self.number,
            id: self.others.len() as u64,
            arm,
            request: 0,
            outcome,
            sum,
            planned_ns,
            started_ns: Some(planned_ns + 50_000),
            connected_ns: None,
            sent_ns: None,
            first_byte_ns: None,
            end_ns: planned_ns + 350_000,
            late_ns: 0,
            bytes_out: Some(0),
            bytes_in: Some(0),
            errno: Some(nix::libc::ECONNREFUSED),
            status: None,
            stage: Some(AttemptStage::Connect),
            connection: Some(ConnectionUse {
                id: 7,
                age_ns: 0,
                uses: 0,
                rtt_ns: 0,
                least_rtt_ns: 0,
                local_port: 40_000,
                ended_before_write: false,
                bytes_acked: None,
            }),
            pod: None,
            pod_from_connection: false,
            error: String::new(),
        });
        self
    }

    /// The attempt that was added last.
    pub(crate) fn last(&mut self) -> &mut Attempt {
        self.others.last_mut().unwrap()
    }

    /// A judged loss during the rollout.
    pub(crate) fn lost(&mut self) -> &mut Self {
        self.other(Arm::New, Outcome::Refused, Sum::Lost, 1_000)
    }

    /// So many of them, a little apart.
    pub(crate) fn lost_times(&mut self, times: usize) {
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
        let seen = |s: u64, uid: String, change| {
            Entry::Pod(PodSeen {
                at_ns: begin + s * SECOND,
                change,
                namespace: format!("rollproof-{}", self.variant),
                name: format!("web-{uid}"),
                uid,
                owner: Some("ReplicaSet/web-1".to_owned()),
                labels: BTreeMap::new(),
                ip: None,
                node: None,
                phase: "Running".to_owned(),
                ready: true,
                created: None,
                deletion_timestamp: None,
                deletion_grace_s: None,
                containers: Vec::new(),
            })
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
            .map(|(arm, count)| {
                let ok = count * self.ok;
                let latency_us = encoded(latency, ok);
                Entry::Pulse(Pulse {
                    trial: self.number,
                    at_ns,
                    arm,
                    request: 0,
                    pod: None,
                    ok,
                    latency_us,
                    last_connect_ns: None,
                })
            })
            .collect();
        let lag_ms = self.lag.filter(|(s, _)| self.at(s * 1_000) == at_ns).map_or(0, |(_, ms)| ms);
        entries.push(Entry::Punctuality(Punctuality {
            trial: self.number,
            at_ns,
            planned: 45,
            lag_us: encoded(50, 45),
            lag_max_ns: (lag_ms * 1_000_000).max(50_000),
            gap_max_ns: 12_000_000,
        }));
        entries
    }

    pub(crate) fn overflow(&mut self, lines: u64) {
        let at_ns = self.at(2_000);
        self.more.push(Entry::Overflow(Overflow { at_ns, lines }));
    }

    /// The harness has trouble of its own in the trial's namespace, or in another.
    pub(crate) fn harness_trouble(&mut self, namespace: Option<&str>) {
        let namespace = namespace.map_or_else(|| format!("rollproof-{}", self.variant), ToOwned::to_owned);
        let what = "the supervisor of container web in pod web-1 was killed".to_owned();
        self.more.push(Entry::HarnessTrouble(HarnessTrouble { at_ns: self.at(2_000), namespace, what }));
    }
}

/// So many of one value; kept, because a record holds few different ones many times.
pub(crate) fn encoded(value: u64, count: u64) -> String {
    static KEPT: Mutex<BTreeMap<(u64, u64), String>> = Mutex::new(BTreeMap::new());
    KEPT.lock().unwrap().entry((value, count)).or_insert_with(|| encode(value, count)).clone()
}

fn encode(value: u64, count: u64) -> String {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    histogram.record_n(value, count).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
