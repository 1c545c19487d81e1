//! What is right after a misfortune: no false pass, nothing left, a record that reads. The server's own log tells what was lost.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use rollproof::clock::{Clock, saturating_ns};
use serde_json::Value;

use crate::draw::{Blow, Misfortune};
use crate::strike::Struck;

/// Processes may take so long to go.
const GOING: Duration = Duration::from_secs(15);
/// What the kubelet asks, and no client.
const PROBED: &str = "/ready";

/// How a run fared that did nothing wrong.
pub(crate) enum Fared {
    /// It passed, and the server's log shows nothing lost.
    Passed,
    /// It has a verdict that is no pass.
    Judged(i32),
    /// It ended without a verdict: an error, or the signal.
    Ended(Option<i32>),
}

impl Fared {
    /// Its column in the table.
    pub(crate) const fn column(&self) -> usize {
        match self {
            Self::Passed => 0,
            Self::Judged(_) => 1,
            Self::Ended(_) => 2,
        }
    }
}

impl fmt::Display for Fared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed, and nothing was lost"),
            Self::Judged(code) => write!(f, "exit code {code}"),
            Self::Ended(Some(code)) => write!(f, "ended with {code}"),
            Self::Ended(None) => f.write_str("ended by the signal"),
        }
    }
}

pub(crate) fn judge(misfortune: &Misfortune, struck: &Struck) -> Result<Fared, String> {
    if struck.code == Some(99) {
        return Err("the small disk could not be mounted".to_owned());
    }
    nothing_left(misfortune, struck)?;
    let out = folder(misfortune, struck);
    reads(&out, struck)?;
    match struck.code {
        Some(0) => {
            may_pass(misfortune, struck, &out)?;
            Ok(Fared::Passed)
        }
        Some(code @ (4 | 5)) => Ok(Fared::Judged(code)),
        Some(101) => Err(format!("it panicked: {}", struck.output)),
        code => Ok(Fared::Ended(code)),
    }
}

/// Where the run's files are to be read.
fn folder(misfortune: &Misfortune, struck: &Struck) -> PathBuf {
    let out = struck.out();
    if !matches!(misfortune.blow, Blow::FullDisk(_)) {
        return out;
    }
    let disk = out.parent().unwrap();
    disk.with_file_name("disk-kept").join("run")
}

fn nothing_left(misfortune: &Misfortune, struck: &Struck) -> Result<(), String> {
    let clock = Clock::start();
    loop {
        let left = (struck.processes(), struck.containers());
        if left.0.is_empty() && left.1.is_empty() {
            break;
        }
        if clock.now() > saturating_ns(GOING) {
            return Err(format!("processes are left: {left:?}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // Nobody can remove a file after SIGKILL.
    if misfortune.blow == Blow::Signal(Signal::SIGKILL) {
        return Ok(());
    }
    let left: Vec<_> =
        fs::read_dir(struck.temporary()).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("temporary files are left: {left:?}")) }
}

/// A record with a header gives a report, and no other verdict than the run's.
fn reads(out: &Path, struck: &Struck) -> Result<(), String> {
    let record = fs::read_to_string(out.join("record.jsonl")).unwrap_or_default();
    let has_header = record.split_once('\n').is_some_and(|(first, _)| first.contains("\"t\":\"header\""));
    if !has_header {
        return Ok(());
    }
    let ran = Command::new(env!("CARGO_BIN_EXE_rollproof"))
        .arg("report")
        .arg(out)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let ended = record.contains("\"t\":\"run-end\"");
    match ran.status.code() {
        Some(0) if struck.code != Some(0) && !ended => Err("its record, which is cut, passes".to_owned()),
        Some(0 | 4 | 5) => Ok(()),
        code => Err(format!("its record does not read: {code:?}: {}", String::from_utf8_lossy(&ran.stderr))),
    }
}

/// A run that passes has lost nothing, as the server tells, and was not hit by what should have ended it.
fn may_pass(misfortune: &Misfortune, struck: &Struck, out: &Path) -> Result<(), String> {
    if struck.hit && matches!(misfortune.blow, Blow::Signal(_) | Blow::FolderGone) {
        return Err(format!("it passed: {}", struck.output));
    }
    if !out.join("report.json").is_file() {
        return Err("it passed without a report".to_owned());
    }
    // A limit cuts the server's log too.
    let cut = matches!(misfortune.blow, Blow::FullDisk(_) | Blow::FileLimit(_));
    let unanswered = unanswered(&out.join("truth-target.jsonl"));
    if !cut && unanswered > 0 && counts(out) {
        return Err(format!("it passed, and the server left {unanswered} requests unanswered"));
    }
    Ok(())
}

/// Whether the first trial counts: requests of one that does not are nobody's loss.
fn counts(out: &Path) -> bool {
    let text = fs::read_to_string(out.join("report.json")).unwrap_or_default();
    let report: Value = serde_json::from_str(&text).unwrap_or_default();
    let trials = report["variants"][0]["trials_list"].as_array().cloned().unwrap_or_default();
    trials.iter().all(|trial| trial["state"] == "counts")
}

/// Requests that the server read and neither answered nor saw the client leave.
fn unanswered(truth: &Path) -> usize {
    let mut open: BTreeMap<(u64, u64), bool> = BTreeMap::new();
    for line in fs::read_to_string(truth).unwrap_or_default().lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(pid), Some(connection)) = (line["pid"].as_u64(), line["connection"].as_u64()) else { continue };
        match line["t"].as_str() {
            Some("read") if line["path"] != PROBED => _ = open.insert((pid, connection), true),
            Some("answered" | "closed") => _ = open.insert((pid, connection), false),
            _ => {}
        }
    }
    open.values().filter(|open| **open).count()
}
