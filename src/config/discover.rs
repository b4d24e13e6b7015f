//! Finding and reading configuration texts.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, Problem};
use super::layer::Layer;
use super::node::{Node, Scalar, Tree};
use super::provider::Document;
use super::{Input, toml, yaml};
use crate::origin::{Origin, Source};

/// The names a Machinefile may have; two of them in one folder are an error.
pub const NAMES: [&str; 4] = ["Machinefile", "Machinefile.yaml", "Machinefile.yml", "Machinefile.toml"];

/// The path that means standard input.
pub const STDIN: &str = "-";

/// A file of more bytes is not a Machinefile.
const MAX_BYTES: u64 = 16 << 20;

/// The project's files: those asked for, else the Machinefile of the nearest folder that has one.
pub(super) fn project_files(input: &Input<'_>) -> Result<Vec<PathBuf>, Error> {
    if !input.files.is_empty() {
        return Ok(input.files.to_vec());
    }
    for folder in input.folder.ancestors() {
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

/// Reads and parses one file of the project.
pub(super) fn document(input: &Input<'_>, path: &Path, index: usize) -> Result<Document, Error> {
    let (name, base, bytes) = if path == Path::new(STDIN) {
        ("<stdin>".to_owned(), input.folder.to_owned(), input.stdin.to_owned())
    } else {
        let name = shown(input, path);
        let absolute = input.folder.join(path);
        let bytes = read(&absolute, &name)?;
        (name, absolute.parent().unwrap_or(input.folder).to_owned(), bytes)
    };
    let source = Arc::new(text(name, bytes).map_err(|problem| Error::Invalid(vec![*problem]))?);
    let root = parse(&source, path).map_err(Error::Invalid)?;
    if !matches!(root.tree, Tree::Map(_) | Tree::Scalar(Scalar::Null)) {
        let problem = Problem::new(root.origin, "a Machinefile is a map of settings");
        return Err(Error::Invalid(vec![problem.hint("begin with `machines:` and a machine's name below it")]));
    }
    Ok(Document { layer: Layer::Project, root, base, index })
}

/// A path as the user would type it.
fn shown(input: &Input<'_>, path: &Path) -> String {
    path.strip_prefix(input.folder).unwrap_or(path).display().to_string()
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
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
fn parse(source: &Arc<Source>, path: &Path) -> Result<Node, Vec<Problem>> {
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
