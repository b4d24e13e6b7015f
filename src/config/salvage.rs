//! What can still be understood of settings with faults, so that their meaning is judged in the same run.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind as Kind;
use serde::Deserialize;
use serde_json::Value as Json;

use super::file::Machinefile;
use super::validate::instance_path;
use crate::value::Path;

/// Each round takes out what is at fault; a fault that remains takes its parent along.
const ROUNDS: usize = 12;

/// The settings without what is at fault, and what was taken out. `None` when nothing sensible is left.
pub(super) fn salvage(mut settings: Json, validator: &Validator) -> Option<(Machinefile, Vec<Path>)> {
    let mut gone: Vec<Path> = Vec::new();
    for _ in 0..ROUNDS {
        let faults: Vec<Path> = validator.iter_errors(&settings).flat_map(|error| at_fault(&error)).collect();
        if faults.is_empty() {
            return Some((Machinefile::deserialize(settings).ok()?, gone));
        }
        for path in faults {
            gone.push(remove(&mut settings, path)?);
        }
    }
    None
}

fn at_fault(error: &jsonschema::ValidationError<'_>) -> Vec<Path> {
    let path = instance_path(error);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected.iter().map(|key| path.join(key)).collect(),
        Kind::PropertyNames { error } => error.instance().as_str().map(|key| path.join(key)).into_iter().collect(),
        _ => vec![path],
    }
}

/// Takes out the value at a path, or the nearest map entry around it; says which. `None` for the document itself.
fn remove(settings: &mut Json, mut path: Path) -> Option<Path> {
    loop {
        let parent = path.parent()?;
        let holder = parent.keys().iter().try_fold(&mut *settings, |value, key| match value {
            Json::Object(map) => map.get_mut(key),
            Json::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
            _ => None,
        });
        if let Some(Json::Object(map)) = holder {
            map.remove(path.keys().last()?);
            return Some(path);
        }
        path = parent;
    }
}
