//! Objects of the manifests that are recorded but not applied.

use std::collections::BTreeSet;

use serde_json::Value;

use super::types::{RunPlan, VariantPlan};
use crate::manifest::documents::{reference, text};

/// The most objects that a note names.
const NAMED: usize = 20;

impl RunPlan {
    /// Sets every object aside for which `foreign` holds, whatever the variant, and notes them once, after `why`: they
    /// stay in the record and are not applied. The workload and its Service are never set aside: without them there is no
    /// run, and the cluster's own refusal says more.
    pub(crate) fn set_aside(&mut self, why: &str, foreign: impl Fn(&Value) -> bool) {
        let mut named = BTreeSet::new();
        for variant in &mut self.variants {
            variant.set_aside(&foreign, &mut named);
        }
        if named.is_empty() {
            return;
        }
        let more = named.len().saturating_sub(NAMED);
        let list = named.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        self.aside.push(format!("{why}: {list}{more}"));
    }
}

impl VariantPlan {
    fn set_aside(&mut self, foreign: &impl Fn(&Value) -> bool, named: &mut BTreeSet<String>) {
        let mut index_of_workload = 0;
        let mut kept = Vec::with_capacity(self.spec.manifests().len());
        for (index, object) in std::mem::take(&mut self.spec.objects_mut().manifests).into_iter().enumerate() {
            let (kind, name) = (text(&object, "/kind"), text(&object, "/metadata/name"));
            let is_workload = index == self.workload.index;
            let is_service = kind == "Service" && name == self.spec.service().name;
            if is_workload {
                index_of_workload = kept.len();
            }
            if foreign(&object) && !is_workload && !is_service {
                named.insert(reference(kind, name));
                self.ignored.push(object);
            } else {
                kept.push(object);
            }
        }
        self.spec.objects_mut().manifests = kept;
        self.workload.index = index_of_workload;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PlanOverrides, WorkloadChoice, build_for_manifests};
    use super::*;
    use crate::yaml::YamlSource;

    const INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n";

    #[test]
    fn what_is_set_aside_is_noted_and_the_workload_is_still_found() {
        let web = include_str!("../../manifests/apache.yaml");
        let sources = [YamlSource::new("a.yaml", INGRESS), YamlSource::new("web.yaml", web)];
        let mut plan = build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()).unwrap();
        assert_eq!(plan.variants[0].workload.index, 1);
        let before = plan.summary();
        plan.set_aside("not applied", |object| object["kind"] != "Nothing");
        let variant = &plan.variants[0];
        let kinds: Vec<&Value> = variant.spec.manifests().iter().map(|object| &object["kind"]).collect();
        assert_eq!(kinds, ["Deployment", "Service"], "the workload and its Service stay");
        assert_eq!(variant.workload.index, 0);
        assert_eq!(variant.ignored[0]["kind"], "Ingress");
        assert_eq!(plan.aside.last().unwrap(), "not applied: ingress/web");
        assert_eq!(plan.summary().longest, before.longest);
        let aside = plan.aside.clone();
        plan.set_aside("not applied", |_| false);
        assert_eq!(plan.aside, aside, "nothing set aside is nothing to say");
    }
}
