//! Fields behind a feature gate that is off by default in the version that the API reports: they are dropped without an error.

use serde_json::Value;

use crate::cluster::embedded::store::ObjectKind;

/// Drops the fields whose gates are off, as `DropDisabledPodFields` in `pkg/api/pod/util.go` (v1.34) does.
pub(super) fn drop_disabled(kind: ObjectKind, object: &mut Value) {
    let spec = match kind {
        ObjectKind::Pod => "/spec",
        ObjectKind::Deployment | ObjectKind::ReplicaSet => "/spec/template/spec",
        _ => return,
    };
    let Some(spec) = object.pointer_mut(spec) else { return };
    for containers in ["containers", "initContainers"] {
        let found = spec.get_mut(containers).and_then(Value::as_array_mut);
        for container in found.into_iter().flatten() {
            // `ContainerStopSignals`: alpha since 1.33 (KEP-4960).
            container.get_mut("lifecycle").and_then(Value::as_object_mut).map(|hooks| hooks.remove("stopSignal"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stop_signal_is_dropped_and_the_hook_beside_it_stays() {
        let spec = json!({"containers": [{"name": "web", "lifecycle": {"stopSignal": "SIGQUIT", "preStop": {}}}, {"name": "b"}]});
        let mut pod = json!({"spec": spec});
        let mut deployment = json!({"spec": {"template": {"spec": spec}}});
        drop_disabled(ObjectKind::Pod, &mut pod);
        drop_disabled(ObjectKind::Deployment, &mut deployment);
        let kept = json!({"containers": [{"name": "web", "lifecycle": {"preStop": {}}}, {"name": "b"}]});
        assert_eq!((&pod["spec"], &deployment["spec"]["template"]["spec"]), (&kept, &kept));
    }
}
