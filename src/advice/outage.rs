//! What to change where no pod of the Service could serve: the Service, where it selects none of the new pods, the budget of an
//! eviction, else how the workload is rolled.

use serde_json::{Value, json};

use super::advise::{Advice, sentence};
use super::budget::Budget;
use super::lapses::LapsedPods;
use super::patch::Changes;
use super::subject::Subject;
use crate::diagnose::Cause;
use crate::spec::RolloutAction;
use crate::spec::VariantSpec;
use crate::timeline::Unselected;

const CAUSE: Cause = Cause::NoEndpoint;
const WHY: &str = "For a time no pod of the Service could serve.";

pub(super) struct Outage<'a> {
    pub(super) variant: &'a VariantSpec,
    pub(super) subject: &'a Subject<'a>,
    /// Pods that had no endpoint then, although nobody stopped them.
    pub(super) lapsed: &'a LapsedPods,
    pub(super) attempts: u64,
}

impl Outage<'_> {
    /// What to change, of the workload in `changes` too.
    pub(super) fn advice(&self, changes: &mut Changes) -> Advice {
        let (pods, host_port) = (self.variant.replicas(), self.subject.host_port());
        match (&self.variant.rollout.action, self.subject.text("/kind"), host_port) {
            (RolloutAction::Evict { .. }, ..) => self.of_eviction(changes),
            // A strategy rules neither.
            (RolloutAction::Scale { .. } | RolloutAction::None { .. }, kind, _) => {
                let text = format!("{WHY} No strategy of the {kind} rules this: at least 2 replicas must stay.");
                sentence(CAUSE, self.attempts, text)
            }
            (_, "Deployment", Some(port)) => self.of_deployment_on_host(port, changes),
            (_, "Deployment", None) => self.of_deployment(changes),
            (_, "DaemonSet", Some(port)) => sentence(CAUSE, self.attempts, on_host(port)),
            (_, "DaemonSet", None) if self.subject.never_has_fewer(pods) => self.beyond_strategy(),
            (_, "DaemonSet", None) => {
                changes.never_fewer = true;
                let text = format!(
                    "{WHY} A DaemonSet takes a node's pod away before it makes its successor, unless it may have both for a while."
                );
                let (field, value) = ("spec.updateStrategy.rollingUpdate", "maxUnavailable: 0, maxSurge: 1");
                self.change(field, value, text)
            }
            (_, kind, _) if pods < 2 && self.subject.keeps_data() => {
                changes.elsewhere = true;
                let text = format!(
                    "{WHY} A {kind} takes a pod away before it makes its successor. Another pod would serve meanwhile, but this one keeps \
                     data in a volume: add a second replica only if the application shares or replicates what it keeps."
                );
                sentence(CAUSE, self.attempts, text)
            }
            (_, kind, _) if pods < 2 => {
                changes.replicas = Some(2);
                let text = format!(
                    "{WHY} A {kind} takes a pod away before it makes its successor: with 2 replicas, each with a readinessProbe, \
                     another one serves meanwhile."
                );
                self.change("spec.replicas", "2", text)
            }
            (_, kind, _) => {
                let text = format!(
                    "{WHY} A {kind} takes one pod away after the other, and has {pods}: {} Each pod needs a readinessProbe.",
                    self.who()
                );
                sentence(CAUSE, self.attempts, text)
            }
        }
    }

    fn change(&self, field: &str, value: &str, text: String) -> Advice {
        let (field, value) = (Some(field.to_owned()), Some(value.to_owned()));
        Advice { cause: CAUSE, attempts: self.attempts, field, value, text }
    }

    /// Proposes nothing that the Deployment has already.
    fn of_deployment(&self, changes: &mut Changes) -> Advice {
        let single = self.variant.replicas() < 2;
        let rolls_safely = self.subject.never_has_fewer(self.variant.replicas());
        if (single || !rolls_safely) && self.subject.keeps_data() {
            changes.elsewhere = true;
            let text = format!(
                "{WHY} A RollingUpdate with maxUnavailable 0 and maxSurge 1, and 2 replicas, take no pod away before another is ready. But \
                 these pods keep data in a claimed volume: do so only if two pods may use it at the same time (ReadWriteMany) and the \
                 application allows it."
            );
            return sentence(CAUSE, self.attempts, text);
        }
        changes.never_fewer |= !rolls_safely;
        if single {
            changes.replicas = Some(2);
        }
        match (rolls_safely, single) {
            (true, false) => self.beyond_strategy(),
            (true, true) => {
                self.change("spec.replicas", "2", format!("{WHY} With 2 replicas the loss of one leaves another."))
            }
            (false, _) => {
                let replicas = if single { "; spec.replicas: 2" } else { "" };
                let text = format!(
                    "{WHY} A RollingUpdate with maxUnavailable 0 and maxSurge 1 takes no pod away before another is ready, and 2 \
                     replicas survive the loss of one."
                );
                let value = format!("type: RollingUpdate, maxUnavailable: 0, maxSurge: 1{replicas}");
                self.change("spec.strategy", &value, text)
            }
        }
    }

    /// A node holds one pod with a host port, so a pod beyond `replicas` may find no node.
    fn of_deployment_on_host(&self, port: u64, changes: &mut Changes) -> Advice {
        let pods = self.variant.replicas();
        if pods >= 2 && self.subject.resolved(pods).is_some_and(|(surge, away)| surge == 0 && away < pods) {
            return self.beyond_strategy();
        }
        changes.one_by_one = true;
        if pods < 2 {
            changes.replicas = Some(2);
        }
        let replicas = if pods < 2 { "; spec.replicas: 2" } else { "" };
        let text = format!(
            "{WHY} Host port {port} lets a node have only one of the pods, so that a rollout with maxSurge may find no node. At least \
             2 replicas on nodes of their own, one of which is replaced at a time, leave another; without the host port, \
             maxSurge 1 with maxUnavailable 0 works too."
        );
        self.change("spec.strategy", &format!("type: RollingUpdate, maxUnavailable: 1, maxSurge: 0{replicas}"), text)
    }

    /// The strategy does not rule an eviction: replicas do, and a budget that makes it wait.
    fn of_eviction(&self, changes: &mut Changes) -> Advice {
        let daemon = self.subject.text("/kind") == "DaemonSet";
        let pods = self.variant.replicas();
        let budget = Budget::of(self.variant, self.subject.manifest, pods.max(2));
        let single = pods < 2 && !daemon;
        if single {
            changes.replicas = Some(2);
        }
        let kind = self.subject.text("/kind");
        let mut text = format!("{WHY} An eviction does not follow the {kind}'s strategy.");
        let selector = json!({"matchLabels": self.subject.pod_labels()});
        let (found, wanted) = match &budget {
            Budget::Guards(name) => (format!(" PodDisruptionBudget {name} keeps one of the pods."), None),
            Budget::Missing => (String::new(), Some(("PodDisruptionBudget".to_owned(), limit(&selector)))),
            Budget::AllowsAll(name) => (
                format!(
                    " PodDisruptionBudget {name} lets all pods be evicted at once: a minAvailable must go, because a budget has one of the two."
                ),
                Some((format!("poddisruptionbudget/{name} spec.maxUnavailable"), "1".to_owned())),
            ),
            Budget::SelectsOthers(name, present) => (
                format!(
                    " PodDisruptionBudget {name} selects none of these pods: its selector is {present}, their labels are {}.",
                    self.subject.pod_labels()
                ),
                Some((format!("poddisruptionbudget/{name} spec.selector"), selector.to_string())),
            ),
        };
        text.push_str(&found);
        let Some((field, value)) = wanted else {
            return if single {
                text.push_str(" With 2 replicas, another one serves while one is evicted.");
                self.change("spec.replicas", "2", text)
            } else {
                text.push_str(
                    " Each incident names the pods that stopped, and the report shows when others were ready.",
                );
                sentence(CAUSE, self.attempts, text)
            };
        };
        changes.elsewhere = true;
        text.push_str(
            " At least 2 replicas, and a PodDisruptionBudget that selects them with maxUnavailable 1, make an eviction wait until \
             another pod is ready.",
        );
        let replicas = if single { "; spec.replicas: 2" } else { "" };
        self.change(&field, &format!("{value}{replicas}"), text)
    }

    /// What can be said where the strategy and the number of replicas are not to blame.
    fn beyond_strategy(&self) -> Advice {
        let (kind, pods) = (self.subject.text("/kind"), self.variant.replicas());
        let text = format!(
            "{WHY} The {kind} has {pods} pods and takes none away before another is ready, so that its strategy is \
             not the reason: {}",
            self.who()
        );
        sentence(CAUSE, self.attempts, text)
    }

    /// Who was not there: the rest of a sentence, and what may follow it.
    fn who(&self) -> String {
        let LapsedPods { unready, .. } = self.lapsed;
        if let Some(crash) = self.lapsed.crash_words() {
            return format!("containers ended by themselves. {crash}");
        }
        if *unready == 0 {
            return "each incident names the pods that stopped, and the report shows when others were ready."
                .to_owned();
        }
        let pods = if *unready == 1 { "1 pod that was".to_owned() } else { format!("{unready} pods that were") };
        format!(
            "{pods} not deleted had no ready endpoint for a time, as where a readinessProbe fails. A probe that depends on \
             what all pods share fails on all of them at once: let it ask for what the pod itself needs, and let failureThreshold \
             allow a few failures."
        )
    }
}

