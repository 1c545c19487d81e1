//! What every reader of a pod's `spec` must read in the same way.

use serde_json::Value;

/// Kubernetes' default of `terminationGracePeriodSeconds` (k8s.io/api core/v1, `DefaultTerminationGracePeriodSeconds`).
pub const DEFAULT_GRACE_S: i64 = 30;

/// The grace period of a pod in seconds; negative only where the API server would refuse it.
#[must_use]
pub fn grace_s(pod_spec: &Value) -> i64 {
    pod_spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(DEFAULT_GRACE_S)
}
