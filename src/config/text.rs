//! Texts of layers that somebody else got: what a URL gave, what a drive held.

use std::path::Path;
use std::sync::Arc;

use super::cloud_config::{self, Whose};
use super::discover;
use super::error::Problem;
use super::layer::Layer;
use super::provider::Document;
use super::yaml;
use crate::id::Name;
use crate::value::Value;

/// A cloud-config that was got elsewhere. The settings are under its `cloud-machine` key; the rest is the guest's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub layer: Layer,
    /// What messages call it: the URL, or the device.
    pub name: String,
    pub bytes: Vec<u8>,
    /// The machine whose settings these are; `None` for all of them.
    pub machine: Option<Name>,
}

/// What one text comes to.
pub(super) struct Read {
    pub(super) documents: Vec<Document>,
    pub(super) warnings: Vec<Problem>,
}

/// Reads a text; its relative paths start from `base`.
pub(super) fn read(text: &Text, base: &Path, schema: &Value) -> Result<Read, Vec<Problem>> {
    let mut read = Read { documents: Vec::new(), warnings: Vec::new() };
    let source = Arc::new(discover::text(text.name.clone(), text.bytes.clone()).map_err(|problem| vec![*problem])?);
    let (root, problems) = yaml::parse_part(&source)?;
    let whose = text.machine.as_ref().map_or(Whose::All, Whose::Machine);
    let ours = cloud_config::settings(root, whose, schema);
    // What the guest reads may be written for an older YAML: only what we use has to please us.
    let mut wrong: Vec<_> = problems.into_iter().filter(|problem| ours.covers(&problem.origin)).collect();
    wrong.extend(ours.problems);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    read.warnings = ours.warnings;
    read.documents.extend(ours.root.map(|root| Document { layer: text.layer, root, base: base.to_owned(), index: 0 }));
    Ok(read)
}
