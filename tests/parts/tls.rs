//! The load over TLS, against a real TLS server with scripted faults. Every fault within the handshake is an outcome of its own, every
//! fault after it is what it is without TLS, and what is counted is what HTTP says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calibration::{LoadResult, kind, plan, run};
use crate::tls_server::{self, HandshakeFault, TlsServer};
use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan};
use rollproof::record::entry::{Attempt, AttemptStage};
use rollproof::record::{Arm, Outcome, Sum};
use rollproof::spec::{RequestSpec, TlsSpec, UrlDoor};

const NO_FAULT: &[HandshakeFault] = &[HandshakeFault::None];

fn tls_plan(rate: f64, connections: usize, requests: Vec<RequestSpec>, tls: TlsSpec) -> LoadPlan {
    let mut plan = plan(rate, connections, requests);
    plan.spec.tls = Some(tls);
    plan
}

/// How each fault ends.
fn ends_as(fault: HandshakeFault) -> Outcome {
    match fault {
        HandshakeFault::None => Outcome::Ok,
        HandshakeFault::Reset | HandshakeFault::ResetInside => Outcome::TlsReset,
        HandshakeFault::Close | HandshakeFault::CloseNotify | HandshakeFault::CloseInside => Outcome::TlsClosed,
        HandshakeFault::Silence | HandshakeFault::SilenceInside => Outcome::TlsTimeout,
        HandshakeFault::Expired
        | HandshakeFault::WrongName
        | HandshakeFault::UnknownCa
        | HandshakeFault::PlainText
        | HandshakeFault::Alert => Outcome::TlsFailed,
    }
}

/// The server's own counts, by the outcome that each fault must have.
fn played(server: &TlsServer) -> BTreeMap<Outcome, u64> {
    let mut counts = BTreeMap::new();
    for (fault, count) in server.seen().handshakes {
        *counts.entry(ends_as(fault)).or_default() += count;
    }
    counts
}

fn answered_within(attempt: &Attempt) -> bool {
    attempt.connection.as_ref().unwrap().tls_answered
}

#[test]
fn each_fault_within_the_handshake_is_counted_as_what_it_was() {
    let server = TlsServer::start(&HandshakeFault::ALL);
    let ran = run(&tls_plan(130.0, 1, vec![kind("/ok", Arm::New)], server.trusted()), server.address, 260);
    let counts = played(&server);
    assert!(counts.values().all(|count| *count >= 20), "{counts:?}");
    assert_eq!(ran.outcomes[&0], counts);
    for attempt in &ran.attempts {
        assert_eq!((attempt.sum, attempt.stage), (Sum::Lost, Some(AttemptStage::Tls)), "{attempt:?}");
        assert!(attempt.connected_ns.is_some() && attempt.secured_ns.is_none() && attempt.sent_ns.is_none());
        assert_eq!((attempt.bytes_out, attempt.bytes_in), (Some(0), Some(0)), "{attempt:?}");
        assert_eq!(attempt.error.is_empty(), attempt.outcome != Outcome::TlsFailed, "{attempt:?}");
    }
    let inside =
        |outcome| ran.attempts.iter().filter(|one| one.outcome == outcome && answered_within(one)).count() as u64;
    let seen = server.seen().handshakes;
    assert_eq!(inside(Outcome::TlsReset), seen[&HandshakeFault::ResetInside], "what the server said before is told");
    assert_eq!(inside(Outcome::TlsTimeout), seen[&HandshakeFault::SilenceInside]);
}

#[test]
fn connections_that_are_kept_alive_meet_the_same_faults_when_they_are_dialled() {
    const FAULTS: &[HandshakeFault] = &[HandshakeFault::Reset, HandshakeFault::Close, HandshakeFault::Expired];
    for arm in [Arm::Reused, Arm::Blind] {
        let server = TlsServer::start(FAULTS);
        let ran = run(&tls_plan(60.0, 2, vec![kind("/ok", arm)], server.trusted()), server.address, 60);
        // The two that were opened before the load are no attempts.
        let mut counts = played(&server);
        *counts.get_mut(&Outcome::TlsReset).unwrap() -= 1;
        *counts.get_mut(&Outcome::TlsClosed).unwrap() -= 1;
        assert_eq!(ran.outcomes[&0], counts, "{}", arm.name());
        assert!(ran.attempts.iter().all(|attempt| attempt.sum == Sum::Lost));
    }
}

