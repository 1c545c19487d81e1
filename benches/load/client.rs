//! The clients, each run in a child process of its own.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use rollproof::clock::Clock;
use rollproof::load::{self, LoadPlan};
use rollproof::record::header::{ClusterHeader, Header};
use rollproof::record::{Arm, FORMAT, Outcome, Writer, sink};
use rollproof::spec::{LoadSpec, RequestSpec, RunSettings, RunSpec, TlsSpec};

use super::machine;
use super::server::{HOST, Server};

/// Connections of every client.
const CONNECTIONS: usize = 50;

/// One run's figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) cpu_s_per_100k: f64,
    pub(crate) cpu_percent: f64,
    pub(crate) lag_p50_us: f64,
    pub(crate) lag_p99_us: f64,
    pub(crate) lag_max_us: f64,
    pub(crate) not_ok: u64,
    /// What other processes took of the client's core.
    pub(crate) others_percent: f64,
}

/// CPU seconds of all waited children so far.
fn children_cpu_s() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::new(time.tv_sec().unsigned_abs(), 0).as_secs_f64() + micros(time.tv_usec()))
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "below a million")]
fn micros(us: i64) -> f64 {
    us as f64 / 1e6
}

/// CPU seconds during a run.
struct Cpu {
    /// The client's.
    own_s: f64,
    /// Of all other processes on its core.
    others_s: f64,
}

/// Runs a child to its end.
fn measured(command: &mut Command) -> Option<(Output, Cpu)> {
    let (own, busy) = (children_cpu_s(), machine::busy_s(machine::CLIENT_CORE));
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let own_s = children_cpu_s() - own;
    let others_s = (machine::busy_s(machine::CLIENT_CORE) - busy - own_s).max(0.0);
    Some((output, Cpu { own_s, others_s }))
}

/// The engine, in a child: `arm` at `rate` for `seconds`.
pub(crate) fn engine(server: &Server, arm: &str, rate: u32, seconds: u32) -> Figures {
    run(server, arm, rate, seconds, 2)
}

/// The engine as a closed loop: an attempt on each connection at any time.
pub(crate) fn saturated(server: &Server, arm: &str, seconds: u32) -> Figures {
    let figures = run(server, arm, 0, seconds, 2);
    // What is sent when something ends is never late.
    Figures { lag_p50_us: f64::NAN, lag_p99_us: f64::NAN, lag_max_us: f64::NAN, ..figures }
}

fn run(server: &Server, arm: &str, rate: u32, seconds: u32, timeout_s: u32) -> Figures {
    let args = [
        "drive".to_owned(),
        server.port.to_string(),
        arm.to_owned(),
        rate.to_string(),
        seconds.to_string(),
        timeout_s.to_string(),
    ];
    let args = args.into_iter().chain(server.ca().map(|ca| ca.display().to_string()));
    let (output, cpu) = measured(Command::new(std::env::current_exe().unwrap()).args(args)).unwrap();
    let Ended { ok, planned, lasted_s, lag_p50_us, lag_p99_us, lag_max_us } = ended(&output);
    let figures = figures(ok, planned - ok, lasted_s, &cpu);
    Figures { lag_p50_us, lag_p99_us, lag_max_us, ..figures }
}

/// What the engine's child prints.
struct Ended {
    ok: f64,
    planned: f64,
    /// Until the last attempt had ended.
    lasted_s: f64,
    lag_p50_us: f64,
    lag_p99_us: f64,
    lag_max_us: f64,
}

