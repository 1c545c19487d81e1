//! A real cluster: kind, or any that a context names. The load is in the agent's pod, or on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::claim;
use super::existing_facts::ExistingFacts;
use super::kubeconfig_memory::KubeconfigMemory;
use super::reach_cluster::ReachedCluster;
use super::run_agent::{AgentLife, RunAgent, check_rights};
use super::service_address::{ServiceAddress, service_address, with_node_port};
use super::{LoadPlace, NotReady, image_preparation};
use crate::agent::{AgentError, NAMESPACE_LABELS};
use crate::cluster::kind::ImageRewrite;
use crate::cluster::kube::{SCENARIO, api_words, apply, keep, namespaces};
use crate::commands::context::RunContext;
use crate::commands::kept_manifests::AppliedVariant;
use crate::commands::placed::why_refused;
use crate::commands::variants;
use crate::load::{LocalPorts, PortRotation};
use crate::observe::{ObservedWorkload, Observer};
use crate::plan::VariantPlan;
use crate::record::entry::ClusterNote;
use crate::record::{Entry, Sink};
use crate::spec::{RolloutAction, RolloutSpec};
use crate::trial::{InPlace, LoadSite, LocalSite, RunningVariant, SetState, WantedSpec};

/// How long routing may follow a change of endpoints: kube-proxy's minimal sync period is 1 s where nobody changed it, and
/// its sync takes what it takes.
const ROUTING_LAG: Duration = Duration::from_secs(2);

