//! An image made from this very program and the shared libraries that it has mapped: no registry, no Dockerfile, no base.
//!
//! The archive is the one that `docker save` writes and every kind node can import: `manifest.json`, a configuration, and
//! one layer (Docker Image Specification v1.2).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::elf::interpreter;
use super::kind_error::KindError;
use super::kind_images::REGISTRY;
use super::tool::KindCluster;

/// Where the program stands in the image.
const PROGRAM: &str = "rollproof";
/// Nobody, as distroless images number it.
const USER: &str = "65532:65532";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedImage {
    tag: String,
    /// The path in the image, without a leading slash, and the file here.
    files: Vec<(String, PathBuf)>,
    folders: Vec<String>,
}

pub(super) fn pack() -> Result<PackedImage, KindError> {
    let not = |why: String| KindError::NotPackable { why };
    let own = PathBuf::from("/proc/self/exe");
    let mapped = fs::read_to_string("/proc/self/maps").map_err(|error| not(format!("/proc/self/maps: {error}")))?;
    let program = fs::read_link(&own).map_err(|error| not(format!("/proc/self/exe: {error}")))?;
    let libraries = libraries(&mapped, &program);
    let mut files = vec![(PROGRAM.to_owned(), own.clone())];
    let mut folders = BTreeSet::new();
    for library in &libraries {
        files.push((inside(library), library.clone()));
        folders.extend(library.parent().map(|folder| folder.display().to_string()));
        // A library is asked for by its soname, which often is a link to the file that is mapped.
        files.extend(links_to(library).into_iter().map(|link| (inside(&link), library.clone())));
    }
    let mut head = Vec::new();
    let opened = File::open(&own).map_err(|error| not(error.to_string()))?;
    opened.take(64 * 1024).read_to_end(&mut head).map_err(|error| not(error.to_string()))?;
    if let Some(loader) = interpreter(&head) {
        let resolved = fs::canonicalize(&loader).map_err(|error| not(format!("{loader}: {error}")))?;
        files.push((inside(Path::new(&loader)), resolved));
    }
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    let tag = format!("{REGISTRY}/agent:{}", identity(&files).map_err(|error| not(error.to_string()))?);
    Ok(PackedImage { tag, files, folders: folders.into_iter().collect() })
}

/// The files that are mapped, apart from the program itself.
fn libraries(maps: &str, program: &Path) -> BTreeSet<PathBuf> {
    // Address, permissions, offset, device, inode, path: proc_pid_maps(5).
    let paths = maps.lines().filter_map(|line| {
        let path = line.splitn(6, ' ').nth(5)?.trim_start();
        (path.starts_with('/') && !path.ends_with(" (deleted)")).then(|| PathBuf::from(path))
    });
    paths.filter(|path| path != program && path.to_string_lossy().contains(".so")).collect()
}

/// Links beside `library` that lead to it.
fn links_to(library: &Path) -> Vec<PathBuf> {
    let Some(folder) = library.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return Vec::new() };
    let stem = library.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split(".so").next().unwrap_or_default().to_owned();
    let likely = folder.flatten().map(|entry| entry.path()).filter(|path| {
        path.is_symlink() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&stem))
    });
    likely.filter(|link| fs::canonicalize(link).is_ok_and(|target| target == library)).collect()
}

fn inside(path: &Path) -> String {
    path.display().to_string().trim_start_matches('/').to_owned()
}

/// Twelve digits that differ when any file does: by their sizes and times of change, because reading a large program again
/// for each run costs more than the rest of its start.
fn identity(files: &[(String, PathBuf)]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for (name, path) in files {
        let facts = fs::metadata(path)?;
        hash.update(format!("{name}:{}:{}:{}:{};", facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ino()));
    }
    hash.update(env!("CARGO_PKG_VERSION"));
    Ok(format!("{:x}", hash.finalize())[..12].to_owned())
}

