//! `rollproof report DIR`: the same report again, from the record; `--against` compares it with an earlier run.

use std::fs;
use std::path::Path;

use super::ending::{Ending, Failure, Finished, Talk};
use super::options::ReportArgs;
use super::outputs;
use crate::diff;
use crate::report::build;

/// Analyses a record again and writes its reports anew.
pub fn report(arguments: &ReportArgs, colour: bool, talk: &dyn Talk) -> Result<Finished, Failure> {
    let directory = &arguments.directory;
    // Before anything is written: what cannot be compared leaves the directory as it is.
    let compared = arguments.against.as_deref().map(|old| compare(old, directory)).transpose()?;
    let analysed = outputs::analyse(directory, colour)?;
    if analysed.cut {
        talk.say("note: the record ends in the middle; it was analysed as far as it goes.");
    }
    let mut summary = analysed.terminal;
    let mut unwritten = analysed.unwritten;
    if let Some(compared) = compared {
        summary.push('\n');
        summary.push_str(&diff::to_terminal(&compared));
        let texts = [("diff.json", diff::to_json(&compared)), ("diff.md", diff::to_markdown(&compared))];
        unwritten = unwritten.or_else(|| outputs::write(directory, &texts));
    }
    let ending = match &unwritten {
        None => Ending::Judged(analysed.verdict),
        Some(reason) => {
            talk.say(&format!("error: {reason}"));
            Ending::Broken(analysed.verdict)
        }
    };
    Ok(Finished { ending, summary, directory: directory.clone() })
}

/// Compares the run in `new` with the one in `old`, which is only read.
fn compare(old: &Path, new: &Path) -> Result<diff::DiffDoc, Failure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    if real(old).is_some() && real(old) == real(new) {
        return Err(Failure::User(format!(
            "comparing {} with itself would say nothing; name the directory of an earlier run with --against",
            new.display()
        )));
    }
    let (before, after) = (outputs::timeline(old)?, outputs::timeline(new)?);
    let (of_old, of_new) = (build(&before), build(&after));
    let run = |timeline, report| diff::Analysed { timeline, report };
    diff::compare(run(&before, &of_old), run(&after, &of_new))
        .map_err(|error| Failure::User(format!("{} against {}: {error}", new.display(), old.display())))
}

/// Shows one incident of a record; `None` if the whole report was asked for.
#[must_use]
pub fn incident(arguments: &ReportArgs) -> Option<Result<String, Failure>> {
    arguments.incident.map(|id| outputs::incident(&arguments.directory, id))
}
