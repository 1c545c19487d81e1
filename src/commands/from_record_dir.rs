//! `rollproof run --from DIR`: the plan of a run, from its record.

use std::path::Path;

use http::{HeaderName, HeaderValue};

use super::ending::CommandFailure;
use super::host::{ClusterChoice, live_target};
use super::options::RunArgs;
use super::outputs::open_record;
use super::recipes;
use crate::manifest::{DiskFiles, FileSource, parse};
use crate::plan::{GivenValues, PlanOverrides, RunPlan, from_record};
use crate::record::header::Header;
use crate::redact::{hide_in, hide_in_words, short_hash};
use crate::spec::{RolloutAction, ServiceSpec, VariantSpec};
use crate::yaml::YamlSource;

/// Refuses the record of a run on a real cluster where the user names none: nothing is asked of, made on or done to a cluster
/// because a record says so. Must be asked before anything is begun.
pub(crate) fn check_recorded_cluster(arguments: &RunArgs) -> Result<(), CommandFailure> {
    let (Some(directory), None) = (&arguments.from, &arguments.place.cluster) else { return Ok(()) };
    match header(directory)?.spec.settings.cluster.choice.parse() {
        Ok(ClusterChoice::Embedded) => Ok(()),
        Ok(choice @ (ClusterChoice::Kind(_) | ClusterChoice::Context(_))) => {
            let choice = choice.to_string().escape_debug().to_string();
            Err(CommandFailure::User(format!(
                "the run that {} records took place on cluster {choice}, and a record does not choose a real cluster; add \
                 `--cluster {choice}` to use it again, or `--cluster embedded`",
                directory.display(),
            )))
        }
        Err(why) => Err(CommandFailure::User(format!("reading the cluster in {}: {why}", directory.display()))),
    }
}

/// The plan of the run that the record in `directory` tells of. `manifests` are those of `-f`, for their Secrets.
pub(super) fn plan_from(
    directory: &Path,
    arguments: &RunArgs,
    manifests: &[YamlSource],
    overrides: &PlanOverrides,
) -> Result<RunPlan, CommandFailure> {
    let header = header(directory)?;
    let given = given(arguments, manifests)?;
    let overrides = PlanOverrides { seed: arguments.place.seed.unwrap_or(header.spec.settings.seed), ..*overrides };
    let live = match header.spec.variants.iter().find_map(VariantSpec::existing) {
        Some(recorded) => {
            let ServiceSpec { name, .. } = &recorded.objects.service;
            let cluster = arguments.place.cluster();
            Some(live_target(cluster, &recorded.namespace, &recorded.objects.workload, Some(name))?)
        }
        None => None,
    };
    let mut plan = from_record(&header, &arguments.variant, &given, live.as_ref(), &overrides)?;
    if !arguments.place.allow_host_commands {
        runs_no_command(&plan, directory)?;
        runs_no_recipe(&plan, arguments.place.cluster(), directory)?;
        // There is none in them, and none is to come.
        plan.settings.folders.clear();
    }
    Ok(plan)
}

/// A record is a file that people hand on. What rolls its workload is a program of this machine, which its reader has not seen.
fn runs_no_command(plan: &RunPlan, directory: &Path) -> Result<(), CommandFailure> {
    for variant in &plan.variants {
        let rolled = match &variant.spec.rollout.action {
            RolloutAction::Command { run, back } => Some((run, back.as_ref())),
            _ => None,
        };
        let set = variant.spec.existing().and_then(|existing| existing.set.as_ref());
        let set = set.map(|set| (&set.run, Some(&set.back)));
        // Without the credentials that the user has just given again.
        let shown = |words: &Vec<String>| format!("{:?}", hide_in_words(words, &mut short_hash));
        let words = rolled.into_iter().chain(set).flat_map(|(run, back)| std::iter::once(run).chain(back));
        let commands: Vec<String> = words.map(shown).collect();
        if commands.is_empty() {
            continue;
        }
        return Err(CommandFailure::User(format!(
            "the record in {} rolls variant {} by running {} on this machine; add --allow-host-commands if you trust it",
            directory.display(),
            variant.spec.name,
            commands.join(" and ")
        )));
    }
    Ok(())
}

/// The folders that a record names may have been handed on with it, as may the programs in them.
fn runs_no_recipe(plan: &RunPlan, cluster: &ClusterChoice, directory: &Path) -> Result<(), CommandFailure> {
    let doing = match cluster {
        ClusterChoice::Embedded => "runs",
        ClusterChoice::Kind(_) => "builds",
        // Its nodes pull their images.
        ClusterChoice::Context(_) => return Ok(()),
    };
    let Some(recipe) = recipes::in_folders(plan, cluster).into_iter().next() else { return Ok(()) };
    Err(CommandFailure::User(format!(
        "the record in {} {doing} {recipe}, which is not rollproof's own; read it, and add --allow-host-commands if you trust \
         that folder",
        directory.display()
    )))
}

fn header(directory: &Path) -> Result<Header, CommandFailure> {
    let place = ["host", "pod"].into_iter().find(|place| directory.as_os_str() == *place && !directory.exists());
    if let Some(place) = place {
        return Err(CommandFailure::User(format!(
            "--from expects the directory of a record, and there is no directory {place}; to choose where the load comes from, use \
             `--load-from {place}`"
        )));
    }
    Ok(open_record(directory)?.header().clone())
}

