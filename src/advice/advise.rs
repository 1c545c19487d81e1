//! The rules: from causes and figures to fields and values.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error_at_stop::{self, EndedFirst, ErrorAtStop};
use super::killed::{grace_was_enough, stops_quickly};
use super::lapses::Lapses;
use super::local_outage;
use super::measured::{Measured, of_trials, whole};
use super::outage::{Outage, of_service};
use super::patch::{Changes, patch};
use super::reaction::{Ignored, reacted};
use super::stop_plan::{StopPlan, Waits, stop_plan};
use super::subject::Subject;
use crate::diagnose::{Cause, Diagnosis};
use crate::servers::{PreStop, Server};
use crate::spec::VariantSpec;
use crate::timeline::{Trial, Unselected};

/// Seconds of the grace period that are left in hand before the kill.
pub(super) const MARGIN_S: u64 = 5;

/// The causes beside cuts that a hook cures.
const HOOKED: [Cause; 3] = [Cause::EndpointRace, Cause::BacklogReset, Cause::PrestopFailed];

// What helps where no field of the workload's manifest does.
const OF_A_RACE: &str = "The server closed an idle kept-alive connection while a request was written on it. Return `Connection: close` \
                         while the server drains, and let clients retry idempotent requests; no field of the manifest prevents \
                         this race.";
const OF_A_PROXY: &str = "A proxy or load balancer in front of the pods answered in their place: keep each pod until the proxy has \
                          removed it, or configure the proxy to retry failed requests on another pod.";
const OF_A_PROXYS_ROLLOUT: &str = "The proxy itself was being replaced, and what it carried was cut or met a pod that was not prepared. Let \
                                   each of its pods stay until nothing new is routed to it and finish what it carries (a preStop hook, its \
                                   own graceful stop, a grace period for both), and be ready only once it knows its routes; a run with the \
                                   proxy as its workload shows whether that holds.";
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
    /// A strategic merge patch of the workload that does all of it, as `kubectl patch` takes it, but for causes of few losses; `None` if
    /// nothing in its manifest would help, or if the Service, another object or the program is to be changed too.
    pub patch: Option<Value>,
}

/// A cause with fewer losses than one in so many decides nothing of the patch.
const MINOR: u64 = 20;

/// What to change in a variant, of which `trials` are those that count; `diagnosis` is the whole run's.
#[must_use]
pub fn advise(variant: &VariantSpec, trials: &[&Trial], diagnosis: &Diagnosis) -> Advised {
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
    let measured = Measured::of(variant, &subject, trials, diagnosis);
    let at_stop = ErrorAtStop::of(variant, &subject, trials, diagnosis);
    let major = major(&causes);
    let lapses = Lapses::of(variant, trials, diagnosis);
    let known = (at_stop, lapses, local_outage::nodes(variant, trials, diagnosis));
    let mut for_patch = Rules::new(variant, &subject, &measured, &major, trials, known.clone());
    let mut for_all = Rules::new(variant, &subject, &measured, &causes, trials, known);
    let advised = causes.into_iter().map(|(cause, attempts)| {
        let rules = if major.contains_key(&cause) { &mut for_patch } else { &mut for_all };
        rules.of(cause, attempts)
    });
    let mut advice: Vec<Advice> = advised.collect();
    advice.sort_by_key(|one| Reverse(one.attempts));
    let patch = patch(&subject, &for_patch.changes, variant.surge());
    Advised { measured, advice, patch }
}

/// The causes that the patch is for. What an outage hides shows only when it is over, so that shares beside it tell little.
fn major(causes: &BTreeMap<Cause, u64>) -> BTreeMap<Cause, u64> {
    let all = causes.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let outage = causes.get(&Cause::NoEndpoint).is_some_and(|count| count.saturating_mul(2) > all);
    let major = causes.iter().filter(|(_, count)| outage || count.saturating_mul(MINOR) >= all);
    major.map(|(cause, count)| (*cause, *count)).collect()
}

