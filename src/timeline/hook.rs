//! What a workload's preStop hook says that it does. A hook's end is invisible to the API; its words tell at least how long it
//! waits.

use serde_json::Value;

/// The preStop hook of a pod's main container.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Hook {
    /// There is none, or nothing is known of it.
    #[default]
    None,
    /// `preStop.sleep`: exactly so many seconds.
    Sleep(f64),
    /// `preStop.exec`.
    Exec(Script),
    /// `preStop.httpGet`: how long it takes is not known.
    Http,
}

/// What a command does, as far as it is a plain sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// Its words, for people.
    pub words: String,
    /// The seconds that it sleeps before its first other command, and altogether; `None` where it is no plain sequence.
    pub sleeps_s: Option<(f64, f64)>,
    /// It tells the server to stop.
    pub stop: Option<Stop>,
}

/// How a hook tells the server to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By a command that is known to be graceful: what is in flight is answered.
    Graceful,
    /// By a signal, or a command whose effect is the server's own matter.
    Signal,
}

impl Hook {
    /// The seconds that it surely lasts if nothing goes wrong.
    #[must_use]
    pub fn least_s(&self) -> f64 {
        match self {
            Self::Sleep(seconds) => *seconds,
            Self::Exec(script) => script.sleeps_s.map_or(0.0, |(_, all)| all),
            Self::None | Self::Http => 0.0,
        }
    }

    /// The same in nanoseconds.
    #[must_use]
    pub fn least_ns(&self) -> u64 {
        nanoseconds(self.least_s())
    }

    /// Whether it waits and does nothing else, so that its end follows from its beginning.
    #[must_use]
    pub fn only_sleeps(&self) -> bool {
        match self {
            Self::Sleep(_) => true,
            Self::Exec(script) => script.sleeps_s.is_some_and(|(first, all)| first >= all) && script.stop.is_none(),
            Self::None | Self::Http => false,
        }
    }

    /// Whether it can be read how long it waits.
    #[must_use]
    pub fn length_is_known(&self) -> bool {
        match self {
            Self::Sleep(_) => true,
            Self::Exec(script) => script.sleeps_s.is_some(),
            Self::None | Self::Http => false,
        }
    }

    /// How it begins the server's stop by itself, if it does.
    #[must_use]
    pub const fn stop(&self) -> Option<Stop> {
        match self {
            Self::Exec(script) => script.stop,
            Self::None | Self::Sleep(_) | Self::Http => None,
        }
    }

    /// The seconds that it sleeps before it does anything else; 0 where that is not known.
    #[must_use]
    pub fn first_sleep_s(&self) -> f64 {
        match self {
            Self::Sleep(seconds) => *seconds,
            Self::Exec(script) => script.sleeps_s.map_or(0.0, |(first, _)| first),
            Self::None | Self::Http => 0.0,
        }
    }

    /// The same in nanoseconds.
    #[must_use]
    pub fn first_sleep_ns(&self) -> u64 {
        nanoseconds(self.first_sleep_s())
    }

    /// The hook in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::None => "no preStop hook".to_owned(),
            Self::Sleep(seconds) => format!("preStop sleep {seconds} s"),
            Self::Exec(script) => format!("preStop `{}`", script.words),
            Self::Http => "preStop httpGet".to_owned(),
        }
    }

    /// The preStop hook of a container in a manifest.
    #[must_use]
    pub fn of_container(container: &Value) -> Self {
        container.pointer("/lifecycle/preStop").map(of_handler).unwrap_or_default()
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

fn of_handler(handler: &Value) -> Hook {
    if let Some(seconds) = handler.pointer("/sleep/seconds").and_then(Value::as_f64) {
        return Hook::Sleep(seconds);
    }
    if handler.get("httpGet").is_some() {
        return Hook::Http;
    }
    let Some(command) = handler.pointer("/exec/command").and_then(Value::as_array) else { return Hook::None };
    let words: Vec<&str> = command.iter().filter_map(Value::as_str).collect();
    Hook::Exec(script(&words))
}

fn script(argv: &[&str]) -> Script {
    let shell =
        argv.first().is_some_and(|program| matches!(program.rsplit('/').next(), Some("sh" | "bash" | "dash" | "ash")));
    let inner = match argv {
        [_, flags, text, ..] if shell && flags.starts_with('-') && flags.contains('c') => (*text).to_owned(),
        _ => argv.join(" "),
    };
    Script { sleeps_s: sleeps(&inner), stop: stop(&inner), words: inner }
}

/// Seconds slept before the first other command, and altogether.
fn sleeps(text: &str) -> Option<(f64, f64)> {
    // Anything but a sequence of commands may skip or repeat a sleep.
    let plain = text.replace("&&", ";");
    if plain.contains(['|', '&', '(', '{', '`', '<', '>']) || plain.contains("$(") {
        return None;
    }
    let (mut first, mut all, mut only_slept) = (0.0, 0.0, true);
    for command in plain.split([';', '\n']).map(str::trim).filter(|command| !command.is_empty()) {
        let mut words = command.split_whitespace();
        let program = words.next().unwrap_or_default();
        if matches!(program, "if" | "while" | "until" | "for" | "case") {
            return None;
        }
        if program.rsplit('/').next() == Some("sleep") {
            let seconds: f64 = words.map(duration_s).sum::<Option<f64>>()?;
            all += seconds;
            if only_slept {
                first += seconds;
            }
        } else {
            only_slept = false;
        }
    }
    Some((first, all))
}

/// `3`, `0.5`, `2m`: GNU sleep's own words.
fn duration_s(word: &str) -> Option<f64> {
    let (number, unit) = match word.char_indices().last()? {
        (at, 's') => (&word[..at], 1.0),
        (at, 'm') => (&word[..at], 60.0),
        (at, 'h') => (&word[..at], 3_600.0),
        _ => (word, 1.0),
    };
    number.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).map(|seconds| seconds * unit)
}

