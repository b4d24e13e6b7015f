//! A machine's disks made definite, and what cannot be said of one disk at once.

use std::collections::BTreeMap;

use super::{Scope, machine};
use crate::config::file;
use crate::desired::{Disk, Filesystem, Medium, ROOT, quantity};
use crate::id::Name;
use crate::note::Note;
use crate::value::Path;

const ROOT_SIZE: u64 = 20 * quantity::GB;
/// Words of `zpool create` that no pool can be called, by how they begin.
const NO_POOL: [&str; 5] = ["mirror", "raidz", "draid", "spare", "log"];

type Written = BTreeMap<String, file::Disk>;

/// The disks by name; the one the machine boots from under the name `root`.
pub(super) fn disks(scope: &mut Scope<'_>, mut written: Written, at: &Path) -> Option<BTreeMap<Name, Disk>> {
    let boot = boot_disk(scope, &written, at);
    written.entry(boot.clone()).or_default();
    unique(scope, &written, at);
    let n_written = written.len();
    let mut disks = BTreeMap::new();
    for (key, disk) in written {
        let at = at.join(&key);
        let name = scope.name(if key == boot { ROOT } else { &key }, &at);
        let boots = key == boot || disk.boot_partition == Some(true);
        let disk = if boots { root(scope, &disk, &at) } else { other(scope, &key, &disk, &at) };
        if let (Some(name), Some(disk)) = (name, disk) {
            disks.insert(name, disk);
        }
    }
    (disks.len() == n_written).then_some(disks)
}

/// The key of the disk that the machine boots from.
fn boot_disk(scope: &mut Scope<'_>, written: &Written, at: &Path) -> String {
    let mark = |key: &str| at.join(key).join("boot-partition");
    let mut marked = written.iter().filter(|(_, disk)| disk.boot_partition == Some(true)).map(|(key, _)| key.as_str());
    let Some(first) = marked.next() else { return ROOT.to_owned() };
    if let Some(second) = marked.next() {
        let message = format!("a machine boots from one disk: from `{first}` or from `{second}`");
        let note = Note::error(mark(second), message).also(mark(first), "boots from this one too");
        scope.note(note.hint("keep one `boot-partition: true`"));
    } else if first != ROOT && written.contains_key(ROOT) {
        let message = format!("a machine boots from one disk: from `{ROOT}` or from `{first}`");
        let note = Note::error(mark(first), message).also(at.join(ROOT), "`root` is the disk a machine boots from");
        scope.note(note.hint(format!("give `{ROOT}` another name, or say this of `{ROOT}`")));
    }
    first.to_owned()
}

/// Two disks cannot be in one place.
fn unique(scope: &mut Scope<'_>, written: &Written, at: &Path) {
    for setting in ["mount", "devicepath"] {
        let mut taken = BTreeMap::new();
        for (key, disk) in written {
            let place = if setting == "mount" { &disk.mount } else { &disk.devicepath };
            let Some(place) = place else { continue };
            if let Some(holder) = taken.insert(place, key) {
                let message = format!("`{place}` is the `{setting}` of two disks, `{holder}` and `{key}`");
                let note = Note::error(at.join(key).join(setting), message);
                scope.note(note.also(at.join(holder).join(setting), "the first of them"));
            }
        }
    }
}

fn root(scope: &mut Scope<'_>, disk: &file::Disk, at: &Path) -> Option<Disk> {
    let refused = [
        ("wipe-on-boot", disk.wipe_on_boot == Some(true), "what it boots from cannot be wiped at boot"),
        ("readonly", disk.readonly == Some(true), "a system cannot run from a disk that it cannot write to"),
        ("path", disk.path.is_some(), "write `image: { path: … }` to boot from an image file of yours"),
        ("mount", disk.mount.as_ref().is_some_and(|mount| mount != "/"), "its filesystem is at `/`"),
    ];
    for (setting, _, why) in refused.iter().filter(|(_, given, _)| *given) {
        let note = Note::error(at.join(setting), format!("the disk a machine boots from takes no `{setting}`"));
        let note = match disk.boot_partition {
            Some(true) => note.also(at.join("boot-partition"), "the machine boots from this disk"),
            _ => note,
        };
        scope.note(note.hint(*why));
    }
    let size = match &disk.allocation {
        Some(allocation) => machine::size(scope, allocation, &at.join("allocation"))?,
        None => ROOT_SIZE,
    };
    Some(Disk {
        filesystem: disk.filesystem.as_deref().and_then(Filesystem::parse),
        device_path: disk.devicepath.clone(),
        kernel_module: disk.kernel_module.clone(),
        at: at.clone(),
        ..Disk::blank(size)
    })
}

fn other(scope: &mut Scope<'_>, key: &str, disk: &file::Disk, at: &Path) -> Option<Disk> {
    let filesystem = disk.filesystem.as_deref().and_then(Filesystem::parse);
    let medium = medium(scope, key, disk, at);
    clashes(scope, disk, at);
    if let (Some(Medium::New(size)), Some(filesystem)) = (&medium, filesystem)
        && *size < filesystem.least()
    {
        let (kind, least) = (filesystem.as_str(), quantity::shown(filesystem.least()));
        let note = Note::error(at.join("allocation"), format!("`{kind}` is not made on less than {least}"));
        scope.note(note.also(at.join("filesystem"), "asked for here").hint("make the disk larger, or choose `ext4`"));
    }
    senseless(scope, key, disk, filesystem, at);
    Some(Disk {
        medium: medium?,
        filesystem,
        mount: disk.mount.clone(),
        device_path: disk.devicepath.clone(),
        kernel_module: disk.kernel_module.clone(),
        overwrite: disk.overwrite == Some(true),
        wipe_on_boot: disk.wipe_on_boot == Some(true),
        readonly: disk.readonly == Some(true) || filesystem == Some(Filesystem::Iso9660),
        at: at.clone(),
    })
}

