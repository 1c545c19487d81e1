//! What `helm template` prints although Helm does not install it with the rest.

use serde_json::Value;

use super::documents::text;

/// The events of `helm.sh/hook` in an installation or an upgrade (helm.sh, "Chart Hooks"; `crd-install` is Helm 2's).
const INSTALLED: [&str; 5] = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "crd-install"];

/// Whether `object` is a Helm hook of other moments than installation and upgrade: tests, deletions and rollbacks. Applied
/// with the rest, such a pod would run beside it, which it never does in a release.
pub(crate) fn is_foreign_hook(object: &Value) -> bool {
    let events = text(object, "/metadata/annotations/helm.sh~1hook");
    !events.is_empty() && !events.split(',').any(|event| INSTALLED.contains(&event.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_hooks_of_other_moments_are_foreign() {
        let with = |events: &str| json!({"metadata": {"annotations": {"helm.sh/hook": events}}});
        assert!(
            ["test", "test-success", "pre-delete, post-delete"].iter().all(|events| is_foreign_hook(&with(events)))
        );
        assert!(!["pre-install", "test, post-upgrade"].iter().any(|events| is_foreign_hook(&with(events))));
        assert!(!is_foreign_hook(&json!({"metadata": {"annotations": {"other": "test"}}})));
        assert!(!is_foreign_hook(&json!({})));
    }
}
