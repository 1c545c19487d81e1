//! Joins a scenario, its manifests and the command line's wishes into a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::existing::LiveTarget;
use super::plan_error::{FaultContext, PlanError};
use super::rollout_kinds::RolloutContext;
use super::types::{PlanOverrides, RunPlan, VariantPlan, WorkloadChoice, brings_its_own};
use super::{existing, hooks, patches, plan_load, plan_rollout, plan_tls, plan_url};
use crate::manifest::{
    ChosenService, FileSource, ManifestError, ManifestObject, ManifestWorkload, ObjectPlaces, WorkloadKind,
    check_served, check_together, parse, service, without_exported, workload,
};
use crate::scenario::model::{ScenarioEmbedded, ScenarioLoad, ScenarioRollout, ScenarioVariant};
use crate::scenario::values::{MAX_NAME, RequestRate, TrialCount};
use crate::scenario::{Scenario, ShippedFiles};
use crate::spec::{ExistingTarget, Expect, RoutingSpec, RunSettings, TargetObjects, TargetSpec, VariantSpec, name_in};
use crate::yaml::{Located, YamlDocument, YamlPlace, YamlSource};

/// The name of the only variant of a run without variants.
const SOLE_VARIANT: &str = "as-written";
/// What is said of a run that cannot show that it would have seen a loss.
pub(super) const ONE_VARIANT: &str = "one variant alone: nothing shows that this run could have seen a loss; --control adds \
                                      a server that loses, and a variant that is expected to lose would show it too";
const DEFAULT_TRIALS: u32 = 1;

/// The plan of a scenario's run. Paths in it are read from `files`, relative to the scenario. `live` is the workload that its
/// `target` names, if it names one.
pub(crate) fn build(
    scenario: &Scenario,
    files: &dyn FileSource,
    live: Option<&LiveTarget>,
    overrides: &PlanOverrides,
) -> Result<RunPlan, PlanError> {
    check_overrides(overrides)?;
    let file = &scenario.file;
    let (objects, exported) = match live {
        Some(live) => (live.objects()?, None),
        None => prepared(read_manifests(scenario, files)?)?,
    };
    let base = PlanBase {
        context: FaultContext { source: Some(&scenario.source) },
        folder: &scenario.folder,
        files,
        objects,
        live,
        workload: file.rolled().map(|at| (at.value.as_str(), &at.place)),
        service: file.service.as_ref().map(|at| (at.value.as_str(), &at.place)),
        port: file.port.as_ref().map(|at| (&at.value.0, &at.place)),
        load: &file.load,
        rollout: file.rollout.as_ref(),
        rate: overrides.rate,
    };
    let sole = ScenarioVariant::default();
    let variants = if file.variants.0.is_empty() {
        vec![base.variant(SOLE_VARIANT, &sole)?]
    } else {
        let planned = file.variants.0.iter().map(|(name, spec)| base.variant(name.value.as_str(), spec));
        planned.collect::<Result<Vec<_>, _>>()?
    };
    if live.is_some() {
        existing::check_commands(&variants)?;
    }
    let trials = overrides.trials.or(file.trials.map(TrialCount::count)).unwrap_or(DEFAULT_TRIALS);
    let mut plan = assemble(file.name.value.as_str(), variants, trials, overrides.seed, exported);
    let settings = &mut plan.settings;
    settings.baseline = file.baseline.as_ref().map(|baseline| baseline.value.clone());
    settings.cluster.routing = routing(&file.embedded);
    settings.max_lag = file.max_lag_ms.as_ref().map_or(settings.max_lag, |lag| Duration::from_millis(lag.value));
    settings.side_probe = file.probe.unwrap_or(true);
    settings.folders = base.folders();
    Ok(plan)
}

/// The plan of a run of manifests without a scenario: GET / at 100 requests a second, one trial, expected clean.
pub(crate) fn build_for_manifests(
    sources: &[YamlSource],
    choice: &WorkloadChoice,
    overrides: &PlanOverrides,
) -> Result<RunPlan, PlanError> {
    check_overrides(overrides)?;
    let mut objects = Vec::new();
    for source in sources {
        objects.extend(parse(source)?);
    }
    let (objects, exported) = prepared(objects)?;
    sole(objects, None, exported, (choice, (&ScenarioLoad::default(), &ShippedFiles), None), overrides)
}

