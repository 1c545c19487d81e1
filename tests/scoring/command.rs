//! `score`: the whole scoring, as a command.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::draw::draw;
use crate::execute::{Job, run_all};
use crate::forced::{self, Forced, Verdict};
use crate::score::{Score, Shares, failed, score};
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
    /// Leave out the real servers
    #[arg(long)]
    no_servers: bool,
    /// Write the matrix into this page
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Everything that was scored.
struct Whole {
    random: Score,
    forced: Vec<Verdict>,
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
        Ok(whole) => {
            say(&show::whole(&whole.random, &whole.forced));
            let matrices = [&whole.random.requests, &whole.random.incidents];
            let good = matrices.into_iter().all(|matrix| Shares::of(matrix).good());
            let forced = whole.forced.iter().all(|verdict| verdict.good() || verdict.said.is_empty());
            ExitCode::from(u8::from(!(good && forced)))
        }
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn whole(args: &Args) -> Result<Whole, String> {
    let temporary = tempfile::tempdir().map_err(|error| format!("making a folder for the runs: {error}"))?;
    let folder = args.from.as_deref().or(args.keep.as_deref()).unwrap_or(temporary.path());
    let scores = if args.from.is_some() { again(folder)? } else { anew(args, folder)? };
    let mut random = Score::default();
    for score in scores {
        random.merge(score);
    }
    let forced = if args.no_servers { Vec::new() } else { servers(args, folder)? };
    if let Some(page) = &args.write {
        show::write(page, &show::summary(&random, &forced))?;
    }
    Ok(Whole { random, forced })
}

fn anew(args: &Args, folder: &Path) -> Result<Vec<Score>, String> {
    let jobs = jobs(args.seed..args.seed + args.scenarios, folder)?;
    Ok(run_all(&jobs, args.at_once, |index, job, ran| {
        let result = ran.and_then(|()| score(&job.name, &job.out));
        let told = match &result {
            Ok(score) => format!("{} lost requests", score.requests.values().sum::<u64>()),
            Err(why) => format!("nothing: {why}"),
        };
        say(&format!("{} of {}: {}, {told}", index + 1, jobs.len(), job.name));
        forget(args, job);
        result.unwrap_or_else(|why| failed(&job.name, why))
    }))
}

/// Removes a run that need not be kept: a hundred runs fill a disk.
fn forget(args: &Args, job: &Job) {
    if args.keep.is_none() {
        let _ = fs::remove_dir_all(&job.out);
    }
}

/// The scenarios on real servers.
fn servers(args: &Args, folder: &Path) -> Result<Vec<Verdict>, String> {
    let (here, missing): (Vec<Forced>, Vec<Forced>) = forced::all().into_iter().partition(Forced::is_here);
    let skipped = missing.iter().map(Forced::skipped);
    if args.from.is_some() {
        let again = here.iter().map(|forced| forced.verdict(Ok(()), &folder.join(forced.name).join("run")));
        return Ok(again.chain(skipped).collect());
    }
    let jobs: Vec<Job> = here.iter().map(|forced| forced.job(folder)).collect::<Result<_, _>>()?;
    let verdicts = run_all(&jobs, args.at_once.min(3), |index, job, ran| {
        let verdict = here[index].verdict(ran, &job.out);
        say(&format!("{}: {}", job.name, show::said(&verdict)));
        forget(args, job);
        verdict
    });
    Ok(verdicts.into_iter().chain(skipped).collect())
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
    names.retain(|name| name.starts_with("seed-"));
    names.sort();
    let one = |name: &String| score(name, &folder.join(name).join("run")).unwrap_or_else(|why| failed(name, why));
    Ok(names.iter().map(one).collect())
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
