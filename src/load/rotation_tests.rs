//! Loads over local ports of their own, against servers that close in different ways: which ports they take, and how long
//! these rest.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::rotation::{LocalPorts, PortRotation};
use super::{LoadPlan, LoadSummary, RunningLoad, saturate, start};
use crate::clock::Clock;
use crate::record::entry::{Attempt, Entry};
use crate::record::{Arm, Outcome, SinkReceiver, Sum, sink};
use crate::spec::{LoadSpec, RequestSpec};

const SECOND: u64 = 1_000_000_000;

/// What a server does once it has answered.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// Says FIN, a little later: the answer is complete before.
    Closes,
    Waits,
}

fn server(after: After) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, after));
        }
    });
    address
}

fn answer(mut stream: TcpStream, after: After) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request = [0; 4096];
    while stream.read(&mut request).is_ok_and(|n| n > 0) {
        let kept = !String::from_utf8_lossy(&request).contains("connection: close");
        let answer = "HTTP/1.1 200 OK\r\nX-Pod: pod-b\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if !kept && after == After::Closes {
            std::thread::sleep(Duration::from_millis(20));
            return;
        }
    }
}

fn plan(arm: Arm, rate: f64, ports: &Arc<PortRotation>) -> LoadPlan {
    let request = RequestSpec::get(http::uri::PathAndQuery::from_static("/"), vec![(arm, 1.0)]);
    let request = request.with_header(http::header::HOST, "load.test");
    let spec = LoadSpec::new(rate, Duration::from_millis(300), vec![request]);
    let local_ports = LocalPorts::Rotation(Arc::clone(ports));
    LoadPlan { max_in_flight: 100, record_all: true, local_ports, ..LoadPlan::new(spec, 2) }
}

/// So many ports of the machine's rotation. Tests that run at once start at different places, and so does the next run:
/// this one leaves ports in TIME-WAIT.
fn port_numbers(count: usize, start: usize) -> Vec<u16> {
    let all = super::ports::candidates(0, &super::rotation::ephemeral().unwrap());
    let start = start + 1_009 * std::process::id() as usize;
    all.iter().copied().cycle().skip(start % all.len()).take(count).collect()
}

fn some_ports(count: usize, start: usize) -> Arc<PortRotation> {
    Arc::new(PortRotation::new(port_numbers(count, start), 0))
}

fn finish(running: RunningLoad, source: &SinkReceiver, planned: u64) -> (LoadSummary, Vec<Attempt>) {
    while running.live().planned() < planned {
        std::thread::sleep(Duration::from_millis(2));
    }
    // Connections that are closing have their time too.
    std::thread::sleep(Duration::from_millis(200));
    running.stop();
    let summary = running.wait().unwrap();
    let entries = std::iter::from_fn(|| source.recv());
    (
        summary,
        entries.filter_map(|entry| if let Entry::Attempt(attempt) = entry { Some(attempt) } else { None }).collect(),
    )
}

fn loaded(arm: Arm, address: SocketAddr, rotation: &Arc<PortRotation>, clock: Clock) -> (LoadSummary, Vec<Attempt>) {
    let (sink, source) = sink::channel(sink::CAPACITY);
    let running = start(plan(arm, 50.0, rotation), Arc::new(address), clock, sink).unwrap();
    finish(running, &source, 20)
}

#[test]
fn each_connection_has_a_port_of_its_own_outside_the_kernels_range_also_over_two_loads() {
    let (rotation, clock) = (some_ports(4_000, 100), Clock::start());
    let ephemeral = super::rotation::ephemeral().unwrap();
    let address = server(After::Closes);
    let mut ports = BTreeSet::new();
    let mut connections = 0;
    for _ in 0..2 {
        let (summary, attempts) = loaded(Arm::New, address, &rotation, clock);
        assert_eq!(summary.arms[&Arm::New].outcomes.keys().collect::<Vec<_>>(), [&Outcome::Ok]);
        connections += attempts.len();
        ports.extend(attempts.into_iter().map(|attempt| attempt.connection.unwrap().local_port));
    }
    assert_eq!(ports.len(), connections, "no port twice");
    assert!(ports.iter().all(|port| !ephemeral.contains(port)), "{ports:?}");
}

