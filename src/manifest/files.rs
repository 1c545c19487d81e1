//! Where the texts of manifests and patches come from: the disk, or any other set of names.

use std::io::Read;
use std::path::Path;

use crate::yaml::MAX_BYTES;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {path}: {why}")]
pub struct FileReadError {
    /// The path as it was looked for.
    pub path: String,
    /// Why not, with what was expected.
    pub why: String,
}

/// A set of text files.
pub trait FileSource {
    /// The text of the file at `path`.
    fn read(&self, path: &Path) -> Result<String, FileReadError>;
}

/// The file system. Only ordinary files of at most [`MAX_BYTES`] are read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DiskFiles;

impl FileSource for DiskFiles {
    fn read(&self, path: &Path) -> Result<String, FileReadError> {
        let refuse = |why: String| FileReadError { path: path.display().to_string(), why };
        let io = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => refuse("there is no such file; check the path".to_owned()),
            _ => refuse(format!("{error}; expected a file that this user may read")),
        };
        // Asked before opening, because opening a named pipe waits for its writer.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(refuse("it is not an ordinary file; name a YAML file".to_owned()));
        }
        let mut text = String::new();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let file = std::fs::File::open(path).map_err(io)?;
        file.take(limit).read_to_string(&mut text).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => refuse("it is not UTF-8 text; expected YAML in UTF-8".to_owned()),
            _ => io(error),
        })?;
        if text.len() > MAX_BYTES {
            return Err(refuse(format!(
                "it has more than {MAX_BYTES} bytes; name only the manifests that the run needs"
            )));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_none_is_refused_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yaml");
        std::fs::write(&path, "a: 1\n").unwrap();
        assert_eq!(DiskFiles.read(&path).unwrap(), "a: 1\n");
        let why = |name: &str| DiskFiles.read(&dir.path().join(name)).unwrap_err().why;
        assert!(why("b.yaml").contains("no such file"));
        assert!(why("").contains("not an ordinary file"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(why("a.yaml").contains("UTF-8"));
        std::fs::write(&path, vec![b'#'; MAX_BYTES + 1]).unwrap();
        assert!(why("a.yaml").contains("more than"));
    }
}