/// The plan of a run on a workload that is there already, without a scenario: one variant, as it stands.
pub(crate) fn build_for_existing(
    live: &LiveTarget,
    choice: &WorkloadChoice,
    load: (&ScenarioLoad, &dyn FileSource),
    rollout: Option<&Located<ScenarioRollout>>,
    overrides: &PlanOverrides,
) -> Result<RunPlan, PlanError> {
    check_overrides(overrides)?;
    sole(live.objects()?, Some(live), None, (choice, load, rollout), overrides)
}

/// Whether the URL and the TLS of a load that flags describe can be used, which no cluster needs to be asked for.
pub(crate) fn check_door(load: &ScenarioLoad, files: &dyn FileSource) -> Result<(), PlanError> {
    let flags = FaultContext { source: None };
    plan_url::plan(flags, load)?;
    plan_tls::plan(flags, (Path::new(""), files), load, load.url.is_none()).map(drop)
}

/// The plan of one variant, with everything that is not chosen as it is by default.
fn sole(
    objects: Vec<ManifestObject>,
    live: Option<&LiveTarget>,
    exported: Option<String>,
    (choice, (load, files), rollout): (
        &WorkloadChoice,
        (&ScenarioLoad, &dyn FileSource),
        Option<&Located<ScenarioRollout>>,
    ),
    overrides: &PlanOverrides,
) -> Result<RunPlan, PlanError> {
    let nowhere = YamlPlace::default();
    let base = PlanBase {
        context: FaultContext { source: None },
        folder: Path::new(""),
        files,
        objects,
        live,
        workload: choice.workload.as_deref().map(|wanted| (wanted, &nowhere)),
        service: choice.service.as_deref().map(|wanted| (wanted, &nowhere)),
        port: choice.port.as_ref().map(|wanted| (wanted, &nowhere)),
        load,
        rollout,
        rate: overrides.rate,
    };
    let variant = base.variant(SOLE_VARIANT, &ScenarioVariant::default())?;
    let name = name_of(&variant.workload.name);
    let mut plan = assemble(&name, vec![variant], overrides.trials.unwrap_or(DEFAULT_TRIALS), overrides.seed, exported);
    plan.settings.folders = base.folders();
    Ok(plan)
}

/// A run's name made of a workload's: namespaces and folders are named after it, so what does not fit becomes `-`, and
/// what is too long is cut.
fn name_of(workload: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let name: String = workload.chars().map(|c| if fits(c) { c } else { '-' }).take(MAX_NAME).collect();
    match name.trim_matches('-') {
        "" => "run".to_owned(),
        name => name.to_owned(),
    }
}

pub(super) fn check_overrides(overrides: &PlanOverrides) -> Result<(), PlanError> {
    let refuse = |flag: &str| {
        let help = format!("give {flag} another value");
        move |message: String| PlanError::plain(message, &help)
    };
    overrides.rate.map(RequestRate::new).transpose().map_err(refuse("--rate"))?;
    overrides.trials.map(|count| TrialCount::new(count.into())).transpose().map_err(refuse("--trials"))?;
    Ok(())
}

fn read_manifests(scenario: &Scenario, files: &dyn FileSource) -> Result<Vec<ManifestObject>, PlanError> {
    let context = FaultContext { source: Some(&scenario.source) };
    let mut objects = Vec::new();
    for manifest in &scenario.file.manifests.0 {
        let path = scenario.folder.join(&manifest.value);
        let text = files.read(&path).map_err(|error| {
            context.fault(Some(&manifest.place), &error.to_string(), "paths are relative to the scenario")
        })?;
        objects.extend(parse(&YamlSource::new(&path.display().to_string(), &text))?);
    }
    Ok(objects)
}

/// The objects as they can be applied, and a note on what had to be left out for that.
fn prepared(mut objects: Vec<ManifestObject>) -> Result<(Vec<ManifestObject>, Option<String>), ManifestError> {
    check_served(&objects)?;
    let exported = without_exported(&mut objects);
    check_together(&objects)?;
    Ok((objects, exported))
}

