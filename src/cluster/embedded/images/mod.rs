//! What `image:` means in the embedded cluster: the built-in server, or a recipe that runs what is installed here.
//! `images/README.md` has the recipe's contract.
//!
//! - `image_error`: why an image cannot run here
//! - `port`: the port that a container's server is told to use
//! - `prepare`: runs the recipe's script for one container
//! - `resolve`: from the image's name to the built-in server or a recipe
//!
//! `resolve` and `port` only decide. None of them knows of pods' lives.

mod image_error;
mod port;
mod prepare;
mod resolve;

pub(crate) use image_error::ImageError;
pub(crate) use port::port;
pub(crate) use prepare::{ContainerPlace, PreparedImage, prepare};
pub(crate) use resolve::{Image, compiled, recipe_folder, resolve};