#[test]
fn an_ordinary_client_tells_the_faults_of_a_handshake_apart() {
    const FAULTS: &[HandshakeFault] = &[
        HandshakeFault::Reset,
        HandshakeFault::Close,
        HandshakeFault::Expired,
        HandshakeFault::WrongName,
        HandshakeFault::UnknownCa,
        HandshakeFault::PlainText,
    ];
    let server = TlsServer::start(FAULTS);
    let ran = run(&tls_plan(60.0, 1, vec![kind("/ok", Arm::Pooled)], server.trusted()), server.address, 60);
    assert_eq!(ran.outcomes[&0], played(&server));
    assert!(ran.attempts.iter().all(|attempt| attempt.sum == Sum::Lost));
}

/// The expected outcome of each path, on the exact arms and on the pooled one.
const SCRIPT: [(&str, Outcome, Outcome); 15] = [
    ("/ok", Outcome::Ok, Outcome::Ok),
    ("/503", Outcome::Status5xx, Outcome::Status5xx),
    ("/moved", Outcome::Ok, Outcome::Ok),
    ("/closed", Outcome::ClosedBeforeByte, Outcome::ClosedBeforeByte),
    ("/closed-bare", Outcome::ClosedBeforeByte, Outcome::ClosedBeforeByte),
    ("/reset", Outcome::ResetBeforeByte, Outcome::ResetBeforeByte),
    ("/never", Outcome::HeaderTimeout, Outcome::HeaderTimeout),
    ("/half-head-closed", Outcome::HeadCut, Outcome::ClosedBeforeByte),
    ("/half-body-closed", Outcome::BodyClosed, Outcome::BodyClosed),
    ("/half-body-bare", Outcome::BodyClosed, Outcome::BodyClosed),
    ("/half-body-reset", Outcome::BodyReset, Outcome::BodyReset),
    ("/until-close", Outcome::Ok, Outcome::Ok),
    ("/until-bare-close", Outcome::BodyClosed, Outcome::BodyClosed),
    ("/not-http", Outcome::BadHttp, Outcome::BadHttp),
    ("/not-tls", Outcome::TlsFailed, Outcome::TlsFailed),
];

fn script_on(arm: Arm) {
    let server = TlsServer::start(NO_FAULT);
    let requests = SCRIPT.iter().map(|(path, ..)| kind(path, arm)).collect();
    let ran = run(&tls_plan(100.0, 30, requests, server.trusted()), server.address, 300);
    let seen = server.seen();
    ran.is_as_scripted(&SCRIPT, arm, &seen.paths);
    assert_eq!(seen.attempts.len() as u64, ran.summary.arms[&arm].planned, "each attempt reached the server");
    assert!(seen.attempts.values().all(|times| times.len() == 1), "no request was sent twice");
}

#[test]
fn after_the_handshake_every_fault_is_what_it_is_without_tls_on_new_connections() {
    script_on(Arm::New);
}

#[test]
fn after_the_handshake_every_fault_is_what_it_is_without_tls_on_reused_connections() {
    script_on(Arm::Reused);
}

#[test]
fn after_the_handshake_every_fault_is_what_it_is_without_tls_on_blind_connections() {
    script_on(Arm::Blind);
}

#[test]
fn after_the_handshake_an_ordinary_client_reports_the_same_faults() {
    script_on(Arm::Pooled);
}

