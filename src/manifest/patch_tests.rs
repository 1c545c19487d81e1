//! Strategic merge against what `kubectl patch` is known to give, and RFC 7386's own table.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::patch_error::PatchError;
use super::patch_merge::{json_merge, strategic_merge};

fn deployment(pod_spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
           "spec": {"replicas": 2, "template": {"spec": pod_spec}}})
}

fn merged(target: &Value, patch: &Value) -> Value {
    let mut result = target.clone();
    strategic_merge(&mut result, patch).unwrap();
    result
}

fn refused(target: &Value, patch: &Value) -> String {
    let mut result = target.clone();
    let message = strategic_merge(&mut result, patch).unwrap_err().to_string();
    assert_eq!(&result, target, "a refused patch must leave the target alone");
    message
}

/// Patches the pod spec of a Deployment; the case, before, patch, after.
#[track_caller]
fn pod_case(name: &str, before: &Value, patch: &Value, after: &Value) {
    let result = merged(&deployment(before), &json!({"spec": {"template": {"spec": patch}}}));
    assert_eq!(&result["spec"]["template"]["spec"], after, "{name}");
}

#[test]
fn containers_merge_by_name_and_keep_what_the_patch_does_not_name() {
    pod_case(
        "a hook is added to the container that is named",
        &json!({"containers": [{"name": "web", "image": "apache", "x-new-field": 1}, {"name": "log", "image": "l"}]}),
        &json!({"terminationGracePeriodSeconds": 40, "containers": [{"name": "web", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}]}),
        &json!({"terminationGracePeriodSeconds": 40, "containers": [
            {"name": "web", "image": "apache", "x-new-field": 1, "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}},
            {"name": "log", "image": "l"}]}),
    );
    pod_case(
        "a new container comes last",
        &json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        &json!({"containers": [{"name": "c"}]}),
        &json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
    );
    pod_case(
        "the patch's order holds among its own elements",
        &json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        &json!({"containers": [{"name": "c", "image": "1"}, {"name": "a", "image": "2"}]}),
        &json!({"containers": [{"name": "b"}, {"name": "c", "image": "1"}, {"name": "a", "image": "2"}]}),
    );
}

#[test]
fn lists_inside_a_container_merge_by_their_own_keys() {
    pod_case(
        "env, ports and mounts by key; args replaced",
        &json!({"containers": [{"name": "web", "args": ["-x", "-y"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "ports": [{"containerPort": 80, "name": "http"}],
            "volumeMounts": [{"mountPath": "/a", "name": "v"}],
            "envFrom": [{"secretRef": {"name": "s"}}]}]}),
        &json!({"containers": [{"name": "web", "args": ["-z"],
            "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
            "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81}],
            "volumeMounts": [{"mountPath": "/b", "name": "v"}],
            "envFrom": [{"configMapRef": {"name": "c"}}]}]}),
        &json!({"containers": [{"name": "web", "args": ["-z"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
            "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}, {"containerPort": 81}],
            "volumeMounts": [{"mountPath": "/a", "name": "v"}, {"mountPath": "/b", "name": "v"}],
            "envFrom": [{"configMapRef": {"name": "c"}}]}]}),
    );
}

#[test]
fn tolerations_are_replaced_and_pull_secrets_merge() {
    pod_case(
        "pod lists",
        &json!({"tolerations": [{"key": "a"}], "imagePullSecrets": [{"name": "one"}],
                "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a"]}]}),
        &json!({"tolerations": [{"key": "b"}], "imagePullSecrets": [{"name": "two"}],
                "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["b"]}]}),
        &json!({"tolerations": [{"key": "b"}], "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
                "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["b"]}]}),
    );
}

#[test]
fn null_removes_and_is_left_out_of_what_is_new() {
    pod_case(
        "null",
        &json!({"dnsPolicy": "Default", "containers": [{"name": "web", "lifecycle": {"preStop": {}}}]}),
        &json!({"dnsPolicy": null, "hostname": null, "affinity": {"nodeAffinity": null},
                "containers": [{"name": "web", "lifecycle": null}, {"name": "log", "image": null}]}),
        &json!({"affinity": {}, "containers": [{"name": "web"}, {"name": "log"}]}),
    );
}

#[test]
fn directives_delete_and_replace() {
    let before = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]});
    pod_case(
        "an element is deleted",
        &before,
        &json!({"containers": [{"name": "a", "$patch": "delete"}]}),
        &json!({"containers": [{"name": "b", "image": "2"}]}),
    );
    pod_case(
        "deleting what is not there changes nothing",
        &before,
        &json!({"containers": [{"name": "z", "$patch": "delete"}]}),
        &before,
    );
    pod_case(
        "a list is replaced",
        &before,
        &json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
        &json!({"containers": [{"name": "c"}]}),
    );
    pod_case(
        "a mapping is replaced",
        &json!({"securityContext": {"runAsUser": 1, "fsGroup": 2}}),
        &json!({"securityContext": {"$patch": "replace", "runAsUser": 3}}),
        &json!({"securityContext": {"runAsUser": 3}}),
    );
    pod_case(
        "a deleted mapping stays, empty, as the API server leaves it",
        &json!({"securityContext": {"runAsUser": 1}}),
        &json!({"securityContext": {"$patch": "delete"}}),
        &json!({"securityContext": {}}),
    );
    pod_case(
        "deleting a mapping that is not there adds nothing",
        &json!({}),
        &json!({"securityContext": {"$patch": "delete"}}),
        &json!({}),
    );
}

#[test]
fn retain_keys_drops_the_other_members_of_a_union() {
    let mut target = deployment(&json!({}));
    target["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    let result = merged(&target, &json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}));
    assert_eq!(result["spec"]["strategy"], json!({"type": "Recreate"}));
    let message = refused(&target, &json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}}));
    assert_eq!(
        message,
        "applying a patch: spec.strategy sets `rollingUpdate` but its `$retainKeys` does not list it; add it to that list"
    );
    pod_case(
        "a volume changes its source",
        &json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        &json!({"volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}]}),
        &json!({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
    );
}

#[test]
fn lists_of_values_add_and_delete() {
    let mut target = deployment(&json!({}));
    target["metadata"]["finalizers"] = json!(["a", "b"]);
    let patch = json!({"metadata": {"$setElementOrder/finalizers": ["b", "c"],
                                    "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["b", "c"]}});
    assert_eq!(merged(&target, &patch)["metadata"], json!({"name": "web", "finalizers": ["b", "c"]}));
}

#[test]
fn service_ports_merge_by_port() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                         "spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 443}]}});
    let result = merged(&service, &json!({"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}));
    assert_eq!(result["spec"]["ports"], json!([{"port": 80, "targetPort": "http"}, {"port": 443}]));
}

#[test]
fn a_cron_job_s_pods_merge_too() {
    let job = |image| {
        let pod = json!({"spec": {"containers": [{"name": "a", "image": image}, {"name": "b"}]}});
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": pod}}}})
    };
    let containers = json!([{"name": "a", "image": "2"}]);
    let patch = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}}}});
    assert_eq!(merged(&job("1"), &patch), job("2"));
}

#[test]
fn what_does_not_fit_is_refused_and_says_where() {
    let target = deployment(&json!({"containers": [{"name": "web"}]}));
    let at = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    assert_eq!(
        refused(&target, &at(json!([{"image": "x"}]))),
        "applying a patch: an element of spec.template.spec.containers has no `name`, which this list is merged by; add it"
    );
    assert_eq!(
        refused(&target, &at(json!(["x"]))),
        "applying a patch: an element of spec.template.spec.containers is a string, expected a mapping with `name`"
    );
    assert_eq!(
        refused(&target, &json!({"spec": {"$patch": "merge"}})),
        "applying a patch: spec has `$patch: merge`, expected `delete` or `replace`"
    );
    assert_eq!(refused(&target, &json!([1])), "applying a patch: the patch is a list, expected a mapping");
    let custom = json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}});
    let mut copy = custom.clone();
    assert!(matches!(strategic_merge(&mut copy, &json!({})), Err(PatchError::CustomResource { .. })));
}

