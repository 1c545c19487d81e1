//! The built-in server as a process: what a client sees of each way to start and stop, and what the truth log of the server says.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollproof::target::target_truth::{ConnectionActivity, TargetEvent, TargetTruthLine};
use tempfile::TempDir;

/// The limit of every wait, generous because machines that run tests are busy.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(10);

struct Target {
    child: Child,
    folder: TempDir,
}

impl Target {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rollproof"))
            .args(["target", "--listen", "127.0.0.1:0", "--pod", "web-1"])
            .arg("--truth-file")
            .arg(folder.path().join("truth.jsonl"))
            .args(flags)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn truth(&self) -> Vec<TargetEvent> {
        let text = std::fs::read_to_string(self.folder.path().join("truth.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str::<TargetTruthLine>(line).unwrap().what).collect()
    }

    /// Waits until the truth log has such a line.
    fn wait_for(&self, what: impl Fn(&TargetEvent) -> bool) -> TargetEvent {
        until("a line of the truth log", || self.truth().into_iter().find(&what))
    }

    fn address(&self) -> SocketAddr {
        match self.wait_for(|what| matches!(what, TargetEvent::Listening { .. })) {
            TargetEvent::Listening { address } => address,
            other => panic!("{other:?}"),
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    fn term(&self) {
        self.signal(Signal::SIGTERM);
        self.wait_for(|what| *what == TargetEvent::Term);
    }

    fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the end of the process", || child.try_wait().unwrap())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
        if let Some(found) = check() {
            return found;
        }
        sleep(STEP);
    }
    panic!("waited {PATIENCE:?} for {what}");
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: web\r\n\r\n").as_bytes()).unwrap();
}

/// Reads one response with a known length: its head in lower case, and its body.
fn response(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn get(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = connect(address);
    ask(&mut stream, path);
    response(&mut stream)
}

/// Everything until the peer ends the connection, and whether it was reset.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut left = Vec::new();
    match stream.read_to_end(&mut left) {
        Ok(_) => (left, false),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (left, true),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn paths_answer_as_documented_and_name_the_pod() {
    let target = Target::start(&[]);
    let address = target.address();
    let (head, body) = get(address, "/");
    assert!(head.starts_with("http/1.1 200") && head.contains("x-pod: web-1"), "{head}");
    assert_eq!(body, b"ok\n");
    assert!(get(address, "/ready").0.starts_with("http/1.1 200"));
    assert!(get(address, "/slow?ms=20").0.starts_with("http/1.1 200"));
    assert!(get(address, "/status?code=418").0.starts_with("http/1.1 418"));
    assert!(get(address, "/status?code=204").0.starts_with("http/1.1 204"));
    assert!(get(address, "/nowhere").0.starts_with("http/1.1 404"));
    assert_eq!(get(address, "/body?bytes=100000&ms=20").1.len(), 100_000);
    assert_eq!(get(address, "/body?bytes=0").1.len(), 0);

    let mut stream = connect(address);
    stream.write_all(b"GET /chunked?bytes=40000 HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let (chunks, reset) = rest(&mut stream);
    assert!(!reset && chunks.ends_with(b"0\r\n\r\n"));
    assert_eq!(String::from_utf8(chunks).unwrap().matches('.').count(), 40_000);

    let mut stream = connect(address);
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    assert_eq!(response(&mut stream).1, b"hello");
}

#[test]
fn drain_answers_what_is_in_flight_closes_idle_connections_in_order_and_exits_0() {
    let mut target = Target::start(&["--on-term", "drain"]);
    let address = target.address();
    let mut idle = connect(address);
    ask(&mut idle, "/");
    response(&mut idle);
    let mut slow = connect(address);
    ask(&mut slow, "/slow?ms=1500");
    target.wait_for(|what| matches!(what, TargetEvent::Read { path, .. } if path.starts_with("/slow")));
    target.term();
    assert_eq!(rest(&mut idle), (Vec::new(), false), "an idle connection ends with a FIN");
    target.wait_for(|what| *what == TargetEvent::ListenerClosed);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let (head, body) = response(&mut slow);
    assert!(head.starts_with("http/1.1 200") && head.contains("connection: close"), "{head}");
    assert_eq!(body, b"ok\n");
    assert_eq!(target.ended().code(), Some(0));
    let truth = target.truth();
    assert!(!truth.iter().any(|what| matches!(what, TargetEvent::Cut { .. })), "{truth:?}");
    assert_eq!(truth.last(), Some(&TargetEvent::Exit));
}

#[test]
fn exit_cuts_what_is_in_flight_and_exits_0() {
    let mut target = Target::start(&["--on-term", "exit"]);
    let address = target.address();
    let mut slow = connect(address);
    ask(&mut slow, "/slow?ms=60000");
    let mut half = connect(address);
    ask(&mut half, "/body?bytes=100000&ms=60000");
    assert!(read_head(&mut half).contains("content-length: 100000"));
    let mut first_half = vec![0; 50_000];
    half.read_exact(&mut first_half).unwrap();
    target.wait_for(|what| matches!(what, TargetEvent::Read { path, .. } if path.starts_with("/slow")));
    target.term();
    assert_eq!(target.ended().code(), Some(0));
    assert!(rest(&mut slow).0.is_empty(), "no byte of the answer came");
    assert!(rest(&mut half).0.is_empty(), "the second half of the body never came");
    let truth = target.truth();
    let cut = truth
        .iter()
        .filter(|what| matches!(what, TargetEvent::Cut { doing: ConnectionActivity::Answering, .. }))
        .count();
    assert_eq!(cut, 2, "{truth:?}");
}

#[test]
fn ignore_goes_on_answering_until_it_is_killed() {
    let mut target = Target::start(&["--on-term", "ignore"]);
    let address = target.address();
    target.term();
    target.term();
    assert!(get(address, "/").0.starts_with("http/1.1 200"));
    target.signal(Signal::SIGKILL);
    assert_eq!(target.ended().code(), None);
    assert_ne!(target.truth().last(), Some(&TargetEvent::Exit));
}

#[test]
fn quit_begins_a_drain_that_term_cuts_only_where_term_means_exit() {
    let drained = |on_term: &str| {
        let mut target = Target::start(&["--on-term", on_term]);
        let mut slow = connect(target.address());
        ask(&mut slow, "/slow?ms=1500");
        target.wait_for(|what| matches!(what, TargetEvent::Read { .. }));
        target.signal(Signal::SIGQUIT);
        target.wait_for(|what| *what == TargetEvent::ListenerClosed);
        target.term();
        let answered = rest(&mut slow).0.starts_with(b"HTTP/1.1 200");
        assert_eq!(target.ended().code(), Some(0));
        answered
    };
    assert!(!drained("exit"), "the second signal cuts what the drain had not answered");
    assert!(drained("drain") && drained("ignore"));
}

#[test]
fn a_drain_that_keeps_listening_takes_new_connections_first() {
    let mut target = Target::start(&["--drain-keeps-listening", "2s"]);
    let address = target.address();
    target.term();
    assert!(get(address, "/").0.starts_with("http/1.1 200"));
    assert!(!target.truth().contains(&TargetEvent::ListenerClosed));
    target.wait_for(|what| *what == TargetEvent::ListenerClosed);
    assert_eq!(target.ended().code(), Some(0));
}

#[test]
fn a_connection_that_never_asks_does_not_hold_up_the_drain() {
    let mut target = Target::start(&[]);
    let mut silent = connect(target.address());
    target.wait_for(|what| matches!(what, TargetEvent::Accepted { .. }));
    target.term();
    assert_eq!(target.ended().code(), Some(0));
    assert_eq!(rest(&mut silent), (Vec::new(), false));
}

#[test]
fn a_drain_that_takes_too_long_cuts_and_still_ends() {
    let mut target = Target::start(&["--drain-timeout", "200ms"]);
    let mut slow = connect(target.address());
    ask(&mut slow, "/slow?ms=60000");
    target.wait_for(|what| matches!(what, TargetEvent::Read { .. }));
    target.term();
    assert_eq!(target.ended().code(), Some(0));
    assert!(
        target.truth().iter().any(|what| matches!(what, TargetEvent::Cut { doing: ConnectionActivity::Answering, .. }))
    );
}

#[test]
fn ready_says_503_before_the_ready_delay_and_200_after() {
    let target = Target::start(&["--ready-delay", "1s"]);
    let address = target.address();
    assert!(get(address, "/ready").0.starts_with("http/1.1 503"));
    assert!(get(address, "/").0.starts_with("http/1.1 200"), "only readiness waits");
    until("readiness", || get(address, "/ready").0.starts_with("http/1.1 200").then_some(()));
}

#[test]
fn a_slow_start_delays_the_first_answers() {
    let target = Target::start(&["--slow-start", "60s"]);
    let address = target.address();
    let clock = rollproof::clock::Clock::start();
    assert!(get(address, "/").0.starts_with("http/1.1 200"));
    assert!(clock.now() >= 900_000_000);
}

#[test]
fn a_stop_during_the_start_delay_ends_it_before_it_listens() {
    let mut target = Target::start(&["--start-delay", "60s"]);
    // The process prints nothing before it listens, so the test repeats the signal until it is seen.
    let child = &target.child;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let status = format!("/proc/{}/status", child.id());
    // SIGTERM is bit 14 of the caught signals.
    until("the signal handler", || {
        let text = std::fs::read_to_string(&status).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        (u64::from_str_radix(&caught, 16).unwrap() >> 14 & 1 == 1).then_some(())
    });
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(target.ended().code(), Some(0));
    assert!(!target.truth().iter().any(|what| matches!(what, TargetEvent::Listening { .. })));
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_rollproof")).args(["target", "--listen", &address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && stderr.contains(&address) && stderr.contains("--listen"), "{stderr}");
}

#[test]
fn the_environment_sets_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.jsonl");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(env!("CARGO_BIN_EXE_rollproof"))
        .arg("target")
        .envs([("ROLLPROOF_POD_IP", "127.0.0.1"), ("ROLLPROOF_POD_NAME", "web-env")])
        .env("ROLLPROOF_PORT", port.to_string())
        .env("ROLLPROOF_TRUTH_FILE", &truth)
        .spawn()
        .unwrap();
    let target = Target { child, folder };
    assert_eq!(target.address().port(), port);
    assert!(get(target.address(), "/").0.contains("x-pod: web-env"));
}
