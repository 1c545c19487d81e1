//! What a hostile record and a broken machine do to `rollproof report`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rollproof::clock::Clock;
use rollproof::record::entry::{
    EndpointSeen, EndpointsSeen, Entry, ListenerSeen, ListenerState, PodSeen, Pulse, SeenChange,
};
use rollproof::record::sample::{SampleRun, SampleTrial, pod_seen, pulse};
use rollproof::record::{Arm, Reader};
use rollproof::spec::Expect;
use rollproof::{analysis, html};

use crate::program::{program, run};

fn folder(record: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("record.jsonl"), record).unwrap();
    folder
}

fn losing() -> SampleRun {
    SampleRun::one(|trial: &mut SampleTrial| trial.lost_times(20))
}

#[test]
fn a_file_that_may_not_grow_further_is_an_error_and_not_the_end() {
    let folder = folder(&losing().bytes());
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 2; exec \"$0\" report \"$1\"", env!("CARGO_BIN_EXE_rollproof")]).arg(folder.path());
    let ran = run(limited.stdin(Stdio::null()));
    assert_eq!(ran.code, Some(4), "the loss outranks the machine's error, and no signal ended it: {}", ran.stderr);
    ran.says(&["error: writing ", "File too large", "make room for it"]);
    // And its twin without the limit.
    run(program().arg("report").arg(folder.path())).expect_code(4);
    assert!(folder.path().join("report.html").is_file());
}

/// Whether a text could steer the terminal.
fn steers(text: &str) -> bool {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| c.is_control() && c != '\n' || invisible(c))
}

const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\r\nPASS  shop: all is well\n::error::x";

#[test]
fn names_of_a_record_neither_steer_the_terminal_nor_forge_a_line() {
    let named = losing().plan(|header| {
        header.spec.settings.scenario = format!("shop{HOSTILE}");
        header.cluster.version = HOSTILE.to_owned();
    });
    let folder = folder(&named.bytes());
    let ran = run(program().arg("report").arg(folder.path())).expect_code(4);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!steers(text), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("PASS") || line.trim_start().starts_with("::")), "{text}");
    }
    assert!(ran.stdout.lines().last().is_some_and(|line| line.starts_with("FAIL")), "{}", ran.stdout);
}

#[test]
fn errors_that_quote_a_record_neither_steer_the_terminal_nor_forge_a_line() {
    let whole = losing().bytes();
    let odd = serde_json::json!({"t": HOSTILE}).to_string();
    let variant = serde_json::json!({"t": "trial-start", "at_ns": 1, "trial": 99, "block": 1, "variant": HOSTILE,
        "namespace": "x"});
    for line in [odd, variant.to_string()] {
        let folder = folder(&[&whole, line.as_bytes(), b"\n", &whole].concat());
        let ran = run(program().arg("report").arg(folder.path())).expect_code(2);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("PASS"), "it is quoted: {}", ran.stderr);
        assert!(!steers(&ran.stderr), "{:?}", ran.stderr);
        assert!(
            !ran.stderr.lines().any(|line| line.starts_with("PASS") || line.trim_start().starts_with("::")),
            "{}",
            ran.stderr
        );
    }
    // A name that the shell gave, as of a file that somebody laid out.
    let ran = run(program().args(["report", &format!("--no-such{HOSTILE}")])).expect_code(2);
    assert!(!steers(&ran.stderr), "{:?}", ran.stderr);
    let ran = run(program().args(["report", HOSTILE])).expect_code(2);
    assert!(!steers(&ran.stderr), "{:?}", ran.stderr);
}

/// With a variant of a second trial, so that the record has what a report needs.
#[test]
fn a_record_with_a_huge_histogram_is_refused_at_once() {
    let run_of = |histogram: &str| {
        let mut record = SampleRun::new(1, &[("web", Expect::Clean)]).trial(1, "web", |_| ()).finished();
        for entry in &mut record.entries {
            if let Entry::Pulse(pulse) = entry {
                histogram.clone_into(&mut pulse.latency_us);
            }
        }
        record.bytes()
    };
    // Five digits up to 2^62, and a payload of 4 GB: both in a few bytes.
    for (digits, highest, length) in [(5_u32, 1_u64 << 62, 0_u32), (3, 1 << 31, u32::MAX)] {
        let folder = folder(&run_of(&encoded(digits, highest, length)));
        let script = "ulimit -v 1000000; exec \"$0\" report \"$1\"";
        let mut small = Command::new("sh");
        small.args(["-c", script, env!("CARGO_BIN_EXE_rollproof")]).arg(folder.path());
        run(small.stdin(Stdio::null())).expect_code(2).says(&["reading the histogram of a pulse of trial 1"]);
    }
}

