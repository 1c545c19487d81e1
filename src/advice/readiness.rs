//! What to change where new pods, or too few pods, did not answer.

use serde_json::json;

use super::advise::{Advice, Rules};
use super::measured::whole;
use crate::diagnose::Cause;
use crate::spec::{RequestSpec, RolloutAction};

impl Rules<'_> {
    pub(super) fn not_ready_yet(&mut self, attempts: u64) -> Advice {
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

    pub(super) fn overload(&mut self, attempts: u64) -> Advice {
        let mut text = vec!["Requests were not answered in time by too few or too young pods.".to_owned()];
        let mut field = None;
        let mut value = None;
        if self.strategy_rules() && !self.subject.never_has_fewer(self.variant.replicas()) {
            self.changes.never_fewer = true;
            text.push("With maxUnavailable 0 no old pod goes before a new one is there.".to_owned());
            field = Some("spec.strategy.rollingUpdate.maxUnavailable".to_owned());
            value = Some("0".to_owned());
        }
        let present =
            self.subject.manifest.pointer("/spec/minReadySeconds").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let slow = self.measured.slow_start_s.filter(|slow| *slow > 0.0);
        if let Some(slow) = slow.filter(|slow| whole(*slow) < present) {
            text.push(format!("A new pod was still slow {slow:.1} s after it was ready, which minReadySeconds {present} awaits already."));
        } else if let Some(slow) = slow {
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

    /// Whether a strategy with maxUnavailable 0 is possible and rules what the trial does.
    fn strategy_rules(&self) -> bool {
        let rolled = !matches!(
            self.variant.rollout.action,
            RolloutAction::Evict { .. } | RolloutAction::Scale { .. } | RolloutAction::None { .. }
        );
        rolled && self.subject.is_deployment() && self.subject.host_port().is_none()
    }
}
