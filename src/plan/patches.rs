//! A variant's patches, each applied to the object that it names.

use std::path::Path;

use serde_json::Value;

use super::plan_error::{FaultContext, PlanError};
use crate::manifest::documents::{group_of, text};
use crate::manifest::{FileSource, ManifestObject, list_of, strategic_merge};
use crate::scenario::shapes::{OneOrMore, PatchSource};
use crate::yaml::{self, YamlDocument, YamlFault, YamlPlace, YamlSource};

/// The documents of a variant's patches.
pub(super) fn read(
    context: FaultContext<'_>,
    folder: &Path,
    files: &dyn FileSource,
    patches: &OneOrMore<PatchSource>,
) -> Result<Vec<YamlDocument>, PlanError> {
    let mut documents = Vec::new();
    for patch in &patches.0 {
        match &patch.value {
            PatchSource::Inline(value) => documents.push(YamlDocument {
                value: value.clone(),
                source: context.source.cloned().unwrap_or_else(|| YamlSource::new("the scenario", "")),
                place: patch.place.clone(),
            }),
            PatchSource::File(path) => {
                let path = folder.join(path);
                let text = files.read(&path).map_err(|error| {
                    context.fault(Some(&patch.place), &error.to_string(), "paths are relative to the scenario")
                })?;
                let found = yaml::documents(&YamlSource::new(&path.display().to_string(), &text))?;
                if found.is_empty() {
                    let message = format!("the patch {} is empty, expected at least one document", path.display());
                    return Err(context.fault(
                        Some(&patch.place),
                        &message,
                        "leave `patch` out to try the manifests as they are",
                    ));
                }
                documents.extend(found);
            }
        }
    }
    Ok(documents)
}

/// Applies one patch to the object that its kind and name say, or to the workload where it says neither; gives that object's
/// index.
pub(super) fn apply(
    objects: &mut [ManifestObject],
    workload: usize,
    variant: &str,
    patch: &YamlDocument,
) -> Result<usize, PlanError> {
    let index = target(objects, workload, variant, patch)?;
    let Some(object) = objects.get_mut(index) else {
        return Err(fault(patch, variant, "there is no object to patch", "name one in the manifests"));
    };
    // The patch's version says how it is written, not that the object's version is to change.
    let mut body = patch.value.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("apiVersion");
    }
    let before = (object.reference(), object.namespace().to_owned());
    let merged = strategic_merge(&mut object.value, &body)
        .map_err(|error| fault(patch, variant, &error.to_string(), "`kubectl patch` would refuse it too"))?;
    if !merged {
        let message = format!("this patch leaves {} as it was, expected a change", object.reference());
        return Err(fault(patch, variant, &message, "check the names of its fields, containers and values"));
    }
    if (object.reference(), object.namespace().to_owned()) != before {
        let message = format!("this patch deletes, moves or renames {}, expected the same object afterwards", before.0);
        return Err(fault(patch, variant, &message, "kind, name and namespace cannot be patched"));
    }
    Ok(index)
}

pub(super) fn target(
    objects: &[ManifestObject],
    workload: usize,
    variant: &str,
    patch: &YamlDocument,
) -> Result<usize, PlanError> {
    if !patch.value.is_object() {
        return Err(fault(
            patch,
            variant,
            "this patch is no mapping, expected fields to change",
            "for example `spec: ...`",
        ));
    }
    let of = |pointer| Some(text(&patch.value, pointer)).filter(|text| !text.is_empty());
    let (kind, name, namespace) = (of("/kind"), of("/metadata/name"), of("/metadata/namespace"));
    if kind.is_none() && name.is_none() {
        return Ok(workload);
    }
    let version = of("/apiVersion");
    let fits = |object: &ManifestObject| {
        kind.is_none_or(|kind| object.kind() == kind)
            && name.is_none_or(|name| object.name() == name)
            && namespace.is_none_or(|namespace| object.namespace() == namespace)
            && version.is_none_or(|version| group_of(version) == group_of(object.api_version()))
    };
    let found = objects.iter().enumerate().filter(|(_, object)| fits(object)).collect::<Vec<_>>();
    let wanted = match (kind, name) {
        (Some(kind), Some(name)) => crate::manifest::documents::reference(kind, name),
        (Some(kind), None) => format!("a {kind}"),
        (None, name) => format!("an object named {}", name.unwrap_or_default()),
    };
    match found.as_slice() {
        [(index, _)] => Ok(*index),
        [] => {
            let message = format!("this patch is for {wanted}, which is not in the manifests");
            Err(fault(patch, variant, &message, &format!("the manifests hold {}", list_of(objects))))
        }
        several => {
            let message = format!("this patch is for {wanted}, of which there are several");
            let list = list_of(several.iter().map(|(_, object)| *object));
            Err(fault(patch, variant, &message, &format!("name one with `kind` and `metadata.name`: {list}")))
        }
    }
}

/// What a patch changes, without the words that say which object it is for: where that runs, it may live in another
/// namespace.
pub(super) fn body(patch: &YamlDocument) -> Value {
    let mut body = patch.value.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("apiVersion");
        body.remove("kind");
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("name");
            metadata.remove("namespace");
        }
    }
    body
}

fn fault(patch: &YamlDocument, variant: &str, message: &str, help: &str) -> PlanError {
    // The first line is enough of a mark for a whole patch.
    let place = YamlPlace { line: patch.place.line, bytes: patch.place.bytes.start..patch.place.bytes.start };
    let message = format!("in variant {variant}: {message}");
    PlanError::Fault(Box::new(YamlFault::new("reading", &patch.source, Some(&place), &message).with_help(help)))
}
