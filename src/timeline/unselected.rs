//! A Service that selects none of a rollout's new pods, although they are ready.

use std::collections::BTreeMap;

use serde_json::Value;

use super::life::PodLife;
use super::trial::Trial;
use crate::spec::VariantSpec;

/// The endpoint controller usually makes an endpoint of a ready pod within milliseconds. A pod that was ready for less than this shows
/// nothing; a trial's tail is longer.
const ENDPOINT_WITHIN_NS: u64 = 1_500_000_000;

/// The new pods of a trial were ready, and none of them was ever a ready endpoint of the load's Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unselected {
    /// How many pods.
    pub pods: usize,
    /// The Service.
    pub service: String,
    /// Its whole selector, as its manifest has it; empty where the record does not hold it.
    pub selector: BTreeMap<String, String>,
    /// What of it does not match the pods' labels; empty where that is not known, or where it matches.
    pub mismatches: Vec<Mismatch>,
}

/// A part of a selector that a pod's labels do not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The label.
    pub key: String,
    /// What the Service selects.
    pub selected: String,
    /// What the pod has; `None` if it has no such label.
    pub found: Option<String>,
}

impl Unselected {
    /// `None` where a new pod became an endpoint, where none was ready for long enough to become one, and where the record has no
    /// endpoints to compare with.
    #[must_use]
    pub fn of(variant: &VariantSpec, trial: &Trial) -> Option<Self> {
        // The old pods carried the load: without their endpoints the watch was blind.
        if trial.pods.iter().all(|pod| pod.endpoint_ready.is_none()) {
            return None;
        }
        let new = || trial.pods.iter().filter(|pod| pod.new);
        if new().any(|pod| pod.endpoint_ready.is_some()) {
            return None;
        }
        let ready: Vec<&PodLife> = new().filter(|pod| was_ready_long(pod, trial)).collect();
        let first = ready.first()?;
        let selector = selector(variant);
        let mismatches = mismatches(&selector, &first.labels);
        Some(Self { pods: ready.len(), service: variant.service().name.clone(), selector, mismatches })
    }

    /// In one sentence without its stop.
    #[must_use]
    pub fn words(&self) -> String {
        let pods = match self.pods {
            1 => "1 new pod was ready and is no endpoint".to_owned(),
            several => format!("{several} new pods were ready and none is an endpoint"),
        };
        let of = format!("{pods} of service/{}", self.service);
        if self.mismatches.is_empty() {
            return of;
        }
        let all = |part: fn(&Mismatch) -> String| self.mismatches.iter().map(part).collect::<Vec<_>>().join(", ");
        let selected = all(|one| format!("{}={}", one.key, one.selected));
        let found = all(|one| match &one.found {
            Some(found) => format!("{}={found}", one.key),
            None => format!("no {}", one.key),
        });
        format!("{of}: its selector {selected} does not match their labels ({found})")
    }

    /// The selector without what does not match.
    #[must_use]
    pub fn rest(&self) -> BTreeMap<&str, &str> {
        let matches = |key: &str| self.mismatches.iter().all(|one| one.key != key);
        let rest = self.selector.iter().filter(|(key, _)| matches(key));
        rest.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

fn was_ready_long(pod: &PodLife, trial: &Trial) -> bool {
    let Some(ready) = pod.ready else { return false };
    let end_ns = trial.end.as_ref().map(|end| end.at_ns);
    let until_ns = pod.deletion.map(|deletion| deletion.low_ns).or(end_ns);
    until_ns.is_some_and(|until_ns| until_ns.saturating_sub(ready.high_ns) >= ENDPOINT_WITHIN_NS)
}

/// A Service's selector has equalities only.
fn selector(variant: &VariantSpec) -> BTreeMap<String, String> {
    let service = variant.manifest("Service", &variant.service().name);
    let selector = service.and_then(|service| service.pointer("/spec/selector")).and_then(Value::as_object);
    let parts = selector.into_iter().flatten();
    parts.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Labels that are not known match nothing and are no mismatch: every pod of a workload has some.
fn mismatches(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> Vec<Mismatch> {
    if labels.is_empty() {
        return Vec::new();
    }
    let differing = selector.iter().filter(|(key, selected)| labels.get(*key) != Some(selected));
    differing
        .map(|(key, selected)| Mismatch {
            key: key.clone(),
            selected: selected.clone(),
            found: labels.get(key).cloned(),
        })
        .collect()
}
