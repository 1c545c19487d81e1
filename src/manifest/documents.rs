//! Documents that are Kubernetes objects: each with its kind, version and name, lists taken apart.

use serde_json::Value;

use super::manifest_error::ManifestError;
use crate::yaml::{self, YamlDocument, YamlFault, YamlPlace, YamlSource};

/// The most objects in one run. A list could hold far more than the documents of a file.
pub(super) const MAX_OBJECTS: usize = 1_000;

/// One object as the user wrote it, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ManifestObject {
    pub(crate) value: Value,
    pub(crate) source: YamlSource,
    /// Where its document begins.
    pub(crate) place: YamlPlace,
}

impl ManifestObject {
    /// Its kind, for example `Deployment`.
    pub(crate) fn kind(&self) -> &str {
        text(&self.value, "/kind")
    }

    /// Its group and version, for example `apps/v1`.
    pub(crate) fn api_version(&self) -> &str {
        text(&self.value, "/apiVersion")
    }

    pub(crate) fn name(&self) -> &str {
        text(&self.value, "/metadata/name")
    }

    /// Its namespace, empty if it names none.
    pub(crate) fn namespace(&self) -> &str {
        text(&self.value, "/metadata/namespace")
    }

    /// Kind and name as kubectl writes them, for example `deployment/web`.
    pub(crate) fn reference(&self) -> String {
        reference(self.kind(), self.name())
    }

    /// Whether this is the same kind of object, group included, version aside.
    pub(crate) fn is(&self, kind: &str, group: &str) -> bool {
        self.kind() == kind && group_of(self.api_version()) == group
    }
}

/// Kind and name as kubectl writes them.
pub(crate) fn reference(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_ascii_lowercase())
}

/// The group in an `apiVersion`; empty for the core group.
pub(crate) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What there is, for error messages: every reference, or the first twenty.
pub(crate) fn list_of<'a>(objects: impl IntoIterator<Item = &'a ManifestObject>) -> String {
    let mut names = objects.into_iter().map(ManifestObject::reference).collect::<Vec<_>>();
    let more = names.len().saturating_sub(20);
    names.truncate(20);
    match (names.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// The string at a JSON pointer; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn parse(source: &YamlSource) -> Result<Vec<ManifestObject>, ManifestError> {
    let mut objects = Vec::new();
    for document in yaml::documents(source)? {
        take_apart(document, &mut objects, 0)?;
    }
    Ok(objects)
}

/// Refuses two objects of the same kind, group and name, and too many. Only one of them could exist, even where they name
/// different namespaces: a run puts all of a variant's objects into one namespace of its own.
pub(crate) fn check_together(objects: &[ManifestObject]) -> Result<(), ManifestError> {
    if objects.len() > MAX_OBJECTS {
        return Err(ManifestError::TooMany { count: objects.len() });
    }
    let mut seen = std::collections::BTreeMap::new();
    for object in objects {
        let key = (object.kind(), group_of(object.api_version()), object.name());
        if let Some(first) = seen.insert(key, object) {
            let elsewhere = if first.namespace() == object.namespace() {
                ""
            } else {
                ", in another namespace; a run puts all objects into one namespace"
            };
            let message = format!(
                "{} is defined twice, first in {} line {}{elsewhere}",
                object.reference(),
                first.source.name(),
                first.place.line
            );
            return Err(fault(object, &message, "keep one of them"));
        }
    }
    Ok(())
}

pub(super) fn fault(object: &ManifestObject, message: &str, help: &str) -> ManifestError {
    // A whole document is too much to mark: its first line is enough.
    let bytes = object.place.bytes.start..object.place.bytes.start;
    let place = YamlPlace { line: object.place.line, bytes };
    ManifestError::Fault(Box::new(YamlFault::new("reading", &object.source, Some(&place), message).with_help(help)))
}

fn take_apart(document: YamlDocument, objects: &mut Vec<ManifestObject>, depth: u32) -> Result<(), ManifestError> {
    let mut object = ManifestObject { value: document.value, source: document.source, place: document.place };
    check_form(&object)?;
    let Some(Value::Array(items)) = object.value.get_mut("items").filter(|items| items.is_array()).map(Value::take)
    else {
        return check_name(&object).map(|()| objects.push(object));
    };
    let Some(element_kind) = object.kind().strip_suffix("List").map(str::to_owned) else {
        let message = format!("a {} has `items`, expected them only in a kind that ends in List", object.kind());
        return Err(fault(&object, &message, "check the kind"));
    };
    if depth > 2 {
        return Err(fault(&object, "lists are nested too deeply", "write the objects as documents of their own"));
    }
    for mut item in items {
        // A typed list, such as a DeploymentList, may leave its items' kind out.
        if let (Some(map), false) = (item.as_object_mut(), element_kind.is_empty()) {
            map.entry("kind").or_insert_with(|| element_kind.clone().into());
            map.entry("apiVersion").or_insert_with(|| object.api_version().into());
        }
        let document = YamlDocument { value: item, source: object.source.clone(), place: object.place.clone() };
        take_apart(document, objects, depth + 1)?;
    }
    Ok(())
}

fn check_form(object: &ManifestObject) -> Result<(), ManifestError> {
    const HELP: &str = "every document needs `apiVersion`, `kind` and `metadata.name`";
    if !object.value.is_object() {
        return Err(fault(object, "this document is not a mapping, expected a Kubernetes object", HELP));
    }
    for (key, found) in [("apiVersion", object.api_version()), ("kind", object.kind())] {
        if found.is_empty() {
            return Err(fault(object, &format!("this document has no `{key}`, expected a Kubernetes object"), HELP));
        }
    }
    Ok(())
}

fn check_name(object: &ManifestObject) -> Result<(), ManifestError> {
    if object.name().is_empty() {
        let message = format!("this {} has no `metadata.name`", object.kind());
        return Err(fault(object, &message, "give it a name; `generateName` is not enough, because runs refer to it"));
    }
    Ok(())
}
