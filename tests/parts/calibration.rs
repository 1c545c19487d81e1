//! The load engine against a server with scripted faults. Goal: every fault is counted as exactly what it was, on every
//! arm, and no exact arm sends a request twice. Method: each path is one fault, played with raw sockets; the counts of the
//! record must equal the script's. No test depends on exact times: gaps between attempts only have to be longer than a
//! loopback round trip.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::fault_server::{self, FaultServer, FullBacklog, OnAccept};
use http::{HeaderName, Method};
use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan, LoadSummary, Route};
use rollproof::record::entry::{Attempt, Entry};
use rollproof::record::{Arm, Outcome, Sum, sink};
use rollproof::spec::{LoadSpec, RequestSpec};

/// The expected outcome of each path on the exact arms, and on the pooled one.
const SCRIPT: [(&str, Outcome, Outcome); 22] = [
    ("/ok", Outcome::Ok, Outcome::Ok),
    ("/posted", Outcome::Ok, Outcome::Ok),
    ("/chunked", Outcome::Ok, Outcome::Ok),
    ("/in-pieces", Outcome::Ok, Outcome::Ok),
    ("/close-delimited", Outcome::Ok, Outcome::Ok),
    ("/says-close", Outcome::Ok, Outcome::Ok),
    ("/http-1.0", Outcome::Ok, Outcome::Ok),
    ("/503", Outcome::Status5xx, Outcome::Status5xx),
    ("/404", Outcome::StatusOther, Outcome::StatusOther),
    ("/unread", Outcome::ResetBeforeByte, Outcome::ResetBeforeByte),
    ("/reset", Outcome::ResetBeforeByte, Outcome::ResetBeforeByte),
    ("/fin", Outcome::ClosedBeforeByte, Outcome::ClosedBeforeByte),
    ("/never", Outcome::HeaderTimeout, Outcome::HeaderTimeout),
    ("/half-head-stall", Outcome::HeaderTimeout, Outcome::HeaderTimeout),
    ("/half-body-stall", Outcome::BodyTimeout, Outcome::BodyTimeout),
    ("/half-body-reset", Outcome::BodyReset, Outcome::BodyReset),
    ("/half-body-fin", Outcome::BodyClosed, Outcome::BodyClosed),
    ("/half-chunked-fin", Outcome::BodyClosed, Outcome::BodyClosed),
    ("/bad-chunk", Outcome::BadHttp, Outcome::BadHttp),
    ("/not-http", Outcome::BadHttp, Outcome::BadHttp),
    // Without byte counts a cut head looks like no answer at all.
    ("/half-head-fin", Outcome::HeadCut, Outcome::ClosedBeforeByte),
    ("/half-head-reset", Outcome::HeadCut, Outcome::ResetBeforeByte),
];

pub(crate) fn kind(path: &str, arm: Arm) -> RequestSpec {
    let post = path == "/posted";
    let request = RequestSpec {
        method: if post { Method::POST } else { Method::GET },
        body: if post { fault_server::POSTED.to_owned() } else { String::new() },
        ..RequestSpec::get(path.parse().unwrap(), vec![(arm, 1.0)])
    };
    request.with_header(http::header::HOST, "calibration.test")
}

pub(crate) fn plan(rate: f64, connections: usize, requests: Vec<RequestSpec>) -> LoadPlan {
    let spec = LoadSpec::new(rate, Duration::from_millis(700), requests);
    let attempt_header = Some(HeaderName::from_static("x-rollproof-attempt"));
    LoadPlan { max_in_flight: 1_000, attempt_header, ..LoadPlan::new(spec, connections) }
}

/// What a load left in its record.
pub(crate) struct LoadResult {
    pub(crate) summary: LoadSummary,
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts of each kind by outcome, ok ones from the pulses.
    pub(crate) outcomes: BTreeMap<u16, BTreeMap<Outcome, u64>>,
    /// Ok attempts of each kind that a proxy tried more than once.
    pub(crate) retried: BTreeMap<u16, u64>,
}

