//! What `image:` means in the embedded cluster: the built-in server, or a recipe that runs what is installed here.
//! `images/README.md` has the recipe's contract.
//!
//! `resolve` and `port` only decide; `prepare` runs the recipe's script. None of them knows of pods' lives.

mod error;
mod port;
mod prepare;
mod resolve;

pub use error::ImageError;
pub use port::port;
pub use prepare::{ContainerPlace, PreparedImage, prepare};
pub use resolve::{EmbeddedRecipe, Image, RecipeScript, compiled, recipe_folder, resolve};
