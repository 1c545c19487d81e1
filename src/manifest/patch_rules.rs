//! Which lists of the built-in kinds a strategic merge patch merges, and by which key.
//!
//! From the `patchStrategy` and `patchMergeKey` tags of Kubernetes' own types (k8s.io/api core/v1, apps/v1, batch/v1
//! and apimachinery meta/v1). Every list that is not named here is replaced whole.

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
    /// Elements are objects, matched by this field.
    ByKey(&'static str),
    /// Elements are plain values; new ones are added.
    Values,
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
pub(super) fn list_rule(kind: &str, place: Place, field: &str) -> ListRule {
    match (place, field) {
        (Place::Metadata, "ownerReferences") => ListRule::ByKey("uid"),
        (Place::Metadata, "finalizers") => ListRule::Values,
        (Place::Status, "conditions") => ListRule::ByKey("type"),
        (Place::Root, "secrets") if kind == "ServiceAccount" => ListRule::ByKey("name"),
        (Place::ServiceSpec, "ports") => ListRule::ByKey("port"),
        (
            Place::PodSpec,
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "volumes"
            | "imagePullSecrets"
            | "resourceClaims"
            | "schedulingGates",
        )
        | (Place::Container, "env") => ListRule::ByKey("name"),
        (Place::PodSpec, "hostAliases") => ListRule::ByKey("ip"),
        (Place::PodSpec, "topologySpreadConstraints") => ListRule::ByKey("topologyKey"),
        (Place::Container, "ports") => ListRule::ByKey("containerPort"),
        (Place::Container, "volumeMounts") => ListRule::ByKey("mountPath"),
        (Place::Container, "volumeDevices") => ListRule::ByKey("devicePath"),
        _ => ListRule::Atomic,
    }
}
