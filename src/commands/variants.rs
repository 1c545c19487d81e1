//! From a variant of the plan to a variant that runs: its namespace, its load, its watches.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::header::HOST;
use serde_json::Value;

use super::context::RunContext;
use crate::load::{LoadPlan, sizing};
use crate::manifest::undo;
use crate::observe::{ObservedWorkload, SideProbeSpec};
use crate::plan::{RunPlan, VariantPlan};
use crate::record::header::VariantPlace;
use crate::redact::short_hash;
use crate::rollout::{Eviction, RestartValues, RolledWorkload, RolloutHandle, RolloutStep};
use crate::spec::{Door, HeaderSpec, HeaderText, LoadSpec, RolloutAction, TlsSpec};
use crate::trial::{InPlace, LoadSite, RunningVariant, TrialAction, TrialStep};

/// Where each variant lives and how many connections it keeps, in the plan's order.
#[derive(Debug)]
pub(super) struct VariantPlaces {
    places: Vec<VariantPlace>,
}

impl VariantPlaces {
    /// `run` tells the namespaces of several runs on one cluster apart; it is empty on a cluster of the run's own.
    pub(super) fn of(plan: &RunPlan, run: &str) -> Self {
        let places = plan.variants.iter().map(|variant| VariantPlace {
            namespace: match variant.spec.existing() {
                Some(existing) => existing.namespace.clone(),
                None => namespace(&plan.settings.scenario, &variant.spec.name, run),
            },
            connections: connections(variant),
        });
        Self { places: places.collect() }
    }

    pub(super) fn all(&self) -> Vec<VariantPlace> {
        self.places.clone()
    }

    pub(super) fn namespace(&self, variant: usize) -> &str {
        self.places.get(variant).map_or("", |place| place.namespace.as_str())
    }

    fn connections(&self, variant: usize) -> usize {
        self.places.get(variant).map_or(1, |place| place.connections as usize)
    }
}

/// A namespace's name has at most 63 characters (RFC 1123 label); both parts are such labels already. A longer one is cut,
/// and a hash of the whole keeps it apart from others that begin alike.
fn namespace(scenario: &str, variant: &str, run: &str) -> String {
    let end = if run.is_empty() { String::new() } else { format!("-{run}") };
    let whole = format!("{scenario}-{variant}");
    let room = 63 - end.len();
    if whole.len() <= room {
        return whole + &end;
    }
    let hash: String = short_hash(&whole).chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{}-{hash}{end}", whole[..room - 9].trim_end_matches('-'))
}

/// The scenario's number, else the default of the slowest kept-alive arm and door, so that none rests longer than 2 s.
fn connections(variant: &VariantPlan) -> u32 {
    let load = &variant.spec.load;
    let chosen = load.connections.or_else(|| {
        let sized = kept_rates(load).map(|rate| sizing::default_connections(variant.workload.replicas, rate));
        sized.min().and_then(|number| u32::try_from(number).ok())
    });
    chosen.unwrap_or(0)
}

/// The longest time between two uses of a kept-alive connection, in seconds; `None` without such an arm.
pub(super) fn idle_s(variant: &VariantPlan) -> Option<f64> {
    let idle =
        kept_rates(&variant.spec.load).map(|rate| sizing::idle_between_uses_s(connections(variant) as usize, rate));
    idle.reduce(f64::max)
}

/// Requests a second on the kept-alive connections of each arm and door that has any.
fn kept_rates(load: &LoadSpec) -> impl Iterator<Item = f64> {
    load.kept().map(|(arm, door)| load.rate_at(arm, door)).filter(|rate| *rate > 0.0)
}

/// What is asked of the cluster to watch `variant`.
pub(super) fn target(plan: &RunPlan, places: &VariantPlaces, index: usize, variant: &VariantPlan) -> ObservedWorkload {
    ObservedWorkload {
        namespace: places.namespace(index).to_owned(),
        workload: crate::rollout::resource(variant.workload.kind),
        name: variant.workload.name.clone(),
        selector: variant.workload.selector.clone(),
        probe: plan.settings.side_probe.then_some(SideProbeSpec {
            port: variant.spec.service().target_port,
            every: plan.settings.side_probe_every,
        }),
    }
}