fn limit(selector: &Value) -> String {
    json!({"maxUnavailable": 1, "selector": selector}).to_string()
}

fn on_host(port: u64) -> String {
    format!(
        "{WHY} A DaemonSet takes a node's pod away before it makes its successor. maxSurge cannot change that: host port {port} lets a \
         node have only one of the pods, so that the new one never starts. Remove the host port, so that clients use the Service \
         (then maxSurge 1 with maxUnavailable 0 works), or replace one node's pod at a time on at least 2 nodes."
    )
}

/// What to change in a Service that selects none of the new pods.
pub(super) fn of_service(cause: Cause, unselected: &Unselected, attempts: u64) -> Advice {
    let words = unselected.words();
    if unselected.mismatches.is_empty() {
        return sentence(cause, attempts, format!("{words}. Compare its selector with their labels."));
    }
    let keys: Vec<&str> = unselected.mismatches.iter().map(|one| one.key.as_str()).collect();
    let keys = keys.join(" and ");
    let rest = unselected.rest();
    if rest.is_empty() {
        let text = format!(
            "{words}. A rollout changes {keys}: let the Service select by a label that all releases' pods have."
        );
        return sentence(cause, attempts, text);
    }
    let rest: Vec<String> = rest.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    Advice {
        cause,
        attempts,
        field: Some(format!("service/{} spec.selector", unselected.service)),
        value: Some(format!("{{{}}}", rest.join(", "))),
        text: format!(
            "{words}. Leave {keys} out of the Service's selector, because a rollout changes it, and see that what is left selects no \
             other pods."
        ),
    }
}
