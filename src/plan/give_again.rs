//! What a record holds hashed only, Secrets and other credentials, taken from what the user gives again and checked against the
//! hashes.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::plan_error::PlanError;
use super::plan_header::{hide_in_parts, hide_in_rollout, hide_in_target};
use super::types::RunPlan;
use crate::manifest::documents::{reference, text};
use crate::redact::{GivenSecrets, SECRET_DATA, hash_of, hide_in, is_hash, short_hash};
use crate::spec::{HeaderText, VariantSpec};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenValues {
    /// Secrets, whole.
    pub(crate) secrets: Vec<Value>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Values of query parameters, variables and arguments, found by their hashes alone.
    pub(crate) others: GivenSecrets,
}

/// Puts what was given in the place of the hashes.
pub(super) fn give_again(plan: &mut RunPlan, given: &GivenValues) -> Result<(), PlanError> {
    let mut wanting = WantedValues::default();
    for variant in &mut plan.variants {
        let secrets = variant.spec.objects_mut().manifests.iter_mut().filter(|object| object["kind"] == "Secret");
        secrets.for_each(|secret| wanting.secret(secret, given));
        for header in variant.spec.load.requests.iter_mut().flat_map(|request| &mut request.headers) {
            let HeaderText::Hash(hash) = &header.value else { continue };
            if let Some(value) = wanting.header(header.name.as_str(), hash, given) {
                header.value = HeaderText::Value(value);
            }
        }
        wanting.others_of(&mut variant.spec, &given.others);
    }
    wanting.answer(given)
}

/// What is asked for while a plan is gone through.
#[derive(Debug, Default)]
struct WantedValues {
    /// The record has Secrets, or headers, to give again.
    asked: (bool, bool),
    secrets: BTreeSet<String>,
    headers: BTreeSet<String>,
    /// In what a value is that was not given.
    others: BTreeSet<String>,
}

impl WantedValues {
    fn secret(&mut self, secret: &mut Value, given: &GivenValues) {
        let name = text(secret, "/metadata/name").to_owned();
        let same: Vec<&Value> = given.secrets.iter().filter(|known| text(known, "/metadata/name") == name).collect();
        for section in SECRET_DATA {
            let data = secret.get_mut(section).and_then(Value::as_object_mut);
            for (key, value) in data.into_iter().flatten() {
                self.asked.0 = true;
                let candidates: Vec<Value> = same.iter().flat_map(|known| candidates(known, section, key)).collect();
                if let Some(found) = candidates.iter().find(|candidate| hash_of(candidate) == *value) {
                    *value = found.clone();
                    continue;
                }
                let why = if candidates.is_empty() { "is not given" } else { "is given with another value" };
                self.secrets.insert(format!("key `{key}` of {} {why}", reference("Secret", &name)));
            }
        }
    }

    fn header(&mut self, name: &str, hash: &str, given: &GivenValues) -> Option<String> {
        self.asked.1 = true;
        let mut same = given.headers.iter().filter(|(known, _)| known.as_str() == name).peekable();
        let why = if same.peek().is_none() { "is not given" } else { "is given with another value" };
        let mut texts = same.filter_map(|(_, value)| value.to_str().ok());
        let found = texts.find(|value| short_hash(value) == hash).map(ToOwned::to_owned);
        if found.is_none() {
            self.headers.insert(format!("`{name}` {why}"));
        }
        found
    }

    /// The same walk that hid the values finds them again.
    fn others_of(&mut self, spec: &mut VariantSpec, given: &GivenSecrets) {
        let missing = &mut self.others;
        let mut restore = |what: &str, hidden: &str| {
            if !is_hash(hidden) {
                return hidden.to_owned();
            }
            given.of(hidden).map_or_else(
                || {
                    missing.insert(what.to_owned());
                    hidden.to_owned()
                },
                str::to_owned,
            )
        };
        for object in spec.objects_mut().manifests.iter_mut().filter(|object| object["kind"] != "Secret") {
            let what = reference(text(object, "/kind"), text(object, "/metadata/name"));
            hide_in(object, &mut |hidden| restore(&what, hidden));
        }
        for request in &mut spec.load.requests {
            let what = format!("{} {}", request.method, request.path.path());
            if is_hash(&request.body) {
                request.body = restore(&what, &request.body);
            }
            hide_in_parts(request, &mut |hidden| restore(&what, hidden));
        }
        let what = format!("the rollout of variant {}", spec.name);
        hide_in_rollout(&mut spec.rollout.action, &mut |hidden| restore(&what, hidden));
        let what = format!("what makes variant {}", spec.name);
        hide_in_target(&mut spec.target, &mut |hidden| restore(&what, hidden));
    }

    fn answer(self, given: &GivenValues) -> Result<(), PlanError> {
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join("; ");
        let refuse = |message: String, help: &str| Err(PlanError::plain(message, help));
        if !self.secrets.is_empty() {
            let message = format!("the record holds the data of Secrets as hashes only, and {}", list(self.secrets));
            return refuse(message, "give the same Secrets again: -f FILE");
        }
        if !self.headers.is_empty() {
            let message =
                format!("the record holds credentials in request headers as hashes only, and {}", list(self.headers));
            return refuse(message, "give the same header again: --header 'NAME: VALUE', or --header @FILE");
        }
        if !self.others.is_empty() {
            let message = format!(
                "the record holds credentials among variables, arguments and query parameters as hashes only, and one is not \
                 given in {}",
                list(self.others)
            );
            return refuse(
                message,
                "give each again: --credential NAME=VALUE or --credential @FILE, or -f with the manifests",
            );
        }
        if !self.asked.0 && !given.secrets.is_empty() {
            let message = "-f gives Secrets, and the record's manifests have none, so that nothing would use them";
            return refuse(message.to_owned(), "leave -f out: the record holds its manifests whole");
        }
        if !self.asked.1 && !given.headers.is_empty() {
            let message = "--header gives a credential again, and the record's requests have none";
            return refuse(message.to_owned(), "leave --header out: the record holds its requests whole");
        }
        Ok(())
    }
}

/// What `given` has for `key`, written as `section` has it: `data` in base64, `stringData` plainly.
fn candidates(given: &Value, section: &str, key: &str) -> Vec<Value> {
    let in_section = |name: &str| given.get(name).and_then(|data| data.get(key));
    let mut found: Vec<Value> = in_section(section).cloned().into_iter().collect();
    if section == "data" {
        found.extend(in_section("stringData").and_then(Value::as_str).map(|plain| STANDARD.encode(plain).into()));
    } else {
        let decoded = in_section("data").and_then(Value::as_str).and_then(|text| STANDARD.decode(text.trim()).ok());
        found.extend(decoded.and_then(|bytes| String::from_utf8(bytes).ok()).map(Value::from));
    }
    found
}
