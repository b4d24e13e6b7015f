//! Images on this computer: kept in the cache, and linked into the folder of each machine made from them, so that
//! the cache may be emptied at any time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dirs::Dirs;
use crate::provider::qemu::Setup;
use crate::provider::qemu::folder::{
    Folder, make_private, problem, provider_folder, read_json, remove_file, remove_tree, write_file,
};
use crate::resource::{Context, Failure};

pub(super) const DISK: &str = "disk.qcow2";
pub(super) const KERNEL: &str = "vmlinuz";
pub(super) const INITRD: &str = "initrd.img";
const META: &str = "image.json";
/// The name of [`DISK`] in a machine's folder, where `.qcow2` are the machine's own disks.
pub(super) const BASE: &str = "base.image";
const TURN: Duration = Duration::from_millis(500);

/// What is known of an image; its `image.json`, written when everything else is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::provider) struct Meta {
    /// The image's name among the resources.
    pub(in crate::provider) name: String,
    /// Where it came from, in words.
    pub(in crate::provider) source: String,
    /// Of the downloaded file.
    pub(in crate::provider) digest: Option<String>,
    /// Whether it is booted with a kernel beside it rather than by the boot loader in it.
    pub(in crate::provider) kernel: bool,
}

/// An image that is there, in the cache or in a machine's folder.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Stored {
    folder: PathBuf,
    disk: &'static str,
    pub(super) meta: Meta,
}

impl Stored {
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.join(self.disk)
    }

    /// Gives a machine its own name for the image: a second link where the file system can, a copy elsewhere.
    pub(super) fn link_into(&self, machine: &Folder) -> Result<(), Failure> {
        link(&self.disk(), &machine.file(BASE))?;
        if self.meta.kernel {
            for file in [KERNEL, INITRD] {
                link(&self.folder.join(file), &machine.file(file))?;
            }
        }
        machine.write_json(META, &self.meta)
    }
}

/// The image a machine's root disk was made from.
pub(super) fn of_machine(machine: &Folder) -> Result<Option<Meta>, Failure> {
    machine.read_json(META)
}

pub(super) fn unlink_from(machine: &Folder) -> Result<(), Failure> {
    [META, BASE, KERNEL, INITRD].iter().try_for_each(|file| machine.remove(file))
}

/// Looks in the cache for `cached`, then in the folders of this provider's machines for any image of that name.
pub(super) fn find(setup: &Setup, name: &str, cached: &str) -> Result<Option<Stored>, Failure> {
    let cached = cache(&setup.dirs).join(cached);
    if let Some(stored) = open(cached, DISK, name)? {
        return Ok(Some(stored));
    }
    let machines = provider_folder(&setup.dirs, &setup.owner, &setup.provider);
    for entry in fs::read_dir(machines).into_iter().flatten().flatten() {
        if let Some(stored) = open(entry.path(), BASE, name)? {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

fn open(folder: PathBuf, disk: &'static str, name: &str) -> Result<Option<Stored>, Failure> {
    let meta = read_json::<Meta>(&folder.join(META))?.filter(|meta| meta.name == name && folder.join(disk).exists());
    Ok(meta.map(|meta| Stored { folder, disk, meta }))
}

/// A place to make an image in, held by one process at a time. What an interrupted one left is still in it.
#[derive(Debug)]
pub(in crate::provider) struct Workshop {
    pub(in crate::provider) folder: PathBuf,
    place: PathBuf,
    _lock: File,
}

impl Workshop {
    /// Waits while another process makes the same image.
    pub(in crate::provider) async fn enter(dirs: &Dirs, name: &str, cx: &Context) -> Result<Self, Failure> {
        let cache = cache(dirs);
        make_private(&cache)?;
        let path = cache.join(format!("{name}.lock"));
        let lock = File::options().create(true).append(true).open(&path).map_err(problem(&path))?;
        while let Err(refused) = lock.try_lock() {
            if let fs::TryLockError::Error(error) = refused {
                return Err(problem(&path)(error));
            }
            cx.progress.say(format!("waiting for another process to make {name}"));
            tokio::select! {
                () = tokio::time::sleep(TURN) => {}
                () = cx.cancel.cancelled() => return Err(Failure::new(format!("stopped while waiting for {name}"))),
            }
        }
        let folder = cache.join(format!("{name}.making"));
        make_private(&folder)?;
        Ok(Self { folder, place: cache.join(name), _lock: lock })
    }

    /// Moves what was made into the cache.
    pub(in crate::provider) fn finish(self, meta: Meta) -> Result<Stored, Failure> {
        let text = serde_json::to_string_pretty(&meta).expect("plain data");
        write_file(&self.folder.join(META), text.as_bytes(), 0o600)?;
        remove_tree(&self.place)?;
        fs::rename(&self.folder, &self.place).map_err(problem(&self.place))?;
        Ok(Stored { folder: self.place, disk: DISK, meta })
    }
}

/// Where images are kept, each in a folder of its own.
pub(in crate::provider) fn cache(dirs: &Dirs) -> PathBuf {
    dirs.cache.join("images")
}

/// Put together under another name: `to` may be all that is left of the image.
fn link(from: &Path, to: &Path) -> Result<(), Failure> {
    if from == to {
        return Ok(());
    }
    let part = to.with_extension("linking");
    remove_file(&part)?;
    let linked = fs::hard_link(from, &part).or_else(|_| fs::copy(from, &part).map(drop));
    linked.and_then(|()| fs::rename(&part, to)).map_err(|error: io::Error| problem(to)(error))?;
    // Renaming one name of a file to another name of the same file leaves both.
    remove_file(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_be_linked_onto_itself_and_again() {
        let home = tempfile::TempDir::new().unwrap();
        let (image, own) = (home.path().join(DISK), home.path().join(BASE));
        fs::write(&image, "disk").unwrap();
        for from in [&image, &own, &image] {
            link(from, &own).unwrap();
            assert_eq!(fs::read_to_string(&own).unwrap(), "disk");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
    }
}
