//! What was written: texts to one merged, validated Machinefile in which every value knows its place.
//!
//! Each text becomes a tree of nodes (`yaml`, `toml`), its variables are filled in (`interpolate`), figment lays
//! one over the other (`provider`), the JSON Schema judges the result (`validate`), and [`file`] is its typed form.

mod cloud_config;
mod discover;
mod error;
pub mod file;
pub mod init;
mod interpolate;
mod layer;
pub mod node;
mod provider;
mod salvage;
mod scalar;
mod text;
mod toml;
mod validate;
mod yaml;

use std::path::{Path as FilePath, PathBuf};

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider as _};

pub use discover::{NAMES, STDIN};
pub use error::{Error, Problem};
pub use interpolate::Environment;
pub use layer::{Layer, UnknownLayer};
pub use provider::Document;
pub use text::Text;

use crate::origin::Origin;
use crate::value::Path;

/// What to load, and all it may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The working folder, absolute.
    pub folder: &'a FilePath,
    /// `-f`, in order; later files win. Empty looks for a Machinefile in the folder and those above it.
    pub files: &'a [PathBuf],
    /// What standard input held, when `files` names [`STDIN`].
    pub stdin: &'a [u8],
    /// What `${VAR}` may name.
    pub environment: &'a Environment,
    /// The schema to hold the merged settings against.
    pub schema: &'a crate::value::Value,
    /// What URLs gave and drives held, each in the order of its layer.
    pub texts: &'a [Text],
}

/// The configuration: its typed form, and where each part of it was written.
#[derive(Debug)]
pub struct Config {
    pub file: file::Machinefile,
    /// The folder of the first file: the project's folder.
    pub folder: PathBuf,
    /// What the schema finds wrong. Then `file` lacks it and is only good for finding more.
    pub problems: Vec<Problem>,
    /// What the texts say that has no effect, or not the one meant.
    pub warnings: Vec<Problem>,
    /// What `file` lacks for being wrong.
    pub faults: Vec<Path>,
    documents: Vec<Document>,
    figment: Figment,
    merged: Dict,
}

/// The variables of this process; those that are not UTF-8 are left out. Nothing else in the library reads them.
#[must_use]
pub fn environment() -> Environment {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Finds, reads, merges and validates. Texts that cannot be read at all are errors, all of them together; what is wrong
/// with their settings comes with the configuration, so that its meaning is judged in the same run.
pub fn load(input: &Input<'_>) -> Result<Config, Error> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for (index, path) in discover::project_files(input)?.iter().enumerate() {
        match discover::document(input, path, index) {
            Ok(mut document) => {
                problems.extend(interpolate::interpolate(&mut document.root, input.environment));
                problems.extend(validate::tags(&document.root));
                documents.push(document);
            }
            Err(Error::Invalid(found)) => problems.extend(found),
            Err(error) => return Err(error),
        }
    }
    let folder = documents.first().map_or_else(|| input.folder.to_owned(), |document| document.base.clone());
    let mut warnings = Vec::new();
    for layer in [Layer::CloudInitUrl, Layer::CloudInitDrive] {
        for text in input.texts.iter().filter(|text| text.layer == layer) {
            match text::read(text, &folder, input.schema) {
                Ok(read) => {
                    warnings.extend(read.warnings);
                    for document in read.documents {
                        problems.extend(validate::tags(&document.root));
                        documents.push(Document { index: documents.len(), ..document });
                    }
                }
                Err(found) => problems.extend(found),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let figment = documents.iter().fold(Figment::new(), |figment, document| figment.merge(document));
    let mut profiles = figment.data().expect("the providers of documents cannot fail");
    let merged = profiles.remove(&Profile::Default).unwrap_or_default();
    let mut config = Config {
        file: file::Machinefile::default(),
        folder,
        problems: Vec::new(),
        warnings,
        faults: Vec::new(),
        documents,
        figment,
        merged,
    };
    let verdict = validate::validate(&config, input.schema).map_err(Error::Invalid)?;
    (config.file, config.problems, config.faults) = (verdict.file, verdict.problems, verdict.faults);
    Ok(config)
}

impl Config {
    /// Where the value in effect at a path was written, by the layer that won: at the path itself, or where a machine inherits it from.
    #[must_use]
    pub fn origin(&self, path: &Path) -> Option<&Origin> {
        self.in_effect(path).map(|(_, node)| &node.origin)
    }

    /// As [`Config::origin`]; for what is written nowhere, its nearest written ancestor.
    #[must_use]
    pub fn nearest_origin(&self, path: &Path) -> &Origin {
        &self.nearest(path).1.origin
    }

    /// The folder that a relative path, written as the value at `path`, starts from.
    #[must_use]
    pub fn base(&self, path: &Path) -> &FilePath {
        &self.nearest(path).0.base
    }

    /// The layer that the value in effect at a path comes from.
    #[must_use]
    pub fn layer(&self, path: &Path) -> Option<Layer> {
        self.in_effect(path).map(|(document, _)| document.layer)
    }

    /// The paths, from `at` on, of all that is set there, inherited or not. What is `false` or empty is not set.
    #[must_use]
    pub fn settings(&self, at: &Path) -> Vec<Path> {
        let mut found = std::collections::BTreeSet::new();
        let inherited = Path::parse("defaults");
        for base in [Some(at), Some(&inherited).filter(|_| at.starts_with("machines"))].into_iter().flatten() {
            let tree = base.keys().iter().try_fold(&self.merged, |dict, key| dict.get(key)?.as_dict());
            if let Some(tree) = tree {
                leaves(tree, &Path::root(), &mut found);
            }
        }
        found.into_iter().collect()
    }

    fn nearest(&self, path: &Path) -> (&Document, &node::Node) {
        std::iter::successors(Some(path.clone()), Path::parent)
            .find_map(|path| self.in_effect(&path))
            .unwrap_or_else(|| (&self.documents[0], &self.documents[0].root))
    }

    fn in_effect(&self, path: &Path) -> Option<(&Document, &node::Node)> {
        self.written(path).or_else(|| match path.keys() {
            [machines, _, rest @ ..] if machines == "machines" && !rest.is_empty() => {
                self.written(&std::iter::once("defaults".to_owned()).chain(rest.iter().cloned()).collect())
            }
            _ => None,
        })
    }

    fn written(&self, path: &Path) -> Option<(&Document, &node::Node)> {
        let (first, rest) = path.keys().split_first()?;
        let value = rest.iter().try_fold(self.merged.get(first)?, |value, key| match value {
            Value::Dict(_, dict) => dict.get(key),
            Value::Array(_, list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        })?;
        let document = &self.documents[Document::index_of(self.figment.get_metadata(value.tag())?)?];
        Some((document, document.root.find(path)?))
    }
}

fn leaves(dict: &Dict, at: &Path, found: &mut std::collections::BTreeSet<Path>) {
    for (key, value) in dict.iter().filter(|(key, _)| !key.starts_with(validate::EXTENSION)) {
        let path = at.join(key);
        match value {
            Value::Dict(_, dict) => leaves(dict, &path, found),
            Value::Array(_, list) if list.is_empty() => {}
            Value::Bool(_, false) | Value::Empty(..) => {}
            _ => _ = found.insert(path),
        }
    }
}
