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
    Ok(Finished { ending: Ending::Judged(analysed.verdict), summary: analysed.terminal })
}
