//! Compares the losses that `hidden` says a client hides with what real clients hide. Goal: for each fault, a client answers its
//! caller exactly where the policy says that it retries. Method: a scripted fault is played once to the load engine, which gives
//! the facts, and once to the real client. Tests whose client is not installed are listed as ignored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[allow(dead_code, reason = "shared with the calibration")]
#[path = "../fault_server/mod.rs"]
mod fault_server;
mod real;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fault_server::{FaultServer, OnAccept, POSTED};
use http::Method;
use libtest_mimic::{Arguments, Failed, Trial};
use rollproof::clock::Clock;
use rollproof::hidden::{AttemptFacts, Client, hides};
use rollproof::load::{self, LoadPlan};
use rollproof::record::entry::{Attempt, Entry};
use rollproof::record::{Arm, Outcome, sink};
use rollproof::spec::{LoadSpec, RequestSpec};

/// A fault and the request that meets it: `method path`, on a connection that has carried `first`, if that is not empty.
struct Case {
    name: &'static str,
    arm: Arm,
    first: &'static str,
    method: &'static str,
    path: &'static str,
    outcome: Outcome,
}

const fn case(
    name: &'static str,
    arm: Arm,
    first: &'static str,
    asked: (&'static str, &'static str),
    outcome: Outcome,
) -> Case {
    Case { name, arm, first, method: asked.0, path: asked.1, outcome }
}

const fn reused(name: &'static str, method: &'static str, path: &'static str, outcome: Outcome) -> Case {
    case(name, Arm::Reused, "/ok", (method, path), outcome)
}

/// Each is met by a client that looks at its connection before it writes, as all of these do.
const CASES: [Case; 11] = [
    reused("closed_after_the_write_of_a_get", "GET", "/fin-once", Outcome::ClosedBeforeByte),
    reused("closed_after_the_write_of_a_post", "POST", "/fin-once", Outcome::ClosedBeforeByte),
    reused("reset_after_the_write_of_a_get", "GET", "/reset-once", Outcome::ResetBeforeByte),
    reused("reset_after_the_write_of_a_post", "POST", "/reset-once", Outcome::ResetBeforeByte),
    reused("reset_unread_after_the_write_of_a_get", "GET", "/unread-once", Outcome::ResetBeforeByte),
    reused("closed_after_the_write_of_a_put", "PUT", "/fin-once", Outcome::ClosedBeforeByte),
    reused("closed_inside_the_head", "GET", "/half-head-fin-once", Outcome::HeadCut),
    reused("reset_after_some_bytes", "GET", "/half-body-reset-once", Outcome::BodyReset),
    reused("an_answer_of_503", "GET", "/503-once", Outcome::Status5xx),
    case("reset_on_a_new_connection", Arm::New, "", ("GET", "/reset-at-first"), Outcome::ResetBeforeByte),
    case("closed_on_a_new_connection", Arm::New, "", ("GET", "/fin-at-first"), Outcome::ClosedBeforeByte),
];

/// What `blind` meets where a client that looks sees the end of the connection and makes another.
const IDLE: [Case; 2] = [
    case(
        "an_idle_connection_closed_before_the_write",
        Arm::Blind,
        "/then-fin",
        ("GET", "/ok"),
        Outcome::ClosedBeforeByte,
    ),
    case("an_idle_connection_reset_before_the_write", Arm::Blind, "/then-reset", ("GET", "/ok"), Outcome::Unsent),
];

fn main() -> ExitCode {
    let mut tests = vec![test("reqwest", None, || each(Client::Reqwest, &pooled))];
    tests.push(test("reqwest_on_idle_connections", None, || idle(Client::Reqwest, &pooled)));
    for real in real::all() {
        let client = real.client;
        let missing = real.missing();
        let real = Arc::new(real);
        let name = client.name();
        let of = Arc::clone(&real);
        tests.push(test(name, missing.as_deref(), move || each(client, &|case, to| of.answered(case, to))));
        let of = Arc::clone(&real);
        tests.push(test(&format!("{name}_on_idle_connections"), missing.as_deref(), move || {
            idle(client, &|case, to| of.answered(case, to));
        }));
        tests.push(test(&format!("{name}_refused"), missing.as_deref(), move || real.refused()));
    }
    let mut arguments = Arguments::from_args();
    // Each plays faults on its own server; in parallel they would delay each other.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn test(name: &str, missing: Option<&str>, body: impl FnOnce() + Send + 'static) -> Trial {
    let shown = missing.map_or_else(|| name.to_owned(), |missing| format!("{name} (needs {missing})"));
    let run = move || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).map_err(|panic| {
            Failed::from(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".to_owned()))
        })
    };
    Trial::test(shown, run).with_ignored_flag(missing.is_some())
}