/// A compressed encoding whose header claims this.
fn encoded(digits: u32, highest: u64, length: u32) -> String {
    use base64::Engine as _;
    use std::io::Write as _;
    let header = [
        &0x1c84_9313_u32.to_be_bytes()[..],
        &length.to_be_bytes(),
        &0_u32.to_be_bytes(),
        &digits.to_be_bytes(),
        &1_u64.to_be_bytes(),
        &highest.to_be_bytes(),
        &1.0_f64.to_be_bytes(),
    ]
    .concat();
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    deflated.write_all(&header).unwrap();
    let deflated = deflated.finish().unwrap();
    let whole = [&0x1c84_9314_u32.to_be_bytes()[..], &u32::try_from(deflated.len()).unwrap().to_be_bytes(), &deflated];
    base64::engine::general_purpose::STANDARD.encode(whole.concat())
}

/// A rollout of so many pods: each is seen, ready in a slice of a hundred, reached, deleted, unready and gone, and twenty requests are
/// lost in between.
fn rollout_of(pods: usize) -> Vec<u8> {
    let run = SampleRun::one(|trial: &mut SampleTrial| {
        trial.pods = false;
        let namespace = "rollproof-web";
        let name = |pod: usize| format!("web-{pod}");
        let ms = |pod: usize| i64::try_from(pod % 5_000).unwrap();
        let seen = |trial: &SampleTrial, pod: usize, ms: i64, change| PodSeen {
            change,
            deletion_timestamp: (change != SeenChange::Seen).then(|| "2026-11-23T10:01:00Z".to_owned()),
            deletion_grace_s: (change != SeenChange::Seen).then_some(30),
            ..pod_seen(trial.at(ms), namespace, &name(pod), &format!("uid-{pod}"))
        };
        let slice = |trial: &SampleTrial, first: usize, ready: bool, ms: i64| EndpointsSeen {
            at_ns: trial.at(ms),
            change: SeenChange::Changed,
            namespace: namespace.to_owned(),
            name: format!("slice-{}", first / 100),
            service: None,
            endpoints: (first..(first + 100).min(pods))
                .map(|pod| EndpointSeen {
                    pod: Some(name(pod)),
                    address: "127.0.0.9".to_owned(),
                    node: None,
                    ready,
                    serving: ready,
                    terminating: !ready,
                })
                .collect(),
        };
        let mut more = Vec::new();
        more.extend((0..pods).map(|pod| Entry::Pod(seen(trial, pod, -2_900, SeenChange::Seen))));
        more.extend((0..pods).step_by(100).map(|pod| Entry::Endpoints(slice(trial, pod, true, -2_000))));
        for pod in (0..pods).step_by(pods.div_ceil(4_000)) {
            let connect_ns = trial.at(ms(pod) + 100);
            let pulse = pulse(1, connect_ns, Arm::New, 1, 1_000);
            more.push(Entry::Pulse(Pulse { pod: Some(name(pod)), last_connect_ns: Some(connect_ns), ..pulse }));
            trial.extra_ok += 1;
        }
        for pod in 0..pods {
            more.push(Entry::Pod(seen(trial, pod, ms(pod), SeenChange::Changed)));
            let (before_ns, after_ns) = (trial.at(ms(pod) + 200), trial.at(ms(pod) + 220));
            let (namespace, pod_name) = (namespace.to_owned(), name(pod));
            let state = ListenerState::Open;
            more.push(Entry::Listener(ListenerSeen { before_ns, after_ns, namespace, pod: pod_name, state }));
        }
        more.extend((0..pods).step_by(100).map(|pod| Entry::Endpoints(slice(trial, pod, false, ms(pod) + 300))));
        more.extend((0..pods).map(|pod| Entry::Pod(seen(trial, pod, 5_500, SeenChange::Gone))));
        trial.more = more;
        trial.lost_times(20);
    });
    run.bytes()
}

/// From the record to the page, in seconds: the least of three.
fn analysed_in_s(record: &[u8], pods: usize) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let clock = Clock::start();
        let analysis = analysis::of_record(Reader::new(record).unwrap()).unwrap();
        let page = html::render(&analysis);
        least = least.min(Duration::from_nanos(clock.now()).as_secs_f64());
        assert_eq!(analysis.timeline.trials[0].pods.len(), pods);
        assert!(page.len() < 6_000_000);
    }
    least
}

#[test]
fn four_times_the_pods_take_about_four_times_as_long() {
    let [few, many] = [3_000, 12_000].map(|pods| analysed_in_s(&rollout_of(pods), pods));
    // Sixteen times, if each entry or pod were compared with each pod.
    assert!(many < 8.0 * few, "{few:.3} s for 3,000 pods, {many:.3} s for 12,000");
}
