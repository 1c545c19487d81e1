//! The name under which the program was started. kubectl runs `kubectl-rollproof` for `kubectl rollproof`; then help and messages
//! speak of the command that the user typed. It knows nothing of what any command does.

use std::ffi::OsStr;
use std::path::Path;

use clap::CommandFactory;

use super::arguments::Arguments;

/// A plugin of kubectl is a program on `PATH` with this beginning.
/// Source: Kubernetes' page "Extend kubectl with plugins", "Naming a plugin".
const PLUGIN_FILE: &str = "kubectl-rollproof";
/// What the user types then.
const PLUGIN_WORDS: &str = "kubectl rollproof";
const PROGRAM: &str = "rollproof";

/// Whether this process was started as kubectl's plugin.
pub(super) fn plugin() -> bool {
    is_plugin(std::env::args_os().next().as_deref())
}

fn is_plugin(first: Option<&OsStr>) -> bool {
    first.and_then(|name| Path::new(name).file_name()).is_some_and(|name| name == PLUGIN_FILE)
}

/// The command line as clap knows it, in the words of the name under which the program was started.
pub(super) fn command(plugin: bool) -> clap::Command {
    let command = Arguments::command();
    if !plugin {
        return command;
    }
    command.bin_name(PLUGIN_WORDS).mut_subcommands(|sub| match sub.get_after_help().map(ToString::to_string) {
        Some(text) => sub.after_help(as_plugin(&text)),
        None => sub,
    })
}

/// `text` with each command line of rollproof's written as kubectl's plugin: `rollproof run` becomes `kubectl rollproof run`. The name
/// alone, paths and other words stay.
pub(super) fn as_plugin(text: &str) -> String {
    let command = Arguments::command();
    let is_command = |word: &str| command.get_subcommands().any(|sub| !sub.is_hide_set() && sub.get_name() == word);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = &after[PROGRAM.len()..];
        // Quoted, or after what introduces a command line: in a sentence the same words are no command.
        let starts_a_line = out.ends_with(['`', '\'', '"'])
            || out.trim_end_matches(' ').chars().next_back().is_none_or(|c| ":|\n".contains(c));
        let next: String =
            after.strip_prefix(' ').unwrap_or_default().chars().take_while(char::is_ascii_alphabetic).collect();
        out.push_str(if starts_a_line && is_command(&next) { PLUGIN_WORDS } else { PROGRAM });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plugins_own_name_makes_a_plugin() {
        let of = |name: &str| is_plugin(Some(OsStr::new(name)));
        assert!(of("/usr/local/bin/kubectl-rollproof"));
        assert!(of("kubectl-rollproof"));
        assert!(!of("/usr/bin/rollproof"));
        assert!(!of("/kubectl-rollproof/rollproof"));
        assert!(!is_plugin(None));
    }

    #[test]
    fn command_lines_are_written_as_typed_and_nothing_else_changes() {
        assert_eq!(as_plugin("try `rollproof run -f x`"), "try `kubectl rollproof run -f x`");
        assert_eq!(as_plugin("curl -fsSL u | rollproof run -f -"), "curl -fsSL u | kubectl rollproof run -f -");
        for same in [
            "rollproof needs to be executable",
            "/opt/rollproof run",
            "kubectl rollproof report DIR",
            "This is a bug in rollproof.",
            "image: rollproof/target",
            "the rollproof report in DIR is older",
            "a lost rollproof agent",
            "",
        ] {
            assert_eq!(as_plugin(same), same);
        }
    }

    #[test]
    fn help_speaks_of_the_command_that_was_typed() {
        let help = |plugin, words: &[&str]| {
            let error = command(plugin).try_get_matches_from(words).unwrap_err();
            error.to_string()
        };
        let typed = help(true, &["/bin/kubectl-rollproof", "run", "--help"]);
        assert!(typed.contains("Usage: kubectl rollproof run"), "{typed}");
        assert!(typed.contains("\n  kubectl rollproof run scenarios/"), "{typed}");
        let wrong = help(true, &["/bin/kubectl-rollproof", "run", "--colour"]);
        assert!(wrong.contains("Usage: kubectl rollproof run"), "{wrong}");
        let own = help(false, &["/bin/rollproof", "run", "--help"]);
        assert!(own.contains("Usage: rollproof run") && !own.contains("kubectl rollproof"), "{own}");
    }
}