/// What the command line gives again.
fn given(arguments: &RunArgs, manifests: &[YamlSource]) -> Result<GivenValues, CommandFailure> {
    let mut given = GivenValues { headers: headers(&arguments.header)?, ..GivenValues::default() };
    for source in manifests {
        for object in parse(source)? {
            if object.is("Secret", "") {
                given.secrets.push(object.value);
            } else {
                let mut value = object.value;
                hide_in(&mut value, &mut |credential| {
                    given.others.add(credential);
                    String::new()
                });
            }
        }
    }
    if given.secrets.is_empty() && given.others.is_empty() && !manifests.is_empty() {
        return Err(CommandFailure::User(
            "-f beside --from gives Secrets and other credentials again, and there is none in what it names; leave -f out, \
             because the record holds the other manifests whole"
                .to_owned(),
        ));
    }
    for line in lines(&arguments.credential)? {
        let (_, value) = line.split_once('=').ok_or_else(|| {
            CommandFailure::User(
                "reading --credential: expected `NAME=VALUE`, or `@FILE` with such lines; quote it for the shell"
                    .to_owned(),
            )
        })?;
        given.others.add(value);
    }
    Ok(given)
}

/// What is given word by word, or as `@FILE` with a line for each.
fn lines(given: &[String]) -> Result<Vec<String>, CommandFailure> {
    let mut lines = Vec::new();
    for one in given {
        let Some(path) = one.strip_prefix('@') else {
            lines.push(one.clone());
            continue;
        };
        let text = DiskFiles.read(Path::new(path)).map_err(|error| CommandFailure::User(error.to_string()))?;
        lines.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    Ok(lines)
}

/// `NAME: VALUE` each, or `@FILE` with such lines.
fn headers(given: &[String]) -> Result<Vec<(HeaderName, HeaderValue)>, CommandFailure> {
    lines(given)?.iter().map(|line| field(line)).collect()
}

/// A header's name and value. Neither is shown where it is wrong: it may be a credential.
fn field(line: &str) -> Result<(HeaderName, HeaderValue), CommandFailure> {
    let parts = line.split_once(':').and_then(|(name, value)| {
        let name = name.trim().to_ascii_lowercase().parse().ok()?;
        // Bytes beyond ASCII would be taken too.
        Some((name, HeaderValue::from_str(value.trim()).ok().filter(|value| value.to_str().is_ok())?))
    });
    parts.ok_or_else(|| {
        CommandFailure::User(
            "reading --header: expected `NAME: VALUE` in visible ASCII, or `@FILE` with such lines; quote it for the shell"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::manifest_plan;

    #[test]
    fn a_command_of_a_record_is_shown_and_not_run_unasked() {
        let mut plan = manifest_plan("web.yaml", include_str!("../../manifests/target.yaml"));
        runs_no_command(&plan, Path::new("run")).unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        plan.variants[0].spec.rollout.action =
            RolloutAction::Command { run: words(&["sh", "-c", "a b"]), back: Some(words(&["c"])) };
        let said = runs_no_command(&plan, Path::new("run")).unwrap_err().to_string();
        assert!(said.contains(r#"["sh", "-c", "a b"] and ["c"]"#) && said.contains("--allow-host-commands"), "{said}");
    }

    #[test]
    fn a_recipe_in_a_folder_of_a_record_is_named_and_not_run_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("images/apache");
        std::fs::create_dir_all(&own).unwrap();
        let mut plan = manifest_plan("apache.yaml", include_str!("../../manifests/apache.yaml"));
        plan.settings.folders = vec![folder.path().to_owned()];
        let said = |cluster: &str| {
            let ran = runs_no_recipe(&plan, &cluster.parse().unwrap(), Path::new("run"));
            ran.err().map(|failure| failure.to_string())
        };
        assert_eq!((said("embedded"), said("kind")), (None, None), "it comes with rollproof");
        std::fs::write(own.join("embedded"), "").unwrap();
        let refused = said("embedded").unwrap();
        assert!(refused.contains("runs image apache") && refused.contains("images/apache/embedded"), "{refused}");
        assert!(refused.contains("--allow-host-commands"), "{refused}");
        assert_eq!(said("kind"), None);
        std::fs::write(own.join("Dockerfile"), "").unwrap();
        let refused = said("kind:two").unwrap();
        assert!(refused.contains("builds image apache") && refused.contains("images/apache/Dockerfile"), "{refused}");
        assert_eq!(said("context:shop"), None, "nothing is built for it");
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
        for bad in ["hunter2", "a b: hunter2", "a: hunter2\n", "a: hunter2\u{fc}"] {
            let bad = if bad.is_ascii() { format!("{bad}\u{7f}") } else { bad.to_owned() };
            let refused = headers(&[bad]).unwrap_err().to_string();
            assert!(refused.contains("NAME: VALUE") && !refused.contains("hunter2"), "{refused}");
        }
        assert!(headers(&["@/no/such/file".to_owned()]).unwrap_err().to_string().contains("/no/such/file"));
    }
}
