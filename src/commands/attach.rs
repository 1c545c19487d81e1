//! `rollproof attach KIND/NAME`: rolls a workload where it stands.

use super::context::RunMode;
use super::ending::{CommandFailure, FinishedCommand, UserOutput};
use super::execute::runtime;
use super::host::{ClusterChoice, live_target};
use super::options::{AttachArgs, DoorArgs};
use super::run_command::{DEFAULT_SEED, launch};
use super::until_loss::MOST_TRIALS;
use crate::cluster::embedded::namespace::EnteredNetwork;
use crate::cluster::kind::KindCluster;
use crate::cluster::kube::{current_context, namespace_of};
use crate::manifest::{DiskFiles, WorkloadKind};
use crate::plan::{PlanOverrides, RunPlan, WorkloadChoice, build_for_existing, check_door};
use crate::report::TerminalStyle;
use crate::scenario::http::{ExpectedStatus, RequestPath};
use crate::scenario::model::{
    EmptyMapping, ScenarioImage, ScenarioLoad, ScenarioRequest, ScenarioRollout, ScenarioTls,
};
use crate::scenario::shapes::{OneOrMore, ScenarioCommand};
use crate::spec::{LoadUrl, UrlHost};
use crate::yaml::{Located, YamlPlace};

const DEFAULT_NAMESPACE: &str = "default";

pub(crate) fn attach(
    arguments: &AttachArgs,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    let (kind, name) = WorkloadKind::split(&arguments.workload).ok_or_else(|| {
        CommandFailure::User(format!(
            "`{}` is no workload, expected KIND/NAME such as deployment/web; kinds: deployment, statefulset, daemonset",
            arguments.workload.escape_debug()
        ))
    })?;
    if arguments.place.keep {
        return Err(CommandFailure::User(
            "--keep keeps namespaces of a run, and attach leaves nothing behind; leave it out".to_owned(),
        ));
    }
    if arguments.try_advice && arguments.command.is_some() {
        return Err(CommandFailure::User(
            "--try-advice changes the workload by a patch, and --command by a command of yours: which of them made what could not be told; \
             leave out one of them, or compare two commands by `set` in a scenario"
                .to_owned(),
        ));
    }
    let load = load(arguments)?;
    check_door(&load, &DiskFiles)?;
    let (cluster, context) = runtime()?.block_on(chosen(arguments.place.cluster.as_ref()))?;
    let namespace = arguments.namespace.clone().or_else(|| namespace_of(&context));
    let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    let live = live_target(&cluster, &namespace, &arguments.workload, arguments.service.as_deref())?;
    let mut place = arguments.place.clone();
    place.cluster = Some(cluster);
    let overrides = PlanOverrides {
        rate: arguments.rate,
        trials: arguments.trials.or(arguments.until_loss.then_some(MOST_TRIALS)),
        seed: place.seed.unwrap_or(DEFAULT_SEED),
    };
    let choice = WorkloadChoice {
        workload: Some(kind.reference(name)),
        service: arguments.service.clone(),
        port: arguments.port.clone(),
    };
    let mut plan: RunPlan =
        build_for_existing(&live, &choice, (&load, &DiskFiles), Some(&at_nowhere(rollout(arguments))), &overrides)?;
    plan.settings.side_probe = arguments.side_probe.0.is_some();
    plan.settings.side_probe_every = arguments.side_probe.0.unwrap_or(plan.settings.side_probe_every);
    let mode = RunMode {
        record_all: arguments.record_all,
        until_loss: arguments.until_loss,
        try_advice: arguments.try_advice,
        asks: !place.yes,
    };
    let network = EnteredNetwork::Host("the cluster is a real one".to_owned());
    launch(plan, &place, mode, network, style, output)
}

