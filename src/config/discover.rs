//! Finding and reading configuration texts.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, Problem};
use super::node::{Node, Scalar, Tree};
use super::{Input, toml, yaml};
use crate::origin::{Origin, Source};

/// The names a Machinefile may have; two of them in one folder are an error.
pub const NAMES: [&str; 4] = ["Machinefile", "Machinefile.yaml", "Machinefile.yml", "Machinefile.toml"];

/// The path that means standard input.
pub const STDIN: &str = "-";

/// The names of a computer's or a user's own settings; two of them are an error.
const CONFIGS: [&str; 2] = ["config.yaml", "config.toml"];
/// What is read of `config.d`.
const EXTENSIONS: [&str; 4] = ["yaml", "yml", "toml", "json"];

/// A file of more bytes is not a Machinefile.
const MAX_BYTES: u64 = 16 << 20;

/// The project's files: those asked for, else the Machinefile of the nearest folder that has one.
pub(super) fn project_files(input: &Input<'_>) -> Result<Vec<PathBuf>, Error> {
    if !input.files.is_empty() {
        return Ok(input.files.to_vec());
    }
    for folder in input.folder.ancestors() {
        for path in NAMES.iter().map(|name| folder.join(name)) {
            if let (Ok(target), false) = (std::fs::read_link(&path), path.exists()) {
                return Err(Error::Dangling { name: shown(input, &path), target });
            }
        }
        let mut found = NAMES.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
        if let Some(first) = found.next() {
            return match found.next() {
                None => Ok(vec![first]),
                Some(second) => Err(Error::Ambiguous { first: shown(input, &first), second: shown(input, &second) }),
            };
        }
    }
    Err(Error::NotFound { folder: input.folder.to_owned() })
}

/// The settings of a computer or a user: one `config` file and then what `config.d` holds, by the bytes of their names.
pub(super) fn folder_files(input: &Input<'_>, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found: Vec<_> = CONFIGS.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    if let [first, second, ..] = found.as_slice() {
        return Err(Error::Ambiguous { first: shown(input, first), second: shown(input, second) });
    }
    let parts = folder.join("config.d");
    let entries = match std::fs::read_dir(&parts) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(found),
        Err(cause) => return Err(Error::Unreadable { name: shown(input, &parts), cause }),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|cause| Error::Unreadable { name: shown(input, &parts), cause })?;
        let path = entry.path();
        let known = path.extension().and_then(|extension| extension.to_str()).is_some_and(|e| EXTENSIONS.contains(&e));
        if known && !entry.file_name().as_bytes().starts_with(b".") && path.is_file() {
            names.push(path);
        }
    }
    names.sort();
    found.extend(names);
    Ok(found)
}

/// A path as the user would type it.
pub(super) fn shown(input: &Input<'_>, path: &Path) -> String {
    match path.strip_prefix(input.folder).unwrap_or(path) {
        here if here.as_os_str().is_empty() => ".".to_owned(),
        path => path.display().to_string(),
    }
}

/// The whole file, if it is none too large.
pub(super) fn read(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let unreadable = |cause| Error::Unreadable { name: name.to_owned(), cause };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { name: name.to_owned(), limit: MAX_BYTES });
    }
    Ok(bytes)
}

/// A named text, which has to be UTF-8.
pub(super) fn text(name: String, bytes: Vec<u8>) -> Result<Source, Box<Problem>> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let source = Arc::new(Source { name, text: String::from_utf8_lossy(error.as_bytes()).into_owned() });
            let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            let problem =
                Problem::new(Origin { source, key: span.clone(), span }, format!("byte {byte:#04x} is not UTF-8"));
            Err(Box::new(problem.hint("save the file in UTF-8")))
        }
    }
}

/// By the file's extension. A file without one, as `Machinefile` itself, is YAML unless it is none and is TOML.
pub(super) fn parse(source: &Arc<Source>, path: &Path) -> Result<Node, Vec<Problem>> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => toml::parse(source),
        Some("yaml" | "yml" | "json") => yaml::parse(source),
        _ => match yaml::parse(source) {
            Ok(root) if !matches!(root.tree, Tree::Scalar(Scalar::Text(_)) | Tree::List(_)) => Ok(root),
            as_yaml => match toml::parse(source) {
                Err(problems) if looks_like_toml(&source.text) => Err(problems),
                Err(_) => as_yaml,
                as_toml => as_toml,
            },
        },
    }
}

/// Whether the first line that says something is a TOML header or assignment: decides whose errors are shown.
fn looks_like_toml(text: &str) -> bool {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim());
    line.starts_with('[') || key.is_some_and(|key| !key.is_empty() && !key.contains([':', ' ', '{']))
}