type Answered<'a> = &'a dyn Fn(&Case, SocketAddr) -> bool;

/// The client answers its caller exactly where `hidden` says that it hides the fault, or where it met no fault.
fn each(client: Client, answered: Answered<'_>) {
    let mut wrong = Vec::new();
    for case in &CASES {
        let said = hides(client, &facts(case)) || case.outcome == Outcome::Status5xx;
        let server = FaultServer::start(OnAccept::Serve);
        let found = answered(case, server.address);
        assert_eq!(server.seen().once, 1, "{} was played", case.name);
        if said != found {
            wrong.push(format!("{}: said to be answered: {said}; was: {found}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", client.name(), wrong.join("\n"));
}

/// A client that looks before it writes is answered at least where repeating would hide it.
fn idle(client: Client, answered: Answered<'_>) {
    for case in &IDLE {
        let said = hides(client, &facts(case));
        let found = answered(case, FaultServer::start(OnAccept::Serve).address);
        assert!(found, "{}: a client that looks makes another connection", case.name);
        // reqwest hides a closed connection by looking, not by repeating.
        assert_eq!(said, client != Client::Reqwest || case.outcome == Outcome::Unsent, "{}", case.name);
    }
}

/// What the load engine met, from its record; one run serves all clients.
fn facts(case: &Case) -> AttemptFacts<'_> {
    static MET: Mutex<BTreeMap<&str, Attempt>> = Mutex::new(BTreeMap::new());
    let mut met = MET.lock().unwrap();
    let attempt = met.entry(case.name).or_insert_with(|| meet(case));
    AttemptFacts::of(attempt, case.method)
}

fn meet(case: &Case) -> Attempt {
    let server = FaultServer::start(OnAccept::Serve);
    let attempts = run(case, case.arm, server.address);
    let met = attempts.into_iter().find(|attempt| attempt.reused() || case.arm == Arm::New);
    let attempt = met.unwrap_or_else(|| panic!("{}: nothing failed", case.name));
    assert_eq!(attempt.outcome, case.outcome, "{}", case.name);
    attempt
}

/// Whether the arm of an ordinary client was answered each time.
fn pooled(case: &Case, server: SocketAddr) -> bool {
    let attempts = run(case, Arm::Pooled, server);
    attempts.iter().all(|attempt| attempt.outcome == Outcome::Status5xx)
}

fn kind(method: &str, path: &str, arm: Arm) -> RequestSpec {
    let request = RequestSpec {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        body: if method == "POST" { POSTED.to_owned() } else { String::new() },
        ..RequestSpec::get(path.parse().unwrap(), vec![(arm, 1.0)])
    };
    request.with_header(http::header::HOST, "hidden.test")
}

/// The case's requests in turn on one connection; the attempts that did not end ok.
fn run(case: &Case, arm: Arm, server: SocketAddr) -> Vec<Attempt> {
    let mut requests = vec![kind(case.method, case.path, arm)];
    if !case.first.is_empty() {
        requests.push(kind("GET", case.first, arm));
    }
    let plan =
        LoadPlan { max_in_flight: 100, ..LoadPlan::new(LoadSpec::new(20.0, Duration::from_secs(2), requests), 1) };
    let (sink, source) = sink::channel(sink::CAPACITY);
    let running = load::start(plan, Arc::new(server), Clock::start(), sink).unwrap();
    while running.live().planned() < 8 {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.stop();
    running.wait().unwrap();
    let entries = std::iter::from_fn(|| source.recv());
    entries.filter_map(|entry| if let Entry::Attempt(attempt) = entry { Some(attempt) } else { None }).collect()
}
