//! What a container's preStop hook does. A hook's end is invisible to the API; its words tell at least how long it waits, and whether
//! it stops the server.

use std::fmt;

use serde_json::Value;

use super::recognise::{Server, base};
use super::server_table::{ServerFacts, StopKind};
use super::stop_command;

#[derive(Debug, Clone, PartialEq, Default)]
pub enum PreStop {
    /// There is none, or nothing is known of it.
    #[default]
    None,
    /// `preStop.sleep`: exactly so many seconds.
    Sleep(f64),
    /// `preStop.exec`.
    Exec(HookScript),
    /// `preStop.httpGet`: how long it takes is not known.
    HttpGet,
}

/// What a command does, as far as it is a plain sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HookScript {
    /// Its words, for people.
    pub words: String,
    /// What it does, in order; `None` where it is no plain sequence.
    pub steps: Option<Vec<HookStep>>,
    /// How it tells the server to stop, if it does.
    pub stop: Option<StopKind>,
    /// The server is known to cut what is in flight on SIGTERM, which comes after the hook.
    pub signal_cuts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HookStep {
    /// It waits, in seconds.
    Sleeps(f64),
    /// It tells the server to stop.
    Stops(StopKind),
    /// It runs a command that ends at once.
    Runs,
    /// It runs a command that may take any time.
    Works,
}

impl HookScript {
    /// The seconds that it sleeps before its first other command; 0 where that is not known.
    fn first_sleep_s(&self) -> f64 {
        let steps = self.steps.iter().flatten();
        steps.map_while(HookStep::slept_s).sum()
    }

    /// The seconds that it sleeps altogether; 0 where that is not known.
    fn sleep_s(&self) -> f64 {
        self.steps.iter().flatten().filter_map(HookStep::slept_s).sum()
    }

    /// The seconds that it sleeps after it has told the server to stop; 0 where that is not known.
    fn sleep_after_stop_s(&self) -> f64 {
        let steps = self.steps.iter().flatten().rev();
        steps.take_while(|step| !matches!(step, HookStep::Stops(_))).filter_map(HookStep::slept_s).sum()
    }
}

impl HookStep {
    const fn slept_s(&self) -> Option<f64> {
        match self {
            Self::Sleeps(seconds) => Some(*seconds),
            Self::Stops(_) | Self::Runs | Self::Works => None,
        }
    }
}

impl PreStop {
    pub(crate) fn of_container(container: &Value) -> Self {
        let Some(handler) = container.pointer("/lifecycle/preStop") else { return Self::None };
        if let Some(seconds) = handler.pointer("/sleep/seconds").and_then(Value::as_f64) {
            return Self::Sleep(seconds);
        }
        if handler.get("httpGet").is_some() {
            return Self::HttpGet;
        }
        let Some(command) = handler.pointer("/exec/command").and_then(Value::as_array) else { return Self::None };
        let argv: Vec<&str> = command.iter().filter_map(Value::as_str).collect();
        Self::Exec(script(&argv, Server::of_container(container)))
    }

    /// The seconds that it surely lasts if nothing goes wrong.
    pub(crate) fn least_s(&self) -> f64 {
        match self {
            Self::Sleep(seconds) => *seconds,
            Self::Exec(script) => script.sleep_s(),
            Self::None | Self::HttpGet => 0.0,
        }
    }

    /// The same in nanoseconds.
    pub(crate) fn least_ns(&self) -> u64 {
        nanoseconds(self.least_s())
    }

    /// Whether it waits and does nothing else, so that its end follows from its beginning.
    pub(crate) fn only_sleeps(&self) -> bool {
        match self {
            Self::Sleep(_) => true,
            Self::Exec(script) => {
                script.steps.as_ref().is_some_and(|steps| steps.iter().all(|step| step.slept_s().is_some()))
            }
            Self::None | Self::HttpGet => false,
        }
    }

    /// Whether it can be read how long it waits.
    pub(crate) fn length_is_known(&self) -> bool {
        match self {
            Self::Sleep(_) => true,
            Self::Exec(script) => script.steps.as_ref().is_some_and(|steps| !steps.contains(&HookStep::Works)),
            Self::None | Self::HttpGet => false,
        }
    }

