//! The preStop hook that a variant needs: wait until no new connection comes, stop gracefully, wait for what is in flight.

use serde_json::{Value, json};

use super::measured::whole;
use super::subject::Subject;
use crate::servers::{DrainLimit, HookScript, HookStep, PreStop, Server, ServerFacts, StopKind};

/// The wait before the stop where this run could not measure how long new connections still came: Kubernetes' own usual one.
pub(super) const USUAL_FIRST_S: u64 = 3;

/// What the stop of a pod must give time for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waits {
    /// Seconds before the server is stopped; `None` if that was not measured.
    pub(super) first_s: Option<u64>,
    /// Seconds for what is in flight as it is stopped; `None` if nothing was cut.
    pub(super) last_s: Option<u64>,
    pub(super) broken: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StopPlan {
    /// The new `preStop`; `None` if it cannot or need not be changed.
    pub(super) pre_stop: Option<Value>,
    /// The container's new `args`, if those change.
    pub(super) args: Option<Vec<String>>,
    /// Seconds from the deletion until all is over.
    pub(super) until_done_s: u64,
    /// The change in words; empty if there is none.
    pub(super) value: String,
    /// What else a reader must know, as sentences; empty if nothing.
    pub(super) further: String,
}

/// The hook that gives the time of `waits`. It is never shorter than the one that is there.
pub(super) fn stop_plan(subject: &Subject<'_>, waits: Waits) -> StopPlan {
    let slept_s = whole(subject.hook.first_sleep_s());
    let first_s = waits.first_s.unwrap_or(if slept_s > 0 { 0 } else { USUAL_FIRST_S }).max(slept_s);
    let last_s = waits.last_s.unwrap_or(0);
    if waits.broken {
        let seconds = whole(subject.hook.least_s()).max(first_s + last_s);
        return sleeping(seconds, last_s);
    }
    let found = match (&subject.hook, subject.server, waits.last_s) {
        (PreStop::HttpGet, ..) => by_http(first_s, last_s),
        (hook, Server::BuiltIn, Some(last_s)) if hook.stop().is_none() => target(subject, first_s, last_s),
        (PreStop::Exec(script), Server::Known(facts), Some(last_s)) if can_be_replaced(script, facts) => {
            drained(subject.server, first_s, last_s, 0)
        }
        // What the hook does is kept, and gets what it lacks.
        (PreStop::Exec(script), server, _) => {
            let command = server.graceful_command().filter(|_| waits.last_s.is_some() && script.stop.is_none());
            lengthened(subject, script, first_s, command, last_s)
        }
        (hook, server, Some(last_s)) => {
            let waited_s = whole(hook.least_s());
            drained(server, first_s, last_s, waited_s)
        }
        (_, _, None) => sleeping(first_s, 0),
    };
    unless_there_already(subject, found)
}

fn unless_there_already(subject: &Subject<'_>, found: StopPlan) -> StopPlan {
    if found.pre_stop.as_ref() != subject.container.pointer("/lifecycle/preStop") || found.args.is_some() {
        return found;
    }
    let further = "The hook waits as long already, so that a longer one would change nothing.".to_owned();
    StopPlan { pre_stop: None, value: String::new(), further, ..found }
}

fn by_http(first_s: u64, last_s: u64) -> StopPlan {
    let further = format!(
        "A hook has one handler, and `httpGet` is taken: let what it calls answer only after {first_s} s, and let the server \
         then answer what is in flight."
    );
    StopPlan { until_done_s: first_s + last_s, further, ..StopPlan::default() }
}

/// Kubelet's own sleep, which needs no program in the image; then `drain_s` for what goes on after the stop signal.
fn sleeping(seconds: u64, drain_s: u64) -> StopPlan {
    StopPlan {
        pre_stop: Some(json!({"sleep": {"seconds": seconds}})),
        until_done_s: seconds + drain_s,
        value: format!("sleep: {{seconds: {seconds}}}"),
        ..StopPlan::default()
    }
}

/// Whether nothing is lost with a hook that only waits and stops the server at once, because it can be stopped better.
fn can_be_replaced(script: &HookScript, facts: &ServerFacts) -> bool {
    let waits_or_stops = |step: &HookStep| matches!(step, HookStep::Sleeps(_) | HookStep::Stops(_));
    let nothing_else = script.steps.as_ref().is_some_and(|steps| steps.iter().all(waits_or_stops));
    let better = facts.graceful_command.is_some() || facts.drains_on_sigterm();
    script.stop == Some(StopKind::Quick) && nothing_else && better
}

/// A hook that begins the server's graceful stop. A server of which it is not known how is stopped when nothing is in flight any more.
/// The hook that is there waits `waited_s` and does nothing else.
fn drained(server: Server, first_s: u64, last_s: u64, waited_s: u64) -> StopPlan {
    let further = match server.facts() {
        Some(ServerFacts { graceful_command: Some(command), .. }) => {
            return sequence(&format!("sleep {first_s}; {command}; sleep {last_s}"), first_s + last_s);
        }
        Some(facts) if facts.drains_on_sigterm() => format!(
            "{} answers what is in flight on SIGTERM by itself{}: if that is its stop signal and reaches it, {first_s} s are \
             enough, and kept-alive connections are safe too.",
            facts.name,
            limit_words(facts)
        ),
        _ if waited_s >= first_s => format!(
            "How this server is stopped gracefully is not known here. It did not answer what was in flight after the {waited_s} s that \
             its hook waits already: {last_s} s more let it stop when nothing is in flight."
        ),
        _ => format!(
            "How this server is stopped gracefully is not known here, so that the hook waits {first_s} s for routing and {last_s} s for \
             what is in flight. If the server answers what is in flight on its stop signal by itself, as it should, {first_s} s are \
             enough, and kept-alive connections are safe too."
        ),
    };
    StopPlan { further, ..sleeping(first_s + last_s, 0) }
}