fn assemble(name: &str, variants: Vec<VariantPlan>, trials: u32, seed: u64, exported: Option<String>) -> RunPlan {
    let mut notes = Vec::from_iter(exported);
    if let Some(first) = variants.iter().find(|variant| variant.spec.service().added) {
        let service = first.spec.service();
        notes.push(format!(
            "no Service selects the pods of {}; one named {} is added for port {}",
            first.spec.workload(),
            service.name,
            service.port
        ));
    }
    if let Some((first, existing)) = variants.iter().find_map(|one| Some((one, one.spec.existing()?))) {
        notes.push(format!(
            "{} is measured where it stands, in namespace {}",
            first.spec.workload(),
            existing.namespace
        ));
    }
    for spec in variants.iter().map(|variant| &variant.spec) {
        notes.extend(spec.notes.iter().map(|note| format!("variant {}: {note}", spec.name)));
    }
    if variants.len() == 1 {
        notes.push(ONE_VARIANT.to_owned());
    }
    let settings = RunSettings { notes, ..RunSettings::new(name, seed, trials) };
    RunPlan::new(settings, variants)
}

/// What should be said of a workload before the start.
fn note(workload: &ManifestWorkload, counted: bool) -> Option<String> {
    (workload.kind == WorkloadKind::DaemonSet && !counted).then(|| {
        format!(
            "{} has one pod for each node, and they are not counted before it runs; until then the plan takes one",
            workload.reference
        )
    })
}

/// The folders that hold the objects' files, each once, in the order of the files.
fn folders(objects: &[ManifestObject]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for object in objects {
        let folder = Path::new(object.source.name()).parent().unwrap_or_else(|| Path::new(""));
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
    }
    folders
}

fn routing(embedded: &ScenarioEmbedded) -> RoutingSpec {
    let default = RoutingSpec::default();
    RoutingSpec {
        base: embedded.base.map_or(default.base, |time| time.0),
        min_sync_period: embedded.min_sync_period.map_or(default.min_sync_period, |time| time.0),
    }
}

struct PlanBase<'a> {
    context: FaultContext<'a>,
    folder: &'a Path,
    files: &'a dyn FileSource,
    objects: Vec<ManifestObject>,
    /// Where the objects are those of a workload that is there already.
    live: Option<&'a LiveTarget>,
    workload: Option<(&'a str, &'a YamlPlace)>,
    service: Option<(&'a str, &'a YamlPlace)>,
    port: Option<(&'a crate::manifest::PortName, &'a YamlPlace)>,
    load: &'a ScenarioLoad,
    rollout: Option<&'a Located<ScenarioRollout>>,
    rate: Option<f64>,
}

