//! Settings that are left alone once a machine is there.

use super::Scope;
use crate::desired::{Engine, Resources};
use crate::note::{Note, suggestion};
use crate::value::Path;

/// Those that can be kept apart from all others of a machine.
const ALONE: [&str; 13] = [
    "engine.env",
    "engine.insecure-registries",
    "engine.labels",
    "engine.options",
    "engine.registry-mirrors",
    "engine.storage-driver",
    "engine.version",
    "image",
    "ports",
    "resources.cpus",
    "resources.nic",
    "resources.ram",
    "tags",
];

/// What is written below `ignore`, each path once. One that names nothing of the machine is a note.
pub(super) fn paths(
    scope: &mut Scope<'_>,
    written: &[String],
    at: &Path,
    resources: &Resources,
    engine: Option<&Engine>,
) -> Vec<Path> {
    if written.is_empty() {
        return Vec::new();
    }
    let mut known: Vec<_> = ALONE.into_iter().map(Path::parse).collect();
    known.retain(|path| engine.is_some() || !path.starts_with("engine"));
    let disks = Path::parse("resources.disks");
    known.extend(resources.disks.keys().map(|name| disks.join(name).join("allocation")));
    let options = Path::parse("engine.options");
    known.extend(engine.iter().flat_map(|engine| engine.options.keys()).map(|name| options.join(name)));
    let mut paths = Vec::new();
    for (i, text) in written.iter().enumerate() {
        let path = Path::parse(text);
        let below = path.keys().starts_with(options.keys()) && path.keys().len() > options.keys().len() + 1;
        let inner = |known: &Path| below && path.keys().starts_with(known.keys()) && known.keys().len() == 3;
        if known.iter().any(|known| *known == path || inner(known)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
            continue;
        }
        let names: Vec<_> = known.iter().map(ToString::to_string).collect();
        let note = Note::error(at.join(i), format!("`{text}` is no setting of this machine that can be ignored"));
        scope.note(note.hint(suggestion(text, names.iter().map(String::as_str))));
    }
    paths
}
