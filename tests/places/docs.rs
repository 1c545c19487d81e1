//! The documentation: each command that it shows parses, each file and page that it links exists, and each scenario that it shows
//! is accepted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use libtest_mimic::Trial;
use rollproof::cli::Arguments;
use rollproof::diagnose::Cause;
use rollproof::manifest::{FileReadError, FileSource};
use rollproof::scenario;
use rollproof::yaml::{YamlSource, single};
use serde_json::Value;

use crate::{root, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("each command in the documentation is one", &[], commands),
        test("a command that is none is noticed", &[], bad_twins),
        test("each page and picture that the documentation names is there", &[], links),
        test("each cause has its page, in the list too", &[], causes),
        test("each scenario in the documentation is accepted", &[], scenarios),
        test("the documentation gives the action only inputs that it has", &[], inputs),
        test("each input of the action is in the documentation", &[], documented_inputs),
    ]
}

/// Every page: its path below the project's folder, and its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "images/README.md", "reports/README.md"];
    found.extend(others.map(|page| root().join(page)));
    found.sort();
    let page = |path: PathBuf| (path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    found.into_iter().map(page).collect()
}

/// The fenced blocks of a page that are marked `language`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line.trim().strip_prefix("```"), open.take()) {
            (Some(marked), None) => open = Some((marked == language, String::new())),
            (Some(_), Some((true, block))) => found.push(block),
            (Some(_), Some((false, _))) | (None, None) => {}
            (None, Some((wanted, block))) => open = Some((wanted, block + line + "\n")),
        }
    }
    found
}

/// The words of each simple command of a shell script, as far as these pages go: quotes, comments, pipes, redirections,
/// continued lines.
fn simple_commands(script: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for line in script.replace("\\\n", " ").lines() {
        let mut word: Option<String> = None;
        let mut quote = None;
        for letter in line.chars() {
            match (quote, letter) {
                (Some(mark), _) if mark == letter => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(letter);
                    word.get_or_insert_default();
                }
                (None, '#') if word.is_none() => break,
                (None, '|' | ';' | '&') => {
                    commands.last_mut().unwrap().extend(word.take());
                    commands.push(Vec::new());
                }
                (None, _) if letter.is_whitespace() => commands.last_mut().unwrap().extend(word.take()),
                _ => word.get_or_insert_default().push(letter),
            }
        }
        commands.last_mut().unwrap().extend(word.take());
        commands.push(Vec::new());
    }
    commands.into_iter().filter(|words| !words.is_empty()).collect()
}

/// What is wrong with a simple command; nothing if it does not start rollproof.
fn fault(words: &[String]) -> Option<String> {
    let words: Vec<&str> =
        words.iter().map(String::as_str).skip_while(|word| word.contains('=') || *word == "sudo").collect();
    let rest = match &words[..] {
        ["rollproof" | "target/release/rollproof" | "kubectl-rollproof", rest @ ..]
        | ["kubectl", "rollproof", rest @ ..]
        | ["cargo", "run", "--release", "--", rest @ ..] => rest,
        ["docker", "run", rest @ ..] => {
            let image = rest.iter().position(|word| *word == "rollproof")?;
            &rest[image + 1..]
        }
        _ => return None,
    };
    // What is redirected is no argument.
    let rest: Vec<&str> = rest.iter().copied().take_while(|word| !word.starts_with(['>', '<'])).collect();
    match Arguments::try_parse_from(std::iter::once(&"rollproof").chain(&rest)) {
        Err(error) if error.use_stderr() => return Some(error.to_string()),
        _ => {}
    }
    let ours = |word: &&&str| ["scenarios/", "manifests/", "images/"].iter().any(|folder| word.starts_with(folder));
    let missing = rest.iter().filter(ours).find(|file| !root().join(file).exists());
    missing.map(|file| format!("there is no {file}"))
}