impl PlanBase<'_> {
    fn patches(&self, spec: &ScenarioVariant) -> Result<Vec<YamlDocument>, PlanError> {
        let mut documents = patches::read(self.context, self.folder, self.files, &spec.patch)?;
        // Of a workload that is there already the namespace is known, and what it is compared with has no placeholder.
        if let Some(live) = self.live {
            for patch in &mut documents {
                name_in(&mut patch.value, &live.namespace);
            }
        }
        Ok(documents)
    }

    /// Where recipes of images are looked for: nowhere for pods that run already.
    fn folders(&self) -> Vec<PathBuf> {
        if self.live.is_some() { Vec::new() } else { folders(&self.objects) }
    }

    fn variant(&self, name: &str, spec: &ScenarioVariant) -> Result<VariantPlan, PlanError> {
        let mut objects = self.objects.clone();
        let mut places = ObjectPlaces::of(&objects);
        let target = self.workload(&objects, &places, "")?.index;
        let documents = self.patches(spec)?;
        let texts = objects.iter().map(|object| &object.source).chain(documents.iter().map(|patch| &patch.source));
        let shipped = texts.clone().all(|source| ShippedFiles::holds(source.text()));
        for patch in &documents {
            let index = patches::apply(&mut objects, target, name, patch)?;
            if self.live.is_some() {
                existing::check_patch(index == target, name, patch)?;
            }
            objects.get(index).into_iter().for_each(|object| places.patch(&object.value, patch));
        }
        let patched = |error| self.after_patches(name, spec, error);
        let said = if documents.is_empty() { String::new() } else { format!("in variant {name}, with its patches: ") };
        let workload = self.workload(&objects, &places, &said).map_err(patched)?;
        let service = self.service(&objects, &places, &said, &workload).map_err(patched)?;
        let Self { context, folder, files, .. } = *self;
        let subject = RolloutContext { context, folder, files, objects: &objects, workload: &workload, variant: name };
        let rollout = plan_rollout::plan(&subject, spec.rollout.as_ref(), self.rollout, &mut places)?;
        if self.live.is_some() {
            existing::check(name, &workload, &service, &rollout.action)?;
        }
        let shipped = shipped && !brings_its_own(&rollout.action);
        let mut notes = Vec::from_iter(note(&workload, self.live.is_some_and(|live| live.pods.is_some())));
        notes.extend(spec.set.as_ref().map(|_| existing::BY_COMMAND.to_owned()));
        notes.extend(
            objects[workload.index].value.pointer("/spec/template/spec").map(hooks::that_cut).unwrap_or_default(),
        );
        let load = plan_load::overlay(self.load, &spec.load);
        let proxy = load.proxy.clone();
        let load = plan_load::plan(context, (folder, files), &load, self.rate)?;
        plan_url::check_proxy(context, proxy.as_ref(), self.live.is_none().then_some(&*objects), &service.spec.name)?;
        notes.extend(plan_url::note(&load).into_iter().chain(load.tls.as_ref().and_then(plan_tls::note)));
        let manifests = objects.into_iter().map(|object| object.value).chain(service.added).collect();
        let objects = TargetObjects {
            manifests,
            workload: workload.reference.clone(),
            replicas: workload.replicas,
            surge: workload.surge,
            service: service.spec,
        };
        let target = match self.live {
            None => {
                existing::no_set(self.context, spec)?;
                TargetSpec::Deployed(objects)
            }
            Some(live) => TargetSpec::Existing(ExistingTarget {
                namespace: live.namespace.clone(),
                patches: documents.iter().map(patches::body).collect(),
                set: existing::set(self.context, spec)?,
                objects,
            }),
        };
        let spec = VariantSpec {
            name: name.to_owned(),
            expect: spec.expect.unwrap_or(Expect::Clean),
            lost_at_most: spec.lost_at_most.as_ref().map_or(0, |most| most.value),
            strict: spec.strict.as_ref().is_some_and(|strict| strict.value),
            target,
            load,
            rollout,
            shipped,
            notes,
        };
        let mut planned = VariantPlan { spec, workload, ignored: Vec::new(), places };
        if let Some(pods) = self.live.and_then(|live| live.pods) {
            planned.set_pods(pods)?;
        }
        Ok(planned)
    }

    /// Says that it was a variant's patches that broke what was whole before.
    fn after_patches(&self, name: &str, spec: &ScenarioVariant, error: PlanError) -> PlanError {
        let (PlanError::Manifest(error), Some(first)) = (&error, spec.patch.0.first()) else { return error };
        let message = format!("in variant {name}, with its patches: {error}");
        self.context.fault(Some(&first.place), &message, "check what the patches change")
    }

    fn workload(
        &self,
        objects: &[ManifestObject],
        places: &ObjectPlaces,
        said: &str,
    ) -> Result<ManifestWorkload, PlanError> {
        let key = self.workload.map(|(_, place)| place);
        workload(objects, self.workload.map(|(wanted, _)| wanted))
            .map_err(|error| self.context.placed(key, places, objects, said, error))
    }

    fn service(
        &self,
        objects: &[ManifestObject],
        places: &ObjectPlaces,
        said: &str,
        workload: &ManifestWorkload,
    ) -> Result<ChosenService, PlanError> {
        let key = self.port.map(|(_, place)| place).or(self.service.map(|(_, place)| place));
        let wanted = self.service.map(|(wanted, _)| wanted);
        service(objects, workload, wanted, self.port.map(|(port, _)| port))
            .map_err(|error| self.context.placed(key, places, objects, said, error))
    }
}
