//! One attempt from its plan to its outcome. Whatever becomes of the task that carries it, it ends exactly once: dropped
//! before its end, it is recorded as in flight at the end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::response::Parts;

use crate::clock::Stamp;
use crate::record::entry::{Attempt, AttemptStage, ConnectionUse};
use crate::record::{Outcome, OutcomeGroup, RaceEvidence, Sum, sum};

use super::classify;
use super::door_ways::DoorWay;
use super::engine::{LoadContext, LoadPacing};
use super::exchange::{DialedConnection, HttpConnection};
use super::load_collector::{ConnectMoments, LoadCollector, OkAnswer};
use super::load_schedule::PlannedAttempt;
use super::proxy_tries;
use super::socket::{SocketFacts, SocketSnapshot, TlsAnswer};

/// A connect that took so long had its SYN sent again: the kernel does so after 1 s (RFC 6298, `TCP_TIMEOUT_INIT`).
const SYN_REPEATED_NS: u64 = 950_000_000;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct PendingAttempt {
    shared: Arc<LoadContext>,
    planned: PlannedAttempt,
    waited: bool,
    started: Option<Stamp>,
    /// The connection was made for this attempt, at this moment.
    connected: Option<Stamp>,
    /// The TLS of that connection was complete.
    secured: Option<Stamp>,
    carrier: Option<(Arc<SocketFacts>, ConnectionUse)>,
    /// The place of the address that its connection went to.
    node: Option<u16>,
    status: Option<u16>,
    pod: Option<Arc<str>>,
    pod_from_connection: bool,
    /// The answer says that a proxy tried more than once.
    retried: bool,
    ended: bool,
}

impl PendingAttempt {
    pub(super) fn new(shared: Arc<LoadContext>, planned: PlannedAttempt) -> Self {
        Self {
            shared,
            planned,
            waited: false,
            started: None,
            connected: None,
            secured: None,
            carrier: None,
            node: None,
            status: None,
            pod: None,
            pod_from_connection: false,
            retried: false,
            ended: false,
        }
    }

    pub(super) fn shared(&self) -> &Arc<LoadContext> {
        &self.shared
    }

    pub(super) fn planned(&self) -> PlannedAttempt {
        self.planned
    }

    /// The way to the attempt's door.
    fn way(&self) -> &DoorWay {
        self.shared.way(self.shared.door(self.planned))
    }

    /// No connection is idle: the attempt waits for one.
    pub(super) fn waits(&mut self) {
        self.waited = true;
    }

    /// The attempt is started now; returns the moment.
    pub(super) fn start(&mut self) -> Stamp {
        let now = self.shared.clock.now();
        self.started = Some(now);
        self.collector().started(self.planned, now, self.waited);
        now
    }

    /// Where the connection that is made for the attempt goes.
    pub(super) fn next_address(&mut self) -> SocketAddr {
        let route = &self.shared.way(self.shared.door(self.planned)).route;
        let address = route.next();
        self.node = route.place(address);
        address
    }

    /// The attempt will be carried by `link`. `fresh`: the connection was made for it.
    pub(super) fn carried_by(&mut self, link: &HttpConnection, fresh: bool) {
        self.over(&link.dialed, link.uses, fresh);
        self.pod.clone_from(&link.pod);
        self.pod_from_connection = self.pod.is_some();
    }

    /// The connection was made for this attempt, and its TLS handshake failed.
    pub(super) fn left_in_handshake(&mut self, dialed: &DialedConnection) {
        self.over(dialed, 0, true);
    }

    fn over(&mut self, dialed: &DialedConnection, uses: u32, fresh: bool) {
        self.node = dialed.node;
        self.connected = fresh.then_some(dialed.established);
        self.secured = dialed.secured.filter(|_| fresh);
        // A connection made for this attempt is younger than its start.
        let age_ns = self.started.unwrap_or_default().saturating_sub(dialed.established);
        let carrier = ConnectionUse {
            id: dialed.id,
            age_ns,
            uses,
            rtt_ns: dialed.rtt_ns,
            least_rtt_ns: self.way().least_connect_ns(),
            local_port: dialed.local_port,
            ended_before_write: false,
            bytes_acked: None,
            tls_answered: false,
        };
        self.carrier = Some((Arc::clone(&dialed.facts), carrier));
    }

    /// The response's head is complete. Returns the pod that it names.
    pub(super) fn head(&mut self, head: &Parts) -> Option<Arc<str>> {
        self.status = Some(head.status.as_u16());
        let spec = &self.shared.plan.spec;
        self.retried = proxy_tries::tried_again(&head.headers, spec.retry_header.as_ref());
        let named = head.headers.get(&spec.pod_header).and_then(|value| value.to_str().ok())?;
        let same = self.pod.as_deref() == Some(named);
        let pod = if same { self.pod.clone() } else { self.collector().pod(named) };
        self.pod.clone_from(&pod);
        self.pod_from_connection = false;
        pod
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.connected.is_some()
    }

    fn is_in_handshake(&self) -> bool {
        self.way().tls.is_some() && self.is_fresh() && self.secured.is_none()
    }

