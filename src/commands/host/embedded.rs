//! The embedded cluster: processes of this machine, with load and watches in this process.

use std::sync::Arc;

use super::NotReady;
use crate::cluster::embedded::{EmbeddedCluster, EmbeddedConfig};
use crate::cluster::kube::{api_words, apply, create_namespace};
use crate::commands::context::RunContext;
use crate::commands::kept_manifests::AppliedVariant;
use crate::commands::placed::why_refused;
use crate::commands::variants;
use crate::observe::Observer;
use crate::record::entry::HarnessTrouble;
use crate::record::{Entry, Sink};
use crate::trial::{LoadSite, LocalSite, RunningVariant};

pub(super) fn start(run: &RunContext<'_>, sink: &Sink) -> Result<EmbeddedCluster, String> {
    let (clock, sink) = (run.clock, sink.clone());
    let trouble = move |namespace: &str, what: String| {
        sink.send(Entry::HarnessTrouble(HarnessTrouble { at_ns: clock.now(), namespace: namespace.to_owned(), what }));
    };
    let config = EmbeddedConfig {
        clock: run.clock,
        seed: run.plan.settings.seed,
        base: run.plan.settings.cluster.routing.base,
        min_sync_period: run.plan.settings.cluster.routing.min_sync_period,
        shared_network: run.shared_network,
        image_folders: run.plan.settings.folders.clone(),
        truth: run.outputs.truth(),
        trouble: Arc::new(trouble),
    };
    EmbeddedCluster::start(config).map_err(|error| format!("starting the embedded cluster: {error}"))
}

pub(super) async fn variants(
    embedded: &EmbeddedCluster,
    run: &RunContext<'_>,
    sink: &Sink,
) -> Result<Vec<RunningVariant>, NotReady> {
    let client = embedded.client();
    let (mut started, mut applied) = (Vec::new(), Vec::new());
    for (index, planned) in run.plan.variants.iter().enumerate() {
        let namespace = run.places.namespace(index);
        let planned = &planned.in_namespace(namespace);
        let failed =
            |why: String| NotReady::User(format!("applying the manifests of variant {}: {why}", planned.spec.name));
        create_namespace(&client, namespace, &run.plan.settings.scenario)
            .await
            .map_err(|error| failed(api_words(&error)))?;
        let target = variants::target(run.plan, run.places, index, planned);
        // Watched from its creation on, so that nothing of it is missed.
        let observer = Arc::new(Observer::start(&client, &target, run.clock, sink));
        let kept = apply(&client, namespace, planned.spec.manifests()).await;
        let kept = kept.map_err(|error| failed(why_refused(planned, &error)))?;
        let route = Arc::new(embedded.route(namespace, &planned.spec.service().name, planned.spec.service().port));
        let site = LocalSite { clock: run.clock, sink: sink.clone(), route, node_ports: None, observer };
        let site = LoadSite::Local(site);
        let manifests = planned.spec.manifests().to_vec();
        applied.push(AppliedVariant { name: planned.spec.name.clone(), sent: manifests.clone(), kept });
        let lag = run.plan.settings.cluster.routing.lag_max();
        started.push(variants::variant(run, index, planned, &client, site, manifests, planned.patched().as_ref(), lag));
    }
    super::note_what_was_kept(run, sink, &applied);
    Ok(started)
}
