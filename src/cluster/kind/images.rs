//! Images of a run: recipes are built when they changed, the user's own are taken from the local Docker, and a node is given
//! what it lacks.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::KindError;
use super::tool::{Kind, docker_build, docker_has, docker_runs};
use crate::cluster::embedded::images::compiled;

/// Names under which rollproof's own images are known. It is no host: nobody is asked for them.
pub(super) const REGISTRY: &str = "rollproof.local";

/// A folder with a `Dockerfile`, or its compiled-in twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    name: String,
    /// Name, mode and content of each file, by name.
    files: Vec<(String, u32, Vec<u8>)>,
    folder: Option<PathBuf>,
}

/// Finds the recipe of `image`, beside the manifests or among those that come with rollproof; `None` if it is the name of
/// a real image.
///
/// # Errors
/// The folder cannot be read.
pub fn recipe(image: &str, folders: &[PathBuf]) -> Result<Option<Recipe>, KindError> {
    let plain = !image.is_empty()
        && !image.starts_with('.')
        && image.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !plain {
        return Ok(None);
    }
    let candidates = folders.iter().map(|folder| folder.join("images").join(image));
    for folder in candidates {
        if folder.join("Dockerfile").is_file() {
            let mut files = Vec::new();
            read_folder(&folder, Path::new(""), &mut files)?;
            files.sort();
            return Ok(Some(Recipe { name: image.to_owned(), files, folder: Some(folder) }));
        }
    }
    Ok(compiled(image).map(|files| {
        let files = files.into_iter().map(|(name, text)| (name.to_owned(), 0o755, text.as_bytes().to_vec()));
        Recipe { name: image.to_owned(), files: files.collect(), folder: None }
    }))
}

fn read_folder(root: &Path, under: &Path, files: &mut Vec<(String, u32, Vec<u8>)>) -> Result<(), KindError> {
    use std::os::unix::fs::PermissionsExt;
    let here = root.join(under);
    let failed = |path: &Path, why: std::io::Error| KindError::File {
        doing: "reading an image's recipe",
        path: path.to_owned(),
        why: why.to_string(),
    };
    for entry in fs::read_dir(&here).map_err(|why| failed(&here, why))? {
        let path = entry.map_err(|why| failed(&here, why))?.path();
        let name = under.join(path.file_name().unwrap_or_default());
        let facts = fs::symlink_metadata(&path).map_err(|why| failed(&path, why))?;
        if facts.is_dir() {
            read_folder(root, &name, files)?;
        } else if facts.is_symlink() {
            let target = fs::read_link(&path).map_err(|why| failed(&path, why))?;
            files.push((name.display().to_string(), 0o777, target.to_string_lossy().into_owned().into_bytes()));
        } else {
            let bytes = fs::read(&path).map_err(|why| failed(&path, why))?;
            files.push((name.display().to_string(), facts.permissions().mode() & 0o777, bytes));
        }
    }
    Ok(())
}

impl Recipe {
    /// The image's name: it holds the content's hash, so that a changed recipe is another image.
    #[must_use]
    pub fn tag(&self) -> String {
        let mut hash = Sha256::new();
        for (name, mode, bytes) in &self.files {
            hash.update(format!("{}:{name}:{mode:o}:{}:", name.len(), bytes.len()));
            hash.update(bytes);
        }
        let hex = format!("{:x}", hash.finalize());
        format!("{REGISTRY}/{}:{}", self.name.to_lowercase(), &hex[..12])
    }

    /// Builds it unless Docker has it already.
    async fn build(&self, tag: &str) -> Result<(), KindError> {
        if docker_has(tag).await? {
            return Ok(());
        }
        let Some(folder) = &self.folder else {
            let written = self.written()?;
            return docker_build(written.path(), tag).await;
        };
        docker_build(folder, tag).await
    }

    /// The compiled-in files as a folder.
    fn written(&self) -> Result<tempfile::TempDir, KindError> {
        let failed = |path: &Path, why: std::io::Error| KindError::File {
            doing: "writing an image's recipe",
            path: path.to_owned(),
            why: why.to_string(),
        };
        let folder = tempfile::tempdir().map_err(|why| failed(Path::new("a temporary folder"), why))?;
        for (name, _, bytes) in &self.files {
            let path = folder.path().join(name);
            fs::write(&path, bytes).map_err(|why| failed(&path, why))?;
        }
        Ok(folder)
    }
}

impl Kind {
    /// Sees to it that every node has the image of `recipe`; its name. `say` is told before something takes long.
    pub async fn provide_recipe(
        &self,
        nodes: &[String],
        recipe: &Recipe,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<String, KindError> {
        let tag = recipe.tag();
        if !self.has(nodes, &tag).await? {
            docker_runs().await?;
            say(&format!("building image {}", recipe.name));
            recipe.build(&tag).await?;
            say(&format!("loading image {} into the cluster", recipe.name));
            self.load_image(&tag).await?;
        }
        Ok(tag)
    }

    /// Gives the nodes an image of the user's own that the local Docker has; others are the nodes' to pull.
    pub async fn provide_local(&self, image: &str, say: &(dyn Fn(&str) + Sync)) -> Result<bool, KindError> {
        if !docker_has(image).await? {
            return Ok(false);
        }
        say(&format!("loading image {image} into the cluster"));
        // kind compares the image's identity with the nodes' own and loads only what differs.
        self.load_image(image).await.map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_recipe_is_another_image() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("images/web");
        fs::create_dir_all(own.join("conf")).unwrap();
        fs::write(own.join("Dockerfile"), "FROM scratch\n").unwrap();
        fs::write(own.join("conf/a"), "1").unwrap();
        let folders = [folder.path().to_owned()];
        let tag = || recipe("web", &folders).unwrap().unwrap().tag();
        let first = tag();
        assert!(first.starts_with("rollproof.local/web:") && first == tag());
        fs::write(own.join("conf/a"), "2").unwrap();
        let second = tag();
        fs::rename(own.join("conf/a"), own.join("conf/b")).unwrap();
        assert!(first != second && second != tag() && first != tag());
    }

    #[test]
    fn names_of_real_images_are_no_recipes_and_no_way_out_of_the_folder() {
        for image in ["nginx:1.29", "ghcr.io/a/b", "a/b", "..", "", ".hidden", "x@sha256:00", "unheard-of"] {
            assert_eq!(recipe(image, &[PathBuf::from("/")]).unwrap(), None, "{image}");
        }
        assert!(recipe("apache", &[]).unwrap().is_some(), "it comes with rollproof");
    }
}
