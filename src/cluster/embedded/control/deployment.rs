//! The Deployment controller (`pkg/controller/deployment`): one step for each Deployment.

use serde_json::{Value, json};

use super::action::ControllerAction;
use super::conditions::DeploymentConditions;
use super::deployment_status::{ReplicaCounts, status};
use super::history::{self, DESIRED, MAX, OwnedReplicaSet, REVISION};
use super::rollout_sizes::{self, RolloutBounds};
use super::scaling;
use super::view::{ControllerPlan, ControllerView, ended};
use crate::cluster::embedded::store::{ObjectKind, meta};

const COMPONENT: &str = "deployment-controller";

pub(super) fn step(view: &ControllerView, plan: &mut ControllerPlan) {
    for deployment in &view.deployments {
        let (new, old) = history::sets(view, deployment);
        let conditions = DeploymentConditions::of(deployment, plan.now_text());
        let mut sync = DeploymentSync { view, deployment, bounds: RolloutBounds::of(deployment), new, old, conditions };
        let judged = sync.act(plan);
        let DeploymentSync { bounds, new, old, conditions, .. } = sync;
        let wanted = status(deployment, bounds, new.as_ref(), &old, conditions, judged, plan);
        if deployment["status"] != wanted {
            plan.push(ControllerAction::status(ObjectKind::Deployment, deployment, wanted));
        }
    }
}

struct DeploymentSync<'a> {
    view: &'a ControllerView,
    deployment: &'a Value,
    bounds: RolloutBounds,
    new: Option<OwnedReplicaSet>,
    /// Oldest first.
    old: Vec<OwnedReplicaSet>,
    conditions: DeploymentConditions,
}

