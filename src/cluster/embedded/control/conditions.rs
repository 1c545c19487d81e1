//! Deployment conditions and how they are replaced (`util.SetDeploymentCondition`).

use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(super) struct DeploymentConditions {
    list: Vec<Value>,
    now: String,
}

impl DeploymentConditions {
    pub(super) fn of(deployment: &Value, now: String) -> Self {
        let list = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
        Self { list, now }
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Value> {
        self.list.iter().find(|condition| condition["type"] == kind)
    }

    pub(super) fn reason(&self, kind: &str) -> &str {
        self.get(kind).and_then(|condition| condition["reason"].as_str()).unwrap_or_default()
    }

    /// Sets a condition. One with the same status and reason stays as it is; one with the same status keeps its
    /// transition time.
    pub(super) fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let same = |condition: &Value| condition["status"] == status && condition["reason"] == reason;
        if !self.get(kind).is_some_and(same) {
            self.renew(kind, status, reason, message);
        }
    }

    /// Sets a condition with a fresh update time even if nothing else differs: progress was made.
    pub(super) fn renew(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let kept = self.get(kind).filter(|condition| condition["status"] == status);
        let since = kept.and_then(|condition| condition["lastTransitionTime"].as_str()).unwrap_or(&self.now).to_owned();
        let condition = json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": self.now, "lastTransitionTime": since,
        });
        self.remove(kind);
        self.list.push(condition);
    }

    pub(super) fn remove(&mut self, kind: &str) {
        self.list.retain(|condition| condition["type"] != kind);
    }

    pub(super) fn into_value(self) -> Value {
        Value::Array(self.list)
    }
}