fn medium(scope: &mut Scope<'_>, key: &str, disk: &file::Disk, at: &Path) -> Option<Medium> {
    let is_disc = disk.filesystem.as_deref() == Some(Filesystem::Iso9660.as_str());
    match (&disk.path, &disk.allocation) {
        (Some(_), Some(_)) => {
            let note = Note::error(at.join("allocation"), format!("disk `{key}` is as large as its file"));
            scope.note(note.also(at.join("path"), "the file").hint("leave `allocation` out, or `path` for a new disk"));
            None
        }
        (Some(path), None) => {
            let at = at.join("path");
            let file = scope.path(path, &at);
            if file.is_file() {
                return Some(Medium::File(file));
            }
            let note = Note::error(at, format!("no file `{path}`"));
            scope.note(note.hint(format!("looked for {}", file.display())));
            None
        }
        (None, Some(_)) if is_disc => {
            let note = Note::error(at.join("filesystem"), "an `iso9660` filesystem is not made on a new disk");
            let note = note.also(at.join("allocation"), "a new disk");
            scope.note(note.hint("name the ISO file with `path` instead of `allocation`"));
            None
        }
        (None, Some(allocation)) => machine::size(scope, allocation, &at.join("allocation")).map(Medium::New),
        (None, None) if is_disc => Some(Medium::Empty),
        (None, None) => {
            let note = Note::error(at.clone(), format!("disk `{key}` has no `allocation`")).at_key();
            scope.note(note.hint("say how large it is, `allocation: 20GB`, or name an image file with `path`"));
            None
        }
    }
}

/// Pairs of settings that exclude each other.
fn clashes(scope: &mut Scope<'_>, disk: &file::Disk, at: &Path) {
    let is = |flag: Option<bool>| flag == Some(true);
    let filesystem = |name: &str| disk.filesystem.as_deref() == Some(name);
    let (wipes, overwrites, readonly) = (is(disk.wipe_on_boot), is(disk.overwrite), is(disk.readonly));
    let table = [
        ("wipe-on-boot", "readonly", wipes && readonly, "a disk that cannot be written to cannot be wiped"),
        ("overwrite", "readonly", overwrites && readonly, "a disk that cannot be written to cannot be overwritten"),
        ("wipe-on-boot", "filesystem", wipes && filesystem("iso9660"), "an `iso9660` disk cannot be written to"),
        ("overwrite", "filesystem", overwrites && filesystem("iso9660"), "an `iso9660` disk cannot be written to"),
        (
            "readonly",
            "filesystem",
            disk.readonly == Some(false) && filesystem("iso9660"),
            "an `iso9660` disk cannot be written to",
        ),
        (
            "wipe-on-boot",
            "filesystem",
            wipes && filesystem("zfs"),
            "a zfs pool is not made anew at boot: choose `ext4`, `xfs`, `btrfs` or `vfat`",
        ),
        ("readonly", "filesystem", readonly && filesystem("swap"), "swap space is there to be written to"),
        ("mount", "filesystem", disk.mount.is_some() && filesystem("swap"), "swap space is not mounted"),
        (
            "wipe-on-boot",
            "path",
            wipes && !overwrites && disk.path.is_some(),
            "every boot would destroy what is in the file: say `overwrite: true` too if that is meant",
        ),
        (
            "mount",
            "filesystem",
            disk.mount.is_some() && disk.path.is_none() && filesystem("iso9660"),
            "there is no disc in the drive to mount: name an ISO file with `path`",
        ),
    ];
    for (one, two, _, why) in table.iter().filter(|(_, _, clash, _)| *clash) {
        let note = Note::error(at.join(one), format!("`{one}` and this `{two}` exclude each other"));
        scope.note(note.also(at.join(two), "the other").hint(*why));
    }
}

/// Settings that lack what they are about.
fn senseless(scope: &mut Scope<'_>, key: &str, disk: &file::Disk, filesystem: Option<Filesystem>, at: &Path) {
    if filesystem.is_none() {
        let needs = [
            ("mount", disk.mount.is_some(), "to mount"),
            ("overwrite", disk.overwrite == Some(true), "to make"),
            ("wipe-on-boot", disk.wipe_on_boot == Some(true), "to make anew"),
        ];
        for (setting, _, what) in needs.iter().filter(|(_, given, _)| *given) {
            let note = Note::error(at.join(setting), format!("disk `{key}` has no filesystem {what}"));
            scope.note(note.hint("add `filesystem: ext4`"));
        }
    }
    if disk.mount.as_deref() == Some("/") {
        let note = Note::error(at.join("mount"), "`/` is where the disk is mounted that the machine boots from");
        scope.note(note.hint("choose a folder, such as `/data`"));
    }
    if filesystem == Some(Filesystem::Zfs) && NO_POOL.iter().any(|word| key.starts_with(word)) {
        let note = Note::error(at.clone(), format!("a zfs pool cannot be called `{key}`")).at_key();
        scope.note(note.hint("the pool has the disk's name: choose another"));
    }
}
