//! Strategic merge as `kubectl patch` does it, and JSON merge patch (RFC 7386), on untyped values.
//!
//! Behaviour after the API server's apply half of apimachinery `pkg/util/strategicpatch`: lists of the built-in kinds
//! are merged by key, null removes, and the directives `$patch`, `$retainKeys` and `$deleteFromPrimitiveList` are
//! obeyed. `$setElementOrder`, which only tools write, is ignored.

use serde_json::{Map, Value};

use super::patch_error::PatchError;
use super::patch_rules::{KeyField, ListRule, MergeKind, TemplatePlace, below, list_rule};

pub(super) const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch to an object of a built-in kind, which `target`'s `kind` names; whether it changed.
/// Where the patch does not fit, `target` stays as it was.
pub fn strategic_merge(target: &mut Value, patch: &Value) -> Result<bool, PatchError> {
    merge(MergeKind::Patch, target, patch)
}

/// The same, with lists merged as `merge_kind` matches their elements.
pub(super) fn merge(merge_kind: MergeKind, target: &mut Value, patch: &Value) -> Result<bool, PatchError> {
    let object =
        target.as_object().ok_or_else(|| PatchError::NotAMapping { what: "the object", found: kind_of(target) })?;
    let patch =
        patch.as_object().ok_or_else(|| PatchError::NotAMapping { what: "the patch", found: kind_of(patch) })?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    if !is_built_in(&api_version) {
        return Err(PatchError::CustomResource { kind, api_version });
    }
    let merge = PatchMerge { merge_kind, kind: &kind };
    let merged = Value::Object(merge.maps(object.clone(), patch, TemplatePlace::Root, "")?);
    let changed = merged != *target;
    *target = merged;
    Ok(changed)
}

/// Applies a JSON merge patch as RFC 7386 section 2 defines it: mappings merge, null removes, all else
/// replaces. Returns whether `target` changed.
pub(crate) fn json_merge(target: &mut Value, patch: &Value) -> bool {
    let before = target.clone();
    json_merge_into(target, patch);
    *target != before
}

fn json_merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            json_merge_into(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Groups of Kubernetes itself have no dot, or end in `.k8s.io`; custom resources must have a dot.
fn is_built_in(api_version: &str) -> bool {
    match api_version.split_once('/') {
        None => true,
        Some((group, _)) => !group.contains('.') || group.ends_with(".k8s.io"),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn list_at<'a>(value: &'a Value, path: &str) -> Result<&'a [Value], PatchError> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| PatchError::NotAList { path: path.to_owned(), found: kind_of(value) })
}

struct PatchMerge<'a> {
    merge_kind: MergeKind,
    kind: &'a str,
}

impl PatchMerge<'_> {
    fn maps(
        &self,
        mut original: Map<String, Value>,
        patch: &Map<String, Value>,
        place: TemplatePlace,
        within: &str,
    ) -> Result<Map<String, Value>, PatchError> {
        match patch.get(DIRECTIVE) {
            None => {}
            Some(Value::String(word)) if word == "delete" => return Ok(Map::new()),
            Some(Value::String(word)) if word == "replace" => {
                let mut replacement = patch.clone();
                replacement.remove(DIRECTIVE);
                return Ok(replacement);
            }
            Some(other) => return Err(bad_directive(within, other)),
        }
        retain_keys(&mut original, patch, within)?;
        for (key, value) in patch {
            if key == RETAIN_KEYS || key.starts_with(ELEMENT_ORDER) {
                continue;
            }
            if let Some(field) = key.strip_prefix(DELETE_VALUES) {
                let doomed = list_at(value, &join(within, key))?;
                if let Some(Value::Array(list)) = original.get_mut(field) {
                    list.retain(|element| !doomed.contains(element));
                }
                continue;
            }
            self.field(&mut original, key, value, place, within)?;
        }
        Ok(original)
    }

    fn field(
        &self,
        original: &mut Map<String, Value>,
        key: &str,
        value: &Value,
        place: TemplatePlace,
        path: &str,
    ) -> Result<(), PatchError> {
        if value.is_null() {
            original.remove(key);
            return Ok(());
        }
        let path = join(path, key);
        let merged = match (original.remove(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                Some(Value::Object(self.maps(old, new, below(self.kind, place, key), &path)?))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                Some(Value::Array(self.lists(old, new, place, key, &path)?))
            }
            (_, new) => without_directives(new),
        };
        if let Some(merged) = merged {
            original.insert(key.to_owned(), merged);
        }
        Ok(())
    }

    fn lists(
        &self,
        old: Vec<Value>,
        new: &[Value],
        place: TemplatePlace,
        field: &str,
        path: &str,
    ) -> Result<Vec<Value>, PatchError> {
        match list_rule(self.merge_kind, self.kind, place, field) {
            ListRule::Atomic => Ok(new.to_vec()),
            ListRule::Values => {
                let added = new.iter().filter(|value| !old.contains(value)).cloned().collect::<Vec<_>>();
                Ok(old.into_iter().chain(added).collect())
            }
            ListRule::ByKeys(keys) => self.keyed(old, new, below(self.kind, place, field), keys, path),
        }
    }

    fn keyed(
        &self,
        mut old: Vec<Value>,
        new: &[Value],
        place: TemplatePlace,
        keys: &'static [KeyField],
        path: &str,
    ) -> Result<Vec<Value>, PatchError> {
        let mut additions = Vec::new();
        let mut replace = false;
        for element in new {
            let object = element.as_object().ok_or_else(|| PatchError::NotAnObject {
                path: path.to_owned(),
                found: kind_of(element),
                key: keys.first().map_or("", |key| key.name),
            })?;
            match object.get(DIRECTIVE) {
                None => additions.push(object),
                Some(Value::String(word)) if word == "replace" => replace = true,
                Some(Value::String(word)) if word == "delete" => {
                    let doomed = identity(object, keys, path)?;
                    old.retain(|element| identity_of(element, keys).as_ref() != Some(&doomed));
                }
                Some(other) => return Err(bad_directive(path, other)),
            }
        }
        if replace {
            return Ok(additions.into_iter().cloned().map(Value::Object).collect());
        }
        let server_order = old.iter().map(|element| identity_of(element, keys)).collect::<Vec<_>>();
        let mut patched: Vec<Value> = Vec::new();
        for object in additions {
            let wanted = identity(object, keys, path)?;
            let is_it = |element: &Value| identity_of(element, keys).as_ref() == Some(&wanted);
            // Within one patch a key may be named twice: the second entry is merged into the first.
            let (earlier, found) = (patched.iter().position(is_it), old.iter().position(is_it));
            let label = label(path, keys, &wanted);
            if let Some(at) = earlier {
                patched[at] = self.element(patched[at].clone(), object, place, &label)?;
            } else if let Some(at) = found {
                let merged = self.element(old.remove(at), object, place, &label)?;
                patched.push(merged);
            } else if let Some(merged) = without_directives(&Value::Object(object.clone())) {
                patched.push(merged);
            }
        }
        Ok(interleave(patched, old, &server_order, keys))
    }

    fn element(
        &self,
        old: Value,
        patch: &Map<String, Value>,
        place: TemplatePlace,
        within: &str,
    ) -> Result<Value, PatchError> {
        let old = if let Value::Object(old) = old { old } else { Map::new() };
        Ok(Value::Object(self.maps(old, patch, place, within)?))
    }
}

