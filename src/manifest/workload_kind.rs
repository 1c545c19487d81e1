//! The kinds of workload that can be rolled.

/// A kind of workload that replaces its pods by itself when its template changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// Pods that are all alike.
    Deployment,
    /// Pods with a name and a place of their own, replaced in order.
    StatefulSet,
    /// One pod for each node.
    DaemonSet,
}

impl WorkloadKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// The kind as the API writes it, for example `StatefulSet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// The plural of its resource in the group `apps`, for example `statefulsets`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }

    /// Kind and name as kubectl writes them, for example `statefulset/web`.
    pub(crate) fn reference(self, name: &str) -> String {
        super::documents::reference(self.name(), name)
    }

    /// Kind and name from `KIND/NAME`, in any of kubectl's spellings of the kind: singular, plural, short, with or
    /// without the group. `None` for anything else.
    #[must_use]
    pub fn split(wanted: &str) -> Option<(Self, &str)> {
        let (kind, name) = wanted.split_once('/')?;
        let word = kind.to_ascii_lowercase();
        let word = word.strip_suffix(".apps").unwrap_or(&word);
        let known = Self::ALL.into_iter().find(|known| {
            let short = match known {
                Self::Deployment => "deploy",
                Self::StatefulSet => "sts",
                Self::DaemonSet => "ds",
            };
            word == known.plural() || word == known.plural().trim_end_matches('s') || word == short
        })?;
        (!name.is_empty() && !name.contains('/')).then_some((known, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_in_kubectl_s_spellings() {
        for (wanted, kind) in [
            ("deployment/web", WorkloadKind::Deployment),
            ("deploy/web", WorkloadKind::Deployment),
            ("Deployments.apps/web", WorkloadKind::Deployment),
            ("sts/web", WorkloadKind::StatefulSet),
            ("statefulset/web", WorkloadKind::StatefulSet),
            ("statefulsets.apps/web", WorkloadKind::StatefulSet),
            ("ds/web", WorkloadKind::DaemonSet),
            ("DaemonSet/web", WorkloadKind::DaemonSet),
        ] {
            assert_eq!(WorkloadKind::split(wanted), Some((kind, "web")), "{wanted}");
        }
        for wrong in ["web", "pod/web", "deployment/", "sts/a/b", "deployment.extensions/web", "/web"] {
            assert_eq!(WorkloadKind::split(wrong), None, "{wrong}");
        }
    }
}
