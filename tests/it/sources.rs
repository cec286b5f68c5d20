//! The repository's files, as texts.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of the repository.
pub(crate) struct Source {
    /// The path from the repository's root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads one file.
pub(crate) fn read(path: &str) -> Source {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Source { path: path.to_owned(), text }
}

/// Reads all files with one of these endings below a folder, installed packages left out.
pub(crate) fn below(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    visit(&root().join(folder), &mut |path| {
        if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            let path = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/");
            found.push(read(&path));
        }
    });
    assert!(!found.is_empty(), "{folder} has no such files");
    found
}

fn visit(folder: &Path, take: &mut dyn FnMut(&Path)) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                visit(&path, take);
            }
        } else {
            take(&path);
        }
    }
}
