//! Which attributes stand for the settings that a machine is told to ignore.

use crate::id::ResourceId;
use crate::resource::Resource;
use crate::value::Path;

/// The attributes of a resource that are left alone when its machine ignores these settings. `machine` is the resource that stands for
/// the running machine.
pub(super) fn of(resource: &dyn Resource, machine: &ResourceId, settings: &[Path]) -> Vec<Path> {
    settings.iter().filter_map(|setting| attribute(resource.id(), resource.id() == machine, setting)).collect()
}

fn attribute(id: &ResourceId, is_machine: bool, setting: &Path) -> Option<Path> {
    let keys: Vec<_> = setting.keys().iter().map(String::as_str).collect();
    let own_disk = |name: &str| id.name().split_once('.').is_some_and(|(_, disk)| disk == name);
    match keys[..] {
        ["image"] if is_machine || id.kind() == "qemu.disk" => Some(setting.clone()),
        ["ports" | "tags"] if is_machine => Some(setting.clone()),
        ["resources", name @ ("cpus" | "ram" | "nic")] if is_machine => Some(Path::parse(name)),
        ["resources", "disks", name, "allocation"] if is_machine && id.kind() == "simulated.machine" => {
            Some(Path::parse("disks").join(name))
        }
        ["resources", "disks", name, "allocation"] if id.kind() == "qemu.disk" && own_disk(name) => {
            Some(Path::parse("size"))
        }
        ["engine", "version"] if id.kind() == "engine.package" => Some(Path::parse("version")),
        ["engine", "env"] if id.kind() == "engine.daemon" => Some(Path::parse("env")),
        ["engine", name @ ("insecure-registries" | "labels" | "registry-mirrors" | "storage-driver")]
            if id.kind() == "engine.daemon" =>
        {
            Some(Path::parse("options").join(name))
        }
        ["engine", "options", ..] if id.kind() == "engine.daemon" => {
            Some(setting.keys()[1..].iter().fold(Path::root(), |path, key| path.join(key)))
        }
        _ => None,
    }
}
