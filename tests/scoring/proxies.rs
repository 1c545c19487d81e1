//! `proxies`: rolls Apache behind real proxies, and the proxies themselves, on a kind cluster, with an independent client beside each
//! run, and writes the tables of docs/proxies.md.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;

use crate::blocks;
use crate::command::say;
use crate::conditions::Conditions;
use crate::execute::{Job, run_all};
use crate::null::cluster_name;
use crate::proxy_client;
use crate::proxy_count::{self, VariantCount};

/// The scenarios of `scenarios/proxies`, by what is rolled, and where the client's requests go.
const SCENARIOS: [ProxyScenario; 7] = [
    ProxyScenario { name: "nginx", rolled: false, client: OWN },
    ProxyScenario { name: "haproxy", rolled: false, client: OWN },
    ProxyScenario { name: "traefik", rolled: false, client: OWN },
    ProxyScenario { name: "gateway", rolled: false, client: GATEWAY },
    ProxyScenario { name: "nginx-rolled", rolled: true, client: OWN },
    ProxyScenario { name: "haproxy-rolled", rolled: true, client: OWN },
    ProxyScenario { name: "traefik-rolled", rolled: true, client: OWN },
];

#[derive(Debug, Clone, Copy)]
struct ProxyScenario {
    name: &'static str,
    /// The proxy itself is what is replaced.
    rolled: bool,
    /// Where the other client's requests go, and as which host where that is not the URL's.
    client: (&'static str, Option<&'static str>),
}

const OWN: (&str, Option<&str>) = ("http://proxy.$(ROLLPROOF_NAMESPACE).svc.cluster.local/slow?ms=20", None);
const GATEWAY: (&str, Option<&str>) =
    ("http://traefik.traefik.svc.cluster.local/slow?ms=20", Some("$(ROLLPROOF_NAMESPACE).example"));

const A_TRIAL: Duration = Duration::from_mins(3);
const A_RUN: Duration = Duration::from_mins(5);

