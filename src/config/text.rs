//! Texts of layers that somebody else got: what a URL gave, what a drive held.

use std::path::Path;
use std::sync::Arc;

use super::cloud_config::{self, Whose};
use super::directive::Directives;
use super::error::Problem;
use super::layer::Layer;
use super::provider::Document;
use super::{cover, discover, foreign, validate, yaml};
use crate::id::Name;
use crate::origin::Origin;
use crate::value::Value;

/// A cloud-config that was got elsewhere. The settings are under its `cloud-machine` key; the rest is the guest's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub layer: Layer,
    /// What messages call it: the URL, or the device and the file there.
    pub name: String,
    pub bytes: Vec<u8>,
    /// The machine whose settings these are; `None` for all of them.
    pub machine: Option<Name>,
}

/// Reads a text; `None` when nothing of it is ours. Relative paths in it start from `base`.
pub(super) fn read(
    text: &Text,
    base: &Path,
    schema: &Value,
    warnings: &mut Vec<Problem>,
) -> Result<Option<Document>, Vec<Problem>> {
    let source = Arc::new(discover::text(text.name.clone(), text.bytes.clone()).map_err(|problem| vec![*problem])?);
    let (root, problems) = yaml::parse_part(&source).map_err(|problems| cover::unparsed(problems, schema, true))?;
    let whose = text.machine.as_ref().map_or(Whose::All, Whose::Machine);
    let mut ours = cloud_config::settings(root, whose, schema);
    let (covered, mut problems) = (cover::all_but(&ours.used(&source.text), &source), problems);
    let cover = |origin: &mut Origin| cover::replace(origin, &source, &covered);
    ours.root.iter_mut().for_each(|root| root.walk_mut(&mut |node| cover(&mut node.origin)));
    for problem in problems.iter_mut().chain(&mut ours.problems).chain(&mut ours.warnings) {
        cover(&mut problem.origin);
        problem.also.iter_mut().for_each(|also| cover(&mut also.0));
    }
    // What the guest reads may be written for an older YAML: only what we use has to please us.
    let mut wrong: Vec<_> = problems.into_iter().filter(|problem| ours.covers(&problem.origin)).collect();
    wrong.append(&mut ours.problems);
    warnings.append(&mut ours.warnings);
    let Some(mut root) = ours.root else { return if wrong.is_empty() { Ok(None) } else { Err(wrong) } };
    foreign::forbidden(&mut root, &mut wrong);
    let directives = Directives::take(&mut root, &mut wrong);
    foreign::directives(&directives, &mut wrong);
    wrong.extend(validate::tags(&root));
    let document = Document::new(text.layer, root, base.to_owned());
    foreign::values(&document.root, schema, &mut wrong);
    if wrong.is_empty() {
        Ok(Some(Document { machine: text.machine.clone(), directives, ..document }))
    } else {
        Err(wrong)
    }
}