impl LoadResult {
    /// Fails unless each path of the script was played often, and ended each time as it says: on the exact arms, and on the pooled one.
    /// `played` is how often the server did.
    pub(crate) fn is_as_scripted(&self, script: &[(&str, Outcome, Outcome)], arm: Arm, played: &BTreeMap<String, u64>) {
        for (index, (path, exact, pooled)) in (0u16..).zip(script) {
            let expected = if arm == Arm::Pooled { *pooled } else { *exact };
            let played = played.get(*path).copied().unwrap_or(0);
            assert!(played >= 20, "{path} was played {played} times");
            assert_eq!(self.outcomes[&index], BTreeMap::from([(expected, played)]), "{path} on {}", arm.name());
        }
    }
}

/// Runs `plan` until at least `count` attempts were planned and all have ended.
pub(crate) fn run(plan: &LoadPlan, route: impl Route, count: u64) -> LoadResult {
    let (sink, source) = sink::channel(sink::CAPACITY);
    let running = load::start(plan.clone(), Arc::new(route), Clock::start(), sink).unwrap();
    while running.live().planned() < count {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop();
    let summary = running.wait().unwrap();
    let mut attempts = Vec::new();
    let mut outcomes: BTreeMap<u16, BTreeMap<Outcome, u64>> = BTreeMap::new();
    let mut retried: BTreeMap<u16, u64> = BTreeMap::new();
    while let Some(entry) = source.recv() {
        match entry {
            Entry::Attempt(attempt) => {
                *outcomes.entry(attempt.request).or_default().entry(attempt.outcome).or_default() += 1;
                attempts.push(attempt);
            }
            Entry::Pulse(pulse) => {
                *outcomes.entry(pulse.request).or_default().entry(Outcome::Ok).or_default() += pulse.ok;
                *retried.entry(pulse.request).or_default() += pulse.retried;
            }
            _ => {}
        }
    }
    assert_eq!(source.take_overflow(), 0, "the record must be whole");
    LoadResult { summary, attempts, outcomes, retried }
}

/// The whole script on one arm.
fn script_on(arm: Arm) {
    let server = FaultServer::start(OnAccept::Serve);
    let requests = SCRIPT.iter().map(|(path, ..)| kind(path, arm)).collect();
    let ran = run(&plan(220.0, 40, requests), server.address, 440);
    let seen = server.seen();
    ran.is_as_scripted(&SCRIPT, arm, &seen.paths);
    assert_eq!(seen.wrong_bodies, 0);
    let planned = ran.summary.arms[&arm].planned;
    assert_eq!(seen.attempts.len() as u64, planned, "each attempt reached the server");
    assert!(seen.attempts.values().all(|times| *times == 1), "no request was sent twice");
}

#[test]
fn every_fault_is_counted_as_what_it_was_on_new_connections() {
    script_on(Arm::New);
}

#[test]
fn every_fault_is_counted_as_what_it_was_on_reused_connections() {
    script_on(Arm::Reused);
}

#[test]
fn every_fault_is_counted_as_what_it_was_on_blind_connections() {
    script_on(Arm::Blind);
}

#[test]
fn an_ordinary_client_reports_the_same_faults_but_cannot_tell_cut_heads() {
    script_on(Arm::Pooled);
}

/// Two kinds of request alternate on one kept-alive connection: the first leaves it dead, and the second meets that.
fn stale(arm: Arm, leaves_it_dead: &str) -> (LoadResult, FaultServer) {
    let server = FaultServer::start(OnAccept::Serve);
    let ran = run(&plan(20.0, 1, vec![kind(leaves_it_dead, arm), kind("/ok", arm)]), server.address, 20);
    assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Ok], "{leaves_it_dead} itself is answered");
    (ran, server)
}

/// Every attempt of the second kind, but at most the very first of all, ended so.
fn all_stale(ran: &LoadResult, outcome: Outcome) {
    let planned: u64 = ran.outcomes[&1].values().sum();
    let met = ran.outcomes[&1].get(&outcome).copied().unwrap_or(0);
    assert!(planned >= 5 && met >= planned - 1, "{:?}", ran.outcomes);
    let unstale = planned - met;
    assert_eq!(ran.outcomes[&1].get(&Outcome::Ok).copied().unwrap_or(0), unstale, "{:?}", ran.outcomes);
}