/// The variant, running at `site` from `manifests`; `patched` is the workload with a rollout's patch in it, if it has one.
/// Both are as they are applied: images may have got other names than the plan's.
#[expect(clippy::too_many_arguments, reason = "each is another part's, and they meet here only")]
pub(super) fn variant(
    run: &RunContext<'_>,
    index: usize,
    variant: &VariantPlan,
    client: &kube::Client,
    site: LoadSite,
    manifests: Vec<Value>,
    patched: Option<&Value>,
    routing_lag: Duration,
) -> RunningVariant {
    let workload = RolledWorkload {
        kind: variant.workload.kind,
        namespace: run.places.namespace(index).to_owned(),
        name: variant.workload.name.clone(),
        selector: variant.workload.selector.clone(),
    };
    RunningVariant {
        name: variant.spec.name.clone(),
        handle: RolloutHandle {
            client: client.clone(),
            workload,
            run: run.id.clone(),
            variables: BTreeMap::new(),
            command_log: Some(run.outputs.command_log()),
        },
        action: action(variant, &manifests, patched),
        manifests,
        service: variant.spec.service().name.clone(),
        service_port_name: variant.spec.service().port_name.clone(),
        in_place: None,
        site,
        load: load(variant, run.places.connections(index), run.plan.settings.seed, run.mode.record_all),
        changed: AtomicBool::new(false),
        step: Mutex::new(TrialStep::default()),
        timeout: variant.spec.rollout.timeout,
        lead_in: run.plan.settings.lead_in,
        tail: run.plan.settings.tail,
        routing_lag,
    }
}

/// Makes of `variant` one whose workload was there before the run. Its way back is that it is brought to the next variant's spec; only
/// the user's own command has one of its own.
pub(super) fn in_place(variant: &mut RunningVariant, in_place: InPlace, restarts: &RestartValues) {
    if let TrialAction::Roll { roll, back } = &mut variant.action {
        if *roll == RolloutStep::Restart {
            *roll = RolloutStep::RestartBetween(restarts.clone());
        }
        if !matches!(roll, RolloutStep::Command(_)) {
            *back = None;
        }
    }
    variant.in_place = Some(in_place);
}

fn action(variant: &VariantPlan, manifests: &[Value], patched: Option<&Value>) -> TrialAction {
    let (roll, back) = match variant.spec.rollout.action.clone() {
        RolloutAction::Restart => (RolloutStep::Restart, None),
        RolloutAction::Env { container, name } => (RolloutStep::Env { container, name }, None),
        RolloutAction::Image { container, from, to } => {
            let back = RolloutStep::Image { container: container.clone(), image: from };
            (RolloutStep::Image { container, image: to }, Some(back))
        }
        RolloutAction::Patch { .. } => {
            // Both ways are the difference of two whole manifests, so that each is as if it had been applied alone.
            let original = manifests.get(variant.workload.index).unwrap_or(&Value::Null);
            let patched = patched.unwrap_or(original);
            (RolloutStep::Patch(undo(patched, original)), Some(RolloutStep::Patch(undo(original, patched))))
        }
        RolloutAction::Scale { from, to } => (RolloutStep::Scale { to }, Some(RolloutStep::Scale { to: from })),
        RolloutAction::Command { run, back } => (RolloutStep::Command(run), back.map(RolloutStep::Command)),
        RolloutAction::Evict { node, cordon } => return TrialAction::Evict(Eviction { node, cordon }),
        RolloutAction::None { duration } => return TrialAction::None { duration },
    };
    TrialAction::Roll { roll, back }
}

fn load(variant: &VariantPlan, connections: usize, seed: u64, record_all: bool) -> LoadPlan {
    let mut spec = variant.spec.load.clone();
    for request in &mut spec.requests {
        if request.headers.iter().all(|header| header.name != HOST) {
            let host = host(variant, variant.spec.load.door_of(request));
            request.headers.push(HeaderSpec { name: HOST, value: HeaderText::Value(host) });
        }
    }
    let secured = spec.secured_door();
    if let Some(tls) = &mut spec.tls {
        let url = spec.url.as_ref().filter(|_| secured == Door::Url);
        tls.server_name
            .get_or_insert_with(|| url.map_or_else(|| variant.spec.service().name.clone(), |door| door.url.host()));
        if !tls.insecure {
            // The agent's pod has no CAs of its own.
            tls.ca.get_or_insert_with(platform_authorities);
        }
    }
    LoadPlan { trial: 0, seed, record_all, ..LoadPlan::new(spec, connections) }
}

/// The CAs that this machine trusts, as PEM; none where it has none, which the load tells.
fn platform_authorities() -> String {
    TlsSpec::pem(rustls_native_certs::load_native_certs().certs.iter().map(AsRef::as_ref))
}

