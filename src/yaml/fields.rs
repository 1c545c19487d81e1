//! Where each field of a document stands: found by parsing its text once more, when an error needs it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::parse::options;
use super::source::{Located, YamlPlace, YamlSource};

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FieldStep {
    Key(String),
    /// By position, or by the `name` of the element, where it is known: patches list the elements that they change only.
    Element(usize, Option<String>),
}

/// A field as errors write it: `spec.template.spec.containers[0].env[1].value`, `metadata.labels[a.b/c]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldName(Vec<FieldStep>);

impl FieldName {
    #[must_use]
    pub(crate) fn parse(field: &str) -> Self {
        let mut steps = Vec::new();
        let mut rest = field.trim_start_matches('.');
        while !rest.is_empty() {
            if let Some((inner, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                steps.push(match inner.parse() {
                    Ok(index) => FieldStep::Element(index, None),
                    Err(_) => FieldStep::Key(inner.trim_matches('"').to_owned()),
                });
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                steps.extend((end > 0).then(|| FieldStep::Key(rest[..end].to_owned())));
                // A bracket that does not close is no step.
                rest = if end == 0 { "" } else { &rest[end..] };
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        Self(steps)
    }

    /// The same field below `element` of the list `key`.
    #[must_use]
    pub(crate) fn below(&self, key: &str, element: usize) -> Self {
        let mut steps = vec![FieldStep::Key(key.to_owned()), FieldStep::Element(element, None)];
        steps.extend(self.0.iter().cloned());
        Self(steps)
    }

    /// The field with the names of its lists' elements, as `object` has them.
    #[must_use]
    pub(crate) fn named(&self, object: &Value) -> Self {
        let mut value = object;
        let mut steps = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            let (step, inner) = match step {
                FieldStep::Key(key) => (step.clone(), &value[key.as_str()]),
                FieldStep::Element(index, _) => {
                    let element = &value[*index];
                    (FieldStep::Element(*index, element["name"].as_str().map(str::to_owned)), element)
                }
            };
            steps.push(step);
            value = inner;
        }
        Self(steps)
    }
}

/// A field, or what of its path is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPlace {
    pub(crate) place: YamlPlace,
    /// How many steps of its path are written: a field that is missing is shown at what should hold it.
    pub(crate) steps: usize,
    pub(crate) whole: bool,
}

/// Where `field` of the value that begins at `start` stands in `source`. `None` where no value begins there.
#[must_use]
pub(crate) fn place_of(source: &YamlSource, start: &YamlPlace, field: &FieldName) -> Option<FieldPlace> {
    let documents = serde_saphyr::from_multiple_with_options::<Located<PlacedNode>>(source.text(), options()).ok()?;
    let root = documents.iter().find_map(|document| beginning_at(document, start))?;
    let mut found = FieldPlace { place: start.clone(), steps: 0, whole: false };
    let mut node = &root.value;
    for step in &field.0 {
        let Some((place, inner)) = node.step(step) else { return Some(found) };
        found = FieldPlace { place: place.clone(), steps: found.steps + 1, whole: false };
        node = inner;
    }
    Some(FieldPlace { whole: true, ..found })
}

fn beginning_at<'a>(node: &'a Located<PlacedNode>, start: &YamlPlace) -> Option<&'a Located<PlacedNode>> {
    if (node.place.line, node.place.bytes.start) == (start.line, start.bytes.start) {
        return Some(node);
    }
    match &node.value {
        PlacedNode::Map(entries) => entries.iter().find_map(|(_, inner)| beginning_at(inner, start)),
        PlacedNode::List(elements) => elements.iter().find_map(|inner| beginning_at(inner, start)),
        PlacedNode::Text(_) | PlacedNode::Other => None,
    }
}

/// A value with the place of everything in it.
#[derive(Debug)]
enum PlacedNode {
    Map(Vec<(Located<String>, Located<PlacedNode>)>),
    List(Vec<Located<PlacedNode>>),
    Text(String),
    Other,
}

