//! One load at two doors: the Service and a URL. Each request goes to its own door, on every arm, and each door has connections, TLS
//! and faults of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use crate::calibration::{LoadResult, kind, plan, run};
use crate::fault_server::{FaultServer, OnAccept};
use crate::tls_server::{self, HandshakeFault, TlsServer};
use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan};
use rollproof::record::{Arm, Outcome};
use rollproof::spec::{Door, RequestSpec, TlsSpec, UrlDoor, UrlHost};

/// `at_service` to the Service and `at_url` to the URL, at the same rate.
fn two_doors(arm: Arm, at_service: &str, at_url: &str, url: &str, at: SocketAddr) -> LoadPlan {
    let of = |path, door| RequestSpec { door: Some(door), share: 0.5, ..kind(path, arm) };
    let mut plan = plan(120.0, 3, vec![of(at_service, Door::Service), of(at_url, Door::Url)]);
    plan.spec.url = Some(UrlDoor {
        url: format!("{url}:{}/", at.port()).parse().unwrap(),
        resolve: Some(UrlHost::Address(at.ip())),
        proxy: None,
    });
    plan
}

fn with_tls(mut plan: LoadPlan, tls: TlsSpec) -> LoadPlan {
    plan.spec.tls = Some(tls);
    plan
}

/// Fails unless each door's requests ended as its server played them, and both doors carried as many.
fn is_as_played(ran: &LoadResult, ends: [Outcome; 2], played: [u64; 2], arm: Arm) {
    for (kind, (outcome, count)) in (0_u16..).zip(ends.into_iter().zip(played)) {
        assert!(count >= 20, "kind {kind} was played {count} times on {}", arm.name());
        assert_eq!(ran.outcomes[&kind], BTreeMap::from([(outcome, count)]), "kind {kind} on {}", arm.name());
    }
    assert!(played[0].abs_diff(played[1]) <= 1, "{played:?} on {}", arm.name());
}

#[test]
fn only_the_door_that_fails_loses_and_exactly_what_it_was_sent() {
    for arm in Arm::ALL {
        for (at_service, at_url) in [("/reset", "/ok"), ("/ok", "/503")] {
            let (service, url) = (FaultServer::start(OnAccept::Serve), FaultServer::start(OnAccept::Serve));
            let plan = two_doors(arm, at_service, at_url, "http://shop.example", url.address);
            let ran = run(&plan, service.address, 60);
            let of = |server: &FaultServer| server.seen().paths;
            let (seen, seen_at_url) = (of(&service), of(&url));
            assert_eq!((seen.len(), seen_at_url.len()), (1, 1), "{seen:?} {seen_at_url:?}");
            let ends = |path| match path {
                "/reset" => Outcome::ResetBeforeByte,
                "/503" => Outcome::Status5xx,
                _ => Outcome::Ok,
            };
            let played = [seen[at_service], seen_at_url[at_url]];
            is_as_played(&ran, [ends(at_service), ends(at_url)], played, arm);
        }
    }
}

#[test]
fn each_door_has_the_kept_alive_connections_of_each_arm() {
    for arm in [Arm::Reused, Arm::Blind] {
        let (service, url) = (FaultServer::start(OnAccept::Serve), FaultServer::start(OnAccept::Serve));
        let ran = run(&two_doors(arm, "/ok", "/ok", "http://shop.example", url.address), service.address, 60);
        assert_eq!([service.seen().connections, url.seen().connections], [3, 3], "{}", arm.name());
        assert!(ran.attempts.is_empty(), "{:?}", ran.attempts);
    }
}