/// Programs that stop Apache or nginx, under the names that distributions and forks give them.
const CONTROLS: [&str; 9] =
    ["apachectl", "apache2ctl", "httpd", "apache2", "nginx", "openresty", "angie", "freenginx", "tengine"];

/// Words that tell a server to stop: Apache's and nginx's own, and a signal to the main process. A program that is not known, a
/// misspelt one too, tells nobody anything that is known.
fn stop(text: &str) -> Option<Stop> {
    let told = text.split([';', '&', '|', '\n']).filter_map(stop_of_command);
    told.reduce(|one, other| if Stop::Graceful == one { one } else { other })
}

fn stop_of_command(command: &str) -> Option<Stop> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let runs = |programs: &[&str]| {
        words.iter().any(|word| word.rsplit('/').next().is_some_and(|name| programs.contains(&name)))
    };
    let has = |option: &str, value: &str| words.windows(2).any(|pair| pair == [option, value]);
    let (controls, kills) = (runs(&CONTROLS), runs(&["kill", "pkill", "killall"]));
    // nginx, and many after it, drain on SIGQUIT; Apache on SIGWINCH.
    let gentle = ["-QUIT", "-SIGQUIT", "-3", "-WINCH", "-SIGWINCH", "-28"];
    let signal = words.iter().any(|word| gentle.contains(word)) || has("-s", "QUIT") || has("-s", "WINCH");
    if (controls && (has("-k", "graceful-stop") || has("-s", "quit"))) || (kills && signal) {
        return Some(Stop::Graceful);
    }
    (kills || (controls && (has("-k", "stop") || has("-s", "stop")))).then_some(Stop::Signal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exec(text: &str) -> Hook {
        of_handler(&json!({"exec": {"command": ["sh", "-c", text]}}))
    }

    #[test]
    fn the_classic_sequence_waits_stops_and_waits() {
        let hook = exec("sleep 3; apachectl -k graceful-stop; sleep 30");
        assert!((hook.least_s() - 33.0).abs() < 1e-9 && hook.stop() == Some(Stop::Graceful) && !hook.only_sleeps());
        let Hook::Exec(script) = &hook else { panic!("{hook:?}") };
        assert_eq!(script.sleeps_s, Some((3.0, 33.0)));
    }

    #[test]
    fn a_hook_that_only_waits_is_known_to_the_second() {
        for (hook, seconds) in [
            (of_handler(&json!({"sleep": {"seconds": 4}})), 4.0),
            (exec("sleep 2 && sleep 0.5"), 2.5),
            (of_handler(&json!({"exec": {"command": ["/bin/sleep", "1m"]}})), 60.0),
        ] {
            assert!(hook.only_sleeps() && (hook.least_s() - seconds).abs() < 1e-9, "{hook:?}");
        }
    }

    #[test]
    fn what_is_no_plain_sequence_surely_waits_for_nothing() {
        for text in ["test -e /x || sleep 5", "while sleep 1; do :; done", "(sleep 5) &", "sleep $N", "sleep 5 | cat"] {
            assert!(exec(text).least_s() < 1e-9 && !exec(text).only_sleeps(), "{text}");
        }
    }

    #[test]
    fn commands_that_stop_a_server_are_known() {
        for text in ["nginx -s quit", "httpd -k graceful-stop", "kill -QUIT 1", "/usr/bin/pkill -WINCH httpd"] {
            assert_eq!(exec(text).stop(), Some(Stop::Graceful), "{text}");
        }
        for text in ["kill -TERM 1", "kill 1; sleep 3", "nginx -s stop"] {
            assert_eq!(exec(text).stop(), Some(Stop::Signal), "{text}");
        }
        for text in ["sleep 3", "curl -s localhost/quit", "echo kills", "apachectl -k graceful", "ngnix -s quit"] {
            assert_eq!(exec(text).stop(), None, "{text}");
        }
    }

    #[test]
    fn the_hook_is_found_in_the_container() {
        let container = json!({"name": "b", "lifecycle": {"preStop": {"httpGet": {"path": "/stop", "port": 80}}}});
        assert_eq!(Hook::of_container(&container), Hook::Http);
        assert_eq!(Hook::of_container(&json!({"name": "a"})), Hook::None);
    }
}
