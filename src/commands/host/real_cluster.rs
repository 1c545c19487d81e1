//! A real cluster: kind, or any that a context names. The load is in the agent's pod, or on this machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::kubeconfig_memory::KubeconfigMemory;
use super::reach_cluster::{ReachedCluster, nodes};
use super::run_agent::{AgentLife, RunAgent, check_rights};
use super::{LoadPlace, NotReady, image_preparation};
use crate::agent::{AgentError, NAMESPACE_LABELS};
use crate::cluster::kind::ImageRewrite;
use crate::cluster::kube::{api_words, apply, namespaces};
use crate::commands::context::RunContext;
use crate::commands::kept_manifests::AppliedVariant;
use crate::commands::placed::why_refused;
use crate::commands::variants;
use crate::load::{LocalPorts, PortRotation};
use crate::observe::{ObservedWorkload, Observer};
use crate::plan::VariantPlan;
use crate::record::Sink;
use crate::spec::{RolloutAction, RolloutSpec};
use crate::trial::{LoadSite, LocalSite, RunningVariant};

/// How long routing may follow a change of endpoints: kube-proxy's minimal sync period is 1 s where nobody changed it, and
/// its sync takes what it takes.
const ROUTING_LAG: Duration = Duration::from_secs(2);

pub(in crate::commands) struct RealCluster {
    pub(super) client: Client,
    names: Vec<String>,
    from: LoadPlace,
    keep: bool,
    agent: Option<RunAgent>,
    rewrite: ImageRewrite,
    /// Where the load of this machine takes its ports from; an agent has a rotation of its own.
    ports: LocalPorts,
    clean: String,
    /// For commands of the user's own, where a rollout is one. Gone with the run: it holds credentials.
    kubeconfig: Option<KubeconfigMemory>,
    beat: JoinHandle<()>,
}

impl RealCluster {
    /// Makes the run's namespaces, and brings the agent up.
    pub(super) async fn start(reached: ReachedCluster, run: &RunContext<'_>, sink: &Sink) -> Result<Self, NotReady> {
        let ReachedCluster { client, from, agent_image, keep, nodes, clean, kubeconfig, .. } = reached;
        let commands = run
            .plan
            .variants
            .iter()
            .any(|variant| matches!(variant.spec.rollout.action, RolloutAction::Command { .. }));
        let kubeconfig = commands
            .then(|| KubeconfigMemory::holding(&kubeconfig))
            .transpose()
            .map_err(|error| NotReady::Machine(format!("writing a kubeconfig for commands: {error}")))?;
        let images = run.stop.run_until_cancelled(image_preparation::provide(run, from, agent_image, nodes)).await;
        let rewrite = images.unwrap_or(Err(NotReady::Stopped))?;
        let mut names: Vec<String> =
            (0..run.plan.variants.len()).map(|index| run.places.namespace(index).to_owned()).collect();
        let agent = match (from, rewrite.program.clone()) {
            (LoadPlace::Host, _) => None,
            (LoadPlace::Pod, Some(image)) => {
                let namespace = format!("rollproof-agent-{}", run.id);
                names.push(namespace.clone());
                Some(RunAgent::new(namespace, image, run.token.clone(), run.started_unix_ns, run.clock))
            }
            (LoadPlace::Pod, None) => {
                return Err(NotReady::User(format!(
                    "the load needs an image of rollproof on the cluster's nodes; build one, push it where they can pull it, \
                     and name it with --agent-image{}",
                    run.cluster.instead_of_an_agent_image()
                )));
            }
        };
        let ports = match from {
            LoadPlace::Pod => LocalPorts::Kernel,
            // Started somewhere else by each run, so that two in a row do not begin with the same ports.
            LoadPlace::Host => {
                let start = usize::from_str_radix(&run.id, 16).unwrap_or_default();
                let rotation = PortRotation::of_this_machine(start);
                LocalPorts::Rotation(Arc::new(rotation.map_err(|error| NotReady::Machine(error.to_string()))?))
            }
        };
        let beat = tokio::spawn(namespaces::beat(client.clone(), names.clone()));
        let mut real = Self { client, names, from, keep, agent, rewrite, ports, clean, kubeconfig, beat };
        let prepared = run.stop.run_until_cancelled(real.prepare(run, sink)).await;
        if let Err(error) = prepared.unwrap_or(Err(NotReady::Stopped)) {
            if let Some(left) = real.end().await {
                run.output.say(&left);
            }
            return Err(error);
        }
        Ok(real)
    }

