//! Claims a workload that is there already for one run, by a namespace whose name it decides: whoever makes it first has it. What the
//! workload was is kept there, and brought back before the namespace goes.

use std::time::Duration;

use kube::api::DynamicObject;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::NotReady;
use super::existing_facts::ExistingFacts;
use crate::agent::NAMESPACE_LABELS;
use crate::clock::wall_unix_ns;
use crate::cluster::kube::{
    FormerSpec, MEASURES, NamespaceLife, SpecOrigin, api_words, bring_back, leave, namespaces, resource, run_namespaces,
};
use crate::manifest::WorkloadKind;

/// How long a namespace of that name, which is just going, is waited for.
const GOING_WITHIN: u32 = 120;
const GOING_POLL: Duration = Duration::from_millis(500);

/// Makes the namespace, or says whose run has the workload.
pub(super) async fn claim(
    client: &Client,
    name: &str,
    run: &str,
    former: &FormerSpec,
    clean: &str,
) -> Result<(), NotReady> {
    let measures = former.measures();
    let mut tries = 0;
    loop {
        let made = namespaces::create(client, name, run, &[(MEASURES, &measures)], &NAMESPACE_LABELS).await;
        let error = match made {
            Ok(()) => return unchanged(client, former).await,
            Err(kube::Error::Api(status)) if status.code == 409 => status.message.clone(),
            Err(error) => return Err(NotReady::Machine(format!("creating namespace {name}: {}", api_words(&error)))),
        };
        let found = run_namespaces(client, wall_unix_ns() / 1_000_000_000).await.unwrap_or_default();
        let other = found.iter().find(|one| one.namespace == name);
        match other.map(|one| (one.life, one.run.as_str())) {
            Some((NamespaceLife::Going, _)) | None if tries < GOING_WITHIN => {
                tries += 1;
                tokio::time::sleep(GOING_POLL).await;
            }
            Some((NamespaceLife::Alive, other)) => {
                return Err(NotReady::User(format!(
                    "run {other} is measuring {measures} (its namespace is {name}); wait until it has ended, or remove what it left \
                     with `{clean}` if it has been killed: it counts as alive for two minutes after its last sign of life"
                )));
            }
            Some((NamespaceLife::Left, other)) => {
                return Err(NotReady::User(format!(
                    "run {other} was measuring {measures} and did not end; undo and remove what it left with `{clean}`"
                )));
            }
            _ => return Err(NotReady::Machine(format!("creating namespace {name}: {error}"))),
        }
    }
}

/// Whether the workload is still what it was when the user was asked: another run, which has just ended, may have undone its own changes
/// since.
async fn unchanged(client: &Client, former: &FormerSpec) -> Result<(), NotReady> {
    let Some((kind, name)) = WorkloadKind::split(&former.workload) else { return Ok(()) };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &former.namespace, &resource(kind));
    let measures = former.measures();
    let read = api.get(name).await;
    let live = read.map_err(|error| NotReady::Machine(format!("reading {measures}: {}", api_words(&error))))?;
    let same = live.uid().as_deref() == Some(&former.uid)
        && former.origin(live.data.get("spec").unwrap_or(&Value::Null)) == SpecOrigin::Former;
    if same {
        Ok(())
    } else {
        Err(NotReady::User(format!("{measures} was changed since it was looked at; start again")))
    }
}

/// Undoes what the run changed in the workload, and takes back the agent's rights beside it if it was a `guest`. What was done, each in a
/// sentence, or why something was not.
pub(super) async fn release(
    client: &Client,
    facts: &ExistingFacts,
    run: &str,
    guest: bool,
) -> Result<Vec<String>, String> {
    let former = &facts.former;
    let undone = if facts.changes { bring_back(client, former, i64::MIN).await.map(Some) } else { Ok(None) };
    let left = if guest { leave(client, &former.namespace, run).await } else { Ok(()) };
    let undone = undone.map_err(|why| format!("undoing the run's change of {}: {why}", former.measures()))?;
    left.map_err(|error| format!("removing the run's roles in namespace {}: {}", former.namespace, api_words(&error)))?;
    Ok(undone.and_then(|brought| brought.words(former)).into_iter().collect())
}