/// What a client calls the server: the URL's authority, or the Service's name as it is said inside the namespace.
fn host(variant: &VariantPlan, door: Door) -> String {
    if let Some(door) = variant.spec.load.url.as_ref().filter(|_| door == Door::Url) {
        return door.url.authority();
    }
    let service = variant.spec.service();
    let usual = if variant.spec.load.tls_at(Door::Service).is_some() { 443 } else { 80 };
    if service.port == usual { service.name.clone() } else { format!("{}:{}", service.name, service.port) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::RequestSpec;

    #[test]
    fn long_names_that_begin_alike_get_namespaces_of_their_own() {
        let scenario = "s".repeat(38);
        let names =
            ["a", "b"].map(|end| namespace(&scenario, &format!("variant-with-a-long-name-that-{end}"), "1a2b3c4d"));
        assert_ne!(names[0], names[1]);
        assert!(
            names.iter().all(|name| name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        );
        assert_eq!(namespace("web", "a", ""), "web-a");
        assert_eq!(namespace("web", "a", "1f"), "web-a-1f");
    }

    #[test]
    fn the_host_and_the_name_of_tls_are_those_of_the_url_or_of_the_service() {
        use crate::spec::UrlDoor;
        let sent = |url: Option<&str>, tls: Option<TlsSpec>| {
            let mut plan = crate::plan::manifest_plan("web.yaml", include_str!("../../manifests/apache.yaml"));
            let planned = &mut plan.variants[0];
            planned.spec.load.url = url.map(|url| UrlDoor { url: url.parse().unwrap(), resolve: None, proxy: None });
            planned.spec.load.requests[0].door = None;
            planned.spec.load.tls = tls;
            let load = load(planned, 1, 1, false).spec;
            let host = load.requests[0].header_map().get(HOST).unwrap().to_str().unwrap().to_owned();
            (host, load.tls)
        };
        let trusting = || Some(TlsSpec { ca: Some("its own".to_owned()), ..TlsSpec::default() });
        assert_eq!(sent(None, None), ("web".to_owned(), None));
        let (host, tls) = sent(None, trusting());
        assert_eq!((host.as_str(), tls.unwrap().server_name.as_deref()), ("web:80", Some("web")));
        let (host, tls) = sent(Some("https://shop.example:8443/"), trusting());
        let tls = tls.unwrap();
        assert_eq!((host.as_str(), tls.server_name.as_deref()), ("shop.example:8443", Some("shop.example")));
        assert_eq!(tls.ca.as_deref(), Some("its own"));
        let (host, tls) = sent(Some("https://[::1]/"), trusting());
        assert_eq!((host.as_str(), tls.unwrap().server_name.as_deref()), ("[::1]", Some("::1")));
        let named = TlsSpec { server_name: Some("other.example".to_owned()), ..trusting().unwrap() };
        assert_eq!(
            sent(Some("https://shop.example/"), Some(named)).1.unwrap().server_name.as_deref(),
            Some("other.example")
        );
        let (_, tls) = sent(None, Some(TlsSpec { insecure: true, ..TlsSpec::default() }));
        assert_eq!(tls.unwrap().ca, None, "who checks nothing needs no CA");
    }

    #[test]
    fn with_both_doors_each_request_has_the_host_of_its_own_and_tls_the_name_of_one() {
        use crate::spec::UrlDoor;
        let sent = |url: &str| {
            let mut plan = crate::plan::manifest_plan("web.yaml", include_str!("../../manifests/apache.yaml"));
            let planned = &mut plan.variants[0].spec.load;
            planned.url = Some(UrlDoor { url: url.parse().unwrap(), resolve: None, proxy: None });
            planned.tls = Some(TlsSpec { ca: Some("its own".to_owned()), ..TlsSpec::default() });
            let kind = planned.requests[0].clone();
            planned.requests = Door::ALL.map(|door| RequestSpec { door: Some(door), ..kind.clone() }).to_vec();
            let load = load(&plan.variants[0], 1, 1, false).spec;
            let hosts = load.requests.iter().map(|kind| kind.header_map()[HOST].to_str().unwrap().to_owned());
            (hosts.collect::<Vec<_>>(), load.tls.unwrap().server_name.unwrap())
        };
        let (hosts, name) = sent("https://shop.example:8443/");
        assert_eq!((hosts, name.as_str()), (vec!["web".to_owned(), "shop.example:8443".to_owned()], "shop.example"));
        let (hosts, name) = sent("http://shop.example/");
        assert_eq!((hosts, name.as_str()), (vec!["web:80".to_owned(), "shop.example".to_owned()], "web"));
    }

    #[test]
    fn connections_are_sized_by_the_slowest_arm_and_door() {
        use crate::spec::UrlDoor;
        let mut plan = crate::plan::manifest_plan("web.yaml", include_str!("../../manifests/apache.yaml"));
        let planned = &mut plan.variants[0];
        planned.spec.load.rate = 4.0;
        assert_eq!((connections(planned), idle_s(planned)), (4, Some(2.0)));
        let load = &mut planned.spec.load;
        load.url = Some(UrlDoor { url: "http://a/".parse().unwrap(), resolve: None, proxy: None });
        let kind = load.requests[0].clone();
        load.requests = Door::ALL.map(|door| RequestSpec { door: Some(door), share: 0.5, ..kind.clone() }).to_vec();
        assert_eq!((connections(planned), idle_s(planned)), (2, Some(2.0)));
    }
}