fn commands() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for words in blocks(&text, "sh").iter().flat_map(|block| simple_commands(block)) {
            seen += usize::from(words.iter().any(|word| word.ends_with("rollproof")));
            wrong.extend(fault(&words).map(|fault| format!("{}: {}\n{fault}", page.display(), words.join(" "))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 40, "only {seen} commands were found: is the reader of blocks broken?");
}

fn bad_twins() {
    let faults = |script: &str| simple_commands(script).iter().filter_map(|words| fault(words)).collect::<Vec<_>>();
    assert!(faults("rollproof run --colour x.yaml")[0].contains("--colour"));
    assert!(faults("rollproof run scenarios/none.yaml")[0].contains("no scenarios/none.yaml"));
    assert!(faults("helm template x | rollproof run -f - --worklaod w")[0].contains("--worklaod"));
    assert!(faults("A=b rollproof rnu")[0].contains("rnu"));
    assert!(faults("kubectl rollproof run \\\n  --tirals 3 x.yaml")[0].contains("--tirals"));
    assert!(faults("docker run --rm rollproof dmeo")[0].contains("dmeo"));
    let fine = "rollproof run scenarios/apache-prestop.yaml --seed 3   # a comment: rollproof rnu\n\
        rollproof run --header 'NAME: a b' --from DIR >file\nkubectl get pods";
    assert_eq!(faults(fine), Vec::<String>::new());
    assert_eq!(blocks("```sh\na\n```\n```text\nb\n```\n```sh\nc\n```\n", "sh"), ["a\n", "c\n"]);
}

/// The targets of a page's links and pictures that are files of the project.
fn targets(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("](") {
        let target: String = text[at + 2..].chars().take_while(|c| *c != ')').collect();
        let file = target.split('#').next().unwrap_or_default();
        if !file.is_empty() && !file.contains("://") {
            found.insert(file.to_owned());
        }
    }
    found
}

fn links() {
    let mut broken = Vec::new();
    for (page, text) in pages() {
        for target in targets(&text) {
            if !root().join(page.parent().unwrap_or(Path::new(""))).join(&target).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let twin = targets("see [a](docs/none.md#x) and ![b](https://example.com/p.png)");
    assert_eq!(twin.into_iter().collect::<Vec<_>>(), ["docs/none.md"]);
}

fn causes() {
    let list = fs::read_to_string(root().join("docs/causes/README.md")).unwrap();
    for cause in Cause::ALL {
        let file = format!("{}.md", cause.name());
        assert!(root().join("docs/causes").join(&file).exists(), "docs/causes/{file} is missing");
        assert!(list.contains(&format!("]({file})")), "docs/causes/README.md does not list {file}");
    }
}

/// One text, whatever the path.
struct Only<'a>(&'a str);

impl FileSource for Only<'_> {
    fn read(&self, _: &Path) -> Result<String, FileReadError> {
        Ok(self.0.to_owned())
    }
}

fn scenarios() {
    let mut seen = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "yaml").iter().filter(|block| block.contains("\nmanifests:")) {
            seen += 1;
            if let Err(error) = scenario::load(Path::new("scenario.yaml"), &Only(block)) {
                panic!("{}: {error}\n{block}", page.display());
            }
        }
    }
    assert!(seen >= 1, "only {seen} scenarios were found");
    assert!(scenario::load(Path::new("x.yaml"), &Only("name: x\nmanifests: y.yaml\nlaod: {}\n")).is_err());
}

fn action_inputs() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = single(&YamlSource::new("action.yml", &text)).unwrap();
    action["inputs"].as_object().unwrap().keys().cloned().collect()
}

/// Each `with:` of a step that uses rollproof in `value`, by its keys.
fn given(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let uses = fields.get("uses").and_then(Value::as_str).unwrap_or_default();
            if uses == "./" || uses.contains("/rollproof@") {
                found.extend(fields["with"].as_object().into_iter().flat_map(|with| with.keys().cloned()));
            }
            fields.values().for_each(|value| given(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| given(value, found)),
        _ => {}
    }
}

fn inputs() {
    let known = action_inputs();
    let workflow = fs::read_to_string(root().join(".github/workflows/rollout.yml")).unwrap();
    let of_pages = pages().into_iter().flat_map(|(_, text)| blocks(&text, "yaml"));
    let mut used = BTreeSet::new();
    for text in of_pages.chain([workflow]).filter(|text| text.contains("uses:")) {
        given(&single::<Value>(&YamlSource::new("workflow", &text)).unwrap(), &mut used);
    }
    assert!(used.len() >= 2, "{used:?}");
    assert!(used.is_subset(&known), "{:?}", used.difference(&known));
}

fn documented_inputs() {
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    for input in action_inputs() {
        assert!(page.contains(&format!("`{input}`")), "docs/ci.md does not name the input `{input}`");
    }
}
