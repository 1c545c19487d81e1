//! Where ended attempts go: counts, slices of 100 ms, and, one by one, everything that was not ok. It runs on the load's
//! thread, so it only adds and appends; histograms are made by `encode`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use crate::clock::Stamp;
use crate::record::entry::{Attempt, Entry};
use crate::record::{Arm, Outcome, Sink, Sum};

use super::encode::{self, SliceBatch};
use super::load_schedule::PlannedAttempt;
use super::load_summary::ArmSummary;

pub(super) const SLICE_NS: u64 = 100_000_000;

/// A slice is handed on when it is this many slices old. Attempts of it that end later make further pulses of the same
/// slice, which readers add up.
const HOLD_SLICES: u64 = 3;

/// A wake-up is late from here on; less is a kernel's ordinary business.
const STALL_NS: u64 = 500_000;

/// No failure is noticed later than this after it happened.
const STALLS_KEPT_NS: u64 = 2_000_000_000;

/// Characters of an object's name (RFC 1123 subdomain, apimachinery `validation.go` at v1.34).
const NAME_MAX: usize = 253;

/// Distinct pod names that are kept; further ones count as unnamed. A trial sees a few dozen.
const MAX_PODS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct LoadSlice {
    pub(super) pulses: BTreeMap<PulseKey, PulseAnswers>,
    /// Attempts planned in it.
    pub(super) planned: u64,
    pub(super) lags_us: Vec<u64>,
    pub(super) lag_max_ns: u64,
    /// The largest gap between sends that ended in it.
    pub(super) gap_max_ns: u64,
}

/// When a connection was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectMoments {
    pub(super) begun: Stamp,
    /// When the SYN was sent that was answered: another one may have been dropped before.
    pub(super) led: Stamp,
}

/// The ok attempts of a pulse.
#[derive(Debug, Default)]
pub(super) struct PulseAnswers {
    pub(super) latencies_us: Vec<u64>,
    /// When the latest connection that was made for one of them on the arm `new` was begun.
    pub(super) last_connect: Option<Stamp>,
    /// When the first one was led to a pod.
    pub(super) first_connect: Option<Stamp>,
    /// How many of them a proxy tried more than once.
    pub(super) retried: u64,
}