    /// When the connection was made, if it was made for this attempt.
    fn connect_moments(&self) -> Option<ConnectMoments> {
        let ((_, carrier), connected) = (self.carrier.as_ref()?, self.connected?);
        let begun = connected.saturating_sub(carrier.rtt_ns);
        let was_repeated = carrier.rtt_ns >= SYN_REPEATED_NS;
        let led = if was_repeated { connected.saturating_sub(carrier.round_trip_ns()) } else { begun };
        Some(ConnectMoments { begun, led })
    }

    pub(super) fn seen(&self) -> SocketSnapshot {
        self.carrier.as_ref().map(|(facts, _)| facts.seen()).unwrap_or_default()
    }

    pub(super) fn stage(&self) -> AttemptStage {
        match (&self.carrier, self.status) {
            _ if self.started.is_none() => AttemptStage::Waiting,
            (None, _) => AttemptStage::Connect,
            _ if self.is_in_handshake() => AttemptStage::Tls,
            (Some(_), Some(_)) => AttemptStage::Body,
            (Some((facts, _)), None) if facts.seen().bytes_in > 0 => AttemptStage::Head,
            _ => AttemptStage::Request,
        }
    }

    /// The response was complete: the outcome is its status's.
    pub(super) fn complete(mut self) {
        let expected = &self.shared.plan.spec.requests[usize::from(self.planned.request)];
        let outcome = self.status.map_or(Outcome::BadHttp, |status| classify::of_status(status, expected));
        self.finish(outcome, None, String::new());
    }

    pub(super) fn end(mut self, outcome: Outcome, errno: Option<i32>, words: String) {
        self.finish(outcome, errno, words);
    }

    fn finish(&mut self, outcome: Outcome, errno: Option<i32>, words: String) {
        self.ended = true;
        let end = self.shared.clock.now();
        if outcome == Outcome::Ok {
            if self.shared.plan.record_all {
                let attempt = self.attempt(outcome, errno, words, end);
                self.collector().record(attempt);
            }
            let pod = self.pod.take().filter(|_| !self.pod_from_connection);
            let connect = self.connect_moments();
            let answer = OkAnswer { pod, retried: self.retried, connect, end };
            self.collector().ok(self.planned, answer);
        } else {
            let attempt = self.attempt(outcome, errno, words, end);
            self.collector().not_ok(attempt);
        }
        if let LoadPacing::Ends(ended) = &self.shared.pacing {
            ended.notify_one();
        }
    }

    fn attempt(&self, outcome: Outcome, errno: Option<i32>, words: String, end: Stamp) -> Attempt {
        let seen = self.seen();
        let exact = self.planned.arm.owns_connections();
        let carried = exact && self.carrier.is_some();
        let late_ns = self.collector().lateness(seen.sent.or(self.started).unwrap_or(end), end);
        let stage = if outcome.group() == OutcomeGroup::Answered { AttemptStage::Done } else { self.stage() };
        Attempt {
            trial: self.shared.plan.trial,
            id: self.planned.id,
            arm: self.planned.arm,
            request: self.planned.request,
            outcome,
            sum: self.sum(outcome, seen, end, late_ns),
            planned_ns: self.planned.at,
            started_ns: self.started,
            connected_ns: self.connected,
            secured_ns: self.secured,
            sent_ns: seen.sent,
            first_byte_ns: seen.first_byte,
            end_ns: end,
            late_ns,
            bytes_out: carried.then_some(seen.bytes_out),
            bytes_in: carried.then_some(seen.bytes_in),
            errno: errno.or(seen.errno),
            status: self.status,
            stage: exact.then_some(stage),
            connection: self.carrier.as_ref().map(|(_, carrier)| ConnectionUse {
                ended_before_write: seen.ended_before_write,
                bytes_acked: seen.bytes_acked.filter(|_| outcome.group() == OutcomeGroup::NoByte),
                tls_answered: self.is_in_handshake() && seen.tls != TlsAnswer::Nothing,
                ..carrier.clone()
            }),
            node: self.node,
            pod: self.pod.as_deref().map(str::to_owned),
            pod_from_connection: self.pod_from_connection,
            error: words,
        }
    }

    fn sum(&self, outcome: Outcome, seen: SocketSnapshot, end: Stamp, late_ns: u64) -> Sum {
        let method = &self.shared.plan.spec.requests[usize::from(self.planned.request)].method;
        let evidence = RaceEvidence {
            idempotent: method.is_idempotent(),
            ended_before_write: seen.ended_before_write,
            bytes_acked: seen.bytes_acked,
            write_to_failure_ns: seen.sent.map(|sent| end.saturating_sub(sent)),
            late_ns,
            // The dial of an attempt on a kept-alive arm makes a fresh connection, on which nothing can race.
            rtt_ns: self.carrier.as_ref().filter(|_| !self.is_fresh()).map(|(_, carrier)| carrier.round_trip_ns()),
        };
        sum(self.planned.arm, outcome, evidence)
    }

    fn collector(&self) -> MutexGuard<'_, LoadCollector> {
        lock(&self.shared.collector)
    }
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(Outcome::InFlightAtEnd, None, String::new());
        }
    }
}

/// Locks without minding a panic elsewhere: the counts are consistent after every single addition.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