impl DeploymentSync<'_> {
    /// Does what is due; returns whether progress is to be judged.
    fn act(&mut self, plan: &mut ControllerPlan) -> bool {
        if meta::terminating(self.deployment) {
            return false;
        }
        let paused = self.deployment["spec"]["paused"] == true;
        self.note_pause(paused);
        self.sync_revision(plan);
        if paused || scaling::is_event(self.bounds, &self.all()) {
            self.scale_all(plan);
            return false;
        }
        if self.bounds.rolling {
            self.roll(plan);
        } else {
            self.recreate(plan);
        }
        if ReplicaCounts::of(self.new.as_ref(), &self.old).complete(self.bounds.replicas) && self.new.is_some() {
            for set in history::beyond_limit(self.deployment, &self.old) {
                plan.push(ControllerAction::delete(ObjectKind::ReplicaSet, &set.object));
            }
        }
        true
    }

    /// All sets, oldest first, the new one last.
    fn all(&self) -> Vec<&OwnedReplicaSet> {
        self.old.iter().chain(&self.new).collect()
    }

    fn total(&self) -> i64 {
        self.all().iter().map(|set| set.replicas).sum()
    }

    /// Pausing stops the clock of the progress deadline (`checkPausedConditions`).
    fn note_pause(&mut self, paused: bool) {
        let reason = self.conditions.reason("Progressing").to_owned();
        if reason == "ProgressDeadlineExceeded" {
            return;
        }
        if paused && reason != "DeploymentPaused" {
            self.conditions.set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
        } else if !paused && reason == "DeploymentPaused" {
            self.conditions.set("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
        }
    }

    fn sync_revision(&mut self, plan: &mut ControllerPlan) {
        let Some(new) = &self.new else { return };
        let revision = history::next_revision(&self.old);
        if let Some(patch) = history::refresh(self.deployment, &new.object, revision) {
            plan.push(ControllerAction::merge(ObjectKind::ReplicaSet, &new.object, patch));
        }
        let current = new.annotated(REVISION).unwrap_or(0).max(revision);
        self.show_revision(current, plan);
        if self.conditions.get("Progressing").is_none() {
            let message = format!("Found new replica set \"{}\"", new.name());
            self.conditions.set("Progressing", "True", "FoundNewReplicaSet", &message);
        }
    }

    fn show_revision(&self, revision: i64, plan: &mut ControllerPlan) {
        let shown = meta::annotation(self.deployment, REVISION);
        if shown != Some(revision.to_string().as_str()) {
            let patch = json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
            plan.push(ControllerAction::merge(ObjectKind::Deployment, self.deployment, patch));
        }
    }

    fn roll(&mut self, plan: &mut ControllerPlan) {
        let total = self.total();
        let Some(new) = &self.new else {
            return self.create(rollout_sizes::new_size(self.bounds, 0, total), plan);
        };
        let size = rollout_sizes::new_size(self.bounds, new.replicas, total);
        if size != new.replicas {
            return self.scale_new(size, plan);
        }
        let sizes = rollout_sizes::old_sizes(self.bounds, new, &self.old);
        self.scale_old(&sizes, plan);
    }

    /// The old pods go first, and only when the last of them is gone the new ones come.
    fn recreate(&mut self, plan: &mut ControllerPlan) {
        if self.old.iter().any(|set| set.replicas > 0) {
            let sizes = vec![0; self.old.len()];
            return self.scale_old(&sizes, plan);
        }
        let running = |set: &OwnedReplicaSet| {
            set.actual > 0 || ControllerView::controlled(&self.view.pods, &set.object).any(|pod| !ended(pod))
        };
        if self.old.iter().any(running) {
            return;
        }
        match &self.new {
            None => self.create(self.bounds.replicas, plan),
            Some(new) if new.replicas != self.bounds.replicas => self.scale_new(self.bounds.replicas, plan),
            Some(_) => {}
        }
    }

    fn create(&mut self, size: i64, plan: &mut ControllerPlan) {
        let revision = history::next_revision(&self.old);
        let set = history::new_set(self.view, self.deployment, size, self.bounds.most(), revision);
        let name = meta::name(&set).to_owned();
        plan.push(ControllerAction::Create { kind: ObjectKind::ReplicaSet, object: set });
        self.show_revision(revision, plan);
        if size > 0 {
            self.announce(&format!("Scaled up replica set {name} from 0 to {size}"), plan);
        }
        let message = format!("Created new replica set \"{name}\"");
        self.conditions.set("Progressing", "True", "NewReplicaSetCreated", &message);
    }

    fn scale_new(&mut self, size: i64, plan: &mut ControllerPlan) {
        if let Some(mut new) = self.new.take() {
            self.scale(&mut new, size, plan);
            self.new = Some(new);
        }
    }

    fn scale_old(&mut self, sizes: &[i64], plan: &mut ControllerPlan) {
        let mut old = std::mem::take(&mut self.old);
        for (set, size) in old.iter_mut().zip(sizes) {
            if set.replicas != *size {
                self.scale(set, *size, plan);
            }
        }
        self.old = old;
    }

    /// Scales all sets, and writes down for which size of the Deployment this was.
    fn scale_all(&mut self, plan: &mut ControllerPlan) {
        let all = self.all();
        let new = self.new.is_some().then(|| all.len() - 1);
        let shown = meta::number(self.deployment, "/status/replicas").unwrap_or(0);
        let sizes = scaling::sizes(self.bounds, &all, new, shown);
        let mut sets = std::mem::take(&mut self.old);
        sets.extend(self.new.take());
        for (set, size) in sets.iter_mut().zip(sizes) {
            let marked = set.annotated(DESIRED) == Some(self.bounds.replicas);
            if set.replicas != size || (size > 0 && !marked) {
                self.scale(set, size, plan);
            }
        }
        self.new = new.and_then(|_| sets.pop());
        self.old = sets;
    }

    fn scale(&self, set: &mut OwnedReplicaSet, size: i64, plan: &mut ControllerPlan) {
        let patch = json!({
            "metadata": {"annotations": {
                DESIRED: self.bounds.replicas.to_string(), MAX: self.bounds.most().to_string(),
            }},
            "spec": {"replicas": size},
        });
        plan.push(ControllerAction::merge(ObjectKind::ReplicaSet, &set.object, patch));
        if set.replicas != size {
            let way = if size > set.replicas { "up" } else { "down" };
            let message = format!("Scaled {way} replica set {} from {} to {size}", set.name(), set.replicas);
            self.announce(&message, plan);
        }
        set.replicas = size;
    }

    fn announce(&self, message: &str, plan: &mut ControllerPlan) {
        let now = plan.now_text();
        plan.push(ControllerAction::event(
            ObjectKind::Deployment,
            self.deployment,
            COMPONENT,
            "ScalingReplicaSet",
            message,
            &now,
        ));
    }
}