/// Rolls the scenarios of scenarios/proxies on a kind cluster and writes what each proxy lost, hid and added. It needs kubectl, go and
/// the images and resources that the scenarios name. Ends with 3 if a run showed nothing.
#[derive(Debug, Parser)]
struct Args {
    /// The kind cluster
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    kind: String,
    /// Trials of each variant
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    trials: u32,
    /// Only these scenarios
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// The seed of each run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    seed: u64,
    /// Keep the runs in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write the tables into this page
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// A variant with what the client beside it lost, or why that is not known.
struct Row {
    scenario: ProxyScenario,
    count: VariantCount,
    client: Result<(u64, u64), String>,
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let args: Args = match crate::parsed(arguments) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match whole(&args) {
        Ok((text, complete)) => {
            say(&text);
            ExitCode::from(if complete { 0 } else { 3 })
        }
        Err(why) => {
            say(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn whole(args: &Args) -> Result<(String, bool), String> {
    if let Some(page) = &args.write {
        blocks::check(page, "proxies")?;
    }
    if let Some(unknown) = args.only.iter().find(|name| SCENARIOS.iter().all(|known| known.name != *name)) {
        let known: Vec<&str> = SCENARIOS.iter().map(|known| known.name).collect();
        return Err(format!("there is no scenario {unknown}, expected one of {}", known.join(", ")));
    }
    let temporary = tempfile::tempdir().map_err(|error| format!("making a folder for the runs: {error}"))?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    let mut conditions = Conditions::now(false, vec![args.seed]);
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    for scenario in SCENARIOS.into_iter().filter(|one| args.only.is_empty() || args.only.iter().any(|n| n == one.name))
    {
        match run(args, scenario, folder) {
            Ok(found) => rows.extend(found),
            Err(why) => {
                say(&format!("{}: {why}", scenario.name));
                missing.push(scenario.name);
            }
        }
    }
    conditions.end(None);
    let text = page(args, &conditions, &rows, &missing);
    if let Some(page) = &args.write {
        blocks::write(page, "proxies", &text)?;
    }
    Ok((text, missing.is_empty() && rows.iter().all(|row| row.count.rollouts > 0)))
}

fn run(args: &Args, scenario: ProxyScenario, folder: &Path) -> Result<Vec<Row>, String> {
    let folder = folder.join(scenario.name);
    fs::create_dir_all(&folder).map_err(|error| format!("making {}: {error}", folder.display()))?;
    let (trials, seed, cluster) = (args.trials.to_string(), args.seed.to_string(), format!("kind:{}", args.kind));
    let (url, host) = scenario.client;
    let options = ["--trials", &trials, "--seed", &seed, "--cluster", &cluster, "--keep"].map(str::to_owned).to_vec();
    let job = Job {
        name: scenario.name.to_owned(),
        file: proxy_client::beside(&format!("proxies/{}.yaml", scenario.name), &folder, url, host)?,
        out: folder.join("run"),
        trials: args.trials,
        options,
        patience: A_RUN + A_TRIAL * args.trials * 4,
    };
    let ran = run_all(std::slice::from_ref(&job), 1, |_, _, ran| ran).remove(0);
    let context = format!("kind-{}", args.kind);
    // A loss that was not expected ends with a code of its own; the report says all of it.
    let counts =
        proxy_count::read(&job.out).map_err(|why| ran.err().map_or(why.clone(), |ran| format!("{ran}; {why}")))?;
    let rows: Vec<Row> = counts.into_iter().map(|count| row(scenario, count, &context)).collect();
    clean(&context, rows.first().map_or("", |row| &row.count.namespace));
    for Row { count, client, .. } in &rows {
        say(&format!("{} {}: {} rollouts, client {client:?}", scenario.name, count.name, count.rollouts));
    }
    Ok(rows)
}

fn row(scenario: ProxyScenario, count: VariantCount, context: &str) -> Row {
    let client = proxy_client::end(context, &count.namespace).and_then(|client| {
        let counts = count.windows.iter().map(|(from_ns, to_ns)| client.lost_in(*from_ns, *to_ns));
        let counts = counts.collect::<Result<Vec<(u64, u64)>, String>>()?;
        Ok(counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
    });
    Row { scenario, count, client }
}

/// Removes what the run was told to keep.
fn clean(context: &str, namespace: &str) {
    let run = namespace.rsplit('-').next().unwrap_or_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollproof"));
    let _ = command.args(["cluster", "clean", run, "--context", context]).stdout(Stdio::null()).status();
}

fn page(args: &Args, conditions: &Conditions, rows: &[Row], missing: &[&str]) -> String {
    let mut text =
        format!("kind cluster `{}`, {} trials of each variant. {}\n", args.kind, args.trials, conditions.sentence());
    for (rolled, title) in
        [(false, "Apache is replaced behind the proxy"), (true, "The proxy is replaced in front of Apache")]
    {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.scenario.rolled == rolled).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n### {title}\n\n{}\n", if rolled { ROLLED_HEAD } else { BEHIND_HEAD });
        for row in rows {
            text.push_str(&if rolled { of_the_proxy(row) } else { behind(row) });
        }
    }
    for name in missing {
        let _ = writeln!(text, "\nNot run: {name}.");
    }
    text
}

const BEHIND_HEAD: &str = "| scenario | variant | rollouts | lost at the Service | lost through the proxy | of these GET, POST | 502, 503 or 504 | hidden by a retry | another client through the proxy |\n\
                           | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
const ROLLED_HEAD: &str =
    "| scenario | variant | rollouts | lost | causes | another client |\n| --- | --- | ---: | ---: | --- | ---: |";

fn behind(row: &Row) -> String {
    let VariantCount { name, rollouts, doors, methods, errors, hidden, .. } = &row.count;
    let door = |name: &str| doors.get(name).map_or("-".to_owned(), |(lost, sent)| format!("{lost} of {sent}"));
    let method = |name: &str| methods.get(name).copied().unwrap_or_default();
    // Only nginx is told to say how often it asked.
    let hidden = if row.scenario.name == "nginx" { hidden.to_string() } else { "-".to_owned() };
    format!(
        "| {} | {name} | {rollouts} | {} | {} | {}, {} | {errors} | {hidden} | {} |\n",
        row.scenario.name,
        door("service"),
        door("url"),
        method("GET"),
        method("POST"),
        client(row)
    )
}

fn of_the_proxy(row: &Row) -> String {
    let VariantCount { name, rollouts, doors, causes, .. } = &row.count;
    let (lost, sent) = doors.get("service").copied().unwrap_or_default();
    let causes: Vec<String> =
        causes.iter().filter(|(_, lost)| **lost > 0).map(|(cause, lost)| format!("{cause} {lost}")).collect();
    format!(
        "| {} | {name} | {rollouts} | {lost} of {sent} | {} | {} |\n",
        row.scenario.name,
        causes.join(", "),
        client(row)
    )
}

/// What the other client lost. Why that is not known may name files of this machine.
fn client(row: &Row) -> String {
    row.client.as_ref().map_or("not known".to_owned(), |(lost, sent)| format!("{lost} of {sent}"))
}
