//! Missing rights as the objects that give them, to be applied by somebody who may. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::AgentRight;

/// What stands for the user, whom the API does not name.
const USER: &str = "USER";

/// The rules of one role: verbs, by group and resource.
type RoleRules<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

/// A role with its binding for each namespace, and a cluster role for what has none, as one list in YAML's flow style: where it is shown,
/// lines lose their indentation.
pub(super) fn grant(missing: &[AgentRight]) -> String {
    let mut by_namespace: BTreeMap<&str, RoleRules<'_>> = BTreeMap::new();
    for right in missing {
        let rules = by_namespace.entry(&right.namespace).or_default();
        rules.entry((&right.group, &right.resource)).or_default().insert(&right.verb);
    }
    let roles: Vec<String> = by_namespace.into_iter().map(|(namespace, rules)| role(namespace, &rules)).collect();
    format!("{{apiVersion: v1, kind: List, items: [\n{}\n]}}\n", roles.join(",\n"))
}

fn role(namespace: &str, rules: &RoleRules<'_>) -> String {
    let (kind, place) = match namespace {
        "" => ("ClusterRole", String::new()),
        name => ("Role", format!(", namespace: {name}")),
    };
    let head = |kind: &str| {
        format!("apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{name: rollproof-user{place}}}")
    };
    let rules = rules.iter().map(|((group, resource), verbs)| {
        let verbs = verbs.iter().copied().collect::<Vec<_>>().join(", ");
        format!("{{apiGroups: [\"{group}\"], resources: [{resource}], verbs: [{verbs}]}}")
    });
    format!(
        "{{{}, rules: [\n{}]}},\n{{{},\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: rollproof-user}},\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {USER}}}]}}",
        head(kind),
        rules.collect::<Vec<_>>().join(",\n"),
        head(&format!("{kind}Binding"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{YamlSource, documents};

    #[test]
    fn what_is_to_be_applied_parses_and_names_each_right_once() {
        let missing = [
            AgentRight::new("create", "", "namespaces", ""),
            AgentRight::new("patch", "apps", "deployments", "shop"),
            AgentRight::new("list", "", "pods", "shop"),
            AgentRight::new("get", "", "pods/log", "shop"),
            AgentRight::new("get", "apps", "deployments", "shop"),
        ];
        let text = grant(&missing);
        let indented = text.lines().map(|line| format!("  {}", line.trim())).collect::<Vec<_>>().join("\n");
        let read = documents(&YamlSource::new("the rights", &indented)).unwrap();
        let items = read[0].value["items"].as_array().unwrap();
        let kinds: Vec<&str> = items.iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
        assert_eq!(items[2]["rules"].as_array().unwrap().len(), 3, "{text}");
        assert_eq!(items[2]["rules"][2]["verbs"], serde_json::json!(["get", "patch"]));
    }
}
