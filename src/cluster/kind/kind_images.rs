//! Images of a run: recipes are built when they changed, the user's own are taken from the local Docker, and a node is given
//! what it lacks.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::kind_error::KindError;
use super::tool::{KindCluster, docker_build, docker_identity, docker_runs, docker_tag, docker_untag};
use crate::cluster::embedded::images::{compiled, recipe_folder};

/// Names under which rollproof's own images are known. It is no host: nobody is asked for them.
pub(super) const REGISTRY: &str = "rollproof.local";
/// The part of those names under which images of the user's own are.
pub(super) const LOCAL: &str = "local";

/// What the files of a recipe may hold together: they are read whole, to see whether any changed.
const RECIPE_MAX: u64 = 256 << 20;

/// A folder with a `Dockerfile`, or its compiled-in twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecipe {
    name: String,
    /// Name, mode and content of each file, by name.
    files: Vec<(String, u32, Vec<u8>)>,
    folder: Option<PathBuf>,
}

/// Finds the recipe of `image`, beside the manifests or among those that come with rollproof; `None` if it is the name of
/// a real image.
pub fn recipe(image: &str, folders: &[PathBuf]) -> Result<Option<ImageRecipe>, KindError> {
    if let Some(folder) = recipe_folder(image, "Dockerfile", folders) {
        let mut files = Vec::new();
        read_folder(&folder, Path::new(""), &mut files)?;
        files.sort();
        return Ok(Some(ImageRecipe { name: image.to_owned(), files, folder: Some(folder) }));
    }
    Ok(compiled(image).map(|files| {
        let files = files.into_iter().map(|(name, text)| (name.to_owned(), 0o755, text.as_bytes().to_vec()));
        ImageRecipe { name: image.to_owned(), files: files.collect(), folder: None }
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
        } else if facts.is_file() {
            let before: u64 = files.iter().map(|(_, _, bytes)| bytes.len() as u64).sum();
            if before.saturating_add(facts.len()) > RECIPE_MAX {
                let why = format!("the recipe has more than {} MiB; remove large files from it", RECIPE_MAX >> 20);
                return Err(failed(&path, std::io::Error::other(why)));
            }
            let bytes = fs::read(&path).map_err(|why| failed(&path, why))?;
            files.push((name.display().to_string(), facts.permissions().mode() & 0o777, bytes));
        } else {
            return Err(failed(
                &path,
                std::io::Error::other("it is not a regular file, so it cannot be part of an image"),
            ));
        }
    }
    Ok(())
}

impl ImageRecipe {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        self.folder.as_ref().map_or_else(|| "included in rollproof".to_owned(), |folder| folder.display().to_string())
    }

    /// The image's name: it holds the content's hash, so that a changed recipe is another image.
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
        if docker_identity(tag).await?.is_some() {
            return Ok(());
        }
        match &self.folder {
            Some(folder) => docker_build(folder, tag).await?,
            None => docker_build(self.written()?.path(), tag).await?,
        }
        match docker_identity(tag).await? {
            Some(_) => Ok(()),
            None => Err(KindError::NotKept { image: tag.to_owned() }),
        }
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

impl KindCluster {
    /// Gives every node the image of `recipe` and returns its name. `say` is called before each slow step.
    pub async fn provide_recipe(
        &self,
        nodes: &[String],
        recipe: &ImageRecipe,
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

    /// Gives the nodes an image of the user's own that the local Docker has; the name under which they know it. Others are
    /// the nodes' to pull.
    ///
    /// That name holds the image's identity, so that one that was rebuilt under its name is loaded, and one that
    /// did not change is not.
    pub async fn provide_local(
        &self,
        nodes: &[String],
        image: &str,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Option<String>, KindError> {
        let Some(identity) = docker_identity(image).await? else { return Ok(None) };
        let tag = local_tag(image, &identity);
        if !self.has(nodes, &tag).await? {
            say(&format!("loading image {image} into the cluster"));
            docker_tag(image, &tag).await?;
            let loaded = self.load_image(&tag).await;
            // The name was needed on the way only; one that stays in the user's Docker is no harm.
            let _ = docker_untag(&tag).await;
            loaded?;
        }
        Ok(Some(tag))
    }
}

/// The nodes' name of an image of the user's own: its last part, and the beginning of its identity.
fn local_tag(image: &str, identity: &str) -> String {
    let hex = identity.rsplit(':').next().unwrap_or_default();
    let name = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let name = name.split(':').next().unwrap_or_default().to_lowercase();
    format!("{REGISTRY}/{LOCAL}/{name}:{}", hex.get(..12).unwrap_or(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_the_users_own_is_named_by_its_identity() {
        let identity = "sha256:0123456789abcdef0123";
        for image in ["shop:1", "shop", "registry.example:5000/team/shop:1", "shop@sha256:00", "shop:1@sha256:00"] {
            assert_eq!(local_tag(image, identity), "rollproof.local/local/shop:0123456789ab", "{image}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_recipe_without_end_and_one_that_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("images/web");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("Dockerfile"), "FROM scratch\n").unwrap();
        nix::unistd::mkfifo(&own.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = recipe("web", &[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("pipe") && error.contains("not a regular file"), "{error}");
        fs::remove_file(own.join("pipe")).unwrap();
        fs::File::create(own.join("big")).unwrap().set_len(RECIPE_MAX + 1).unwrap();
        let error = recipe("web", &[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("256 MiB"), "{error}");
    }

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
        assert!(recipe("apache", &[]).unwrap().is_some(), "included in rollproof");
    }
}
