//! A plan that tries advice: a variant beside the same with a patch.

use serde_json::Value;

use super::plan_error::PlanError;
use super::types::RunPlan;
use crate::manifest::strategic_merge;
use crate::redact::hide_in;
use crate::scenario::values::MAX_NAME;
use crate::spec::{Expect, RunSettings, TargetSpec, VariantSpec};

/// What is added to the name of a variant that is tried with its advice.
pub(crate) const ADVISED: &str = "-advised";

impl RunPlan {
    /// The plan that compares the variant `index` with the same after `patch`, a strategic merge patch of its workload: as many
    /// blocks as this plan has, in an order of their own. `None` if there is no such variant.
    pub(crate) fn advised(&self, index: usize, patch: &Value) -> Result<Option<Self>, PlanError> {
        let Some(source) = self.variants.get(index) else { return Ok(None) };
        let mut advised = source.clone();
        advised.spec = VariantSpec {
            name: advised_name(&source.spec.name),
            expect: Expect::Clean,
            lost_at_most: 0,
            strict: false,
            notes: Vec::new(),
            ..advised.spec
        };
        // The advice comes from the record, in which a credential of a hook's command is a hash.
        let mut patch = patch.clone();
        let credentials = self.credentials();
        hide_in(&mut patch, &mut |hidden| credentials.of(hidden).unwrap_or(hidden).to_owned());
        if let Some(manifest) = advised.spec.objects_mut().manifests.get_mut(source.workload.index) {
            strategic_merge(manifest, &patch).map_err(|error| {
                let message = format!("the advice for {} does not fit its workload: {error}", source.spec.name);
                PlanError::plain(message, "this is a bug; the advice is in report.json")
            })?;
        }
        if let TargetSpec::Existing(existing) = &mut advised.spec.target {
            existing.patches.push(patch.clone());
        }
        let replicas = advised.workload_manifest().pointer("/spec/replicas").and_then(Value::as_u64);
        let replicas = replicas.and_then(|count| u32::try_from(count).ok()).unwrap_or(source.workload.replicas);
        advised.set_pods(replicas)?;
        let mut source = source.clone();
        source.spec.expect = Expect::Loss;
        source.spec.notes.clear();
        // The trials that the advice comes from are over: its own blocks have an order of their own.
        let settings = RunSettings {
            seed: self.settings.seed.wrapping_add(1),
            baseline: Some(source.spec.name.clone()),
            control: None,
            notes: Vec::new(),
            ..self.settings.clone()
        };
        Ok(Some(Self { aside: self.aside.clone(), ..Self::new(settings, vec![source, advised]) }))
    }
}

/// A name may have 40 letters, so a long one gives some up.
fn advised_name(source: &str) -> String {
    let kept: String = source.chars().take(MAX_NAME - ADVISED.len()).collect();
    format!("{}{ADVISED}", kept.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::redact::short_hash;

    #[test]
    fn advice_from_a_record_has_the_plan_s_own_credentials() {
        let hook = |token: &str| {
            json!({"spec": {"template": {"spec": {"containers": [{"name": "apache",
                "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", format!("leave --token={token}; sleep 5")]}}}}]}}}})
        };
        let mut plan = crate::plan::manifest_plan("web.yaml", include_str!("../../manifests/apache.yaml"));
        strategic_merge(&mut plan.variants[0].spec.objects_mut().manifests[0], &hook("marked")).unwrap();
        let advised = plan.advised(0, &hook(&short_hash("marked"))).unwrap().unwrap();
        let container = &advised.variants[1].spec.manifests()[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["lifecycle"]["preStop"]["exec"]["command"][2], "leave --token=marked; sleep 5");
    }

    #[test]
    fn the_longest_name_leaves_room_for_what_is_added() {
        assert_eq!(advised_name("web"), "web-advised");
        let long = advised_name(&"a".repeat(MAX_NAME));
        assert_eq!((long.len(), long.ends_with("a-advised")), (MAX_NAME, true));
    }
}
