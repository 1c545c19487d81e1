//! Where the objects of a variant stand, and every field of them: the one place that errors about manifests ask, whoever finds
//! what is wrong.
//!
//! An object stands in a manifest, and in the patches that change it. A field is shown where it was written last.

use serde_json::Value;

use super::documents::{ManifestObject, ObjectName};
use crate::yaml::{FieldName, FieldPlace, YamlDocument, YamlFault, YamlPlace, YamlSource, place_of};

/// A text that says something of an object.
#[derive(Debug, Clone)]
struct ObjectText {
    object: ObjectName,
    source: YamlSource,
    /// Where the object, the list that holds it, or the patch begins.
    start: YamlPlace,
    /// The object's positions in lists, from the outermost.
    items: Vec<usize>,
}

/// The texts of a variant's objects, in the order in which they are applied.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectPlaces(Vec<ObjectText>);

/// Where something was written is no part of what a run does: a plan that comes from a record knows no files.
impl PartialEq for ObjectPlaces {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ObjectPlaces {
    pub(crate) fn of(objects: &[ManifestObject]) -> Self {
        let text = |object: &ManifestObject| ObjectText {
            object: ObjectName::of(&object.value),
            source: object.source.clone(),
            start: object.place.clone(),
            items: object.items.clone(),
        };
        Self(objects.iter().map(text).collect())
    }

    /// Notes that `patch` changes `object`.
    pub(crate) fn patch(&mut self, object: &Value, patch: &YamlDocument) {
        self.0.push(ObjectText {
            object: ObjectName::of(object),
            source: patch.source.clone(),
            start: patch.place.clone(),
            items: Vec::new(),
        });
    }

    /// `message`, which is about `field` of `object`, shown at that field; at what should hold it, where it is missing. `None`
    /// for an object of which no text is known.
    pub(crate) fn fault(&self, object: &Value, field: &str, message: &str) -> Option<YamlFault> {
        let (source, place) = self.place(&ObjectName::of(object), &FieldName::parse(field).named(object))?;
        Some(YamlFault::new("reading", source, Some(&place), message))
    }

    /// The file and line of `field` of `object`, for a sentence.
    pub(crate) fn line(&self, object: &Value, field: &str) -> Option<String> {
        let (source, place) = self.place(&ObjectName::of(object), &FieldName::parse(field).named(object))?;
        Some(format!("{} line {}", source.name(), place.line))
    }

    fn place(&self, object: &ObjectName, field: &FieldName) -> Option<(&YamlSource, YamlPlace)> {
        let mut best: Option<(&YamlSource, FieldPlace)> = None;
        // A later text hides what an earlier one said, unless it says less of this field.
        for text in self.0.iter().filter(|text| text.object == *object) {
            let Some(found) = text.place(field) else { continue };
            let better = |known: &FieldPlace| found.whole || (!known.whole && found.steps > known.steps);
            if best.as_ref().is_none_or(|(_, known)| better(known)) {
                best = Some((&text.source, found));
            }
        }
        // A whole document is too much to mark: its beginning is enough.
        best.map(|(source, found)| match found.steps {
            0 => {
                (source, YamlPlace { line: found.place.line, bytes: found.place.bytes.start..found.place.bytes.start })
            }
            _ => (source, found.place),
        })
    }
}

impl ObjectText {
    fn place(&self, field: &FieldName) -> Option<FieldPlace> {
        let inside = self.items.iter().rev().fold(field.clone(), |field, item| field.below("items", *item));
        let found = place_of(&self.source, &self.start, &inside)?;
        // The way to an item of a list is none of the object's own.
        Some(FieldPlace { steps: found.steps.saturating_sub(2 * self.items.len()), ..found })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::documents::parse;
    use super::*;
    use crate::yaml::documents;

    const WEB: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    replicas: 2
    template:
      spec:
        containers:
        - name: web
          image: a
        - name: side
          image: b
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: []
";

    const PATCH: &str = "\
# for one container
spec:
  template:
    spec:
      containers:
      - name: side
        image: c
";

    fn places() -> (ObjectPlaces, Vec<ManifestObject>) {
        let objects = parse(&YamlSource::new("web.yaml", WEB)).unwrap();
        (ObjectPlaces::of(&objects), objects)
    }

    #[test]
    fn a_field_is_found_in_the_object_that_has_it() {
        let (places, objects) = places();
        let line = |index: usize, field: &str| places.line(&objects[index].value, field).unwrap();
        assert_eq!(line(0, "spec.replicas"), "web.yaml line 8");
        assert_eq!(line(0, "spec.template.spec.containers[1].image"), "web.yaml line 15");
        assert_eq!(line(1, "spec.ports"), "web.yaml line 21");
        assert_eq!(line(1, "spec.selector"), "web.yaml line 20", "a missing field is where it should be");
        assert_eq!(line(0, "metadata.labels"), "web.yaml line 6");
        assert_eq!(places.line(&json!({"kind": "Pod", "metadata": {"name": "web"}}), "spec"), None);
    }

    #[test]
    fn a_field_is_shown_where_it_was_written_last() {
        let (mut places, objects) = places();
        let patch = documents(&YamlSource::new("patch.yaml", PATCH)).unwrap();
        places.patch(&objects[0].value, &patch[0]);
        let line = |field: &str| places.line(&objects[0].value, field).unwrap();
        assert_eq!(line("spec.template.spec.containers[1].image"), "patch.yaml line 7");
        assert_eq!(line("spec.template.spec.containers[0].image"), "web.yaml line 13");
        assert_eq!(line("spec.replicas"), "web.yaml line 8");
    }

    #[test]
    fn a_fault_names_file_and_line_and_what_is_wrong() {
        let (places, objects) = places();
        let fault = places.fault(&objects[0].value, "spec.replicas", "deployment/web: too few").unwrap();
        assert_eq!(fault.to_string(), "reading web.yaml line 8: deployment/web: too few");
    }
}
