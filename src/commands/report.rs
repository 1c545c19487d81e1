//! `rollproof report DIR`: the same report again, from the record; `--against` compares it with an earlier run.

use std::fs;
use std::path::Path;

use super::ending::{CommandFailure, FinishedCommand, RunEnding, UserOutput};
use super::options::ReportArgs;
use super::{outputs, try_advice};
use crate::analysis::Analysis;
use crate::diff;
use crate::report::{TerminalStyle, incident_page};
use crate::verdict::Ending;

/// Analyses a record again and writes its reports anew.
pub(crate) fn report(
    arguments: &ReportArgs,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    let directory = &arguments.directory;
    let before = arguments.against.as_deref().map(|old| earlier(old, directory)).transpose()?;
    let analysis = outputs::analysis(directory)?;
    // Before anything is written: what cannot be compared leaves the directory as it is.
    let compared = before.map(|(old, before)| compare(old, &before, directory, &analysis)).transpose()?;
    let mut unwritten = outputs::write_reports(directory, &analysis);
    let mut summary = outputs::summary(directory, &analysis, style);
    let report = analysis.report;
    if report.ending == Ending::Cut {
        output.say("note: the record ends in the middle; it was analysed as far as it goes.");
    }
    let tried = try_advice::earlier(directory);
    if !tried.is_empty() {
        summary = format!("{summary}\n{}", style.wrapped(&tried));
    }
    if let Some(compared) = compared {
        summary.push('\n');
        summary.push_str(&style.wrapped(&diff::to_terminal(&compared)));
        let texts = [("diff.json", diff::to_json(&compared)), ("diff.md", diff::to_markdown(&compared))];
        unwritten = unwritten.or_else(|| outputs::write(directory, &texts));
    }
    let ending = match &unwritten {
        None => RunEnding::Judged(report.verdict),
        Some(reason) => {
            output.say(&format!("error: {reason}"));
            RunEnding::Broken(report.verdict)
        }
    };
    Ok(FinishedCommand { ending, summary, directory: directory.clone(), report })
}

/// The analysis of the run in `old`, which is only read, to compare the one in `new` with.
fn earlier<'a>(old: &'a Path, new: &Path) -> Result<(&'a Path, Analysis), CommandFailure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    if real(old).is_some() && real(old) == real(new) {
        return Err(CommandFailure::User(format!(
            "comparing {} with itself would say nothing; name the directory of an earlier run with --against",
            new.display()
        )));
    }
    Ok((old, outputs::analysis(old)?))
}

fn compare(old: &Path, before: &Analysis, new: &Path, after: &Analysis) -> Result<diff::DiffDoc, CommandFailure> {
    diff::compare(before, after)
        .map_err(|error| CommandFailure::User(format!("{} against {}: {error}", new.display(), old.display())))
}

/// Shows one incident of a record; `None` if the whole report was asked for.
pub(crate) fn incident(arguments: &ReportArgs) -> Option<Result<String, CommandFailure>> {
    let (directory, id) = (arguments.directory.display().to_string(), arguments.incident?);
    let page = |analysis: Analysis| {
        incident_page(&analysis, id, &directory)
            .map_err(|none| CommandFailure::User(format!("showing an incident of {directory}: {none}")))
    };
    Some(outputs::analysis(&arguments.directory).and_then(page))
}
