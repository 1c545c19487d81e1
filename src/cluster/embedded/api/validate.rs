//! What the API server refuses: unknown fields and wrong types (400), and rules between fields that a user can break (422).
//!
//! After `pkg/apis/{core,apps}/validation`; only rules that matter to what the embedded cluster does.

use serde_json::Value;

use super::validate_pod;
use crate::cluster::embedded::store::{ApiError, LabelSelector, ObjectKind, StatusCause, meta};
use crate::manifest::{UnknownField, unknown_fields};

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<StatusCause>);

impl Findings {
    /// Notes that `field` breaks a rule unless `holds`.
    pub(super) fn check(&mut self, holds: bool, field: &str, message: impl Into<String>) {
        if !holds {
            self.0.push(StatusCause { field: field.to_owned(), message: message.into() });
        }
    }
}

/// Checks that Kubernetes knows every field, and that each has its type. The object itself is left untyped.
pub(super) fn types(kind: ObjectKind, object: &Value) -> Result<(), ApiError> {
    let (version, name) = (kind.api_version(), kind.info().kind);
    let unknown = unknown_fields(&version, name, object).map_err(|error| ApiError::BadRequest {
        detail: format!("{name} {:?} cannot be decoded: {error}", meta::name(object)),
    })?;
    if unknown.is_empty() {
        return Ok(());
    }
    let fields: Vec<String> = unknown.iter().map(UnknownField::to_string).collect();
    Err(ApiError::BadRequest {
        detail: format!(
            "{name} in version {version:?} cannot be handled as a {name}: strict decoding error: {}",
            fields.join(", ")
        ),
    })
}

/// Checks the rules for an object with its defaults filled in; `before` is what it replaces.
pub(super) fn rules(kind: ObjectKind, object: &Value, before: Option<&Value>) -> Result<(), ApiError> {
    let mut findings = Findings::default();
    let name = meta::name(object);
    let shape = if matches!(kind, ObjectKind::Service | ObjectKind::Namespace) { is_label } else { is_subdomain };
    findings.check(
        name.is_empty() || shape(name),
        "metadata.name",
        format!("Invalid value: {name:?}: lower case alphanumeric characters, '-' or '.', at most 253 (services and namespaces: no '.', at most 63)"),
    );
    match kind {
        ObjectKind::Deployment => {
            workload(&mut findings, object, before);
            strategy(&mut findings, &object["spec"]);
        }
        ObjectKind::ReplicaSet => workload(&mut findings, object, before),
        ObjectKind::Pod => match before {
            None => validate_pod::spec(&mut findings, &object["spec"], "spec"),
            Some(before) => findings.check(
                before["spec"] == object["spec"],
                "spec",
                "Forbidden: pod updates may not change the spec; change the Deployment's template",
            ),
        },
        ObjectKind::Service => service(&mut findings, object),
        _ => {}
    }
    if findings.0.is_empty() {
        return Ok(());
    }
    Err(ApiError::Invalid { kind, name: name.to_owned(), causes: findings.0 })
}

fn workload(findings: &mut Findings, object: &Value, before: Option<&Value>) {
    let spec = &object["spec"];
    let template = &spec["template"];
    let replicas = meta::number(spec, "/replicas").unwrap_or(0);
    findings.check(
        replicas >= 0,
        "spec.replicas",
        format!("Invalid value: {replicas}: must be greater than or equal to 0"),
    );
    match LabelSelector::from_object(&spec["selector"]) {
        Some(selector) if !selector.is_empty() => findings.check(
            selector.matches(template),
            "spec.template.metadata.labels",
            "Invalid value: `selector` does not match template `labels`",
        ),
        _ => findings.check(false, "spec.selector", "Required value: a non-empty selector with known operators"),
    }
    if let Some(before) = before {
        findings.check(
            before["spec"]["selector"] == spec["selector"],
            "spec.selector",
            "Invalid value: field is immutable",
        );
    }
    findings.check(
        template["spec"]["restartPolicy"] == "Always",
        "spec.template.spec.restartPolicy",
        "Unsupported value: supported values: \"Always\"",
    );
    validate_pod::spec(findings, &template["spec"], "spec.template.spec");
}

fn strategy(findings: &mut Findings, spec: &Value) {
    let strategy = &spec["strategy"];
    let rolling = &strategy["rollingUpdate"];
    match meta::text(strategy, "/type") {
        "Recreate" => findings.check(
            rolling.is_null(),
            "spec.strategy.rollingUpdate",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        "RollingUpdate" => {
            for field in ["maxSurge", "maxUnavailable"] {
                let path = format!("spec.strategy.rollingUpdate.{field}");
                let message = "Invalid value: must be a whole number, at least 0, or a percentage (e.g. '25%')";
                findings.check(amount(&rolling[field]).is_some(), &path, message);
            }
            // Compared as written: 0 and 0% are refused; 10% of 3, which rounds down to 0, is not.
            findings.check(
                amount(&rolling["maxSurge"]) != Some(0) || amount(&rolling["maxUnavailable"]) != Some(0),
                "spec.strategy.rollingUpdate.maxUnavailable",
                "Invalid value: may not be 0 when `maxSurge` is 0",
            );
            findings.check(
                rolling["maxUnavailable"].is_number() || amount(&rolling["maxUnavailable"]).is_none_or(|n| n <= 100),
                "spec.strategy.rollingUpdate.maxUnavailable",
                "Invalid value: must not be greater than 100%",
            );
        }
        other => findings.check(
            false,
            "spec.strategy.type",
            format!("Unsupported value: {other:?}: supported values: \"Recreate\", \"RollingUpdate\""),
        ),
    }
    let min_ready = meta::number(spec, "/minReadySeconds").unwrap_or(0);
    findings.check(min_ready >= 0, "spec.minReadySeconds", "Invalid value: must be greater than or equal to 0");
    findings.check(
        meta::number(spec, "/progressDeadlineSeconds").is_none_or(|deadline| deadline > min_ready),
        "spec.progressDeadlineSeconds",
        "Invalid value: must be greater than minReadySeconds",
    );
}

/// The number in an `IntOrString` that is a count or a percentage.
fn amount(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.strip_suffix('%')?.parse().ok(),
        _ => None,
    };
    number.filter(|number| *number >= 0)
}

fn service(findings: &mut Findings, object: &Value) {
    let spec = &object["spec"];
    let ports = meta::list(spec, "/ports");
    let exempt = spec["type"] == "ExternalName" || spec["clusterIP"] == "None";
    findings.check(exempt || !ports.is_empty(), "spec.ports", "Required value");
    let mut seen: Vec<&str> = Vec::new();
    for (at, port) in ports.iter().enumerate() {
        let number = meta::number(port, "/port").unwrap_or(0);
        let path = format!("spec.ports[{at}]");
        let range = "Invalid value: must be between 1 and 65535, inclusive";
        findings.check((1..=65_535).contains(&number), &format!("{path}.port"), range);
        if let Some(target) = meta::number(port, "/targetPort") {
            findings.check((1..=65_535).contains(&target), &format!("{path}.targetPort"), range);
        }
        let name = meta::text(port, "/name");
        findings.check(ports.len() == 1 || !name.is_empty(), &format!("{path}.name"), "Required value");
        findings.check(name.is_empty() || !seen.contains(&name), &format!("{path}.name"), "Duplicate value");
        seen.push(name);
    }
}

/// A DNS label (RFC 1123).
pub(super) fn is_label(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_subdomain(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let part =
        |part: &str| !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-');
    name.len() <= 253 && name.split('.').all(part)
}
