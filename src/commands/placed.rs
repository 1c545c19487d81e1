//! Errors about manifests that are found after the plan, shown where the manifests say what is wrong.

use serde_json::Value;

use super::ending::CommandFailure;
use crate::cluster::kube::{ApplyError, reference};
use crate::plan::VariantPlan;
use crate::redact::clipped;

/// The most places that a sentence names.
const NAMED: usize = 5;
/// A longer sentence of a cluster is cut.
const LONGEST: usize = 4_000;

/// `message`, which is about `field` of `object`, shown there; a plain sentence where nobody knows where that stands.
pub(super) fn at_field(variant: &VariantPlan, object: &Value, field: &str, message: &str) -> CommandFailure {
    match variant.places.fault(object, field, message) {
        Some(fault) => CommandFailure::from(fault),
        None => CommandFailure::User(message.to_owned()),
    }
}

/// Why a cluster refused manifests of `variant`, with the files and lines of the fields that it names.
pub(super) fn why_refused(variant: &VariantPlan, error: &ApplyError) -> String {
    let said = clipped(&error.to_string(), LONGEST);
    let places = places(variant, error);
    if places.is_empty() { said } else { format!("{}: {said}", places.join(", ")) }
}

fn places(variant: &VariantPlan, error: &ApplyError) -> Vec<String> {
    let named = error.fields();
    let mut places = Vec::new();
    for manifest in variant.spec.manifests() {
        let name = reference(manifest);
        for (_, field) in named.iter().filter(|(object, _)| *object == name) {
            places.extend(variant.places.line(manifest, field).filter(|line| !places.contains(line)));
        }
    }
    places.truncate(NAMED);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::manifest_plan;

    const WEB: &str = include_str!("../../manifests/target.yaml");

    fn refused(fields: &[&str]) -> ApplyError {
        let causes: Vec<Value> = fields.iter().map(|field| serde_json::json!({"field": field})).collect();
        let status = serde_json::json!({"kind": "Status", "status": "Failure", "message": "Deployment is invalid",
            "reason": "Invalid", "code": 422, "details": {"causes": causes}});
        let status = serde_json::from_value(status).unwrap();
        ApplyError::Refused { object: "deployment/target".to_owned(), source: kube::Error::Api(status) }
    }

    #[test]
    fn a_cluster_s_refusal_names_file_and_line_of_each_field() {
        let plan = manifest_plan("web.yaml", WEB);
        let line = |text: &str| WEB.lines().position(|line| line.contains(text)).unwrap() + 1;
        let said =
            why_refused(&plan.variants[0], &refused(&["spec.replicas", "spec.template.spec.containers[0].args"]));
        let expected =
            format!("web.yaml line {}, web.yaml line {}: deployment/target: ", line("replicas:"), line("args:"));
        assert!(said.starts_with(&expected), "{said}");
        let whole = why_refused(&plan.variants[0], &refused(&[]));
        assert!(whole.starts_with("web.yaml line "), "the object's own line: {whole}");
        let mut elsewhere = plan.variants[0].clone();
        elsewhere.places = crate::manifest::ObjectPlaces::default();
        assert!(why_refused(&elsewhere, &refused(&["spec.replicas"])).starts_with("deployment/target: "));
    }
}