impl PackedImage {
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// Writes the archive. Blocks.
    fn write(&self, to: &Path) -> io::Result<()> {
        let mut layer = tempfile::tempfile()?;
        self.layer(&mut layer)?;
        let digest = digest(&mut layer)?;
        let libraries = self.folders.join(":");
        let configuration = json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": [format!("/{PROGRAM}")], "User": USER, "WorkingDir": "/",
                "Env": ["PATH=/", format!("LD_LIBRARY_PATH={libraries}")],
                "Labels": {"app.kubernetes.io/name": "rollproof-agent"}},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
            "history": [{"created_by": "rollproof"}],
        });
        let configuration = serde_json::to_vec(&configuration)?;
        let name = format!("{:x}.json", Sha256::digest(&configuration));
        let manifest = json!([{"Config": name, "RepoTags": [self.tag], "Layers": ["layer.tar"]}]);
        let mut archive = tar::Builder::new(io::BufWriter::new(File::create(to)?));
        append(&mut archive, "manifest.json", 0o644, serde_json::to_vec(&manifest)?.as_slice())?;
        append(&mut archive, &name, 0o644, configuration.as_slice())?;
        let length = layer.seek(io::SeekFrom::End(0))?;
        layer.rewind()?;
        let mut header = header(0o644, length);
        archive.append_data(&mut header, "layer.tar", layer)?;
        archive.into_inner()?.flush()
    }

    fn layer(&self, to: &mut File) -> io::Result<()> {
        let mut layer = tar::Builder::new(io::BufWriter::new(to));
        for (folder, mode) in [("tmp/", 0o1777), ("spool/", 0o1777)] {
            let mut header = header(mode, 0);
            header.set_entry_type(tar::EntryType::Directory);
            layer.append_data(&mut header, folder, io::empty())?;
        }
        for (name, path) in &self.files {
            let file = File::open(path)?;
            let mut header = header(0o755, file.metadata()?.len());
            layer.append_data(&mut header, name, file)?;
        }
        layer.into_inner()?.flush()
    }
}

/// A header without anything that differs from machine to machine.
fn header(mode: u32, length: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(length);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(mode, bytes.len() as u64), name, bytes)
}

fn digest(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = Sha256::new();
    io::copy(file, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

/// The machine's name in image configurations (Go's GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl KindCluster {
    /// Gives every node the image of this program and returns its name. `say` is called before each slow step.
    pub async fn provide_program(&self, nodes: &[String], say: &(dyn Fn(&str) + Sync)) -> Result<String, KindError> {
        let packed = pack()?;
        if self.has(nodes, packed.tag()).await? {
            return Ok(packed.tag);
        }
        self.fits(nodes).await?;
        say("loading the agent's image into the cluster");
        let file = tempfile::Builder::new().suffix(".tar").tempfile();
        let file = file.map_err(|why| written(Path::new("a temporary file"), &why))?;
        let (tag, path) = (packed.tag.clone(), file.path().to_owned());
        let wrote = tokio::task::spawn_blocking(move || packed.write(&path)).await;
        match wrote {
            Ok(result) => result.map_err(|why| written(file.path(), &why))?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        self.load_archive(file.path()).await?;
        Ok(tag)
    }
}

impl KindCluster {
    /// Whether the nodes can run this program. They are on the Docker that `DOCKER_HOST` names, which may be elsewhere.
    async fn fits(&self, nodes: &[String]) -> Result<(), KindError> {
        for node in nodes {
            let theirs = self.machine(node).await?;
            if theirs != std::env::consts::ARCH {
                let why = format!("node {node} is {theirs}, and this program is for {}", std::env::consts::ARCH);
                return Err(KindError::NotPackable { why });
            }
        }
        Ok(())
    }
}

fn written(path: &Path, why: &io::Error) -> KindError {
    KindError::File { doing: "writing the agent's image", path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_libraries_are_found_and_nothing_else() {
        let maps = "\
55d0-55d1 r--p 00000000 fe:00 123                        /usr/bin/rollproof
7f00-7f01 r-xp 00000000 fe:00 124                        /usr/lib/libc.so.6
7f01-7f02 r--p 00000000 fe:00 124                        /usr/lib/libc.so.6
7f02-7f03 rw-p 00000000 00:00 0
7f03-7f04 r--s 00000000 fe:00 125                        /usr/lib/locale/C.utf8/LC_CTYPE
7f04-7f05 r--p 00000000 fe:00 126                        /usr/lib/with space.so.1
7f05-7f06 r--p 00000000 fe:00 127                        /usr/lib/libgone.so.1 (deleted)
7ffd-7ffe r-xp 00000000 00:00 0                          [vdso]";
        let found: Vec<PathBuf> = libraries(maps, Path::new("/usr/bin/rollproof")).into_iter().collect();
        assert_eq!(found, [PathBuf::from("/usr/lib/libc.so.6"), PathBuf::from("/usr/lib/with space.so.1")]);
    }

    #[test]
    fn the_archive_holds_this_program_with_its_loader() {
        let packed = pack().unwrap();
        assert_eq!(packed, pack().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        packed.write(&path).unwrap();
        let mut archive = tar::Archive::new(File::open(&path).unwrap());
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            if name == "layer.tar" {
                let mut layer = tar::Archive::new(entry);
                let inner = layer.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
                names.extend(inner);
            } else {
                names.push(name);
            }
        }
        assert_eq!(names[0], "manifest.json");
        assert!(names.contains(&"rollproof".to_owned()), "{names:?}");
        let head = fs::read("/proc/self/exe").unwrap();
        if let Some(loader) = interpreter(&head) {
            assert!(names.contains(&inside(Path::new(&loader))), "{names:?}");
        }
    }
}
