//! The output directory: made before anything is begun, and filled with reports however the run ended.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ending::{CommandFailure, FinishedCommand, RunEnding, TrialsEnd, UserOutput};
use crate::analysis::{self, Analysis};
use crate::record::{Reader, WriteError};
use crate::report::TerminalStyle;
use crate::{html, report};

pub(super) const RECORD: &str = "record.jsonl";
const REPORTS: [&str; 5] = ["report.json", "report.md", "report.html", "junit.xml", "latency.hlog"];

/// A directory with one run's record and reports.
#[derive(Debug)]
pub(super) struct Outputs {
    directory: PathBuf,
}

impl Outputs {
    /// Makes the directory. It may be there already, but not hold a record.
    pub(super) fn create(chosen: Option<&Path>, scenario: &str, started: &str) -> Result<Self, CommandFailure> {
        let directory = chosen
            .map_or_else(|| Path::new("reports").join(format!("{scenario}-{}", file_time(started))), Path::to_path_buf);
        fs::create_dir_all(&directory).map_err(|error| {
            CommandFailure::User(format!(
                "making the output directory {}: {error}; name one that can be written with --out",
                directory.display()
            ))
        })?;
        is_free(&directory)?;
        Ok(Self { directory })
    }

    pub(super) fn record(&self) -> PathBuf {
        self.directory.join(RECORD)
    }

    /// The embedded cluster's own log of what it did.
    pub(super) fn truth(&self) -> PathBuf {
        self.directory.join("truth.jsonl")
    }

    /// The end of the output of rollout commands that failed. No part of the record: it may hold credentials.
    pub(super) fn command_log(&self) -> PathBuf {
        self.directory.join("rollout-command.log")
    }

    pub(super) fn cannot_write(error: &WriteError) -> CommandFailure {
        CommandFailure::User(format!("{error}; name a directory that can be written with --out"))
    }

    /// Analyses what was recorded and says how the run ended.
    pub(super) fn conclude(
        &self,
        ended: TrialsEnd,
        written: Result<u64, WriteError>,
        style: TerminalStyle,
        output: &dyn UserOutput,
    ) -> Result<FinishedCommand, CommandFailure> {
        let broken = match (&ended, written) {
            (_, Err(error)) => Some(format!("writing {}: {error}", self.record().display())),
            (TrialsEnd::Broken(reason), _) => Some(reason.clone()),
            _ => None,
        };
        if let TrialsEnd::Refused(reason) = ended {
            // Nothing was measured: the corrected command may use the same directory.
            for file in [self.record(), self.truth(), self.truth().with_file_name("truth-target.jsonl")] {
                let _ = fs::remove_file(file);
            }
            return Err(CommandFailure::User(reason));
        }
        let analysis = match analysis(&self.directory) {
            Ok(analysis) => analysis,
            // The first trouble is the one to tell of.
            Err(failure) => return Err(broken.map_or(failure, CommandFailure::Machine)),
        };
        let unwritten = write_reports(&self.directory, &analysis);
        let there = unwritten.is_some().then(|| what_is_there(&self.directory));
        let broken = broken.or(unwritten);
        if let Some(reason) = &broken {
            output.say(&format!("error: {reason}"));
        }
        if let Some(there) = there {
            output.say(&there);
        }
        let ending = match (ended, broken) {
            (TrialsEnd::Interrupted, _) => RunEnding::Interrupted,
            (_, Some(_)) => RunEnding::Broken(analysis.report.verdict),
            _ => RunEnding::Judged(analysis.report.verdict),
        };
        let summary = summary(&self.directory, &analysis, style);
        Ok(FinishedCommand { ending, summary, directory: self.directory.clone(), report: analysis.report })
    }
}

pub(super) fn is_free(directory: &Path) -> Result<(), CommandFailure> {
    let record = directory.join(RECORD);
    if record.exists() {
        return Err(CommandFailure::User(format!(
            "{} exists already, and a record is never overwritten; name another directory with --out, or read this one \
             with `rollproof report {}`",
            record.display(),
            directory.display()
        )));
    }
    Ok(())
}

/// What a run leaves in `directory` where a report could not be written: the others may be there, or the record alone.
fn what_is_there(directory: &Path) -> String {
    let shown = directory.display();
    if REPORTS.iter().any(|name| directory.join(name).is_file()) {
        format!("reports: {shown}, not all of them could be written")
    } else {
        format!("no reports; the record: {}", directory.join(RECORD).display())
    }
}

