//! `score`: the whole scoring, as a command.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::conditions::{self, Conditions};
use crate::draw::draw;
use crate::execute::{Job, longest, run_all};
use crate::forced::{self, Forced, Verdict};
use crate::limits::{Decision, decide};
use crate::score::{Score, failed, score};
use crate::{blocks, show, write};

/// Scores diagnosis against the truth over random scenarios. Ends with 1 if more than 1 % of the requests or incidents are
/// explained wrongly or more than 5 % are unknown (15 % with --busy), and with 3 if too little was valid to decide.
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
    /// Keep each core busy with a thread that spins; with --from: the kept runs were made so
    #[arg(long)]
    busy: bool,
    /// Keep the runs in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Run nothing: score the runs that an earlier --keep left in this folder again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keep", "seed", "scenarios"])]
    from: Option<PathBuf>,
    /// Leave out the real servers
    #[arg(long)]
    no_servers: bool,
    /// Write the matrix into this page, between the markers for quiet or busy runs
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// How the folder of a run begins; its seed follows.
const PREFIX: &str = "seed-";

/// Everything that was scored.
struct Whole {
    conditions: Conditions,
    random: Score,
    forced: Vec<Verdict>,
    decision: Decision,
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let args: Args = match crate::parsed(arguments) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match whole(&args) {
        Ok(Whole { conditions, random, forced, decision }) => {
            say(&(show::heading(&conditions, &decision) + &show::whole(&random, &forced)));
            say(&decision.sentence());
            ExitCode::from(decision.code())
        }
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn whole(args: &Args) -> Result<Whole, String> {
    let block = if args.busy { "score-busy" } else { "score" };
    if let Some(page) = &args.write {
        blocks::check(page, block)?;
    }
    let temporary = tempfile::tempdir().map_err(|error| format!("making a folder for the runs: {error}"))?;
    let (conditions, scores, forced) = match &args.from {
        Some(folder) => again(args, folder)?,
        None => anew(args, args.keep.as_deref().unwrap_or(temporary.path()))?,
    };
    let mut random = Score::default();
    for score in scores {
        random.merge(score);
    }
    let decision = decide(&random, &forced, &conditions);
    if let Some(page) = &args.write {
        blocks::write(page, block, &(show::heading(&conditions, &decision) + &show::summary(&random, &forced)))?;
    }
    Ok(Whole { conditions, random, forced, decision })
}

type Found = (Conditions, Vec<Score>, Vec<Verdict>);

fn anew(args: &Args, folder: &Path) -> Result<Found, String> {
    if conditions::is_taken(folder) {
        return Err(format!("{} holds kept runs already: keep these in another folder", folder.display()));
    }
    let end =
        args.seed.checked_add(args.scenarios).ok_or("the seeds exceed the largest number: choose a smaller --seed")?;
    let seeds: Vec<u64> = (args.seed..end).collect();
    let jobs = jobs(seeds.iter().copied(), folder)?;
    let (here, skipped) = servers(args);
    let servers: Vec<Job> = here.iter().map(|forced| forced.job(folder)).collect::<Result<_, _>>()?;
    let servers_at_once = args.at_once.min(3);
    let mut conditions = Conditions::now(args.busy, seeds);
    conditions.keep(folder)?;
    let hogs = conditions.begin(longest(&jobs, args.at_once) + longest(&servers, servers_at_once))?;
    let scores = run_all(&jobs, args.at_once, |index, job, ran| {
        let result = ran.and_then(|()| score(&job.name, &job.out));
        let told = match &result {
            Ok(score) => format!("{} lost requests", score.requests.values().sum::<u64>()),
            Err(why) => format!("nothing: {why}"),
        };
        say(&format!("{} of {}: {}, {told}", index + 1, jobs.len(), job.name));
        forget(args, job);
        result.unwrap_or_else(|why| failed(&job.name, job.trials, why))
    });
    let verdicts = run_all(&servers, servers_at_once, |index, job, ran| {
        let verdict = here[index].verdict(ran, &job.out);
        say(&format!("{}: {}", job.name, show::said(&verdict)));
        forget(args, job);
        verdict
    });
    conditions.end(hogs);
    conditions.keep(folder)?;
    Ok((conditions, scores, verdicts.into_iter().chain(skipped).collect()))
}

/// Removes a run that need not be kept: a hundred runs fill a disk.
fn forget(args: &Args, job: &Job) {
    if args.keep.is_none() {
        let _ = fs::remove_dir_all(&job.out);
    }
}

/// The scenarios on real servers that are to be run, and the verdicts of those whose server is not installed.
fn servers(args: &Args) -> (Vec<Forced>, Vec<Verdict>) {
    if args.no_servers {
        return (Vec::new(), Vec::new());
    }
    let (here, missing): (Vec<Forced>, Vec<Forced>) = forced::all().into_iter().partition(Forced::is_here);
    (here, missing.iter().map(Forced::skipped).collect())
}

/// Writes the scenarios of these seeds.
pub(crate) fn jobs(seeds: impl Iterator<Item = u64>, folder: &Path) -> Result<Vec<Job>, String> {
    let job = |seed: u64| {
        let name = format!("{PREFIX}{seed}");
        let place = folder.join(&name);
        let drawn = draw(seed);
        let file = write::write(&drawn, &place).map_err(|e| format!("writing {}: {e}", place.display()))?;
        Ok(Job::scored(name, file, place.join("run"), drawn.trials))
    };
    seeds.map(job).collect()
}

/// Scores kept runs. A run of its seeds that is no longer there has failed.
fn again(args: &Args, folder: &Path) -> Result<Found, String> {
    let conditions = match Conditions::read(folder)? {
        Some(known) => known,
        None => Conditions::unrecorded(args.busy, kept_seeds(folder)?),
    };
    if let Some(why) = conditions.refuses(args.busy) {
        return Err(why);
    }
    let one = |seed: &u64| {
        let name = format!("{PREFIX}{seed}");
        score(&name, &folder.join(&name).join("run")).unwrap_or_else(|why| failed(&name, draw(*seed).trials, why))
    };
    let scores = conditions.seeds.iter().map(one).collect();
    let (here, skipped) = servers(args);
    let verdicts = here.iter().map(|forced| forced.verdict(Ok(()), &folder.join(forced.name).join("run")));
    let verdicts = verdicts.chain(skipped).collect();
    Ok((conditions, scores, verdicts))
}

/// The seeds of the runs in `folder`, by the names of their folders.
fn kept_seeds(folder: &Path) -> Result<Vec<u64>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("reading {}: {error}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut seeds: Vec<u64> = names.filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
    seeds.sort_unstable();
    Ok(seeds)
}

pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