fn proxy_words(lag_s: f64) -> String {
    format!(
        "The proxy answered errors in the place of pods that had stopped, the last {lag_s:.1} s after a pod's deletion. A pod must serve for \
         longer than that once it is deleted, or the proxy must ask another one (`proxy_next_upstream`, `retries`)."
    )
}

pub(super) fn sentence(cause: Cause, attempts: u64, text: String) -> Advice {
    Advice { cause, attempts, field: None, value: None, text }
}

pub(super) struct Rules<'a> {
    pub(super) variant: &'a VariantSpec,
    pub(super) subject: &'a Subject<'a>,
    pub(super) measured: &'a Measured,
    /// The stop that serves all causes.
    stop: StopPlan,
    pub(super) hook_changes: bool,
    /// The grace period that this stop needs, never less than there is.
    pub(super) grace_s: u64,
    /// In a trial the Service selected none of the new pods.
    unselected: Option<Unselected>,
    /// Pods that did not react to their stop signal.
    pub(super) ignored: Option<Ignored>,
    /// Those that were killed had reacted to it.
    pub(super) reacted: bool,
    at_stop: ErrorAtStop,
    lapses: Lapses,
    /// The nodes that had no pod of their own.
    lonely_nodes: BTreeSet<String>,
    pub(super) changes: Changes,
}

impl<'a> Rules<'a> {
    fn new(
        variant: &'a VariantSpec,
        subject: &'a Subject<'a>,
        measured: &'a Measured,
        causes: &BTreeMap<Cause, u64>,
        trials: &[&Trial],
        (at_stop, lapses, lonely_nodes): (ErrorAtStop, Lapses, BTreeSet<String>),
    ) -> Self {
        let has = |cause| causes.contains_key(&cause);
        let unselected = trials.iter().find_map(|trial| Unselected::of(variant, trial));
        let (ignored, reacted) = (Ignored::of(trials), reacted(trials));
        let told = ignored.is_some() || (grace_was_enough(subject, measured) && !reacted) || stops_quickly(subject);
        let cut = has(Cause::CutAtStop) || has(Cause::DrainNotAwaited) || (has(Cause::KilledAtGraceEnd) && told);
        let waits = Waits {
            first_s: measured.first_sleep_s(),
            last_s: measured.last_sleep_s().filter(|_| cut),
            broken: has(Cause::PrestopFailed),
        };
        let stop = stop_plan(subject, waits);
        let by_service = subject.published || unselected.is_some();
        let by_hook = cut
            || at_stop.anew
            || (has(Cause::Proxy) && measured.proxy_lag_s.is_some())
            || HOOKED.into_iter().any(|cause| has(cause) && !(by_service && cause != Cause::PrestopFailed));
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
        Self {
            variant,
            subject,
            measured,
            stop,
            hook_changes,
            grace_s,
            unselected,
            ignored,
            reacted,
            at_stop,
            lapses,
            lonely_nodes,
            changes,
        }
    }

