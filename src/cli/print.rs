//! The only code that prints. Data goes to stdout, talk to stderr; a reader that went away is no error.

use std::ffi::OsStr;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use rustix::termios::tcgetwinsize;

use super::called;
use super::exit_code::ExitReason;
use crate::commands::{CommandFailure, FinishedCommand, RunEnding, UserOutput};
use crate::report::{TerminalStyle, one_line, terminal, terminal_page};
use crate::verdict::Verdict;

/// Says things on stderr. On a terminal the last line may be a state that the next one replaces.
#[derive(Debug, Default)]
pub(super) struct TerminalOutput;

/// A state is on the terminal's last line, and the next text replaces it.
static STATE_SHOWN: Mutex<bool> = Mutex::new(false);
/// To the line's beginning, and clears it (ECMA-48: CR, EL).
const CLEAR: &str = "\r\u{1b}[2K";
/// A line that is wider than the terminal would take two rows, of which only one can be cleared: so it is cut (DECAWM).
const CUT: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

impl UserOutput for TerminalOutput {
    fn say(&self, line: &str) {
        write_stderr(&format!("{}\n", terminal(line)));
    }

    fn ask(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        write_stderr(&format!("{} [y/N] ", terminal(question)));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn progress(&self, line: &str) {
        if !std::io::stderr().is_terminal() || !steerable(std::env::var_os("TERM").as_deref()) {
            return;
        }
        let line = one_line(line);
        let mut shown = state_shown();
        *shown = true;
        write_all(&format!("{CLEAR}{CUT}{line}{WRAP}"));
    }
}

/// How a summary is shown on stdout.
pub(super) fn style() -> TerminalStyle {
    let out = std::io::stdout();
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let colour = out.is_terminal() && wanted && steerable(std::env::var_os("TERM").as_deref());
    // A terminal that does not know its width says 0.
    let columns = tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
    TerminalStyle { columns: if columns == 0 { TerminalStyle::PLAIN.columns } else { columns }, colour }
}

/// Whether the terminal follows control sequences.
fn steerable(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

fn state_shown() -> MutexGuard<'static, bool> {
    STATE_SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn finished(result: Result<FinishedCommand, CommandFailure>) -> ExitCode {
    let exit = match result {
        Ok(finished) => {
            let ended = ending(finished.ending);
            if data(&only_coloured(&finished.summary)) { ended } else { ended.max(ExitReason::Machine) }
        }
        Err(failure) => {
            let exit = failed(&failure);
            match failure {
                CommandFailure::Input(diagnostic) => {
                    // A terminal wraps by itself; a wrap at the hyphens of a name would leave nothing to copy.
                    let _ = miette::set_hook(Box::new(|_| {
                        Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
                    }));
                    let shown = miette::Report::new(PlainDiagnostic(diagnostic));
                    write_stderr(&only_coloured(&format!("{shown:?}\n")));
                }
                CommandFailure::Bug(text) => {
                    write_stderr(&format!("error: {}\nThis is a bug in rollproof.\n", terminal(&text)));
                }
                other => write_stderr(&format!("error: {}\n", terminal(&other.to_string()))),
            }
            exit
        }
    };
    ExitCode::from(exit.code())
}

/// An error whose words have no controls, before it is rendered with colours of our own: they quote what the user's files hold.
#[derive(Debug)]
struct PlainDiagnostic(Box<dyn Diagnostic + Send + Sync>);

impl fmt::Display for PlainDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&terminal_page(&self.0.to_string()))
    }
}

impl std::error::Error for PlainDiagnostic {}

impl Diagnostic for PlainDiagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help().map(|help| Box::new(terminal_page(&help.to_string())) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.labels()
    }
}

/// Prints the text that a command ended with.
pub(super) fn text(result: Result<String, CommandFailure>) -> ExitCode {
    match result {
        Ok(text) if data(&terminal_page(&text)) => ExitCode::from(ExitReason::Pass.code()),
        Ok(_) => ExitCode::from(ExitReason::Machine.code()),
        Err(failure) => finished(Err(failure)),
    }
}

