//! What to change where no pod of the Service could serve: the Service, where it selects none of the new pods, else how the workload is
//! rolled.

use super::advise::{Advice, sentence};
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
}

impl Outage<'_> {
    /// What to change, of the workload in `changes` too.
    pub(super) fn advice(&self, unselected: Option<&Unselected>, attempts: u64, changes: &mut Changes) -> Advice {
        if let Some(unselected) = unselected {
            return of_service(unselected, attempts);
        }
        match self.subject.text("/kind") {
            "Deployment" => self.of_deployment(attempts, changes),
            "DaemonSet" if self.subject.never_has_fewer(self.variant.replicas()) => {
                sentence(CAUSE, attempts, self.beyond_strategy())
            }
            "DaemonSet" => Advice {
                cause: CAUSE,
                attempts,
                field: Some("spec.updateStrategy.rollingUpdate".to_owned()),
                value: Some("maxUnavailable: 0, maxSurge: 1".to_owned()),
                text: format!(
                    "{WHY} A DaemonSet takes a node's pod away before it makes its successor, unless it may have both for a while."
                ),
            },
            kind => {
                let text = format!(
                    "{WHY} A {kind} takes a pod away before it makes its successor: it needs at least 2 replicas that serve, and a \
                     readinessProbe."
                );
                sentence(CAUSE, attempts, text)
            }
        }
    }

    /// Proposes nothing that the Deployment has already.
    fn of_deployment(&self, attempts: u64, changes: &mut Changes) -> Advice {
        let single = self.variant.replicas() < 2;
        let rolls_safely = self.subject.never_has_fewer(self.variant.replicas());
        changes.never_fewer |= !rolls_safely;
        if single {
            changes.replicas = Some(2);
        }
        let (field, value, text) = match (rolls_safely, single) {
            (true, false) => return sentence(CAUSE, attempts, self.beyond_strategy()),
            (true, true) => {
                ("spec.replicas", "2".to_owned(), format!("{WHY} With 2 replicas the loss of one leaves another."))
            }
            (false, _) => {
                let replicas = if single { "; spec.replicas: 2" } else { "" };
                let text = format!(
                    "{WHY} A RollingUpdate with maxUnavailable 0 and maxSurge 1 takes no pod away before another is ready, and 2 \
                     replicas survive the loss of one."
                );
                ("spec.strategy", format!("type: RollingUpdate, maxUnavailable: 0, maxSurge: 1{replicas}"), text)
            }
        };
        Advice { cause: CAUSE, attempts, field: Some(field.to_owned()), value: Some(value), text }
    }

    /// What can be said where the strategy and the number of replicas are not to blame.
    fn beyond_strategy(&self) -> String {
        let (kind, pods) = (self.subject.text("/kind"), self.variant.replicas());
        if matches!(self.variant.rollout.action, RolloutAction::Evict { .. }) {
            return format!(
                "{WHY} An eviction does not follow the {kind}'s strategy: a PodDisruptionBudget that selects these pods makes it \
                 wait until another is ready."
            );
        }
        format!(
            "{WHY} The {kind} has {pods} pods and takes none away before another is ready, so that its strategy is \
             not the reason: each incident names the pods that stopped, and the report shows when others were ready."
        )
    }
}

fn of_service(unselected: &Unselected, attempts: u64) -> Advice {
    let words = unselected.words();
    if unselected.mismatches.is_empty() {
        return sentence(CAUSE, attempts, format!("{words}. Compare its selector with their labels."));
    }
    let keys: Vec<&str> = unselected.mismatches.iter().map(|one| one.key.as_str()).collect();
    let keys = keys.join(" and ");
    let rest = unselected.rest();
    if rest.is_empty() {
        let text = format!(
            "{words}. A rollout changes {keys}: let the Service select by a label that all releases' pods have."
        );
        return sentence(CAUSE, attempts, text);
    }
    let rest: Vec<String> = rest.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    Advice {
        cause: CAUSE,
        attempts,
        field: Some(format!("service/{} spec.selector", unselected.service)),
        value: Some(format!("{{{}}}", rest.join(", "))),
        text: format!(
            "{words}. Leave {keys} out of the Service's selector, because a rollout changes it, and see that what is left selects no \
             other pods."
        ),
    }
}
