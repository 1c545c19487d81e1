//! What is checked before anything is begun: can the embedded cluster roll this, may these commands run here, has every image a
//! recipe, can every pod be run as it is written?

use serde_json::Value;

use super::ending::CommandFailure;
use super::field_check;
use super::options::WhereArgs;
use super::placed::at_field;
use super::recipes::FolderRecipe;
use crate::cluster::embedded::images::{ImageError, port, resolve};
use crate::cluster::embedded::namespace::EnteredNetwork;
use crate::cluster::embedded::node::refusals;
use crate::manifest::documents::{reference, text};
use crate::manifest::{WorkloadKind, offset_ports, selects_labels};
use crate::plan::{RunPlan, VariantPlan};
use crate::spec::RolloutAction;

#[derive(Debug)]
pub(super) struct RunStage {
    /// Why the machine's own network is used; `None` in a private one.
    pub(super) host_network: Option<String>,
    /// By how much every port of a pod is moved, so that nothing on the machine is in the way.
    pub(super) port_offset: Option<u16>,
}

/// The least offset: above the ports that services of a machine usually have, and with them below the kernel's own.
const OFFSET_LEAST: u16 = 12_000;
/// How many runs side by side have offsets of their own. The largest port of a shipped manifest is 8080.
const OFFSETS: u16 = 12_000;

/// Checks a plan against this machine. `recipes` are those that the run takes from the plan's folders.
pub(super) fn check(
    plan: &RunPlan,
    recipes: &[FolderRecipe],
    place: &WhereArgs,
    network: EnteredNetwork,
) -> Result<RunStage, CommandFailure> {
    let host_network = match network {
        EnteredNetwork::Private => None,
        EnteredNetwork::Host(reason) => Some(reason),
        EnteredNetwork::Tried(_) => {
            return Err(CommandFailure::Bug("a probe of the network went on to run".to_owned()));
        }
    };
    if let Some(refusal) = beyond_embedded(plan) {
        return Err(CommandFailure::User(refusal));
    }
    if let Some(wrong) = field_check::unknown(plan).or_else(|| field_check::mistyped(plan)) {
        return Err(wrong);
    }
    if let (Some(_), Some(foreign)) = (&host_network, foreign(plan, recipes)) {
        may_run_here(&foreign, place)?;
    }
    for variant in &plan.variants {
        pods_can_run(variant, plan)?;
    }
    // Others say themselves which ports they listen on, in commands that cannot be changed. A recipe is told its port.
    let shipped = plan.variants.iter().all(|variant| variant.spec.shipped);
    let own = u16::try_from(std::process::id() % u32::from(OFFSETS)).unwrap_or_default();
    let port_offset = (host_network.is_some() && shipped).then_some(OFFSET_LEAST + own);
    Ok(RunStage { host_network, port_offset })
}

impl RunStage {
    /// The plan with every port that its pods listen on moved out of the machine's way; `None` where they may stay.
    pub(super) fn moved(&self, plan: &RunPlan) -> Option<RunPlan> {
        let offset = self.port_offset?;
        let mut plan = plan.clone();
        for variant in &mut plan.variants {
            let objects = variant.spec.objects_mut();
            objects.manifests = offset_ports(&objects.manifests, offset);
            objects.service.target_port = objects.service.target_port.saturating_add(offset);
        }
        Some(plan)
    }
}

/// What a variant would run that is not compiled in: its manifests' commands, or the recipe of an image.
fn foreign(plan: &RunPlan, recipes: &[FolderRecipe]) -> Option<String> {
    plan.variants.iter().find_map(|variant| {
        if !variant.spec.shipped {
            return Some(format!("the manifests of variant {} are", variant.spec.name));
        }
        let recipe = recipes.iter().find(|recipe| recipe.is_of(variant))?;
        Some(format!("the pods run {recipe}, which is"))
    })
}

/// Outside a private network only commands that are compiled in run without being asked for.
fn may_run_here(foreign: &str, place: &WhereArgs) -> Result<(), CommandFailure> {
    if nix::unistd::geteuid().is_root() {
        return Err(CommandFailure::User(format!(
            "{foreign} not rollproof's own, and without a private network these commands would run as root on this machine; \
             run as another user with --allow-host-commands, or allow user namespaces"
        )));
    }
    if !place.allow_host_commands {
        return Err(CommandFailure::User(format!(
            "{foreign} not rollproof's own, and without a private network these commands run on this machine itself; add \
             --allow-host-commands if you trust them, or allow user namespaces"
        )));
    }
    Ok(())
}

