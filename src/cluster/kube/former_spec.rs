//! What a workload was before a run changed it, and the way back to it. Pure.
//!
//! Only `spec` is ever changed. Two parts of it are not the run's: the mark of a restart, which stays as `kubectl rollout restart` leaves
//! it, and the replicas, which an autoscaler may set meanwhile, unless the run itself scales.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::manifest::undo::undo;
use crate::redact::short_hash;

/// The annotation of the pod template by which `kubectl rollout restart` restarts (kubectl `polymorphichelpers/objectrestarter.go`,
/// v1.34).
pub(crate) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// The same as a path of the spec.
const RESTARTED_PATH: [&str; 4] = ["template", "metadata", "annotations", RESTARTED_AT];

/// A workload's spec before a run, and all that the run makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FormerSpec {
    pub(crate) namespace: String,
    /// Kind and name, such as `deployment/web`.
    pub(crate) workload: String,
    /// Another workload of the same name has another.
    pub(crate) uid: String,
    spec: Value,
    /// The run changes the number of replicas.
    scales: bool,
    /// The specs that the run sets.
    own: Vec<Value>,
}

/// What stands in the cluster, seen from the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpecOrigin {
    /// As it was before the run.
    Former,
    /// As the run set it.
    Own,
    /// Neither.
    Strange,
}

impl FormerSpec {
    pub(crate) fn new(namespace: &str, workload: &str, uid: &str, spec: &Value, scales: bool) -> Self {
        Self {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            uid: uid.to_owned(),
            spec: spec.clone(),
            scales,
            own: Vec::new(),
        }
    }

    /// Notes a spec that the run is going to set.
    pub(crate) fn will_set(&mut self, spec: &Value) {
        if !self.own.iter().any(|known| self.same(known, spec)) {
            self.own.push(spec.clone());
        }
    }

    pub(crate) fn origin(&self, live: &Value) -> SpecOrigin {
        if self.same(live, &self.spec) {
            SpecOrigin::Former
        } else if self.own.iter().any(|own| self.same(own, live)) {
            SpecOrigin::Own
        } else {
            SpecOrigin::Strange
        }
    }

    /// Whether two specs differ in nothing that the run sets.
    pub(crate) fn same(&self, one: &Value, other: &Value) -> bool {
        self.comparable(one) == self.comparable(other)
    }

    /// The merge patch of the workload that makes `wanted` out of `live`: the mark of a restart stays, and the replicas too unless the
    /// run scales.
    pub(crate) fn way_to(&self, wanted: &Value, live: &Value) -> Value {
        let mut wanted = wanted.clone();
        if !self.scales {
            copy(live, &mut wanted, &["replicas"]);
        }
        copy(live, &mut wanted, &RESTARTED_PATH);
        Self::way(&wanted, live)
    }

    /// The merge patch that makes the former spec out of `live`, the mark of a restart included.
    pub(crate) fn way_back(&self, live: &Value) -> Value {
        let mut former = self.spec.clone();
        if !self.scales {
            copy(live, &mut former, &["replicas"]);
        }
        Self::way(&former, live)
    }

    /// What somebody else has changed too: `live` with every field that still is as the run set it as it was before, and the fields that
    /// are neither.
    pub(crate) fn undone_around(&self, live: &Value) -> (Value, Vec<String>) {
        let nearest = self.own.iter().map(|own| self.undone(own, live)).min_by_key(|(_, left)| left.len());
        nearest.unwrap_or_else(|| (live.clone(), Vec::new()))
    }

    fn undone(&self, own: &Value, live: &Value) -> (Value, Vec<String>) {
        let (mut undone, mut left) = (live.clone(), Vec::new());
        let mut fields = Vec::new();
        differing(&self.comparable(&self.spec), &self.comparable(own), "", &mut fields);
        for field in fields {
            if live.pointer(&field) == own.pointer(&field) {
                set(&mut undone, &field, self.spec.pointer(&field));
            } else if live.pointer(&field) != self.spec.pointer(&field) {
                left.push(format!("spec{}", field.replace('/', ".")));
            }
        }
        (undone, left)
    }

    /// The merge patch that makes `wanted` out of `live`.
    pub(crate) fn way(wanted: &Value, live: &Value) -> Value {
        json!({"spec": undo(wanted, live)})
    }

    /// The name of the namespace that claims the workload for one run: a DNS label (RFC 1123), whatever the workload is called.
    pub(crate) fn claim_name(&self) -> String {
        let whole = format!("{}/{}", self.namespace, self.workload);
        let hash: String =
            short_hash(&whole).chars().skip_while(|c| *c != ':').filter(char::is_ascii_alphanumeric).collect();
        let fits = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        let name: String = self.workload.chars().map(fits).take(40).collect();
        format!("rollproof-{}-{hash}", name.trim_matches('-'))
    }

    /// What the run measures, in words, as the claim says it.
    pub(crate) fn measures(&self) -> String {
        format!("{} of namespace {}", self.workload, self.namespace)
    }

    fn comparable(&self, spec: &Value) -> Value {
        let mut spec = spec.clone();
        if !self.scales
            && let Some(fields) = spec.as_object_mut()
        {
            fields.remove("replicas");
        }
        copy(&Value::Null, &mut spec, &RESTARTED_PATH);
        if let Some(metadata) = spec.pointer_mut("/template/metadata").and_then(Value::as_object_mut) {
            metadata.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
        }
        spec
    }
}

