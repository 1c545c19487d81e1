//! What to change where the grace period ran out.

use super::advise::{Advice, MARGIN_S, Rules, sentence};
use super::measured::{Measured, whole};
use super::reaction::Ignored;
use super::subject::Subject;
use crate::diagnose::Cause;
use crate::servers::{Server, ServerFacts};

impl Rules<'_> {
    pub(super) fn killed(&mut self, attempts: u64) -> Advice {
        let cause = Cause::KilledAtGraceEnd;
        let grace_s = self.subject.grace_s;
        if let Some(ignored) = self.ignored {
            return self.ignored(cause, attempts, ignored);
        }
        if grace_was_enough(self.subject, self.measured) {
            return self.killed_without_need(attempts);
        }
        if stops_quickly(self.subject) {
            let why = format!(
                "The grace period of {grace_s} s ended while requests were in flight, and with a longer one the stop signal would cut \
                 them. {}",
                self.cut_words()
            );
            return self.hook(cause, attempts, why);
        }
        let needed_s = needed_s(self.subject, self.measured).max(if self.hook_changes { self.grace_s } else { 0 });
        self.grace_s = needed_s;
        self.changes.grace_s = Some(needed_s);
        let if_drains = match self.subject.server {
            Server::Unknown if self.subject.hook.stop().is_none() => {
                " This helps only if the server answers them on its stop signal."
            }
            Server::Unknown | Server::Known(_) | Server::BuiltIn => "",
        };
        Advice {
            cause,
            attempts,
            field: Some("spec.template.spec.terminationGracePeriodSeconds".to_owned()),
            value: Some(needed_s.to_string()),
            text: format!(
                "The grace period of {grace_s} s ended while requests were in flight. {} {needed_s} s are enough for \
                 the hook, for these requests, and {MARGIN_S} s of reserve.{if_drains}",
                self.slowest_words()
            ),
        }
    }

    /// No request needed the whole grace period, and the record does not show that the server went on serving.
    fn killed_without_need(&mut self, attempts: u64) -> Advice {
        let (cause, grace_s) = (Cause::KilledAtGraceEnd, self.subject.grace_s);
        if self.reacted {
            let text = format!(
                "The server closed its listener on its stop signal, and was not done after {grace_s} s of grace although no request \
                 needed that long: something else keeps it, for example kept-alive connections that it does not close. {}",
                self.slowest_words()
            );
            return sentence(cause, attempts, text);
        }
        let why = format!(
            "The server was killed after {grace_s} s of grace although no request needed that long: it does not end on its \
             stop signal. A shell that is the container's main process passes no signal on; start the server with `exec`. {}",
            self.cut_words()
        );
        if can_be_told(self.subject) { self.hook(cause, attempts, why) } else { sentence(cause, attempts, why) }
    }

    /// The server did not react to its stop signal: no length of the grace period or of a hook changes that.
    pub(super) fn ignored(&mut self, cause: Cause, attempts: u64, ignored: Ignored) -> Advice {
        let Ignored { pods, answered_s, as_before } = ignored;
        let (who, were) = if pods == 1 { ("1 pod".to_owned(), "was") } else { (format!("{pods} pods"), "were") };
        let what = if as_before { "still answered new requests" } else { "still answered new requests, with errors," };
        let mut why = format!(
            "The server did not end on its stop signal: {who} {what} {answered_s:.1} s after it, listened to the last, and {were} \
             killed (exit code 137) at the end of the grace period of {} s.",
            self.subject.grace_s
        );
        if !as_before {
            why.push_str(" On its stop signal it must close its listener, answer what is in flight and end. A longer grace period only delays the kill.");
            self.changes.elsewhere = true;
            return sentence(cause, attempts, why);
        }
        why = why.replacen("did not end on", "did not react to", 1);
        why.push_str(
            " It has no handler for the signal, or a shell is the container's main process and passes no signal on: start the server \
             with `exec`, so that it is the main process.",
        );
        if can_be_told(self.subject) {
            let why = format!("{why} {}", self.cut_words());
            return self.hook(cause, attempts, why);
        }
        self.changes.elsewhere = true;
        why.push_str(" A longer grace period or hook only delays the kill.");
        match with_exec(self.subject) {
            Some(value) => {
                Advice { cause, attempts, field: Some(self.subject.field("command")), value: Some(value), text: why }
            }
            None => sentence(cause, attempts, why),
        }
    }
}

/// Whether the server can be told to stop in another way than by its stop signal, which a shell may keep from it.
fn can_be_told(subject: &Subject<'_>) -> bool {
    let command = subject.server.graceful_command();
    subject.server == Server::BuiltIn || command.is_some_and(|command| !command.starts_with("kill "))
}

/// Whether the stop signal cuts what is in flight, and no hook stops the server before.
pub(super) fn stops_quickly(subject: &Subject<'_>) -> bool {
    subject.hook.stop().is_none() && subject.server.facts().is_some_and(ServerFacts::quits_on_sigterm)
}

/// The container's command whose shell gives its place to its last program; `None` where it starts no shell, or does so already.
fn with_exec(subject: &Subject<'_>) -> Option<String> {
    let words = |key: &str| subject.container.get(key).and_then(|words| words.as_array().cloned());
    let command: Vec<_> = ["command", "args"].into_iter().filter_map(words).flatten().collect();
    let [shell, option, script] = command.as_slice() else { return None };
    let is_shell = shell.as_str().and_then(|path| path.rsplit('/').next()).is_some_and(|name| name.ends_with("sh"));
    let script =
        script.as_str().filter(|_| is_shell && option.as_str() == Some("-c"))?.trim_end_matches([';', ' ', '\n']);
    // In a pipe, beside a program in the background, or in quotes, the last words are not the server alone.
    if script.replace("&&", ";").contains(['|', '&', '\'', '"', '`', '(']) {
        return None;
    }
    let at = script.rfind([';', '\n', '&']).map_or(0, |at| at + 1);
    let (before, last) = script.split_at(at);
    let last = last.trim_start();
    let plain =
        !last.is_empty() && !last.starts_with("exec ") && !matches!(last, "done" | "fi" | "esac" | "}" | "wait");
    plain.then(|| {
        let space = if before.is_empty() { "" } else { " " };
        serde_json::json!([shell, option, format!("{before}{space}exec {last}")]).to_string()
    })
}

/// The grace period that the hook that is there and the slowest request need.
fn needed_s(subject: &Subject<'_>, measured: &Measured) -> u64 {
    let last_s = measured.last_sleep_s().unwrap_or(0);
    let (first_s, all_s) = (whole(subject.hook.first_sleep_s()), whole(subject.hook.least_s()));
    // A hook that stops the server gives what is in flight the rest of its own time.
    let busy_s = if subject.hook.stop().is_some() { all_s.max(first_s + last_s) } else { all_s + last_s };
    busy_s + MARGIN_S
}

pub(super) fn grace_was_enough(subject: &Subject<'_>, measured: &Measured) -> bool {
    needed_s(subject, measured) <= subject.grace_s
}
