//! The rules: from causes and figures to fields and values.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error_at_stop::{self, EndedFirst, ErrorAtStop};
use super::measured::{Measured, of_trials, whole};
use super::outage::Outage;
use super::patch::{Changes, patch};
use super::stop_plan::{StopPlan, USUAL_FIRST_S, Waits, stop_plan};
use super::subject::Subject;
use crate::diagnose::{Cause, Diagnosis};
use crate::servers::Server;
use crate::spec::{RequestSpec, VariantSpec};
use crate::timeline::{Trial, Unselected};

/// Seconds of the grace period that are left in hand before the kill.
const MARGIN_S: u64 = 5;

/// The causes beside cuts that a hook cures.
const HOOKED: [Cause; 3] = [Cause::EndpointRace, Cause::BacklogReset, Cause::PrestopFailed];

// What helps where no field of the workload's manifest does.
const OF_A_RACE: &str = "The server closed an idle kept-alive connection while a request was written on it. Return `Connection: close` \
                         while the server drains, and let clients retry idempotent requests; no field of the manifest prevents \
                         this race.";
const OF_A_PROXY: &str = "A proxy or load balancer in front of the pods answered in their place: keep each pod until the proxy has \
                          removed it, or configure the proxy to retry failed requests on another pod.";
const OF_A_SERVER_ERROR: &str = "The application itself sent a status that was not expected; its log tells why.";
const OF_CONNTRACK: &str = "A connect met the NAT entry of an earlier one that timed out. This happens when pods vanish while \
                            connections are still routed to them; a fix for those losses fixes this one too.";
const OF_THE_UNKNOWN: &str = "The evidence does not show what to change.";

/// What to change because of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// The cause.
    pub cause: Cause,
    /// Lost attempts of judged arms in counting trials that had it.
    pub attempts: u64,
    /// The path of the field to change; `None` if no field of the manifest would help.
    pub field: Option<String>,
    /// Its new value.
    pub value: Option<String>,
    /// Why, with the measured figures, in sentences.
    pub text: String,
}

/// Everything that is advised for one variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advised {
    /// The figures behind it.
    pub measured: Measured,
    /// One for each cause, that of the most lost requests first.
    pub advice: Vec<Advice>,
    /// A strategic merge patch of the workload that does all of it, as `kubectl patch` takes it; `None` if nothing in its manifest would
    /// help, or if its Service is to be changed too.
    pub patch: Option<Value>,
}

/// What to change in a variant, of which `trials` are those that count; `run` are those of all variants, and `diagnosis` is the whole
/// run's.
#[must_use]
pub fn advise(variant: &VariantSpec, trials: &[&Trial], run: &[&Trial], diagnosis: &Diagnosis) -> Advised {
    let mut causes: BTreeMap<Cause, u64> = BTreeMap::new();
    for (_, incident) in of_trials(variant, trials, diagnosis) {
        let count = causes.entry(incident.cause).or_default();
        *count = count.saturating_add(incident.attempts);
    }
    let Some(subject) = Subject::of(variant) else {
        let text =
            format!("The record does not hold the manifest of {}, so no field can be named.", variant.workload());
        let advice = causes.into_iter().map(|(cause, attempts)| sentence(cause, attempts, text.clone())).collect();
        return Advised { advice, ..Advised::default() };
    };
    let measured = Measured::of(variant, &subject, trials, run, diagnosis);
    let at_stop = ErrorAtStop::of(variant, &subject, trials, diagnosis);
    let mut rules = Rules::new(variant, &subject, &measured, &causes, at_stop);
    rules.unselected = trials.iter().find_map(|trial| Unselected::of(variant, trial));
    let mut advice: Vec<Advice> = causes.into_iter().map(|(cause, attempts)| rules.of(cause, attempts)).collect();
    advice.sort_by_key(|one| Reverse(one.attempts));
    // The workload alone cannot cure what the Service's selector causes, and a patch that looks whole must not leave that out.
    let of_service = rules.unselected.is_some() && advice.iter().any(|one| one.cause == Cause::NoEndpoint);
    let patch = patch(&subject, &rules.changes, variant.surge()).filter(|_| !of_service);
    Advised { measured, advice, patch }
}

pub(super) fn sentence(cause: Cause, attempts: u64, text: String) -> Advice {
    Advice { cause, attempts, field: None, value: None, text }
}

struct Rules<'a> {
    variant: &'a VariantSpec,
    subject: &'a Subject<'a>,
    measured: &'a Measured,
    /// The stop that serves all causes.
    stop: StopPlan,
    hook_changes: bool,
    /// The grace period that this stop needs, never less than there is.
    grace_s: u64,
    /// In a trial the Service selected none of the new pods.
    unselected: Option<Unselected>,
    at_stop: ErrorAtStop,
    changes: Changes,
}

