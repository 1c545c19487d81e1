//! kind and Docker: the cluster made where it is missing, the images built where they changed and loaded where a node lacks
//! them. Both are programs of the user's own; nothing here speaks to a cluster's API.

mod elf;
mod error;
mod images;
mod pack;
mod program;
mod rewrite;
mod tool;

pub use error::KindError;
pub use images::{ImageRecipe, recipe};
pub use pack::{PackedImage, pack};
pub use rewrite::{ImageRewrite, images_of};
pub use tool::{ClusterCreation, KindCluster};

/// The name of rollproof's own cluster.
pub const DEFAULT_NAME: &str = "rollproof";
