//! From the image's name to the built-in server or a recipe.

use std::fs;
use std::path::{Path, PathBuf};

use super::image_error::ImageError;
use crate::cluster::embedded::supervise;

/// The image that is this program itself.
const BUILT_IN: &str = "rollproof/target";
/// The Dockerfile's default stop signal, SIGTERM.
const SIGTERM: i32 = 15;

/// Recipes that come with rollproof: name, script, Dockerfile.
const COMPILED: [(&str, &str, &str); 2] = [
    (
        "apache",
        include_str!("../../../../images/apache/embedded"),
        include_str!("../../../../images/apache/Dockerfile"),
    ),
    ("nginx", include_str!("../../../../images/nginx/embedded"), include_str!("../../../../images/nginx/Dockerfile")),
];

/// What an image's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    /// `rollproof target`.
    BuiltIn,
    /// A script that runs an installed server.
    Recipe(EmbeddedRecipe),
}

/// A folder `images/NAME/`, or its compiled-in twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddedRecipe {
    pub(crate) name: String,
    pub(crate) script: RecipeScript,
    /// The number of the Dockerfile's `STOPSIGNAL`; SIGTERM without one.
    pub(crate) stop_signal: i32,
}

/// Where a recipe's script is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecipeScript {
    File(PathBuf),
    /// In this program; it is written to the container's folder first.
    Compiled(&'static str),
}

impl Image {
    /// The signal that stops a container of this image unless its `lifecycle.stopSignal` says otherwise.
    pub(crate) fn stop_signal(&self) -> i32 {
        match self {
            Self::BuiltIn => SIGTERM,
            Self::Recipe(recipe) => recipe.stop_signal,
        }
    }
}

/// The files of a recipe that comes with rollproof, by name.
pub(crate) fn compiled(image: &str) -> Option<Vec<(&'static str, &'static str)>> {
    let (_, script, dockerfile) = COMPILED.iter().find(|(name, ..)| *name == image)?;
    Some(vec![("Dockerfile", *dockerfile), ("embedded", *script)])
}

/// Finds what `image` stands for. `folders` are those of the manifests: a recipe is a folder `images/NAME/` in one.
pub(crate) fn resolve(image: &str, folders: &[PathBuf]) -> Result<Image, ImageError> {
    if image.strip_prefix(BUILT_IN).is_some_and(|tag| tag.is_empty() || tag.starts_with(':')) {
        return Ok(Image::BuiltIn);
    }
    let none = |looked: String| ImageError::NoRecipe { image: image.to_owned(), looked };
    if !is_plain(image) {
        return Err(none("names with a registry, a tag or a digest stand for real images only".to_owned()));
    }
    if let Some(folder) = recipe_folder(image, "embedded", folders) {
        return from_folder(image, &folder).map(Image::Recipe);
    }
    if let Some((name, script, dockerfile)) = COMPILED.iter().find(|(name, ..)| *name == image) {
        let stop_signal = stop_signal(dockerfile).unwrap_or(Ok(SIGTERM)).unwrap_or(SIGTERM);
        return Ok(Image::Recipe(EmbeddedRecipe {
            name: (*name).to_owned(),
            script: RecipeScript::Compiled(script),
            stop_signal,
        }));
    }
    let names: Vec<&str> = COMPILED.iter().map(|(name, ..)| *name).collect();
    let candidates = folders.iter().map(|folder| folder.join("images").join(image).join("embedded"));
    let looked: Vec<String> = candidates.map(|script| script.display().to_string()).collect();
    let files = if looked.is_empty() { "no folder".to_owned() } else { looked.join(", ") };
    Err(none(format!("looked for {files} and among those that come with rollproof ({})", names.join(", "))))
}

/// The folder `images/NAME/` that holds the recipe of `image` beside the manifests: the first with `file` in it. `None` if
/// none has, or if that is the name of a real image.
pub(crate) fn recipe_folder(image: &str, file: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    if !is_plain(image) {
        return None;
    }
    let mut candidates = folders.iter().map(|folder| folder.join("images").join(image));
    candidates.find(|folder| folder.join(file).is_file())
}

/// A name that can be a folder's: no registry, tag or digest, and no way out of `images/`.
fn is_plain(image: &str) -> bool {
    !image.is_empty()
        && !image.starts_with('.')
        && image.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn from_folder(image: &str, folder: &Path) -> Result<EmbeddedRecipe, ImageError> {
    let dockerfile = folder.join("Dockerfile");
    let stop_signal = match fs::read_to_string(&dockerfile).ok().and_then(|text| stop_signal(&text)) {
        None => SIGTERM,
        Some(Ok(number)) => number,
        Some(Err(name)) => {
            let problem = format!("has STOPSIGNAL {name}; expected a signal's name such as SIGTERM, or its number");
            return Err(ImageError::BadRecipe { image: image.to_owned(), file: dockerfile, problem });
        }
    };
    // The script runs in another folder, so a relative path would not be found from there.
    let script = folder.join("embedded");
    let script = std::path::absolute(&script).unwrap_or(script);
    Ok(EmbeddedRecipe { name: image.to_owned(), script: RecipeScript::File(script), stop_signal })
}

/// The last `STOPSIGNAL` instruction of a Dockerfile, by number; its text if it names no signal.
fn stop_signal(dockerfile: &str) -> Option<Result<i32, String>> {
    let named = dockerfile.lines().rev().find_map(|line| {
        let (instruction, name) = line.trim().split_once(char::is_whitespace)?;
        instruction.eq_ignore_ascii_case("STOPSIGNAL").then(|| name.trim().trim_matches(['"', '\'']).to_owned())
    })?;
    Some(supervise::number(&named).ok_or(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_server_has_a_name_and_any_tag() {
        for image in ["rollproof/target", "rollproof/target:1.2"] {
            assert_eq!(resolve(image, &[]).unwrap(), Image::BuiltIn);
        }
        assert!(resolve("rollproof/targets", &[]).is_err());
    }

    #[test]
    fn apache_comes_with_rollproof_and_stops_by_term() {
        let image = resolve("apache", &[PathBuf::from("/nowhere")]).unwrap();
        assert_eq!(image.stop_signal(), 15);
    }

    #[test]
    fn a_folder_beside_the_manifest_comes_first_and_may_set_the_stop_signal() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("images/apache");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("embedded"), "exit 0").unwrap();
        fs::write(folder.join("Dockerfile"), "FROM x\nSTOPSIGNAL SIGTERM\nstopsignal \"SIGWINCH\"\n").unwrap();
        let image = resolve("apache", &[dir.path().to_path_buf()]).unwrap();
        assert_eq!(image.stop_signal(), 28);

        fs::write(folder.join("Dockerfile"), "STOPSIGNAL SIGSTOPPED").unwrap();
        let error = resolve("apache", &[dir.path().to_path_buf()]).unwrap_err().to_string();
        assert!(error.contains("SIGSTOPPED") && error.contains("Dockerfile"), "{error}");
    }

    #[test]
    fn without_a_recipe_the_error_says_where_it_was_looked_for_and_what_to_do() {
        let error = resolve("caddy", &[PathBuf::from("/m")]).unwrap_err().to_string();
        assert!(error.contains("/m/images/caddy/embedded") && error.contains("rollproof/target"), "{error}");
        for image in ["nginx:1.29", "registry.example/nginx", "../etc", "a@sha256:00", ""] {
            let error = resolve(image, &[PathBuf::from("/m")]).unwrap_err().to_string();
            assert!(error.contains("real images only"), "{error}");
        }
    }
}