impl<'a> Rules<'a> {
    fn new(
        variant: &'a VariantSpec,
        subject: &'a Subject<'a>,
        measured: &'a Measured,
        causes: &BTreeMap<Cause, u64>,
        at_stop: ErrorAtStop,
    ) -> Self {
        let has = |cause| causes.contains_key(&cause);
        let killed_without_need = has(Cause::KilledAtGraceEnd) && grace_was_enough(subject, measured);
        let cut = has(Cause::CutAtStop) || has(Cause::DrainNotAwaited) || killed_without_need;
        let waits = Waits {
            first_s: measured.first_sleep_s(),
            last_s: measured.last_sleep_s().filter(|_| cut),
            broken: has(Cause::PrestopFailed),
        };
        let stop = stop_plan(subject, waits);
        let by_hook = cut || at_stop.anew || HOOKED.into_iter().any(has);
        let hook_changes = by_hook && stop.pre_stop.is_some();
        let drain_s = measured.last_sleep_s().unwrap_or(0);
        let first_s = waits.first_s.unwrap_or(0).max(whole(subject.hook.first_sleep_s()));
        let busy_s = if waits.last_s.is_some() {
            stop.until_done_s
        } else if subject.hook.stop().is_some() {
            // What is in flight has the rest of the hook's own time.
            stop.until_done_s.max(first_s + drain_s)
        } else {
            // What is in flight as a plain sleep ends goes on after the stop signal.
            stop.until_done_s + drain_s
        };
        let grace_s = subject.grace_s.max(busy_s + MARGIN_S);
        let changes = Changes::default();
        Self { variant, subject, measured, stop, hook_changes, grace_s, unselected: None, at_stop, changes }
    }

    fn of(&mut self, cause: Cause, attempts: u64) -> Advice {
        match cause {
            Cause::EndpointRace | Cause::BacklogReset => self.hook(cause, attempts, self.lag_words()),
            Cause::CutAtStop => self.hook(cause, attempts, self.cut_words()),
            Cause::DrainNotAwaited => {
                let why = format!(
                    "{} begins a graceful stop and returns, and the stop signal cut the drain. {}",
                    self.subject.hook.words(),
                    self.slowest_words()
                );
                self.hook(cause, attempts, why)
            }
            Cause::PrestopFailed => {
                let why = format!(
                    "{} failed, so it protected nothing. `preStop.sleep` needs no program in the image, and lasts as long as \
                     the hook was to.",
                    self.subject.hook.words()
                );
                self.hook(cause, attempts, why)
            }
            Cause::KilledAtGraceEnd => self.killed(attempts),
            Cause::ErrorAtStop => self.error_at_stop(attempts),
            Cause::NotReadyYet => self.not_ready_yet(attempts),
            Cause::Overload => self.overload(attempts),
            Cause::NoEndpoint => {
                let outage = Outage { variant: self.variant, subject: self.subject };
                outage.advice(self.unselected.as_ref(), attempts, &mut self.changes)
            }
            Cause::KeepaliveRace => sentence(cause, attempts, OF_A_RACE.to_owned()),
            Cause::Proxy => sentence(cause, attempts, OF_A_PROXY.to_owned()),
            Cause::ServerError => sentence(cause, attempts, OF_A_SERVER_ERROR.to_owned()),
            Cause::StaleConntrack => sentence(cause, attempts, OF_CONNTRACK.to_owned()),
            Cause::Unknown => sentence(cause, attempts, OF_THE_UNKNOWN.to_owned()),
        }
    }

    /// The hook and the grace period that goes with it.
    fn hook(&mut self, cause: Cause, attempts: u64, why: String) -> Advice {
        let mut text = vec![why];
        let changed = self.stop.pre_stop.is_some();
        if changed {
            self.changes.pre_stop.clone_from(&self.stop.pre_stop);
            self.changes.args.clone_from(&self.stop.args);
            text.extend(self.grace());
        }
        if !self.stop.further.is_empty() {
            text.push(self.stop.further.clone());
        }
        // The usual image of a server that is told to stop by a command has a shell; so has the built-in server's.
        let shell_is_known = match self.subject.server {
            Server::BuiltIn => true,
            Server::Known(facts) => facts.graceful_command.is_some(),
            Server::Unknown => false,
        };
        if self.stop.value.starts_with("sh ") && !shell_is_known {
            text.push("The hook needs `sh` in the image.".to_owned());
        }
        let field = changed.then(|| self.subject.field("lifecycle.preStop"));
        let value = changed.then(|| self.stop.value.clone());
        Advice { cause, attempts, field, value, text: text.join(" ") }
    }

