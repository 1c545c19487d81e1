//! Reads a record of a million failed attempts and makes its report, three times; run by `cargo bench --bench analysis`.
//!
//! Method: the record is written once into a temporary folder (ten trials of a minute, every attempt lost, a tenth of a
//! second's pulses and punctuality beside them), so that the file is in the page cache. The time is that from opening the
//! file to the rendered `report.json`. `--test` does the same with a thousandth of the attempts.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use http::uri::PathAndQuery;
use rollproof::clock::Clock;
use rollproof::record::entry::{
    Attempt, AttemptStage, ConnectionUse, EndReason, Entry, Mark, MarkName, Pulse, Punctuality, RunEnd, TrialEnd,
    TrialStart,
};
use rollproof::record::header::{ClusterHeader, Header, VariantPlace};
use rollproof::record::{Arm, FORMAT, Outcome, Sum};
use rollproof::spec::{DeployedTarget, Expect, LoadSpec, RequestSpec, RunSettings, RunSpec, ServiceSpec, VariantSpec};
use rollproof::{analysis, report};

const SECOND: u64 = 1_000_000_000;
const TRIALS: u32 = 10;
const TRIAL_S: u64 = 60;
/// The most that the analysis of a million failed attempts may take.
const TARGET_S: f64 = 5.0;

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|arg| arg == "--test");
    let attempts = if quick { 1_000 } else { 1_000_000 };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("record.jsonl");
    write_record(&path, attempts)?;
    let mut out = std::io::stdout();
    writeln!(out, "{attempts} failed attempts, {} MiB", std::fs::metadata(&path)?.len() >> 20)?;
    let clock = Clock::start();
    let mut slowest: f64 = 0.0;
    for round in 1..=3 {
        let begin = clock.now();
        let doc = analysis::of_file(&path)?.report;
        let json = report::to_json(&doc);
        let took_s = std::time::Duration::from_nanos(clock.now() - begin).as_secs_f64();
        slowest = slowest.max(took_s);
        let lost: u64 = doc.variants.iter().map(|variant| variant.lost).sum();
        writeln!(out, "round {round}: {took_s:.2} s, {lost} lost, {} bytes of report.json", json.len())?;
        if lost != attempts {
            return Err(format!("{lost} of {attempts} attempts were counted").into());
        }
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    writeln!(out, "{peak}; target: {TARGET_S} s, {}", if slowest <= TARGET_S { "met" } else { "missed" })?;
    Ok(())
}

fn write_record(path: &Path, attempts: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut write = |entry: &Entry| -> Result<(), Box<dyn Error>> {
        serde_json::to_writer(&mut file, entry)?;
        file.write_all(b"\n")?;
        Ok(())
    };
    write(&Entry::Header(Box::new(header())))?;
    for trial in 1..=TRIALS {
        write_trial(trial, attempts / u64::from(TRIALS), &mut write)?;
    }
    let at_ns = u64::from(TRIALS + 1) * TRIAL_S * SECOND;
    write(&Entry::RunEnd(RunEnd { at_ns, reason: EndReason::Finished, detail: String::new() }))?;
    file.flush()?;
    Ok(())
}

