//! Label selectors, in both forms that Kubernetes has: the text of a query and the object in a spec.

use serde_json::Value;

use super::meta;

/// A label selector. The empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<LabelRequirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LabelRequirement {
    key: String,
    test: LabelTest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LabelTest {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl LabelSelector {
    /// A `LabelSelector` object (`matchLabels`, `matchExpressions`). `None` if an operator is unknown.
    pub(crate) fn from_object(selector: &Value) -> Option<Self> {
        let mut requirements = from_map(&selector["matchLabels"]);
        for expression in meta::list(selector, "/matchExpressions") {
            let values = || meta::list(expression, "/values").iter().filter_map(Value::as_str).map(str::to_owned);
            let test = match meta::text(expression, "/operator") {
                "In" => LabelTest::In(values().collect()),
                "NotIn" => LabelTest::NotIn(values().collect()),
                "Exists" => LabelTest::Exists,
                "DoesNotExist" => LabelTest::Missing,
                _ => return None,
            };
            requirements.push(LabelRequirement { key: meta::text(expression, "/key").to_owned(), test });
        }
        Some(Self { requirements })
    }

    /// A map of labels that must all be there, as a Service's `spec.selector`.
    pub(crate) fn from_labels(labels: &Value) -> Self {
        Self { requirements: from_map(labels) }
    }

    /// The text of a `labelSelector` query: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = split(text).into_iter().map(str::trim).filter(|part| !part.is_empty());
        Ok(Self { requirements: parts.map(requirement).collect::<Result<_, _>>()? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.requirements.iter().all(|LabelRequirement { key, test }| match (test, meta::label(object, key)) {
            (LabelTest::In(values), Some(value)) => values.iter().any(|wanted| wanted == value),
            (LabelTest::NotIn(values), Some(value)) => values.iter().all(|unwanted| unwanted != value),
            (LabelTest::Exists, found) => found.is_some(),
            (LabelTest::Missing, found) => found.is_none(),
            (LabelTest::In(_), None) => false,
            (LabelTest::NotIn(_), None) => true,
        })
    }
}

fn from_map(labels: &Value) -> Vec<LabelRequirement> {
    let labels = labels.as_object().into_iter().flatten();
    labels
        .map(|(key, value)| LabelRequirement {
            key: key.clone(),
            test: LabelTest::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        })
        .collect()
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Result<LabelRequirement, String> {
    let unreadable = || format!("unable to parse requirement {part:?} of the label selector");
    let (key, test) = if let Some((left, list)) = part.split_once('(') {
        let list = list.strip_suffix(')').ok_or_else(unreadable)?;
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        match left.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => (key, LabelTest::In(values)),
            [key, "notin"] => (key, LabelTest::NotIn(values)),
            _ => return Err(unreadable()),
        }
    } else if let Some((key, value)) = part.split_once("!=") {
        (key.trim(), LabelTest::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key.trim(), LabelTest::In(vec![value.trim().to_owned()]))
    } else if let Some(key) = part.strip_prefix('!') {
        (key.trim(), LabelTest::Missing)
    } else {
        (part, LabelTest::Exists)
    };
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if key.is_empty() || !key.chars().all(fits) {
        return Err(unreadable());
    }
    Ok(LabelRequirement { key: key.to_owned(), test })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_form_matches_as_kubernetes_does() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        for (text, matches) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app=api", false),
            ("app in (web, api),tier notin (back)", true),
            ("app in (api)", false),
            ("missing!=x", true),
            ("missing notin (x)", true),
            ("missing", false),
            ("app,!missing", true),
            ("!app", false),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&object), matches, "{text}");
        }
        for bad in ["app in web", "app in (web", "=web", "a b", "app within (web)"] {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_object_form_needs_all_of_labels_and_expressions() {
        let selector = json!({"matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "edge"]}]});
        let selector = LabelSelector::from_object(&selector).unwrap();
        assert!(selector.matches(&json!({"metadata": {"labels": {"app": "web", "tier": "edge"}}})));
        assert!(!selector.matches(&json!({"metadata": {"labels": {"app": "web"}}})));
        assert_eq!(LabelSelector::from_object(&json!({"matchExpressions": [{"key": "a", "operator": "Like"}]})), None);
    }
}
