//! `rollproof run --from DIR`: the plan of a run, from its record.

use std::path::Path;

use http::{HeaderName, HeaderValue};

use super::ending::Failure;
use super::host::ClusterChoice;
use super::options::RunArgs;
use super::outputs::open_record;
use crate::manifest::{Disk, Files, parse};
use crate::plan::{Given, Overrides, PlanError, RunPlan, from_record};
use crate::record::header::Header;
use crate::spec::RolloutAction;
use crate::yaml::Source;

/// Chooses the cluster of the record where the user names none. Must be asked before anything is begun: where a run takes
/// place decides how the program starts.
///
/// # Errors
/// The record cannot be read, or its cluster must be named.
pub fn choose_recorded_cluster(arguments: &mut RunArgs) -> Result<(), Failure> {
    let (Some(directory), None) = (&arguments.from, &arguments.place.cluster) else { return Ok(()) };
    let Some(again) = header(directory)?.again else { return Ok(()) };
    match again.cluster.parse() {
        // Nothing is done to a cluster of the user's own that is not named on this command line.
        Ok(ClusterChoice::Context(name)) => Err(Failure::User(format!(
            "the run that {} records took place on the cluster of context {}, and a cluster that rollproof did not make is \
             touched only where it is named; add `--cluster context:{}` to use it again, or `--cluster embedded`",
            directory.display(),
            name.escape_debug(),
            name.escape_debug()
        ))),
        Ok(choice) => {
            arguments.place.cluster = Some(choice);
            Ok(())
        }
        Err(why) => Err(Failure::User(format!("reading the cluster in {}: {why}", directory.display()))),
    }
}

/// The plan of the run that the record in `directory` tells of. `manifests` are those of `-f`, for their Secrets.
pub(super) fn plan_from(
    directory: &Path,
    arguments: &RunArgs,
    manifests: &[Source],
    overrides: &Overrides,
) -> Result<RunPlan, Failure> {
    let header = header(directory)?;
    let input = |error: PlanError| Failure::Input(Box::new(error));
    let given = Given { secrets: secrets(manifests)?, headers: headers(&arguments.header)? };
    let overrides = Overrides { seed: arguments.place.seed.unwrap_or(header.seed), ..*overrides };
    let plan = from_record(&header, &arguments.variant, &given, &overrides).map_err(input)?;
    if !arguments.place.allow_host_commands {
        runs_no_command(&plan, directory)?;
    }
    Ok(plan)
}

/// A record is a file that people hand on. What rolls its workload is a program of this machine, which its reader has not seen.
fn runs_no_command(plan: &RunPlan, directory: &Path) -> Result<(), Failure> {
    for variant in &plan.variants {
        let RolloutAction::Command { run, back } = &variant.rollout.action else { continue };
        let commands: Vec<String> = std::iter::once(run).chain(back).map(|words| format!("{words:?}")).collect();
        return Err(Failure::User(format!(
            "the record in {} rolls variant {} by running {} on this machine; add --allow-host-commands if you trust it",
            directory.display(),
            variant.name,
            commands.join(" and ")
        )));
    }
    Ok(())
}

fn header(directory: &Path) -> Result<Header, Failure> {
    let place = ["host", "pod"].into_iter().find(|place| directory.as_os_str() == *place && !directory.exists());
    if let Some(place) = place {
        return Err(Failure::User(format!(
            "--from names the directory of a record, and there is none named {place}; where the load comes from is said with \
             `--load-from {place}`"
        )));
    }
    Ok(open_record(directory)?.header().clone())
}

/// The Secrets among the manifests. Everything else in them is in the record.
fn secrets(manifests: &[Source]) -> Result<Vec<serde_json::Value>, Failure> {
    let mut secrets = Vec::new();
    for source in manifests {
        let objects = parse(source).map_err(|error| Failure::Input(Box::new(error)))?;
        secrets.extend(objects.into_iter().filter(|object| object.is("Secret", "")).map(|object| object.value));
    }
    if secrets.is_empty() && !manifests.is_empty() {
        return Err(Failure::User(
            "-f beside --from gives Secrets again, and there is none in what it names; leave -f out, because the record \
             holds the other manifests whole"
                .to_owned(),
        ));
    }
    Ok(secrets)
}

/// `NAME: VALUE` each, or `@FILE` with such lines.
fn headers(given: &[String]) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let mut headers = Vec::new();
    for one in given {
        let Some(path) = one.strip_prefix('@') else {
            headers.push(field(one)?);
            continue;
        };
        let text = Disk.read(Path::new(path)).map_err(|error| Failure::User(error.to_string()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            headers.push(field(line)?);
        }
    }
    Ok(headers)
}

/// A header's name and value. Neither is shown where it is wrong: it may be a credential.
fn field(line: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let parts = line.split_once(':').and_then(|(name, value)| {
        let name = name.trim().to_ascii_lowercase().parse().ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    });
    parts.ok_or_else(|| {
        Failure::User(
            "reading --header: expected `NAME: VALUE` in visible ASCII, or `@FILE` with such lines; quote it for the shell"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_a_record_is_shown_and_not_run_unasked() {
        let sources = [Source::new("web.yaml", include_str!("../../manifests/target.yaml"))];
        let choice = crate::plan::Choice::default();
        let mut plan = crate::plan::build_for_manifests(&sources, &choice, &Overrides::default()).unwrap();
        runs_no_command(&plan, Path::new("run")).unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        plan.variants[0].rollout.action =
            RolloutAction::Command { run: words(&["sh", "-c", "a b"]), back: Some(words(&["c"])) };
        let said = runs_no_command(&plan, Path::new("run")).unwrap_err().to_string();
        assert!(said.contains(r#"["sh", "-c", "a b"] and ["c"]"#) && said.contains("--allow-host-commands"), "{said}");
    }

    #[test]
    fn headers_are_read_from_words_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, "Cookie: a=b; c=d\n\nX-Token:t\n").unwrap();
        let read = headers(&["Authorization: Bearer a:b".to_owned(), format!("@{}", file.display())]).unwrap();
        let read: Vec<(&str, &str)> =
            read.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(read, [("authorization", "Bearer a:b"), ("cookie", "a=b; c=d"), ("x-token", "t")]);
        for bad in ["hunter2", "a b: hunter2", "a: hunter2\n"] {
            let refused = headers(&[format!("{bad}\u{7f}")]).unwrap_err().to_string();
            assert!(refused.contains("NAME: VALUE") && !refused.contains("hunter2"), "{refused}");
        }
        assert!(headers(&["@/no/such/file".to_owned()]).unwrap_err().to_string().contains("/no/such/file"));
    }
}