pub(in crate::commands) struct RealCluster {
    pub(super) client: Client,
    names: Vec<String>,
    /// The namespace of the agent, which is also what claims a workload that is there already.
    seat: Option<String>,
    existing: Option<ExistingFacts>,
    run: String,
    /// The agent may not watch the workload that is there already.
    watches_here: bool,
    set_by_command: Arc<Mutex<Option<SetState>>>,
    /// The workload is this run's to measure.
    claimed: bool,
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
        let ReachedCluster {
            client, from, agent_image, keep, nodes, clean, kubeconfig, existing, watches_here, ..
        } = reached;
        let commands = run.plan.variants.iter().any(|variant| {
            let set = variant.spec.existing().is_some_and(|existing| existing.set.is_some());
            set || matches!(variant.spec.rollout.action, RolloutAction::Command { .. })
        });
        let kubeconfig = commands
            .then(|| KubeconfigMemory::holding(&kubeconfig))
            .transpose()
            .map_err(|error| NotReady::Machine(format!("writing a kubeconfig for commands: {error}")))?;
        let images = run.stop.run_until_cancelled(image_preparation::provide(run, from, agent_image, nodes)).await;
        let rewrite = images.unwrap_or(Err(NotReady::Stopped))?;
        let mut names: Vec<String> = own_variants(run).map(|(_, namespace)| namespace.to_owned()).collect();
        let seat = match &existing {
            Some(facts) => Some(facts.former.claim_name()),
            None => (from == LoadPlace::Pod).then(|| format!("rollproof-agent-{}", run.id)),
        };
        names.extend(seat.clone());
        let agent = match (from, rewrite.program.clone()) {
            (LoadPlace::Host, _) => None,
            (LoadPlace::Pod, Some(image)) => {
                let namespace = seat.clone().unwrap_or_default();
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
        let ports = local_ports(run, from)?;
        let beat = tokio::spawn(namespaces::beat(client.clone(), names.clone()));
        let keep = keep && existing.is_none();
        let mut real = Self {
            client,
            names,
            seat,
            existing,
            from,
            keep,
            agent,
            rewrite,
            ports,
            clean,
            kubeconfig,
            beat,
            claimed: false,
            watches_here,
            set_by_command: Arc::default(),
            run: run.id.clone(),
        };
        let prepared = run.stop.run_until_cancelled(real.prepare(run, sink)).await;
        if let Err(error) = prepared.unwrap_or(Err(NotReady::Stopped)) {
            match real.end().await {
                Ok(left) => left.iter().for_each(|left| run.output.say(left)),
                Err(why) => run.output.say(&why),
            }
            return Err(error);
        }
        Ok(real)
    }

    async fn prepare(&mut self, run: &RunContext<'_>, sink: &Sink) -> Result<(), NotReady> {
        if let (Some(facts), Some(seat)) = (&self.existing, &self.seat) {
            // Where it fails, or is given up, the namespace goes all the same if it is this run's, by its label.
            claim::claim(&self.client, seat, &run.id, &facts.former, &self.clean).await?;
            self.claimed = true;
            if facts.changes {
                keep(&self.client, seat, &facts.former).await.map_err(|error| {
                    NotReady::Machine(format!("keeping what {} is: {}", facts.former.workload, api_words(&error)))
                })?;
            }
        }
        for name in self.names.iter().filter(|name| !self.claimed || Some(*name) != self.seat.as_ref()) {
            // Only the agent's own is restricted: the user's pods may be what they are.
            let labels: &[(&str, &str)] = if Some(name) == self.seat.as_ref() { &NAMESPACE_LABELS } else { &[] };
            namespaces::create(&self.client, name, &run.id, &[(SCENARIO, &run.plan.settings.scenario)], labels)
                .await
                .map_err(|error| NotReady::Machine(format!("creating namespace {name}: {}", api_words(&error))))?;
        }
        if let Some(agent) = &mut self.agent {
            run.output.progress("starting the agent");
            for (_, namespace) in own_variants(run) {
                agent.grant(&self.client, namespace).await?;
            }
            if let Some(facts) = self.existing.as_ref().filter(|_| !self.watches_here) {
                agent.grant_as_guest(&self.client, &facts.former.namespace, &run.id).await?;
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
        let mut observers: BTreeMap<String, Option<Arc<Observer>>> = BTreeMap::new();
        for (index, planned) in run.plan.variants.iter().enumerate() {
            let namespace = run.places.namespace(index);
            let planned = &planned.in_namespace(namespace);
            // Watched from its creation on, so that nothing of it is missed.
            let observer = match observers.get(namespace) {
                Some(observer) => observer.clone(),
                None => self.watch(run, index, planned, sink).await?.map(Arc::new),
            };
            observers.insert(namespace.to_owned(), observer.clone());
            if let Some(variant) = self.in_place(run, index, planned, (sink, observer.clone())).await? {
                started.push(variant);
                continue;
            }
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
            let address = service_address(&self.client, self.from, namespace, planned).await?;
            let site = self.site(run, sink, namespace, address, observer)?;
            let mut variant =
                variants::variant(run, index, planned, &self.client, site, manifests, patched.as_ref(), ROUTING_LAG);
            self.with_means(&mut variant);
            started.push(variant);
        }
        super::note_what_was_kept(run, sink, &applied);
        Ok(started)
    }

    /// The variant of a workload that is there already, of which nothing is applied before its trials; `None` for any other.
    async fn in_place(
        &self,
        run: &RunContext<'_>,
        index: usize,
        planned: &VariantPlan,
        (sink, observer): (&Sink, Option<Arc<Observer>>),
    ) -> Result<Option<RunningVariant>, NotReady> {
        let (Some(facts), Some(_)) = (&self.existing, planned.spec.existing()) else { return Ok(None) };
        let namespace = run.places.namespace(index);
        let address = service_address(&self.client, self.from, namespace, planned).await?;
        let site = self.site(run, sink, namespace, address, observer)?;
        let manifests = planned.spec.manifests().to_vec();
        let patched = planned.patched();
        let mut variant =
            variants::variant(run, index, planned, &self.client, site, manifests, patched.as_ref(), ROUTING_LAG);
        self.with_means(&mut variant);
        let wanted = match planned.spec.existing().and_then(|existing| existing.set.clone()) {
            Some(set) => WantedSpec::ByCommand { set, made: Mutex::default() },
            None => WantedSpec::Known(facts.wanted.get(&index).cloned().unwrap_or_default()),
        };
        let in_place =
            InPlace { former: Arc::new(facts.former.clone()), wanted, set: Arc::clone(&self.set_by_command) };
        variants::in_place(&mut variant, in_place, &facts.restarts);
        Ok(Some(variant))
    }

    /// Gives a variant what its commands and its load need.
    fn with_means(&self, variant: &mut RunningVariant) {
        if let Some(kubeconfig) = &self.kubeconfig {
            variant.handle.variables.insert("KUBECONFIG".to_owned(), kubeconfig.path());
        }
        variant.load.local_ports = self.ports.clone();
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
        // Pods have addresses of the cluster's own network, which this machine cannot be expected to reach.
        let unprobed = ObservedWorkload { probe: None, ..target.clone() };
        if let (Some(life), true, Some(_)) = (self.life(), self.watches_here, planned.spec.existing()) {
            let (clock, ahead) = life.remote.clock_beside().await?;
            let note = format!(
                "{} is watched from this machine, because the agent may not watch its namespace; moments are known to within {} ms",
                planned.workload.reference,
                ahead.as_millis() + 1
            );
            run.output.say(&format!("note: {note}"));
            sink.send(Entry::ClusterNote(ClusterNote { at_ns: run.clock.now(), note }));
            return Ok(Some(Observer::start_beside(&self.client, &unprobed, clock, ahead, sink)));
        }
        if let Some(life) = self.life() {
            check_rights(life, &target.namespace).await?;
            life.remote.watch(&target).await?;
            return Ok(None);
        }
        Ok(Some(Observer::start(&self.client, &unprobed, run.clock, sink)))
    }

    fn site(
        &self,
        run: &RunContext<'_>,
        sink: &Sink,
        namespace: &str,
        at: ServiceAddress,
        observer: Option<Arc<Observer>>,
    ) -> Result<LoadSite, NotReady> {
        match (self.life(), observer) {
            (Some(life), watches) => Ok(LoadSite::Agent(Box::new(life.site(namespace, at.first, watches)))),
            (None, Some(observer)) => Ok(LoadSite::Local(LocalSite {
                clock: run.clock,
                sink: sink.clone(),
                route: at.route(),
                node_ports: at.node_ports,
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
            let watches = self.watch(run, index, planned, sink).await?.map(Arc::new);
            if let LoadSite::Agent(old) = &variant.site {
                variant.site = LoadSite::Agent(Box::new(life.site(&old.namespace, old.address, watches)));
            }
        }
        Ok(())
    }

    /// Closes the agent's part in the record and removes the namespaces, unless they are to be kept.
    pub(super) async fn end(mut self) -> Result<Option<String>, String> {
        self.beat.abort();
        if let Some(agent) = &mut self.agent {
            agent.close().await;
        }
        if self.keep {
            return Ok(Some(format!("kept: the namespaces {}", self.names.join(", "))));
        }
        let mut said = Vec::new();
        if let Some(facts) = self.existing.as_ref().filter(|_| self.claimed) {
            match claim::release(&self.client, facts, &self.run, self.agent.is_some() && !self.watches_here).await {
                Ok(undone) => said.extend(undone),
                // With the namespace stays what the workload was.
                Err(why) => return Err(format!("{why}; undo it with `{}`", self.clean)),
            }
        }
        let left = namespaces::remove(&self.client, &self.names, &self.run).await;
        said.extend(left.map(|left| format!("{left}; remove them with `{}`", self.clean)));
        Ok((!said.is_empty()).then(|| said.join("\n")))
    }
}

/// Where the load takes its local ports from.
fn local_ports(run: &RunContext<'_>, from: LoadPlace) -> Result<LocalPorts, NotReady> {
    match from {
        LoadPlace::Pod => Ok(LocalPorts::Kernel),
        // Started somewhere else by each run, so that two in a row do not begin with the same ports.
        LoadPlace::Host => {
            let start = usize::from_str_radix(&run.id, 16).unwrap_or_default();
            let rotation = PortRotation::of_this_machine(start);
            Ok(LocalPorts::Rotation(Arc::new(rotation.map_err(|error| NotReady::Machine(error.to_string()))?)))
        }
    }
}

/// The variants that live in namespaces of the run's own.
fn own_variants<'a>(run: &'a RunContext<'_>) -> impl Iterator<Item = (&'a VariantPlan, &'a str)> {
    let all = run.plan.variants.iter().enumerate().map(|(index, variant)| (variant, run.places.namespace(index)));
    all.filter(|(variant, _)| variant.spec.existing().is_none())
}