#[test]
fn changed_tells_whether_anything_did() {
    let mut target = deployment(&json!({"containers": [{"name": "web", "image": "a"}]}));
    assert!(!strategic_merge(&mut target, &json!({"spec": {"replicas": 2}})).unwrap());
    assert!(strategic_merge(&mut target, &json!({"spec": {"replicas": 3}})).unwrap());
}

#[test]
fn json_merge_gives_the_results_of_rfc_7386_appendix_a() {
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (target, patch, expected) in cases {
        let mut result = target.clone();
        let merged = json_merge(&mut result, &patch);
        assert_eq!(result, expected, "{target} with {patch}");
        assert_eq!(merged, target != expected);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<i32>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn an_empty_patch_is_the_identity(spec in any_value()) {
        let target = deployment(&spec);
        prop_assert_eq!(merged(&target, &json!({})), target.clone());
        let mut copy = target.clone();
        let outcome = json_merge(&mut copy, &json!({}));
        prop_assert!(!outcome);
        prop_assert_eq!(copy, target);
    }

    #[test]
    fn an_object_patched_with_itself_is_itself(spec in any_value()) {
        let target = deployment(&spec);
        prop_assert_eq!(merged(&target, &target), target);
    }

    #[test]
    fn a_patch_applied_twice_is_a_patch_applied_once(spec in any_value(), patch in any_value()) {
        let patch = json!({"spec": {"template": {"spec": patch}}});
        let once = merged(&deployment(&spec), &patch);
        prop_assert_eq!(merged(&once, &patch), once);
    }
}
