//! How a whole load behaves: what waits, what is deferred, what an abort leaves, what the record holds. Goal: every
//! planned attempt ends exactly once, and the harness's own limits are never blamed on the server.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan, LoadSummary, RunningLoad};
use rollproof::record::entry::{Attempt, AttemptStage, Entry, Pulse, Punctuality};
use rollproof::record::{Arm, Outcome, SinkReceiver, Sum, sink};
use rollproof::spec::{LoadSpec, RequestSpec};

/// A server that answers each request of a connection after `delay`; `None` never answers. Its threads end with their
/// clients.
fn server(delay: Option<Duration>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, delay));
        }
    });
    address
}

fn answer(mut stream: std::net::TcpStream, delay: Option<Duration>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request = [0; 4096];
    // A request without a body arrives in one piece on loopback.
    while stream.read(&mut request).is_ok_and(|n| n > 0) {
        let Some(delay) = delay else { continue };
        std::thread::sleep(delay);
        let response = "HTTP/1.1 200 OK\r\nX-Pod: pod-b\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

fn plan(rate: f64, arms: &[(Arm, f64)]) -> LoadPlan {
    let request = RequestSpec::get("/".parse().unwrap(), arms.to_vec()).with_header(http::header::HOST, "load.test");
    let spec = LoadSpec::new(rate, Duration::from_millis(400), vec![request]);
    LoadPlan { trial: 7, max_in_flight: 1_000, ..LoadPlan::new(spec, 2) }
}

fn start(plan: &LoadPlan, address: SocketAddr) -> (RunningLoad, SinkReceiver) {
    let (sink, source) = sink::channel(sink::CAPACITY);
    (load::start(plan.clone(), Arc::new(address), Clock::start(), sink).unwrap(), source)
}

fn until_planned(running: &RunningLoad, count: u64) {
    while running.live().planned() < count {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[derive(Default)]
struct Recorded {
    attempts: Vec<Attempt>,
    pulses: Vec<Pulse>,
    punctuality: Vec<Punctuality>,
}

fn recorded(source: &SinkReceiver) -> Recorded {
    let mut recorded = Recorded::default();
    while let Some(entry) = source.recv() {
        match entry {
            Entry::Attempt(attempt) => recorded.attempts.push(attempt),
            Entry::Pulse(pulse) => recorded.pulses.push(pulse),
            Entry::Punctuality(line) => recorded.punctuality.push(line),
            other => panic!("a load does not record {other:?}"),
        }
    }
    recorded
}

fn finish(running: RunningLoad, source: &SinkReceiver) -> (LoadSummary, Recorded) {
    running.stop();
    let summary = running.wait().unwrap();
    for arm in summary.arms.values() {
        assert_eq!(arm.outcomes.values().sum::<u64>(), arm.planned, "each attempt ends exactly once");
        assert_eq!(arm.sums.values().sum::<u64>(), arm.planned);
    }
    (summary, recorded(source))
}

fn outcomes(summary: &LoadSummary, arm: Arm) -> &BTreeMap<Outcome, u64> {
    &summary.arms[&arm].outcomes
}

#[test]
fn successes_are_pulses_that_add_up_and_name_the_pod() {
    let arms = [(Arm::New, 1.0), (Arm::Reused, 1.0), (Arm::Blind, 1.0), (Arm::Pooled, 1.0)];
    let (running, source) = start(&plan(200.0, &arms), server(Some(Duration::ZERO)));
    until_planned(&running, 100);
    let (summary, recorded) = finish(running, &source);
    assert_eq!(summary.arms.len(), 4);
    let counts: Vec<u64> = summary.arms.values().map(|arm| arm.planned).collect();
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "four equal arms: {counts:?}");
    assert!(recorded.attempts.is_empty(), "{:?}", recorded.attempts);
    for (arm, summary) in &summary.arms {
        let pulses = recorded.pulses.iter().filter(|pulse| pulse.arm == *arm);
        assert_eq!(pulses.map(|pulse| pulse.ok).sum::<u64>(), summary.planned);
    }
    for pulse in &recorded.pulses {
        assert_eq!((pulse.trial, pulse.pod.as_deref()), (7, Some("pod-b")));
        assert_eq!(pulse.at_ns % 100_000_000, 0, "slices begin at whole tenths of a second");
    }
    let planned: u64 = recorded.punctuality.iter().map(|line| line.planned).sum();
    assert_eq!(planned, counts.iter().sum::<u64>());
}

#[test]
fn a_slow_answer_does_not_delay_the_next_request() {
    let mut plan = plan(50.0, &[(Arm::New, 1.0)]);
    plan.spec.timeout = Duration::from_secs(3);
    plan.record_all = true;
    let (running, source) = start(&plan, server(Some(Duration::from_millis(600))));
    until_planned(&running, 50);
    let (summary, recorded) = finish(running, &source);
    assert_eq!(outcomes(&summary, Arm::New).keys().collect::<Vec<_>>(), [&Outcome::Ok]);
    let mut attempts = recorded.attempts;
    attempts.sort_by_key(|attempt| attempt.id);
    assert_eq!(attempts.len() as u64, summary.arms[&Arm::New].planned, "with record_all each one has its line");
    for pair in attempts.windows(2) {
        assert_eq!(pair[1].planned_ns - pair[0].planned_ns, 20_000_000, "the plan is the plan");
        assert!(pair[1].started_ns.unwrap() < pair[0].end_ns, "the next was sent before the answer came");
    }
    for attempt in &attempts {
        let order = [
            Some(attempt.planned_ns),
            attempt.started_ns,
            attempt.connected_ns,
            attempt.sent_ns,
            attempt.first_byte_ns,
            Some(attempt.end_ns),
        ];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{attempt:?}");
        assert_eq!((attempt.stage, attempt.status), (Some(AttemptStage::Done), Some(200)));
        assert!(attempt.bytes_out.unwrap() > 20 && attempt.bytes_in.unwrap() > 40);
        assert_eq!((attempt.sum, attempt.pod.as_deref()), (Sum::Ok, Some("pod-b")));
        let connection = attempt.connection.as_ref().unwrap();
        assert!(connection.local_port > 0 && connection.uses == 0 && connection.rtt_ns > 0);
    }
}

#[test]
fn without_an_idle_connection_an_attempt_waits_and_is_deferred() {
    let (running, source) = start(&plan(50.0, &[(Arm::Reused, 1.0)]), server(None));
    until_planned(&running, 50);
    let (summary, recorded) = finish(running, &source);
    let outcomes = outcomes(&summary, Arm::Reused);
    assert!(
        outcomes.keys().all(|outcome| [Outcome::HeaderTimeout, Outcome::Deferred].contains(outcome)),
        "{outcomes:?}"
    );
    assert!(outcomes[&Outcome::Deferred] > 0 && outcomes[&Outcome::HeaderTimeout] > 1, "{outcomes:?}");
    for attempt in recorded.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Deferred) {
        assert_eq!((attempt.started_ns, attempt.stage, attempt.sum), (None, Some(AttemptStage::Waiting), Sum::Harness));
        assert!(attempt.end_ns - attempt.planned_ns >= 400_000_000, "it waited its whole timeout");
    }
    let lags = recorded.punctuality.iter().map(|line| line.lag_max_ns).max().unwrap();
    assert!(lags < 400_000_000, "waiting for a connection is no lag of the load: {lags}");
}

#[test]
fn a_short_wait_is_latency_not_failure() {
    // One connection that is busy for 25 ms with each request carries 40 a second. The others wait, and are answered too.
    let mut plan = plan(60.0, &[(Arm::Reused, 1.0)]);
    plan.record_all = true;
    plan.connections = 1;
    // The queue grows with each request: it may take longer on a busy machine, and nobody is to give up.
    plan.spec.timeout = Duration::from_secs(20);
    let (running, source) = start(&plan, server(Some(Duration::from_millis(25))));
    until_planned(&running, 30);
    let (summary, recorded) = finish(running, &source);
    assert_eq!(outcomes(&summary, Arm::Reused).keys().collect::<Vec<_>>(), [&Outcome::Ok]);
    let waited = |attempt: &Attempt| attempt.started_ns.unwrap() - attempt.planned_ns > 20_000_000;
    assert!(recorded.attempts.iter().any(waited), "some had to wait");
}

#[test]
fn above_the_cap_attempts_are_deferred_at_once() {
    let mut plan = plan(100.0, &[(Arm::New, 1.0)]);
    plan.max_in_flight = 3;
    plan.spec.timeout = Duration::from_secs(5);
    let (running, source) = start(&plan, server(None));
    until_planned(&running, 20);
    running.abort();
    let (summary, _) = finish(running, &source);
    let outcomes = outcomes(&summary, Arm::New);
    assert_eq!(outcomes[&Outcome::InFlightAtEnd], 3);
    assert_eq!(outcomes[&Outcome::Deferred], summary.arms[&Arm::New].planned - 3);
}

fn saturate(plan: LoadPlan, address: SocketAddr) -> (RunningLoad, SinkReceiver) {
    let (sink, source) = sink::channel(sink::CAPACITY);
    let plan = LoadPlan { max_in_flight: 3, record_all: true, ..plan };
    (load::saturate(plan, Arc::new(address), Clock::start(), sink).unwrap(), source)
}

#[test]
fn a_closed_loop_keeps_its_number_in_flight_and_defers_nothing() {
    for arm in [Arm::New, Arm::Reused] {
        let (running, source) = saturate(plan(1.0, &[(arm, 1.0)]), server(Some(Duration::from_millis(5))));
        until_planned(&running, 30);
        let (summary, recorded) = finish(running, &source);
        let planned = summary.arms[&arm].planned;
        assert_eq!(*outcomes(&summary, arm), BTreeMap::from([(Outcome::Ok, planned)]));
        let in_flight = |at| recorded.attempts.iter().filter(|a| a.planned_ns <= at && at < a.end_ns).count();
        assert!(recorded.attempts.iter().all(|attempt| in_flight(attempt.planned_ns) <= 3));
    }
}

#[test]
fn a_closed_loop_plans_nothing_new_while_nothing_ends() {
    let (running, source) = saturate(plan(1_000.0, &[(Arm::New, 1.0)]), server(None));
    std::thread::sleep(Duration::from_millis(100));
    let (summary, _) = finish(running, &source);
    assert_eq!(*outcomes(&summary, Arm::New), BTreeMap::from([(Outcome::HeaderTimeout, 3)]));
}

#[test]
fn an_abort_ends_what_is_in_flight_and_what_waits_on_every_arm() {
    let mut plan = plan(200.0, &Arm::ALL.map(|arm| (arm, 1.0)));
    plan.spec.timeout = Duration::from_secs(10);
    let (running, source) = start(&plan, server(None));
    until_planned(&running, 40);
    assert!(!running.is_finished());
    running.abort();
    let (summary, recorded) = finish(running, &source);
    for arm in Arm::ALL {
        assert_eq!(outcomes(&summary, arm).keys().collect::<Vec<_>>(), [&Outcome::InFlightAtEnd], "{}", arm.name());
    }
    assert!(recorded.attempts.iter().all(|attempt| attempt.sum == Sum::Harness));
    let stages = |arm| recorded.attempts.iter().filter(move |a| a.arm == arm).map(|a| a.stage);
    assert!(stages(Arm::Reused).any(|stage| stage == Some(AttemptStage::Waiting)), "two connections, ten attempts");
    assert!(stages(Arm::New).all(|stage| stage == Some(AttemptStage::Request) || stage == Some(AttemptStage::Connect)));
    assert!(stages(Arm::Pooled).all(|stage| stage.is_none()), "an ordinary client does not tell");
}

#[test]
fn a_plan_that_cannot_be_run_is_refused_with_what_was_expected() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let refusal = |plan: LoadPlan| {
        let (sink, _source) = sink::channel(1);
        load::start(plan, Arc::new(address), Clock::start(), sink).map(|_| ()).unwrap_err().to_string()
    };
    let mut timeless = plan(10.0, &[(Arm::New, 1.0)]);
    timeless.spec.timeout = Duration::ZERO;
    let message = refusal(timeless);
    assert!(message.contains("the timeout is 0, expected a positive duration"), "{message}");
    let message = refusal(LoadPlan { connections: 1_000_000_000, ..plan(10.0, &[(Arm::Reused, 1.0)]) });
    assert!(message.contains("open files"), "{message}");
}

#[test]
fn a_preflight_tells_service_time_and_readiness_of_each_kind() {
    let mut plan = plan(10.0, &[(Arm::Reused, 1.0)]);
    let mut second = plan.spec.requests[0].clone();
    second.statuses = vec![404];
    plan.spec.requests.push(second);
    let address: SocketAddr = server(Some(Duration::from_millis(50)));
    let results = load::preflight(&plan, Arc::new(address), Clock::start()).unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| (result.attempt.outcome, result.attempt.status)).collect();
    assert_eq!(outcomes, [(Outcome::Ok, Some(200)), (Outcome::StatusOther, Some(200))]);
    assert!(results.iter().all(|result| result.duration >= Duration::from_millis(50)));

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let results = load::preflight(&plan, Arc::new(closed), Clock::start()).unwrap();
    assert!(results.iter().all(|result| result.attempt.outcome == Outcome::Refused));
}
