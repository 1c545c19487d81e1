//! Which lists of the built-in kinds are merged, and by which keys: one table for strategic merge patches and for server-side apply.
//!
//! From the tags of Kubernetes' own types (k8s.io/api core/v1, apps/v1, batch/v1 and apimachinery meta/v1, v1.34): `patchStrategy` and
//! `patchMergeKey` for patches, `+listType` and `+listMapKey` for apply. Every list that is not named here is replaced whole.

/// A place in a built-in object, as far as it decides how lists below it are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplatePlace {
    /// The object itself.
    Root,
    /// `metadata`, of the object or of a template.
    Metadata,
    /// `spec` of an object that holds a pod template.
    WorkloadSpec,
    /// `spec` of a `CronJob`.
    CronJobSpec,
    /// A pod or job template: `metadata` and `spec`.
    Template(TemplateKind),
    /// `spec` of a pod.
    PodSpec,
    /// An element of `containers`, `initContainers` or `ephemeralContainers`.
    Container,
    /// `spec` of a Service.
    ServiceSpec,
    /// `status` of any object.
    Status,
    /// Anywhere else.
    Elsewhere,
}

/// What a template's `spec` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplateKind {
    Pod,
    Job,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListRule {
    /// The patch's list replaces the whole.
    Atomic,
    /// Elements are objects, matched by these fields.
    ByKeys(&'static [KeyField]),
    /// Elements are plain values; new ones are added.
    Values,
}

/// What merges two lists: the two do not always match elements by the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeKind {
    Patch,
    Apply,
}

/// A field by which the elements of a list are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyField {
    pub(super) name: &'static str,
    /// What it is where an element does not have it.
    pub(super) default: Option<&'static str>,
}

struct KeyedList {
    place: TemplatePlace,
    field: &'static str,
    /// `patchMergeKey`.
    patch: &'static [KeyField],
    /// `+listMapKey`, as often as it stands there.
    apply: &'static [KeyField],
}

/// The place that `field` leads to from `place`, in an object of this kind.
pub(super) fn below(kind: &str, place: TemplatePlace, field: &str) -> TemplatePlace {
    match (place, field) {
        (TemplatePlace::Root | TemplatePlace::Template(_), "metadata") => TemplatePlace::Metadata,
        (TemplatePlace::Root, "status") => TemplatePlace::Status,
        (TemplatePlace::Root, "template") if kind == "PodTemplate" => TemplatePlace::Template(TemplateKind::Pod),
        (TemplatePlace::Root, "spec") => match kind {
            "Pod" => TemplatePlace::PodSpec,
            "Service" => TemplatePlace::ServiceSpec,
            "CronJob" => TemplatePlace::CronJobSpec,
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
                TemplatePlace::WorkloadSpec
            }
            _ => TemplatePlace::Elsewhere,
        },
        (TemplatePlace::CronJobSpec, "jobTemplate") => TemplatePlace::Template(TemplateKind::Job),
        (TemplatePlace::WorkloadSpec, "template") => TemplatePlace::Template(TemplateKind::Pod),
        (TemplatePlace::Template(TemplateKind::Pod), "spec") => TemplatePlace::PodSpec,
        (TemplatePlace::Template(TemplateKind::Job), "spec") => TemplatePlace::WorkloadSpec,
        (TemplatePlace::PodSpec, "containers" | "initContainers" | "ephemeralContainers") => TemplatePlace::Container,
        _ => TemplatePlace::Elsewhere,
    }
}

/// How the list `field` at `place` is merged, in an object of this kind.
pub(super) fn list_rule(merge: MergeKind, kind: &str, place: TemplatePlace, field: &str) -> ListRule {
    if (place, field) == (TemplatePlace::Metadata, "finalizers") {
        return ListRule::Values;
    }
    if place == TemplatePlace::Root && kind != "ServiceAccount" {
        return ListRule::Atomic;
    }
    let list = KEYED_LISTS.iter().find(|list| list.place == place && list.field == field);
    list.map_or(ListRule::Atomic, |list| {
        ListRule::ByKeys(match merge {
            MergeKind::Patch => list.patch,
            MergeKind::Apply => list.apply,
        })
    })
}

const fn key(name: &'static str) -> KeyField {
    KeyField { name, default: None }
}

const PROTOCOL: KeyField = KeyField { name: "protocol", default: Some("TCP") };

/// A list for which both use the same field.
const fn by(place: TemplatePlace, field: &'static str, same: &'static [KeyField]) -> KeyedList {
    KeyedList { place, field, patch: same, apply: same }
}

const NAME: &[KeyField] = &[key("name")];
const IP: &[KeyField] = &[key("ip")];

const KEYED_LISTS: [KeyedList; 19] = [
    by(TemplatePlace::Metadata, "ownerReferences", &[key("uid")]),
    by(TemplatePlace::Status, "conditions", &[key("type")]),
    // Of a ServiceAccount.
    by(TemplatePlace::Root, "secrets", NAME),
    KeyedList {
        place: TemplatePlace::ServiceSpec,
        field: "ports",
        patch: &[key("port")],
        apply: &[key("port"), PROTOCOL],
    },
    by(TemplatePlace::PodSpec, "containers", NAME),
    by(TemplatePlace::PodSpec, "initContainers", NAME),
    by(TemplatePlace::PodSpec, "ephemeralContainers", NAME),
    by(TemplatePlace::PodSpec, "volumes", NAME),
    by(TemplatePlace::PodSpec, "imagePullSecrets", NAME),
    by(TemplatePlace::PodSpec, "resourceClaims", NAME),
    by(TemplatePlace::PodSpec, "schedulingGates", NAME),
    by(TemplatePlace::PodSpec, "hostAliases", IP),
    KeyedList {
        place: TemplatePlace::PodSpec,
        field: "topologySpreadConstraints",
        patch: &[key("topologyKey")],
        apply: &[key("topologyKey"), key("whenUnsatisfiable")],
    },
    by(TemplatePlace::Container, "env", NAME),
    KeyedList {
        place: TemplatePlace::Container,
        field: "ports",
        patch: &[key("containerPort")],
        apply: &[key("containerPort"), PROTOCOL],
    },
    by(TemplatePlace::Container, "volumeMounts", &[key("mountPath")]),
    by(TemplatePlace::Container, "volumeDevices", &[key("devicePath")]),
    by(TemplatePlace::Status, "podIPs", IP),
    by(TemplatePlace::Status, "hostIPs", IP),
];
