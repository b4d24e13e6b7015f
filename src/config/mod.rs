//! What was written: texts to one merged, validated Machinefile in which every value knows its place.
//!
//! Texts are found (`discover`) and stacked in the order of their layers (`stack`, `variables`, `flag`, `text`). Each
//! becomes a tree of nodes (`yaml`, `toml`), its variables are filled in (`interpolate`), and what it says about other
//! texts is carried out on them (`directive`). figment lays one over the other (`provider`; `policy` has the one
//! exception), the JSON Schema judges the result (`validate`), and [`file`] is its typed form. [`history`] tells where
//! every value came from.

mod cloud_config;
mod cover;
mod directive;
mod discover;
mod error;
pub mod file;
mod flag;
mod foreign;
pub mod history;
pub mod init;
mod interpolate;
mod layer;
mod member;
mod merged;
pub mod node;
pub mod policy;
mod provider;
mod salvage;
mod scalar;
mod secret;
pub mod selector;
mod shape;
mod stack;
mod text;
mod toml;
mod typed;
mod validate;
mod variables;
mod yaml;

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

pub use discover::{NAMES, STDIN};
pub use error::{Error, Problem};
pub use flag::{Flag, FlagKind, without_secret};
pub use interpolate::Environment;
pub use layer::{Layer, UnknownLayer};
pub use merged::Config;
pub use provider::Document;
pub use text::Text;
pub use variables::{PREFIX, variable};

use crate::origin::Source;
use crate::value::{Path, Value};
use node::Node;
use stack::Stack;

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
    pub schema: &'a Value,
    /// The folders of the computer's and the user's own settings; what is not there says nothing.
    pub global: Option<&'a FilePath>,
    pub user: Option<&'a FilePath>,
    /// The profiles switched on, in order.
    pub profiles: &'a [String],
    /// Layers that are left out.
    pub without: &'a [Layer],
    /// What was typed, in order.
    pub flags: &'a [Flag],
    /// What URLs gave and drives held, each in the order of its layer.
    pub texts: &'a [Text],
}

/// The variables of this process; those that are not UTF-8 are left out. Beside them the library reads
/// those that hold secrets, when they are needed.
#[must_use]
pub fn environment() -> Environment {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// One text alone, as its name's extension says it is to be read, with its variables filled in.
pub fn read(name: &str, text: String, environment: &Environment) -> Result<Node, Vec<Problem>> {
    let source = Arc::new(Source { name: name.to_owned(), text });
    let mut root = discover::parse(&source, FilePath::new(name))?;
    let problems = interpolate::interpolate(&mut root, environment);
    if problems.is_empty() { Ok(root) } else { Err(problems) }
}

/// Whether the schema knows a path, and what holds where nothing is written at it. The error is the keys that it knows
/// where the path leaves it.
pub fn known(schema: &Value, path: &Path) -> Result<Option<Value>, Vec<String>> {
    shape::known(schema, path).map_err(|(_, keys)| keys)
}

/// Finds, reads, merges and validates. Texts that cannot be read at all are errors, all of them together; what is wrong
/// with their settings comes with the configuration, so that its meaning is judged in the same run.
pub fn load(input: &Input<'_>) -> Result<Config, Error> {
    let mut stack = Stack::new(input);
    let wanted = |layer: &Layer| !input.without.contains(layer);
    for (layer, folder) in [(Layer::Global, input.global), (Layer::User, input.user)] {
        for path in folder.filter(|_| wanted(&layer)).map_or(Ok(Vec::new()), |at| discover::folder_files(input, at))? {
            stack.file(layer, &path)?;
        }
    }
    let files = discover::project_files(input)?;
    let folder = project_folder(input, &files);
    for path in files.iter().filter(|_| wanted(&Layer::Project)) {
        stack.file(Layer::Project, path)?;
    }
    stack.check_profiles();
    let Stack { mut documents, mut problems, mut warnings, .. } = stack;
    if wanted(&Layer::Environment) {
        let (environment, schema) = (input.environment, input.schema);
        let document = variables::document(environment, schema, &documents, &folder, &mut problems, &mut warnings);
        documents.extend(document);
    }
    if wanted(&Layer::CommandLine) {
        documents.extend(flag::document(input.flags, input.schema, &folder, &mut problems, &mut warnings));
    }
    for layer in [Layer::CloudInitUrl, Layer::CloudInitDrive].into_iter().filter(wanted) {
        for text in input.texts.iter().filter(|text| text.layer == layer) {
            match text::read(text, &folder, input.schema, &mut warnings) {
                Ok(read) => documents.extend(read),
                Err(found) => problems.extend(found),
            }
        }
    }
    documents.iter_mut().enumerate().for_each(|(index, document)| document.index = index);
    secret::guard(&mut documents, input.schema, &mut problems, &mut warnings);
    if !problems.is_empty() {
        return Err(Error::Invalid { problems, warnings });
    }
    warnings.extend(directive::apply(&mut documents));
    let members = member::settle(&mut documents, &mut warnings);
    let mut config = Config::merge(documents, folder, members);
    warnings.extend(history::overruled(&config));
    match validate::validate(&config, input.schema) {
        Ok(verdict) => config.judged(verdict),
        Err(problems) => return Err(Error::Invalid { problems, warnings }),
    }
    config.warnings = warnings;
    Ok(config)
}

/// The folder of the project's first file.
fn project_folder(input: &Input<'_>, files: &[PathBuf]) -> PathBuf {
    let first = files.first().filter(|path| path.as_path() != FilePath::new(STDIN));
    let folder = first.and_then(|path| Some(input.folder.join(path).parent()?.to_owned()));
    folder.unwrap_or_else(|| input.folder.to_owned())
}