    async fn prepare(&mut self, run: &RunContext<'_>, sink: &Sink) -> Result<(), NotReady> {
        for (index, name) in self.names.iter().enumerate() {
            // Only the agent's own is restricted: the user's pods may be what they are.
            let labels: &[(&str, &str)] = if index < run.plan.variants.len() { &[] } else { &NAMESPACE_LABELS };
            namespaces::create(&self.client, name, &run.id, &run.plan.settings.scenario, labels)
                .await
                .map_err(|error| NotReady::Machine(format!("creating namespace {name}: {}", api_words(&error))))?;
        }
        if let Some(agent) = &mut self.agent {
            run.output.progress("starting the agent");
            for index in 0..run.plan.variants.len() {
                agent.grant(&self.client, run.places.namespace(index)).await?;
            }
            agent.start(&self.client, sink).await?;
        }
        Ok(())
    }

    pub(super) async fn variants(
        &mut self,
        run: &RunContext<'_>,
        sink: &Sink,
    ) -> Result<Vec<RunningVariant>, NotReady> {
        let (mut started, mut applied) = (Vec::new(), Vec::new());
        for (index, planned) in run.plan.variants.iter().enumerate() {
            let namespace = run.places.namespace(index);
            // Watched from its creation on, so that nothing of it is missed.
            let observer = self.watch(run, index, planned, sink).await?;
            let mut manifests = self.rewrite.apply(planned.spec.manifests());
            if self.from == LoadPlace::Host {
                with_node_port(&mut manifests, &planned.spec.service().name);
            }
            let patched = planned.patched().and_then(|patched| self.rewrite.apply(&[patched]).pop());
            let mut planned = planned.clone();
            planned.spec.rollout = self.renamed(&planned.spec.rollout);
            let planned = &planned;
            let kept = apply(&self.client, namespace, &manifests).await.map_err(|error| {
                let why = why_refused(planned, &error);
                NotReady::User(format!("applying the manifests of variant {}: {why}", planned.spec.name))
            })?;
            applied.push(AppliedVariant { name: planned.spec.name.clone(), sent: manifests.clone(), kept });
            let address = self.address(namespace, planned).await?;
            let site = self.site(run, sink, namespace, address, observer)?;
            let mut variant =
                variants::variant(run, index, planned, &self.client, site, manifests, patched.as_ref(), ROUTING_LAG);
            if let Some(kubeconfig) = &self.kubeconfig {
                variant.handle.variables.insert("KUBECONFIG".to_owned(), kubeconfig.path());
            }
            variant.load.local_ports = self.ports.clone();
            started.push(variant);
        }
        super::note_what_was_kept(run, sink, &applied);
        Ok(started)
    }

    /// Starts the watches of a variant, where the load is.
    async fn watch(
        &self,
        run: &RunContext<'_>,
        index: usize,
        planned: &VariantPlan,
        sink: &Sink,
    ) -> Result<Option<Observer>, NotReady> {
        let target = variants::target(run.plan, run.places, index, planned);
        if let Some(life) = self.life() {
            check_rights(life, &target.namespace).await?;
            life.remote.watch(&target).await?;
            return Ok(None);
        }
        // Pods have addresses of the cluster's own network, which this machine cannot be expected to reach.
        let target = ObservedWorkload { probe_port: None, ..target };
        Ok(Some(Observer::start(&self.client, &target, run.clock, sink)))
    }

    fn site(
        &self,
        run: &RunContext<'_>,
        sink: &Sink,
        namespace: &str,
        address: SocketAddr,
        observer: Option<Observer>,
    ) -> Result<LoadSite, NotReady> {
        match (self.life(), observer) {
            (Some(life), _) => Ok(LoadSite::Agent(life.site(namespace, address))),
            (None, Some(observer)) => Ok(LoadSite::Local(LocalSite {
                clock: run.clock,
                sink: sink.clone(),
                route: Arc::new(address),
                observer,
            })),
            (None, None) => Err(NotReady::Machine("the agent is gone".to_owned())),
        }
    }

    fn life(&self) -> Option<&AgentLife> {
        self.agent.as_ref().and_then(RunAgent::life)
    }

