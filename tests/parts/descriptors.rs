//! Running out of file descriptors is an error of this machine, never of the server. The test uses up the descriptors of its
//! process, so it starts a process for this.

use std::fs::File;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan};
use rollproof::record::entry::Entry;
use rollproof::record::{Arm, Outcome, Sum, sink};
use rollproof::spec::{LoadSpec, RequestSpec};

/// Set in the process that has to run out of descriptors.
const OWN: &str = "ROLLPROOF_TEST_DESCRIPTORS";

#[test]
fn without_descriptors_an_attempt_is_client_local_on_every_arm() {
    if std::env::var_os(OWN).is_some() {
        run_out();
        return;
    }
    let name = "descriptors::without_descriptors_an_attempt_is_client_local_on_every_arm";
    let mut own = Command::new(std::env::current_exe().unwrap());
    let ran = own.args(["--exact", name]).env(OWN, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

fn run_out() {
    setrlimit(Resource::RLIMIT_NOFILE, 256, 256).unwrap();
    // Nobody listens: an attempt that gets a socket is refused, and one that gets none has another outcome.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arms = Arm::ALL.map(|arm| (arm, 1.0)).to_vec();
    let spec = LoadSpec::new(200.0, Duration::from_secs(1), vec![RequestSpec::get("/".parse().unwrap(), arms)]);
    let plan = LoadPlan { max_in_flight: 100, ..LoadPlan::new(spec, 2) };
    let (sink, source) = sink::channel(sink::CAPACITY);
    let running = load::start(plan, Arc::new(closed), Clock::start(), sink).unwrap();
    let planned_by = |count| {
        while running.live().planned() < count {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    planned_by(40);
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    planned_by(120);
    drop(files);
    running.stop();
    let summary = running.wait().unwrap();
    for arm in Arm::ALL {
        let outcomes: Vec<_> = summary.arms[&arm].outcomes.keys().collect();
        assert_eq!(outcomes, [&Outcome::Refused, &Outcome::ClientLocal], "{}", arm.name());
    }
    while let Some(entry) = source.recv() {
        let Entry::Attempt(attempt) = entry else { continue };
        if attempt.outcome == Outcome::ClientLocal {
            assert_eq!((attempt.errno, attempt.sum), (Some(24), Sum::Harness));
        }
    }
}