fn ended(output: &Output) -> Ended {
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [ok, planned, lasted_s, lag_p50_us, lag_p99_us, lag_max_us] = numbers[..] else {
        panic!("the engine printed {text:?}")
    };
    Ended { ok, planned, lasted_s, lag_p50_us, lag_p99_us, lag_max_us }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn figures(ok: f64, not_ok: f64, lasted_s: f64, cpu: &Cpu) -> Figures {
    Figures {
        rate: ok / lasted_s,
        cpu_s_per_100k: cpu.own_s / ok * 1e5,
        cpu_percent: cpu.own_s / lasted_s * 100.0,
        lag_p50_us: f64::NAN,
        lag_p99_us: f64::NAN,
        lag_max_us: f64::NAN,
        not_ok: not_ok as u64,
        others_percent: cpu.others_s / lasted_s * 100.0,
    }
}

fn arm_named(name: &str) -> Arm {
    Arm::ALL.into_iter().find(|arm| arm.name() == name).unwrap()
}

fn plan(rate: f64, arms: Vec<(Arm, f64)>, timeout: Duration, tls: Option<TlsSpec>) -> LoadPlan {
    let request = RequestSpec::get("/".parse().unwrap(), arms).with_header(http::header::HOST, HOST);
    LoadPlan::new(LoadSpec { tls, ..LoadSpec::new(rate, timeout, vec![request]) }, CONNECTIONS)
}

/// As oha has it with `--cacert`: certificates are verified.
fn trusting(ca: &str) -> TlsSpec {
    let ca = std::fs::read_to_string(ca).unwrap();
    TlsSpec { ca: Some(ca), server_name: Some(HOST.to_owned()), insecure: false }
}

fn seconds_since(clock: Clock, then: u64) -> f64 {
    Duration::from_nanos(clock.now() - then).as_secs_f64()
}

/// The child: drives the engine, at the limit if the rate is 0, and writes the record. Prints ok, planned, seconds
/// until all had ended, and the lag's p50, p99 and max. Arms are joined by `+`. The last argument, where there is one, is the file
/// of the CA to trust.
pub(crate) fn drive(args: &[String]) {
    let number = |i: usize| args[i].parse::<u32>().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], args[0].parse().unwrap()));
    let arms = args[1].split('+').map(|name| (arm_named(name), 1.0)).collect();
    let (rate, seconds) = (number(2), number(3));
    let folder = tempfile::tempdir().unwrap();
    let (sink, source) = sink::channel(sink::CAPACITY);
    let clock = Clock::start();
    let writer = Writer::create(&folder.path().join("record.jsonl"), header(), source, clock).unwrap();
    let timeout = Duration::from_secs(number(4).into());
    let tls = args.get(5).map(|ca| trusting(ca));
    let running = if rate == 0 {
        let plan = LoadPlan { max_in_flight: CONNECTIONS, ..plan(1.0, arms, timeout, tls) };
        load::saturate(plan, Arc::new(address), clock, sink).unwrap()
    } else {
        load::start(plan(f64::from(rate), arms, timeout, tls), Arc::new(address), clock, sink).unwrap()
    };
    let begun = clock.now();
    std::thread::sleep(Duration::from_secs(seconds.into()));
    running.stop();
    let summary = running.wait().unwrap();
    let lasted_s = seconds_since(clock, begun);
    writer.finish().unwrap();
    let planned: u64 = summary.arms.values().map(|arm| arm.planned).sum();
    let ok: u64 = summary.arms.values().filter_map(|arm| arm.outcomes.get(&Outcome::Ok)).sum();
    let lag = summary.lag_us;
    println!("{ok} {planned} {lasted_s} {} {} {}", lag.p50, lag.p99, lag.max);
}

/// The record's first line; nothing here reads it.
fn header() -> Header {
    Header {
        format: FORMAT,
        rollproof: env!("CARGO_PKG_VERSION").to_owned(),
        started: String::new(),
        started_unix_ns: 0,
        cluster: ClusterHeader { kind: "none".to_owned(), version: String::new(), private_network: None },
        places: Vec::new(),
        spec: RunSpec { settings: RunSettings::new("bench", 1, 1), variants: Vec::new() },
    }
}