/// An answer as expected.
pub(super) struct OkAnswer {
    pub(super) pod: Option<Arc<str>>,
    /// It says that a proxy tried more than once.
    pub(super) retried: bool,
    /// When the connection that was made for it was begun.
    pub(super) connect: Option<ConnectMoments>,
    pub(super) end: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PulseKey {
    pub(super) arm: Arm,
    pub(super) request: u16,
    pub(super) pod: Option<Arc<str>>,
}

/// Everything that the load knows about its ended attempts.
pub(super) struct LoadCollector {
    trial: u32,
    sink: Sink,
    encoder: SyncSender<SliceBatch>,
    slices: BTreeMap<u64, LoadSlice>,
    pods: BTreeSet<Arc<str>>,
    last_start: Option<Stamp>,
    /// When the load's thread means to wake next; `None` while it is awake.
    wakes_at: Option<Stamp>,
    /// When the thread woke late, and how late it was, for [`STALLS_KEPT_NS`].
    stalls: VecDeque<(Stamp, u64)>,
    first_kept: u64,
    pub(super) arms: BTreeMap<Arm, ArmSummary>,
    pub(super) gap_max_ns: u64,
    pub(super) lag_max_ns: u64,
    pub(super) planned: u64,
    pub(super) ended: u64,
    pub(super) lost: u64,
}

impl LoadCollector {
    pub(super) fn new(trial: u32, sink: Sink, encoder: SyncSender<SliceBatch>) -> Self {
        Self {
            trial,
            sink,
            encoder,
            slices: BTreeMap::new(),
            pods: BTreeSet::new(),
            last_start: None,
            wakes_at: None,
            stalls: VecDeque::new(),
            first_kept: 0,
            arms: BTreeMap::new(),
            gap_max_ns: 0,
            lag_max_ns: 0,
            planned: 0,
            ended: 0,
            lost: 0,
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.planned - self.ended
    }

    pub(super) fn planned(&mut self, planned: PlannedAttempt) {
        self.planned += 1;
        self.arms.entry(planned.arm).or_default().planned += 1;
        self.slice(planned.at).planned += 1;
    }

    /// An attempt was started. Its lag counts unless it waited for a connection.
    pub(super) fn started(&mut self, planned: PlannedAttempt, at: Stamp, waited: bool) {
        if !waited {
            let lag = at.saturating_sub(planned.at);
            self.lag_max_ns = self.lag_max_ns.max(lag);
            let slice = self.slice(planned.at);
            slice.lags_us.push(lag / 1_000);
            slice.lag_max_ns = slice.lag_max_ns.max(lag);
        }
        if let Some(last) = self.last_start.replace(at) {
            let gap = at.saturating_sub(last);
            self.gap_max_ns = self.gap_max_ns.max(gap);
            let slice = self.slice(at);
            slice.gap_max_ns = slice.gap_max_ns.max(gap);
        }
    }

    /// The thread goes to sleep until then.
    pub(super) fn sleeps_until(&mut self, at: Stamp) {
        self.wakes_at = Some(at);
    }

    /// The thread woke.
    pub(super) fn woke(&mut self, now: Stamp) {
        let late_ns = self.wakes_at.take().map_or(0, |due| now.saturating_sub(due));
        if late_ns >= STALL_NS {
            self.stalls.push_back((now, late_ns));
        }
        while self.stalls.front().is_some_and(|(at, _)| at.saturating_add(STALLS_KEPT_NS) < now) {
            self.stalls.pop_front();
        }
    }

    /// How late the thread was at most between two moments, the second of which is now: as late it may have noticed what
    /// happened between them.
    pub(super) fn lateness(&self, from: Stamp, now: Stamp) -> u64 {
        let stalls = self.stalls.iter().filter(|(at, _)| *at >= from).map(|(_, late_ns)| *late_ns).max();
        let overdue = self.wakes_at.map_or(0, |due| now.saturating_sub(due));
        stalls.unwrap_or(0).max(overdue)
    }

    /// An attempt ended ok.
    pub(super) fn ok(&mut self, planned: PlannedAttempt, OkAnswer { pod, retried, connect, end }: OkAnswer) {
        self.count(planned.arm, Outcome::Ok, Sum::Ok);
        let latency_us = end.saturating_sub(planned.at) / 1_000;
        let key = PulseKey { arm: planned.arm, request: planned.request, pod };
        let answered = self.slice(planned.at).pulses.entry(key).or_default();
        answered.latencies_us.push(latency_us);
        answered.retried += u64::from(retried);
        if planned.arm.connects_anew() {
            answered.last_connect = answered.last_connect.max(connect.map(|connect| connect.begun));
            let led = connect.map(|connect| connect.led);
            answered.first_connect = answered.first_connect.into_iter().chain(led).min();
        }
    }

    /// An attempt ended otherwise.
    pub(super) fn not_ok(&mut self, attempt: Attempt) {
        self.count(attempt.arm, attempt.outcome, attempt.sum);
        self.record(attempt);
    }

    /// Records an attempt as a line of its own.
    pub(super) fn record(&self, attempt: Attempt) {
        self.sink.send(Entry::Attempt(attempt));
    }

    fn count(&mut self, arm: Arm, outcome: Outcome, sum: Sum) {
        self.ended += 1;
        self.lost += u64::from(sum == Sum::Lost);
        let summary = self.arms.entry(arm).or_default();
        *summary.outcomes.entry(outcome).or_default() += 1;
        *summary.sums.entry(sum).or_default() += 1;
    }

    /// The shared copy of a pod's name; `None` for what no pod can be called, because a server may answer with anything.
    pub(super) fn pod(&mut self, name: &str) -> Option<Arc<str>> {
        if let Some(known) = self.pods.get(name) {
            return Some(Arc::clone(known));
        }
        if self.pods.len() >= MAX_PODS || !is_pod_name(name) {
            return None;
        }
        let name: Arc<str> = name.into();
        self.pods.insert(Arc::clone(&name));
        Some(name)
    }

    fn slice(&mut self, at: Stamp) -> &mut LoadSlice {
        self.slices.entry(at / SLICE_NS).or_default()
    }

    /// Hands on the slices that are old enough, once in each slice's time: late ends of old slices are gathered too.
    pub(super) fn flush(&mut self, now: Stamp) {
        let first_kept = (now / SLICE_NS).saturating_sub(HOLD_SLICES);
        if std::mem::replace(&mut self.first_kept, first_kept) == first_kept {
            return;
        }
        while let Some(oldest) = self.slices.first_entry().filter(|oldest| *oldest.key() < first_kept) {
            let (index, slice) = oldest.remove_entry();
            self.hand_on(index, slice);
        }
    }

    pub(super) fn flush_all(&mut self) {
        while let Some((index, slice)) = self.slices.pop_first() {
            self.hand_on(index, slice);
        }
    }

    fn hand_on(&self, index: u64, slice: LoadSlice) {
        let batch = SliceBatch { trial: self.trial, at_ns: index * SLICE_NS, slice };
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) = self.encoder.try_send(batch) {
            // The helper is behind. Doing its work here may cost punctuality, which is recorded; losing it would not be.
            encode::encode(batch, &self.sink);
        }
    }
}

/// Whether a pod can be called so, as far as its length and its characters go.
fn is_pod_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;
    use crate::record::sink;

