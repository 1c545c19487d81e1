//! The conditions under which scenarios were run: whether the machine was busy, the seeds, the date, the load average. A small
//! file keeps them beside kept runs. It must not know what came of the runs.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rollproof::clock::wall_unix_ns;
use serde::{Deserialize, Serialize};

use crate::hogs::{Hogs, cores};

const FILE: &str = "conditions.json";

/// How scenarios were run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conditions {
    /// Whether a thread kept each core busy.
    pub(crate) busy: bool,
    pub(crate) seeds: Vec<u64>,
    /// The day on which they began, in UTC.
    pub(crate) date: String,
    pub(crate) cores: usize,
    /// Over 1, 5 and 15 minutes, when the last run had ended.
    pub(crate) load_average: Option<[f64; 3]>,
    /// Whether every run ended, and the cores were as busy as they should be until then.
    pub(crate) complete: bool,
}

impl Conditions {
    /// Of runs that begin now.
    pub(crate) fn now(busy: bool, seeds: Vec<u64>) -> Self {
        Self { busy, seeds, date: today(), cores: cores(), load_average: None, complete: false }
    }

    /// Of kept runs that say nothing about it: they may have been run at any time, so they are complete by the user's word.
    pub(crate) fn unrecorded(busy: bool, seeds: Vec<u64>) -> Self {
        Self { busy, seeds, date: String::new(), cores: 0, load_average: None, complete: true }
    }

    /// Starts what they ask for.
    pub(crate) fn begin(&self, longest: Duration) -> Result<Option<Hogs>, String> {
        self.busy.then(|| Hogs::start(longest)).transpose()
    }

    /// Ends it, after the last run.
    pub(crate) fn end(&mut self, hogs: Option<Hogs>) {
        self.load_average = fs::read_to_string("/proc/loadavg").ok().and_then(|text| load_average(&text));
        self.complete = hogs.is_none_or(Hogs::stop);
    }

    /// `busy` or `quiet`.
    pub(crate) const fn word(&self) -> &'static str {
        if self.busy { "busy" } else { "quiet" }
    }

    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        let mut text = if self.busy { "Busy, a thread that spins on each core" } else { "Quiet" }.to_owned();
        let seeds = if self.seeds.len() == 1 { "seed" } else { "seeds" };
        let _ = write!(text, "; {seeds} {}; ", ranges(&self.seeds));
        if self.date.is_empty() {
            return text + "the kept runs do not say when and how they were run.";
        }
        let _ = write!(text, "{}; load average ", self.date);
        match self.load_average {
            Some([one, five, fifteen]) => _ = write!(text, "{one:.1}, {five:.1}, {fifteen:.1} (1, 5, 15 minutes)"),
            None => text.push_str("not known"),
        }
        let _ = write!(text, " on {} cores.", self.cores);
        text
    }

    /// Writes them into `folder`.
    pub(crate) fn keep(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(FILE);
        let failed = |error: std::io::Error| format!("writing {}: {error}", path.display());
        fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(&path, text + "\n").map_err(failed)
    }

    /// Reads them from `folder`; `None` if its runs were kept without them.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join(FILE);
        let failed = |why: &dyn std::fmt::Display| format!("reading {}: {why}", path.display());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let known: Self = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        let _: jiff::civil::Date = known.date.parse().map_err(|error| failed(&error))?;
        Ok(Some(known))
    }

    /// Why runs under these conditions may not be scored with the limits for `busy` ones; `None` if they may.
    pub(crate) fn refuses(&self, busy: bool) -> Option<String> {
        let how = if self.busy { "give --busy too" } else { "leave --busy out" };
        (self.busy != busy).then(|| format!("the kept runs were made on a {} machine: {how}", self.word()))
    }
}

/// Whether `folder` holds kept runs and their conditions.
pub(crate) fn is_taken(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

fn today() -> String {
    let now = jiff::Timestamp::from_nanosecond(wall_unix_ns().into()).unwrap_or_default();
    now.strftime("%F").to_string()
}

/// The three averages of `/proc/loadavg`.
pub(crate) fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut averages = text.split_whitespace().map(|word| word.parse::<f64>().ok().filter(|value| value.is_finite()));
    Some([averages.next()??, averages.next()??, averages.next()??])
}

/// `1 to 5, 9, 11 to 12`.
pub(crate) fn ranges(numbers: &[u64]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown =
        |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}