fn limit_words(facts: &ServerFacts) -> String {
    match facts.drain_limit {
        Some(DrainLimit { setting, default_s: Some(seconds) }) => {
            format!(", for {seconds} s unless {setting} says otherwise")
        }
        Some(DrainLimit { setting, default_s: None }) => format!(", as long as {setting} allows"),
        None => String::new(),
    }
}

fn sequence(script: &str, seconds: u64) -> StopPlan {
    StopPlan {
        pre_stop: Some(json!({"exec": {"command": ["sh", "-c", script]}})),
        until_done_s: seconds,
        value: format!("sh -c \"{script}\""),
        ..StopPlan::default()
    }
}

/// The built-in server drains by itself, on the stop signal.
fn target(subject: &Subject<'_>, first_s: u64, last_s: u64) -> StopPlan {
    if drains_already(subject) {
        return sleeping(first_s, last_s);
    }
    let present = subject.container.get("args").and_then(Value::as_array).into_iter().flatten();
    let mut args = Vec::new();
    let mut value_follows = false;
    for arg in present.filter_map(Value::as_str) {
        if !value_follows && arg != "--on-term" && !arg.starts_with("--on-term=") {
            args.push(arg.to_owned());
        }
        value_follows = arg == "--on-term";
    }
    args.push("--on-term=drain".to_owned());
    let slept = sleeping(first_s, last_s);
    StopPlan { args: Some(args), value: format!("{}, with the argument --on-term=drain", slept.value), ..slept }
}

/// Whether the built-in server's arguments tell it to drain.
pub(super) fn drains_already(subject: &Subject<'_>) -> bool {
    let args = subject.container.get("args").and_then(Value::as_array).into_iter().flatten();
    let args: Vec<&str> = args.filter_map(Value::as_str).collect();
    args.contains(&"--on-term=drain") || args.windows(2).any(|pair| pair == ["--on-term", "drain"])
}

/// The command that is there, with a first sleep of `first_s`, `command` if it stops nothing itself, and `last_s` after that.
fn lengthened(
    subject: &Subject<'_>,
    script: &HookScript,
    first_s: u64,
    command: Option<&str>,
    last_s: u64,
) -> StopPlan {
    let (slept_s, all_s) = (whole(subject.hook.first_sleep_s()), whole(subject.hook.least_s()));
    let awaited_s = if script.stop.is_some() { all_s.saturating_sub(slept_s) } else { 0 };
    let more_s = last_s.saturating_sub(awaited_s);
    let until_done_s = all_s + (first_s - slept_s) + more_s;
    if !can_be_a_shells(subject, script) {
        let further = format!(
            "Let `{}` wait {first_s} s before it stops the server, and return only {last_s} s after.",
            script.words
        );
        return StopPlan { until_done_s, further, ..StopPlan::default() };
    }
    let words = script.words.trim_end_matches([';', ' ', '\n']);
    let mut parts = Vec::new();
    match words.strip_prefix(&format!("sleep {slept_s}")) {
        _ if first_s == slept_s => parts.push(words.to_owned()),
        Some(rest) if rest.is_empty() || rest.starts_with([';', ' ', '\n']) => {
            parts.push(format!("sleep {first_s}{rest}"));
        }
        _ => parts.extend([format!("sleep {}", first_s - slept_s), words.to_owned()]),
    }
    parts.extend(command.map(str::to_owned));
    if more_s > 0 {
        parts.push(format!("sleep {more_s}"));
    }
    let mut plan = sequence(&parts.join("; "), until_done_s);
    if command.is_none() && more_s > 0 {
        let further = match script.stop {
            Some(StopKind::Graceful) => "",
            Some(StopKind::Quick) => "The hook stops the server without letting it answer what is in flight.",
            Some(StopKind::Unknown) | None => {
                "Whether the server answers what is in flight meanwhile is its own matter."
            }
        };
        further.clone_into(&mut plan.further);
    }
    plan
}

/// Whether more commands can be put around these words, and a shell then takes them as they were meant. Those of a command
/// that is no shell's may have been quoted.
fn can_be_a_shells(subject: &Subject<'_>, script: &HookScript) -> bool {
    let program = subject.container.pointer("/lifecycle/preStop/exec/command/0").and_then(Value::as_str);
    let shell = program.and_then(|path| path.rsplit('/').next()).is_some_and(|name| name.ends_with("sh"));
    let plain = shell || script.words.chars().all(|c| c.is_ascii_alphanumeric() || " ._/=-".contains(c));
    let mut words = script.words.split(|c: char| c.is_whitespace() || c == ';');
    // What follows these is not reached; of what is no plain sequence the end is not known.
    let ends = words.any(|word| matches!(word, "exec" | "exit" | "#"));
    plain && !ends && script.steps.is_some()
}
