//! Reads a workload that is there already, with what belongs to it.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ClusterChoice;
use super::reach_cluster::connect_to_choice;
use crate::cluster::kube::{api_words, resource};
use crate::commands::ending::CommandFailure;
use crate::commands::execute::runtime;
use crate::manifest::documents::text;
use crate::manifest::{WorkloadKind, selects_labels, service_name};
use crate::plan::LiveTarget;
use crate::yaml::YamlSource;

/// The workload `wanted` of `namespace`, on a real cluster. Blocks.
pub(in crate::commands) fn live_target(
    cluster: &ClusterChoice,
    namespace: &str,
    wanted: &str,
    service: Option<&str>,
) -> Result<LiveTarget, CommandFailure> {
    if *cluster == ClusterChoice::Embedded {
        return Err(CommandFailure::User(format!(
            "{} is there already only on a real cluster; name it with --cluster context:NAME or kind:NAME",
            wanted.escape_debug()
        )));
    }
    let (kind, name) = WorkloadKind::split(wanted)
        .ok_or_else(|| CommandFailure::User(format!("`{}` is no workload", wanted.escape_debug())))?;
    runtime()?.block_on(async {
        let connected = connect_to_choice(cluster).await?;
        read(&connected.client, namespace, kind, name, service).await
    })
}

/// The workload, the Services that select its pods, `service` whatever it selects, and the disruption budgets. Where no Service selects
/// them, all are read, so that the user is told which there are.
async fn read(
    client: &Client,
    namespace: &str,
    kind: WorkloadKind,
    name: &str,
    service: Option<&str>,
) -> Result<LiveTarget, CommandFailure> {
    let reference = kind.reference(name);
    let failed = |what: &str, error: &kube::Error| {
        CommandFailure::Machine(format!("reading {what} in namespace {namespace}: {}", api_words(error)))
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource(kind));
    let found = api.get_opt(name).await.map_err(|error| failed(&reference, &error))?;
    let Some(found) = found else { return Err(missing(&api, namespace, &reference, kind).await) };
    refuse(&found, &reference, namespace)?;
    let pods = found.data.pointer("/status/desiredNumberScheduled").and_then(Value::as_u64);
    let pods = pods.filter(|_| kind == WorkloadKind::DaemonSet).and_then(|pods| u32::try_from(pods).ok());
    let mut workload = serde_json::to_value(&found).unwrap_or_default();
    workload["apiVersion"] = json!("apps/v1");
    workload["kind"] = json!(kind.name());
    let labels = workload.pointer("/spec/template/metadata/labels").cloned().unwrap_or_default();

    let services: Vec<Value> =
        listed::<Service>(client, namespace).await.map_err(|error| failed("services", &error))?;
    let selects = |one: &Value| selects_labels(one, &labels);
    let wanted = |one: &Value| {
        selects(one) || service.is_some_and(|service| service_name(service) == text(one, "/metadata/name"))
    };
    let any = services.iter().any(selects);
    let services = services.into_iter().filter(|one| !any || wanted(one));
    // They only make advice better: whoever may not list them gets it without.
    let budgets = listed::<PodDisruptionBudget>(client, namespace).await.unwrap_or_default();
    let objects = std::iter::once(workload).chain(services).chain(budgets);
    let source = |object: Value| {
        let name = format!("{}/{}", text(&object, "/kind").to_lowercase(), text(&object, "/metadata/name"));
        let text = serde_json::to_string_pretty(&object).unwrap_or_default();
        YamlSource::new(&format!("{name} of namespace {namespace}"), &text)
    };
    Ok(LiveTarget { namespace: namespace.to_owned(), sources: objects.map(source).collect(), pods })
}

/// Why nothing can be rolled out at all.
fn refuse(live: &DynamicObject, reference: &str, namespace: &str) -> Result<(), CommandFailure> {
    let refused = |why: &str| Err(CommandFailure::User(format!("{reference} in namespace {namespace} {why}")));
    if live.metadata.deletion_timestamp.is_some() {
        return refused("is being deleted");
    }
    if live.data.pointer("/spec/paused") == Some(&json!(true)) {
        return refused(&format!(
            "is paused (spec.paused), so that nothing rolls out; `kubectl rollout resume {reference} -n {namespace}`"
        ));
    }
    Ok(())
}

async fn listed<K>(client: &Client, namespace: &str) -> Result<Vec<Value>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Serialize
        + std::fmt::Debug,
{
    let listed = Api::<K>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?;
    listed
        .items
        .iter()
        .map(|object| {
            let mut value = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
            value["apiVersion"] = json!(K::api_version(&()));
            value["kind"] = json!(K::kind(&()));
            Ok(value)
        })
        .collect()
}

/// Says which workloads of the kind there are.
async fn missing(api: &Api<DynamicObject>, namespace: &str, reference: &str, kind: WorkloadKind) -> CommandFailure {
    const NAMED: usize = 20;
    let known = api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    let names: Vec<&str> = known.iter().filter_map(|one| one.metadata.name.as_deref()).take(NAMED).collect();
    let there = if names.is_empty() {
        format!("it has no {}", kind.name())
    } else {
        format!("it has the {} {}", kind.plural(), names.join(", "))
    };
    CommandFailure::User(format!(
        "namespace {namespace} has no {reference}; {there}; name another, or another namespace with -n"
    ))
}
