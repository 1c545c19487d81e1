//! `rollproof report DIR`: the same report again, from the record.

use super::ending::{Ending, Failure, Finished, Talk};
use super::options::ReportArgs;
use super::outputs;

/// Analyses a record again and writes its reports anew.
pub fn report(arguments: &ReportArgs, colour: bool, talk: &dyn Talk) -> Result<Finished, Failure> {
    let analysed = outputs::analyse(&arguments.directory, colour)?;
    if analysed.cut {
        talk.say("note: the record ends in the middle; it was analysed as far as it goes.");
    }
    let ending = match &analysed.unwritten {
        None => Ending::Judged(analysed.verdict),
        Some(reason) => {
            talk.say(&format!("error: {reason}"));
            Ending::Broken(analysed.verdict)
        }
    };
    Ok(Finished { ending, summary: analysed.terminal, directory: arguments.directory.clone() })
}

/// Shows one incident of a record; `None` if the whole report was asked for.
#[must_use]
pub fn incident(arguments: &ReportArgs) -> Option<Result<String, Failure>> {
    arguments.incident.map(|id| outputs::incident(&arguments.directory, id))
}
