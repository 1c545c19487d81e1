//! Reads a record of a million failed attempts and makes its report, three times; run by `cargo bench --bench analysis`.
//!
//! Method: the record is written once into a temporary folder (ten trials of a minute, every attempt lost, a tenth of a
//! second's pulses and punctuality beside them), so that the file is in the page cache. The time is that from opening the
//! file to the rendered `report.json`. `--test` does the same with a thousandth of the attempts.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rollproof::clock::Clock;
use rollproof::record::entry::{
    Attempt, AttemptStage, ConnectionUse, EndReason, Entry, Mark, MarkName, Pulse, Punctuality, RunEnd, TrialEnd,
    TrialStart,
};
use rollproof::record::sample;
use rollproof::record::{Arm, Outcome, Sum};
use rollproof::spec::Expect;
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
    let mut header = sample::header();
    header.spec.settings.trials = TRIALS;
    header.spec.variants[0].expect = Expect::Loss;
    write(&Entry::Header(Box::new(header)))?;
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
        node_ports: None,
    }))?;
    let mark =
        |name, at_ns| Entry::Mark(Mark { trial, name, before_ns: at_ns, after_ns: at_ns, detail: String::new() });
    write(&mark(MarkName::RolloutStep, begin))?;
    let lag_us = sample::encoded(180, 3);
    let slices = TRIAL_S * 10;
    for slice in 0..slices {
        let at_ns = begin + slice * SECOND / 10;
        for pod in ["web-a", "web-b", "web-c"] {
            let pulse = sample::pulse(trial, at_ns, Arm::Reused, 3, 1_100);
            write(&Entry::Pulse(Pulse { pod: Some(pod.to_owned()), ..pulse }))?;
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
    let attempt = sample::attempt(id, Arm::New, Outcome::ResetBeforeByte, Sum::Lost, planned_ns);
    let connection = attempt.connection.clone().map(|known| ConnectionUse { id, rtt_ns: 50_000, ..known });
    Attempt {
        trial,
        connected_ns: Some(planned_ns + 91_337),
        sent_ns: Some(planned_ns + 101_337),
        bytes_out: Some(71),
        errno: Some(104),
        stage: Some(AttemptStage::Request),
        connection,
        ..attempt
    }
}
