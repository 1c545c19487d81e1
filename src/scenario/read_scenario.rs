//! Reads a scenario, and refuses what can be seen to be wrong without its manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::model::{ScenarioExisting, ScenarioFile, ScenarioTarget};
use super::values::check_max_lag;
use crate::manifest::{FileReadError, FileSource, WorkloadKind};
use crate::spec::Expect;
use crate::yaml::{self, Located, YamlError, YamlFault, YamlPlace, YamlSource, nearest};

/// A scenario, the text it was read from, and the folder that its paths are relative to.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub(crate) file: ScenarioFile,
    pub(crate) source: YamlSource,
    /// The folder that it stands in.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ScenarioError {
    #[error(transparent)]
    Read(#[from] FileReadError),
    /// It does not parse, or a value has the wrong form.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fault(Box<YamlFault>),
}

pub fn load(path: &Path, files: &dyn FileSource) -> Result<Scenario, ScenarioError> {
    let text = files.read(path)?;
    let source = YamlSource::new(&path.display().to_string(), &text);
    parse(source, path.parent().unwrap_or_else(|| Path::new("")))
}

/// Parses a scenario whose paths are relative to `folder`.
pub(crate) fn parse(source: YamlSource, folder: &Path) -> Result<Scenario, ScenarioError> {
    let file = yaml::single::<ScenarioFile>(&source)?;
    let scenario = Scenario { file, source, folder: folder.to_owned() };
    scenario.check()?;
    Ok(scenario)
}

impl Scenario {
    fn fault(&self, place: &YamlPlace, message: &str, help: &str) -> ScenarioError {
        let fault = YamlFault::new("reading", &self.source, Some(place), message);
        ScenarioError::Fault(Box::new(fault.with_help(help)))
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let file = &self.file;
        if let Some(target) = &file.target {
            self.check_existing(target)?;
        } else if file.manifests.0.is_empty() {
            let message = "`manifests` names no file, expected at least one";
            return Err(self.fault(
                &file.name.place,
                message,
                "for example `manifests: [deployment.yaml, service.yaml]`, or `target: {existing: ...}`",
            ));
        }
        let mut seen = BTreeSet::new();
        for manifest in &file.manifests.0 {
            if manifest.value.is_empty() || !seen.insert(&manifest.value) {
                let message = format!("the manifest `{}` is empty or named twice", manifest.value);
                return Err(self.fault(&manifest.place, &message, "name each file once"));
            }
        }
        if let Some(lag) = &file.max_lag_ms {
            check_max_lag(lag.value).map_err(|message| self.fault(&lag.place, &message, "100 is the default"))?;
        }
        self.check_variants()
    }

    fn check_existing(&self, target: &Located<ScenarioTarget>) -> Result<(), ScenarioError> {
        let file = &self.file;
        let ScenarioExisting { namespace, workload } = &target.value.existing;
        if let Some(manifest) = file.manifests.0.first() {
            let message = "`manifests` stands beside `target`, and what is there already needs none";
            return Err(self.fault(&manifest.place, message, "leave out one of them"));
        }
        if let Some(other) = &file.workload {
            let message = "`workload` stands beside `target`, which names the workload itself";
            return Err(self.fault(&other.place, message, "leave out `workload`"));
        }
        if !is_label(&namespace.value) {
            let message = format!("`{}` is no namespace, expected small letters, digits and `-`", namespace.value);
            return Err(self.fault(&namespace.place, &message, "for example `namespace: shop`"));
        }
        if WorkloadKind::split(&workload.value).is_none() {
            let message = format!("`{}` is no workload, expected KIND/NAME", workload.value);
            return Err(self.fault(&workload.place, &message, "for example `workload: deployment/web`"));
        }
        Ok(())
    }

    fn check_variants(&self) -> Result<(), ScenarioError> {
        let variants = &self.file.variants.0;
        if let Some(baseline) = &self.file.baseline {
            let names = || variants.iter().map(|(name, _)| name.value.as_str());
            if !names().any(|name| name == baseline.value) {
                let message = format!("the baseline `{}` is not one of the variants", baseline.value);
                let near = nearest(&baseline.value, names()).map(|near| format!("did you mean `{near}`? "));
                let list = names().collect::<Vec<_>>().join(", ");
                let list = if list.is_empty() { "there are none".to_owned() } else { format!("there are {list}") };
                return Err(self.fault(&baseline.place, &message, &(near.unwrap_or_default() + &list)));
            }
        }
        for (name, variant) in variants {
            let misfit = match (variant.expect, &variant.lost_at_most, &variant.strict) {
                (Some(Expect::Loss), Some(most), _) => Some(("lost_at_most", &most.place)),
                (Some(Expect::Loss), None, Some(strict)) => Some(("strict", &strict.place)),
                _ => None,
            };
            if let Some((key, place)) = misfit {
                let message = format!("variant {} expects loss, so that `{key}` decides nothing", name.value.as_str());
                return Err(self.fault(place, &message, "use it only with `expect: clean`"));
            }
        }
        Ok(())
    }
}

/// Whether a text is a DNS label (RFC 1123), as the names of namespaces are.
fn is_label(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}