#[test]
fn reused_notices_a_dead_connection_and_dials() {
    for leaves_it_dead in ["/then-fin", "/then-reset", "/then-408"] {
        let (ran, server) = stale(Arm::Reused, leaves_it_dead);
        assert_eq!(ran.outcomes[&1].keys().collect::<Vec<_>>(), [&Outcome::Ok], "after {leaves_it_dead}");
        assert!(ran.attempts.is_empty());
        assert_eq!(server.seen().bytes_after_fin, 0, "nothing is written on a connection whose FIN has arrived");
    }
}

#[test]
fn blind_writes_on_a_connection_whose_fin_has_arrived() {
    let (ran, server) = stale(Arm::Blind, "/then-fin");
    all_stale(&ran, Outcome::ClosedBeforeByte);
    let written: u64 = ran.attempts.iter().filter_map(|attempt| attempt.bytes_out).sum();
    assert!(written > 0);
    assert_eq!(server.seen().bytes_after_fin, written, "what was counted as written arrived after the FIN");
    for attempt in &ran.attempts {
        assert_eq!((attempt.sum, attempt.bytes_in), (Sum::Raced, Some(0)));
        assert_eq!(attempt.pod.as_deref(), Some("pod-a"), "an earlier response on the connection named the pod");
        assert!(attempt.pod_from_connection);
        let connection = attempt.connection.as_ref().unwrap();
        assert!(connection.uses >= 1 && connection.ended_before_write, "{attempt:?}");
    }
}

#[test]
fn a_write_after_the_fin_is_raced_however_late_a_busy_client_notices() {
    let done = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from) * 2)
        .map(|_| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || while !done.load(Relaxed) {})
        })
        .collect();
    let (ran, _server) = stale(Arm::Blind, "/then-fin");
    done.store(true, Relaxed);
    for hog in hogs {
        hog.join().unwrap();
    }
    // The server is busy too: where its FIN left after the write, nothing proves a race.
    let proven =
        |attempt: &&Attempt| attempt.connection.as_ref().is_some_and(|connection| connection.ended_before_write);
    let proven: Vec<Sum> = ran.attempts.iter().filter(proven).map(|attempt| attempt.sum).collect();
    assert!(proven.len() >= 3 && proven.iter().all(|sum| *sum == Sum::Raced), "{:?}", ran.attempts);
}

#[test]
fn a_connection_that_ends_after_the_write_could_not_be_read_before_it() {
    let server = FaultServer::start(OnAccept::Serve);
    let requests = vec![kind("/ok", Arm::Blind), kind("/fin", Arm::Blind)];
    let ran = run(&plan(20.0, 1, requests), server.address, 20);
    assert!(ran.attempts.len() >= 5, "{:?}", ran.outcomes);
    for attempt in &ran.attempts {
        assert!(attempt.sent_ns.is_some());
        assert!(!attempt.connection.as_ref().unwrap().ended_before_write, "{attempt:?}");
    }
}

#[test]
fn a_request_that_a_client_may_not_repeat_is_lost_where_another_is_raced() {
    let server = FaultServer::start(OnAccept::Serve);
    let requests = vec![kind("/then-fin", Arm::Blind), kind("/posted", Arm::Blind)];
    let ran = run(&plan(20.0, 1, requests), server.address, 12);
    all_stale(&ran, Outcome::ClosedBeforeByte);
    assert!(ran.attempts.iter().all(|attempt| attempt.sum == Sum::Lost));
}