    fn error_at_stop(&mut self, attempts: u64) -> Advice {
        let cause = Cause::ErrorAtStop;
        let kept = self.at_stop.kept.then_some(error_at_stop::KEPT);
        if let Some(EndedFirst { name, index, .. }) = &self.at_stop.ended_first {
            let (name, index) = (name.clone(), *index);
            // It has to outlive the serving container's hook, and what that one still answers then.
            let hook_s = if self.hook_changes { self.stop.until_done_s } else { whole(self.subject.hook.least_s()) };
            let seconds = hook_s + self.measured.last_sleep_s().unwrap_or(1);
            self.grace_s = self.grace_s.max(seconds + MARGIN_S);
            let why = self.at_stop.ended_first.as_ref().map_or_else(String::new, |other| other.advice(seconds));
            let mut text = format!("{} {why}", error_at_stop::WHY);
            if let Some(index) = index {
                self.changes.other_hook = Some((name, EndedFirst::hook(seconds)));
                if self.hook_changes {
                    self.changes.pre_stop.clone_from(&self.stop.pre_stop);
                    let _ = write!(text, " {} Its own hook: {}.", self.lag_words(), self.stop.value);
                }
                let grace = self.grace().into_iter();
                let text = std::iter::once(text).chain(grace).chain(kept.map(str::to_owned)).collect::<Vec<_>>();
                let field = Some(format!("spec.template.spec.containers[{index}].lifecycle.preStop"));
                let value = Some(format!("sleep: {{seconds: {seconds}}}"));
                return Advice { cause, attempts, field, value, text: text.join(" ") };
            }
            return sentence(cause, attempts, text);
        }
        if !self.at_stop.anew {
            return sentence(cause, attempts, format!("{} {}", error_at_stop::WHY, error_at_stop::KEPT));
        }
        let why = [error_at_stop::WHY, &self.lag_words()].into_iter().chain(kept).collect::<Vec<_>>().join(" ");
        self.hook(cause, attempts, why)
    }

    /// Raises the grace period where the stop needs more.
    fn grace(&mut self) -> Option<String> {
        (self.grace_s > self.subject.grace_s).then(|| {
            self.changes.grace_s = Some(self.grace_s);
            format!("terminationGracePeriodSeconds must then be {} s, including {MARGIN_S} s of reserve.", self.grace_s)
        })
    }

    fn lag_words(&self) -> String {
        match (self.measured.routing_lag_s, self.measured.first_sleep_s()) {
            (Some(lag), Some(sleep)) => format!(
                "New connections still reached a pod {lag:.1} s after its deletion: wait at least {sleep} s before the server stops."
            ),
            _ => format!(
                "New connections were still routed to a pod that had stopped; this run could not measure for how long. \
                 {USUAL_FIRST_S} s before the server stops is a usual wait."
            ),
        }
    }

    fn slowest_words(&self) -> String {
        match (self.measured.slowest_request_s, self.measured.last_sleep_s()) {
            (Some(slowest), Some(sleep)) => {
                let took = if self.measured.slowest_was_cut {
                    format!("The oldest request that was cut had taken {slowest:.1} s")
                } else {
                    format!("The slowest request took {slowest:.1} s")
                };
                format!("{took}: give requests in flight at least {sleep} s.")
            }
            _ => "This run could not measure how long a request takes.".to_owned(),
        }
    }

    fn cut_words(&self) -> String {
        let what = match (self.subject.server, self.subject.server.graceful_command()) {
            (Server::BuiltIn, _) => {
                "The stop signal cut requests in flight; with --on-term=drain they are answered.".to_owned()
            }
            (_, Some(command)) => {
                format!("The stop signal cut requests in flight; `{command}` lets the server answer them.")
            }
            (_, None) => "The stop cut requests in flight.".to_owned(),
        };
        format!("{what} {} {}", self.slowest_words(), self.lag_words())
    }