fn ending(ending: RunEnding) -> ExitReason {
    let judged = |verdict| match verdict {
        Verdict::Pass => ExitReason::Pass,
        Verdict::Fail => ExitReason::Fail,
        Verdict::Inconclusive => ExitReason::Inconclusive,
    };
    match ending {
        RunEnding::Judged(verdict) => judged(verdict),
        RunEnding::Interrupted => ExitReason::Interrupted,
        RunEnding::Broken(verdict) => judged(verdict).max(ExitReason::Machine),
    }
}

fn failed(failure: &CommandFailure) -> ExitReason {
    match failure {
        CommandFailure::Input(_) | CommandFailure::User(_) => ExitReason::User,
        CommandFailure::Machine(_) => ExitReason::Machine,
        CommandFailure::Bug(_) => ExitReason::Bug,
        CommandFailure::Interrupted => ExitReason::Interrupted,
    }
}

/// Prints data on stdout; false, with a word on stderr, if it could not be written. A broken pipe is no failure: the reader
/// has what it wanted.
fn data(text: &str) -> bool {
    let shown = *state_shown();
    if shown {
        write_stderr("");
    }
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            write_stderr(&format!("error: writing the result to standard output: {error}\n"));
            false
        }
        _ => true,
    }
}

/// Says something on stderr, in the place of a state that is shown and in the words of the name under which the program was started.
fn write_stderr(text: &str) {
    let mut shown = state_shown();
    let clear = if std::mem::take(&mut *shown) { CLEAR } else { "" };
    let typed = called::plugin().then(|| called::as_plugin(text));
    write_all(&format!("{clear}{}", typed.as_deref().unwrap_or(text)));
}

/// Writes to stderr. One that is closed or full changes nothing about the run.
fn write_all(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A rendered text with its colours, and without any other control. Colours of what it quotes have been taken out before.
fn only_coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&terminal_page(&rest[..at]));
        rest = &rest[at..];
        let colour = rest.strip_prefix("\u{1b}[").and_then(|codes| {
            let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            codes[end..].starts_with('m').then_some(end + 3)
        });
        let length = colour.unwrap_or(1);
        shown.push_str(if colour.is_some() { &rest[..length] } else { "\u{fffd}" });
        rest = &rest[length..];
    }
    shown.push_str(&terminal_page(rest));
    shown
}

/// Prints clap's own answer: help on stdout, an error on stderr.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // It quotes the arguments, which may be names of files.
        let text = error.render();
        let colour =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        write_all(&only_coloured(&if colour { text.ansi().to_string() } else { text.to_string() }));
    } else {
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { ExitReason::User.code() } else { ExitReason::Pass.code() })
}

/// Prints what the built-in server ended with.
pub(super) fn server(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_stderr(&format!("error: {}\n", terminal(&error.to_string())));
            ExitCode::from(ExitReason::Machine.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_colours_and_nothing_else_that_steers() {
        let hostile = "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J \u{9b}2J \u{202e}a\nb\u{1b}";
        assert_eq!(
            only_coloured(hostile),
            "\u{1b}[31mred\u{1b}[0m \u{fffd}]0;title\u{fffd} \u{fffd}[2J \u{fffd}2J \u{fffd}a\nb\u{fffd}"
        );
    }

    #[test]
    fn a_terminal_that_follows_no_sequences_is_shown_no_state() {
        let with = |term: Option<&str>| steerable(term.map(OsStr::new));
        assert_eq!([with(Some("xterm")), with(Some("dumb")), with(Some("")), with(None)], [true, false, false, false]);
    }

    #[test]
    fn a_broken_run_is_never_a_pass_and_a_loss_outranks_it() {
        assert_eq!(ending(RunEnding::Broken(Verdict::Pass)), ExitReason::Machine);
        assert_eq!(ending(RunEnding::Broken(Verdict::Inconclusive)), ExitReason::Machine);
        assert_eq!(ending(RunEnding::Broken(Verdict::Fail)), ExitReason::Fail);
    }
}