#[test]
fn blind_on_a_reset_connection_is_unsent_and_nothing_is_sent_again() {
    let (ran, server) = stale(Arm::Blind, "/then-reset");
    all_stale(&ran, Outcome::Unsent);
    for attempt in &ran.attempts {
        assert_eq!((attempt.sum, attempt.bytes_out, attempt.bytes_in), (Sum::Unsent, Some(0), Some(0)));
        assert!(attempt.errno.is_some() && attempt.sent_ns.is_none());
    }
    let answered = ran.summary.arms[&Arm::Blind].outcomes[&Outcome::Ok];
    assert_eq!(server.seen().attempts.len() as u64, answered, "an unsent request never reaches the server");
}

#[test]
fn blind_takes_a_late_408_for_its_answer() {
    let (ran, _) = stale(Arm::Blind, "/then-408");
    all_stale(&ran, Outcome::StatusOther);
    assert!(ran.attempts.iter().all(|attempt| attempt.status == Some(408)));
}

#[test]
fn an_ordinary_client_hides_dead_idle_connections() {
    for leaves_it_dead in ["/then-fin", "/then-reset"] {
        let (ran, _) = stale(Arm::Pooled, leaves_it_dead);
        assert_eq!(ran.outcomes[&1].keys().collect::<Vec<_>>(), [&Outcome::Ok], "after {leaves_it_dead}");
    }
}

/// The outcomes of 20 attempts on `arm` against a server that ends each connection as it accepts it.
fn on_accept(arm: Arm, on_accept: OnAccept) -> BTreeMap<Outcome, u64> {
    let server = FaultServer::start(on_accept);
    let ran = run(&plan(40.0, 4, vec![kind("/ok", arm)]), server.address, 20);
    let summary = ran.summary.arms[&arm].clone();
    assert_eq!(summary.outcomes.values().sum::<u64>(), summary.planned);
    assert_eq!(summary.sums.values().sum::<u64>(), summary.planned);
    summary.outcomes
}

#[test]
fn a_connection_that_is_reset_at_once_is_reset_before_a_byte() {
    for arm in [Arm::New, Arm::Reused, Arm::Pooled] {
        let outcomes = on_accept(arm, OnAccept::Reset);
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), [&Outcome::ResetBeforeByte], "{}", arm.name());
    }
    // The four connections that were opened before the load are found dead without a byte written.
    let outcomes = on_accept(Arm::Blind, OnAccept::ResetSoon);
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), [&Outcome::Unsent, &Outcome::ResetBeforeByte]);
    assert_eq!(outcomes[&Outcome::Unsent], 4);
}

#[test]
fn a_connection_that_is_closed_at_once_is_closed_before_a_byte() {
    for arm in [Arm::New, Arm::Reused, Arm::Blind] {
        let outcomes = on_accept(arm, OnAccept::Fin);
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), [&Outcome::ClosedBeforeByte], "{}", arm.name());
    }
}

#[test]
fn nobody_listening_is_refused_on_every_arm() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for arm in Arm::ALL {
        let ran = run(&plan(40.0, 2, vec![kind("/ok", arm)]), closed, 10);
        assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Refused], "{}", arm.name());
        assert!(ran.attempts.iter().all(|attempt| attempt.errno == Some(111) && attempt.sum == Sum::Lost));
    }
}

#[test]
fn a_full_backlog_is_a_connect_timeout() {
    let full = FullBacklog::new();
    for arm in [Arm::New, Arm::Reused, Arm::Blind] {
        let ran = run(&plan(20.0, 1, vec![kind("/ok", arm)]), full.address, 5);
        let planned = ran.summary.arms[&arm].planned;
        let timeouts = ran.outcomes[&0].get(&Outcome::ConnectTimeout).copied().unwrap_or(0);
        let deferred = ran.outcomes[&0].get(&Outcome::Deferred).copied().unwrap_or(0);
        assert_eq!(timeouts + deferred, planned, "{:?}", ran.outcomes);
        assert!(timeouts >= 1);
        assert!(deferred == 0 || arm != Arm::New, "a new connection waits for nobody");
    }
    // The only timeout of the ordinary client does not say what it was waiting for.
    let ran = run(&plan(20.0, 1, vec![kind("/ok", Arm::Pooled)]), full.address, 5);
    assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::HeaderTimeout]);
}
