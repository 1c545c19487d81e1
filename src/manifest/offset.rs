//! Moves every port that a pod listens on by one number, for machines on which pods share the network.
//!
//! Only the numbers move: named ports keep their names, and the Service's own port stays what clients know.

use serde_json::{Value, json};

/// Where a container's numeric ports stand: probes and hooks.
const HANDLERS: [&str; 5] =
    ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/preStop", "/lifecycle/postStart"];

/// The manifests with every container port, numeric probe and hook port and numeric target port moved by `offset`. A
/// Service port without a target port means the same number, so it is given one.
pub(crate) fn offset_ports(manifests: &[Value], offset: u16) -> Vec<Value> {
    let mut moved = manifests.to_vec();
    for manifest in &mut moved {
        if manifest["kind"] == "Service" {
            for port in manifest.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
                if port["targetPort"].is_null() {
                    port["targetPort"] = port["port"].clone();
                }
                shift(&mut port["targetPort"], offset);
            }
        }
        let containers = manifest.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            for port in container.pointer_mut("/ports").and_then(Value::as_array_mut).into_iter().flatten() {
                shift(&mut port["containerPort"], offset);
            }
            for handler in HANDLERS {
                for action in ["httpGet", "tcpSocket"] {
                    if let Some(port) = container.pointer_mut(&format!("{handler}/{action}/port")) {
                        shift(port, offset);
                    }
                }
            }
        }
    }
    moved
}

fn shift(port: &mut Value, offset: u16) {
    let moved = port.as_u64().and_then(|number| u16::try_from(number).ok()).and_then(|port| port.checked_add(offset));
    if let Some(moved) = moved {
        *port = json!(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_and_names_stay() {
        let manifests = [
            json!({"kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "http"}]}}),
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{
                "ports": [{"name": "http", "containerPort": 80}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                "livenessProbe": {"tcpSocket": {"port": 80}}}]}}}}),
        ];
        let moved = offset_ports(&manifests, 20_000);
        assert_eq!(moved[0]["spec"]["ports"][0], json!({"port": 80, "targetPort": 20_080}));
        assert_eq!(moved[0]["spec"]["ports"][1]["targetPort"], "http");
        let container = &moved[1]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["containerPort"], 20_080);
        assert_eq!(container["readinessProbe"]["httpGet"]["port"], "http");
        assert_eq!(container["livenessProbe"]["tcpSocket"]["port"], 20_080);
    }
}