#[test]
fn bytes_and_stamps_are_those_of_the_request_and_not_of_tls() {
    for arm in [Arm::New, Arm::Reused, Arm::Blind] {
        let server = TlsServer::start(NO_FAULT);
        let mut plan = tls_plan(40.0, 2, vec![kind("/slow", arm)], server.trusted());
        plan.record_all = true;
        let ran = run(&plan, server.address, 20);
        assert!(ran.attempts.len() >= 20);
        let sent = server.seen().attempts;
        for attempt in &ran.attempts {
            assert_eq!(attempt.outcome, Outcome::Ok, "{attempt:?}");
            assert_eq!(attempt.bytes_out, Some(sent[&attempt.id][0]), "{}", arm.name());
            assert_eq!(attempt.bytes_in, Some(tls_server::answer().len() as u64), "{}", arm.name());
            let (sent_ns, first_ns) = (attempt.sent_ns.unwrap(), attempt.first_byte_ns.unwrap());
            let slow_ns = u64::try_from(tls_server::SLOW.as_nanos()).unwrap();
            assert!(first_ns - sent_ns > slow_ns / 2, "a session ticket is no byte of the answer: {attempt:?}");
            assert_eq!(attempt.secured_ns.is_some(), attempt.connected_ns.is_some());
            if let (Some(connected), Some(secured)) = (attempt.connected_ns, attempt.secured_ns) {
                assert!(attempt.started_ns.unwrap() <= connected && connected <= secured && secured <= sent_ns);
            }
        }
    }
}

/// Two kinds of request alternate on one kept-alive connection: the first leaves it closed, and the second meets that.
fn stale(arm: Arm, leaves_it_closed: &str) -> LoadResult {
    let server = TlsServer::start(NO_FAULT);
    let requests = vec![kind(leaves_it_closed, arm), kind("/ok", arm)];
    let ran = run(&tls_plan(20.0, 1, requests, server.trusted()), server.address, 20);
    assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Ok], "{leaves_it_closed} itself is answered");
    ran
}

#[test]
fn reused_notices_a_close_of_tls_and_dials() {
    for leaves_it_closed in ["/then-close", "/then-close-notify"] {
        let ran = stale(Arm::Reused, leaves_it_closed);
        assert_eq!(ran.outcomes[&1].keys().collect::<Vec<_>>(), [&Outcome::Ok], "after {leaves_it_closed}");
    }
}

#[test]
fn blind_writes_after_a_close_of_tls_and_that_is_a_race() {
    for leaves_it_closed in ["/then-close", "/then-close-notify"] {
        let ran = stale(Arm::Blind, leaves_it_closed);
        let met: Vec<&Attempt> = ran.attempts.iter().filter(|attempt| attempt.request == 1).collect();
        assert!(met.len() >= 5, "{:?}", ran.outcomes);
        for attempt in met {
            assert_eq!((attempt.outcome, attempt.sum), (Outcome::ClosedBeforeByte, Sum::Raced), "{attempt:?}");
            assert!(attempt.connection.as_ref().unwrap().ended_before_write, "after {leaves_it_closed}: {attempt:?}");
            assert!(attempt.bytes_out.unwrap() > 0 && attempt.bytes_in == Some(0), "{attempt:?}");
        }
    }
}

#[test]
fn a_close_after_the_write_was_not_there_before_it() {
    let server = TlsServer::start(NO_FAULT);
    let requests = vec![kind("/ok", Arm::Blind), kind("/closed", Arm::Blind)];
    let ran = run(&tls_plan(20.0, 1, requests, server.trusted()), server.address, 20);
    assert!(ran.attempts.len() >= 5, "{:?}", ran.outcomes);
    for attempt in &ran.attempts {
        assert_eq!(attempt.outcome, Outcome::ClosedBeforeByte);
        assert!(!attempt.connection.as_ref().unwrap().ended_before_write, "{attempt:?}");
    }
}

#[test]
fn without_checks_every_certificate_is_taken() {
    const FAULTS: &[HandshakeFault] = &[HandshakeFault::Expired, HandshakeFault::WrongName, HandshakeFault::UnknownCa];
    for arm in Arm::ALL {
        let server = TlsServer::start(FAULTS);
        let tls = TlsSpec { ca: None, insecure: true, ..server.trusted() };
        let ran = run(&tls_plan(40.0, 3, vec![kind("/ok", arm)], tls), server.address, 20);
        assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Ok], "{}", arm.name());
    }
}

