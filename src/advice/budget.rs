//! Whether a `PodDisruptionBudget` of the manifests guards the workload's pods against eviction.

use serde_json::{Map, Value};

use crate::spec::VariantSpec;

/// The budgets of a variant, as far as its workload is concerned.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Budget {
    /// There is none.
    Missing,
    /// There are some, and none selects the pods: the name and the selector of the first.
    SelectsOthers(String, Value),
    /// The one of this name selects the pods and lets all of them be evicted at once.
    AllowsAll(String),
    /// The one of this name keeps at least one of them.
    Guards(String),
}

impl Budget {
    /// For pods with the labels of the workload's template, of which there are `pods`.
    pub(super) fn of(variant: &VariantSpec, workload: &Value, pods: u32) -> Self {
        let labels = workload.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
        let budgets = || variant.manifests().iter().filter(|object| text(object, "/kind") == "PodDisruptionBudget");
        let name = |budget: &Value| text(budget, "/metadata/name").to_owned();
        let selecting = budgets().find(|budget| selects(budget.pointer("/spec/selector"), labels));
        match (selecting, budgets().next()) {
            (Some(budget), _) if allowed(budget, pods) >= pods => Self::AllowsAll(name(budget)),
            (Some(budget), _) => Self::Guards(name(budget)),
            (None, Some(other)) => {
                Self::SelectsOthers(name(other), other.pointer("/spec/selector").cloned().unwrap_or_default())
            }
            (None, None) => Self::Missing,
        }
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// An empty selector of `policy/v1` selects every pod of the namespace, a missing one none.
fn selects(selector: Option<&Value>, labels: Option<&Map<String, Value>>) -> bool {
    let Some(selector) = selector.and_then(Value::as_object) else { return false };
    let label = |key: &str| labels.and_then(|labels| labels.get(key));
    let equal = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    equal.into_iter().flatten().all(|(key, value)| label(key) == Some(value))
        && expressions.into_iter().flatten().all(|expression| {
            let found = label(text(expression, "/key"));
            let values = expression.get("values").and_then(Value::as_array);
            let among = found.is_some_and(|found| values.is_some_and(|values| values.contains(found)));
            match text(expression, "/operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// How many of so many pods a budget lets be away at once; percentages are rounded up (`getExpectedPodCount` in
/// kubernetes/pkg/controller/disruption, v1.34).
fn allowed(budget: &Value, pods: u32) -> u32 {
    let resolved = |pointer: &str| {
        let amount = budget.pointer(pointer)?;
        let number = amount.as_u64().or_else(|| {
            let percent: u64 = amount.as_str()?.strip_suffix('%')?.parse().ok()?;
            Some(u64::from(pods).saturating_mul(percent).div_ceil(100))
        })?;
        u32::try_from(number).ok()
    };
    match (resolved("/spec/maxUnavailable"), resolved("/spec/minAvailable")) {
        (Some(away), _) => away,
        (None, Some(least)) => pods.saturating_sub(least),
        // Without either, one pod must be available.
        (None, None) => pods.saturating_sub(1),
    }
}