/// The JSON pointers of the fields in which two values differ: as deep as maps go, and lists of the same length.
fn differing(one: &Value, other: &Value, at: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let (one, other) = (one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null));
                differing(one, other, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differing(one, other, &format!("{at}/{index}"), found);
            }
        }
        _ if one == other => {}
        _ => found.push(at.to_owned()),
    }
}

/// Gives the field at a JSON pointer a value, or takes it away.
fn set(whole: &mut Value, pointer: &str, value: Option<&Value>) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match (whole.pointer_mut(parent), value) {
        (Some(Value::Object(fields)), Some(value)) => drop(fields.insert(key, value.clone())),
        (Some(Value::Object(fields)), None) => drop(fields.remove(&key)),
        (Some(Value::Array(items)), Some(value)) => {
            if let Some(item) = key.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                *item = value.clone();
            }
        }
        _ => {}
    }
}

/// Gives `to` what `from` has at `path`, or nothing there.
fn copy(from: &Value, to: &mut Value, path: &[&str]) {
    let Some((last, maps)) = path.split_last() else { return };
    let found = path.iter().try_fold(from, |value, key| value.get(key)).filter(|value| !value.is_null()).cloned();
    let mut at = to;
    for key in maps {
        if found.is_none() && at.get(key).is_none() {
            return;
        }
        let Some(fields) = at.as_object_mut() else { return };
        at = fields.entry(*key).or_insert_with(|| json!({}));
    }
    let Some(fields) = at.as_object_mut() else { return };
    match found {
        Some(value) => fields.insert((*last).to_owned(), value),
        None => fields.remove(*last),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::json_merge;

    fn spec(grace: u32, replicas: u32, restarted: Option<&str>) -> Value {
        let mut spec = json!({"replicas": replicas, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": grace, "containers": [{"name": "web", "image": "a"}]}}});
        if let Some(at) = restarted {
            spec["template"]["metadata"]["annotations"] = json!({RESTARTED_AT: at});
        }
        spec
    }

    fn patched(live: &Value, patch: &Value) -> Value {
        let mut object = json!({"spec": live});
        json_merge(&mut object, patch);
        object["spec"].clone()
    }

    #[test]
    fn a_restart_and_an_autoscaler_are_not_somebody_else_s_change() {
        let mut former = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), false);
        former.will_set(&spec(40, 2, None));
        assert_eq!(former.origin(&spec(30, 5, Some("t"))), SpecOrigin::Former);
        assert_eq!(former.origin(&spec(40, 3, Some("t"))), SpecOrigin::Own);
        assert_eq!(former.origin(&spec(41, 2, None)), SpecOrigin::Strange);
        let scaling = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), true);
        assert_eq!(scaling.origin(&spec(30, 5, None)), SpecOrigin::Strange);
    }

    #[test]
    fn the_way_back_gives_the_former_spec_and_the_way_to_another_keeps_the_restart() {
        let former = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), false);
        let live = spec(40, 5, Some("t"));
        assert_eq!(patched(&live, &former.way_back(&live))["template"]["spec"]["terminationGracePeriodSeconds"], 30);
        assert_eq!(patched(&live, &former.way_back(&live))["replicas"], 5, "an autoscaler's");
        let on = patched(&live, &former.way_to(&spec(50, 2, None), &live));
        assert_eq!(on, spec(50, 5, Some("t")));
        let scaling = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), true);
        assert_eq!(patched(&live, &scaling.way_back(&live))["replicas"], 2);
    }

    #[test]
    fn a_change_of_somebody_else_stays_and_the_run_s_own_around_it_is_undone() {
        let mut former = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), false);
        let mut own = spec(40, 2, None);
        own["template"]["spec"]["containers"][0]["image"] = json!("tried");
        former.will_set(&own);
        let mut live = own.clone();
        live["template"]["spec"]["containers"][0]["env"] = json!([{"name": "SOMEBODY", "value": "else"}]);
        assert_eq!(former.origin(&live), SpecOrigin::Strange);
        let (undone, left) = former.undone_around(&live);
        let mut wanted = spec(30, 2, None);
        wanted["template"]["spec"]["containers"][0]["env"] = json!([{"name": "SOMEBODY", "value": "else"}]);
        assert_eq!((undone, left), (wanted, Vec::<String>::new()));
        live["template"]["spec"]["containers"][0]["image"] = json!("theirs");
        let (undone, left) = former.undone_around(&live);
        assert_eq!(undone["template"]["spec"]["containers"][0]["image"], "theirs");
        assert_eq!(left, ["spec.template.spec.containers.0.image"]);
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let mut former = FormerSpec::new("shop", "deployment/web", "u", &spec(30, 2, None), false);
        former.will_set(&spec(40, 2, None));
        let read: FormerSpec = serde_json::from_str(&serde_json::to_string(&former).unwrap()).unwrap();
        assert_eq!(read, former);
    }

    #[test]
    fn two_workloads_have_two_namespaces_whose_names_a_cluster_takes() {
        let of = |namespace_of: &str, workload: &str| {
            FormerSpec::new(namespace_of, workload, "u", &Value::Null, false).claim_name()
        };
        let names = [
            of("shop", "deployment/web"),
            of("shop2", "deployment/web"),
            of("shop", "statefulset/web"),
            of("shop", &format!("deployment/{}", "a.b".repeat(80))),
            of("shop", &format!("deployment/{}", "a.c".repeat(80))),
        ];
        for (index, name) in names.iter().enumerate() {
            let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(name.len() <= 63 && name.bytes().all(label) && !name.ends_with('-'), "{name}");
            assert!(!names[..index].contains(name), "{name}");
        }
        assert_eq!(of("shop", "deployment/web"), names[0]);
    }
}
