//! Documents that are Kubernetes objects: each with its kind, version and name, lists taken apart.

use serde_json::Value;

use super::manifest_error::ManifestError;
use super::object_places::ObjectPlaces;
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
    /// Where it stands in its document, if that is a list, or a list of lists.
    pub(crate) items: Vec<usize>,
}

/// What an object is called by, whatever its version and namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectName {
    kind: String,
    group: String,
    name: String,
}

impl ObjectName {
    /// For errors, which should be small.
    pub(super) fn boxed(object: &Value) -> Box<Self> {
        Box::new(Self::of(object))
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self {
            kind: text(object, "/kind").to_owned(),
            group: group_of(text(object, "/apiVersion")).to_owned(),
            name: text(object, "/metadata/name").to_owned(),
        }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&reference(&self.kind, &self.name))
    }
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

/// The most objects that an error names.
const NAMED: usize = 20;

/// What there is, for error messages: every reference, or the first twenty.
pub(crate) fn list_of<'a>(objects: impl IntoIterator<Item = &'a ManifestObject>) -> String {
    let mut names = objects.into_iter().map(ManifestObject::reference).collect::<Vec<_>>();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match (names.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

/// The same, each with its file and line, for a choice between objects that are alike.
pub(super) fn places_of<'a>(objects: impl IntoIterator<Item = &'a ManifestObject>) -> String {
    let objects: Vec<&ManifestObject> = objects.into_iter().collect();
    let named = objects.iter().take(NAMED).map(|object| {
        let line = ObjectPlaces::of(std::slice::from_ref(*object)).line(&object.value, "metadata.name");
        line.map_or_else(|| object.reference(), |line| format!("{} ({line})", object.reference()))
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = objects.len().saturating_sub(NAMED);
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// The string at a JSON pointer; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn parse(source: &YamlSource) -> Result<Vec<ManifestObject>, ManifestError> {
    let mut objects = Vec::new();
    for document in yaml::documents(source)? {
        take_apart(document, &mut objects, &[])?;
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
            let first_place = ObjectPlaces::of(std::slice::from_ref(first)).line(&first.value, "metadata.name");
            let first_place = first_place.unwrap_or_else(|| first.source.name().to_owned());
            let message = format!("{} is defined twice, first in {first_place}{elsewhere}", object.reference());
            return Err(fault(object, "metadata.name", &message, "keep one of them"));
        }
    }
    Ok(())
}

/// What is wrong with `field` of `object`, shown there.
pub(super) fn fault(object: &ManifestObject, field: &str, message: &str, help: &str) -> ManifestError {
    let places = ObjectPlaces::of(std::slice::from_ref(object));
    let shown = places.fault(&object.value, field, message);
    // Objects of a record stand in no text.
    let shown = shown.unwrap_or_else(|| YamlFault::new("reading", &object.source, None, message));
    ManifestError::Fault(Box::new(shown.with_help(help)))
}

fn take_apart(
    document: YamlDocument,
    objects: &mut Vec<ManifestObject>,
    within: &[usize],
) -> Result<(), ManifestError> {
    let YamlDocument { value, source, place } = document;
    let mut object = ManifestObject { value, source, place, items: within.to_vec() };
    check_form(&object)?;
    let Some(Value::Array(items)) = object.value.get_mut("items").filter(|items| items.is_array()).map(Value::take)
    else {
        return check_name(&object).map(|()| objects.push(object));
    };
    let Some(element_kind) = object.kind().strip_suffix("List").map(str::to_owned) else {
        let message = format!("a {} has `items`, expected them only in a kind that ends in List", object.kind());
        return Err(fault(&object, "kind", &message, "check the kind"));
    };
    if within.len() > 2 {
        let help = "write the objects as documents of their own";
        return Err(fault(&object, "items", "lists are nested too deeply", help));
    }
    for (position, mut item) in items.into_iter().enumerate() {
        // A typed list, such as a DeploymentList, may leave its items' kind out.
        if let (Some(map), false) = (item.as_object_mut(), element_kind.is_empty()) {
            map.entry("kind").or_insert_with(|| element_kind.clone().into());
            map.entry("apiVersion").or_insert_with(|| object.api_version().into());
        }
        let document = YamlDocument { value: item, source: object.source.clone(), place: object.place.clone() };
        let within: Vec<usize> = within.iter().copied().chain([position]).collect();
        take_apart(document, objects, &within)?;
    }
    Ok(())
}

fn check_form(object: &ManifestObject) -> Result<(), ManifestError> {
    const HELP: &str = "every document needs `apiVersion`, `kind` and `metadata.name`";
    if !object.value.is_object() {
        return Err(fault(object, "", "this document is not a mapping, expected a Kubernetes object", HELP));
    }
    for (key, found) in [("apiVersion", object.api_version()), ("kind", object.kind())] {
        if found.is_empty() {
            let message = format!("this document has no `{key}`, expected a Kubernetes object");
            return Err(fault(object, key, &message, HELP));
        }
    }
    Ok(())
}

fn check_name(object: &ManifestObject) -> Result<(), ManifestError> {
    if object.name().is_empty() {
        let message = format!("this {} has no `metadata.name`", object.kind());
        let help = "give it a name; `generateName` is not enough, because runs refer to it";
        return Err(fault(object, "metadata.name", &message, help));
    }
    Ok(())
}
