//! The agent's objects. Pure.

use serde_json::{Value, json};

use super::agent_access::AgentRight;
use super::wire::PORT;

/// Labels of the agent's namespace: it must be admitted where only `restricted` pods are (Pod Security Standards), and
/// meshes must not inject into it, because a sidecar would carry the load in its own way.
pub(crate) const NAMESPACE_LABELS: [(&str, &str); 4] = [
    ("pod-security.kubernetes.io/enforce", "restricted"),
    ("istio-injection", "disabled"),
    ("kuma.io/sidecar-injection", "disabled"),
    ("linkerd.io/inject", "disabled"),
];

pub(super) const ACCOUNT: &str = "rollproof-agent";
const SECRET: &str = "rollproof-agent";
/// The most that lines may take on the node's disk.
const SPOOL_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// What is watched in a variant's namespace: API group and plural.
const WATCHED: [(&str, &str); 8] = [
    ("", "pods"),
    ("", "services"),
    ("", "events"),
    ("discovery.k8s.io", "endpointslices"),
    ("apps", "replicasets"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
];

/// The last lines of a pod that ends are read.
const LOGS: &str = "pods/log";

/// The rights that the agent needs in `namespace`, and all that it is given.
pub(crate) fn rights(namespace: &str) -> Vec<AgentRight> {
    let each = WATCHED.iter().flat_map(|(group, resource)| {
        ["get", "list", "watch"].into_iter().map(move |verb| AgentRight::new(verb, group, resource, namespace))
    });
    each.chain([AgentRight::new("get", "", LOGS, namespace)]).collect()
}

/// The name of the role and of its binding that a run makes in a namespace that is not its own.
pub(super) fn guest_name(run: &str) -> String {
    format!("{ACCOUNT}-{run}")
}

/// The role `name` in a variant's namespace, and its binding to the account in the agent's.
pub(super) fn grants(namespace: &str, agent_namespace: &str, name: &str, labels: &Value) -> [Value; 2] {
    let mut groups: Vec<&str> = WATCHED.iter().map(|(group, _)| *group).collect();
    groups.sort_unstable();
    groups.dedup();
    let rules = groups.into_iter().map(|group| {
        let resources: Vec<&str> =
            WATCHED.iter().filter(|(of, _)| *of == group).map(|(_, resource)| *resource).collect();
        json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]})
    });
    let rules = rules.chain([json!({"apiGroups": [""], "resources": [LOGS], "verbs": ["get"]})]);
    let mut metadata = json!({"name": name, "namespace": namespace});
    if !labels.is_null() {
        metadata["labels"] = labels.clone();
    }
    [
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": rules.collect::<Vec<_>>()}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": agent_namespace}]}),
    ]
}

/// The account and the secret that hold the agent's identity and the run's token.
pub(super) fn identity(namespace: &str, token: &str) -> [Value; 2] {
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": namespace},
            "stringData": {"token": token}}),
    ]
}

#[derive(Debug, Clone, Copy)]
pub(super) struct AgentPodFacts<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) image: &'a str,
    pub(super) origin_unix_ns: u64,
}

/// An agent ends after this time in any case, and with it the use of a token that somebody on the pod network may have read. A run that
/// takes longer gets a new agent.
const LONGEST_LIFE_S: u64 = 24 * 60 * 60;

/// The pod. It asks for half a core, so that the load is not starved where the node is full, and has no limit on it: being
/// throttled would make sends late. Memory has one, so that what reaches the agent cannot take the node's.
pub(super) fn pod(facts: AgentPodFacts<'_>) -> Value {
    let AgentPodFacts { name, namespace, image, origin_unix_ns } = facts;
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "rollproof-agent", "app.kubernetes.io/managed-by": "rollproof",
                "sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"},
            "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled",
                "kuma.io/sidecar-injection": "disabled", "consul.hashicorp.com/connect-inject": "false",
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        },
        "spec": {
            "restartPolicy": "Never", "serviceAccountName": ACCOUNT, "terminationGracePeriodSeconds": 2,
            "activeDeadlineSeconds": LONGEST_LIFE_S,
            "enableServiceLinks": false,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "agent", "image": image, "imagePullPolicy": "IfNotPresent",
                "args": ["agent", "--origin-unix-ns", origin_unix_ns.to_string(), "--spool-max", SPOOL_MAX_BYTES.to_string()],
                "env": [{"name": "ROLLPROOF_TOKEN", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "token"}}}],
                "ports": [{"name": "agent", "containerPort": PORT}],
                "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "spool", "mountPath": "/spool"}],
            }],
            // Beyond the spool's own bound, so that the spool says that it is full before the kubelet evicts the pod.
            "volumes": [{"name": "spool", "emptyDir": {"sizeLimit": (SPOOL_MAX_BYTES + SPOOL_MAX_BYTES / 8).to_string()}}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_may_look_and_do_nothing_else() {
        let [role, _] = grants("web-a", "agent", ACCOUNT, &Value::Null);
        for rule in role["rules"].as_array().unwrap() {
            let verbs =
                if rule["resources"] == json!([LOGS]) { json!(["get"]) } else { json!(["get", "list", "watch"]) };
            assert_eq!(rule["verbs"], verbs);
            assert!(!rule["resources"].to_string().contains("secrets"));
        }
        assert!(rights("web-a").iter().all(|right| ["get", "list", "watch"].contains(&right.verb.as_str())));
    }

    #[test]
    fn what_the_agent_takes_of_its_node_is_bounded() {
        let pod = pod(AgentPodFacts { name: "agent-1", namespace: "n", image: "i", origin_unix_ns: 5 });
        let resources = &pod["spec"]["containers"][0]["resources"];
        assert_eq!(resources["limits"], json!({"memory": "1Gi"}), "and no CPU, which would make sends late");
        assert_eq!(pod["spec"]["activeDeadlineSeconds"], json!(86_400));
        assert!(pod["spec"]["volumes"][0]["emptyDir"]["sizeLimit"].is_string());
    }

    #[test]
    fn the_token_is_not_in_the_pod() {
        let facts = AgentPodFacts { name: "agent-1", namespace: "n", image: "i", origin_unix_ns: 5 };
        assert!(!pod(facts).to_string().contains("secret-token"));
        assert!(identity("n", "secret-token")[1].to_string().contains("secret-token"));
    }
}