/// The cluster that the user named, else that of the kubeconfig's current context, and its context.
async fn chosen(named: Option<&ClusterChoice>) -> Result<(ClusterChoice, String), CommandFailure> {
    match named {
        Some(ClusterChoice::Embedded) => Err(CommandFailure::User(
            "nothing is there already on the embedded cluster, which each run makes anew; name a real cluster with --cluster \
             context:NAME or kind:NAME"
                .to_owned(),
        )),
        Some(choice @ ClusterChoice::Context(context)) => Ok((choice.clone(), context.clone())),
        Some(choice @ ClusterChoice::Kind(name)) => {
            let name = name.as_deref().unwrap_or(crate::cluster::kind::DEFAULT_NAME);
            Ok((choice.clone(), format!("kind-{name}")))
        }
        None => {
            let context = current_context()?;
            // kind calls its contexts so; on its nodes the agent's image can be packed.
            let kind = match context.strip_prefix("kind-") {
                Some(name) => KindCluster::clusters().await.unwrap_or_default().into_iter().find(|known| known == name),
                None => None,
            };
            let choice = kind.map_or_else(|| ClusterChoice::Context(context.clone()), |name| ClusterChoice::Kind(Some(name)));
            Ok((choice, context))
        }
    }
}

fn at_nowhere<T>(value: T) -> Located<T> {
    Located { value, place: YamlPlace::default() }
}

fn load(arguments: &AttachArgs) -> Result<ScenarioLoad, CommandFailure> {
    let path = RequestPath::new(&arguments.path).map_err(|why| told("--path", &why))?;
    let status = |status: &u16| ExpectedStatus::new(i64::from(*status)).map(at_nowhere);
    let statuses: Result<Vec<_>, String> = arguments.status.iter().map(status).collect();
    let statuses = statuses.map_err(|why| told("--status", &why))?;
    let request = ScenarioRequest {
        door: None,
        path,
        method: None,
        headers: crate::scenario::http::RequestHeaders::default(),
        body: None,
        status: (!statuses.is_empty()).then_some(OneOrMore(statuses)),
        share: None,
        arms: None,
    };
    let url = arguments.door.url.as_ref();
    let url = url.map(|text| text.parse::<LoadUrl>().map_err(|why| told("--url", &why))).transpose()?;
    let resolve = arguments.door.resolve.as_ref();
    let resolve = resolve.map(|text| text.parse::<UrlHost>().map_err(|why| told("--resolve", &why)));
    Ok(ScenarioLoad {
        requests: Some(at_nowhere(vec![at_nowhere(request)])),
        url: url.map(at_nowhere),
        resolve: resolve.transpose()?.map(at_nowhere),
        tls: tls(&arguments.door).map(at_nowhere),
        ..ScenarioLoad::default()
    })
}

fn told(flag: &str, why: &str) -> CommandFailure {
    CommandFailure::User(format!("{flag}: {why}"))
}

/// `None` without a flag that asks for TLS: whether there is any is then the URL's choice.
fn tls(arguments: &DoorArgs) -> Option<ScenarioTls> {
    let DoorArgs { tls_ca, tls_server_name, tls_insecure, .. } = arguments;
    let asked = tls_ca.is_some() || tls_server_name.is_some() || *tls_insecure;
    asked.then(|| ScenarioTls {
        ca: tls_ca.as_ref().map(|path| at_nowhere(path.to_string_lossy().into_owned())),
        server_name: tls_server_name.clone().map(at_nowhere),
        insecure: tls_insecure.then(|| at_nowhere(true)),
    })
}

fn rollout(arguments: &AttachArgs) -> ScenarioRollout {
    let shell = |line: &String| ["sh", "-c", line].map(str::to_owned).to_vec();
    if let Some(line) = &arguments.command {
        let command = ScenarioCommand { run: shell(line), back: arguments.back.as_ref().map(shell) };
        return ScenarioRollout { command: Some(at_nowhere(command)), ..ScenarioRollout::default() };
    }
    if let Some(image) = &arguments.image {
        let (container, to) = match image.split_once('=') {
            Some((container, to)) => (Some(at_nowhere(container.to_owned())), to),
            None => (None, image.as_str()),
        };
        let image = ScenarioImage { to: at_nowhere(to.to_owned()), container };
        return ScenarioRollout { image: Some(image), ..ScenarioRollout::default() };
    }
    ScenarioRollout { restart: Some(EmptyMapping {}), ..ScenarioRollout::default() }
}