#[test]
fn a_port_rests_a_minute_if_the_server_closed_and_longer_if_it_did_not() {
    for (after, start, seconds) in [(After::Closes, 5_000, 0..=60), (After::Waits, 9_500, 150..=180)] {
        let (rotation, clock) = (some_ports(4_000, start), Clock::start());
        let (_, attempts) = loaded(Arm::New, server(after), &rotation, clock);
        let rests = rotation.rests_ns(clock.now());
        // The last ones may have been closed by the load's end, and a port may have been somebody else's.
        let as_expected = rests.iter().filter(|ns| seconds.contains(&(*ns / SECOND))).count();
        assert!(as_expected > attempts.len() / 2, "{rests:?}");
    }
}

#[test]
fn kept_alive_connections_are_closed_by_the_load_and_their_ports_rest_longest() {
    let (rotation, clock) = (some_ports(4_000, 14_000), Clock::start());
    let (_, attempts) = loaded(Arm::Reused, server(After::Waits), &rotation, clock);
    let used: BTreeSet<u16> = attempts.iter().map(|attempt| attempt.connection.as_ref().unwrap().local_port).collect();
    let rests = rotation.rests_ns(clock.now());
    let longest = rests.iter().filter(|ns| **ns > 150 * SECOND).count();
    assert_eq!((used.len(), longest), (2, 2), "{rests:?}");
}

#[test]
fn a_refusal_is_an_answer_and_silence_is_none() {
    let (refusing, silent): (SocketAddr, SocketAddr) =
        (TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(), "198.18.255.254:9".parse().unwrap());
    let (rotation, clock) = (some_ports(4_000, 18_500), Clock::start());
    let (summary, _) = loaded(Arm::New, refusing, &rotation, clock);
    assert_eq!(summary.arms[&Arm::New].outcomes.keys().collect::<Vec<_>>(), [&Outcome::Refused]);
    let rests = rotation.rests_ns(clock.now());
    assert!(rests.iter().all(|ns| *ns <= 60 * SECOND), "{rests:?}");
    let (rotation, clock) = (some_ports(4_000, 22_700), Clock::start());
    let (summary, _) = loaded(Arm::New, silent, &rotation, clock);
    assert!(!summary.arms[&Arm::New].outcomes.contains_key(&Outcome::Ok));
    let rests = rotation.rests_ns(clock.now());
    assert!(rests.iter().any(|ns| *ns > 90 * SECOND) && rests.iter().all(|ns| *ns <= 120 * SECOND), "{rests:?}");
}

#[test]
fn when_the_ports_run_out_the_harness_says_so_and_nothing_is_lost() {
    let (rotation, clock) = (some_ports(60, 27_000), Clock::start());
    let (sink, source) = sink::channel(sink::CAPACITY);
    let plan = LoadPlan { max_in_flight: 3, ..plan(Arm::New, 1.0, &rotation) };
    let running = saturate(plan, Arc::new(server(After::Closes)), clock, sink).unwrap();
    let (summary, attempts) = finish(running, &source, 80);
    let new = &summary.arms[&Arm::New];
    assert!(new.outcomes[&Outcome::Ok] <= 60 && !new.sums.contains_key(&Sum::Lost), "{new:?}");
    let local = attempts.iter().find(|attempt| attempt.outcome == Outcome::ClientLocal).unwrap();
    assert_eq!(local.sum, Sum::Harness);
    assert!(local.error.contains("none of the 60") && local.error.contains("lower the rate"), "{}", local.error);
}

#[test]
fn a_busy_port_is_no_outcome() {
    let (rotation, clock) = (some_ports(400, 27_500), Clock::start());
    let first = port_numbers(10, 27_500).into_iter();
    let held: Vec<_> = first.filter_map(|port| TcpListener::bind(("0.0.0.0", port)).ok()).collect();
    assert!(!held.is_empty());
    let (sink, source) = sink::channel(sink::CAPACITY);
    let plan = plan(Arm::New, 5.0, &rotation);
    let running = start(plan, Arc::new(server(After::Closes)), clock, sink).unwrap();
    let (summary, attempts) = finish(running, &source, 3);
    assert_eq!(summary.arms[&Arm::New].outcomes.keys().collect::<Vec<_>>(), [&Outcome::Ok]);
    let busy: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    assert!(attempts.iter().all(|attempt| !busy.contains(&attempt.connection.as_ref().unwrap().local_port)));
}
