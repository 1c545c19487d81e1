//! Restarts that alternate between two values of the annotation by which `kubectl rollout restart` restarts, so that repeated ones make
//! one new revision at most, and none of the user's own is pruned. Pure.

use serde_json::{Map, Value};

use crate::cluster::kube::RESTARTED_AT;

/// A kept revision of a workload: a `ReplicaSet` or a `ControllerRevision`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptRevision {
    pub(crate) name: String,
    pub(crate) number: i64,
    pub(crate) template: Value,
}

/// The two values between which restarts alternate; `None` is the annotation's absence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartValues {
    /// What the template has before the first restart.
    pub one: Option<String>,
    /// Another value: that of a kept revision that is otherwise the same, where there is one.
    pub other: Option<String>,
}

impl RestartValues {
    /// The value that differs from the one that the template has `now`.
    #[must_use]
    pub fn next(&self, now: Option<&str>) -> Option<&str> {
        if now == self.other.as_deref() { self.one.as_deref() } else { self.other.as_deref() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedRestarts {
    pub(crate) values: RestartValues,
    /// The revision that would be pruned by them, if one would.
    pub(crate) pruned: Option<String>,
}

pub(crate) fn restarted_at(template: &Value) -> Option<&str> {
    template.get("metadata")?.get("annotations")?.get(RESTARTED_AT)?.as_str()
}

/// The restarts of a workload whose pod template is `template`. `others` is how many more revisions the run makes beside the
/// restarts, and `now` a value that no revision has, such as the time. `limit` is `spec.revisionHistoryLimit`: where it is 0 the user
/// keeps no revision, so that none can be lost.
pub(crate) fn plan_restarts(
    template: &Value,
    revisions: &[KeptRevision],
    limit: usize,
    others: usize,
    now: &str,
) -> PlannedRestarts {
    let one = restarted_at(template).map(str::to_owned);
    let (mut old, mut same): (Vec<&KeptRevision>, Vec<&KeptRevision>) = (Vec::new(), Vec::new());
    for revision in revisions {
        let alike = unmarked(&revision.template) == unmarked(template);
        if alike && restarted_at(&revision.template) != one.as_deref() {
            same.push(revision);
        }
        if !alike || restarted_at(&revision.template) != one.as_deref() {
            old.push(revision);
        }
    }
    let reused = same.into_iter().max_by_key(|revision| revision.number);
    let other = match reused {
        Some(revision) => restarted_at(&revision.template).map(str::to_owned),
        None => Some(now.to_owned()),
    };
    // Of the two that alternate, one is the present revision, which is not counted; the other is old by then.
    let kept = old.len() + usize::from(reused.is_none()) + others;
    let pruned = (limit > 0 && kept > limit).then(|| old.iter().min_by_key(|revision| revision.number)).flatten();
    PlannedRestarts {
        values: RestartValues { one, other },
        pruned: pruned.map(|revision| format!("{} (revision {})", revision.name, revision.number)),
    }
}

/// A template without what tells restarts of it apart, and without what a controller adds to its copy.
pub(crate) fn unmarked(template: &Value) -> Value {
    let mut template = template.clone();
    let Some(fields) = template.as_object_mut() else { return template };
    fields.remove("$patch");
    let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) else { return template };
    metadata.remove("creationTimestamp");
    without(metadata, "annotations", RESTARTED_AT);
    without(metadata, "labels", "pod-template-hash");
    template
}

/// Removes a key of a map in `metadata`, and the map with it if it is empty then.
fn without(metadata: &mut Map<String, Value>, map: &str, key: &str) {
    let Some(entries) = metadata.get_mut(map).and_then(Value::as_object_mut) else { return };
    entries.remove(key);
    if entries.is_empty() {
        metadata.remove(map);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(image: &str, restarted: Option<&str>) -> Value {
        let mut template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": image}]}});
        if let Some(at) = restarted {
            template["metadata"]["annotations"] = json!({RESTARTED_AT: at});
        }
        template
    }

    fn kept(number: i64, mut template: Value) -> KeptRevision {
        template["metadata"]["labels"]["pod-template-hash"] = json!(number.to_string());
        KeptRevision { name: format!("web-{number}"), number, template }
    }

    #[test]
    fn a_first_run_makes_one_revision_and_the_next_runs_none() {
        let first = plan_restarts(&template("a", None), &[kept(1, template("a", None))], 10, 0, "t1");
        assert_eq!(first.values, RestartValues { one: None, other: Some("t1".into()) });
        let history = [kept(1, template("a", None)), kept(2, template("a", Some("t1")))];
        for (now, one, other) in [(None, None, Some("t1")), (Some("t1"), Some("t1"), None)] {
            let next = plan_restarts(&template("a", now), &history, 1, 0, "t2");
            let values = RestartValues { one: one.map(str::to_owned), other: other.map(str::to_owned) };
            assert_eq!(next, PlannedRestarts { values, pruned: None });
        }
    }

    #[test]
    fn each_restart_differs_from_what_is_there() {
        let values = RestartValues { one: None, other: Some("t".into()) };
        assert_eq!(values.next(None), Some("t"));
        assert_eq!(values.next(Some("t")), None);
        assert_eq!(values.next(Some("somebody's")), Some("t"));
    }

    #[test]
    fn a_full_history_is_told_by_what_it_would_lose() {
        let history: Vec<KeptRevision> =
            (1..=4).map(|number| kept(number, template(&format!("v{number}"), None))).collect();
        let at = |limit, others| plan_restarts(&template("v4", None), &history, limit, others, "t").pruned;
        // Three old ones, and the present one beside its restarted twin.
        assert_eq!(at(4, 0), None);
        assert_eq!(at(3, 0).as_deref(), Some("web-1 (revision 1)"));
        assert_eq!(at(4, 1).as_deref(), Some("web-1 (revision 1)"));
        assert_eq!(at(0, 0), None, "nothing is kept anyway");
    }

    #[test]
    fn a_controller_revision_s_own_marks_make_no_difference() {
        let mut data = template("a", Some("t1"));
        data["$patch"] = json!("replace");
        data["metadata"]["creationTimestamp"] = Value::Null;
        let history = [kept(1, template("a", None)), kept(2, data)];
        let planned = plan_restarts(&template("a", None), &history, 1, 0, "t2");
        assert_eq!(planned.values.other.as_deref(), Some("t1"));
    }
}
