//! Reads the manifests that the command line names: files, folders and standard input.
//!
//! Must not know what the manifests hold.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::manifest::{DiskFiles, FileReadError, FileSource, ManifestError};
use crate::yaml::{MAX_BYTES, YamlSource};

/// The name that stands for standard input, as in kubectl.
const STDIN: &str = "-";
/// What errors call it.
const STDIN_NAME: &str = "standard input";
const MAX_FILES: usize = 1_000;
/// The endings of the files that kubectl takes from a folder.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
/// Files that show a folder to be the source of manifests, and the program that makes manifests of it.
const GENERATED: [(&str, &str); 4] = [
    ("kustomization.yaml", "kustomize build"),
    ("kustomization.yml", "kustomize build"),
    ("Kustomization", "kustomize build"),
    ("Chart.yaml", "helm template"),
];

/// Standard input, as far as reading manifests from it goes.
pub(super) struct Stdin<'a> {
    /// What is read, up to [`MAX_BYTES`].
    pub(super) text: &'a mut dyn Read,
    /// A person types there, who may not know that he is waited for.
    pub(super) terminal: bool,
}

/// The texts of all `names`, in their order. A folder gives its YAML and JSON files, sorted, without those of folders in
/// it, as `kubectl apply -f` reads it; `-` gives standard input.
pub(super) fn read(names: &[PathBuf], stdin: &mut Stdin<'_>) -> Result<Vec<YamlSource>, ManifestError> {
    if names.iter().filter(|name| name.as_os_str() == STDIN).count() > 1 {
        return Err(refuse(STDIN_NAME, "`-f -` is given more than once, and it can be read only once"));
    }
    let mut sources = Vec::new();
    for name in names {
        if name.as_os_str() == STDIN {
            sources.push(from_stdin(stdin)?);
        } else if name.is_dir() {
            for file in folder(name)? {
                sources.push(from_file(&file)?);
            }
        } else {
            sources.push(from_file(name)?);
        }
    }
    Ok(sources)
}

fn refuse(name: &str, why: &str) -> ManifestError {
    ManifestError::Read(FileReadError { path: name.to_owned(), why: why.to_owned() })
}

fn from_file(path: &Path) -> Result<YamlSource, ManifestError> {
    let name = path.display().to_string();
    if name.starts_with("http://") || name.starts_with("https://") {
        let why = format!("addresses are not fetched; fetch it yourself: curl -fsSL {name} | rollproof run -f -");
        return Err(refuse(&name, &why));
    }
    Ok(YamlSource::new(&name, &DiskFiles.read(path)?))
}

fn from_stdin(stdin: &mut Stdin<'_>) -> Result<YamlSource, ManifestError> {
    if stdin.terminal {
        return Err(refuse(
            STDIN_NAME,
            "it is a terminal, expected manifests from a pipe: helm template ... | rollproof run -f -",
        ));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    (&mut *stdin.text).take(limit).read_to_end(&mut bytes).map_err(|error| refuse(STDIN_NAME, &error.to_string()))?;
    if bytes.len() > MAX_BYTES {
        let why = format!("it has more than {MAX_BYTES} bytes; pass only the manifests that the run needs");
        return Err(refuse(STDIN_NAME, &why));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse(STDIN_NAME, "it is not UTF-8 text; expected YAML or JSON in UTF-8"))?;
    if text.trim().is_empty() {
        return Err(refuse(STDIN_NAME, "it is empty, expected manifests; did the program before the pipe fail?"));
    }
    Ok(YamlSource::new(STDIN_NAME, &text))
}

/// The YAML and JSON files of a folder, sorted by name.
fn folder(path: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    let name = path.display().to_string();
    if let Some((file, program)) = GENERATED.iter().find(|(file, _)| path.join(file).is_file()) {
        let why = format!("it holds {file}, from which manifests are made: {program} {name} | rollproof run -f -");
        return Err(refuse(&name, &why));
    }
    let io = |error: std::io::Error| refuse(&name, &format!("{error}; expected a folder that this user may read"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        let known = file.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
        if known && file.is_file() {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return Err(refuse(
                &name,
                &format!("it holds more than {MAX_FILES} manifests; name those that the run needs"),
            ));
        }
    }
    if files.is_empty() {
        return Err(refuse(&name, "it holds no file that ends in .yaml, .yml or .json; name the manifests"));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(names: &[&Path], text: &[u8], terminal: bool) -> Result<Vec<(String, String)>, String> {
        let names: Vec<PathBuf> = names.iter().map(|name| name.to_path_buf()).collect();
        let mut text = text;
        let read = read(&names, &mut Stdin { text: &mut text, terminal }).map_err(|error| error.to_string())?;
        Ok(read.iter().map(|source| (source.name().to_owned(), source.text().to_owned())).collect())
    }

    #[test]
    fn files_folders_and_standard_input_are_read_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("all");
        std::fs::create_dir_all(folder.join("inner.yaml")).unwrap();
        for name in ["b.yml", "a.yaml", "c.json", "notes.txt", "inner.yaml/d.yaml"] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        std::fs::write(dir.path().join("one.yaml"), "one").unwrap();
        let read = read_with(&[&dir.path().join("one.yaml"), Path::new("-"), &folder], b"piped", false).unwrap();
        let texts: Vec<&str> = read.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["one", "piped", "a.yaml", "b.yml", "c.json"]);
        assert_eq!(read[1].0, "standard input");
        assert!(
            read[2].0.ends_with("all/a.yaml"),
            "a folder's files keep their path, beside which recipes are: {read:?}"
        );
    }

    #[test]
    fn standard_input_that_cannot_be_used_is_refused_with_a_reason() {
        let stdin = |text: &[u8], terminal| read_with(&[Path::new("-")], text, terminal).unwrap_err();
        assert!(stdin(b"", false).contains("is empty"));
        assert!(stdin(b" \n", false).contains("is empty"));
        assert!(stdin(b"a: 1", true).contains("terminal"));
        assert!(stdin(&[0xff, 0xfe], false).contains("UTF-8"));
        assert!(stdin(&vec![b'#'; MAX_BYTES + 1], false).contains("more than"));
        let twice = read_with(&[Path::new("-"), Path::new("-")], b"a: 1", false).unwrap_err();
        assert!(twice.contains("more than once"), "{twice}");
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| read_with(&[path], b"", false).unwrap_err();
        assert!(refused(dir.path()).contains("no file that ends in"));
        assert!(refused(&dir.path().join("no.yaml")).contains("no such file"));
        assert!(refused(Path::new("https://example.org/a.yaml")).contains("curl -fsSL https://example.org/a.yaml"));
        for (file, program) in [("kustomization.yaml", "kustomize build"), ("Chart.yaml", "helm template")] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
            assert!(refused(folder.path()).contains(program));
        }
    }
}
