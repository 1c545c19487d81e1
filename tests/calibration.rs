//! The load engine against a server with scripted faults. Goal: every fault is counted as exactly what it was, on every
//! arm, and no exact arm sends a request twice. Method: each path is one fault, played with raw sockets; the counts of the
//! record must equal the script's. No test depends on exact times: gaps between attempts only have to be longer than a
//! loopback round trip.

mod fault_server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fault_server::{FaultServer, OnAccept};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rollproof::clock::Clock;
use rollproof::load::{self, Expected, LoadPlan, RequestKind, Route, Summary};
use rollproof::record::entry::{Attempt, Entry};
use rollproof::record::{Arm, Outcome, Sum, sink};

/// The outcome that each path leads to on the exact arms, and on the pooled one.
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

fn kind(path: &str, arm: Arm) -> RequestKind {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::from_static("calibration.test"));
    let post = path == "/posted";
    RequestKind {
        method: if post { Method::POST } else { Method::GET },
        path_and_query: path.parse().unwrap(),
        headers,
        body: if post { fault_server::POSTED.into() } else { bytes::Bytes::new() },
        expected: Expected::default(),
        share: 1.0,
        arms: vec![(arm, 1.0)],
    }
}

fn plan(rate: f64, connections: usize, requests: Vec<RequestKind>) -> LoadPlan {
    LoadPlan {
        trial: 1,
        rate,
        timeout: Duration::from_millis(700),
        connections,
        requests,
        max_in_flight: 1_000,
        seed: 1,
        record_all: false,
        pod_header: HeaderName::from_static("x-pod"),
        attempt_header: Some(HeaderName::from_static("x-rollproof-attempt")),
    }
}

/// What a load left in its record.
struct Ran {
    summary: Summary,
    attempts: Vec<Attempt>,
    /// Attempts of each kind by outcome, ok ones from the pulses.
    outcomes: BTreeMap<u16, BTreeMap<Outcome, u64>>,
}

/// Runs `plan` until at least `count` attempts were planned and all have ended.
fn run(plan: &LoadPlan, route: impl Route, count: u64) -> Ran {
    let (sink, source) = sink::channel(sink::CAPACITY);
    let running = load::start(plan.clone(), Arc::new(route), Clock::start(), sink).unwrap();
    while running.live().planned() < count {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop();
    let summary = running.wait().unwrap();
    let mut attempts = Vec::new();
    let mut outcomes: BTreeMap<u16, BTreeMap<Outcome, u64>> = BTreeMap::new();
    while let Some(entry) = source.recv() {
        match entry {
            Entry::Attempt(attempt) => {
                *outcomes.entry(attempt.request).or_default().entry(attempt.outcome).or_default() += 1;
                attempts.push(attempt);
            }
            Entry::Pulse(pulse) => {
                *outcomes.entry(pulse.request).or_default().entry(Outcome::Ok).or_default() += pulse.ok;
            }
            _ => {}
        }
    }
    assert_eq!(source.take_overflow(), 0, "the record must be whole");
    Ran { summary, attempts, outcomes }
}

/// The whole script on one arm.
fn script_on(arm: Arm) {
    let server = FaultServer::start(OnAccept::Serve);
    let requests = SCRIPT.iter().map(|(path, ..)| kind(path, arm)).collect();
    let ran = run(&plan(220.0, 40, requests), server.address, 440);
    let seen = server.seen();
    for (index, (path, exact, pooled)) in (0u16..).zip(SCRIPT) {
        let expected = if arm == Arm::Pooled { pooled } else { exact };
        let played = seen.paths.get(path).copied().unwrap_or(0);
        assert!(played >= 20, "{path} was played {played} times");
        assert_eq!(ran.outcomes[&index], BTreeMap::from([(expected, played)]), "{path} on {}", arm.name());
    }
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
