//! What the embedded cluster cannot do, said by name before anything starts.

use crate::manifest::WorkloadKind;
use crate::plan::RunPlan;
use crate::spec::RolloutAction;

/// Why a plan cannot run on the embedded cluster; `None` if it can.
pub(super) fn beyond_embedded(plan: &RunPlan) -> Option<String> {
    plan.variants.iter().find_map(|variant| {
        let workload = &variant.workload;
        let what = match (workload.kind, &variant.spec.rollout.action) {
            (WorkloadKind::StatefulSet | WorkloadKind::DaemonSet, _) => {
                format!(
                    "{} is a {}, and the embedded cluster rolls Deployments only",
                    workload.reference,
                    workload.kind.name()
                )
            }
            (_, RolloutAction::Command { .. }) => {
                "its rollout is a command, which cannot reach the embedded cluster's API from outside".to_owned()
            }
            (_, RolloutAction::Evict { cordon: true, .. }) => {
                "its rollout cordons a node, and the embedded cluster has one only".to_owned()
            }
            _ => return None,
        };
        Some(format!("variant {}: {what}; run it with --cluster kind", variant.spec.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlanOverrides, WorkloadChoice, build_for_manifests};
    use crate::yaml::YamlSource;

    fn refusal(kind: &str, rollout: RolloutAction) -> Option<String> {
        let manifest =
            include_str!("../../manifests/target.yaml").replace("kind: Deployment", &format!("kind: {kind}"));
        let sources = [YamlSource::new("web.yaml", &manifest)];
        let mut plan = build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()).unwrap();
        plan.variants[0].spec.rollout.action = rollout;
        beyond_embedded(&plan)
    }

    #[test]
    fn what_the_embedded_cluster_cannot_do_is_refused_by_name() {
        let command = || RolloutAction::Command { run: vec!["helm".into()], back: None };
        let evict = |cordon| RolloutAction::Evict { node: None, cordon };
        for (kind, rollout, why) in [
            ("StatefulSet", RolloutAction::Restart, "is a StatefulSet"),
            ("DaemonSet", RolloutAction::Restart, "is a DaemonSet"),
            ("Deployment", command(), "its rollout is a command"),
            ("Deployment", evict(true), "its rollout cordons a node"),
        ] {
            let refused = refusal(kind, rollout).unwrap();
            assert!(refused.contains(why) && refused.ends_with("run it with --cluster kind"), "{refused}");
        }
        for rollout in [RolloutAction::Restart, evict(false), RolloutAction::Scale { from: 2, to: 3 }] {
            assert_eq!(refusal("Deployment", rollout), None);
        }
    }
}
