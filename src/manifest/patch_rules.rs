//! Which lists of the built-in kinds are merged, and by which keys: one table for strategic merge patches and for server-side apply.
//!
//! From the tags of Kubernetes' own types (k8s.io/api core/v1, apps/v1, batch/v1 and apimachinery meta/v1, v1.34): `patchStrategy` and
//! `patchMergeKey` for patches, `+listType` and `+listMapKey` for apply. Every list that is not named here is replaced whole.

/// A place in a built-in object, as far as it decides how lists below it are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The object itself.
    Root,
    /// `metadata`, of the object or of a template.
    Metadata,
    /// `spec` of an object that holds a pod template.
    WorkloadSpec,
    /// `spec` of a `CronJob`.
    CronJobSpec,
    /// A pod or job template: `metadata` and `spec`.
    Template(Templated),
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
pub(super) enum Templated {
    /// A pod.
    Pod,
    /// A job.
    Job,
}

/// How a list is merged.
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
    /// A strategic merge patch.
    Patch,
    /// Server-side apply.
    Apply,
}

/// A field by which the elements of a list are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyField {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is where an element does not have it.
    pub(super) default: Option<&'static str>,
}

/// A list whose elements are matched by fields.
struct KeyedList {
    place: Place,
    field: &'static str,
    /// `patchMergeKey`.
    patch: &'static [KeyField],
    /// `+listMapKey`, as often as it stands there.
    apply: &'static [KeyField],
}

/// The place that `field` leads to from `place`, in an object of this kind.
pub(super) fn below(kind: &str, place: Place, field: &str) -> Place {
    match (place, field) {
        (Place::Root | Place::Template(_), "metadata") => Place::Metadata,
        (Place::Root, "status") => Place::Status,
        (Place::Root, "template") if kind == "PodTemplate" => Place::Template(Templated::Pod),
        (Place::Root, "spec") => match kind {
            "Pod" => Place::PodSpec,
            "Service" => Place::ServiceSpec,
            "CronJob" => Place::CronJobSpec,
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
                Place::WorkloadSpec
            }
            _ => Place::Elsewhere,
        },
        (Place::CronJobSpec, "jobTemplate") => Place::Template(Templated::Job),
        (Place::WorkloadSpec, "template") => Place::Template(Templated::Pod),
        (Place::Template(Templated::Pod), "spec") => Place::PodSpec,
        (Place::Template(Templated::Job), "spec") => Place::WorkloadSpec,
        (Place::PodSpec, "containers" | "initContainers" | "ephemeralContainers") => Place::Container,
        _ => Place::Elsewhere,
    }
}

/// How the list `field` at `place` is merged, in an object of this kind.
pub(super) fn list_rule(merge: MergeKind, kind: &str, place: Place, field: &str) -> ListRule {
    if (place, field) == (Place::Metadata, "finalizers") {
        return ListRule::Values;
    }
    if place == Place::Root && kind != "ServiceAccount" {
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
const fn by(place: Place, field: &'static str, same: &'static [KeyField]) -> KeyedList {
    KeyedList { place, field, patch: same, apply: same }
}

const NAME: &[KeyField] = &[key("name")];
const IP: &[KeyField] = &[key("ip")];

const KEYED_LISTS: [KeyedList; 19] = [
    by(Place::Metadata, "ownerReferences", &[key("uid")]),
    by(Place::Status, "conditions", &[key("type")]),
    // Of a ServiceAccount.
    by(Place::Root, "secrets", NAME),
    KeyedList { place: Place::ServiceSpec, field: "ports", patch: &[key("port")], apply: &[key("port"), PROTOCOL] },
    by(Place::PodSpec, "containers", NAME),
    by(Place::PodSpec, "initContainers", NAME),
    by(Place::PodSpec, "ephemeralContainers", NAME),
    by(Place::PodSpec, "volumes", NAME),
    by(Place::PodSpec, "imagePullSecrets", NAME),
    by(Place::PodSpec, "resourceClaims", NAME),
    by(Place::PodSpec, "schedulingGates", NAME),
    by(Place::PodSpec, "hostAliases", IP),
    KeyedList {
        place: Place::PodSpec,
        field: "topologySpreadConstraints",
        patch: &[key("topologyKey")],
        apply: &[key("topologyKey"), key("whenUnsatisfiable")],
    },
    by(Place::Container, "env", NAME),
    KeyedList {
        place: Place::Container,
        field: "ports",
        patch: &[key("containerPort")],
        apply: &[key("containerPort"), PROTOCOL],
    },
    by(Place::Container, "volumeMounts", &[key("mountPath")]),
    by(Place::Container, "volumeDevices", &[key("devicePath")]),
    by(Place::Status, "podIPs", IP),
    by(Place::Status, "hostIPs", IP),
];