impl PlacedNode {
    fn step(&self, step: &FieldStep) -> Option<(&YamlPlace, &Self)> {
        match (self, step) {
            (Self::Map(entries), FieldStep::Key(key)) => {
                let (key, inner) = entries.iter().find(|(known, _)| known.value == *key)?;
                Some((&key.place, &inner.value))
            }
            (Self::List(elements), FieldStep::Element(index, name)) => {
                let element = match name {
                    Some(name) => elements.iter().find(|element| element.value.name() == Some(name))?,
                    None => elements.get(*index)?,
                };
                Some((&element.place, &element.value))
            }
            _ => None,
        }
    }

    fn name(&self) -> Option<&str> {
        let Self::Map(entries) = self else { return None };
        let (_, name) = entries.iter().find(|(key, _)| key.value == "name")?;
        let Self::Text(name) = &name.value else { return None };
        Some(name)
    }
}

impl<'de> Deserialize<'de> for PlacedNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = PlacedNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Text(text.to_owned()))
    }

    fn visit_none<E>(self) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_unit<E>(self) -> Result<PlacedNode, E> {
        Ok(PlacedNode::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<PlacedNode, D::Error> {
        PlacedNode::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PlacedNode, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(PlacedNode::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PlacedNode, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(PlacedNode::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::documents;
    use super::*;

    const TEXT: &str = "\
# two documents
kind: A
---
kind: B
spec:
  list:
  - name: first
    port: 80
  - {name: second, port: 81}
  labels: {a.b/c: x, 5: y}
  shared: &s {deep: 1}
  again: *s
  empty:
";

    fn line(document: usize, field: &FieldName) -> Option<(u64, bool)> {
        let source = YamlSource::new("t.yaml", TEXT);
        let start = documents(&source).unwrap()[document].place.clone();
        place_of(&source, &start, field).map(|found| (found.place.line, found.whole))
    }

    #[test]
    fn a_field_is_found_in_its_own_document() {
        for (document, field, expected) in [
            (0, "kind", (2, true)),
            (1, "kind", (4, true)),
            (1, "spec.list", (6, true)),
            (1, "spec.list[0].port", (8, true)),
            (1, "spec.list[1].port", (9, true)),
            (1, ".spec.labels[a.b/c]", (10, true)),
            (1, "spec.empty", (13, true)),
            (1, "", (4, true)),
        ] {
            assert_eq!(line(document, &FieldName::parse(field)), Some(expected), "{field}");
        }
    }

    #[test]
    fn a_field_that_is_missing_is_where_it_should_be() {
        for (field, expected) in [
            ("spec.selector.matchLabels", 5),
            ("spec.list[0].name.more", 7),
            ("spec.list[7]", 6),
            ("metadata.name", 4),
            ("spec.list[", 6),
        ] {
            let found = line(1, &FieldName::parse(field)).unwrap();
            assert_eq!(found.0, expected, "{field}");
        }
        let nowhere = YamlPlace { line: 99, bytes: 9_999..9_999 };
        assert_eq!(place_of(&YamlSource::new("t.yaml", TEXT), &nowhere, &FieldName::parse("kind")), None);
    }

    #[test]
    fn elements_are_found_by_name_where_the_object_has_one() {
        let whole = json!({"spec": {"list": [{"name": "zero"}, {"name": "second"}]}});
        let field = FieldName::parse("spec.list[1].port");
        assert_eq!(line(1, &field.named(&whole)), Some((9, true)));
        let other = json!({"spec": {"list": [{"name": "zero"}, {"name": "third"}]}});
        assert_eq!(line(1, &field.named(&other)), Some((6, false)), "the patch does not change that element");
        assert_eq!(FieldName::parse("a.b").below("items", 2), FieldName::parse("items[2].a.b"));
    }
}