    /// The rollout with the nodes' names of images.
    fn renamed(&self, rollout: &RolloutSpec) -> RolloutSpec {
        let mut renamed = rollout.clone();
        if let RolloutAction::Image { from, to, .. } = &mut renamed.action {
            *from = self.rewrite.name(from);
            *to = self.rewrite.name(to);
        }
        renamed
    }

    /// Where the load connects to.
    async fn address(&self, namespace: &str, planned: &VariantPlan) -> Result<SocketAddr, NotReady> {
        let name = &planned.spec.service().name;
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let failed = |error: kube::Error| {
            NotReady::Machine(format!("reading service {name} in namespace {namespace}: {}", api_words(&error)))
        };
        let refused = |why: String| NotReady::User(format!("service {name} of variant {}: {why}", planned.spec.name));
        let service = services.get(name).await.map_err(failed)?;
        if self.from == LoadPlace::Host {
            if service.spec.as_ref().and_then(|spec| spec.external_traffic_policy.as_deref()) == Some("Local") {
                return Err(refused(
                    "its externalTrafficPolicy is Local, so that a node port leads to that node's pods only; load it with \
                     --load-from pod"
                        .to_owned(),
                ));
            }
            let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
            let port = ports.into_iter().find(|port| port.port == i32::from(planned.spec.service().port));
            let port = port.and_then(|port| u16::try_from(port.node_port?).ok());
            let port = port.ok_or_else(|| refused("the cluster gave it no node port".to_owned()))?;
            return Ok(SocketAddr::new(self.node_address().await?, port));
        }
        let ip = service.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
        match ip.parse() {
            Ok(ip) => Ok(SocketAddr::new(ip, planned.spec.service().port)),
            Err(_) => Err(refused(format!(
                "its clusterIP is `{ip}`, expected an address: connections to a headless Service are not routed"
            ))),
        }
    }

    async fn node_address(&self) -> Result<IpAddr, NotReady> {
        let nodes = nodes(&self.client).await.map_err(NotReady::Machine)?;
        let addresses =
            nodes.into_iter().flat_map(|node| node.status.unwrap_or_default().addresses.unwrap_or_default());
        let internal =
            addresses.filter(|address| address.type_ == "InternalIP").find_map(|one| one.address.parse().ok());
        internal.ok_or_else(|| NotReady::Machine("no node has an InternalIP to reach its node ports at".to_owned()))
    }

    pub(super) async fn recorded(&self, trial: u32) -> Result<(), AgentError> {
        match &self.agent {
            Some(agent) => agent.recorded(trial).await,
            None => Ok(()),
        }
    }

    /// A new agent in place of a lost one, with the same watches; the variants' sites are moved to it.
    pub(super) async fn replace_agent(
        &mut self,
        run: &RunContext<'_>,
        sink: &Sink,
        variants: &mut [RunningVariant],
    ) -> Result<(), NotReady> {
        let Some(agent) = &mut self.agent else { return Ok(()) };
        let life = Box::pin(agent.start(&self.client, sink)).await?;
        for ((index, planned), variant) in run.plan.variants.iter().enumerate().zip(variants) {
            self.watch(run, index, planned, sink).await?;
            if let LoadSite::Agent(old) = &variant.site {
                variant.site = LoadSite::Agent(life.site(&old.namespace, old.address));
            }
        }
        Ok(())
    }

    /// Closes the agent's part in the record and removes the namespaces, unless they are to be kept.
    pub(super) async fn end(mut self) -> Option<String> {
        self.beat.abort();
        if let Some(agent) = &mut self.agent {
            agent.close().await;
        }
        if self.keep {
            return Some(format!("kept: the namespaces {}", self.names.join(", ")));
        }
        let left = namespaces::remove(&self.client, &self.names).await?;
        Some(format!("{left}; remove them with `{}`", self.clean))
    }
}

/// The manifests with a node port for the Service: in them, and not patched onto it, so that what is made anew has it too.
fn with_node_port(manifests: &mut [Value], service: &str) {
    let is = |object: &Value| object["kind"] == "Service" && object["metadata"]["name"] == service;
    for object in manifests.iter_mut().filter(|object| is(object)) {
        object["spec"]["type"] = json!("NodePort");
    }
}