#[test]
fn tls_is_of_the_url_alone_where_that_asks_for_it() {
    for arm in Arm::ALL {
        let (service, url) = (FaultServer::start(OnAccept::Serve), TlsServer::start(&[HandshakeFault::None]));
        let name = format!("https://{}", tls_server::NAME);
        let plan = with_tls(two_doors(arm, "/ok", "/ok", &name, url.address), url.trusted());
        let ran = run(&LoadPlan { record_all: true, ..plan }, service.address, 60);
        // Kept-alive connections shake hands before a request is sent on them, and a client may come with a session.
        assert!(url.seen().handshakes[&HandshakeFault::None] > 0);
        let carried = |kind: u16| ran.attempts.iter().filter(|attempt| attempt.request == kind).count() as u64;
        assert_eq!([carried(0), carried(1)], [service.seen().paths["/ok"], url.seen().paths["/ok"]], "{}", arm.name());
        assert!(ran.attempts.iter().all(|attempt| attempt.outcome == Outcome::Ok), "{:?}", ran.outcomes);
        let secured = ran.attempts.iter().filter(|attempt| attempt.secured_ns.is_some());
        assert!(secured.into_iter().all(|attempt| attempt.request == 1));
        let fresh = ran.attempts.iter().filter(|attempt| arm == Arm::New && attempt.request == 1);
        assert!(fresh.into_iter().all(|attempt| attempt.secured_ns.is_some()), "{}", arm.name());
    }
}

#[test]
fn tls_is_of_the_service_where_the_url_is_plain_and_a_bad_handshake_is_that_doors_loss() {
    for (faults, outcome) in
        [(&[HandshakeFault::None][..], Outcome::Ok), (&[HandshakeFault::Reset][..], Outcome::TlsReset)]
    {
        let (service, url) = (TlsServer::start(faults), FaultServer::start(OnAccept::Serve));
        let plan = with_tls(two_doors(Arm::New, "/ok", "/ok", "http://shop.example", url.address), service.trusted());
        let ran = run(&plan, service.address, 60);
        let played = [service.seen().handshakes.values().sum(), url.seen().paths["/ok"]];
        is_as_played(&ran, [outcome, Outcome::Ok], played, Arm::New);
    }
}

#[test]
fn the_preflight_asks_at_each_door() {
    let server = FaultServer::start(OnAccept::Serve);
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let asked = |service, url| {
        let plan = two_doors(Arm::Reused, "/ok", "/ok", "http://shop.example", url);
        let answers = load::preflight(&plan, Arc::new(service), Clock::start()).unwrap();
        answers.into_iter().map(|answer| (answer.attempt.request, answer.attempt.outcome)).collect::<Vec<_>>()
    };
    assert_eq!(asked(server.address, nowhere), [(0, Outcome::Ok), (1, Outcome::Refused)]);
    assert_eq!(asked(nowhere, server.address), [(0, Outcome::Refused), (1, Outcome::Ok)]);
}

#[test]
fn a_request_to_a_url_that_the_load_has_not_starts_nothing() {
    let server = FaultServer::start(OnAccept::Serve);
    let mut plan = two_doors(Arm::New, "/ok", "/ok", "http://shop.example", server.address);
    plan.spec.url = None;
    let error = plan.check().unwrap_err().to_string();
    assert!(error.contains("request 1 goes to a URL, and the load has none"), "{error}");
}

/// A server whose answers have one more header.
fn answering_with(header: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut request = [0; 4096];
                let response = format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: 2\r\n\r\nok");
                // A request without a body arrives in one piece on loopback.
                while stream.read(&mut request).is_ok_and(|n| n > 0) && stream.write_all(response.as_bytes()).is_ok() {}
            });
        }
    });
    address
}

#[test]
fn an_answer_that_says_that_a_proxy_tried_again_is_counted_on_every_arm_and_another_is_not() {
    let service = answering_with("X-Upstream: 10.0.0.1:80");
    for (header, hides) in [
        ("X-Upstream: 10.0.0.1:80, 10.0.0.2:80", true),
        ("X-Upstream: 10.0.0.2:80", false),
        ("X-Envoy-Attempt-Count: 2", true),
        ("X-Envoy-Attempt-Count: 1", false),
    ] {
        for arm in Arm::ALL {
            let mut plan = two_doors(arm, "/ok", "/ok", "http://shop.example", answering_with(header));
            plan.spec.retry_header = Some(http::HeaderName::from_static("x-upstream"));
            let ran = run(&plan, service, 20);
            let answered = ran.outcomes[&1][&Outcome::Ok];
            let expected = if hides { answered } else { 0 };
            assert_eq!(
                (ran.retried.get(&0), ran.retried.get(&1)),
                (Some(&0), Some(&expected)),
                "{header} {}",
                arm.name()
            );
        }
    }
}
