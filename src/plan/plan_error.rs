//! Why no plan could be made.

use super::limits::BeyondLimit;
use crate::manifest::{ManifestError, ManifestObject, ObjectName, ObjectPlaces};
use crate::scenario::ScenarioError;
use crate::yaml::{YamlError, YamlFault, YamlPlace, YamlSource};

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum PlanError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestError),
    /// A patch does not parse.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fault(Box<YamlFault>),
    #[error("planning the run: {message}")]
    Plain {
        message: String,
        #[help]
        help: String,
    },
}

impl PlanError {
    pub(super) fn plain(message: String, help: &str) -> Self {
        Self::Plain { message, help: help.to_owned() }
    }
}

/// Where errors point: into the scenario, if there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultContext<'a> {
    pub(super) source: Option<&'a YamlSource>,
}

impl FaultContext<'_> {
    /// What the user wrote: a key of the scenario, or the flag that stands for it where there is none.
    pub(super) fn named(self, key: &str, flag: &str) -> String {
        if self.source.is_some() { format!("`{key}`") } else { flag.to_owned() }
    }

    pub(super) fn fault(self, place: Option<&YamlPlace>, message: &str, help: &str) -> PlanError {
        match self.source {
            Some(source) => {
                PlanError::Fault(Box::new(YamlFault::new("reading", source, place, message).with_help(help)))
            }
            None => PlanError::plain(message.to_owned(), help),
        }
    }

    pub(super) fn beyond(self, place: Option<&YamlPlace>, checked: Result<(), BeyondLimit>) -> Result<(), PlanError> {
        checked.map_err(|beyond| self.fault(place, &beyond.message, beyond.help))
    }

    /// An error of the manifests, shown at the field of the object that it is about; else at the key of the scenario that named
    /// what is missing. `said` says of what the objects are.
    pub(super) fn placed(
        self,
        key: Option<&YamlPlace>,
        places: &ObjectPlaces,
        objects: &[ManifestObject],
        said: &str,
        error: ManifestError,
    ) -> PlanError {
        let named = key.is_some_and(|key| *key != YamlPlace::default());
        let at_field = error.field().filter(|_| matches!(error, ManifestError::Object { .. }) || !named);
        let shown = at_field.and_then(|(name, field)| {
            let object = objects.iter().map(|object| &object.value).find(|object| ObjectName::of(object) == *name)?;
            let message = match &error {
                ManifestError::Object { refusal, .. } => format!("{said}{name}: {}", refusal.message),
                other => format!("{said}{other}"),
            };
            places.fault(object, field, &message)
        });
        match shown {
            Some(fault) => PlanError::Fault(Box::new(fault)),
            None => self.manifest(key, error),
        }
    }

    /// An error of the manifests, shown at the key that named what is missing.
    pub(super) fn manifest(self, place: Option<&YamlPlace>, error: ManifestError) -> PlanError {
        match (self.source, place) {
            (Some(source), Some(place)) => {
                PlanError::Fault(Box::new(YamlFault::new("reading", source, Some(place), &error.to_string())))
            }
            _ => PlanError::Manifest(error),
        }
    }
}