/// Writes the reports of the record in `directory` beside it; why not, if one could not be written. That takes nothing from the
/// verdict.
pub(super) fn write_reports(directory: &Path, analysis: &Analysis) -> Option<String> {
    let report = &analysis.report;
    let texts = [
        report::to_json(report),
        report::to_markdown(report),
        html::render(analysis),
        report::to_junit(report),
        report::to_hlog(analysis),
    ];
    let mut texts: Vec<(String, String)> = REPORTS.map(str::to_owned).into_iter().zip(texts).collect();
    texts.extend(report.variants.iter().filter_map(|variant| {
        let patch = serde_json::to_string_pretty(variant.advice_patch.as_ref()?).ok()?;
        Some((report::patch_file(&variant.name), patch + "\n"))
    }));
    write(directory, &texts)
}

/// The summary of the reports in `directory`, which names it only where the page is there.
pub(super) fn summary(directory: &Path, analysis: &Analysis, style: TerminalStyle) -> String {
    let written = directory.join("report.html").is_file().then_some(directory);
    report::to_terminal(&analysis.report, style, written)
}

/// Writes files into `directory`; why not, of the first that could not be written. Each is tried: an old one must not stand beside a
/// new verdict for another's sake.
pub(super) fn write(directory: &Path, texts: &[(impl AsRef<str>, String)]) -> Option<String> {
    let mut failed = texts.iter().filter_map(|(name, text)| {
        let path = directory.join(name.as_ref());
        let error = replace(&path, text).err()?;
        Some(format!(
            "writing {}: {error}; make room for it, then `rollproof report {}` writes the reports again",
            path.display(),
            directory.display()
        ))
    });
    let first = failed.next();
    failed.for_each(drop);
    first
}

pub(super) fn analysis(directory: &Path) -> Result<Analysis, CommandFailure> {
    analysis::of_record(open_record(directory)?)
        .map_err(|error| CommandFailure::User(format!("analysing {}: {error}", directory.join(RECORD).display())))
}

/// The record in `directory`, where there may be one.
fn record_in(directory: &Path) -> Result<PathBuf, CommandFailure> {
    let record = directory.join(RECORD);
    if directory.is_file() {
        return Err(CommandFailure::User(format!(
            "{} is a file; name the directory that holds the record",
            directory.display()
        )));
    }
    // Asked before opening, because opening a named pipe waits for its writer.
    if record.exists() && !record.is_file() {
        return Err(CommandFailure::User(format!("{} is not an ordinary file", record.display())));
    }
    Ok(record)
}

/// Opens the record in `directory` and reads its header.
pub(super) fn open_record(directory: &Path) -> Result<Reader<BufReader<File>>, CommandFailure> {
    let record = record_in(directory)?;
    Reader::open(&record).map_err(|error| CommandFailure::User(format!("reading {}: {error}", record.display())))
}

/// Writes beside the file and puts it in its place whole: a full disk leaves the old one, and a link is not followed, because what
/// is written has a name that nobody could have laid out before.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // As the user's mask has it: the reports are for others too.
    let mode = fs::Permissions::from_mode(0o666);
    let mut beside = tempfile::Builder::new().prefix(".report-").permissions(mode).tempfile_in(directory)?;
    beside.write_all(text.as_bytes())?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// `2026-11-23T10:00:00Z` as a part of a file name.
fn file_time(rfc3339: &str) -> String {
    rfc3339.chars().take(19).filter(char::is_ascii_alphanumeric).collect()
}

/// Nanoseconds since 1970 as RFC 3339 in whole seconds.
pub(super) fn rfc3339(unix_ns: u64) -> String {
    let seconds = i64::try_from(unix_ns / 1_000_000_000).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_laid_out_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        for name in ["report.json", "report.new"] {
            std::os::unix::fs::symlink(&victim, folder.path().join(name)).unwrap();
        }
        assert_eq!(write(folder.path(), &[("report.json", "ours".to_owned())]), None);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(fs::read_to_string(folder.path().join("report.json")).unwrap(), "ours");
        assert!(!folder.path().join("report.json").is_symlink());
    }

    #[test]
    fn what_cannot_be_written_keeps_nothing_else_from_being_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("report.json")).unwrap();
        let texts = [("report.json", "a".to_owned()), ("report.md", "b".to_owned())];
        let said = write(folder.path(), &texts).unwrap();
        assert!(said.contains("report.json") && said.contains("rollproof report"), "{said}");
        assert_eq!(fs::read_to_string(folder.path().join("report.md")).unwrap(), "b");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }

    #[test]
    fn reports_are_named_only_where_there_are_some() {
        let folder = tempfile::tempdir().unwrap();
        let there = || what_is_there(folder.path());
        assert!(there().starts_with("no reports; the record: ") && there().ends_with("record.jsonl"));
        fs::write(folder.path().join("report.md"), "").unwrap();
        assert!(there().starts_with("reports: ") && there().contains("not all"));
    }

    #[test]
    fn times_become_names_and_rfc3339() {
        assert_eq!(rfc3339(1_700_000_000_999_999_999), "2023-11-14T22:13:20Z");
        assert_eq!(file_time("2023-11-14T22:13:20Z"), "20231114T221320");
    }
}
