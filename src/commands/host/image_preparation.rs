//! The images of a run: provided to a kind cluster's nodes, or left to the nodes of any other.

use std::collections::BTreeSet;

use super::{LoadPlace, NotReady};
use crate::cluster::kind::{ImageRewrite, KindCluster, recipe};
use crate::commands::context::RunContext;
use crate::commands::recipes::images;

/// Sees to it that the nodes have what the manifests name; what the names become there.
pub(super) async fn provide(
    run: &RunContext<'_>,
    from: LoadPlace,
    agent_image: Option<String>,
    nodes: Option<(KindCluster, Vec<String>)>,
) -> Result<ImageRewrite, NotReady> {
    let mut rewrite = ImageRewrite { program: agent_image, ..ImageRewrite::default() };
    let own = run.plan.variants.iter().filter(|variant| variant.spec.existing().is_none());
    let built_in = own.clone().any(|variant| ImageRewrite::names_program(variant.spec.manifests()));
    let named: BTreeSet<String> = run.plan.variants.iter().flat_map(images).collect();
    let Some((kind, nodes)) = nodes else {
        if built_in && rewrite.program.is_none() {
            return Err(NotReady::User(format!(
                "image rollproof/target stands for this program, which the cluster's nodes do not have; name an image of it \
                 with --agent-image{}",
                run.cluster.instead_of_an_agent_image()
            )));
        }
        for image in &named {
            if recipe(image, &run.plan.settings.folders)?.is_some() {
                run.output.say(&format!(
                    "note: the nodes pull image {image}; rollproof builds its recipe for kind clusters only"
                ));
            }
        }
        return Ok(rewrite);
    };
    let say = |text: &str| run.output.progress(text);
    if rewrite.program.is_none() && (built_in || from == LoadPlace::Pod) {
        rewrite.program = Some(kind.provide_program(&nodes, &say).await?);
    }
    for image in &named {
        if let Some(recipe) = recipe(image, &run.plan.settings.folders)? {
            run.output.say(&format!("image {image} is built from a recipe of that name: {}", recipe.place()));
            let tag = kind.provide_recipe(&nodes, &recipe, &say).await?;
            rewrite.names.insert(image.clone(), tag);
        } else if let Some(tag) = kind.provide_local(&nodes, image, &say).await? {
            rewrite.names.insert(image.clone(), tag);
        }
    }
    Ok(rewrite)
}
