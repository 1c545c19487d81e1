//! Which port a container's server is told to listen on.

use serde_json::Value;

use super::image_error::ImageError;

/// The port for `container` of a pod with these `containers`, given the Services that select the pod: the first
/// `targetPort` that is this container's (a number, or a name among its ports; where it is absent, the Service's own
/// port, as the API defaults it), else the first `containerPort`.
///
/// In a pod of several containers a number counts only for the container that declares it, as two processes cannot
/// listen on one port of one address. One that none declares is that of the first container without a command of its own,
/// if it declares nothing else.
pub(crate) fn port(container: &Value, containers: &[Value], services: &[&Value]) -> Result<u16, ImageError> {
    let own = ports(container);
    let main =
        containers.iter().find(|one| one["command"].is_null()).is_some_and(|one| one["name"] == container["name"]);
    let mine = |port: u16| {
        containers.len() <= 1
            || declared(container).any(|own| own == port)
            || main && own.is_empty() && !containers.iter().flat_map(declared).any(|other| other == port)
    };
    services
        .iter()
        .filter_map(|service| service["spec"]["ports"].as_array())
        .flatten()
        .find_map(|port| target(port, own).filter(|port| mine(*port)))
        .or_else(|| declared(container).next())
        .ok_or_else(|| ImageError::NoPort { container: container["name"].as_str().unwrap_or_default().to_owned() })
}

fn ports(container: &Value) -> &[Value] {
    container["ports"].as_array().map_or(&[], Vec::as_slice)
}

fn declared(container: &Value) -> impl Iterator<Item = u16> {
    ports(container).iter().filter_map(|port| number(&port["containerPort"]))
}

fn target(service_port: &Value, container_ports: &[Value]) -> Option<u16> {
    match &service_port["targetPort"] {
        Value::String(name) => {
            let named = container_ports.iter().find(|port| port["name"] == **name)?;
            number(&named["containerPort"])
        }
        Value::Null => number(&service_port["port"]),
        numeric => number(numeric),
    }
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(ports: &Value, service_ports: &[Value], containers: usize) -> Option<u16> {
        let services: Vec<Value> = service_ports.iter().map(|port| json!({"spec": {"ports": [port]}})).collect();
        let services: Vec<&Value> = services.iter().collect();
        let web = json!({"name": "web", "ports": ports});
        let others = (1..containers).map(|other| json!({"name": format!("other-{other}"), "command": ["a"]}));
        let all: Vec<Value> = others.chain([web.clone()]).collect();
        port(&web, &all, &services).ok()
    }

    #[test]
    fn the_service_decides_then_the_container() {
        let ports = json!([{"name": "admin", "containerPort": 9000}, {"name": "http", "containerPort": 8080}]);
        for (service, expected) in [
            (vec![json!({"port": 80, "targetPort": 8081})], Some(8081)),
            (vec![json!({"port": 80, "targetPort": "http"})], Some(8080)),
            (vec![json!({"port": 80})], Some(80)),
            (vec![], Some(9000)),
            // A name that the container does not have is not its port.
            (vec![json!({"port": 80, "targetPort": "none"})], Some(9000)),
            (vec![json!({"port": 80, "targetPort": "none"}), json!({"port": 1, "targetPort": 2})], Some(2)),
        ] {
            assert_eq!(chosen(&ports, &service, 1), expected, "{service:?}");
        }
    }

    #[test]
    fn of_two_containers_only_the_one_that_declares_the_port_gets_it() {
        let service = [json!({"port": 80, "targetPort": 8080})];
        assert_eq!(chosen(&json!([{"containerPort": 8080}]), &service, 2), Some(8080));
        assert_eq!(chosen(&json!([{"containerPort": 9100}]), &service, 2), Some(9100));
    }

    #[test]
    fn a_port_that_nobody_declares_is_that_of_the_first_container_without_a_command() {
        let service = json!({"spec": {"ports": [{"port": 80}]}});
        let pod = [
            json!({"name": "tail", "command": ["sh"]}),
            json!({"name": "web"}),
            json!({"name": "other"}),
            json!({"name": "admin", "ports": [{"containerPort": 9000}]}),
        ];
        let of = |at: usize| port(&pod[at], &pod, &[&service]).ok();
        assert_eq!([of(0), of(1), of(2), of(3)], [None, Some(80), None, Some(9000)]);
        let declared = json!({"spec": {"ports": [{"port": 9000}]}});
        assert_eq!(port(&pod[1], &pod, &[&declared]).ok(), None, "another container declares it");
    }

    #[test]
    fn no_port_at_all_is_an_error_that_says_what_to_add() {
        let error = port(&json!({"name": "web"}), &[json!({"name": "web"})], &[]).unwrap_err().to_string();
        assert!(error.contains("\"web\"") && error.contains("containerPort: 8080"), "{error}");
        assert_eq!(chosen(&json!([{"containerPort": 0}]), &[json!({"port": 70_000})], 1), None);
    }
}
