//! Recipes of images that stand in a folder beside the manifests: programs that do not come with rollproof.
//!
//! The folders that a run takes recipes from are settled once, before anything is begun: a recipe that is put into another
//! one later is not looked for.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::host::ClusterChoice;
use crate::cluster::embedded::images::recipe_folder;
use crate::cluster::kind::images_of;
use crate::plan::{RunPlan, VariantPlan};
use crate::spec::RolloutAction;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderRecipe {
    variant: String,
    image: String,
    folder: PathBuf,
    /// What is run of it, or built.
    file: PathBuf,
}

impl FolderRecipe {
    /// Whether a pod of `variant` would run it.
    pub(super) fn is_of(&self, variant: &VariantPlan) -> bool {
        self.variant == variant.spec.name
    }
}

impl fmt::Display for FolderRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {} of variant {} from the recipe {}", self.image, self.variant, self.file.display())
    }
}

/// The file that makes a folder the recipe of an image on that cluster.
fn recipe_file(cluster: &ClusterChoice) -> &'static str {
    match cluster {
        ClusterChoice::Embedded => "embedded",
        // Elsewhere nothing is built, but a note says that there is a recipe.
        ClusterChoice::Kind(_) | ClusterChoice::Context(_) => "Dockerfile",
    }
}

/// Every image that a variant's pods start from, or are rolled to, but for the built-in server. A workload that is there already has
/// its images.
pub(super) fn images(variant: &VariantPlan) -> BTreeSet<String> {
    if variant.spec.existing().is_some() {
        return BTreeSet::new();
    }
    let mut images = images_of(variant.spec.manifests());
    match &variant.spec.rollout.action {
        RolloutAction::Image { to, .. } => drop(images.insert(to.clone())),
        RolloutAction::Patch { patch } => images.extend(images_of(std::slice::from_ref(patch))),
        RolloutAction::Restart
        | RolloutAction::Env { .. }
        | RolloutAction::Scale { .. }
        | RolloutAction::Command { .. }
        | RolloutAction::Evict { .. }
        | RolloutAction::None { .. } => {}
    }
    images
}

/// The recipes that a run of `plan` on `cluster` takes from the plan's folders.
pub(super) fn in_folders(plan: &RunPlan, cluster: &ClusterChoice) -> Vec<FolderRecipe> {
    let name = recipe_file(cluster);
    let of_variant = |variant: &VariantPlan| -> Vec<FolderRecipe> {
        let found = images(variant).into_iter().filter_map(|image| {
            let folder = recipe_folder(&image, name, &plan.settings.folders)?;
            Some(FolderRecipe { variant: variant.spec.name.clone(), image, file: folder.join(name), folder })
        });
        found.collect()
    };
    plan.variants.iter().flat_map(of_variant).collect()
}

/// Forgets the folders of `plan` that hold none of `recipes`.
pub(super) fn keep_folders_of(plan: &mut RunPlan, recipes: &[FolderRecipe]) {
    let holds = |folder: &Path, recipe: &FolderRecipe| recipe.folder == folder.join("images").join(&recipe.image);
    plan.settings.folders.retain(|folder| recipes.iter().any(|recipe| holds(folder, recipe)));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::plan::manifest_plan;

    /// A plan of the shipped Apache in a folder that has the recipes `images`, each with `file`.
    fn plan(folder: &Path, images: &[&str], file: &str) -> RunPlan {
        for image in images {
            fs::create_dir_all(folder.join("images").join(image)).unwrap();
            fs::write(folder.join("images").join(image).join(file), "").unwrap();
        }
        let name = folder.join("apache.yaml").display().to_string();
        manifest_plan(&name, include_str!("../../manifests/apache.yaml"))
    }

    fn found(plan: &RunPlan, cluster: &str) -> Vec<String> {
        in_folders(plan, &cluster.parse().unwrap()).into_iter().map(|recipe| recipe.image).collect()
    }

    #[test]
    fn each_image_that_a_pod_may_come_to_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan(folder.path(), &["apache", "next", "patched", "unnamed"], "embedded");
        assert!(plan.variants[0].spec.shipped);
        assert_eq!(found(&plan, "embedded"), ["apache"]);
        plan.variants[0].spec.rollout.action =
            RolloutAction::Image { container: "apache".into(), from: "apache".into(), to: "next".into() };
        assert_eq!(found(&plan, "embedded"), ["apache", "next"]);
        let containers = json!([{"name": "apache", "image": "patched"}]);
        plan.variants[0].spec.rollout.action =
            RolloutAction::Patch { patch: json!({"spec": {"template": {"spec": {"containers": containers}}}}) };
        assert_eq!(found(&plan, "embedded"), ["apache", "patched"]);
        assert_eq!(found(&plan, "kind"), [""; 0], "nothing there can be built");
    }

    #[test]
    fn the_recipe_of_a_real_cluster_is_its_dockerfile() {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(folder.path(), &["apache"], "Dockerfile");
        assert_eq!((found(&plan, "embedded").len(), found(&plan, "kind:a").len()), (0, 1));
    }

    #[test]
    fn a_folder_without_a_recipe_that_runs_is_forgotten() {
        let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut plan = plan(with.path(), &["apache"], "embedded");
        plan.settings.folders = [with.path(), without.path(), Path::new("")].map(Path::to_owned).to_vec();
        let recipes = in_folders(&plan, &ClusterChoice::Embedded);
        keep_folders_of(&mut plan, &recipes);
        assert_eq!(plan.settings.folders, [with.path()]);
        let said = recipes[0].to_string();
        assert!(said.starts_with("image apache of variant as-written from the recipe /"), "{said}");
        assert!(recipes[0].is_of(&plan.variants[0]) && said.ends_with("/images/apache/embedded"), "{said}");
        keep_folders_of(&mut plan, &[]);
        assert!(plan.settings.folders.is_empty());
    }
}