#[test]
fn a_server_may_be_named_by_its_address() {
    for (name, outcome) in [("127.0.0.1", Outcome::Ok), ("127.0.0.2", Outcome::TlsFailed)] {
        for arm in Arm::ALL {
            let server = TlsServer::start(NO_FAULT);
            let tls = TlsSpec { server_name: Some(name.to_owned()), ..server.trusted() };
            let ran = run(&tls_plan(40.0, 2, vec![kind("/ok", arm)], tls), server.address, 10);
            assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&outcome], "{name} on {}", arm.name());
        }
    }
}

/// What the only attempt of a preflight says of a fault.
fn words_of(fault: &'static [HandshakeFault]) -> String {
    let server = TlsServer::start(fault);
    let plan = tls_plan(10.0, 1, vec![kind("/ok", Arm::New)], server.trusted());
    let sent = load::preflight(&plan, Arc::new(server.address), Clock::start()).unwrap();
    assert_eq!(sent[0].attempt.outcome, Outcome::TlsFailed);
    sent[0].attempt.error.clone()
}

#[test]
fn a_handshake_that_cannot_succeed_says_what_was_found_and_what_was_expected() {
    let expired = words_of(&[HandshakeFault::Expired]);
    assert!(expired.contains("expired at 2020-01-01T00:00:00Z"), "{expired}");
    let wrong = words_of(&[HandshakeFault::WrongName]);
    assert!(wrong.contains("is for other.test, expected one for web.test"), "{wrong}");
    let unknown = words_of(&[HandshakeFault::UnknownCa]);
    assert!(unknown.contains("signed by no CA that is trusted"), "{unknown}");
    let plain = words_of(&[HandshakeFault::PlainText]);
    assert!(plain.contains("the answer is no TLS"), "{plain}");
    let alert = words_of(&[HandshakeFault::Alert]);
    assert!(alert.contains("HandshakeFailure"), "{alert}");
}

#[test]
fn a_load_that_trusts_nobody_does_not_start() {
    let server = TlsServer::start(NO_FAULT);
    for (tls, told) in [
        (TlsSpec { ca: Some(String::new()), ..server.trusted() }, "no CA certificate is trusted"),
        (TlsSpec { server_name: Some("a b".to_owned()), ..server.trusted() }, "the server's name is `a b`"),
    ] {
        let plan = tls_plan(10.0, 1, vec![kind("/ok", Arm::New)], tls);
        let error = load::preflight(&plan, Arc::new(server.address), Clock::start()).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn plain_text_to_a_port_that_speaks_tls_is_not_answered() {
    let server = TlsServer::start(NO_FAULT);
    let ran = run(&plan(20.0, 1, vec![kind("/ok", Arm::New)]), server.address, 10);
    assert!(ran.outcomes[&0].keys().all(|outcome| *outcome != Outcome::Ok), "{:?}", ran.outcomes);
}

#[test]
fn a_url_takes_the_place_of_the_route_on_every_arm() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for arm in Arm::ALL {
        let server = TlsServer::start(NO_FAULT);
        let url = format!("https://{}:{}/", tls_server::NAME, server.address.port()).parse().unwrap();
        let mut plan = tls_plan(40.0, 2, vec![kind("/ok", arm)], server.trusted());
        plan.spec.url =
            Some(UrlDoor { url, resolve: Some(rollproof::spec::UrlHost::Address(server.address.ip())), proxy: None });
        let ran = run(&plan, nowhere, 10);
        assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Ok], "{}", arm.name());
        plan.spec.url = None;
        let ran = run(&plan, nowhere, 10);
        assert_eq!(ran.outcomes[&0].keys().collect::<Vec<_>>(), [&Outcome::Refused], "{}", arm.name());
    }
}

#[test]
fn a_url_whose_name_does_not_resolve_starts_no_load() {
    let server = TlsServer::start(NO_FAULT);
    let mut plan = tls_plan(10.0, 1, vec![kind("/ok", Arm::New)], server.trusted());
    plan.spec.url = Some(UrlDoor { url: "https://shop.invalid/".parse().unwrap(), resolve: None, proxy: None });
    let error = load::preflight(&plan, Arc::new(server.address), Clock::start()).unwrap_err().to_string();
    assert!(error.contains("`shop.invalid` does not resolve"), "{error}");
}