    fn collector() -> (LoadCollector, Receiver<SliceBatch>, crate::record::SinkReceiver) {
        let (sink, source) = sink::channel(16);
        let (encoder, batches) = sync_channel(16);
        (LoadCollector::new(1, sink, encoder), batches, source)
    }

    fn planned(id: u64, at: Stamp) -> PlannedAttempt {
        PlannedAttempt { id, at, request: 0, arm: Arm::New }
    }

    fn connect(begun: Stamp) -> ConnectMoments {
        ConnectMoments { begun, led: begun + 1 }
    }

    fn answer(connect: Option<ConnectMoments>, end: Stamp) -> OkAnswer {
        OkAnswer { pod: None, retried: false, connect, end }
    }

    #[test]
    fn only_what_can_be_a_pods_name_is_kept() {
        let (mut collector, _batches, _source) = collector();
        let longest = "a".repeat(NAME_MAX);
        for name in ["web-0", "web-5d9c7b-x2x4z", "a.b", &longest] {
            assert_eq!(collector.pod(name).as_deref(), Some(name));
            assert_eq!(collector.pod(name).as_deref(), Some(name), "the second time");
        }
        let (too_long, huge) = ("a".repeat(NAME_MAX + 1), "a".repeat(300_000));
        for none in ["", "Web", "a b", "a_b", "\u{fc}", "a\u{202e}b", "<b>", &too_long, &huge] {
            assert_eq!(collector.pod(none), None, "{none:.40}");
        }
        assert_eq!(collector.pods.len(), 4, "nothing of them is kept");
    }

    #[test]
    fn late_ends_of_an_old_slice_make_one_further_pulse_not_one_each() {
        let (mut collector, batches, _source) = collector();
        for id in 0..10 {
            collector.planned(planned(id, 5));
        }
        collector.ok(planned(0, 5), answer(None, 1_000));
        collector.flush(10 * SLICE_NS);
        for id in 1..10 {
            collector.ok(planned(id, 5), answer(None, 10 * SLICE_NS));
            collector.flush(10 * SLICE_NS + id);
        }
        collector.flush(11 * SLICE_NS);
        let oks: Vec<usize> = batches
            .try_iter()
            .flat_map(|batch| batch.slice.pulses.into_values())
            .map(|ok| ok.latencies_us.len())
            .collect();
        assert_eq!(oks, [1, 9]);
        assert_eq!(collector.in_flight(), 0);
    }

    #[test]
    fn a_pulse_of_new_knows_when_its_latest_connection_was_begun_whatever_ended_last() {
        let (mut collector, batches, _source) = collector();
        for id in 0..3 {
            collector.planned(planned(id, 5));
        }
        collector.ok(planned(0, 5), answer(Some(connect(7)), 1_000));
        collector.ok(planned(1, 5), answer(Some(connect(9)), 1_000));
        collector.ok(planned(2, 5), answer(Some(connect(8)), 2_000));
        collector.ok(PlannedAttempt { arm: Arm::Reused, ..planned(3, 5) }, answer(Some(connect(9)), 2_000));
        collector.flush_all();
        let pulses = batches.try_recv().unwrap().slice.pulses;
        let connects: Vec<_> =
            pulses.into_iter().map(|(key, ok)| (key.arm, ok.first_connect, ok.last_connect)).collect();
        assert_eq!(connects, [(Arm::New, Some(8), Some(9)), (Arm::Reused, None, None)]);
    }

    #[test]
    fn a_young_slice_is_held_for_ends_that_are_still_to_come() {
        let (mut collector, batches, _source) = collector();
        collector.planned(planned(0, 7 * SLICE_NS));
        collector.flush(8 * SLICE_NS);
        collector.flush(10 * SLICE_NS);
        assert!(batches.try_recv().is_err());
        collector.flush(11 * SLICE_NS);
        let batch = batches.try_recv().unwrap();
        assert_eq!((batch.at_ns, batch.slice.planned), (7 * SLICE_NS, 1));
    }

    #[test]
    fn waiting_for_a_connection_is_no_lag_and_gaps_are_between_sends() {
        let (mut collector, _batches, _source) = collector();
        collector.started(planned(0, 0), 1_000, false);
        collector.started(planned(1, 0), 9_000_000, true);
        assert_eq!((collector.lag_max_ns, collector.gap_max_ns), (1_000, 8_999_000));
    }

    #[test]
    fn a_helper_that_is_behind_loses_nothing() {
        let (sink, source) = sink::channel(16);
        let (encoder, batches) = sync_channel(1);
        let mut collector = LoadCollector::new(1, sink, encoder);
        for slice in 0..3 {
            collector.planned(planned(slice, slice * SLICE_NS));
        }
        collector.flush_all();
        let recorded = std::iter::from_fn(|| source.recv_within(std::time::Duration::ZERO).ok().flatten()).count();
        assert_eq!((batches.try_iter().count(), recorded), (1, 2));
    }
}