fn pods_can_run(variant: &VariantPlan, plan: &RunPlan) -> Result<(), CommandFailure> {
    for manifest in variant.spec.manifests().iter().chain(variant.patched().as_ref()) {
        let Some(spec) = manifest.pointer("/spec/template/spec") else { continue };
        let object = reference(text(manifest, "/kind"), text(manifest, "/metadata/name"));
        let place = format!("variant {}, {object}", variant.spec.name);
        let refused = refusals(spec);
        if let Some(first) = refused.first() {
            let all: Vec<&str> = refused.iter().map(|refusal| refusal.message.as_str()).collect();
            let message =
                format!("{place}: {}; the embedded cluster cannot run it, run it with --cluster kind", all.join("; "));
            return Err(at_field(variant, manifest, &format!("spec.template.spec.{}", first.field), &message));
        }
        if let Some((container, refusal)) = without_port(variant, manifest) {
            let field = format!("spec.template.spec.containers[{container}]");
            return Err(at_field(variant, manifest, &field, &format!("{place}: {refusal}")));
        }
        let containers = spec["containers"].as_array().into_iter().flatten().enumerate();
        let images = containers.filter_map(|(index, one)| Some((Some(index), one["image"].as_str()?)));
        let rolled = match &variant.spec.rollout.action {
            RolloutAction::Image { to, .. } => Some((None, to.as_str())),
            _ => None,
        };
        for (container, image) in images.chain(rolled) {
            resolve(image, &plan.settings.folders).map_err(|error: ImageError| {
                let message = format!("{place}: {error}");
                match container {
                    Some(index) => {
                        at_field(variant, manifest, &format!("spec.template.spec.containers[{index}].image"), &message)
                    }
                    None => CommandFailure::User(message),
                }
            })?;
        }
    }
    Ok(())
}

/// Which server of a workload's pods has no port to listen on, and why; `None` if each has one.
fn without_port(variant: &VariantPlan, workload: &Value) -> Option<(usize, String)> {
    let template = &workload["spec"]["template"];
    let selects = |service: &&Value| selects_labels(service, &template["metadata"]["labels"]);
    let services = variant.spec.manifests().iter().filter(|one| text(one, "/kind") == "Service");
    let services: Vec<&Value> = services.filter(selects).collect();
    let containers = template["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let mut servers = containers.iter().enumerate().filter(|(_, container)| container["command"].is_null());
    servers.find_map(|(index, container)| {
        port(container, containers, &services).err().map(|error| (index, error.to_string()))
    })
}

/// Why a plan cannot run on the embedded cluster; `None` if it can.
fn beyond_embedded(plan: &RunPlan) -> Option<String> {
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
            _ if keeps_clients(variant) => format!(
                "service/{} keeps each client at one pod (spec.sessionAffinity), and the embedded cluster chooses a pod for each connection",
                variant.spec.service().name
            ),
            _ => return None,
        };
        Some(format!("variant {}: {what}; run it with --cluster kind", variant.spec.name))
    })
}

/// Whether the Service that carries the load leads a client to the same pod again and again.
fn keeps_clients(variant: &VariantPlan) -> bool {
    let service = variant.spec.manifest("Service", &variant.spec.service().name);
    service.is_some_and(|service| text(service, "/spec/sessionAffinity") == "ClientIP")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::manifest_plan;

    fn pods(containers: &str, more: &str) -> Result<(), String> {
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  \
             template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{containers}]{more}}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n"
        );
        let plan = manifest_plan("web.yaml", &manifest);
        pods_can_run(&plan.variants[0], &plan).map_err(|failure| failure.to_string())
    }

    #[test]
    fn all_that_the_embedded_cluster_cannot_run_is_named_with_where_it_can() {
        let web = "{name: web, image: nginx}";
        assert_eq!(pods(web, ""), Ok(()));
        let more =
            ", volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}], initContainers: [{name: i, image: nginx}]";
        let refusal = pods(web, more).unwrap_err();
        assert!(["\"a\"", "\"b\"", "\"i\"", "--cluster kind"].iter().all(|part| refusal.contains(part)), "{refusal}");
        assert!(refusal.starts_with("reading web.yaml line 8: variant as-written, deployment/web: "), "{refusal}");
    }

    #[test]
    fn a_server_without_a_port_is_refused_at_once_and_a_command_needs_none() {
        let web = "{name: web, image: nginx}";
        assert_eq!(pods(&format!("{{name: tail, image: nginx, command: [sh]}}, {web}"), ""), Ok(()));
        let refusal = pods(&format!("{web}, {{name: second, image: nginx}}"), "").unwrap_err();
        assert!(refusal.contains("\"second\"") && refusal.contains("containerPort"), "{refusal}");
    }

    fn refusal(kind: &str, rollout: RolloutAction) -> Option<String> {
        let manifest =
            include_str!("../../manifests/target.yaml").replace("kind: Deployment", &format!("kind: {kind}"));
        let mut plan = manifest_plan("web.yaml", &manifest);
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
        let sticky = include_str!("../../manifests/target.yaml").replace(
            "  ports:\n    - {name: http, port: 80",
            "  sessionAffinity: ClientIP\n  ports:\n    - {name: http, port: 80",
        );
        let refused = beyond_embedded(&manifest_plan("web.yaml", &sticky)).unwrap();
        assert!(refused.contains("spec.sessionAffinity"), "{refused}");
        for rollout in [RolloutAction::Restart, evict(false), RolloutAction::Scale { from: 2, to: 3 }] {
            assert_eq!(refusal("Deployment", rollout), None);
        }
    }
}