    fn killed(&mut self, attempts: u64) -> Advice {
        let cause = Cause::KilledAtGraceEnd;
        let grace_s = self.subject.grace_s;
        if grace_was_enough(self.subject, self.measured) {
            let why = format!(
                "The server was killed after {grace_s} s of grace although no request needed that long: it does not end on its \
                 stop signal. A shell that is the container's main process passes no signal on; start the server with `exec`. {}",
                self.cut_words()
            );
            // Waiting helps only a server that can be told to stop in another way.
            let otherwise = self.subject.server == Server::BuiltIn || self.subject.server.graceful_command().is_some();
            return if otherwise { self.hook(cause, attempts, why) } else { sentence(cause, attempts, why) };
        }
        let needed_s = needed_s(self.subject, self.measured).max(if self.hook_changes { self.grace_s } else { 0 });
        self.grace_s = needed_s;
        self.changes.grace_s = Some(needed_s);
        Advice {
            cause,
            attempts,
            field: Some("spec.template.spec.terminationGracePeriodSeconds".to_owned()),
            value: Some(needed_s.to_string()),
            text: format!(
                "The grace period of {grace_s} s ended while requests were in flight. {} {needed_s} s are enough for \
                 the hook, for these requests, and {MARGIN_S} s of reserve.",
                self.slowest_words()
            ),
        }
    }

    fn not_ready_yet(&mut self, attempts: u64) -> Advice {
        let cause = Cause::NotReadyYet;
        let late = self.measured.ready_to_served_s.map_or_else(String::new, |late| {
            format!(" The slowest of them served {late:.1} s after it was declared ready.")
        });
        let field = self.subject.field("readinessProbe");
        if self.subject.container.get("readinessProbe").is_some() {
            let text = format!(
                "New pods were declared ready before they served.{late} Their readinessProbe passes too early: let it ask for \
                 what a request needs."
            );
            return Advice { cause, attempts, field: Some(field), value: None, text };
        }
        let text =
            format!("New pods got requests before they served, because nothing asks whether they are ready.{late}");
        if self.subject.target_port.is_null() {
            return Advice { cause, attempts, field: Some(field), value: None, text };
        }
        // A probe sends none of the load's headers, waits a second, and takes any 2xx or 3xx for ready: what needs a header, is
        // slow or wants another answer is nothing to ask for.
        let slow = |index: usize| u16::try_from(index).is_ok_and(|kind| self.measured.slow_kinds.contains(&kind));
        let plain = |kind: &RequestSpec| kind.method == "GET" && kind.statuses.is_empty() && kind.headers.is_empty();
        let kinds = self.variant.load.requests.iter().enumerate();
        let gets = kinds.filter(|(index, kind)| plain(kind) && !slow(*index)).map(|(_, kind)| kind);
        let path = gets.max_by(|a, b| a.share.total_cmp(&b.share)).map(|kind| kind.path.as_str());
        let port = &self.subject.target_port;
        let asks = path.map_or_else(
            || json!({"tcpSocket": {"port": port}}),
            |path| json!({"httpGet": {"path": path, "port": port}}),
        );
        let mut probe = asks;
        probe["periodSeconds"] = json!(1);
        let value = probe.to_string();
        self.changes.readiness = Some(probe);
        Advice { cause, attempts, field: Some(field), value: Some(value), text }
    }

    fn overload(&mut self, attempts: u64) -> Advice {
        let mut text = vec!["Requests were not answered in time by too few or too young pods.".to_owned()];
        let mut field = None;
        let mut value = None;
        if self.subject.is_deployment() && !self.subject.never_has_fewer(self.variant.replicas()) {
            self.changes.never_fewer = true;
            text.push("With maxUnavailable 0 no old pod goes before a new one is there.".to_owned());
            field = Some("spec.strategy.rollingUpdate.maxUnavailable".to_owned());
            value = Some("0".to_owned());
        }
        if let Some(slow) = self.measured.slow_start_s.filter(|slow| *slow > 0.0) {
            let seconds = whole(slow) + 1;
            self.changes.min_ready_s = Some(seconds);
            text.push(format!(
                "A new pod was still slow {slow:.1} s after it was ready: with minReadySeconds {seconds} it counts only then."
            ));
            field = Some("spec.minReadySeconds".to_owned());
            value = Some(seconds.to_string());
        }
        Advice { cause: Cause::Overload, attempts, field, value, text: text.join(" ") }
    }
}

/// The grace period that the hook that is there and the slowest request need.
fn needed_s(subject: &Subject<'_>, measured: &Measured) -> u64 {
    let last_s = measured.last_sleep_s().unwrap_or(0);
    let (first_s, all_s) = (whole(subject.hook.first_sleep_s()), whole(subject.hook.least_s()));
    // A hook that stops the server gives what is in flight the rest of its own time.
    let busy_s = if subject.hook.stop().is_some() { all_s.max(first_s + last_s) } else { all_s + last_s };
    busy_s + MARGIN_S
}

fn grace_was_enough(subject: &Subject<'_>, measured: &Measured) -> bool {
    needed_s(subject, measured) <= subject.grace_s
}
