//! The rules for pod specs (`pkg/apis/core/validation`, `ValidatePodSpec`).

use serde_json::Value;

use super::validate::{Findings, is_label};
use crate::cluster::embedded::store::meta;
use crate::manifest::grace_s;

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];

pub(super) fn spec(findings: &mut Findings, spec: &Value, path: &str) {
    let containers = meta::list(spec, "/containers");
    findings.check(!containers.is_empty(), &format!("{path}.containers"), "Required value");
    let grace = grace_s(spec);
    findings.check(
        grace >= 0,
        &format!("{path}.terminationGracePeriodSeconds"),
        format!("Invalid value: {grace}: must be greater than or equal to 0"),
    );
    let volumes: Vec<&str> = meta::list(spec, "/volumes").iter().map(|volume| meta::text(volume, "/name")).collect();
    let mut seen = Vec::new();
    for (field, list) in [("initContainers", meta::list(spec, "/initContainers")), ("containers", containers)] {
        for (at, found) in list.iter().enumerate() {
            let place = format!("{path}.{field}[{at}]");
            let name = meta::text(found, "/name");
            findings.check(!seen.contains(&name), &format!("{place}.name"), format!("Duplicate value: {name:?}"));
            seen.push(name);
            container(findings, found, &place, &volumes, grace);
        }
    }
}

fn container(findings: &mut Findings, container: &Value, path: &str, volumes: &[&str], grace: i64) {
    let name = meta::text(container, "/name");
    findings.check(is_label(name), &format!("{path}.name"), format!("Invalid value: {name:?}: must be a DNS label"));
    findings.check(!meta::text(container, "/image").is_empty(), &format!("{path}.image"), "Required value");
    for (at, port) in meta::list(container, "/ports").iter().enumerate() {
        let number = meta::number(port, "/containerPort").unwrap_or(0);
        findings.check(
            (1..=65_535).contains(&number),
            &format!("{path}.ports[{at}].containerPort"),
            "Invalid value: must be between 1 and 65535, inclusive",
        );
    }
    for (at, mount) in meta::list(container, "/volumeMounts").iter().enumerate() {
        let volume = meta::text(mount, "/name");
        findings.check(
            volumes.contains(&volume),
            &format!("{path}.volumeMounts[{at}].name"),
            format!("Not found: {volume:?}"),
        );
    }
    for name in PROBES {
        if let Some(found) = container.get(name) {
            probe(findings, found, &format!("{path}.{name}"), name);
        }
    }
    for name in ["postStart", "preStop"] {
        if let Some(hook) = container.get("lifecycle").and_then(|lifecycle| lifecycle.get(name)) {
            let place = format!("{path}.lifecycle.{name}");
            handler(findings, hook, &place, HOOK_HANDLERS);
            if let Some(seconds) = meta::number(hook, "/sleep/seconds") {
                // With `PodLifecycleSleepActionAllowZero`, on by default since 1.33, 0 is allowed.
                findings.check(
                    (0..=grace).contains(&seconds),
                    &format!("{place}.sleep"),
                    format!("Invalid value: {seconds}: must be non-negative and less than terminationGracePeriodSeconds ({grace})"),
                );
            }
        }
    }
}

fn probe(findings: &mut Findings, probe: &Value, path: &str, name: &str) {
    handler(findings, probe, path, PROBE_HANDLERS);
    let at_least_one = ["timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
    for (field, least) in at_least_one.into_iter().map(|field| (field, 1)).chain([("initialDelaySeconds", 0)]) {
        if let Some(number) = meta::number(probe, &format!("/{field}")) {
            findings.check(
                number >= least,
                &format!("{path}.{field}"),
                format!("Invalid value: {number}: must be greater than or equal to {least}"),
            );
        }
    }
    findings.check(
        name == "readinessProbe" || meta::number(probe, "/successThreshold").is_none_or(|threshold| threshold == 1),
        &format!("{path}.successThreshold"),
        "Invalid value: must be 1",
    );
}

fn handler(findings: &mut Findings, handler: &Value, path: &str, known: &[&str]) {
    let given: Vec<&str> = known.iter().copied().filter(|kind| handler.get(kind).is_some()).collect();
    findings.check(!given.is_empty(), path, "Required value: must specify a handler type");
    findings.check(given.len() <= 1, path, "Forbidden: may not specify more than 1 handler type");
    findings.check(
        handler.get("exec").is_none() || !meta::list(handler, "/exec/command").is_empty(),
        &format!("{path}.exec.command"),
        "Required value",
    );
    for kind in ["httpGet", "tcpSocket"] {
        if let Some(port) = handler.get(kind).map(|found| &found["port"]) {
            let number = port.as_i64();
            findings.check(
                number.is_some_and(|port| (1..=65_535).contains(&port)) || port.as_str().is_some_and(|p| !p.is_empty()),
                &format!("{path}.{kind}.port"),
                "Invalid value: must be a port's name or a number between 1 and 65535",
            );
        }
    }
}