fn write_trial(
    trial: u32,
    attempts: u64,
    write: &mut impl FnMut(&Entry) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let begin = u64::from(trial) * TRIAL_S * SECOND;
    write(&Entry::TrialStart(TrialStart {
        at_ns: begin,
        trial,
        block: trial,
        variant: "web".to_owned(),
        namespace: "rollproof-web".to_owned(),
    }))?;
    let mark =
        |name, at_ns| Entry::Mark(Mark { trial, name, before_ns: at_ns, after_ns: at_ns, detail: String::new() });
    write(&mark(MarkName::RolloutStep, begin))?;
    let latency_us = encoded(&[900, 1_100, 2_300])?;
    let lag_us = encoded(&[40, 60, 180])?;
    let slices = TRIAL_S * 10;
    for slice in 0..slices {
        let at_ns = begin + slice * SECOND / 10;
        for pod in ["web-a", "web-b", "web-c"] {
            let (pod, latency_us) = (Some(pod.to_owned()), latency_us.clone());
            write(&Entry::Pulse(Pulse {
                trial,
                at_ns,
                arm: Arm::Reused,
                request: 0,
                pod,
                ok: 3,
                latency_us,
                last_connect_ns: None,
            }))?;
        }
        let (lag_us, lag_max_ns, gap_max_ns) = (lag_us.clone(), 180_000, 700_000);
        write(&Entry::Punctuality(Punctuality { trial, at_ns, planned: 170, lag_us, lag_max_ns, gap_max_ns }))?;
        for id in attempts * slice / slices..attempts * (slice + 1) / slices {
            write(&Entry::Attempt(attempt(trial, id, at_ns + id % 1_000 * 90_000)))?;
        }
    }
    write(&mark(MarkName::OldPodsGone, begin + (TRIAL_S - 2) * SECOND))?;
    write(&mark(MarkName::LoadStopped, begin + TRIAL_S * SECOND))?;
    let planned = [(Arm::New, attempts), (Arm::Reused, slices * 9)].into();
    let (at_ns, reason) = (begin + TRIAL_S * SECOND, String::new());
    write(&Entry::TrialEnd(TrialEnd {
        at_ns,
        trial,
        complete: true,
        reason,
        reset: false,
        trouble: String::new(),
        planned,
    }))
}

fn attempt(trial: u32, id: u64, planned_ns: u64) -> Attempt {
    Attempt {
        trial,
        id,
        arm: Arm::New,
        request: 0,
        outcome: Outcome::ResetBeforeByte,
        sum: Sum::Lost,
        planned_ns,
        started_ns: Some(planned_ns + 41_337),
        connected_ns: Some(planned_ns + 91_337),
        sent_ns: Some(planned_ns + 101_337),
        first_byte_ns: None,
        end_ns: planned_ns + 301_337,
        late_ns: 0,
        bytes_out: Some(71),
        bytes_in: Some(0),
        errno: Some(104),
        status: None,
        stage: Some(AttemptStage::Request),
        connection: Some(ConnectionUse {
            id,
            age_ns: 60_000,
            uses: 0,
            rtt_ns: 50_000,
            least_rtt_ns: 0,
            local_port: 43_210,
            ended_before_write: false,
            bytes_acked: None,
        }),
        pod: None,
        pod_from_connection: false,
        error: String::new(),
    }
}

fn encoded(values: &[u64]) -> Result<String, Box<dyn Error>> {
    let mut histogram = Histogram::<u64>::new(3)?;
    for value in values {
        histogram.record(*value)?;
    }
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).map_err(|error| format!("{error:?}"))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn header() -> Header {
    Header {
        format: FORMAT,
        rollproof: env!("CARGO_PKG_VERSION").to_owned(),
        started: "2026-11-23T10:00:00Z".to_owned(),
        started_unix_ns: 1_795_514_400 * SECOND,
        cluster: ClusterHeader {
            kind: "embedded".to_owned(),
            version: "v1.34".to_owned(),
            private_network: Some(true),
        },
        places: vec![VariantPlace { namespace: "rollproof-web".to_owned(), connections: 8 }],
        spec: RunSpec { settings: RunSettings::new("bench", 1, TRIALS), variants: vec![variant()] },
    }
}

fn variant() -> VariantSpec {
    let request = RequestSpec::get(PathAndQuery::from_static("/"), vec![(Arm::New, 0.9), (Arm::Reused, 0.1)]);
    let load = LoadSpec::new(1_700.0, Duration::from_secs(10), vec![request]);
    let target = DeployedTarget {
        manifests: Vec::new(),
        workload: "deployment/web".to_owned(),
        replicas: 2,
        surge: 1,
        service: ServiceSpec::new("web", 80, 8080),
    };
    VariantSpec::new("web", Expect::Loss, target, load)
}
