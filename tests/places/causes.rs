//! The page of each cause promises a shipped variant that shows it: most of its lost requests must get the cause after which the
//! variant is named.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use rollproof::diagnose::Cause;

use crate::program::{program, report, run};
use crate::{root, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("each variant of causes.yaml loses to the cause that it is named after", &[], || shows("causes")),
        test("each variant of causes-servers.yaml does too", &["nginx", "apache2"], || shows("causes-servers")),
        test("the page of each cause shows a shipped variant of that name", &[], pages_name_variants),
    ]
}

fn shows(scenario: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let file = format!("scenarios/{scenario}.yaml");
    run(program().args(["run", &file, "--out"]).arg(&out)).expect_code(0);
    for variant in report(&out)["variants"].as_array().unwrap() {
        let causes = variant["causes"].as_object().unwrap();
        let most = causes.iter().max_by_key(|(_, count)| count.as_u64()).map(|(cause, _)| cause.as_str());
        let name = variant["name"].as_str().unwrap();
        // The stop that resets the queue also cuts the requests that the server had accepted.
        let is_shown = most == Some(name) || (name == "backlog-reset" && causes.contains_key(name));
        assert!(is_shown, "{name}: {causes:?}");
    }
}

fn pages_name_variants() {
    let scenarios = ["causes", "causes-servers"]
        .map(|name| (name, fs::read_to_string(root().join(format!("scenarios/{name}.yaml"))).unwrap()));
    for cause in Cause::ALL {
        // No shipped scenario shows these; their pages say why.
        if [Cause::StaleConntrack, Cause::Unknown].contains(&cause) {
            continue;
        }
        let page = fs::read_to_string(Path::new("docs/causes").join(format!("{}.md", cause.name()))).unwrap();
        // These need a real cluster.
        if [Cause::NoLocalEndpoint, Cause::Proxy, Cause::ProxyRollout].contains(&cause) {
            let file = page.split("rollproof run ").nth(1).and_then(|rest| rest.split_whitespace().next());
            assert!(
                file.is_some_and(|file| root().join(file).is_file()),
                "docs/causes/{}.md runs no scenario",
                cause.name()
            );
            continue;
        }
        let is_shown = scenarios.iter().any(|(name, text)| {
            let command = format!("rollproof run scenarios/{name}.yaml --variant {}", cause.name());
            page.contains(&command) && text.contains(&format!("\n  {}:", cause.name()))
        });
        assert!(is_shown, "docs/causes/{}.md shows no variant of its name", cause.name());
        let picture = format!("pictures/causes/{}.png", cause.name());
        assert!(page.contains(&picture) && root().join("docs").join(&picture).is_file(), "no {picture}");
    }
}
