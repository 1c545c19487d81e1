//! A probe as the manifest writes it, with the API's defaults (`pkg/apis/core/v1/defaults.go`, `SetDefaults_Probe`,
//! v1.34).

use std::time::Duration;

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProbeKind {
    /// Until it succeeds, the others wait; its failure restarts the container.
    Startup,
    /// Its failure restarts the container.
    Liveness,
    /// Its result is the container's `ready`.
    Readiness,
}

impl ProbeKind {
    /// As event messages begin: `Readiness`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeAction {
    /// Executes a command in the container; exit code 0 is success.
    Exec(Vec<String>),
    /// GETs; a status of 200 to 399 is success.
    HttpGet {
        /// Instead of the pod's address.
        host: Option<String>,
        https: bool,
        port: u16,
        path: String,
        headers: Vec<(String, String)>,
    },
    TcpSocket {
        /// Instead of the pod's address.
        host: Option<String>,
        port: u16,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerProbe {
    pub(crate) kind: ProbeKind,
    pub(crate) action: ProbeAction,
    /// Seconds after the container's start before the first attempt.
    pub(crate) initial_delay_s: u64,
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
    /// Successes in a row that count.
    pub(crate) success_threshold: u32,
    /// Failures in a row that count.
    pub(crate) failure_threshold: u32,
    /// `terminationGracePeriodSeconds` of the probe: the grace of a restart that it causes.
    pub(crate) grace_s: Option<i64>,
}

/// The probes of a container. The error names a port that cannot be resolved.
pub(crate) fn probes(container: &Value) -> Result<Vec<ContainerProbe>, String> {
    [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness]
        .into_iter()
        .filter(|kind| !container[kind.field()].is_null())
        .map(|kind| probe(kind, &container[kind.field()], container))
        .collect()
}

fn probe(kind: ProbeKind, probe: &Value, container: &Value) -> Result<ContainerProbe, String> {
    let seconds = |field: &str, default: u64| probe[field].as_u64().filter(|n| *n > 0).unwrap_or(default);
    let count = |field: &str, default: u32| u32::try_from(seconds(field, u64::from(default))).unwrap_or(default);
    Ok(ContainerProbe {
        kind,
        action: action(probe, container)?,
        initial_delay_s: seconds("initialDelaySeconds", 0),
        period: Duration::from_secs(seconds("periodSeconds", 10)),
        timeout: Duration::from_secs(seconds("timeoutSeconds", 1)),
        success_threshold: count("successThreshold", 1),
        failure_threshold: count("failureThreshold", 3),
        grace_s: probe["terminationGracePeriodSeconds"].as_i64(),
    })
}

/// What a probe or hook with this `handler` does.
pub(crate) fn action(handler: &Value, container: &Value) -> Result<ProbeAction, String> {
    let http = &handler["httpGet"];
    let tcp = &handler["tcpSocket"];
    let host = |action: &Value| action["host"].as_str().filter(|host| !host.is_empty()).map(str::to_owned);
    if !http.is_null() {
        let path = http["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let headers = http["httpHeaders"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = headers.map(|header| (text(&header["name"]), text(&header["value"]))).collect();
        let https = http["scheme"] == "HTTPS";
        let port = port_of(&http["port"], container)?;
        return Ok(ProbeAction::HttpGet { host: host(http), https, port, path, headers });
    }
    if !tcp.is_null() {
        return Ok(ProbeAction::TcpSocket { host: host(tcp), port: port_of(&tcp["port"], container)? });
    }
    let command = handler["exec"]["command"].as_array().into_iter().flatten();
    Ok(ProbeAction::Exec(command.map(|word| word.as_str().unwrap_or_default().to_owned()).collect()))
}

/// A port that is a number or the name of one of the container's.
fn port_of(port: &Value, container: &Value) -> Result<u16, String> {
    let number = |value: &Value| value.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
    let named = || {
        let ports = container["ports"].as_array()?;
        ports.iter().find(|declared| declared["name"] == *port).and_then(|declared| number(&declared["containerPort"]))
    };
    let digits = || port.as_str().and_then(|text| text.parse::<u16>().ok());
    number(port)
        .or_else(named)
        .or_else(digits)
        .ok_or_else(|| format!("{port} is neither a port number nor the name of a port of the container"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_the_apis() {
        let all = probes(&json!({"readinessProbe": {"httpGet": {"port": 80}}})).unwrap();
        let expected = ContainerProbe {
            kind: ProbeKind::Readiness,
            action: ProbeAction::HttpGet {
                host: None,
                https: false,
                port: 80,
                path: "/".to_owned(),
                headers: Vec::new(),
            },
            initial_delay_s: 0,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
            grace_s: None,
        };
        assert_eq!(all, [expected]);
    }

    #[test]
    fn a_named_port_is_looked_up_and_an_unknown_one_named() {
        let ports = json!([{"name": "http", "containerPort": 8080}]);
        let all = probes(&json!({"ports": ports, "livenessProbe": {"tcpSocket": {"port": "http"}}})).unwrap();
        assert_eq!(all[0].action, ProbeAction::TcpSocket { host: None, port: 8080 });
        let error = probes(&json!({"ports": ports, "livenessProbe": {"tcpSocket": {"port": "web"}}})).unwrap_err();
        assert!(error.contains("\"web\""), "{error}");
    }
}
