//! How many pods a rollout may have too many or too few, resolved as each kind's controller does it.

use serde_json::{Value, json};

use super::documents::text;
use super::manifest_error::FieldRefusal;
use super::workload_kind::WorkloadKind;

/// Surge and unavailable pods of a rollout of `replicas` pods, or what is wrong with the strategy: also one that would not
/// roll every pod by itself.
pub(crate) fn resolve(kind: WorkloadKind, value: &Value, replicas: u32) -> Result<(u32, u32), FieldRefusal> {
    match kind {
        WorkloadKind::Deployment => deployment(value, replicas),
        WorkloadKind::StatefulSet => stateful_set(value, replicas),
        WorkloadKind::DaemonSet => daemon_set(value, replicas),
    }
}

/// 25 % each by default, surge rounded up, unavailable rounded down, and one unavailable pod where both would be none
/// (`ResolveFenceposts` in kubernetes/pkg/controller/deployment/util, v1.34).
fn deployment(value: &Value, replicas: u32) -> Result<(u32, u32), FieldRefusal> {
    const AT: &str = "spec.strategy";
    match text(value, "/spec/strategy/type") {
        "Recreate" => return Ok((0, replicas)),
        "" | "RollingUpdate" => {}
        other => {
            let rest = format!("`{other}`, expected RollingUpdate or Recreate");
            return Err(FieldRefusal::is("spec.strategy.type", &rest));
        }
    }
    let surge = field(value, AT, "maxSurge", &json!("25%"), replicas, Rounding::Up)?;
    let unavailable = field(value, AT, "maxUnavailable", &json!("25%"), replicas, Rounding::Down)?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

/// One pod after the other, from the last to the first, none beyond `replicas`; `maxUnavailable`, where the cluster has
/// it, is rounded up and at least 1 (`getStatefulSetMaxUnavailable` in kubernetes/pkg/controller/statefulset, v1.34).
fn stateful_set(value: &Value, replicas: u32) -> Result<(u32, u32), FieldRefusal> {
    const AT: &str = "spec.updateStrategy";
    automatic(value)?;
    match value.pointer("/spec/updateStrategy/rollingUpdate/partition") {
        None | Some(Value::Null) => {}
        Some(partition) if partition.as_u64() == Some(0) => {}
        Some(partition) => {
            let rest = format!(
                "{partition}, so that a rollout leaves pods as they are; expected 0, which rolls all of them; remove it"
            );
            return Err(FieldRefusal::is(&format!("{AT}.rollingUpdate.partition"), &rest));
        }
    }
    Ok((0, field(value, AT, "maxUnavailable", &json!(1), replicas, Rounding::Up)?.max(1)))
}

/// No surge and one unavailable pod by default, both rounded up, and one unavailable pod where both would be none
/// (`updatedDesiredNodeCounts` in kubernetes/pkg/controller/daemon, v1.34).
fn daemon_set(value: &Value, pods: u32) -> Result<(u32, u32), FieldRefusal> {
    const AT: &str = "spec.updateStrategy";
    automatic(value)?;
    let surge = field(value, AT, "maxSurge", &json!(0), pods, Rounding::Up)?;
    let unavailable = field(value, AT, "maxUnavailable", &json!(1), pods, Rounding::Up)?;
    Ok(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

fn automatic(value: &Value) -> Result<(), FieldRefusal> {
    const AT: &str = "spec.updateStrategy.type";
    match text(value, "/spec/updateStrategy/type") {
        "" | "RollingUpdate" => Ok(()),
        "OnDelete" => {
            Err(FieldRefusal::is(AT, "OnDelete, so that a changed template replaces no pod; expected RollingUpdate"))
        }
        other => Err(FieldRefusal::is(AT, &format!("`{other}`, expected RollingUpdate"))),
    }
}

#[derive(Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

/// A number of pods or a percentage of them, at `{at}.rollingUpdate.{name}`.
fn field(
    value: &Value,
    at: &str,
    name: &str,
    default: &Value,
    pods: u32,
    rounding: Rounding,
) -> Result<u32, FieldRefusal> {
    let found = value.pointer(&format!("/{}/rollingUpdate/{name}", at.replace('.', "/")));
    let amount = found.filter(|found| !found.is_null()).unwrap_or(default);
    resolved(amount, pods, rounding).ok_or_else(|| {
        let rest = format!("{amount}, expected a number of pods or a percentage such as 25%");
        FieldRefusal::is(&format!("{at}.rollingUpdate.{name}"), &rest)
    })
}

fn resolved(amount: &Value, pods: u32, rounding: Rounding) -> Option<u32> {
    let text = match amount {
        Value::Number(number) => return u32::try_from(number.as_u64()?).ok(),
        Value::String(text) => text,
        _ => return None,
    };
    let percent = text.strip_suffix('%')?.parse::<u64>().ok()?;
    let hundredths = u64::from(pods).checked_mul(percent)?;
    u32::try_from(match rounding {
        Rounding::Up => hundredths.div_ceil(100),
        Rounding::Down => hundredths / 100,
    })
    .ok()
}
