//! Completions and manual pages: the stored ones match the help, shells can read them, and they complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::program::{program, run};
use crate::{root, test};

/// If set, the stored files are rewritten instead of compared.
const UPDATE: &str = "ROLLPROOF_UPDATE";
const SHELLS: [(&str, &str); 3] = [("bash", "rollproof.bash"), ("zsh", "_rollproof"), ("fish", "rollproof.fish")];

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("the stored manual pages are those of the help", &[], stored_pages),
        test("the stored completions are those of the help", &[], stored_completions),
        test("man reads each page without a warning", &["man"], man_reads_them),
        test("mandoc reads each page without an error", &["mandoc"], mandoc_reads_them),
        test("bash reads the completions", &["bash"], || reads("bash", &["-n"])),
        test("zsh reads the completions", &["zsh"], || reads("zsh", &["-n"])),
        test("fish reads the completions", &["fish"], || reads("fish", &["--no-execute"])),
        test("a word is completed in bash", &["bash"], bash_completes),
        test("a shell that is not known is refused with those that are", &[], unknown_shell),
        test("a folder that cannot be written is refused", &[], unwritable),
    ]
}

/// Compares a stored folder with its expected content, or rewrites it.
fn compare(folder: &Path, made: &BTreeMap<String, String>) {
    if std::env::var_os(UPDATE).is_some() {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
        for (file, text) in made {
            fs::write(folder.join(file), text).unwrap();
        }
    }
    let stored: BTreeMap<String, String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap_or_default())
        })
        .collect();
    let differs = |file: &&String| stored.get(*file) != made.get(*file);
    let stale: Vec<&String> = made.keys().chain(stored.keys()).filter(differs).collect();
    assert!(
        stale.is_empty(),
        "{}: {stale:?} are not what the help says now; write them anew: {UPDATE}=1 cargo test --test places stored",
        folder.display()
    );
}

fn made(words: &[&str]) -> String {
    run(program().args(words)).expect_code(0).stdout
}

fn stored_pages() {
    let folder = tempfile::tempdir().unwrap();
    let written = made(&["man", folder.path().to_str().unwrap()]);
    let pages: BTreeMap<String, String> = written
        .lines()
        .map(|path| {
            let name = Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    assert_eq!(made(&["man"]), pages["rollproof.1"], "without a folder the program's own page is printed");
    compare(&root().join("docs/man"), &pages);
}

fn stored_completions() {
    let scripts = SHELLS.iter().map(|(shell, file)| ((*file).to_owned(), made(&["completions", shell]))).collect();
    compare(&root().join("docs/completions"), &scripts);
}

fn man_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for page in made(&["man", folder.path().to_str().unwrap()]).lines() {
        let ran = run(Command::new("man").args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page]));
        assert!(ran.code == Some(0) && ran.stderr.is_empty(), "{page}: {}", ran.stderr);
    }
    let broken = folder.path().join("broken.1");
    fs::write(&broken, ".TH broken 1\n.SH NAME\n.nosuchrequest\n").unwrap();
    let ran = run(Command::new("man").args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]).arg(broken));
    assert!(ran.stderr.contains("nosuchrequest"), "the check must see a bad page: {}", ran.stderr);
}

fn mandoc_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for page in made(&["man", folder.path().to_str().unwrap()]).lines() {
        let ran = run(Command::new("mandoc").args(["-T", "lint", "-W", "error", page]));
        assert!(ran.code == Some(0) && ran.stdout.is_empty(), "{page}: {}{}", ran.stdout, ran.stderr);
    }
}

fn reads(shell: &str, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    fs::write(&file, made(&["completions", shell])).unwrap();
    let ran = run(Command::new(shell).args(options).arg(&file));
    assert!(ran.code == Some(0) && ran.stderr.is_empty(), "{shell}: {}", ran.stderr);
    fs::write(&file, "if then ( done\n").unwrap();
    assert_ne!(run(Command::new(shell).args(options).arg(&file)).code, Some(0), "the check must see a bad script");
}

/// What bash offers for the last of `words`.
fn offered(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("rollproof.bash");
    fs::write(&script, made(&["completions", "bash"])).unwrap();
    // As bash does it: the words, which of them is being typed, and the function that was named with `complete -F`.
    let ask = r#"
        source "$1" || exit 1
        shift
        how=$(complete -p rollproof) || exit 1
        [[ $how =~ -F\ ([^ ]+) ]] || exit 1
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        "${BASH_REMATCH[1]}" rollproof "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let ran = run(Command::new("bash").args(["--norc", "-c", ask, "bash"]).arg(&script).args(words)).expect_code(0);
    ran.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn bash_completes() {
    assert_eq!(offered(&["rollproof", "rep"]), ["report"]);
    assert_eq!(offered(&["rollproof", "run", "--unt"]), ["--until-loss"]);
    assert_eq!(offered(&["rollproof", "schema", "sc"]), ["scenario"]);
    assert_eq!(offered(&["rollproof", "cluster", "cl"]), ["clean"]);
    assert_eq!(offered(&["rollproof", "super"]), [""; 0], "what is hidden is not offered");
    assert_eq!(offered(&["rollproof", "run", "--no-such"]), [""; 0]);
}

fn unknown_shell() {
    run(program().args(["completions", "tcsh"])).expect_code(2).says(&["tcsh", "bash", "zsh", "fish"]);
}

fn unwritable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    run(program().arg("man").arg(&file)).expect_code(2).says(&["writing the manual pages", "a-file"]);
}
