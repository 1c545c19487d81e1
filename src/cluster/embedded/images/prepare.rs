//! Gets an image ready for one container: what to execute, and the environment that goes with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::image_error::ImageError;
use super::resolve::{EmbeddedRecipe, Image, RecipeScript};

/// Time that a recipe's `prepare` may take.
const PREPARE_LIMIT: Duration = Duration::from_secs(30);
/// Exit code of a script whose server is not installed (`EX_UNAVAILABLE` of `sysexits.h`).
const NOT_INSTALLED: i32 = 69;
/// Bytes of environment that a recipe may print.
const MAX_ENVIRONMENT_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct ContainerPlace {
    /// Its private folder, which exists.
    pub(crate) folder: PathBuf,
    /// This program's executable, for the built-in server.
    pub(crate) executable: PathBuf,
    /// The container's environment without the image's part.
    pub(crate) env: BTreeMap<String, String>,
}

/// What an image adds to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreparedImage {
    /// What is executed where the container has no `command`; its `args` follow.
    pub(crate) entrypoint: Vec<String>,
    /// The environment of main process, hooks and exec probes: the container's own with the recipe's on top.
    pub(crate) env: BTreeMap<String, String>,
}

/// Prepares `image` for one container; `name` is how the manifest writes it.
pub(crate) async fn prepare(name: &str, image: &Image, place: &ContainerPlace) -> Result<PreparedImage, ImageError> {
    match image {
        Image::BuiltIn => {
            let entrypoint = vec![place.executable.display().to_string(), "target".to_owned()];
            Ok(PreparedImage { entrypoint, env: place.env.clone() })
        }
        Image::Recipe(recipe) => prepare_recipe(name, recipe, place).await,
    }
}

async fn prepare_recipe(
    image: &str,
    recipe: &EmbeddedRecipe,
    place: &ContainerPlace,
) -> Result<PreparedImage, ImageError> {
    let fail = |problem: String| ImageError::Prepare { image: image.to_owned(), problem };
    let script = script_file(&recipe.script, &place.folder).map_err(|e| fail(format!("cannot be written: {e}")))?;
    let run = tokio::process::Command::new("sh")
        .arg(&script)
        .arg("prepare")
        .env_clear()
        .envs(&place.env)
        .current_dir(&place.folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PREPARE_LIMIT, run)
        .await
        .map_err(|_| fail(format!("did not finish `prepare` within {} s", PREPARE_LIMIT.as_secs())))?
        .map_err(|e| fail(format!("cannot be run with sh: {e}")))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => {}
        Some(NOT_INSTALLED) => {
            let message = if said.is_empty() { "its server is not installed".to_owned() } else { said };
            return Err(ImageError::NotInstalled { image: image.to_owned(), message });
        }
        _ => return Err(fail(format!("failed in `prepare` ({}): {said}", output.status))),
    }
    let env = merged(&place.env, &output.stdout).map_err(fail)?;
    Ok(PreparedImage { entrypoint: vec!["sh".to_owned(), script.display().to_string(), "run".to_owned()], env })
}

fn script_file(script: &RecipeScript, folder: &Path) -> std::io::Result<PathBuf> {
    match script {
        RecipeScript::File(path) => Ok(path.clone()),
        RecipeScript::Compiled(text) => {
            let path = folder.join("embedded");
            fs::write(&path, text)?;
            Ok(path)
        }
    }
}

/// The container's environment with the lines that `prepare` printed; `PATH` goes before the one that is there.
fn merged(env: &BTreeMap<String, String>, printed: &[u8]) -> Result<BTreeMap<String, String>, String> {
    if printed.len() > MAX_ENVIRONMENT_BYTES {
        return Err(format!("printed more than {MAX_ENVIRONMENT_BYTES} bytes of environment"));
    }
    let text = std::str::from_utf8(printed).map_err(|e| format!("printed an environment that is not UTF-8: {e}"))?;
    let mut env = env.clone();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once('=')
            .filter(|(name, _)| is_name(name))
            .ok_or_else(|| format!("printed {line:?}; expected lines NAME=value on standard output"))?;
        let value = match env.get(name) {
            Some(path) if name == "PATH" => format!("{value}:{path}"),
            _ => value.to_owned(),
        };
        env.insert(name.to_owned(), value);
    }
    Ok(env)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn printed_lines_become_the_environment_and_path_is_a_prefix() {
        let merged = merged(&env(&[("PATH", "/bin"), ("A", "1")]), b"PATH=/pod/bin\nA=2\n\nB=x=y\n").unwrap();
        assert_eq!(merged, env(&[("PATH", "/pod/bin:/bin"), ("A", "2"), ("B", "x=y")]));
    }

    #[test]
    fn a_line_that_is_no_variable_is_refused() {
        for printed in ["hello", "=x", "1A=x", "a b=c"] {
            let error = merged(&BTreeMap::new(), printed.as_bytes()).unwrap_err();
            assert!(error.contains("NAME=value"), "{error}");
        }
    }

    async fn run(script: &'static str) -> Result<PreparedImage, ImageError> {
        let dir = tempfile::tempdir().unwrap();
        let place = ContainerPlace {
            folder: dir.path().to_path_buf(),
            executable: PathBuf::from("/rollproof"),
            env: env(&[("PATH", "/usr/bin:/bin"), ("ROLLPROOF_PORT", "80")]),
        };
        let recipe = EmbeddedRecipe { name: "x".to_owned(), script: RecipeScript::Compiled(script), stop_signal: 15 };
        prepare("x", &Image::Recipe(recipe), &place).await
    }

    #[tokio::test]
    async fn a_recipe_gives_its_environment_and_its_entrypoint() {
        let prepared = run("echo PORT_SEEN=$ROLLPROOF_PORT; echo ARG=$1").await.unwrap();
        assert_eq!(prepared.env["PORT_SEEN"], "80");
        assert_eq!(prepared.env["ARG"], "prepare");
        assert_eq!(prepared.entrypoint[0], "sh");
        assert_eq!(prepared.entrypoint[2], "run");
    }

    #[tokio::test]
    async fn a_missing_server_is_told_in_the_scripts_own_words() {
        let error = run("echo 'install the package apache2' >&2; exit 69").await.unwrap_err();
        assert!(matches!(error, ImageError::NotInstalled { .. }));
        assert!(error.to_string().contains("install the package apache2"), "{error}");
        let error = run("echo 'no space' >&2; exit 1").await.unwrap_err().to_string();
        assert!(error.contains("no space") && error.contains("exit status: 1"), "{error}");
    }
}
