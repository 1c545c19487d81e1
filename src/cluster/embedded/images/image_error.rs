//! What can be wrong with an image.

use std::path::PathBuf;

use thiserror::Error;

/// Why a container's image cannot run here. Each message is a whole sentence for the user.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    /// The name has no meaning in the embedded cluster.
    #[error(
        "cannot run image {image:?} in the embedded cluster: it has no recipe; {looked}. Add a folder images/NAME/ \
         with an `embedded` script and write `image: NAME`, or use `image: rollproof/target`"
    )]
    NoRecipe {
        /// As in the manifest.
        image: String,
        /// Where a recipe was looked for, or why not, in a clause.
        looked: String,
    },
    /// The recipe's folder has something that cannot be used.
    #[error("cannot use the recipe of image {image:?}: {file} {problem}")]
    BadRecipe {
        /// As in the manifest.
        image: String,
        /// The file.
        file: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The server is not installed.
    #[error("cannot run image {image:?} on this machine: {message}")]
    NotInstalled {
        /// As in the manifest.
        image: String,
        /// The script's own sentence, which names the package.
        message: String,
    },
    /// The recipe failed.
    #[error("cannot prepare image {image:?}: its embedded script {problem}")]
    Prepare {
        /// As in the manifest.
        image: String,
        /// How, with what it said.
        problem: String,
    },
    /// There is no port to give to the server.
    #[error(
        "cannot choose a port for container {container:?}: no Service that selects its pod has a targetPort for it and \
         it declares no containerPort; add `ports: [{{containerPort: 8080}}]` to the container"
    )]
    NoPort {
        /// The container's name.
        container: String,
    },
}
