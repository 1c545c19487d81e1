//! Completions and manual pages, made from the same definition as the help, so that they cannot say anything else.
//! It knows nothing of what any command does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::builder::Resettable;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

use super::arguments::Arguments;

const PROGRAM: &str = "rollproof";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManualPage {
    /// Its file's name, such as `rollproof-run.1`.
    pub(crate) file: String,
    /// roff.
    pub(crate) text: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ManualPageError {
    #[error("writing the manual pages: {path}: {source}; name a folder that can be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("rendering the manual page {file}: {source}")]
    Render { file: String, source: io::Error },
}

/// The script that completes rollproof's commands and options in `shell`.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut public(&Arguments::command()), PROGRAM, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// One manual page for the program and one for each of its commands, in the order of the help.
pub(crate) fn pages() -> Result<Vec<ManualPage>, ManualPageError> {
    // The page of `help` would say what each page's first line does.
    let mut command = public(&Arguments::command()).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    Ok(pages)
}

fn collect(command: &clap::Command, pages: &mut Vec<ManualPage>) -> Result<(), ManualPageError> {
    let after = command.get_after_help().map(ToString::to_string);
    let bare = command.clone().after_help(Resettable::Reset);
    let man = clap_mangen::Man::new(bare);
    let file = man.get_filename();
    let mut text = Vec::new();
    man.render(&mut text)
        .and_then(|()| after.map_or(Ok(()), |after| as_it_is_set(&after).to_writer(&mut text)))
        .map_err(|source| ManualPageError::Render { file: file.clone(), source })?;
    let text = titled(&String::from_utf8_lossy(&text), file.trim_end_matches(".1"));
    pages.push(ManualPage { file, text });
    command.get_subcommands().try_for_each(|sub| collect(sub, pages))
}

/// `page` with a title line of its own: the renderer's leaves an empty date out, and what follows would be taken for it.
fn titled(page: &str, name: &str) -> String {
    let title = format!(".TH {} 1 \"\" \"{PROGRAM} {}\"\n", name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    let line = |line: &str| if line.starts_with(".TH ") { title.clone() } else { line.to_owned() };
    page.split_inclusive('\n').map(line).collect()
}

/// A section of lines that are not filled: tables and command lines. Its first line is its heading.
fn as_it_is_set(text: &str) -> Roff {
    let (heading, lines) = text.split_once('\n').unwrap_or((text, ""));
    let mut roff = Roff::default();
    roff.control("SH", [heading.trim_end_matches(':').to_uppercase().as_str()]);
    roff.control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

/// Writes each page to a file in `folder`, which is made if it is missing; their paths, one a line.
pub(super) fn write_pages(folder: &Path) -> Result<String, ManualPageError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ManualPageError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut written = String::new();
    for page in pages()? {
        let path = folder.join(&page.file);
        fs::write(&path, &page.text).map_err(failed(&path))?;
        written.push_str(&path.to_string_lossy());
        written.push('\n');
    }
    Ok(written)
}

/// The command line without what is hidden from the help: nobody should be led to the parts that rollproof starts itself.
fn public(command: &clap::Command) -> clap::Command {
    let text = |styled: Option<&clap::builder::StyledStr>| styled.map(ToString::to_string);
    let mut shown = clap::Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned())
        .subcommand_required(command.is_subcommand_required_set());
    if let Some(about) = text(command.get_about()) {
        shown = shown.about(about);
    }
    if let Some(after) = text(command.get_after_help()) {
        shown = shown.after_help(after);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_page_and_what_is_hidden_has_none() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        assert_eq!(names[0], "rollproof.1");
        for file in ["rollproof-run.1", "rollproof-cluster.1", "rollproof-cluster-up.1", "rollproof-report.1"] {
            assert!(names.contains(&file), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("supervise") || name.contains("agent")), "{names:?}");
        assert!(pages[0].text.contains("inconclusive"), "the exit codes are on the first page: {}", pages[0].text);
    }

    #[test]
    fn pages_do_not_depend_on_the_environment_of_who_makes_them() {
        let target = pages().unwrap().into_iter().find(|page| page.file == "rollproof-target.1").unwrap();
        assert!(target.text.contains("ROLLPROOF_PORT"), "{}", target.text);
        if let Ok(home) = std::env::var("HOME") {
            assert!(home.len() < 3 || !target.text.contains(&home), "{}", target.text);
        }
    }

    #[test]
    fn completions_leave_out_what_is_hidden() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell);
            assert!(script.contains("until-loss"), "{shell}: {script}");
            assert!(!script.contains("supervise"), "{shell}: {script}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write_pages(&file).unwrap_err().to_string();
        assert!(error.contains("writing the manual pages") && error.contains("file"), "{error}");
    }
}
