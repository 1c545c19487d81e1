//! kind and Docker: creates the cluster where it is missing, builds the images that changed, and loads those that a node
//! lacks.
//!
//! - `elf`: the loader that an executable asks for
//! - `kind_error`: errors of kind, Docker and images
//! - `kind_images`: recipes and local images, given to nodes
//! - `pack`: an image made from this program
//! - `program`: runs a program for a bounded time
//! - `rewrite`: image names as the nodes know them
//! - `tool`: the `kind` and `docker` commands
//!
//! Both are programs of the user's own; nothing here speaks to a cluster's API.

mod elf;
mod kind_error;
mod kind_images;
mod pack;
mod program;
mod rewrite;
mod tool;

pub(crate) use kind_error::KindError;
pub use kind_images::recipe;
pub(crate) use rewrite::{ImageRewrite, images_of};
pub(crate) use tool::ClusterCreation;
pub use tool::KindCluster;

pub(crate) const DEFAULT_NAME: &str = "rollproof";