/// Samples the engine's memory while it runs `new` and `reused` at 5,000 a second.
pub(crate) fn memory(server: &Server, seconds: u32) {
    let args = [
        "drive".to_owned(),
        server.port.to_string(),
        "new+reused".to_owned(),
        "5000".to_owned(),
        seconds.to_string(),
        "2".to_owned(),
    ];
    let child = Command::new(std::env::current_exe().unwrap()).args(args).stdout(Stdio::piped()).spawn().unwrap();
    let rss_kib = |pid: u32| -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
    };
    let mut samples = Vec::new();
    for _ in 1..seconds {
        std::thread::sleep(Duration::from_secs(1));
        samples.extend(rss_kib(child.id()));
    }
    let output = child.wait_with_output().unwrap();
    let Ended { ok, planned, lag_max_us, .. } = ended(&output);
    let kib = |second: usize| samples.get(second).or(samples.last()).copied().unwrap_or(0);
    let mib = |kib: u64| kib / 1024;
    let first_minute = samples.iter().take(60).max().copied().unwrap_or(0);
    let most = samples.iter().max().copied().unwrap_or(0);
    println!(
        "memory of load and record, 5,000 a second, new and reused, {seconds} s: {} MiB after 10 s, most in the first \
         minute {} MiB, most at all {} MiB ({} KiB more)",
        mib(kib(10)),
        mib(first_minute),
        mib(most),
        most - first_minute,
    );
    let minutes: Vec<_> = samples.chunks(60).map(|minute| mib(minute.iter().max().copied().unwrap_or(0))).collect();
    println!("  most in each minute, MiB: {minutes:?}; not ok {}; largest lag {lag_max_us} us", planned - ok);
}

/// The other load generators that were found.
pub(crate) struct Rivals {
    found: Vec<&'static str>,
}

impl Rivals {
    pub(crate) fn on_path() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        Self { found: ["oha", "wrk"].into_iter().filter(is_there).collect() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.found.iter().copied()
    }

    /// One run; `None` if the tool is not there or cannot do it (`wrk` has no fixed rate).
    pub(crate) fn run(
        &self,
        name: &str,
        server: &Server,
        keep_alive: bool,
        rate: Option<u32>,
        seconds: u32,
    ) -> Option<Figures> {
        self.found.iter().find(|found| **found == name)?;
        let scheme = if server.ca().is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{HOST}:{}/", server.port);
        let connections = CONNECTIONS.to_string();
        let duration = format!("{seconds}s");
        let mut command = Command::new(name);
        if name == "wrk" {
            command.args(["-t", "1", "-c", &connections, "-d", &duration]);
            if !keep_alive {
                command.args(["-H", "Connection: close"]);
            }
        } else {
            command.args(["--no-tui", "--output-format", "json", "-c", &connections, "-z", &duration]);
            if !keep_alive {
                command.arg("--disable-keepalive");
            }
            if let Some(ca) = server.ca() {
                command.arg("--cacert").arg(ca);
            }
            if let Some(rate) = rate {
                command.args(["-q", &rate.to_string(), "--latency-correction"]);
            }
        }
        let (output, cpu) = measured(command.arg(url))?;
        let text = String::from_utf8(output.stdout).ok()?;
        let lasted_s = f64::from(seconds);
        if name == "wrk" {
            return Some(figures(wrk_rate(&text)? * lasted_s, 0.0, lasted_s, &cpu));
        }
        let (ok, not_ok) = oha_counts(&text)?;
        Some(figures(ok, not_ok, lasted_s, &cpu))
    }
}

fn wrk_rate(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"))?.trim().parse().ok()
}

/// How many were answered with 200, and how many were not.
fn oha_counts(text: &str) -> Option<(f64, f64)> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let sum = |counts: &serde_json::Value, taken: fn(&str) -> bool| {
        let counts = counts.as_object()?.iter().filter(|(key, _)| taken(key));
        counts.map(|(_, count)| count.as_f64()).sum::<Option<f64>>()
    };
    let ok = sum(&value["statusCodeDistribution"], |status| status == "200")?;
    let other = sum(&value["statusCodeDistribution"], |status| status != "200")?;
    // What is in flight at the end is given up.
    let failed = sum(&value["errorDistribution"], |error| error != "aborted due to deadline")?;
    Some((ok, other + failed))
}
