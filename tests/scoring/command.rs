//! `score`: the whole scoring, as a command.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::draw::draw;
use crate::execute::{Job, failed, run_all};
use crate::score::{Score, Shares, score};
use crate::{show, write};

/// Scores diagnosis against the truth over random scenarios. Ends with 1 if more than 1 % of the requests or incidents are
/// explained wrongly or more than 5 % are unknown.
#[derive(Debug, Parser)]
struct Args {
    /// How many scenarios
    #[arg(long, default_value_t = 200)]
    scenarios: u64,
    /// The seed of the first; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many run at once
    #[arg(long, default_value_t = 6)]
    at_once: usize,
    /// Keep the runs in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Run nothing: score the runs that an earlier --keep left in this folder again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keep", "seed"])]
    from: Option<PathBuf>,
    /// Put the matrix into this page
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    match whole(&args) {
        Ok(score) => {
            say(&show::whole(&score));
            let good = [&score.requests, &score.incidents].into_iter().all(|matrix| Shares::of(matrix).good());
            ExitCode::from(u8::from(!good))
        }
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn whole(args: &Args) -> Result<Score, String> {
    let scores = match &args.from {
        Some(folder) => again(folder)?,
        None => anew(args)?,
    };
    let mut all = Score::default();
    scores.into_iter().for_each(|score| all.merge(score));
    if let Some(page) = &args.write {
        show::write(page, &show::summary(&all))?;
    }
    Ok(all)
}

fn anew(args: &Args) -> Result<Vec<Score>, String> {
    let temporary = tempfile::tempdir().map_err(|error| format!("making a folder for the runs: {error}"))?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    let jobs = jobs(args.seed..args.seed + args.scenarios, folder)?;
    Ok(run_all(&jobs, args.at_once, args.keep.is_some(), |line| say(line)))
}

/// Writes the scenarios of these seeds.
pub(crate) fn jobs(seeds: impl Iterator<Item = u64>, folder: &Path) -> Result<Vec<Job>, String> {
    let job = |seed: u64| {
        let name = format!("seed-{seed}");
        let place = folder.join(&name);
        let file = write::write(&draw(seed), &place).map_err(|e| format!("writing {}: {e}", place.display()))?;
        Ok(Job { name, file, out: place.join("run") })
    };
    seeds.map(job).collect()
}

fn again(folder: &Path) -> Result<Vec<Score>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("reading {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let one = |name: &String| score(name, &folder.join(name).join("run")).unwrap_or_else(|why| failed(name, why));
    Ok(names.iter().map(one).collect())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