    /// How it begins the server's stop by itself, if it does.
    pub const fn stop(&self) -> Option<StopKind> {
        match self {
            Self::Exec(script) => script.stop,
            Self::None | Self::Sleep(_) | Self::HttpGet => None,
        }
    }

    /// Whether the stop signal, which comes after it, is known to cut what is in flight.
    pub(crate) const fn signal_cuts(&self) -> bool {
        matches!(self, Self::Exec(HookScript { signal_cuts: true, .. }))
    }

    /// The seconds that it sleeps before it does anything else; 0 where that is not known.
    pub(crate) fn first_sleep_s(&self) -> f64 {
        match self {
            Self::Sleep(seconds) => *seconds,
            Self::Exec(script) => script.first_sleep_s(),
            Self::None | Self::HttpGet => 0.0,
        }
    }

    /// The same in nanoseconds.
    pub(crate) fn first_sleep_ns(&self) -> u64 {
        nanoseconds(self.first_sleep_s())
    }

    /// How long it sleeps after it has told the server to stop, in nanoseconds; 0 where that is not known.
    pub(crate) fn sleep_after_stop_ns(&self) -> u64 {
        match self {
            Self::Exec(script) => nanoseconds(script.sleep_after_stop_s()),
            Self::None | Self::Sleep(_) | Self::HttpGet => 0,
        }
    }

    /// The hook as it is written, for people.
    pub fn words(&self) -> String {
        match self {
            Self::None => "no preStop hook".to_owned(),
            Self::Sleep(seconds) => format!("preStop sleep {seconds} s"),
            Self::Exec(script) => format!("preStop `{}`", script.words),
            Self::HttpGet => "preStop httpGet".to_owned(),
        }
    }
}

/// What it does: `sleeps 3 s, then begins a graceful stop, then sleeps 30 s`.
impl fmt::Display for PreStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("does nothing"),
            Self::Sleep(seconds) => write!(f, "{}", HookStep::Sleeps(*seconds)),
            Self::HttpGet => f.write_str("sends a request"),
            Self::Exec(HookScript { steps: None, .. }) => f.write_str("cannot be read"),
            Self::Exec(HookScript { steps: Some(steps), .. }) => {
                let steps: Vec<String> = steps.iter().map(HookStep::to_string).collect();
                f.write_str(&steps.join(", then "))
            }
        }
    }
}

impl fmt::Display for HookStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sleeps(seconds) => write!(f, "sleeps {seconds} s"),
            Self::Stops(StopKind::Graceful) => f.write_str("begins a graceful stop"),
            Self::Stops(StopKind::Quick) => f.write_str("stops the server at once"),
            Self::Stops(StopKind::Unknown) => f.write_str("sends the server a signal"),
            Self::Runs | Self::Works => f.write_str("runs a command"),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a hook's seconds are finite and not negative"
)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Commands that end at once.
const AT_ONCE: [&str; 15] =
    ["echo", "printf", "true", "false", ":", "touch", "rm", "mkdir", "date", "cd", "export", "set", "test", "[", "cat"];

fn script(argv: &[&str], server: Server) -> HookScript {
    let signal_cuts = server.facts().is_some_and(ServerFacts::quits_on_sigterm);
    let Some(text) = shell_text(argv) else {
        // Without a shell it is one command, whatever its words contain.
        let steps = step(argv, server).map(|step| vec![step]);
        return HookScript { words: argv.join(" "), steps, stop: stop_command::stop(argv, server), signal_cuts };
    };
    let commands = text.split([';', '&', '|', '\n']).map(|command| command.split_whitespace().collect::<Vec<_>>());
    let commands: Vec<Vec<&str>> = commands.filter(|words| !words.is_empty()).collect();
    let steps = if is_plain(text) { steps(&commands, server) } else { None };
    let stop = match &steps {
        Some(steps) => begun(steps.iter().filter_map(|step| match step {
            HookStep::Stops(kind) => Some(*kind),
            HookStep::Sleeps(_) | HookStep::Runs | HookStep::Works => None,
        })),
        None => begun(commands.iter().filter_map(|words| stop_command::stop(words, server))),
    };
    HookScript { words: text.to_owned(), steps, stop, signal_cuts }
}