/// The order that the API server gives a merged list: elements of the patch stand in the patch's order, the others in
/// their own, and one of each kind compare by where they stood before; an element that is new comes last.
fn interleave(
    patched: Vec<Value>,
    others: Vec<Value>,
    server_order: &[Option<ElementIdentity>],
    keys: &[KeyField],
) -> Vec<Value> {
    let rank = |element: &Value| {
        let own = identity_of(element, keys);
        server_order.iter().position(|known| *known == own)
    };
    let mut merged = Vec::with_capacity(patched.len() + others.len());
    let mut others = others.into_iter().peekable();
    for element in patched {
        let own = rank(&element);
        while let Some(other) =
            others.next_if(|other| !matches!((own, rank(other)), (Some(own), Some(other)) if own < other))
        {
            merged.push(other);
        }
        merged.push(element);
    }
    merged.extend(others);
    merged
}

/// The values of the fields by which an element is matched.
type ElementIdentity = Vec<Value>;

pub(super) fn identity_of(element: &Value, keys: &[KeyField]) -> Option<ElementIdentity> {
    let object = element.as_object()?;
    keys.iter().map(|key| key_value(object, key)).collect()
}

fn identity(object: &Map<String, Value>, keys: &'static [KeyField], path: &str) -> Result<ElementIdentity, PatchError> {
    let missing = |key: &KeyField| PatchError::NoMergeKey { path: path.to_owned(), key: key.name };
    keys.iter().map(|key| key_value(object, key).ok_or_else(|| missing(key))).collect()
}

fn key_value(object: &Map<String, Value>, key: &KeyField) -> Option<Value> {
    object.get(key.name).cloned().or_else(|| key.default.map(Value::from))
}

fn label(path: &str, keys: &[KeyField], identity: &ElementIdentity) -> String {
    let pairs = keys.iter().zip(identity).map(|(key, value)| format!("{}={}", key.name, plain(value)));
    format!("{path}[{}]", pairs.collect::<Vec<_>>().join(","))
}

fn retain_keys(original: &mut Map<String, Value>, patch: &Map<String, Value>, within: &str) -> Result<(), PatchError> {
    let Some(retained) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let names = list_at(retained, &join(within, RETAIN_KEYS))?;
    let keeps = |key: &str| names.iter().any(|name| name.as_str() == Some(key));
    for (key, value) in patch {
        if !is_directive(key) && !value.is_null() && !keeps(key) {
            return Err(PatchError::NotRetained { path: within.to_owned(), key: key.clone() });
        }
    }
    original.retain(|key, _| keeps(key));
    Ok(())
}

/// A value that enters the object as it stands: nulls and directives have nothing to act on and are left out, and so
/// is a mapping with `$patch`.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => Some(Value::Object(
            map.iter()
                .filter(|(key, value)| !is_directive(key) && !value.is_null())
                .filter_map(|(key, value)| Some((key.clone(), without_directives(value)?)))
                .collect(),
        )),
        Value::Array(list) => Some(Value::Array(list.iter().filter_map(without_directives).collect())),
        other => Some(other.clone()),
    }
}

fn is_directive(key: &str) -> bool {
    key == RETAIN_KEYS || key.starts_with(DELETE_VALUES) || key.starts_with(ELEMENT_ORDER)
}

fn bad_directive(path: &str, found: &Value) -> PatchError {
    let path = if path.is_empty() { "the object".to_owned() } else { path.to_owned() };
    PatchError::BadDirective { path, found: plain(found) }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
