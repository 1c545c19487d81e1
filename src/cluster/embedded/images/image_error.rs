//! What can be wrong with an image.

use std::path::PathBuf;

use thiserror::Error;

/// Why a container's image cannot run here. Each message is a whole sentence for the user.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error(
        "cannot run image {image:?} in the embedded cluster: it has no recipe; {looked}. Add a folder images/NAME/ \
         with an `embedded` script and write `image: NAME`, or use `image: rollproof/target`"
    )]
    NoRecipe { image: String, looked: String },
    #[error("cannot use the recipe of image {image:?}: {file} {problem}")]
    BadRecipe { image: String, file: PathBuf, problem: String },
    #[error("cannot run image {image:?} on this machine: {message}")]
    NotInstalled { image: String, message: String },
    #[error("cannot prepare image {image:?}: its embedded script {problem}")]
    Prepare { image: String, problem: String },
    #[error(
        "cannot choose a port for container {container:?}: no Service that selects its pod has a targetPort for it and \
         it declares no containerPort; add `ports: [{{containerPort: 8080}}]` to the container"
    )]
    NoPort { container: String },
}