/// The text that a shell is given with `-c`.
fn shell_text<'a>(argv: &[&'a str]) -> Option<&'a str> {
    let (program, arguments) = argv.split_first()?;
    if !matches!(base(program), "sh" | "bash" | "dash" | "ash") {
        return None;
    }
    let flag = |word: &&str| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
    arguments.get(arguments.iter().position(flag)? + 1).copied()
}

/// Whether a text is a sequence of commands: anything else may skip or repeat one.
fn is_plain(text: &str) -> bool {
    let skips = text.contains("&&") && text.split_whitespace().any(|word| word.trim_end_matches(';') == "exit");
    !skips && !text.replace("&&", ";").contains(['|', '&', '(', '{', '`', '<', '>'])
}

/// The steps of commands that follow each other; `None` if one of them cannot be read.
fn steps(commands: &[Vec<&str>], server: Server) -> Option<Vec<HookStep>> {
    let mut found = Vec::new();
    for words in commands {
        let (words, last) = match words.as_slice() {
            ["exec", rest @ ..] => (rest, true),
            ["exit", ..] => break,
            words => (words, false),
        };
        found.push(step(words, server)?);
        if last {
            break;
        }
    }
    Some(found)
}

/// What one command does; `None` if that cannot be read.
fn step(words: &[&str], server: Server) -> Option<HookStep> {
    let program = words.first().map_or("", |word| base(word));
    match program {
        "if" | "while" | "until" | "for" | "case" => None,
        "sleep" => slept_s(words.get(1..).unwrap_or_default()).map(HookStep::Sleeps),
        _ => {
            let other = if AT_ONCE.contains(&program) { HookStep::Runs } else { HookStep::Works };
            Some(stop_command::stop(words, server).map_or(other, HookStep::Stops))
        }
    }
}

/// What the first stop that is known does; of several that are not known, that is not known either.
fn begun(stops: impl Iterator<Item = StopKind>) -> Option<StopKind> {
    stops.reduce(|one, other| if one == StopKind::Unknown { other } else { one })
}

/// The operands of `sleep`, added up (GNU coreutils manual, "sleep: Delay for a specified time"); without
/// one it fails.
fn slept_s(operands: &[&str]) -> Option<f64> {
    if operands.is_empty() {
        return None;
    }
    operands.iter().map(|word| duration_s(word)).sum()
}