    fn of(&mut self, cause: Cause, attempts: u64) -> Advice {
        if let Some(advice) = self.service(cause, attempts) {
            self.changes.elsewhere = true;
            return advice;
        }
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
                let lapsed = &self.lapses.of_outage;
                Outage { variant: self.variant, subject: self.subject, lapsed, attempts }.advice(&mut self.changes)
            }
            Cause::NoLocalEndpoint => {
                self.changes.elsewhere = true;
                let safe = self.subject.never_has_fewer(self.variant.replicas());
                sentence(cause, attempts, local_outage::words(&self.lonely_nodes, self.subject.text("/kind"), safe))
            }
            Cause::KeepaliveRace => match self.ignored {
                // The connections were closed by the kill.
                Some(ignored) => self.ignored(cause, attempts, ignored),
                None => sentence(cause, attempts, OF_A_RACE.to_owned()),
            },
            Cause::Proxy => match self.measured.proxy_lag_s {
                Some(lag_s) => self.hook(cause, attempts, proxy_words(lag_s)),
                None => self.behind_others(cause, attempts, OF_A_PROXY),
            },
            Cause::ProxyRollout => sentence(cause, attempts, OF_A_PROXYS_ROLLOUT.to_owned()),
            Cause::ServerError => self.behind_others(cause, attempts, OF_A_SERVER_ERROR),
            Cause::StaleConntrack => sentence(cause, attempts, OF_CONNTRACK.to_owned()),
            Cause::Unknown => match (self.ignored, self.lapses.of_unknown.crash_words()) {
                (Some(ignored), _) if self.lapses.unknown_at_kill => self.ignored(cause, attempts, ignored),
                (_, Some(crash)) => sentence(cause, attempts, crash),
                (_, None) => sentence(cause, attempts, OF_THE_UNKNOWN.to_owned()),
            },
        }
    }

    /// What to change in the Service, where it is what makes the cause possible.
    fn service(&self, cause: Cause, attempts: u64) -> Option<Advice> {
        let routed = matches!(cause, Cause::EndpointRace | Cause::BacklogReset | Cause::NotReadyYet);
        if let Some(unselected) = self.unselected.as_ref().filter(|_| routed || cause == Cause::NoEndpoint) {
            return Some(of_service(cause, unselected, attempts));
        }
        (routed && self.subject.published).then(|| {
            let name = &self.variant.service().name;
            let text = format!(
                "service/{name} has publishNotReadyAddresses: true, so that connections are routed to new pods before they are ready, \
                 and to stopping ones until they are gone: no readinessProbe and no preStop hook keeps them away. Remove it from \
                 this Service; a headless Service of its own can publish them to those who need it."
            );
            let field = Some(format!("service/{name} spec.publishNotReadyAddresses"));
            Advice { cause, attempts, field, value: Some("false".to_owned()), text }
        })
    }

    /// An error that another container of the pod may have caused, by ending before the one that serves.
    fn behind_others(&mut self, cause: Cause, attempts: u64, why: &str) -> Advice {
        let seconds = whole(self.subject.hook.least_s());
        let first = self.unhooked().next().filter(|_| seconds > 0);
        let Some((index, name)) = first else { return sentence(cause, attempts, why.to_owned()) };
        let beside = self.beside(seconds);
        Advice {
            cause,
            attempts,
            field: Some(format!("spec.template.spec.containers[{index}].lifecycle.preStop")),
            value: Some(format!("sleep: {{seconds: {seconds}}}")),
            text: format!(
                "{why} Container {name} has no hook and is stopped {seconds} s before the one that serves.{beside}"
            ),
        }
    }

    /// The containers beside the serving one that are told to stop at once.
    fn unhooked(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let bare = self.subject.others().filter(|(_, one)| PreStop::of_container(one) == PreStop::None);
        bare.filter_map(|(index, one)| Some((index, one.get("name")?.as_str()?)))
    }

    /// Lets the other containers wait as long as the serving one; empty where there are none that do not wait.
    fn beside(&mut self, seconds: u64) -> String {
        let names: Vec<&str> = self.unhooked().map(|(_, name)| name).collect();
        if names.is_empty() || seconds == 0 {
            return String::new();
        }
        self.changes.beside = names.iter().map(|name| ((*name).to_owned(), seconds)).collect();
        format!(
            " The pod's other containers must not end first: the patch lets {} sleep {seconds} s too; a native sidecar (an init container \
             with restartPolicy: Always) ends last by itself.",
            names.join(", ")
        )
    }

    /// The hook and the grace period that goes with it.
    pub(super) fn hook(&mut self, cause: Cause, attempts: u64, why: String) -> Advice {
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
        let seconds = self.stop.until_done_s;
        let beside = if changed { self.beside(seconds) } else { String::new() };
        text.extend(Some(beside.trim_start().to_owned()).filter(|beside| !beside.is_empty()));
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
}
