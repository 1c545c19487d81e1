//! `null`: repeats trials of shipped scenarios whose result is known: one variant always loses requests, the other never does.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rollproof::spec::Expect;

use crate::blocks;
use crate::command::say;
use crate::conditions::{self, Conditions};
use crate::execute::{Job, longest, run_all};
use crate::null_count::{NullResult, Report, Shown, Tally, TrialSeen, shown, split};

/// What is known of each variant of the shipped scenarios.
pub(crate) const KNOWN: [NullScenario; 2] = [
    NullScenario {
        name: "apache-prestop",
        variants: [("without-prestop", Expect::Loss), ("with-prestop", Expect::Clean)],
    },
    NullScenario { name: "target-exit", variants: [("exit", Expect::Loss), ("drain", Expect::Clean)] },
];

/// A scenario, and what each of its variants is known to do.
pub(crate) struct NullScenario {
    pub(crate) name: &'static str,
    pub(crate) variants: [(&'static str, Expect); 2],
}

/// Trials of each variant in one run: a run that is lost takes no more than these with it.
const TRIALS_A_RUN: u32 = 5;

/// The longest that one trial may take, and a run besides its trials, on any cluster.
const A_TRIAL: Duration = Duration::from_mins(3);
const A_RUN: Duration = Duration::from_mins(5);

/// Runs scenarios with one variant that must never lose anything and one that always must, and counts the trials one by one. Ends
/// with 1 if a counting trial is wrong, and with 3 if more than a fifth of a variant's trials are inconclusive.
#[derive(Debug, Parser)]
struct Args {
    /// Trials of each variant [default: 50, on kind 20]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    trials: Option<u32>,
    /// The seed of the first run of each scenario; the others follow
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    seed: u64,
    /// How many runs at once [default: 2, on kind 1]
    #[arg(long)]
    at_once: Option<usize>,
    /// Keep each core busy with a thread that spins
    #[arg(long)]
    busy: bool,
    /// On this kind cluster instead of the embedded one
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    kind: Option<String>,
    /// Keep the runs in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write the table into this page, between the markers for this place
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl Args {
    fn block(&self) -> &'static str {
        match (&self.kind, self.busy) {
            (None, false) => "null",
            (None, true) => "null-busy",
            (Some(_), false) => "null-kind",
            (Some(_), true) => "null-kind-busy",
        }
    }

    fn trials(&self) -> u32 {
        self.trials.unwrap_or(if self.kind.is_some() { 20 } else { 50 })
    }

    fn at_once(&self) -> usize {
        self.at_once.unwrap_or(if self.kind.is_some() { 1 } else { 2 })
    }
}

/// A name that kind gives to clusters: it stands in the page as it is.
pub(crate) fn cluster_name(text: &str) -> Result<String, String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if text.is_empty() || !text.chars().all(allowed) {
        return Err("expected letters, digits, dots, underscores and hyphens".to_owned());
    }
    Ok(text.to_owned())
}

/// A variant's row.
struct Row {
    scenario: &'static str,
    variant: &'static str,
    expect: Expect,
    tally: Tally,
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let args: Args = match crate::parsed(arguments) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match whole(&args) {
        Ok((text, result)) => {
            say(&text);
            ExitCode::from(result.code())
        }
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn whole(args: &Args) -> Result<(String, NullResult), String> {
    if let Some(page) = &args.write {
        blocks::check(page, args.block())?;
    }
    let temporary = tempfile::tempdir().map_err(|error| format!("making a folder for the runs: {error}"))?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    if conditions::is_taken(folder) {
        return Err(format!("{} holds kept runs already: keep these in another folder", folder.display()));
    }
    let runs = split(args.trials(), TRIALS_A_RUN);
    let seeds: Vec<u64> = (args.seed..).take(runs.len()).collect();
    let jobs = jobs(args, &runs, &seeds, folder);
    let mut conditions = Conditions::now(args.busy, seeds);
    conditions.keep(folder)?;
    let hogs = conditions.begin(longest(&jobs, args.at_once()))?;
    let found = run_all(&jobs, args.at_once(), |index, job, ran| {
        let scenario = index % KNOWN.len();
        let (tallies, told) = count(&KNOWN[scenario], job, ran);
        say(&format!("{} of {}: {}: {told}", index + 1, jobs.len(), job.name));
        if args.keep.is_none() {
            let _ = fs::remove_dir_all(&job.out);
        }
        (scenario, tallies)
    });
    conditions.end(hogs);
    conditions.keep(folder)?;
    let rows = rows(&found);
    let tallies: Vec<Tally> = rows.iter().map(|row| row.tally).collect();
    let result = match NullResult::of(&tallies) {
        NullResult::Passed if !conditions.complete => NullResult::Nothing,
        result => result,
    };
    let text = table(args.kind.as_deref(), &conditions, &rows, result);
    if let Some(page) = &args.write {
        blocks::write(page, args.block(), &text)?;
    }
    Ok((text, result))
}

/// One run of each scenario after the other, so that both meet the same times.
fn jobs(args: &Args, runs: &[u32], seeds: &[u64], folder: &Path) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (trials, seed) in runs.iter().zip(seeds) {
        for scenario in &KNOWN {
            let mut options = vec!["--trials".to_owned(), trials.to_string(), "--seed".to_owned(), seed.to_string()];
            if let Some(name) = &args.kind {
                options.extend(["--cluster".to_owned(), format!("kind:{name}")]);
            }
            let variants = u32::try_from(scenario.variants.len()).unwrap_or(u32::MAX);
            let name = format!("{}-{seed}", scenario.name);
            jobs.push(Job {
                file: Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{}.yaml", scenario.name)),
                out: folder.join(&name).join("run"),
                name,
                trials: *trials,
                options,
                patience: A_RUN + A_TRIAL * *trials * variants,
            });
        }
    }
    jobs
}

/// What a run showed of each variant, and the same in words. A run that failed may still have completed some trials.
fn count(scenario: &NullScenario, job: &Job, ran: Result<(), String>) -> ([Tally; 2], String) {
    let report = fs::read(job.out.join("report.json")).map_err(|error| error.to_string());
    let report = report.and_then(|text| serde_json::from_slice::<Report>(&text).map_err(|error| error.to_string()));
    let mut told = Vec::new();
    let tallies = scenario.variants.map(|(variant, expect)| {
        let trials = report.as_ref().map_or(&[][..], |report| report.trials(variant));
        let tally = Tally::of(expect, trials, job.trials);
        told.push(words(variant, expect, tally, trials));
        tally
    });
    told.extend(ran.err());
    told.extend(report.err().map(|why| format!("its report cannot be read: {why}")));
    (tallies, told.join("; "))
}

fn words(variant: &str, expect: Expect, tally: Tally, trials: &[TrialSeen]) -> String {
    let Tally { right, wrong, inconclusive } = tally;
    let mut text = format!("{variant} {right} right");
    if wrong > 0 {
        let _ = write!(text, ", {wrong} WRONG");
    }
    if inconclusive > 0 {
        let _ = write!(text, ", {inconclusive} inconclusive");
        let left_out = trials.iter().filter(|trial| shown(expect, trial) == Shown::Inconclusive);
        let reasons: Vec<&str> = left_out.map(|trial| trial.reason.as_str()).filter(|why| !why.is_empty()).collect();
        if !reasons.is_empty() {
            let _ = write!(text, " ({})", reasons.join("; "));
        }
    }
    text
}

fn rows(found: &[(usize, [Tally; 2])]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, scenario) in KNOWN.iter().enumerate() {
        for (place, (variant, expect)) in scenario.variants.into_iter().enumerate() {
            let mut tally = Tally::default();
            for (_, tallies) in found.iter().filter(|(of, _)| *of == index) {
                tally.add(tallies[place]);
            }
            rows.push(Row { scenario: scenario.name, variant, expect, tally });
        }
    }
    rows
}

fn table(kind: Option<&str>, conditions: &Conditions, rows: &[Row], result: NullResult) -> String {
    let place = kind.map_or("Embedded cluster".to_owned(), |name| format!("kind cluster `{name}`"));
    let mut text = format!("{place}. {}\n\n{}\n\n", conditions.sentence(), result.sentence());
    text.push_str("| scenario | variant | expected | trials | right | wrong | inconclusive |\n");
    text.push_str("| --- | --- | --- | ---: | ---: | ---: | ---: |\n");
    for Row { scenario, variant, expect, tally } in rows {
        let expected = match expect {
            Expect::Clean => "clean",
            Expect::Loss => "loss",
        };
        let (trials, Tally { right, wrong, inconclusive }) = (tally.trials(), tally);
        let _ =
            writeln!(text, "| {scenario} | {variant} | {expected} | {trials} | {right} | {wrong} | {inconclusive} |");
    }
    text
}