/// `3`, `0.5`, `2m`, `1d`.
fn duration_s(word: &str) -> Option<f64> {
    let lengths_s = [('s', 1.0), ('m', 60.0), ('h', 3_600.0), ('d', 86_400.0)];
    let named = lengths_s.iter().find_map(|(letter, seconds)| Some((word.strip_suffix(*letter)?, *seconds)));
    let (number, unit_s) = named.unwrap_or((word, 1.0));
    let number = number.parse::<f64>().ok()?;
    // `infinity` is a number, and no length.
    (number.is_finite() && number >= 0.0).then_some(number * unit_s)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shell_in(image: &str, text: &str) -> PreStop {
        hook(image, &json!({"exec": {"command": ["sh", "-c", text]}}))
    }

    fn hook(image: &str, handler: &Value) -> PreStop {
        PreStop::of_container(&json!({"name": "web", "image": image, "lifecycle": {"preStop": handler}}))
    }

    #[test]
    fn what_a_hook_does_is_read_from_its_words() {
        for (image, text, expected) in [
            (
                "httpd",
                "sleep 3; apachectl -k graceful-stop; sleep 30",
                "sleeps 3 s, then begins a graceful stop, then sleeps 30 s",
            ),
            ("nginx", "sleep 5 && nginx -s quit", "sleeps 5 s, then begins a graceful stop"),
            ("nginx", "sleep 5\nkill -QUIT 1\nsleep 10\n", "sleeps 5 s, then begins a graceful stop, then sleeps 10 s"),
            ("nginx", "nginx -s stop; sleep 5", "stops the server at once, then sleeps 5 s"),
            ("shop/web", "kill -QUIT 1; sleep 5", "sends the server a signal, then sleeps 5 s"),
            ("shop/web", "curl -s localhost/drain; sleep 5", "runs a command, then sleeps 5 s"),
            ("shop/web", "sleep 1m", "sleeps 60 s"),
            ("shop/web", "sleep 2s", "sleeps 2 s"),
            ("shop/web", "sleep 1h", "sleeps 3600 s"),
            ("shop/web", "sleep 1d", "sleeps 86400 s"),
            ("shop/web", "sleep 0.5", "sleeps 0.5 s"),
            ("shop/web", "sleep 0.5m", "sleeps 30 s"),
            ("shop/web", "sleep 1m 1.5 2s", "sleeps 63.5 s"),
            ("shop/web", "/bin/sleep 4; exit 0; sleep 9", "sleeps 4 s"),
            ("shop/web", "exec sleep 4; sleep 9", "sleeps 4 s"),
            ("shop/web", "sleep", "cannot be read"),
            ("shop/web", "sleep $N", "cannot be read"),
            ("shop/web", "sleep infinity", "cannot be read"),
            ("shop/web", "sleep -1", "cannot be read"),
            ("shop/web", "sleep 1 m", "cannot be read"),
            ("shop/web", "test -e /x || sleep 5", "cannot be read"),
            ("shop/web", "while sleep 1; do :; done", "cannot be read"),
            ("shop/web", "if true; then sleep 1; fi", "cannot be read"),
            ("shop/web", "(sleep 5) &", "cannot be read"),
            ("shop/web", "sleep 5 | cat", "cannot be read"),
        ] {
            assert_eq!(shell_in(image, text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn every_handler_is_read() {
        let own = |handler: Value| hook("shop/web", &handler);
        for (found, expected) in [
            (own(json!({"sleep": {"seconds": 4}})), "sleeps 4 s"),
            (own(json!({"httpGet": {"path": "/stop", "port": 80}})), "sends a request"),
            (own(json!({"exec": {"command": ["/bin/sleep", "1m"]}})), "sleeps 60 s"),
            (own(json!({"exec": {"command": ["sleep", "1", "2"]}})), "sleeps 3 s"),
            (own(json!({"exec": {"command": ["nginx", "-s", "quit"]}})), "begins a graceful stop"),
            (own(json!({"exec": {"command": ["/bin/bash", "-e", "-c", "sleep 2"]}})), "sleeps 2 s"),
            (own(json!({"exec": {"command": ["sh", "/drain.sh"]}})), "runs a command"),
            // Without a shell `;` is a word like another.
            (own(json!({"exec": {"command": ["sleep", "3;", "nginx", "-s", "quit"]}})), "cannot be read"),
            (own(json!({})), "does nothing"),
            (PreStop::of_container(&json!({"name": "a"})), "does nothing"),
        ] {
            assert_eq!(found.to_string(), expected, "{found:?}");
        }
    }

    #[test]
    fn a_hook_lasts_at_least_as_long_as_it_sleeps() {
        for (text, first_s, all_s, only_sleeps) in [
            ("sleep 3; apachectl -k graceful-stop; sleep 30", 3.0, 33.0, false),
            ("sleep 2 && sleep 0.5", 2.5, 2.5, true),
            ("date; sleep 4", 0.0, 4.0, false),
            ("test -e /x || sleep 5", 0.0, 0.0, false),
        ] {
            let found = shell_in("httpd", text);
            assert!((found.first_sleep_s() - first_s).abs() < 1e-9, "{found:?}");
            assert!((found.least_s() - all_s).abs() < 1e-9, "{found:?}");
            assert_eq!(found.only_sleeps(), only_sleeps, "{found:?}");
        }
    }

    #[test]
    fn the_first_stop_that_is_known_is_the_hooks() {
        for (text, expected) in [
            ("nginx -s quit; sleep 5; kill -TERM 1", Some(StopKind::Graceful)),
            ("kill -TERM 1; nginx -s quit", Some(StopKind::Quick)),
            ("kill -TTIN 1; nginx -s quit", Some(StopKind::Graceful)),
            ("kill -TTIN 1", Some(StopKind::Unknown)),
            ("kill -HUP 1; sleep 1", None),
            // Also where how long it waits cannot be read.
            ("kill -QUIT $(cat /run/nginx.pid); sleep 3", Some(StopKind::Graceful)),
            ("nginx -s quit || sleep 3", Some(StopKind::Graceful)),
        ] {
            assert_eq!(shell_in("nginx", text).stop(), expected, "{text}");
        }
    }
}
